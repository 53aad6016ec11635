//! The transparency log of a federation: every step leaves a record that anyone can check offline.
#![forbid(unsafe_code)]

mod aepiot;
mod checkpoint;
mod entropy;
mod error;
mod files;
mod key;
mod layout;
mod log;
mod publish;
mod record;
mod tree;
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
pub use publish::{PublishPolicy, PublishRefusal};
pub use record::{Record, scheme};
pub use tree::{ConsistencyProof, InclusionProof, leaf_hash, verify_consistency, verify_inclusion};
pub use witness::Witness;
