//! Every seam of the system. Two families: *rules* are pure, registered by name and chosen by the
//! plan; *ports* are effects, handed in by whoever drives a round.

use crate::account::{Epsilon, Spent};
use crate::bound::Bound;
use crate::compress::{Form, Place, Signal};
use crate::data::Shard;
use crate::digest::Digest;
use crate::error::{Error, Refusal};
use crate::evidence::{Cost, Spend};
use crate::kept::Kept;
use crate::messages::{Checkpoint, Contribution, Evaluation, FitOrder, Offer, SignedContribution};
use crate::params::{Params, Update};
use crate::rng::Seed;
pub use crate::seen::{Calibration, Context, Opened, Party, Rows, View};

// ---------------------------------------------------------------------------------- rules

/// What one participant's training gave.
#[derive(Debug)]
pub struct Fitted {
    /// Local minus global parameters.
    pub update: Update,
    /// Mean training loss over the last local epoch.
    pub loss: f64,
    /// Optimiser steps that were taken; 0 where a trainer does not tell.
    pub steps: u64,
}

/// Learns on one participant's examples at a time; keeps nothing but scratch between calls.
pub trait Trainer: Send {
    /// The model before the first round: the same on every machine for one seed.
    fn initialise(&mut self, seed: Seed) -> Result<Params, Error>;
    /// Local training from `model`; deterministic for `order.seed`.
    fn fit(&mut self, order: &FitOrder, model: &Params, shard: &Shard) -> Result<Fitted, Error>;
    /// Accuracy and mean loss of `model`.
    fn evaluate(&mut self, model: &Params, shard: &Shard) -> Result<Evaluation, Error>;
}

/// Turns released aggregates into the next model.
pub trait Strategy: Send + Sync {
    /// Vectors of the model's length that persist between rounds (momentum, second moment).
    fn slots(&self) -> usize {
        0
    }
    /// Changes to the participants' orders (FedProx sets `proximal_mu`).
    fn adjust(&self, _order: &mut FitOrder) {}
    /// Applies one chunk: `model` and every slot have the length of `aggregate`; `round` from 1.
    fn apply(&self, round: u32, aggregate: &[f32], model: &mut [f32], slots: &mut [&mut [f32]]);
    /// Control variates, where the strategy has them.
    fn control(&self) -> Option<&dyn Control> {
        None
    }
}

/// A strategy whose participants correct their steps (SCAFFOLD). The server hands out a variate
/// with the model; how a participant's own changed travels behind its update. Both start at zero.
pub trait Control: Send + Sync {
    /// What is added to every local gradient.
    fn correction(&self, server: &[f32], mine: &[f32]) -> Vec<f32>;
    /// The participant's next variate, written over the last one.
    #[rustfmt::skip]
    fn renew(&self, order: &FitOrder, fitted: &Fitted, correction: &[f32], mine: &mut [f32])
        -> Result<(), Error>;
    /// Applies one chunk of the changes of a share `participation` of all participants.
    fn absorb(&self, participation: f64, change: &[f32], server: &mut [f32]);
}

