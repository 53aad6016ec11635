//! What goes into a round, what comes out, and what is remembered.

use super::Roster;
use crate::account::{Account, Epsilon, Spent};
use crate::digest::Digest;
use crate::downlink::{self, Delta};
use crate::error::Refusal;
use crate::evidence::Cost;
use crate::exchange::{Ask, SignedMessage, Tally};
use crate::ids::ParticipantId;
use crate::messages::{Evaluation, SignedContribution, Task};
use crate::plan::Cohort;
use crate::proof::Dataset;
use crate::rng::Seed;
use crate::traits::Context;
use std::collections::{BTreeMap, BTreeSet};

/// The facts a round starts from.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Round, from 1.
    pub round: u32,
    /// Digest of the plan.
    pub plan: Digest,
    /// Digest of the model before the round.
    pub model: Digest,
    /// Size of the model's blob in bytes.
    pub model_bytes: u64,
    /// Digests of what the aggregator remembers, then of the strategy's persistent vectors, the
    /// server's control variate last; empty before the first release.
    pub slots: Vec<Digest>,
    /// Whether the strategy has control variates.
    pub control: bool,
    /// The last steps that led to the model, the newest last; empty where models travel whole.
    pub deltas: Vec<Delta>,
    /// Cohorts are drawn from it: the plan's root seed, or a secret one where the plan's privacy
    /// rests on nobody knowing who was drawn.
    pub seed: Seed,
    /// What releases have cost so far, where they have noise.
    pub account: Option<Account>,
    /// The clipping norm of this round, where it follows a quantile.
    pub clip_norm: Option<f64>,
    /// Nonces are drawn from it, where participants prove something: known to the coordinator
    /// alone.
    pub nonces: Option<Seed>,
    /// What proofs of this round are bound to, once its cohort is drawn.
    pub nonce: Option<Digest>,
    /// Cohort rules of the plan.
    pub rules: Cohort,
    /// Everybody enrolled so far.
    pub roster: Roster,
}

impl Setup {
    /// What binds everything that is made for the round.
    pub fn context(&self) -> Context {
        Context { plan: self.plan, round: self.round, model: self.model }
    }

    /// The task offered to every member of the cohort.
    pub fn task(&self) -> Task {
        Task {
            round: self.round,
            plan: self.plan,
            model: self.model,
            model_bytes: self.model_bytes,
            control: self.slots.last().copied().filter(|_| self.control),
            deltas: self.deltas.clone(),
            clip_norm: self.clip_norm,
            nonce: self.nonce,
        }
    }

    /// A nonce that nobody else knows before the round is opened.
    pub(super) fn draw_nonce(&self) -> Option<Digest> {
        let (round, model) = (self.round.to_le_bytes(), self.model.0);
        let drawn = self.nonces?.derive("tacit/v1/nonce", &[&round, &model]);
        Some(Digest(drawn.to_bytes()))
    }

    /// The account after this round: a release, or an abort after so many contributions.
    pub fn account_after(
        &self,
        result: &Result<Outcome, Abort>,
        contributions: usize,
    ) -> Option<Account> {
        let mut account = self.account.clone()?;
        if let Some(spent) = self.spent(result, contributions) {
            account.add(spent);
        }
        Some(account)
    }

    /// What this round spends.
    pub fn spent(&self, result: &Result<Outcome, Abort>, contributions: usize) -> Option<Spent> {
        let account = self.account.as_ref()?;
        let (rules, roster) = (&self.rules, self.roster.len());
        match result {
            Ok(outcome) => Some(account.release(outcome.cost, rules, roster)),
            Err(_) => account.aborted(rules, roster, contributions),
        }
    }

    /// The steps that the round after a release begins with.
    pub fn deltas_after(&self, outcome: &Outcome) -> Vec<Delta> {
        downlink::kept(&self.deltas, outcome.delta.as_ref(), self.model_bytes)
    }
}

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Milliseconds since the Unix epoch, by the driver's clock.
    pub at_ms: u64,
    /// What happened.
    pub kind: Kind,
}

/// What can happen to a round.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Time passed.
    Tick,
    /// A participant enrolled, or returned.
    Enrolled {
        /// Who.
        participant: ParticipantId,
        /// The commitment to its data, where the plan asks for one.
        dataset: Option<Dataset>,
    },
    /// A participant holds the round's model and begins to train.
    Received {
        /// Who.
        participant: ParticipantId,
        /// For which round.
        round: u32,
    },
    /// A contribution is complete, checked and durable in the spool.
    Contributed(SignedContribution),
    /// A message of a stage is checked and durable in the spool.
    Said(SignedMessage),
    /// A participant cannot do its task.
    Declined {
        /// Who.
        participant: ParticipantId,
        /// For which round.
        round: u32,
        /// Its words, at most [`limits::REASON_BYTES`](crate::limits::REASON_BYTES).
        why: String,
    },
    /// The driver refused bytes of a participant before they became a contribution.
    Refused {
        /// Who.
        participant: ParticipantId,
        /// Why.
        refusal: Refusal,
    },
    /// The new model is computed and durable.
    Aggregated(Outcome),
    /// The new model could not be computed.
    AggregationFailed {
        /// For which round.
        round: u32,
        /// Why.
        why: String,
    },
    /// The round's summary is in the transparency log.
    Logged {
        /// For which round.
        round: u32,
        /// Index of the entry.
        index: u64,
    },
    /// The new model is public.
    Published {
        /// For which round.
        round: u32,
    },
}

