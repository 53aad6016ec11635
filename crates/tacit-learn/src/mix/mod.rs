//! Mixing updates before a robust rule aggregates them. One rule per file.

mod bucketing;
mod nearest_neighbour_mixing;

use tacit_core::registry::Entry;

/// Every rule that mixes.
pub const ENTRIES: &[Entry] = &[bucketing::ENTRY, nearest_neighbour_mixing::ENTRY];

#[cfg(test)]
mod laws;