/// Turns many updates into one, chunk by chunk.
pub trait Aggregator: Send {
    /// What the rule must see of the updates.
    fn needs(&self) -> View;
    /// Smallest cohort for which the rule is defined.
    fn minimum(&self) -> usize {
        1
    }
    /// Whether it is given what the round before released.
    fn remembers(&self) -> bool {
        false
    }
    /// Begins a cohort. `seed` depends on all contributions, so nobody who sends one knows it.
    fn begin(&mut self, _seed: Seed) {}
    /// How often [`Aggregator::survey`] must see every chunk before the first is aggregated.
    fn surveys(&self) -> usize {
        0
    }
    /// A pass of a rule that compares whole updates: sees each chunk once, in order.
    fn survey(&mut self, _pass: usize, _rows: &Rows<'_>) -> Result<(), Error> {
        Ok(())
    }
    /// Adds rows to the current chunk: the cohort in one call, or where [`View::Sum`] is enough
    /// in several, in any order and grouping, with the same result.
    fn fold(&mut self, rows: &Rows<'_>) -> Result<(), Error>;
    /// Writes the current chunk and makes ready for the next.
    fn finish(&mut self, out: &mut [f32]) -> Result<(), Error>;
    /// The rows that a selecting rule made its result from, ascending, once a chunk is folded.
    fn selected(&self) -> Option<Vec<u32>> {
        None
    }
}

/// Makes other rows of a cohort's updates, which a robust rule then aggregates.
pub trait PreAggregator: Send {
    /// How many rows it makes of `rows`.
    fn rows(&self, rows: usize) -> usize;
    /// Smallest cohort of which it makes at least `rows`.
    fn minimum(&self, rows: usize) -> usize;
    /// Begins a cohort; see [`Aggregator::begin`].
    fn begin(&mut self, seed: Seed);
    /// How often [`PreAggregator::survey`] must see every chunk before the first is mixed.
    fn passes(&self) -> usize {
        0
    }
    /// A pass of a rule that compares whole updates.
    fn survey(&mut self, _pass: usize, _rows: &[&[f32]]) -> Result<(), Error> {
        Ok(())
    }
    /// Writes the current chunk of every row that it makes.
    fn mix(&mut self, rows: &[&[f32]], out: &mut [Vec<f32>]) -> Result<(), Error>;
    /// The rows that went into row `row`, once a chunk is mixed.
    fn sources(&self, row: u32) -> Vec<u32>;
}

/// One stage of an encoding: gives what travels of a chunk another [`Form`], and the way back.
pub trait Compressor: Send + Sync {
    /// What becomes of a form; refuses one that the stage cannot follow.
    fn form(&self, form: Form) -> Result<Form, Error>;
    /// Whether the encoding hides nothing in its positions and adds up under masks.
    fn additive(&self) -> bool;
    /// Whether the sender must add to its next update what the stage dropped of this one.
    fn feedback(&self) -> bool {
        false
    }
    /// Sender: turns a signal of `place.form` into one of the stage's.
    fn forward(&self, place: &Place, signal: &mut Signal) -> Result<(), Error>;
    /// Receiver: the way back; refuses what no sender can have made.
    fn backward(&self, place: &Place, signal: &mut Signal) -> Result<(), Refusal>;
    /// What writes the bytes instead of [`Fields`](crate::compress::Fields), if the stage does.
    fn coder(&self) -> Option<&dyn Coder> {
        None
    }
}

/// Writes a signal as bytes.
pub trait Coder: Send + Sync {
    /// Largest encoding of a signal of this form, in bytes.
    fn max_bytes(&self, form: &Form) -> usize;
    /// Appends the encoding.
    fn write(&self, form: &Form, signal: &Signal, out: &mut Vec<u8>);
    /// Reads a whole encoding; refuses anything else.
    fn read(&self, form: &Form, bytes: &[u8], signal: &mut Signal) -> Result<(), Refusal>;
}

/// Decides who may see a single update.
pub trait Protection: Send + Sync {
    /// What the aggregator sees.
    fn reveals(&self) -> View;
    /// Participant: turns the encoded chunk number `chunk` into what travels.
    fn protect(&self, context: &Context, chunk: u32, encoded: &mut Vec<u8>) -> Result<(), Error>;
    /// Aggregator: turns the frames of one chunk into encoded chunks: one per frame, in order,
    /// where [`View::Each`] or [`View::EachSealed`] is revealed, else their sum alone.
    fn open(&self, context: &Context, chunk: u32, frames: &mut Vec<Vec<u8>>) -> Result<(), Error>;
}

/// Makes releases differentially private. Entropy is the system's, never the plan's seed.
pub trait Mechanism: Send + Sync {
    /// Who adds the noise.
    fn by(&self) -> Party;
    /// Whether the noise is integer-valued, as masks need.
    fn discrete(&self) -> bool;
    /// Whether [`Mechanism::open`] has noise for counts, and [`Mechanism::cost`] counts it.
    fn counts(&self) -> bool {
        false
    }
    /// What one release costs; refuses what the noise cannot be calibrated to.
    fn cost(&self, of: &Calibration) -> Result<Cost, Error>;
    /// How many values travel for an update of `of.len`, and their bound.
    fn sent(&self, of: &Calibration) -> (usize, Bound) {
        (of.len, of.bound)
    }
    /// Participant: turns a clipped update into what travels.
    fn share(&self, _: &Calibration, _: &mut Vec<f32>, _: &mut dyn Entropy) -> Result<(), Error> {
        Ok(())
    }
    /// Coordinator: turns the mean over `of.size` of what travelled into an aggregate.
    fn open(&self, _: &Calibration, _: &mut Opened, _: &mut dyn Entropy) -> Result<(), Error> {
        Ok(())
    }
}

/// Composes the costs of releases.
pub trait Accountant: Send + Sync {
    /// ε at `delta` of these, each so many times; refuses what it cannot bound.
    fn epsilon(&self, spent: &[(Spent, u64)], delta: f64) -> Result<Epsilon, Error>;
}

/// Proves a statement about the very bytes that are contributed.
pub trait Prover: Send {
    /// A proof bound to the contribution.
    fn prove(&mut self, of: &Contribution, update: &Update) -> Result<Vec<u8>, Error>;
}

/// Checks what a [`Prover`] made.
pub trait Verifier: Send + Sync {
    /// Refuses a proof that does not hold.
    fn verify(&self, of: &Contribution, proof: &[u8]) -> Result<(), Refusal>;
}

// ---------------------------------------------------------------------------------- ports

/// Time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch; may jump.
    fn now_ms(&self) -> u64;
}

