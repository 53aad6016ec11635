//! What an aggregator must not forget, in its journal.

use std::collections::BTreeMap;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_core::messages::SignedContribution;
use tacit_secagg::committee::orders::{self, CheckOrder, SumOrder, SumReply};

/// One durable fact.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Fact {
    /// A share is held.
    Held { signed: SignedContribution },
    /// The only check of a round.
    Checked { round: u32, model: Digest, order: CheckOrder },
    /// The only sum of a round.
    Summed { round: u32, order: SumOrder },
    /// An answer is ready, as a blob.
    Answered { round: u32, stage: u8, reply: SumReply },
}

/// What is known of one round.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub held: BTreeMap<ParticipantId, SignedContribution>,
    pub check: Option<(Digest, CheckOrder)>,
    pub sum: Option<SumOrder>,
    /// By stage.
    pub answers: BTreeMap<u8, SumReply>,
}

/// Every round that shares came for.
#[derive(Debug, Default)]
pub(super) struct Book(pub BTreeMap<u32, Page>);

impl Book {
    /// Reads a journal back.
    pub fn replay(records: &[Vec<u8>]) -> Result<Self, Error> {
        let mut book = Self::default();
        for bytes in records {
            let fact: Fact = codec::decode("journal", bytes, usize::MAX)
                .map_err(|refusal| Error::world("reading the aggregator's journal", refusal))?;
            book.apply(fact);
        }
        Ok(book)
    }

    pub fn apply(&mut self, fact: Fact) {
        match fact {
            Fact::Held { signed } => {
                let header = &signed.contribution;
                let page = self.0.entry(header.round).or_default();
                page.held.insert(header.participant.clone(), signed);
            }
            Fact::Checked { round, model, order } => {
                self.0.entry(round).or_default().check = Some((model, order));
            }
            Fact::Summed { round, order } => self.0.entry(round).or_default().sum = Some(order),
            Fact::Answered { round, stage, reply } => {
                self.0.entry(round).or_default().answers.insert(stage, reply);
            }
        }
    }

    /// The last round for which this participant's share is held.
    pub fn last_of(&self, participant: &ParticipantId) -> Option<u32> {
        self.0.iter().rev().find(|(_, page)| page.held.contains_key(participant)).map(|(r, _)| *r)
    }
}

impl Page {
    /// Whether an order is the one that was answered before; refuses any other of its kind.
    pub fn known_check(&self, model: Digest, order: &CheckOrder) -> Result<bool, Refusal> {
        match &self.check {
            None => Ok(false),
            Some((of, known)) if *of == model && known == order => Ok(true),
            Some(_) => Err(another()),
        }
    }

    /// The same for a sum, which only a round that was checked has.
    pub fn known_sum(&self, order: &SumOrder) -> Result<bool, Refusal> {
        match &self.sum {
            None => Ok(false),
            Some(known) if known == order => Ok(true),
            Some(_) => Err(another()),
        }
    }

    /// The check of a sum.
    pub fn checked(&self) -> Result<&CheckOrder, Refusal> {
        let (expected, found) = (orders::CHECK, orders::SUM);
        self.check.as_ref().map(|(_, order)| order).ok_or(Refusal::WrongStage { expected, found })
    }
}

/// One order of each kind is answered in a round.
fn another() -> Refusal {
    Refusal::Malformed { what: "order: another one was answered in this round".into() }
}
