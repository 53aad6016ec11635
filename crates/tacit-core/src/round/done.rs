//! The round is over and its model released; spooled updates are destroyed.

use super::open::Open;
use super::vocabulary::{Action, Event, Outcome, Record, Setup, Summary};
use super::{Applied, Decision, Round, collecting};

/// See [`Round::Done`].
#[derive(Clone, Debug)]
pub struct Done {
    pub(super) setup: Setup,
    open: Open,
    outcome: Outcome,
    summary: Box<Summary>,
}

impl Done {
    pub(super) fn new(setup: Setup, open: Open, outcome: Outcome, summary: Box<Summary>) -> Self {
        Self { setup, open, outcome, summary }
    }

    /// What was released.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// What is said of the round.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    pub(super) fn open(&self) -> &Open {
        &self.open
    }

    pub(super) fn observe(&mut self, _event: &Event) {}

    pub(super) fn decide(&self, event: &Event) -> Decision {
        let answer = collecting::answer_late(&self.setup, &self.open, &event.kind);
        answer.map(Decision::reply).unwrap_or_default()
    }

    pub(super) fn apply(self, _record: &Record) -> Applied {
        Err(Box::new(Round::Done(self)))
    }

    pub(super) fn outbox(&self) -> Vec<Action> {
        vec![Action::Forget { round: self.setup.round }]
    }
}
