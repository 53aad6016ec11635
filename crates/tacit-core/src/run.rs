//! A run: rounds one after the other, each starting from the model that the last one released.
//! Pure like [`Round`]; what it persists are the rounds' records, each with its round.

use crate::account::{Account, Epsilon};
use crate::digest::Digest;
use crate::error::Error;
use crate::plan::{Cohort, Plan};
use crate::rng::Seed;
use crate::round::{Abort, Action, Entry, Event, Kind, Outcome, ReplayError, Roster, Round, Setup};

/// What a run needs to know of its plan.
#[derive(Clone, Debug)]
pub struct Course {
    /// Digest of the plan.
    pub plan: Digest,
    /// The plan's root seed.
    pub seed: Seed,
    /// Rounds to run, counting aborted ones.
    pub num_rounds: u32,
    /// Accuracy at which training stops early.
    pub target_accuracy: Option<f64>,
    /// Cohort rules.
    pub cohort: Cohort,
    /// Digest of the initial model.
    pub model: Digest,
    /// Size of a model's blob in bytes.
    pub model_bytes: u64,
    /// Whether the strategy has control variates.
    pub control: bool,
    /// What was spent before the first round, where releases have noise.
    pub account: Option<Account>,
    /// The clipping norm of the first round, where it follows a quantile.
    pub clip_norm: Option<f64>,
    /// Nonces of rounds are drawn from it, where participants prove something: a driver that has
    /// peers replaces it by one that they do not know.
    pub nonces: Option<Seed>,
}

impl Course {
    /// The course of a plan from an initial model. Cohorts are drawn from the plan's seed.
    ///
    /// # Errors
    /// Noise that cannot be calibrated, or that passes the budget with its first release.
    pub fn new(plan: &Plan, model: Digest, model_bytes: u64) -> Result<Self, Error> {
        let len = (model_bytes / 4) as usize * plan.vectors();
        let mut account = plan.account(len)?;
        let (rules, budget) = (plan.cohort(), plan.budget().epsilon.unwrap_or(f64::INFINITY));
        let first = |account: &mut Account| account.allows_next(rules, plan.participants());
        if !account.as_mut().map_or(Ok(true), first)? {
            let expected = "a budget that the first round stays within, or more noise";
            return Err(Error::caller("privacy.epsilon", expected, budget.to_string()));
        }
        Ok(Self {
            plan: plan.digest(),
            seed: plan.seed(),
            num_rounds: plan.num_rounds(),
            target_accuracy: plan.evaluation().target_accuracy,
            cohort: plan.cohort().clone(),
            model,
            model_bytes,
            control: plan.control().is_some(),
            account,
            clip_norm: plan.training().quantile.map(|_| plan.training().clip_norm),
            nonces: plan.proof()?.map(|_| plan.seed().derive("tacit/v1/nonces", &[])),
        })
    }
}

/// Why a run is over.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// Every round was run.
    Completed,
    /// The target accuracy was reached.
    TargetReached,
    /// The next round could pass the privacy budget.
    BudgetSpent,
    /// Too many rounds in a row were aborted; the last one's reason.
    Failed(Abort),
}

impl std::fmt::Display for Finish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Finish::Completed => f.write_str("every round was run"),
            Finish::TargetReached => f.write_str("the target accuracy was reached"),
            Finish::BudgetSpent => f.write_str("the next round could pass the privacy budget"),
            Finish::Failed(abort) => write!(f, "too many rounds failed: {abort}"),
        }
    }
}

/// The released model that measured best, on the coordinator's test examples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Best {
    /// The round that released it.
    pub round: u32,
    /// Its accuracy.
    pub accuracy: f64,
    /// Its digest.
    pub model: Digest,
}

impl Best {
    /// The better of what was best and a new outcome; of equals the earlier.
    pub fn of(before: Option<Self>, outcome: &Outcome) -> Option<Self> {
        let Some(accuracy) = outcome.evaluation.as_ref().map(|e| e.accuracy()) else {
            return before;
        };
        match before {
            Some(best) if best.accuracy >= accuracy => before,
            _ => Some(Self { round: outcome.round, accuracy, model: outcome.model }),
        }
    }
}

/// Rounds in sequence.
#[derive(Clone, Debug)]
pub struct Run {
    course: Course,
    round: Round,
    failed_in_a_row: u32,
    released: u32,
    best: Option<Best>,
    finish: Option<Finish>,
}

impl Run {
    /// A run that awaits the cohort of its first round.
    pub fn new(course: Course) -> Self {
        let round = Round::new(Setup {
            round: 1,
            plan: course.plan,
            model: course.model,
            model_bytes: course.model_bytes,
            control: course.control,
            slots: Vec::new(),
            deltas: Vec::new(),
            account: course.account.clone(),
            clip_norm: course.clip_norm,
            nonces: course.nonces,
            nonce: None,
            seed: course.seed,
            rules: course.cohort.clone(),
            roster: Roster::new(),
        });
        Self { course, round, failed_in_a_row: 0, released: 0, best: None, finish: None }
    }

