//! How updates travel in fewer bytes: the stages that a plan's `compression` chains. One rule per
//! file.

mod adaptive;
mod entropy;
mod kept;
mod lloyd_max;
mod quantise;
mod random_k;
mod rotate;
mod top_k;

use tacit_core::registry::Entry;

/// Every stage, in the order in which they can follow each other.
pub const ENTRIES: &[Entry] =
    &[top_k::ENTRY, random_k::ENTRY, rotate::ENTRY, quantise::ENTRY, entropy::ENTRY];

#[cfg(test)]
mod laws;
#[cfg(test)]
mod vectors;
