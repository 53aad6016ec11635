//! Plain mathematics on vectors: trainers, data, compression, mixing, aggregation,
//! strategies. One rule per file.

pub mod aggregate;
pub mod compress;
pub mod data;
pub mod federation;
pub mod mix;
pub mod strategy;
pub mod train;

use tacit_core::registry::{Entry, Registry};

/// What this room adds to a registry.
pub const ROOMS: [&[Entry]; 5] =
    [aggregate::ENTRIES, compress::ENTRIES, mix::ENTRIES, strategy::ENTRIES, train::TRAINERS];

/// The rules of this room and those that do nothing.
pub fn registry() -> Result<Registry, tacit_core::error::Error> {
    Registry::new(&[&[tacit_core::plain::ENTRIES][..], &ROOMS].concat())
}
