//! RFC 6962 tree: the hashes a log keeps in memory, proofs, and their verification. The tree
//! mathematics is `tlog_tiles`'; this file bounds what reaches it.

use crate::error::AuditError;
use tacit_core::digest::Digest;
use tacit_core::messages::Checkpoint;
use tlog_tiles::{Hash, HashReader, Tile};

/// Height of a tile: 256 hashes, as C2SP tlog-tiles fixes it.
pub(crate) const TILE_HEIGHT: u8 = 8;
/// Hashes in a full tile, entries in a full bundle.
pub(crate) const TILE_WIDTH: u64 = 256;
/// Entries of one log. Far above any run; keeps the tile mathematics away from overflow.
pub(crate) const LOG_ENTRIES: u64 = 1 << 40;
/// Hashes in a proof: a tree of 2⁶⁴ entries has 64 levels, and a consistency proof one more.
pub(crate) const PROOF_HASHES: usize = 65;

/// RFC 6962 leaf hash: SHA-256(0x00 ‖ leaf).
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    Digest(tlog_tiles::record_hash(leaf).0)
}

/// That one entry is in a tree.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InclusionProof {
    /// Position of the entry, from 0.
    pub index: u64,
    /// Entries in the tree.
    pub size: u64,
    /// RFC 6962 audit path, from the leaf up.
    pub hashes: Vec<Digest>,
}

/// That one tree extends another.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    /// Entries in the older tree.
    pub old: u64,
    /// Entries in the newer tree.
    pub new: u64,
    /// RFC 6962 consistency proof; empty when the older tree is empty.
    pub hashes: Vec<Digest>,
}

/// Verifies that `leaf` (its [`leaf_hash`]) is in the tree of `checkpoint` where the proof says.
pub fn verify_inclusion(
    leaf: Digest,
    proof: &InclusionProof,
    checkpoint: &Checkpoint,
) -> Result<(), AuditError> {
    let fail = || AuditError::Proof { what: "inclusion", size: checkpoint.size };
    if proof.size != checkpoint.size || proof.size > LOG_ENTRIES || proof.index >= proof.size {
        return Err(fail());
    }
    let hashes = to_hashes(&proof.hashes).ok_or_else(fail)?;
    let (root, leaf) = (Hash(checkpoint.root.0), Hash(leaf.0));
    tlog_tiles::check_record(&hashes, proof.size, root, proof.index, leaf).map_err(|_| fail())
}

/// Verifies that the tree of `new` extends the tree of `old`. Every tree extends the empty one.
pub fn verify_consistency(
    old: &Checkpoint,
    new: &Checkpoint,
    hashes: &[Digest],
) -> Result<(), AuditError> {
    let fail = || AuditError::Proof { what: "consistency", size: new.size };
    if old.size > new.size || new.size > LOG_ENTRIES {
        return Err(fail());
    }
    for checkpoint in [old, new] {
        if checkpoint.size == 0 && checkpoint.root != empty_root() {
            return Err(fail());
        }
    }
    if old.size == 0 {
        return if hashes.is_empty() { Ok(()) } else { Err(fail()) };
    }
    let hashes = to_hashes(hashes).ok_or_else(fail)?;
    let (old_root, new_root) = (Hash(old.root.0), Hash(new.root.0));
    tlog_tiles::check_tree(&hashes, new.size, new_root, old.size, old_root).map_err(|_| fail())
}

/// Root of the tree without entries: SHA-256 of nothing.
pub(crate) fn empty_root() -> Digest {
    Digest(tlog_tiles::EMPTY_HASH.0)
}

fn to_hashes(digests: &[Digest]) -> Option<Vec<Hash>> {
    (digests.len() <= PROOF_HASHES).then(|| digests.iter().map(|d| Hash(d.0)).collect())
}

/// The hashes of a whole tree at tile boundaries: level `l` holds the roots of all complete
/// subtrees of 256ˡ entries. 32 bytes per entry and a little.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// Entries.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |level| level.len() as u64)
    }

    /// The leaf hashes.
    pub fn leaves(&self) -> &[Hash] {
        self.levels.first().map_or(&[], Vec::as_slice)
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let row = &mut self.levels[level];
            row.push(hash);
            if !row.len().is_multiple_of(TILE_WIDTH as usize) {
                break;
            }
            hash = subtree(&row[row.len() - TILE_WIDTH as usize..]);
        }
    }

    /// Forgets all but the first `size` entries.
    pub fn truncate(&mut self, size: u64) {
        let mut keep = size;
        for level in &mut self.levels {
            level.truncate(usize::try_from(keep).unwrap_or(usize::MAX));
            keep >>= TILE_HEIGHT;
        }
    }

    /// Contents of a tile: its hashes, one after the other. `None` beyond the tree.
    pub fn tile(&self, level: u8, number: u64, width: u64) -> Option<Vec<u8>> {
        let start = usize::try_from(number.checked_mul(TILE_WIDTH)?).ok()?;
        let end = start.checked_add(usize::try_from(width).ok()?)?;
        let hashes = self.levels.get(usize::from(level))?.get(start..end)?;
        Some(hashes.iter().flat_map(|hash| hash.0).collect())
    }

    /// Root of the first `size` entries.
    pub fn root(&self, size: u64) -> Result<Digest, AuditError> {
        self.within(size)?;
        let root = tlog_tiles::tree_hash(size, self).map_err(bad_math)?;
        Ok(Digest(root.0))
    }

    /// Audit path of an entry in the first `size` entries.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<InclusionProof, AuditError> {
        self.within(size)?;
        if index >= size {
            return Err(AuditError::OutOfRange { index, size });
        }
        let hashes = tlog_tiles::prove_record(size, index, self).map_err(bad_math)?;
        Ok(InclusionProof { index, size, hashes: hashes.iter().map(|h| Digest(h.0)).collect() })
    }

    /// That the first `new` entries extend the first `old`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<ConsistencyProof, AuditError> {
        self.within(new)?;
        if old > new {
            return Err(AuditError::OutOfRange { index: old, size: new });
        }
        let hashes = match old {
            0 => Vec::new(),
            _ => tlog_tiles::prove_tree(new, old, self).map_err(bad_math)?,
        };
        Ok(ConsistencyProof { old, new, hashes: hashes.iter().map(|h| Digest(h.0)).collect() })
    }

    fn within(&self, size: u64) -> Result<(), AuditError> {
        if size > self.size() {
            return Err(AuditError::OutOfRange { index: size, size: self.size() });
        }
        Ok(())
    }

    fn hash_at(&self, index: u64) -> Option<Hash> {
        let (level, number) = tlog_tiles::split_stored_hash_index(index);
        let (row, below) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        let start = usize::try_from(number << below).ok()?;
        let row = self.levels.get(usize::from(row))?;
        Some(subtree(row.get(start..start + (1 << below))?))
    }
}

impl HashReader for Tree {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let hash = |index: &u64| self.hash_at(*index).ok_or(tlog_tiles::Error::IndexesNotInTree);
        indexes.iter().map(hash).collect()
    }
}

/// Root of a complete subtree over 1, 2, 4 … 256 hashes.
fn subtree(hashes: &[Hash]) -> Hash {
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
    Tile::subtree_hash(&bytes)
}

fn bad_math(error: tlog_tiles::Error) -> AuditError {
    AuditError::malformed("tree", error.to_string())
}
