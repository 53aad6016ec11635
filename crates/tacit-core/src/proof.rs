//! What a [`Proof`](crate::traits::Proof) is about, and what its sides are handed.
//!
//! A participant proves something of the very values that it contributes; the proof travels behind
//! its payload and is verified before the contribution is accepted. Where the coordinator sees each
//! update, the payload ends with 32 bytes ([`Secret`]) from which whatever hides the update in its
//! commitments follows: so the coordinator recomputes these from the update that it received, and
//! nobody else learns anything from them. Where only sums are opened, what hides the updates is
//! summed beside them instead: the product of the commitments must open to the sum.

use crate::codec;
use crate::data::Shard;
use crate::digest::Digest;
use crate::error::{Error, Refusal};
use crate::ids::ParticipantId;
use crate::limits;
use crate::messages::FitOrder;
use crate::params::{Layout, Params};
use crate::pipeline::Sums;
use crate::plan::Plan;
use crate::traits::{Context, Entropy, Keys};
use std::fmt;
use zeroize::Zeroize;

/// Bytes of a [`Secret`].
pub const SECRET_BYTES: usize = 32;

/// 32 bytes that are gone from memory once dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// Fresh bytes.
    pub fn draw(entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let mut secret = Self([0; 32]);
        entropy.fill(&mut secret.0)?;
        Ok(secret)
    }

    /// These bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A commitment to a participant's data, as it enrols with: 1 to
/// [`limits::COMMITMENT_BYTES`] bytes; shown and serialised in hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Dataset(Vec<u8>);

impl Dataset {
    /// These bytes; refuses none, and too many.
    pub fn new(bytes: Vec<u8>) -> Result<Self, Refusal> {
        match bytes.len() {
            1..=limits::COMMITMENT_BYTES => Ok(Self(bytes)),
            _ => Err(Refusal::Malformed { what: "commitment to data".into() }),
        }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<String> for Dataset {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        let bytes = codec::unhex(&text).ok_or(Refusal::Malformed { what: "hexadecimal".into() })?;
        Self::new(bytes)
    }
}

impl From<Dataset> for String {
    fn from(dataset: Dataset) -> Self {
        codec::hex(&dataset.0)
    }
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dataset({})", codec::hex(&self.0))
    }
}

/// Why nothing can be proved of a plan's updates: the setting that a rule cannot follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unprovable {
    /// Its key, with its table: `training.local_epochs`.
    pub key: &'static str,
    /// What the rule can follow.
    pub expected: String,
    /// What the plan has.
    pub found: String,
    /// What would work, as it can be written into the plan: `local_epochs = 1 in [training]`.
    pub alternatives: Vec<String>,
}

/// What every proof of a run is about.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// The plan: the trainer, its orders, bounds and weights.
    pub plan: &'a Plan,
    /// Of the model.
    pub layout: &'a Layout,
}

impl Statement<'_> {
    /// How updates become integers where only sums are opened; `None` where each is seen.
    pub fn sums(&self) -> Result<Option<Sums>, Error> {
        Ok(self.plan.unproved_channel(self.layout)?.sums)
    }
}

/// How large the proofs of a statement are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Largest proof, in bytes; at most [`PROOF_BYTES`](crate::limits::PROOF_BYTES).
    pub proof_bytes: u64,
    /// Integers that open a sum, each below 2 to the power of [`Sums::digit_bits`]; 0 where each
    /// update is seen.
    pub blindings: usize,
    /// Whether participants enrol with a commitment to their data.
    pub commits: bool,
    /// Whether whoever verifies needs the model that updates began from.
    pub model: bool,
}

/// Keys of nobody: for plans whose proofs need none.
#[derive(Clone, Copy, Debug)]
pub struct NoKeys;

impl Keys for NoKeys {
    fn read(&self, key: Digest) -> Result<Vec<u8>, Error> {
        Err(Error::caller("keys", format!("a folder (--keys) with the key {key}"), "none"))
    }
}

/// Who says what, where and when: every proof is bound to all of it.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// Plan, round and model.
    pub context: Context,
    /// Who proves.
    pub participant: &'a ParticipantId,
    /// The participant's public signing key, 32 bytes; empty in simulations.
    pub signer: &'a [u8],
    /// Drawn by the coordinator for the round.
    pub nonce: Digest,
    /// The commitment to its data that the participant enrolled with; empty where the rule has
    /// none.
    pub dataset: &'a [u8],
    /// The weight of the contribution as its header has it; 1 where nobody is told.
    pub examples: u64,
}

/// An update as it is contributed.
#[derive(Clone, Copy, Debug)]
pub enum Values<'a> {
    /// As the coordinator decodes it.
    Each(&'a [f32]),
    /// As it is summed: levels of the grid of [`Statement::sums`].
    Levels(&'a [i64]),
}

/// What a participant has to prove with.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// What it was told to do.
    pub order: &'a FitOrder,
    /// The model that it began from.
    pub model: &'a Params,
    /// Its examples.
    pub shard: &'a Shard,
    /// What hides them in the commitment to them.
    pub secret: &'a Secret,
    /// What it contributes.
    pub values: Values<'a>,
    /// Fresh for every proof. Travels behind [`Values::Each`]; else nobody is told.
    pub seed: &'a Secret,
}

/// What a prover made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The proof, which may be public.
    pub proof: Vec<u8>,
    /// As many integers as [`Sizes::blindings`] says, which are summed
    /// behind [`Values::Levels`]; else none.
    pub blindings: Vec<u64>,
}

/// One contribution's proof, as whoever verifies it sees it.
#[derive(Clone)]
pub struct Shown<'a> {
    /// What it is bound to.
    pub claim: Claim<'a>,
    /// What the participant was told to do.
    pub order: &'a FitOrder,
    /// The model that it began from; where [`Sizes::model`] says that nobody needs it, perhaps
    /// none.
    pub model: Option<&'a Params>,
    /// The proof.
    pub proof: &'a [u8],
    /// The update and what opens its commitments; `None` where only sums are opened, and for
    /// everybody but the coordinator.
    pub opening: Option<(&'a [f32], &'a Secret)>,
}

/// A sum that was opened, and the proofs of exactly those who are in it.
#[derive(Clone)]
pub struct Summands<'a> {
    /// Proofs, each verified before, in the order of their participants' names.
    pub proofs: &'a [&'a [u8]],
    /// The sums of their levels.
    pub levels: &'a [i64],
    /// The sums of their blindings.
    pub blindings: &'a [u64],
}
