//! Plain mathematics on vectors: trainers, data, compression, mixing, aggregation,
//! strategies. One rule per file.

pub mod aggregate;
pub mod compress;
pub mod data;
pub mod federation;
pub mod mix;
pub mod strategy;
pub mod train;

use tacit_core::registry::Registry;

/// Every rule of this build's learning rooms and the rules that do nothing.
pub fn registry() -> Result<Registry, tacit_core::error::Error> {
    Registry::new(&[
        tacit_core::plain::ENTRIES,
        aggregate::ENTRIES,
        compress::ENTRIES,
        mix::ENTRIES,
        strategy::ENTRIES,
        train::TRAINERS,
    ])
}
