//! What survives the coordinator: journal, blobs, spool, transparency log, published models.
//!
//! Appended records are durable when they are flushed, and not before: a crash keeps any number
//! of those that come first. This is more than [`Journal`](tacit_core::traits::Journal) allows,
//! which appends all or none.

use super::lab::Lab;
use super::{Checked, Violation, require};
use crate::memory::MemoryStore;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{BAD_PROOF, Error};
use tacit_core::exchange::{Message, SignedMessage};
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
    facts: BTreeMap<u32, Facts>,
    /// Stages before contributions.
    before: u8,
}

/// What the durable journal says of a round, gathered without the state machine.
#[derive(Default)]
pub(super) struct Facts {
    /// Members that have not answered.
    pub awaited: BTreeSet<ParticipantId>,
    /// What counts, in the order of names.
    pub accepted: BTreeMap<ParticipantId, SignedContribution>,
    /// Members that declined, with their words.
    pub declined: BTreeMap<ParticipantId, String>,
    /// Refusals by reason.
    pub refusals: BTreeMap<String, u64>,
    /// Whose proofs were refused.
    pub unproved: BTreeSet<ParticipantId>,
    /// Messages of stages, by stage and speaker.
    pub said: BTreeMap<(u8, ParticipantId), Message>,
}

/// Words for members that did not speak in time.
const SILENT: &str = "said nothing in time";

impl Facts {
    fn add(&mut self, fact: &Record, before: u8) -> Checked {
        match fact {
            Record::Opened { cohort, .. } => self.awaited.extend(cohort.iter().cloned()),
            Record::Accepted { signed } => {
                let id = signed.contribution.participant.clone();
                self.awaited.remove(&id);
                self.declined.remove(&id);
                let before = self.accepted.insert(id.clone(), signed.clone());
                require(before.is_none(), || format!("{id} is counted twice"))?;
            }
            Record::Said { signed: SignedMessage { message, .. } } => {
                let key = (message.stage, message.participant.clone());
                let held = self.said.insert(key, message.clone());
                require(held.is_none(), || {
                    format!("{} is heard twice in stage {}", message.participant, message.stage)
                })?;
            }
            Record::Heard { stage } if *stage < before => {
                let said = |id: &ParticipantId| self.said.contains_key(&(*stage, id.clone()));
                let (awaited, silent) = self.awaited.iter().cloned().partition(said);
                self.awaited = awaited;
                let silent: BTreeSet<ParticipantId> = silent;
                self.declined.extend(silent.into_iter().map(|id| (id, SILENT.into())));
            }
            Record::Declined { participant, why } => {
                self.awaited.remove(participant);
                self.declined.insert(participant.clone(), why.clone());
            }
            Record::Refused { participant, reason } => {
                if reason == BAD_PROOF {
                    self.unproved.insert(participant.clone());
                }
                *self.refusals.entry(reason.clone()).or_default() += 1;
            }
            _ => {}
        }
        Ok(())
    }
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
            facts: BTreeMap::new(),
            before: course.cohort.stages.before,
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
        self.facts.entry(entry.round).or_default().add(&entry.fact, self.before)?;
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

    /// What the durable journal says of a round.
    pub fn facts(&self, round: u32) -> &Facts {
        static NONE: Facts = Facts {
            awaited: BTreeSet::new(),
            accepted: BTreeMap::new(),
            declined: BTreeMap::new(),
            refusals: BTreeMap::new(),
            unproved: BTreeSet::new(),
            said: BTreeMap::new(),
        };
        self.facts.get(&round).unwrap_or(&NONE)
    }

    /// Whether this very contribution is durably accepted.
    pub fn holds(&self, round: u32, participant: &ParticipantId, digest: Digest) -> bool {
        let held = self.facts(round).accepted.get(participant);
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
