//! One record with everything needed to check it, in one JSON file.

use crate::checkpoint::{CHECKPOINT_BYTES, verify_checkpoint};
use crate::error::AuditError;
use crate::files::Folder;
use crate::key::VerifierKey;
use crate::layout::{self, ENTRY_BYTES, Place};
use crate::log::{read, read_checkpoint, read_entry, read_key};
use crate::record::Record;
use crate::tree::{InclusionProof, TILE_WIDTH, Tree, leaf_hash, verify_inclusion};
use std::path::Path;
use tacit_core::codec;
use tacit_core::messages::Checkpoint;
use tlog_tiles::Hash;

/// A proof file in bytes: entry and checkpoint escaped as JSON, and 64 hashes.
const PROOF_BYTES: usize = 6 * (ENTRY_BYTES + CHECKPOINT_BYTES) + 8192;
const FORMAT: &str = "tacit-proof/v1";

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofFile {
    /// [`FORMAT`].
    format: String,
    /// The entry: a record's canonical bytes.
    leaf: String,
    /// Its place in the tree.
    inclusion: InclusionProof,
    /// The signed checkpoint.
    checkpoint: String,
}

/// A record that is in a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Proven {
    /// Position in the log, from 0.
    pub index: u64,
    /// The log's state that the proof is for.
    pub checkpoint: Checkpoint,
    /// What the entry says.
    pub record: Record,
}

/// Every record of a run's log, in order, each checked against the signed root. Without a key
/// from elsewhere this proves only that the folder agrees with itself.
pub fn records(dir: &Path) -> Result<Vec<Record>, AuditError> {
    let files = Folder(dir.join("log"));
    let signed = read_checkpoint(&files, &read_key(&files, None)?)?;
    let Checkpoint { size, root } = signed.checkpoint;
    let mut tree = Tree::default();
    let mut records = Vec::new();
    for number in 0..size.div_ceil(TILE_WIDTH) {
        let width = (size - number * TILE_WIDTH).min(TILE_WIDTH);
        let path = Place { level: None, number, width }.path();
        let bytes = read(&files, &path, layout::BUNDLE_BYTES)?;
        for entry in layout::entries(&path, &bytes, width)? {
            records.push(Record::from_leaf(&format!("entry {}", records.len()), entry)?);
            tree.push(tlog_tiles::record_hash(entry));
        }
    }
    let found = tree.root(size)?;
    if found != root {
        return Err(AuditError::mismatch("checkpoint", "root of the entries", root, found));
    }
    Ok(records)
}

/// Proves that entry `index` is in the log of a run's folder: a JSON file for [`verify_proof`].
pub fn prove(dir: &Path, index: u64) -> Result<Vec<u8>, AuditError> {
    let files = Folder(dir.join("log"));
    let signed = read_checkpoint(&files, &read_key(&files, None)?)?;
    let Checkpoint { size, root } = signed.checkpoint;
    if index >= size {
        return Err(AuditError::OutOfRange { index, size });
    }
    let mut tree = Tree::default();
    for number in 0..size.div_ceil(TILE_WIDTH) {
        let width = (size - number * TILE_WIDTH).min(TILE_WIDTH);
        let path = Place { level: Some(0), number, width }.path();
        let bytes = read(&files, &path, layout::TILE_BYTES)?;
        bytes.as_chunks::<32>().0.iter().for_each(|hash| tree.push(Hash(*hash)));
    }
    if tree.size() != size || tree.root(size)? != root {
        return Err(AuditError::mismatch(
            "tile/0",
            "root of the tiles",
            root,
            tree.root(tree.size())?,
        ));
    }
    let entry = read_entry(&files, index, size)?;
    let place = format!("entry {index}");
    let inclusion = tree.inclusion(index, size)?;
    verify_inclusion(leaf_hash(&entry), &inclusion, &signed.checkpoint)?;
    let text = |bytes, what: &str| {
        String::from_utf8(bytes).map_err(|_| AuditError::malformed(&place, what))
    };
    let (leaf, checkpoint) = (text(entry, "UTF-8")?, text(signed.to_bytes(), "checkpoint")?);
    Ok(codec::encode(&ProofFile { format: FORMAT.into(), leaf, inclusion, checkpoint }))
}

/// Verifies a file that [`prove`] made, offline, under the log's key.
pub fn verify_proof(json: &[u8], key: &VerifierKey) -> Result<Proven, AuditError> {
    let malformed = |_| AuditError::malformed("proof", "proof file");
    let file: ProofFile = codec::decode("proof", json, PROOF_BYTES).map_err(malformed)?;
    if file.format != FORMAT {
        return Err(AuditError::mismatch("proof", "format", FORMAT, file.format));
    }
    let checkpoint = verify_checkpoint(file.checkpoint.as_bytes(), key)?.checkpoint;
    verify_inclusion(leaf_hash(file.leaf.as_bytes()), &file.inclusion, &checkpoint)?;
    let record = Record::from_leaf("proof", file.leaf.as_bytes())?;
    Ok(Proven { index: file.inclusion.index, checkpoint, record })
}
