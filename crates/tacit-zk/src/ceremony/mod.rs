//! The ceremony that makes a circuit's keys.

mod blake;
mod derive;
pub mod hex;
mod knowledge;
mod phase1;
mod phase2;
mod points;
mod prepare;
mod ptau;
mod ratio;
mod record;
mod share;
mod signer;
mod state;
mod stir;
#[cfg(test)]
mod tests;
mod zkey;

pub use record::{By, Opening, Phase, Record, Transcript};
pub use share::Beacon;
pub use signer::Signer;
pub use state::{Contributor, State};
pub use stir::Stirred;
