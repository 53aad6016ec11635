//! DESC-node
