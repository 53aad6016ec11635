//! What a coordinator must not lose, in one directory of one machine.
//!
//! | where | what | durable |
//! |---|---|---|
//! | `state.redb`, `lease` | journal, enrolments; the lock of `lease` is the lease | when a call returns |
//! | `blobs/` | models, each under its digest | when `put` returns |
//! | `spool/ROUND/` | received payloads, encrypted, with the round's key | when finished |
//!
//! Every call blocks on the disk: async callers use `spawn_blocking`.

mod blobs;
mod journal;
mod seal;
mod spool;

pub use spool::Transfer;

use crate::files;
use std::collections::BTreeMap;
use std::path::Path;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::traits::{Blobs, Journal, Lease, Spool};

/// The embedded store: redb and files.
pub struct NodeStore {
    database: journal::StateFile,
    blobs: blobs::BlobDir,
    spool: spool::SpoolDir,
}

impl NodeStore {
    /// Opens or creates the store in `dir`. Refuses while another process has it open; cleans up
    /// what a killed one left unfinished.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        files::make_dir(dir)?;
        let database = journal::StateFile::open(dir)?;
        // From here on nobody else touches the directory.
        let blobs = blobs::BlobDir::open(&dir.join("blobs"))?;
        let spool = spool::SpoolDir::open(&dir.join("spool"))?;
        files::sync_dir(dir)?;
        Ok(Self { database, blobs, spool })
    }

    /// Binds a name to the key of its certificate, once and for all; durable when it returns.
    /// True if the name is new; refuses another key under a known name.
    pub fn enrol(&self, participant: &ParticipantId, key: &[u8; 32]) -> Result<bool, Error> {
        self.database.enrol(participant, key)
    }

    /// Forgets a name, so that it may enrol with another key; absent is fine.
    pub fn unenrol(&self, participant: &ParticipantId) -> Result<(), Error> {
        self.database.unenrol(participant)
    }

    /// The enrolled Ed25519 key of a name.
    pub fn enrolled_key(&self, participant: &ParticipantId) -> Result<Option<[u8; 32]>, Error> {
        self.database.enrolled_key(participant)
    }

    /// Everybody enrolled, with their Ed25519 keys.
    pub fn enrolled(&self) -> Result<BTreeMap<ParticipantId, [u8; 32]>, Error> {
        self.database.enrolled()
    }

    /// Starts or resumes receiving a payload; says from which offset. A participant has one
    /// unfinished transfer per round: another payload replaces it.
    pub fn spool_open(&self, transfer: &Transfer) -> Result<u64, Error> {
        self.spool.start(transfer)
    }

    /// Takes bytes that follow what is there, and says where the next ones must start: not
    /// after these bytes if they did not start at that offset, or if they end within a block
    /// of 16 KiB that is not the payload's last. Opens the transfer if need be.
    pub fn spool_write(
        &self,
        transfer: &Transfer,
        offset: u64,
        bytes: &[u8],
    ) -> Result<u64, Error> {
        self.spool.write(transfer, offset, bytes)
    }

    /// Checks the payload against its digest and makes it durable: only then may it be accepted.
    /// Refuses a payload with a gap or another digest; of the latter nothing is kept.
    pub fn spool_finish(&self, transfer: &Transfer) -> Result<(), Error> {
        self.spool.finish(transfer)
    }

    /// Deletes the payload of a contribution that was refused after all; absent is fine.
    pub fn spool_discard(&self, transfer: &Transfer) -> Result<(), Error> {
        self.spool.discard(transfer)
    }
}

impl Lease for NodeStore {
    fn hold(&self) -> Result<(), Error> {
        // The lock was taken by `open` and ends with this value or this process.
        Ok(())
    }
}

impl Journal for NodeStore {
    fn append(&self, records: &[Vec<u8>]) -> Result<(), Error> {
        self.database.append(records)
    }

    fn replay(&self) -> Result<Vec<Vec<u8>>, Error> {
        self.database.replay()
    }
}

impl Blobs for NodeStore {
    fn put(&self, bytes: &[u8]) -> Result<Digest, Error> {
        self.blobs.put(bytes)
    }

    fn size(&self, digest: Digest) -> Result<Option<u64>, Error> {
        self.blobs.size(digest)
    }

    fn read(&self, digest: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        self.blobs.read(digest, offset, out)
    }

    fn remove(&self, digest: Digest) -> Result<(), Error> {
        self.blobs.remove(digest)
    }
}

impl Spool for NodeStore {
    fn read(&self, payload: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        self.spool.read(payload, offset, out)
    }

    fn forget(&self, round: u32) -> Result<(), Error> {
        self.spool.forget(round)
    }
}
