//! Rank-one constraint systems: what a circuit is compiled to.

pub mod builder;
mod file;
pub mod gadgets;
mod shape;
mod system;
pub mod trace;
mod witness;

pub use file::Circuit;
pub use file::Over;
pub use shape::{Linear, Shape};
pub(crate) use system::evaluate;
#[cfg(test)]
pub(crate) use system::tests;
pub use system::{Combination, R1cs};
pub use trace::Trace;
pub use witness::{read_witness, write_witness};
