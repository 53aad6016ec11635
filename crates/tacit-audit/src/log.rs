//! The log: an RFC 6962 tree in a folder of C2SP tlog-tiles files, append-only and crash-safe.
//!
//! # Order of writing
//!
//! Every file is replaced as a whole (temporary file, fsync, rename, fsync of the folder), in this
//! order: entry bundles; the last of them together with the tiles; the checkpoint; only then are
//! the partial files of the former size removed. So a crash leaves either the former log with some
//! files beyond it, or the new one.
//! [`Log::open`] adopts whole entries beyond the checkpoint, in order, and signs them: an entry
//! that reached the disk is never taken back, even where the checkpoint was lost and restored
//! from an older copy.

use crate::checkpoint::{self, CHECKPOINT_BYTES, SignedCheckpoint, verify_checkpoint};
use crate::error::AuditError;
use crate::files::{Files, Folder, Unsynced};
use crate::key::{Role, SignerKey, VerifierKey};
use crate::layout::{self, Place};
use crate::tree::{ConsistencyProof, InclusionProof, LOG_ENTRIES, TILE_WIDTH, Tree, leaf_hash};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::Path;
use tacit_core::digest::Digest;
use tacit_core::messages::Checkpoint;
use tlog_tiles::Hash;

/// A log open for writing. Keeps the tree's hashes (32 bytes per entry) in memory.
pub struct Log {
    files: Box<dyn Files>,
    signer: SignerKey,
    tree: Tree,
    /// The entry bundle that is not full, as it lies on disk.
    bundle: Vec<u8>,
    signed: SignedCheckpoint,
    /// First index of every leaf, built when first asked for.
    index: Option<HashMap<[u8; 32], u64>>,
    broken: bool,
    /// Whether cosignatures are in memory only.
    unkept: bool,
    _lock: Option<File>,
}

impl Log {
    /// Begins a log without entries in `folder`, which it creates. Fails where one exists.
    pub fn create(folder: &Path, signer: SignerKey) -> Result<Self, AuditError> {
        let lock = lock(folder)?;
        let mut log = Self::create_in(Box::new(Folder(folder.to_owned())), signer)?;
        log._lock = Some(lock);
        Ok(log)
    }

    /// Begins the log of a simulation, where there is none: nothing of it is waited for on the
    /// disk.
    pub(crate) fn simulated(folder: &Path, signer: SignerKey) -> Result<Self, AuditError> {
        if folder.join(layout::CHECKPOINT).exists() {
            return Self::open(folder, signer);
        }
        let lock = lock(folder)?;
        let mut log = Self::create_in(Box::new(Unsynced(Folder(folder.to_owned()))), signer)?;
        log._lock = Some(lock);
        Ok(log)
    }

    /// Opens the log in `folder`, finishing what a crash interrupted. `signer` must be its key.
    pub fn open(folder: &Path, signer: SignerKey) -> Result<Self, AuditError> {
        let lock = lock(folder)?;
        let mut log = Self::open_in(Box::new(Folder(folder.to_owned())), signer)?;
        log._lock = Some(lock);
        Ok(log)
    }

    /// Opens the log in `folder`, or begins one where there is none.
    pub fn open_or_create(folder: &Path, signer: SignerKey) -> Result<Self, AuditError> {
        match folder.join(layout::CHECKPOINT).exists() {
            true => Self::open(folder, signer),
            false => Self::create(folder, signer),
        }
    }

