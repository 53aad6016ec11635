//! The transparency log of a federation: every step leaves a record that anyone can check offline.
#![forbid(unsafe_code)]

mod aepiot;
mod chain;
mod checkpoint;
#[cfg(test)]
mod crash;
mod entropy;
mod error;
mod files;
mod key;
mod layout;
mod log;
mod proof;
mod publish;
mod record;
mod recorder;
mod report;
mod round_record;
mod tree;
mod verify;
mod witness;

pub use aepiot::{
    AepiotServices, BacklinkRequest, BacklinkService, DEFAULT_BASE, RandomSubdomain, Receipt,
    SharedLog, backlink_url,
};
pub use checkpoint::{CHECKPOINT_BYTES, SignedCheckpoint, verify_checkpoint};
pub use entropy::OsEntropy;
pub use error::AuditError;
pub use key::{Role, SignerKey, VerifierKey};
pub use layout::ENTRY_BYTES;
pub use log::Log;
pub use proof::{Proven, prove, records, verify_proof};
pub use publish::{PublishPolicy, PublishRefusal};
pub use record::{Record, scheme};
pub use recorder::{End, Recorder, filed_witnesses, replay};
pub use report::{ModelCheck, Report};
pub use round_record::{Body, PlanRecord, RoundRecord, RunEndRecord, Spent};
pub use tree::{ConsistencyProof, InclusionProof, leaf_hash, verify_consistency, verify_inclusion};
pub use verify::{
    Checks, ModelDigest, PlanDigest, Replay, ReplayFacts, round_log_path, verify_dir,
};
pub use witness::Witness;
