//! Proofs of good conduct: that a gradient is the gradient of committed data, that values lie
//! within bounds, and the ceremony that makes the keys of the former.
//!
//! No input, output, clock or randomness of its own: entropy is handed in.

pub mod ceremony;
pub mod curve;
pub mod gradient;
pub mod groth16;
pub mod pedersen;
pub mod poseidon;
pub mod r1cs;
pub mod range;
mod sections;
#[cfg(test)]
mod testing;
pub mod transcript;

use tacit_core::registry::Entry;

/// What this room adds to a registry.
pub const ROOMS: [&[Entry]; 2] = [gradient::ENTRIES, &[range::rule::ENTRY]];
