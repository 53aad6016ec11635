//! Secure aggregation: a sum of updates of which nobody sees one.
//!
//! No input, output, clock or randomness of its own: entropy is handed in.

pub mod graph;
pub mod keys;
pub mod mask;
pub mod ring;
