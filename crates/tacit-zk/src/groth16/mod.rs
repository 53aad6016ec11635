//! Groth16 (Groth 2016, section 3.2) over keys that come out of a [ceremony](crate::ceremony).

mod batch;
#[cfg(test)]
mod insane;
pub mod json;
mod key;
mod prove;
mod qap;
mod store;
mod testing;

pub use batch::{Instance, verify_all};
pub use key::{ProvingKey, VerifyingKey, head_for_tests};
pub use prove::{Keyed, prove, read_proof, verify, write_proof};
pub(crate) use prove::{fits, wires};
pub(crate) use qap::domain;
pub use store::{read_proving_key, write_proving_key};
pub use testing::setup_for_tests;
