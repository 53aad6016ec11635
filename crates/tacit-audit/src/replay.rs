//! Replays exported round logs with the state machine that wrote them, and checks who signed
//! what: that the counted contributions and the released model follow from the journal. Where
//! participants prove something, and what that takes is at hand, every proof is verified again.

use crate::evidence::{Evidence, Reviewer, Told};
use crate::verify::ReplayFacts;
use ed25519_dalek::{Signature, VerifyingKey};
use std::cell::RefCell;
use std::collections::BTreeMap;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_core::messages::SignedContribution;
use tacit_core::plan::Plan;
use tacit_core::proof::Dataset;
use tacit_core::round::{Entry, Outcome, Record as Fact, Roster, Round, Setup};

/// One line of an exported round log in bytes: a signed contribution is below 2 KiB, a cohort of
/// 100,000 names below 8 MiB.
const LINE_BYTES: usize = 16 << 20;

/// Replays the rounds of one run, in order. A participant's key is the first one seen under its
/// name: the coordinator binds names to certificates at enrolment, and no key may change after.
pub struct Replayer<'a> {
    plan: &'a Plan,
    keys: RefCell<BTreeMap<ParticipantId, String>>,
    /// What participants committed to when they enrolled.
    datasets: RefCell<BTreeMap<ParticipantId, Option<Dataset>>>,
    reviewer: Option<Reviewer<'a>>,
}

/// What the entries of a round's log say one after the other.
#[derive(Default)]
struct Story<'e> {
    cohort: &'e [ParticipantId],
    nonce: Option<Digest>,
    accepted: Vec<SignedContribution>,
    outcome: Option<&'e Outcome>,
}

/// A signature, and whose it claims to be.
struct Signed<'a> {
    participant: &'a ParticipantId,
    key: &'a str,
    signature: &'a str,
}

