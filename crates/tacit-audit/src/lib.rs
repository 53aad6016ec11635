//! The transparency log of a federation: every step leaves a record that anyone can check offline.
//!
//! A [`Log`] is an RFC 6962 Merkle tree in a folder of C2SP tlog-tiles files. Its state is a signed
//! [`SignedCheckpoint`]; a [`Witness`] co-signs it and raises [`AuditError::Split`] when it is
//! shown two histories. A [`Recorder`] writes what a run must leave behind, [`verify_dir`] audits
//! it, and [`prove`] takes one record out with everything needed to check it.
//!
//! # What is proved, and what is not
//!
//! - A tree proves that nothing was changed, left out or reordered *within the history shown*. That
//!   nobody was shown another history is what witnesses are for.
//! - A log verified under the key that lies beside it agrees with itself, no more. Have the key
//!   from elsewhere.
//! - An aéPiot URL ([`backlink_url`]) proves nothing, and everything in it is public. A random
//!   subdomain is a name and need not resolve. The inclusion proof in the [`Receipt`] is what
//!   counts. Nothing is sent anywhere: a [`PublishPolicy`] is off unless an operator turns it on.
//!
//! ```
//! use tacit_audit::{Log, OsEntropy, Role, SignerKey};
//! use tacit_audit::{leaf_hash, verify_checkpoint, verify_inclusion};
//!
//! # let folder = tempfile::tempdir()?;
//! let key = SignerKey::generate("tacit.local/demo", Role::Log, &mut OsEntropy)?;
//! let mut log = Log::create(folder.path(), key)?;
//! let index = log.append(b"a record")?;
//! let proof = log.inclusion_proof(index, log.size())?;
//!
//! // Elsewhere, later, with the log's public key:
//! let signed = verify_checkpoint(&log.checkpoint().to_bytes(), log.verifier())?;
//! verify_inclusion(leaf_hash(b"a record"), &proof, &signed.checkpoint)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod aepiot;
mod chain;
mod checkpoint;
#[cfg(test)]
mod crash;
mod entropy;
mod error;
mod evidence;
mod files;
mod key;
mod layout;
mod ledger;
mod log;
mod proof;
mod publish;
mod record;
mod recorder;
mod replay;
mod report;
mod round_record;
mod tree;
mod verify;
mod witness;

pub use aepiot::{
    AepiotServices, BacklinkRequest, BacklinkService, DEFAULT_BASE, RandomSubdomain, Receipt,
    SharedLog, backlink_url,
};
pub use checkpoint::{
    CHECKPOINT_BYTES, CHECKPOINT_SIGNATURES, SignedCheckpoint, verify_checkpoint,
};
pub use entropy::OsEntropy;
pub use error::AuditError;
pub use evidence::{Evidence, Verified};
pub use key::{Role, SignerKey, VerifierKey};
pub use layout::ENTRY_BYTES;
pub use ledger::SpendLedger;
pub use log::Log;
pub use proof::{Proven, prove, records, verify_proof};
pub use publish::{PublishPolicy, PublishRefusal};
pub use record::{Record, scheme};
pub use recorder::{End, Recorder, draws_commitment, filed_witnesses, signer};
pub use replay::Replayer;
pub use report::{ModelCheck, Report};
pub use round_record::{Body, PlanRecord, RoundRecord, RunEndRecord, Spent};
pub use tree::{ConsistencyProof, InclusionProof, leaf_hash, verify_consistency, verify_inclusion};
pub use verify::{
    Checks, ModelDigest, PlanDigest, Replay, ReplayFacts, round_log_path, verify_dir,
};
pub use witness::Witness;
