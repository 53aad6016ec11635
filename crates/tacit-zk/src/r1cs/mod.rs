//! Rank-one constraint systems: what a circuit is compiled to.

mod file;
mod system;

pub use file::Circuit;
pub use file::Over;
pub(crate) use system::evaluate;
#[cfg(test)]
pub(crate) use system::tests;
pub use system::{Combination, R1cs};
