//! What survives the coordinator: journal, blobs, spool, transparency log, published models.
//!
//! Appended records are durable when they are flushed, and not before: a crash keeps any number
//! of those that come first. This is more than [`Journal`](tacit_core::traits::Journal) allows,
//! which appends all or none.

use super::lab::Lab;
use super::{Checked, Violation, require};
use crate::memory::MemoryStore;
use std::collections::BTreeMap;
use std::sync::Arc;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::messages::SignedContribution;
use tacit_core::round::{Entry, Record, Summary};
use tacit_core::run::{Course, Run};
use tacit_core::traits::Blobs;

pub(super) struct Disk {
    journal: Vec<Vec<u8>>,
    buffered: Vec<Entry>,
    /// The durable journal, replayed entry by entry; `None` once that failed.
    shadow: Option<Run>,
    pub store: MemoryStore,
    /// The transparency log.
    pub log: Vec<Summary>,
    pub published: BTreeMap<u32, Digest>,
    /// Every payload that ever was in the spool.
    pub archive: BTreeMap<Digest, Arc<[u8]>>,
    accepted: BTreeMap<u32, BTreeMap<ParticipantId, SignedContribution>>,
}

impl Disk {
    pub fn new(course: &Course, lab: &Lab) -> Result<Self, Error> {
        let store = MemoryStore::new(u64::MAX);
        store.put(&lab.initial)?;
        Ok(Self {
            journal: Vec::new(),
            buffered: Vec::new(),
            shadow: Some(Run::new(course.clone())),
            store,
            log: Vec::new(),
            published: BTreeMap::new(),
            archive: BTreeMap::new(),
            accepted: BTreeMap::new(),
        })
    }

    /// Appends without making durable.
    pub fn buffer(&mut self, entry: Entry) {
        self.buffered.push(entry);
    }

    /// What is appended, but not durable; the caller makes it so or loses it.
    pub fn take_buffered(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.buffered)
    }

    /// Makes one record durable.
    pub fn commit(&mut self, entry: &Entry) -> Checked {
        let shadow = self.shadow.take().map(|run| run.apply(entry)).transpose();
        self.shadow = shadow.map_err(|e| Violation(format!("the journal does not replay: {e}")))?;
        if let Record::Accepted { signed } = &entry.fact {
            let id = signed.contribution.participant.clone();
            let others = self.accepted.entry(entry.round).or_default();
            let before = others.insert(id.clone(), signed.clone());
            require(before.is_none(), || format!("{id} is counted twice"))?;
        }
        self.journal.push(codec::encode(entry));
        Ok(())
    }

    /// What the durable journal says.
    pub fn shadow(&self) -> Checked<&Run> {
        self.shadow.as_ref().ok_or_else(|| Violation("the journal does not replay".into()))
    }

    pub fn journal_len(&self) -> usize {
        self.journal.len()
    }

    /// Durably accepted contributions of a round, in the order of names.
    pub fn accepted(&self, round: u32) -> impl Iterator<Item = &SignedContribution> {
        self.accepted.get(&round).into_iter().flat_map(BTreeMap::values)
    }

    /// Whether this very contribution is durably accepted.
    pub fn holds(&self, round: u32, participant: &ParticipantId, digest: Digest) -> bool {
        let held = self.accepted.get(&round).and_then(|round| round.get(participant));
        held.is_some_and(|held| held.contribution.digest() == digest)
    }

    /// The first `count` records, read from their bytes.
    pub fn entries(&self, count: usize) -> Checked<Vec<Entry>> {
        let read = |bytes: &Vec<u8>| {
            codec::decode("journal", bytes, limits::MESSAGE_BYTES)
                .map_err(|e| Violation(format!("the journal does not decode: {e}")))
        };
        self.journal.iter().take(count).map(read).collect()
    }
}
