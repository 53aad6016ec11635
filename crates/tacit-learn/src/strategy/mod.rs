//! The server's optimiser: what it does with a released aggregate. One rule per file.

mod fedavg;

pub use fedavg::FedAvg;

use tacit_core::registry::Entry;

/// Every strategy.
pub const ENTRIES: &[Entry] = &[fedavg::ENTRY];