    pub(crate) fn create_in(files: Box<dyn Files>, signer: SignerKey) -> Result<Self, AuditError> {
        if signer.verifier().role() != Role::Log {
            return Err(AuditError::Key { why: "a witness' key cannot sign a log" });
        }
        let read = |path| files.read(path, CHECKPOINT_BYTES as u64).map_err(reading(path));
        let old = files.list(layout::TILES, false).map_err(reading(layout::TILES))?;
        if read(layout::CHECKPOINT)?.is_some() || !old.is_empty() {
            return Err(AuditError::Argument {
                what: "folder of a new log",
                expected: "no log",
                found: "a log".into(),
            });
        }
        let empty = Checkpoint { size: 0, root: crate::tree::empty_root() };
        let note = checkpoint::sign(&signer, &empty)?;
        let key = format!("{}\n", signer.verifier());
        write(&*files, layout::VERIFIER_KEY, key.as_bytes())?;
        write(&*files, layout::CHECKPOINT, &note)?;
        let signed = verify_checkpoint(&note, signer.verifier())?;
        let (tree, bundle) = (Tree::default(), Vec::new());
        Ok(Self {
            files,
            signer,
            tree,
            bundle,
            signed,
            index: None,
            broken: false,
            unkept: false,
            _lock: None,
        })
    }

    pub(crate) fn open_in(files: Box<dyn Files>, signer: SignerKey) -> Result<Self, AuditError> {
        read_key(&*files, Some(signer.verifier()))?;
        let signed = read_checkpoint(&*files, signer.verifier())?;
        let on_disk = files.list(layout::TILES, true).map_err(reading(layout::TILES))?;
        let on_disk: BTreeSet<Place> = on_disk.iter().filter_map(|p| Place::parse(p)).collect();
        let (tree, bundle) = recover(&*files, &on_disk, &signed.checkpoint)?;
        let former = signed.checkpoint.size;
        let (index, broken, unkept) = (None, false, false);
        let mut log =
            Self { files, signer, tree, bundle, signed, index, broken, unkept, _lock: None };
        let size = log.tree.size();
        for place in Place::needed(0, size).filter(|place| !on_disk.contains(place)) {
            // The bundles are where the tree was read from: only tiles can be missing.
            if let Some(level) = place.level {
                write(&*log.files, &place.path(), &log.tile(level, &place)?)?;
            }
        }
        if size > former {
            log.publish()?;
        }
        let mut stale = on_disk.iter().filter(|place| !place.is_needed(size));
        stale.try_for_each(|place| log.remove(place))?;
        Ok(log)
    }

    /// Appends one leaf of at most [`layout::ENTRY_BYTES`](crate::ENTRY_BYTES); its index.
    /// Durable and signed when it returns.
    pub fn append(&mut self, leaf: &[u8]) -> Result<u64, AuditError> {
        self.append_all(&[leaf])
    }

    /// Appends several leaves under one checkpoint; the index of the first. Durable and signed
    /// when it returns; after a crash before that, the first few may be in the log.
    pub fn append_all(&mut self, leaves: &[&[u8]]) -> Result<u64, AuditError> {
        if self.broken {
            return Err(AuditError::Broken);
        }
        let former = self.size();
        if leaves.is_empty() {
            return Ok(former);
        }
        if leaves.len() as u64 > LOG_ENTRIES - former {
            return Err(AuditError::OutOfRange { index: former, size: LOG_ENTRIES });
        }
        // Nothing is written before every leaf is known to fit.
        let bundles = self.bundles(leaves)?;
        leaves.iter().for_each(|leaf| self.tree.push(tlog_tiles::record_hash(leaf)));
        if let Err(error) = self.write(former, &bundles) {
            self.broken = true;
            self.tree.truncate(self.size());
            return Err(error);
        }
        if let Some((place, bytes)) = bundles.into_iter().next_back() {
            self.bundle = if place.width < TILE_WIDTH { bytes } else { Vec::new() };
        }
        if let Some(index) = &mut self.index {
            for (at, hash) in (former..).zip(&self.tree.leaves()[former as usize..]) {
                index.entry(hash.0).or_insert(at);
            }
        }
        Ok(former)
    }

    /// Index of `leaf`: where it already is, or where it is appended. What a coordinator calls
    /// when it resumes and cannot know whether it crashed before or after appending.
    pub fn append_once(&mut self, leaf: &[u8]) -> Result<u64, AuditError> {
        match self.find(leaf) {
            Some(index) => Ok(index),
            None => self.append(leaf),
        }
    }

