//! Proofs that an update is the gradient of committed data at the round's model.

pub mod arithmetic;
pub mod circuit;
pub mod commit;
pub mod encode;
mod prove;
pub mod spec;
pub mod terms;
mod trainer;
mod verify;

pub use prove::{Prover, prove_gradient_correctness};
pub use trainer::{LINEAR, LOGISTIC};
pub use verify::{Verifier, verify_gradient_proof};

#[cfg(test)]
mod tests;