/// What the driver must do. All actions are idempotent and are carried out in order; nothing
/// after a `Persist` may happen before it is durable.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make the fact durable.
    Persist(Entry),
    /// Wake the state with a [`Kind::Tick`] when this time has passed; replaces an earlier timer.
    SetTimer {
        /// From now, in milliseconds.
        after_ms: u64,
    },
    /// Give the task to every one of these when they ask.
    Offer {
        /// The task.
        task: Task,
        /// Members that have not answered it.
        to: Vec<ParticipantId>,
    },
    /// Ask every one of these for its message of a stage.
    Ask {
        /// Round and stage.
        ask: Ask,
        /// Members that have not spoken.
        to: Vec<ParticipantId>,
    },
    /// Tell the participant that its contribution cannot be lost any more.
    Acknowledge {
        /// Who.
        participant: ParticipantId,
        /// Digest of the contribution.
        contribution: Digest,
    },
    /// Tell the participant why not, and count it.
    Refuse {
        /// Who.
        participant: ParticipantId,
        /// Why.
        refusal: Refusal,
    },
    /// Compute the next model from these contributions, in this order.
    Aggregate {
        /// Round, plan, model and slots to start from.
        setup: Box<Setup>,
        /// Sorted by participant.
        contributions: Vec<SignedContribution>,
    },
    /// Append the summary to the transparency log, once.
    Log(Box<Summary>),
    /// Make the released model public.
    Publish {
        /// The round.
        round: u32,
        /// The model after it.
        model: Digest,
    },
    /// Destroy the round's key and spooled payloads.
    Forget {
        /// The round.
        round: u32,
    },
}

/// A durable fact of a round. The log of these is what a restarted coordinator resumes from and
/// what the auditor replays.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Record {
    /// A participant joined the roster.
    Enrolled {
        /// Who.
        participant: ParticipantId,
        /// The commitment to its data, where the plan asks for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dataset: Option<Dataset>,
    },
    /// The cohort is drawn.
    Opened {
        /// When, in milliseconds since the Unix epoch.
        at_ms: u64,
        /// Sorted names.
        cohort: Vec<ParticipantId>,
        /// What proofs of the round are bound to, where participants prove something.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nonce: Option<Digest>,
    },
    /// Collecting begins.
    Distributed {
        /// When, in milliseconds since the Unix epoch.
        at_ms: u64,
    },
    /// A contribution counts.
    Accepted {
        /// With its signature.
        signed: SignedContribution,
    },
    /// A message of a stage counts.
    Said {
        /// With its signature.
        signed: SignedMessage,
    },
    /// No more messages of a stage.
    Heard {
        /// From 0.
        stage: u8,
    },
    /// A member that contributed says no more.
    Left {
        /// Who.
        participant: ParticipantId,
    },
    /// A member of the cohort will not contribute.
    Declined {
        /// Who.
        participant: ParticipantId,
        /// Its words.
        why: String,
    },
    /// Something was refused.
    Refused {
        /// Whose.
        participant: ParticipantId,
        /// Label of the reason.
        reason: String,
    },
    /// No more contributions.
    Closed {
        /// When, in milliseconds since the Unix epoch.
        at_ms: u64,
    },
    /// The next model exists.
    Aggregated {
        /// What was computed.
        outcome: Outcome,
    },
    /// The summary is logged.
    Logged {
        /// Index in the transparency log.
        index: u64,
    },
    /// The model is public; the round is over.
    Released,
    /// The round ends without a release.
    Aborted {
        /// Why.
        abort: Abort,
    },
}

/// One entry of a run's journal.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Round, from 1.
    pub round: u32,
    /// What became true.
    pub fact: Record,
}

