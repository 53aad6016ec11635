//! DESC-audit
