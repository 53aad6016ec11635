//! What participants, coordinator and aggregators write to each other.

use super::Params;
use super::check::{CHECKS, FRAME};
use tacit_core::digest::Digest;
use tacit_core::error::Refusal;
use tacit_core::exchange::SignedMessage;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::traits::Context;

/// Stage of the coordinator's [`CheckOrder`], and of an aggregator's answers.
pub const CHECK: u8 = 0;

/// Stage of the coordinator's [`SumOrder`], and of an aggregator's [`SumReply`].
pub const SUM: u8 = 1;

/// Stage of an aggregator's receipt for a share.
pub const RECEIPT: u8 = 2;

/// Stage under which an aggregator shows its credential.
pub const CREDENTIAL: u8 = 3;

/// Runs of equal frames in one vector: figures, chunks, and a shorter last one, with room for
/// encodings whose chunks differ.
const RUNS: usize = 65_536;

/// Frames of one vector: the chunks of the largest model, and figures.
const FRAMES: u64 = limits::MODEL_VALUES / limits::CHUNK_VALUES as u64 + 1;

/// So many frames of so many integers, numbered one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Number of the first.
    pub first: u32,
    /// How many.
    pub frames: u32,
    /// Integers in each.
    pub integers: u32,
}

/// The frames of a vector, in the order in which they are dealt.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Shape(Vec<Run>);

impl Shape {
    /// Of frames by number, with their integers.
    pub fn new(frames: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut runs: Vec<Run> = Vec::new();
        for (number, integers) in frames {
            match runs.last_mut() {
                Some(run)
                    if run.integers == integers
                        && run.first.checked_add(run.frames) == Some(number) =>
                {
                    run.frames += 1;
                }
                _ => runs.push(Run { first: number, frames: 1, integers }),
            }
        }
        Self(runs)
    }

    /// Every frame by number, with its integers.
    pub fn frames(&self) -> impl Iterator<Item = (u32, usize)> {
        let frames = |run: &Run| {
            let (first, integers) = (run.first, run.integers as usize);
            (0..run.frames).map(move |i| (first.wrapping_add(i), integers))
        };
        self.0.iter().flat_map(frames)
    }

    /// Refuses frames that no vector has.
    pub fn check(&self) -> Result<(), Refusal> {
        let frames = self.0.iter().map(|run| u64::from(run.frames)).fold(0, u64::saturating_add);
        let sound = |run: &Run| {
            let end = u64::from(run.first) + u64::from(run.frames);
            run.frames > 0
                && end <= u64::from(FRAME)
                && run.integers as usize <= limits::CHUNK_VALUES
        };
        if self.0.len() <= RUNS && self.0.iter().all(sound) && frames <= FRAMES {
            return Ok(());
        }
        Err(Refusal::Malformed { what: "frames of a shared vector".into() })
    }

    /// Bytes of the sum of one aggregator's shares.
    pub fn sum_bytes(&self, params: &Params) -> u64 {
        let rows = |run: &Run| u64::from(run.frames) * params.rows(run.integers as usize) as u64;
        8 * self.0.iter().map(rows).sum::<u64>()
    }

    /// Bytes of the share of an aggregator: a seed, or a vector with the rows of the check.
    pub fn share_bytes(&self, params: &Params, aggregator: usize) -> u64 {
        match aggregator < params.privacy() {
            true => 32,
            false => self.sum_bytes(params) + 8 * CHECKS as u64,
        }
    }
}

/// What a participant tells the coordinator of its shares.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// One for each aggregator.
    pub shares: Vec<Dealt>,
}

/// One share.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dealt {
    /// SHA-256 of the share.
    pub digest: Digest,
    /// The aggregator's receipt; none where it could not be reached.
    pub receipt: Option<SignedMessage>,
}

/// What an aggregator signs for: a share of this participant with this digest.
pub fn receipt_body(participant: &ParticipantId, share: &Digest) -> Vec<u8> {
    [participant.as_str().as_bytes(), b" ", share.to_string().as_bytes()].concat()
}

/// The plan that the header of a share names: a share cannot stand for a contribution, nor for the
/// share of another aggregator.
pub fn share_plan(plan: &Digest, aggregator: usize) -> Digest {
    Digest::of_parts("tacit/v1/committee/share", &[&plan.0, &(aggregator as u64).to_le_bytes()])
}

/// The coordinator asks for the answers to a check.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckOrder {
    /// Sums are modulo 2 to this power.
    pub bits: u32,
    /// Frames of every vector.
    pub shape: Shape,
    /// Whose shares are to be summed, sorted.
    pub roster: Vec<ParticipantId>,
    /// Stands for everything that was dealt: what the challenge is drawn from.
    pub fixed: Digest,
}

impl CheckOrder {
    /// Stands for all shares of these participants, in the order of the roster.
    pub fn fix<'a>(context: &Context, manifests: impl Iterator<Item = &'a Manifest>) -> Digest {
        let mut text =
            [&context.plan.0[..], &context.model.0, &context.round.to_le_bytes()].concat();
        for manifest in manifests {
            manifest.shares.iter().for_each(|dealt| text.extend_from_slice(&dealt.digest.0));
        }
        Digest::of_parts("tacit/v1/committee/fixed", &[&text])
    }
}

/// The coordinator asks for the sum.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SumOrder {
    /// Members of the roster whose shares are left out: bad dealers. Sorted.
    pub without: Vec<ParticipantId>,
}

/// An aggregator has its sum ready, as a blob.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SumReply {
    /// SHA-256.
    pub digest: Digest,
    /// Size in bytes.
    pub bytes: u64,
}