    /// First index of an identical leaf.
    pub fn find(&mut self, leaf: &[u8]) -> Option<u64> {
        let leaves = self.tree.leaves();
        let index = self.index.get_or_insert_with(|| {
            let mut index = HashMap::with_capacity(leaves.len());
            for (at, hash) in (0..).zip(leaves) {
                index.entry(hash.0).or_insert(at);
            }
            index
        });
        index.get(&leaf_hash(leaf).0).copied()
    }

    /// Reads an entry and checks it against the tree.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, AuditError> {
        let size = self.size();
        let Some(hash) = usize::try_from(index).ok().and_then(|i| self.tree.leaves().get(i)) else {
            return Err(AuditError::OutOfRange { index, size });
        };
        let entry = read_entry(&*self.files, index, size)?;
        let found = leaf_hash(&entry);
        if found.0 != hash.0 {
            let place = format!("entry {index}");
            return Err(AuditError::mismatch(place, "leaf hash", Digest(hash.0), found));
        }
        Ok(entry)
    }

    /// Number of entries.
    pub fn size(&self) -> u64 {
        self.signed.checkpoint.size
    }

    /// Merkle tree head (RFC 6962).
    pub fn root(&self) -> Digest {
        self.signed.checkpoint.root
    }

    /// The signed state of the log, with the cosignatures added to it so far.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.signed
    }

    /// The log's public key; its name is the origin.
    pub fn verifier(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// Proof that entry `index` is among the first `size`.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<InclusionProof, AuditError> {
        self.tree.inclusion(index, size)
    }

    /// Proof that the log of `new` entries extends the log of `old` entries.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<ConsistencyProof, AuditError> {
        self.tree.consistency(old, new)
    }

    /// Adds a witness' signature lines to the checkpoint in memory. They hold for this size only;
    /// [`Log::keep_cosignatures`] writes them, so that a cohort of witnesses costs one write.
    pub fn add_cosignatures(&mut self, lines: &[u8]) -> Result<(), AuditError> {
        self.signed.add_cosignatures(lines)?;
        self.unkept = true;
        Ok(())
    }

    /// Writes the cosignatures added since the last checkpoint, if there are any.
    pub fn keep_cosignatures(&mut self) -> Result<(), AuditError> {
        if self.unkept {
            write(&*self.files, layout::CHECKPOINT, &self.signed.to_bytes())?;
            self.unkept = false;
        }
        Ok(())
    }

    /// The bundles that change when `leaves` are added, with their new contents.
    fn bundles(&self, leaves: &[&[u8]]) -> Result<Vec<(Place, Vec<u8>)>, AuditError> {
        let mut place = Place {
            level: None,
            number: self.size() / TILE_WIDTH,
            width: self.size() % TILE_WIDTH,
        };
        let mut bytes = self.bundle.clone();
        let mut bundles = Vec::new();
        for leaf in leaves {
            layout::push_entry(&mut bytes, leaf)?;
            place.width += 1;
            if place.width == TILE_WIDTH {
                bundles.push((place, std::mem::take(&mut bytes)));
                place = Place { number: place.number + 1, width: 0, ..place };
            }
        }
        if place.width > 0 {
            bundles.push((place, bytes));
        }
        Ok(bundles)
    }

    fn write(&mut self, former: u64, bundles: &[(Place, Vec<u8>)]) -> Result<(), AuditError> {
        let Some(((last, bytes), first)) = bundles.split_last() else { return Ok(()) };
        // In order, so that no crash leaves a gap between whole bundles.
        for (place, bytes) in first {
            write(&*self.files, &place.path(), bytes)?;
        }
        let mut together = vec![(last.path(), bytes.clone())];
        for place in Place::needed(former, self.tree.size()) {
            if let Some(level) = place.level {
                together.push((place.path(), self.tile(level, &place)?));
            }
        }
        let doing = AuditError::io(format!("writing {} and its tiles", last.path()));
        self.files.write_all(&together).map_err(doing)?;
        self.publish()?;
        let size = self.tree.size();
        let mut stale = Place::partial(former).filter(|place| !place.is_needed(size));
        stale.try_for_each(|place| self.remove(&place))
    }

    fn tile(&self, level: u8, place: &Place) -> Result<Vec<u8>, AuditError> {
        let missing = || AuditError::malformed(place.path(), "tile: beyond the tree");
        self.tree.tile(level, place.number, place.width).ok_or_else(missing)
    }

    /// Signs the tree in memory and makes the checkpoint durable.
    fn publish(&mut self) -> Result<(), AuditError> {
        let size = self.tree.size();
        let checkpoint = Checkpoint { size, root: self.tree.root(size)? };
        let note = checkpoint::sign(&self.signer, &checkpoint)?;
        write(&*self.files, layout::CHECKPOINT, &note)?;
        self.signed = verify_checkpoint(&note, self.signer.verifier())?;
        self.unkept = false;
        Ok(())
    }

    fn remove(&self, place: &Place) -> Result<(), AuditError> {
        let path = place.path();
        self.files.remove(&path).map_err(AuditError::io(format!("removing {path}")))
    }
}

