//! DESC-learn
