//! Every rule: pure, registered by name and chosen by the plan. The effects that are handed in are
//! in [`ports`](crate::ports); both together are every seam of the system.

use crate::account::{Epsilon, Spent};
use crate::bound::Bound;
use crate::compress::{Form, Grid, Place, Signal};
use crate::data::Shard;
use crate::error::{Error, Refusal};
use crate::evidence::Cost;
use crate::exchange::{Letter, Stages, Terms};
use crate::ids::ParticipantId;
use crate::messages::{Evaluation, FitOrder};
use crate::params::Params;
use crate::plan::Plan;
pub use crate::ports::*;
use crate::proof::{Claim, Proved, Secret, Shown, Sizes, Statement, Summands, Unprovable, Work};
use crate::rng::Seed;
pub use crate::seen::{Calibration, Context, Fitted, Opened, Party, Rows, View};
use std::sync::Arc;

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
    /// The levels, where every sender has the same.
    fn grid(&self) -> Option<Grid> {
        None
    }
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
    /// How sums are made of which nobody sees a term: where single updates are hidden.
    fn exchange(&self) -> Option<&dyn Exchange> {
        None
    }
}

/// Sums of vectors of integers modulo a power of two, of which nobody sees a term. What members
/// and coordinator send to each other is in [`exchange`](crate::exchange).
pub trait Exchange: Send + Sync {
    /// When members talk.
    fn stages(&self, terms: &Terms) -> Stages;
    /// Sums that are opened: one, or one for each group of a cohort.
    fn rows(&self) -> usize {
        1
    }
    /// Bits of one member's integers, with their sign, where neither noise nor compression says.
    fn resolution(&self) -> u32;
    /// Refuses terms under which it would not be sound, or would seldom end; else says what they
    /// promise, in plain words.
    fn promise(&self, terms: &Terms) -> Result<String, Error>;
    /// Whether it also sums what opens commitments to updates, so that sums can be proved.
    fn blinds(&self) -> bool;
    /// Bytes of a sealed frame of `count` integers modulo 2 to the power of `bits`.
    fn frame_bytes(&self, bits: u32, count: usize) -> usize;
    /// The credential that a message says its sender has, where it does: whoever takes the message
    /// checks that first, as others will.
    fn credential(&self, _letter: &Letter) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(None)
    }
    /// A participant's side of one round.
    fn member(&self, terms: &Terms, notary: Arc<dyn Notary>) -> Result<Box<dyn Member>, Error>;
    /// The coordinator's side of one round; `cohort` is sorted.
    fn table(&self, terms: &Terms, cohort: &[ParticipantId]) -> Result<Box<dyn Table>, Error>;
}

