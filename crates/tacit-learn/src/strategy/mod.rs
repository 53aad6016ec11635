//! The server's optimiser: what it does with a released aggregate. One rule per file.

mod adaptive;
mod fedadagrad;
mod fedadam;
mod fedavg;
mod fedprox;
mod fedyogi;
#[cfg(test)]
mod laws;
mod scaffold;

pub use fedadagrad::FedAdagrad;
pub use fedadam::FedAdam;
pub use fedavg::FedAvg;
pub use fedprox::FedProx;
pub use fedyogi::FedYogi;
pub use scaffold::Scaffold;

use tacit_core::registry::Entry;

/// Every strategy.
pub const ENTRIES: &[Entry] = &[
    fedadagrad::ENTRY,
    fedadam::ENTRY,
    fedavg::ENTRY,
    fedprox::ENTRY,
    fedyogi::ENTRY,
    scaffold::ENTRY,
];
