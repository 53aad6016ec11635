//! DESC-learn

pub mod data;
pub mod train;
