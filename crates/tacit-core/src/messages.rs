//! The nouns of a round: what is ordered, contributed, measured and logged.

use crate::digest::Digest;
use crate::downlink::Delta;
use crate::error::Refusal;
use crate::exchange::Ask;
use crate::ids::ParticipantId;
use crate::limits;
use crate::rng::Seed;
use crate::traits::Context;
use std::sync::Arc;

/// One participant's task for one round; everything else follows from the plan.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Round, from 1.
    pub round: u32,
    /// Digest of the plan.
    pub plan: Digest,
    /// Digest of the model to train from.
    pub model: Digest,
    /// Size of that blob in bytes.
    pub model_bytes: u64,
    /// The server's control variate, a blob as large as the model; absent where the strategy has
    /// none, and before the first release, when it is zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<Digest>,
    /// The last steps that led to the model, for whoever holds one of those before; the newest
    /// last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deltas: Vec<Delta>,
    /// The clipping norm of this round, where it follows a quantile; else the plan's holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// What proofs of the round are bound to; absent where nothing is proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Digest>,
}

impl Task {
    /// What binds everything that is made for it.
    pub fn context(&self) -> Context {
        Context { plan: self.plan, round: self.round, model: self.model }
    }

    /// Size of a blob that the task names, in bytes.
    pub fn blob_bytes(&self, digest: Digest) -> Option<u64> {
        let step = || self.deltas.iter().find(|step| step.blob == digest).map(|step| step.bytes);
        let whole = self.model == digest || self.control == Some(digest);
        if whole { Some(self.model_bytes) } else { step() }
    }

    /// Whether the task names a blob.
    pub fn names(&self, digest: Digest) -> bool {
        self.blob_bytes(digest).is_some()
    }
}

/// What a participant that asks for work is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Offer {
    /// There is none yet: ask again.
    Wait,
    /// Do this.
    Task(Task),
    /// Say this first.
    Ask(Ask),
    /// The run is over.
    Finished,
}

/// What a trainer is told to do.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOrder {
    /// Round, from 1.
    pub round: u32,
    /// Passes over the participant's examples.
    pub local_epochs: u32,
    /// Examples per step; 0 means all of them in one step.
    pub batch_size: usize,
    /// Step size.
    pub learning_rate: f64,
    /// Heavy-ball momentum, 0 to 1.
    pub momentum: f64,
    /// L2 penalty added to the gradient.
    pub weight_decay: f64,
    /// FedProx: pull towards the global model (Li et al. 2020, eq. 2).
    pub proximal_mu: f64,
    /// Added to every gradient, as long as the model (SCAFFOLD's c − cᵢ).
    pub correction: Option<Arc<[f32]>>,
    /// Order of examples.
    pub seed: Seed,
}

/// How good a model is on some examples.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Number of examples.
    pub examples: u64,
    /// Correctly classified examples.
    pub correct: u64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Per class: (examples, correct). Empty where a trainer does not tell classes apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub per_class: Vec<(u64, u64)>,
}

impl Evaluation {
    /// Share of correct answers, 0 for no examples.
    pub fn accuracy(&self) -> f64 {
        if self.examples == 0 { 0.0 } else { self.correct as f64 / self.examples as f64 }
    }

    /// Refuses figures that nobody can have measured, so that those of any cohort can be joined:
    /// counts above [`limits::EXAMPLES`], more correct answers than examples, classes above
    /// [`limits::CLASSES`], a loss beyond ±[`limits::LOSS`].
    pub fn check(&self) -> Result<(), Refusal> {
        let possible =
            |&(examples, correct): &(u64, u64)| correct <= examples && examples <= limits::EXAMPLES;
        let sound = possible(&(self.examples, self.correct))
            && self.per_class.len() <= limits::CLASSES
            && self.per_class.iter().all(possible)
            && self.loss.abs() <= limits::LOSS;
        if sound { Ok(()) } else { Err(Refusal::Malformed { what: "evaluation".into() }) }
    }

    /// Joins the results of two disjoint sets of examples.
    pub fn merge(mut self, other: &Evaluation) -> Self {
        let total = self.examples + other.examples;
        if total > 0 {
            let sum = self.loss * self.examples as f64 + other.loss * other.examples as f64;
            self.loss = sum / total as f64;
        }
        self.examples = total;
        self.correct += other.correct;
        if self.per_class.len() < other.per_class.len() {
            self.per_class.resize(other.per_class.len(), (0, 0));
        }
        for (mine, theirs) in self.per_class.iter_mut().zip(&other.per_class) {
            *mine = (mine.0 + theirs.0, mine.1 + theirs.1);
        }
        self
    }
}

/// The header of a contribution; its payload travels beside it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contribution {
    /// Who contributes.
    pub participant: ParticipantId,
    /// Round, from 1.
    pub round: u32,
    /// Digest of the plan.
    pub plan: Digest,
    /// Digest of the model trained from.
    pub model: Digest,
    /// SHA-256 of the payload.
    pub payload: Digest,
    /// Size of the payload in bytes.
    pub payload_bytes: u64,
    /// Examples trained on: the weight.
    pub examples: u64,
    /// Mean training loss of the last local epoch; finite.
    pub loss: f64,
    /// Time spent training, in milliseconds, by the participant's clock.
    pub fit_ms: u64,
    /// The received model on the participant's own held-out examples, where the plan asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
    /// Whether the update was within the clipping norm before it was clipped, where that follows
    /// a quantile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<bool>,
    /// What is proved of the update, where the plan asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofHeader>,
}

/// The proof that travels behind a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofHeader {
    /// Its SHA-256.
    pub digest: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// Time spent proving, in milliseconds, by the participant's clock.
    pub prove_ms: u64,
}

impl Contribution {
    /// Bytes that travel behind the header: the payload, then the proof.
    pub fn body_bytes(&self) -> u64 {
        self.payload_bytes.saturating_add(self.proof.map_or(0, |proof| proof.bytes))
    }

    /// What the participant signs: every field, injectively encoded.
    pub fn digest(&self) -> Digest {
        Digest::of_parts("tacit/v1/contribution", &[&crate::codec::encode(self)])
    }
}

/// A contribution with the Ed25519 signature of its participant over [`Contribution::digest`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedContribution {
    /// What is signed.
    pub contribution: Contribution,
    /// The participant's public key, 32 bytes in hexadecimal: what an auditor verifies with, once
    /// it knows whose it is. Empty in simulations.
    pub key: String,
    /// 64 bytes in hexadecimal. Empty in simulations.
    pub signature: String,
}

/// A state of the transparency log: size and root of an RFC 6962 tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Number of entries.
    pub size: u64,
    /// Merkle tree head.
    pub root: Digest,
}