/// Unpredictable bytes.
pub trait Entropy: Send {
    /// Fills `bytes` from a cryptographic source.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// Privacy costs, in the same store as everything they must agree with.
pub trait Ledger {
    /// Records the cost of releasing `round`; recording it again after a crash counts once.
    fn record(&mut self, round: u32, spend: Spend) -> Result<(), Error>;
}

/// An append-only log of records.
pub trait Journal: Send + Sync {
    /// Appends all of `records` or none; durable when it returns.
    fn append(&self, records: &[Vec<u8>]) -> Result<(), Error>;
    /// Every record, in order.
    fn replay(&self) -> Result<Vec<Vec<u8>>, Error>;
}

/// Content-addressed bytes.
pub trait Blobs: Send + Sync {
    /// Stores bytes under their digest; durable when it returns.
    fn put(&self, bytes: &[u8]) -> Result<Digest, Error>;
    /// Length in bytes, or `None` if absent.
    fn size(&self, digest: Digest) -> Result<Option<u64>, Error>;
    /// Fills `out` from `offset`.
    fn read(&self, digest: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error>;
    /// Deletes a blob; absent is fine.
    fn remove(&self, digest: Digest) -> Result<(), Error>;
}

/// Received payloads of a round, unreadable once its key is destroyed.
pub trait Spool: Send + Sync {
    /// Fills `out` from `offset` of the payload of an accepted contribution.
    fn read(&self, payload: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error>;
    /// Destroys the round's key and payloads.
    fn forget(&self, round: u32) -> Result<(), Error>;
}

/// At most one coordinator writes at a time.
pub trait Lease: Send + Sync {
    /// Refuses when another process holds the lease.
    fn hold(&self) -> Result<(), Error>;
}

/// Everything a coordinator must not lose.
pub trait Store: Lease + Journal + Blobs + Spool {}
impl<T: Lease + Journal + Blobs + Spool> Store for T {}

/// What a participant keeps between rounds: a round that is done again after a crash begins from
/// what was kept before it.
pub trait Memory: Send {
    /// The state kept last before `round`, if any.
    fn recall(&mut self, round: u32) -> Result<Option<Kept>, Error>;
    /// Keeps the state made in `round`; durable when it returns.
    fn keep(&mut self, round: u32, kept: &Kept) -> Result<(), Error>;
    /// Drops the state made in `round`, whose contribution does not count.
    fn drop_round(&mut self, round: u32) -> Result<(), Error>;
}

/// How a participant reaches its coordinator.
pub trait Transport: Send {
    /// Waits for work.
    fn next_task(&mut self) -> Result<Offer, Error>;
    /// Fetches a vector of the current task, named by `digest`, and checks its bytes against it.
    fn fetch(&mut self, digest: Digest) -> Result<Vec<u8>, Error>;
    /// Delivers a contribution; returns once the coordinator can no longer lose it.
    fn deliver(&mut self, contribution: &SignedContribution, payload: &[u8]) -> Result<(), Error>;
    /// Reports that this round's task cannot be done.
    fn decline(&mut self, round: u32, why: &str) -> Result<(), Error>;
}

/// Remembers the last state of a log and refuses a history that does not extend it.
pub trait Witness: Send {
    /// Verifies that `next` extends what was seen before; then remembers and co-signs it.
    fn cosign(&mut self, next: &Checkpoint, consistency: &[Digest]) -> Result<Vec<u8>, Error>;
}

/// Produces evidence of the code that runs.
pub trait Attester: Send {
    /// Bound to `nonce`.
    fn attest(&mut self, nonce: Digest) -> Result<Vec<u8>, Error>;
}