/// The key beside the log, which must be `pinned` where the caller knows it.
pub(crate) fn read_key(
    files: &dyn Files,
    pinned: Option<&VerifierKey>,
) -> Result<VerifierKey, AuditError> {
    let path = layout::VERIFIER_KEY;
    let bytes = read(files, path, CHECKPOINT_BYTES as u64)?;
    let malformed = || AuditError::malformed(path, "verifier key");
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    let key = VerifierKey::parse(&text).map_err(|_| malformed())?;
    if text != format!("{key}\n") {
        return Err(malformed());
    }
    match pinned {
        Some(pinned) if *pinned != key => {
            Err(AuditError::mismatch(path, "key of the log", pinned, key))
        }
        _ => Ok(key),
    }
}

/// Reads the checkpoint of a log and verifies it under `key`.
pub(crate) fn read_checkpoint(
    files: &dyn Files,
    key: &VerifierKey,
) -> Result<SignedCheckpoint, AuditError> {
    let path = layout::CHECKPOINT;
    let note = files.read(path, CHECKPOINT_BYTES as u64).map_err(reading(path))?;
    verify_checkpoint(&note.ok_or_else(|| AuditError::Missing { file: path.into() })?, key)
}

/// Reads the bytes of an entry in a log of `size` entries, unchecked.
pub(crate) fn read_entry(files: &dyn Files, index: u64, size: u64) -> Result<Vec<u8>, AuditError> {
    let number = index / TILE_WIDTH;
    let width = (size - number * TILE_WIDTH).min(TILE_WIDTH);
    let path = Place { level: None, number, width }.path();
    let bytes = files.read(&path, layout::BUNDLE_BYTES).map_err(reading(&path))?;
    let bytes = bytes.ok_or_else(|| AuditError::Missing { file: path.clone() })?;
    let entries = layout::entries(&path, &bytes, width)?;
    let entry = usize::try_from(index % TILE_WIDTH).ok().and_then(|at| entries.get(at));
    entry.map(|entry| entry.to_vec()).ok_or(AuditError::OutOfRange { index, size })
}

