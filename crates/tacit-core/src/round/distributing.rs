//! Awaits word that the cohort has the model. An answer to the task is such a word too.

use super::open::{Deadline, Open};
use super::vocabulary::{Action, Event, Kind, Record, Setup};
use super::{Applied, Collecting, Decision, Round, collecting};
use crate::ids::ParticipantId;
use std::collections::BTreeSet;

/// See [`Round::Distributing`].
#[derive(Clone, Debug)]
pub struct Distributing {
    pub(super) setup: Setup,
    open: Open,
    received: BTreeSet<ParticipantId>,
    deadline: Deadline,
}

impl Distributing {
    pub(super) fn new(setup: Setup, open: Open) -> Self {
        Self { setup, open, received: BTreeSet::new(), deadline: Deadline::default() }
    }

    pub(super) fn open(&self) -> &Open {
        &self.open
    }

    pub(super) fn observe(&mut self, event: &Event) {
        self.deadline.arm(event.at_ms, self.setup.rules.distribute_timeout_ms);
        // Lost in a crash, where it costs only time.
        if let Kind::Received { participant, round } = &event.kind
            && *round == self.setup.round
            && self.open.cohort.contains_key(participant)
        {
            self.received.insert(participant.clone());
        }
    }

    pub(super) fn decide(&self, event: &Event) -> Decision {
        let distributed = Record::Distributed { at_ms: event.at_ms };
        if let Some(mut answer) = collecting::answer(&self.setup, &self.open, event) {
            let answers =
                |r: &Record| matches!(r, Record::Accepted { .. } | Record::Declined { .. });
            if answer.records.iter().any(answers) {
                answer.records.insert(0, distributed);
            }
            return answer;
        }
        let everybody = self.received.len() == self.open.cohort.len();
        let settled = self.open.settled(self.open.tally, self.setup.rules.minimum);
        if everybody || settled || self.deadline.passed(event.at_ms) {
            return Decision::record(distributed);
        }
        self.deadline.again(event)
    }

    pub(super) fn apply(mut self, record: &Record) -> Applied {
        match record {
            Record::Distributed { .. } => {
                return Ok(Round::Collecting(Collecting::new(self.setup, self.open)));
            }
            Record::Refused { participant, reason } => self.open.count_refusal(participant, reason),
            Record::Aborted { abort } => return Ok(self.open.abort(self.setup, abort.clone())),
            _ => return Err(Box::new(Round::Distributing(self))),
        }
        Ok(Round::Distributing(self))
    }

    pub(super) fn outbox(&self) -> Vec<Action> {
        let to = self.open.awaited();
        let after_ms = self.setup.rules.distribute_timeout_ms;
        vec![Action::Offer { task: self.setup.task(), to }, Action::SetTimer { after_ms }]
    }
}
