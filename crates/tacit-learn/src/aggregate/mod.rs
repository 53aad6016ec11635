//! Turning many updates into one. One rule per file.

mod cohort;
mod combination;
mod distances;
mod krum;
mod mean;

pub use mean::Mean;

use tacit_core::registry::Entry;

/// Every aggregator.
pub const ENTRIES: &[Entry] = &[mean::ENTRY, krum::KRUM, krum::MULTI_KRUM];

#[cfg(test)]
mod laws;