/// The tree of all whole entries on disk, which must begin with the signed ones, and the bundle
/// that is not full.
fn recover(
    files: &dyn Files,
    on_disk: &BTreeSet<Place>,
    signed: &Checkpoint,
) -> Result<(Tree, Vec<u8>), AuditError> {
    let mut tree = Tree::default();
    let mut number = 0;
    let bundle = loop {
        let full = Place { level: None, number, width: TILE_WIDTH };
        if !on_disk.contains(&full) {
            break partial_bundle(files, on_disk, &mut tree, number, signed)?;
        }
        // Tiles of signed entries are checked against the root below; anything else is hashed.
        let tile = Place { level: Some(0), ..full };
        let hashes = if (number + 1) * TILE_WIDTH <= signed.size && on_disk.contains(&tile) {
            let bytes = read(files, &tile.path(), layout::TILE_BYTES)?;
            let (hashes, rest) = bytes.as_chunks::<32>();
            if !rest.is_empty() || hashes.len() as u64 != TILE_WIDTH {
                return Err(AuditError::malformed(tile.path(), "tile: not 256 hashes"));
            }
            hashes.iter().map(|hash| Hash(*hash)).collect()
        } else {
            let bytes = read(files, &full.path(), layout::BUNDLE_BYTES)?;
            hash_entries(&full.path(), &bytes, TILE_WIDTH)?
        };
        hashes.into_iter().for_each(|hash| tree.push(hash));
        number += 1;
    };
    check_prefix(&tree, signed)?;
    // Whole bundles after a gap are somebody's entries: nothing is removed before a person looked.
    if on_disk.iter().any(|place| place.level.is_none() && place.number > number) {
        let file = Place { level: None, number, width: TILE_WIDTH }.path();
        return Err(AuditError::Missing { file });
    }
    Ok((tree, bundle))
}

/// Adds the widest partial bundle that agrees with the checkpoint; a partial bundle that cannot
/// be read is passed over, unless the checkpoint needs it.
fn partial_bundle(
    files: &dyn Files,
    on_disk: &BTreeSet<Place>,
    tree: &mut Tree,
    number: u64,
    signed: &Checkpoint,
) -> Result<Vec<u8>, AuditError> {
    let place = |width| Place { level: None, number, width };
    let mut last = Ok(Vec::new());
    for found in on_disk.range(place(0)..place(TILE_WIDTH)).rev() {
        let before = tree.size();
        let attempt = read(files, &found.path(), layout::BUNDLE_BYTES).and_then(|bytes| {
            let hashes = hash_entries(&found.path(), &bytes, found.width)?;
            hashes.into_iter().for_each(|hash| tree.push(hash));
            check_prefix(tree, signed).map(|()| bytes)
        });
        match attempt {
            Ok(bytes) => return Ok(bytes),
            Err(error) => {
                tree.truncate(before);
                last = Err(error);
            }
        }
    }
    if tree.size() >= signed.size { Ok(Vec::new()) } else { last }
}

fn check_prefix(tree: &Tree, signed: &Checkpoint) -> Result<(), AuditError> {
    let Checkpoint { size, root } = *signed;
    if tree.size() < size {
        let place = layout::CHECKPOINT;
        return Err(AuditError::mismatch(place, "entries on disk", size, tree.size()));
    }
    let found = tree.root(size)?;
    if found != root {
        return Err(AuditError::mismatch(layout::CHECKPOINT, "root of the tree", root, found));
    }
    Ok(())
}

fn hash_entries(path: &str, bundle: &[u8], width: u64) -> Result<Vec<Hash>, AuditError> {
    let entries = layout::entries(path, bundle, width)?;
    Ok(entries.into_iter().map(tlog_tiles::record_hash).collect())
}

pub(crate) fn read(files: &dyn Files, path: &str, limit: u64) -> Result<Vec<u8>, AuditError> {
    let bytes = files.read(path, limit).map_err(reading(path))?;
    bytes.ok_or_else(|| AuditError::Missing { file: path.into() })
}

fn write(files: &dyn Files, path: &str, bytes: &[u8]) -> Result<(), AuditError> {
    files.write(path, bytes).map_err(AuditError::io(format!("writing {path}")))
}

pub(crate) fn reading(path: &str) -> impl FnOnce(std::io::Error) -> AuditError + use<> {
    AuditError::io(format!("reading {path}"))
}

fn lock(folder: &Path) -> Result<File, AuditError> {
    let doing = || format!("locking {}", folder.display());
    std::fs::create_dir_all(folder).map_err(AuditError::io(doing()))?;
    let lock = folder.join(layout::LOCK);
    let lock = File::options().create(true).append(true).open(lock);
    let lock = lock.map_err(AuditError::io(doing()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(AuditError::Locked { folder: folder.display().to_string() })
        }
        Err(std::fs::TryLockError::Error(e)) => Err(AuditError::io(doing())(e)),
    }
}