/// Why a round ended without a release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[serde(tag = "why", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Abort {
    /// Too few enrolled in time.
    #[error("{found} participants enrolled in time, expected at least {expected}")]
    TooFewEnrolled {
        /// Minimum of the plan.
        expected: usize,
        /// Enrolled.
        found: usize,
    },
    /// Random sampling drew too few.
    #[error("the draw gave a cohort of {found}, expected at least {expected}")]
    CohortTooSmall {
        /// Minimum of the plan.
        expected: usize,
        /// Drawn.
        found: usize,
    },
    /// Too few contributed in time, or too many declined.
    #[error("{found} contributions, expected at least {expected}")]
    TooFewContributions {
        /// Minimum of the plan.
        expected: usize,
        /// Accepted.
        found: usize,
    },
    /// Too few contributed what they could prove.
    #[error("{found} contributions with a proof, expected at least {expected}; {refused} refused")]
    TooFewProved {
        /// Minimum of the plan.
        expected: usize,
        /// Accepted.
        found: usize,
        /// Proofs that were refused.
        refused: u64,
    },
    /// Too few said what a stage needs in time.
    #[error("{found} messages of stage {stage}, expected at least {expected}")]
    TooFewMessages {
        /// From 0.
        stage: u8,
        /// What the protection needs.
        expected: usize,
        /// Heard.
        found: usize,
    },
    /// The next model could not be computed.
    #[error("aggregation failed: {cause}")]
    AggregationFailed {
        /// Why.
        cause: String,
    },
}

/// What aggregation gave.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// The round.
    pub round: u32,
    /// Digest of the model after it.
    pub model: Digest,
    /// Digests of the strategy's persistent vectors after it.
    pub slots: Vec<Digest>,
    /// The step to the model, where the plan has steps travel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<Delta>,
    /// Whose updates the aggregate was made from, ascending, for a rule that selects some of them
    /// and under a protection that shows whose is whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<Vec<ParticipantId>>,
    /// Privacy cost, already recorded.
    pub cost: Cost,
    /// The clipping norm of the next round, where it follows a quantile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Figures of the cohort, where only sums are opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tally: Option<Box<Tally>>,
    /// The new model on the coordinator's held-out examples.
    pub evaluation: Option<Evaluation>,
    /// Requests turned away before they belonged to a participant, by reason.
    pub turned_away: BTreeMap<String, u64>,
    /// Bytes received from participants during the round, as counted by the driver.
    pub bytes_up: u64,
    /// Bytes sent to participants during the round.
    pub bytes_down: u64,
    /// Time spent aggregating and evaluating, in milliseconds.
    pub aggregate_ms: u64,
    /// Time spent verifying proofs, in milliseconds, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_ms: Option<u64>,
    /// The sum that was opened and is that of what was proved, a blob; absent where it is more
    /// than the release tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<Digest>,
}

/// What the transparency log and the history say of a round that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The facts it started from; the roster is the one that the cohort was drawn from.
    pub setup: Setup,
    /// Drawn participants.
    pub cohort: Vec<ParticipantId>,
    /// Counted contributions, sorted by participant.
    pub accepted: Vec<SignedContribution>,
    /// Members that declined, with their words.
    pub declined: BTreeMap<ParticipantId, String>,
    /// Refusals by reason.
    pub refusals: BTreeMap<String, u64>,
    /// Whose proofs were refused.
    pub unproved: BTreeSet<ParticipantId>,
    /// When the cohort was drawn, in milliseconds since the Unix epoch.
    pub opened_ms: u64,
    /// When collecting ended, in milliseconds since the Unix epoch.
    pub closed_ms: u64,
    /// The release, or why there is none.
    pub result: Result<Outcome, Abort>,
}

impl Summary {
    /// The account after the round.
    pub fn account(&self) -> Option<Account> {
        self.setup.account_after(&self.result, self.accepted.len())
    }

    /// What the round spent, where releases have noise.
    pub fn spent(&self) -> Option<Spent> {
        self.setup.spent(&self.result, self.accepted.len())
    }

    /// ε of everything up to this round; `None` without noise or where the accountant fails.
    pub fn epsilon(&self) -> Option<Epsilon> {
        self.account()?.epsilon().ok().flatten()
    }
}

impl PartialEq for Setup {
    fn eq(&self, other: &Self) -> bool {
        (self.round, self.plan, self.model, &self.slots, &self.roster)
            == (other.round, other.plan, other.model, &other.slots, &other.roster)
    }
}

/// A log that no round can have written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("round {round} cannot take the record {record} while {state}")]
pub struct ReplayError {
    /// The round.
    pub round: u32,
    /// Its state.
    pub state: &'static str,
    /// The record, named.
    pub record: &'static str,
}

impl Record {
    /// The record's name, as in its canonical bytes.
    pub fn name(&self) -> &'static str {
        match self {
            Record::Enrolled { .. } => "enrolled",
            Record::Opened { .. } => "opened",
            Record::Distributed { .. } => "distributed",
            Record::Accepted { .. } => "accepted",
            Record::Said { .. } => "said",
            Record::Heard { .. } => "heard",
            Record::Left { .. } => "left",
            Record::Declined { .. } => "declined",
            Record::Refused { .. } => "refused",
            Record::Closed { .. } => "closed",
            Record::Aggregated { .. } => "aggregated",
            Record::Logged { .. } => "logged",
            Record::Released => "released",
            Record::Aborted { .. } => "aborted",
        }
    }
}
