//! The report of a run: one HTML file that needs nothing else, the same figures as JSON, and a
//! table for the terminal.
//!
//! Everything that comes from a plan or a participant is escaped; the page holds no script and
//! names no other resource. It is well-formed XML too, so that tests can take it apart.

pub mod attack;
mod chart;
mod charts;
pub mod compare;
mod figures;
mod json;
mod page;
mod proofs;
mod rounds;
mod sample;
mod table;
mod targets;
mod terminal;
mod text;

pub use text::escape;

#[cfg(test)]
mod tests;

pub use json::json;
pub use page::html;
pub use terminal::summary_table;

use tacit_core::digest::Digest;
use tacit_core::history::RoundReport;
use tacit_core::plan::Plan;

/// What a report is made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The plan of the run.
    pub plan: &'a Plan,
    /// Its rounds, in order.
    pub history: &'a [RoundReport],
    /// The state of the transparency log when the run ended.
    pub audit: &'a AuditFacts,
    /// Digest of the final model.
    pub model_digest: Digest,
    /// When the run started, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// When it ended, in milliseconds since the Unix epoch.
    pub finished_ms: u64,
    /// Why it ended, as a clause without a full stop: `every round was run`.
    pub finish: &'a str,
    /// Processor and number of cores of the coordinator's machine.
    pub machine: &'a str,
    /// Version of tacit.
    pub version: &'a str,
    /// Commit it was built from; may be empty.
    pub commit: &'a str,
}

/// A state of the transparency log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFacts {
    /// Name of the log.
    pub origin: String,
    /// Number of entries.
    pub size: u64,
    /// Merkle tree head.
    pub root: Digest,
    /// The signed checkpoint as it is published.
    pub checkpoint: String,
}
