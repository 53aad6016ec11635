//! What the members of a cohort say to each other, by way of the coordinator, under a protection
//! of which only sums are opened.
//!
//! Messages come in stages, numbered from 0: some before the members contribute, some after. In
//! each stage a member is handed mail, which the coordinator makes of the messages of the stages
//! before, and answers with one signed message.

use crate::digest::Digest;
use crate::error::Refusal;
use crate::ids::ParticipantId;
use crate::messages::Evaluation;
use crate::traits::Context;

/// What all sides know of a round before anybody speaks: it binds every key, message and mask.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Plan, round and model.
    pub context: Context,
    /// Members of a cohort as planned, whoever was drawn.
    pub size: usize,
    /// Fewest contributions that may be opened together.
    pub minimum: usize,
    /// Largest share of a cohort that colludes with the coordinator.
    pub colluding: f64,
    /// Largest share of a cohort that leaves.
    pub dropping: f64,
    /// Integers are modulo 2 to this power; 8 to 64.
    pub bits: u32,
}

impl Terms {
    /// Members that may collude with the coordinator.
    pub fn colluders(&self) -> usize {
        self.of_cohort(self.colluding)
    }

    /// Members that may leave.
    pub fn leavers(&self) -> usize {
        self.of_cohort(self.dropping)
    }

    /// A third of three is one, though a third is less than 1/3 in binary.
    fn of_cohort(&self, share: f64) -> usize {
        (share * self.size as f64 + 1e-9) as usize
    }

    /// The smallest number of members of which every two sets have an honest one in common.
    pub fn quorum(&self) -> usize {
        (self.size + self.colluders()) / 2 + 1
    }

    /// Names the terms.
    pub fn digest(&self) -> Digest {
        let Context { plan, round, model } = &self.context;
        let numbers = [self.size as u64, self.minimum as u64, self.bits.into(), (*round).into()];
        let numbers: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let fractions = [self.colluding.to_le_bytes(), self.dropping.to_le_bytes()].concat();
        Digest::of_parts("tacit/v1/terms", &[&plan.0, &model.0, &numbers, &fractions])
    }
}

/// How many stages a protection has, and how long each may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stages {
    /// Before the members contribute.
    pub before: u8,
    /// After contributions are closed.
    pub after: u8,
    /// Time for each, in milliseconds.
    pub timeout_ms: u64,
    /// Fewest messages of a stage after contributions but the last, whose sums tell by themselves
    /// whether they can be opened.
    pub quorum: usize,
}

impl Stages {
    /// All of them.
    pub fn count(&self) -> u8 {
        self.before + self.after
    }
}

/// The header of a message; its body travels beside it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Who speaks.
    pub participant: ParticipantId,
    /// Round, from 1.
    pub round: u32,
    /// Digest of the plan.
    pub plan: Digest,
    /// Digest of the model trained from.
    pub model: Digest,
    /// Stage, from 0.
    pub stage: u8,
    /// SHA-256 of the body.
    pub body: Digest,
    /// Size of the body in bytes.
    pub body_bytes: u64,
}

impl Message {
    /// The header of a body.
    pub fn new(context: &Context, participant: &ParticipantId, stage: u8, body: &[u8]) -> Self {
        Self {
            participant: participant.clone(),
            round: context.round,
            plan: context.plan,
            model: context.model,
            stage,
            body: Digest::of_bytes(body),
            body_bytes: body.len() as u64,
        }
    }

    /// What the participant signs: every field, injectively encoded.
    pub fn digest(&self) -> Digest {
        Digest::of_parts("tacit/v1/message", &[&crate::codec::encode(self)])
    }
}

/// A message with the Ed25519 signature of its participant over [`Message::digest`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedMessage {
    /// What is signed.
    pub message: Message,
    /// The participant's public key, 32 bytes in hexadecimal.
    pub key: String,
    /// 64 bytes in hexadecimal.
    pub signature: String,
}

/// A signed message and its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    /// The signed header.
    pub signed: SignedMessage,
    /// What it is about.
    pub body: Vec<u8>,
}

impl Letter {
    /// Refuses a body that is not the one that was signed.
    pub fn new(signed: SignedMessage, body: Vec<u8>) -> Result<Self, Refusal> {
        let Message { body: digest, body_bytes, .. } = signed.message;
        if body.len() as u64 != body_bytes || Digest::of_bytes(&body) != digest {
            return Err(Refusal::Malformed { what: "body of a message".into() });
        }
        Ok(Self { signed, body })
    }

    /// Who speaks.
    pub fn sender(&self) -> &ParticipantId {
        &self.signed.message.participant
    }
}

/// One step of a conversation that a member is asked to take.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// Plan, round and model.
    pub context: Context,
    /// Stage, from 0.
    pub stage: u8,
}

/// Figures of a cohort that are opened as sums beside its updates.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// Weights of the contributions that were summed.
    pub weight: u64,
    /// Mean training loss, weighted.
    pub loss: f64,
    /// Examples that the model was measured on.
    pub examples: u64,
    /// Of these, correctly classified.
    pub correct: u64,
    /// Mean loss of these.
    pub measured_loss: f64,
    /// Updates that were within the clipping norm.
    pub within: u64,
}

impl Tally {
    /// What the members measured, where they did.
    pub fn evaluation(self) -> Option<Evaluation> {
        let Self { examples, correct, measured_loss: loss, .. } = self;
        let correct = correct.min(examples);
        (examples > 0).then(|| Evaluation { examples, correct, loss, per_class: Vec::new() })
    }

    /// Joins the figures of two sums.
    pub fn merge(self, other: Self) -> Self {
        let mean = |a: f64, b: f64, (wa, wb): (u64, u64)| match wa + wb {
            0 => 0.0,
            total => (a * wa as f64 + b * wb as f64) / total as f64,
        };
        let measured = (self.examples, other.examples);
        Self {
            weight: self.weight.saturating_add(other.weight),
            loss: mean(self.loss, other.loss, (self.weight, other.weight)),
            examples: self.examples.saturating_add(other.examples),
            correct: self.correct.saturating_add(other.correct),
            measured_loss: mean(self.measured_loss, other.measured_loss, measured),
            within: self.within.saturating_add(other.within),
        }
    }
}
