//! Turning many updates into one. One rule per file.

mod mean;

pub use mean::Mean;

use tacit_core::registry::Entry;

/// Every aggregator.
pub const ENTRIES: &[Entry] = &[mean::ENTRY];

#[cfg(test)]
mod laws;
