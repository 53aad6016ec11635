//! Proofs that an update is the gradient of committed data at the round's model.

pub mod arithmetic;
pub mod circuit;
pub mod commit;
pub mod encode;
mod fixture;
pub mod measure;
mod provable;
mod prove;
mod rule;
pub mod spec;
pub mod terms;
mod trainer;
mod verify;

pub use fixture::KeysForTests;
pub use prove::{Prover, prove_gradient_correctness};
pub use rule::{ENTRY, check_ceremony, circuit_of};
pub use trainer::{LINEAR, LOGISTIC};
pub use verify::{Verifier, verify_gradient_proof};

use tacit_core::registry::Entry;

/// The trainers that can be proved, and the rule that proves them.
pub const ENTRIES: &[Entry] = &[LINEAR, LOGISTIC, ENTRY];

#[cfg(test)]
mod tests;