    /// Takes one event and says what to do.
    pub fn step(self, event: Event) -> (Self, Vec<Action>) {
        if self.finish.is_some() && matches!(event.kind, Kind::Enrolled { .. }) {
            // Nobody is drawn any more, and nothing is added to a finished journal.
            return (self, Vec::new());
        }
        let at_ms = event.at_ms;
        let (round, mut actions) = self.round.step(event);
        let mut run = Self { round, ..self };
        if run.advance() {
            actions.extend(run.round.outbox());
            // A full roster lets the next cohort be drawn at once.
            let (round, more) = run.round.step(Event { at_ms, kind: Kind::Tick });
            run.round = round;
            actions.extend(more);
        }
        (run, actions)
    }

    /// Rebuilds a run from its journal.
    pub fn replay<'a>(
        course: Course,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<Self, ReplayError> {
        let mut run = Self::new(course);
        for entry in entries {
            run = run.apply(entry)?;
        }
        Ok(run)
    }

    /// Applies one persisted entry.
    pub fn apply(self, entry: &Entry) -> Result<Self, ReplayError> {
        let expected = self.round.setup().round;
        if entry.round != expected || self.finish.is_some() {
            let (state, record) = ("another round's turn", entry.fact.name());
            return Err(ReplayError { round: entry.round, state, record });
        }
        let mut run = Self { round: self.round.apply(&entry.fact)?, ..self };
        run.advance();
        Ok(run)
    }

    /// Begins the next round if this one is over; false if nothing changed or nothing is left.
    fn advance(&mut self) -> bool {
        if self.finish.is_some() {
            return false;
        }
        let setup = self.round.setup();
        let mut clip_norm = setup.clip_norm;
        let (model, slots, deltas, account) = match &self.round {
            Round::Done(done) => {
                self.failed_in_a_row = 0;
                self.released += 1;
                let outcome = done.outcome();
                self.best = Best::of(self.best, outcome);
                let accuracy = outcome.evaluation.as_ref().map(|e| e.accuracy());
                if let (Some(target), Some(found)) = (self.course.target_accuracy, accuracy)
                    && found >= target
                {
                    self.finish = Some(Finish::TargetReached);
                }
                let account = done.summary().account();
                clip_norm = outcome.clip_norm;
                (outcome.model, outcome.slots.clone(), setup.deltas_after(outcome), account)
            }
            Round::Aborted(aborted) if aborted.is_logged() => {
                self.failed_in_a_row += 1;
                if self.failed_in_a_row >= self.course.cohort.max_failed_rounds {
                    self.finish = Some(Finish::Failed(aborted.abort().clone()));
                }
                let account = aborted.summary().account();
                (setup.model, setup.slots.clone(), setup.deltas.clone(), account)
            }
            _ => return false,
        };
        if self.finish.is_none() && setup.round >= self.course.num_rounds {
            self.finish = Some(Finish::Completed);
        }
        let mut account = account;
        let roster = setup.roster.len().max(setup.rules.participants);
        // An accountant that fails ends training too: nothing may be released unaccounted.
        let allows = |account: &mut Account| account.allows_next(&setup.rules, roster);
        if self.finish.is_none() && !account.as_mut().map_or(Ok(true), allows).unwrap_or(false) {
            self.finish = Some(Finish::BudgetSpent);
        }
        if self.finish.is_some() {
            return false;
        }
        let round = setup.round + 1;
        let before = Setup { nonce: None, ..setup.clone() };
        let next = Setup { round, model, slots, deltas, account, clip_norm, ..before };
        self.round = Round::new(next);
        true
    }

    /// What must be done, again if need be.
    pub fn outbox(&self) -> Vec<Action> {
        // The round before may have been over before its payloads were destroyed.
        let before = self.round.setup().round.saturating_sub(1);
        let forget = (before > 0).then_some(Action::Forget { round: before });
        forget.into_iter().chain(self.round.outbox()).collect()
    }

    /// The current round, or the last one of a finished run.
    pub fn round(&self) -> &Round {
        &self.round
    }

    /// Why the run is over, if it is.
    pub fn finish(&self) -> Option<&Finish> {
        self.finish.as_ref()
    }

    /// The best released model so far, where the coordinator measures any.
    pub fn best(&self) -> Option<Best> {
        self.best
    }

    /// Number of released rounds.
    pub fn released(&self) -> u32 {
        self.released
    }

    /// Digest of the last released model, or of the initial one.
    pub fn model(&self) -> Digest {
        match &self.round {
            Round::Done(done) => done.outcome().model,
            round => round.setup().model,
        }
    }

    /// ε of everything so far, where releases have noise.
    pub fn epsilon(&self) -> Option<Epsilon> {
        match &self.round {
            Round::Done(done) => done.summary().epsilon(),
            Round::Aborted(aborted) => aborted.summary().epsilon(),
            round => round.setup().account.as_ref()?.epsilon().ok().flatten(),
        }
    }

    /// Everybody enrolled.
    pub fn roster(&self) -> &Roster {
        &self.round.setup().roster
    }

    /// What the run needs to know of its plan.
    pub fn course(&self) -> &Course {
        &self.course
    }
}

#[cfg(test)]
mod tests;