impl<'a> Replayer<'a> {
    /// A replayer of runs under `plan` that has seen no keys.
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan, keys: RefCell::default(), datasets: RefCell::default(), reviewer: None }
    }

    /// Verifies proofs too.
    pub fn with_evidence(self, evidence: Evidence<'a>) -> Self {
        Self { reviewer: Some(Reviewer::new(self.plan, evidence)), ..self }
    }

    /// Why proofs that were met are not verified, where a key is missing that nobody offered.
    pub fn skips(&self) -> Option<&str> {
        self.reviewer.as_ref().and_then(Reviewer::skips)
    }

    /// Replays one round's log, JSON lines. The roster and the model before are taken from the
    /// log itself; the auditor compares the latter with the chain of records.
    ///
    /// # Errors
    /// Lines that are no canonical records, records out of order, signatures or proofs that do not
    /// verify.
    pub fn replay(&self, bytes: &[u8]) -> Result<ReplayFacts, Error> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::caller("round log", "text", "other bytes"))?;
        let entries: Vec<Entry> = text
            .lines()
            .map(|line| codec::decode("round log", line.as_bytes(), LINE_BYTES))
            .collect::<Result<_, _>>()?;
        let first = entries.first().map_or(0, |entry| entry.round);
        if entries.iter().any(|entry| entry.round != first) {
            return Err(Error::caller("round log", format!("round {first} only"), "another"));
        }
        let mut facts = ReplayFacts::default();
        let story = self.hear(&entries, &mut facts)?;
        let setup = self.setup(first, &story, &facts);
        let round = Round::replay(setup.clone(), entries.iter().map(|entry| &entry.fact))
            .map_err(|e| Error::caller("round log", "records in order", e.to_string()))?;
        facts.accepted = round.progress().1 as u64;
        if let Some(reviewer) = self.reviewer.as_ref().filter(|_| story.nonce.is_some()) {
            let Story { accepted, outcome, .. } = &story;
            let told = Told { setup: &setup, accepted, outcome: *outcome };
            facts.verified = reviewer.review(&told)?;
        }
        Ok(facts)
    }

    fn hear<'e>(&self, entries: &'e [Entry], facts: &mut ReplayFacts) -> Result<Story<'e>, Error> {
        let mut story = Story::default();
        for entry in entries {
            match &entry.fact {
                Fact::Enrolled { participant, dataset } => {
                    let mut datasets = self.datasets.borrow_mut();
                    datasets.entry(participant.clone()).or_insert_with(|| dataset.clone());
                }
                Fact::Opened { cohort, nonce, .. } => {
                    (story.cohort, story.nonce) = (cohort, *nonce);
                }
                Fact::Accepted { signed } => {
                    facts.model_before = Some(signed.contribution.model);
                    facts.signed += u64::from(self.contribution(signed)?);
                    story.accepted.push(signed.clone());
                }
                Fact::Said { signed } => {
                    facts.model_before = Some(signed.message.model);
                    let message = &signed.message;
                    let by = Signed {
                        participant: &message.participant,
                        key: &signed.key,
                        signature: &signed.signature,
                    };
                    self.verify(&by, &message.digest())?;
                }
                Fact::Aggregated { outcome } => {
                    facts.model_after = Some(outcome.model);
                    story.outcome = Some(outcome);
                }
                _ => {}
            }
        }
        let by_name = |signed: &SignedContribution| signed.contribution.participant.clone();
        story.accepted.sort_by_cached_key(by_name);
        let proofs = story.accepted.iter().filter_map(|signed| signed.contribution.proof);
        facts.proofs = proofs.map(|proof| proof.digest).collect();
        Ok(story)
    }

    /// The facts that a round of this story can have started from.
    fn setup(&self, round: u32, story: &Story<'_>, facts: &ReplayFacts) -> Setup {
        let datasets = self.datasets.borrow();
        let mut roster = Roster::new();
        for participant in story.cohort {
            let dataset = datasets.get(participant).cloned().flatten();
            roster.enrol(participant.clone(), dataset);
        }
        Setup {
            nonce: story.nonce,
            nonces: None,
            round,
            plan: self.plan.digest(),
            model: facts.model_before.unwrap_or(Digest([0; 32])),
            model_bytes: 0,
            control: false,
            slots: Vec::new(),
            deltas: Vec::new(),
            seed: self.plan.seed(),
            account: None,
            clip_norm: None,
            rules: self.plan.cohort().clone(),
            roster,
        }
    }

    /// Whether a contribution is signed; see [`Replayer::verify`].
    fn contribution(&self, signed: &SignedContribution) -> Result<bool, Error> {
        let SignedContribution { contribution, key, signature } = signed;
        let by = Signed { participant: &contribution.participant, key, signature };
        self.verify(&by, &contribution.digest())
    }

    /// Whether something is signed, by the key its participant has always had; what is without
    /// key and signature, as simulations write contributions, is not.
    fn verify(&self, signed: &Signed<'_>, digest: &Digest) -> Result<bool, Error> {
        if signed.key.is_empty() && signed.signature.is_empty() {
            return Ok(false);
        }
        let participant = signed.participant;
        let bad = || Error::Peer(Refusal::BadSignature { participant: participant.clone() });
        let mut keys = self.keys.borrow_mut();
        let known = keys.entry(participant.clone()).or_insert_with(|| signed.key.to_owned());
        if known != signed.key {
            return Err(bad());
        }
        let key = codec::unhex(signed.key).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let key = key.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok()).ok_or_else(bad)?;
        let signature = codec::unhex(signed.signature).ok_or_else(bad)?;
        let signature = Signature::from_slice(&signature).map_err(|_| bad())?;
        key.verify_strict(&digest.0, &signature).map_err(|_| bad())?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};
    use tacit_core::messages::Contribution;

    fn plan() -> Plan {
        Plan::parse("num_rounds = 1", &tacit_learn::registry().unwrap()).unwrap()
    }

    fn contribution(plan: &Plan, examples: u64) -> Contribution {
        let digest = Digest::of_bytes(b"x");
        Contribution {
            proof: None,
            participant: ParticipantId::numbered(1, 9),
            round: 1,
            plan: plan.digest(),
            model: digest,
            payload: digest,
            payload_bytes: 1,
            examples,
            loss: 0.0,
            fit_ms: 0,
            evaluation: None,
            within: None,
        }
    }

    fn sign(contribution: Contribution, seed: u8) -> SignedContribution {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let signature = key.sign(&contribution.digest().0);
        SignedContribution {
            contribution,
            key: codec::hex(key.verifying_key().as_bytes()),
            signature: codec::hex(&signature.to_bytes()),
        }
    }

    #[test]
    fn forged_and_borrowed_signatures_are_found() {
        let plan = plan();
        let replayer = Replayer::new(&plan);
        let good = sign(contribution(&plan, 5), 1);
        assert!(replayer.contribution(&good).unwrap());
        let mut forged = good.clone();
        forged.contribution.examples = 500;
        assert!(replayer.contribution(&forged).is_err(), "the signature covers the weight");
        let stolen = sign(contribution(&plan, 5), 2);
        assert!(replayer.contribution(&stolen).is_err(), "another key under the same name");
        let mut half = good;
        half.signature.clear();
        assert!(replayer.contribution(&half).is_err(), "a signature may not be left out");
    }
}
