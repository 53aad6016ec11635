//! The round ended without a release; awaits only that the log says so.

use super::vocabulary::{Abort, Action, Event, Kind, Record, Setup, Summary};
use super::{Applied, Decision, Round};
use crate::error::Refusal;

/// See [`Round::Aborted`].
#[derive(Clone, Debug)]
pub struct Aborted {
    pub(super) setup: Setup,
    abort: Abort,
    summary: Box<Summary>,
    logged: bool,
}

impl Aborted {
    pub(super) fn new(setup: Setup, abort: Abort, summary: Box<Summary>) -> Self {
        Self { setup, abort, summary, logged: false }
    }

    /// Why.
    pub fn abort(&self) -> &Abort {
        &self.abort
    }

    /// What is said of the round.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Whether the log says so.
    pub fn is_logged(&self) -> bool {
        self.logged
    }

    pub(super) fn observe(&mut self, _event: &Event) {}

    pub(super) fn decide(&self, event: &Event) -> Decision {
        match &event.kind {
            Kind::Logged { round, index } if *round == self.setup.round && !self.logged => {
                Decision::record(Record::Logged { index: *index })
            }
            Kind::Contributed(signed) => {
                let participant = signed.contribution.participant.clone();
                let refusal = Refusal::TooLate { round: self.setup.round };
                Decision::reply(Action::Refuse { participant, refusal })
            }
            _ => Decision::default(),
        }
    }

    pub(super) fn apply(mut self, record: &Record) -> Applied {
        match record {
            Record::Logged { .. } if !self.logged => {
                self.logged = true;
                Ok(Round::Aborted(self))
            }
            _ => Err(Box::new(Round::Aborted(self))),
        }
    }

    pub(super) fn outbox(&self) -> Vec<Action> {
        let forget = Action::Forget { round: self.setup.round };
        if self.logged {
            return vec![forget];
        }
        vec![Action::Log(self.summary.clone()), forget]
    }
}