/// One participant in an [`Exchange`]; its secrets are gone when it is dropped.
pub trait Member: Send {
    /// Its message of a stage, each once and in order; refuses mail that no honest coordinator
    /// sends.
    #[rustfmt::skip]
    fn say(&mut self, stage: u8, mail: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, Error>;
    /// Appends what travels of the integers of frame number `frame`, which it overwrites.
    #[rustfmt::skip]
    fn seal(&mut self, frame: u32, integers: &mut [u64], out: &mut Vec<u8>) -> Result<(), Error>;
}

/// The coordinator in an [`Exchange`]. It is deterministic: what was heard and closed is heard and
/// closed again after a crash.
pub trait Table: Send + Sync {
    /// Takes a message whose signature holds; refuses one that the stage cannot use.
    fn hear(&mut self, letter: &Letter) -> Result<(), Refusal>;
    /// No more messages of a stage.
    fn close(&mut self, stage: u8) -> Result<(), Error>;
    /// No more contributions than those of `roster`, sorted.
    fn contributed(&mut self, roster: &[ParticipantId]) -> Result<(), Error>;
    /// What a member is handed before its message of a stage.
    fn mail(&self, stage: u8, to: &ParticipantId) -> Result<Vec<u8>, Error>;
    /// Makes ready to open sums, once every stage is closed; errors name whoever is to blame.
    fn open(&self) -> Result<Box<dyn Opening>, Error>;
}

/// Opens the sums of one round, frame by frame.
pub trait Opening: Send {
    /// Contributions in each of the sums; no more in all than were accepted.
    fn members(&self) -> Result<&[usize], Error>;
    /// Which of the sums a sender is in.
    fn row(&self, sender: &ParticipantId) -> Option<usize>;
    /// Begins a frame of `count` integers.
    fn begin(&mut self, frame: u32, count: usize) -> Result<(), Error>;
    /// Adds what `sender` sealed of the frame; each sender once, in any order.
    fn add(&mut self, sender: &ParticipantId, sealed: &[u8]) -> Result<(), Refusal>;
    /// The sums of the frame, one for each of [`Exchange::rows`].
    fn finish(&mut self) -> Result<&[Vec<u64>], Error>;
}

/// Makes releases differentially private. Entropy is the system's, never the plan's seed.
pub trait Mechanism: Send + Sync {
    /// Who adds the noise.
    fn by(&self) -> Party;
    /// Whether the noise is integer-valued, as masks need.
    fn discrete(&self) -> bool;
    /// Whether it has noise for the count of updates within the norm, and [`Mechanism::cost`]
    /// knows of that.
    fn counts(&self) -> bool {
        false
    }
    /// What one release costs; refuses what the noise cannot be calibrated to.
    fn cost(&self, of: &Calibration) -> Result<Cost, Error>;
    /// How many values travel for an update of `of.len`, and their bound.
    fn sent(&self, of: &Calibration) -> (usize, Bound) {
        (of.len, of.bound)
    }
    /// Integers modulo 2 to this power travel, in units of what is returned second, where noise is
    /// added in shares.
    fn ring(&self) -> Option<(u32, f64)> {
        None
    }
    /// Participant: turns a clipped update into what travels, and with it, where noise in shares is
    /// to count them, whether it was within the norm.
    #[rustfmt::skip]
    fn share(&self, _: &Calibration, _: &mut Vec<f32>, _within: bool, _: &mut dyn Entropy)
        -> Result<(), Error> {
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

/// Decides what participants prove of what they contribute; [`proof`](crate::proof) tells how.
pub trait Proof: Send + Sync {
    /// What the coordinator must see of updates.
    fn needs(&self) -> View;
    /// Refuses a plan of whose updates it has nothing to say.
    fn check(&self, plan: &Plan) -> Result<(), Unprovable>;
    /// How large its proofs are; refuses what is too long for it.
    fn sizes(&self, of: &Statement<'_>) -> Result<Sizes, Error>;
    /// Brings a clipped update to values that it can speak of; none may grow.
    fn settle(&self, _update: &mut [f32]) {}
    /// A commitment to examples, hidden by `secret`: what a participant enrols with, if anything.
    fn commit(&self, _: &Plan, _: &Shard, _secret: &Secret) -> Result<Option<Vec<u8>>, Error> {
        Ok(None)
    }
    /// A participant's side of a run.
    fn prover(&self, of: &Statement<'_>, keys: &dyn Keys) -> Result<Box<dyn Prover>, Error>;
    /// The side of whoever verifies.
    fn verifier(&self, of: &Statement<'_>, keys: &dyn Keys) -> Result<Box<dyn Verifier>, Error>;
}

/// Makes one proof at a time; keeps nothing of whose they are between calls.
pub trait Prover: Send {
    /// A proof that holds of this claim only.
    #[rustfmt::skip]
    fn prove(&mut self, claim: &Claim<'_>, work: &Work<'_>, entropy: &mut dyn Entropy)
        -> Result<Proved, Error>;
}

/// Checks what [`Prover`]s made.
pub trait Verifier: Send + Sync {
    /// One verdict for each, in order: one bad proof among many spoils no other.
    fn verify(&self, shown: &[Shown<'_>]) -> Result<Vec<Result<(), Refusal>>, Error>;
    /// Refuses a sum that is not the sum of what was proved.
    fn verify_sum(&self, sum: &Summands<'_>) -> Result<(), Error>;
}
