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
pub(super) struct Book {
    pub rounds: BTreeMap<u32, Page>,
    /// The last round for which each participant's share was held.
    last: BTreeMap<ParticipantId, u32>,
}

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
                let (round, participant) =
                    (signed.contribution.round, signed.contribution.participant.clone());
                self.last.insert(participant.clone(), round);
                self.rounds.entry(round).or_default().held.insert(participant, signed);
            }
            Fact::Checked { round, model, order } => {
                self.rounds.entry(round).or_default().check = Some((model, order));
            }
            Fact::Summed { round, order } => {
                self.rounds.entry(round).or_default().sum = Some(order);
            }
            Fact::Answered { round, stage, reply } => {
                let page = self.rounds.entry(round).or_default();
                if stage == orders::SUM {
                    // The shares of a round whose sum is ready are destroyed.
                    page.held.clear();
                }
                page.answers.insert(stage, reply);
            }
        }
    }

    /// The last round for which this participant's share was held; 0 for none.
    pub fn last_of(&self, participant: &ParticipantId) -> u32 {
        self.last.get(participant).copied().unwrap_or(0)
    }

    /// Whether this very share is held, or was.
    pub fn holds(&self, signed: &SignedContribution) -> bool {
        let header = &signed.contribution;
        let page = self.rounds.get(&header.round);
        let held = page.and_then(|page| page.held.get(&header.participant));
        held.is_some_and(|held| held.contribution == *header)
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

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::messages::Contribution;
    use tacit_secagg::committee::orders::Shape;

    fn held(participant: &str, round: u32) -> Fact {
        let contribution = Contribution {
            proof: None,
            participant: ParticipantId::parse(participant).unwrap(),
            round,
            plan: Digest::of_bytes(b"plan"),
            model: Digest::of_bytes(b"model"),
            payload: Digest::of_bytes(b"share"),
            payload_bytes: 32,
            examples: 1,
            loss: 0.0,
            fit_ms: 0,
            evaluation: None,
            within: None,
        };
        let (key, signature) = (String::new(), String::new());
        Fact::Held { signed: SignedContribution { contribution, key, signature } }
    }

    fn order(fixed: &[u8]) -> CheckOrder {
        let roster = vec![ParticipantId::parse("a").unwrap()];
        CheckOrder { bits: 20, shape: Shape::new([(0, 5)]), roster, fixed: Digest::of_bytes(fixed) }
    }

    #[test]
    fn a_replayed_book_knows_what_was_answered() {
        let model = Digest::of_bytes(b"model");
        let sum = SumOrder { without: Vec::new() };
        let reply = SumReply { digest: model, bytes: 8 };
        let facts = [
            held("a", 3),
            held("b", 3),
            Fact::Checked { round: 3, model, order: order(b"one") },
            Fact::Summed { round: 3, order: sum.clone() },
            Fact::Answered { round: 3, stage: orders::SUM, reply },
            held("a", 4),
        ];
        let records: Vec<Vec<u8>> = facts.iter().map(codec::encode).collect();
        let book = Book::replay(&records).unwrap();
        let page = &book.rounds[&3];
        assert_eq!(page.known_check(model, &order(b"one")), Ok(true));
        assert!(page.known_check(model, &order(b"two")).is_err());
        assert!(page.known_check(Digest::of_bytes(b"other"), &order(b"one")).is_err());
        assert_eq!(page.known_sum(&sum), Ok(true));
        let other = SumOrder { without: vec![ParticipantId::parse("a").unwrap()] };
        assert!(page.known_sum(&other).is_err());
        assert!(page.held.is_empty() && book.rounds[&4].held.len() == 1);
        let last = ["a", "b", "c"].map(|name| book.last_of(&ParticipantId::parse(name).unwrap()));
        assert_eq!(last, [4, 3, 0]);
        assert!(book.rounds[&4].checked().is_err());
        assert!(Book::replay(&[b"torn".to_vec()]).is_err());
    }
}
