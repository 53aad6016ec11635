//! Turning many updates into one. One rule per file.

mod bulyan;
mod centered_clipping;
mod cohort;
mod columns;
mod combination;
mod distances;
mod geometric_median;
mod krum;
mod mean;
mod median;
mod network;
mod norm_bounded_mean;
mod precise;
mod prefetch;
mod registers;
mod trimmed_mean;

pub(crate) use cohort::{NUM_BYZANTINE, count};
pub(crate) use distances::Distances;
pub use mean::Mean;

use tacit_core::registry::Entry;

/// Every aggregator.
pub const ENTRIES: &[Entry] = &[
    mean::ENTRY,
    krum::KRUM,
    krum::MULTI_KRUM,
    trimmed_mean::ENTRY,
    median::ENTRY,
    geometric_median::ENTRY,
    bulyan::ENTRY,
    centered_clipping::ENTRY,
    norm_bounded_mean::ENTRY,
];

#[cfg(test)]
mod breakdown;
#[cfg(test)]
pub(crate) mod laws;
#[cfg(test)]
mod vectors;
