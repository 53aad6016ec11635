//! Awaits word that the cohort has the model. A contribution is such a word too.

use super::open::{Deadline, Open};
use super::vocabulary::{Action, Event, Kind, Record, Setup};
use super::{Applied, Collecting, Decision, Round};
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
        let begins = match &event.kind {
            Kind::Received { .. } => self.received.len() == self.open.cohort.len(),
            Kind::Contributed(_) | Kind::Declined { .. } | Kind::Refused { .. } => true,
            _ => self.deadline.passed(event.at_ms),
        };
        if !begins {
            return Decision::default();
        }
        // The state after this record decides about the event itself.
        let collecting = Collecting::new(self.setup.clone(), self.open.clone());
        let mut decision = Decision::record(Record::Distributed { at_ms: event.at_ms });
        let rest = collecting.decide(event);
        decision.records.extend(rest.records);
        decision.replies.extend(rest.replies);
        decision
    }

    pub(super) fn apply(self, record: &Record) -> Applied {
        match record {
            Record::Distributed { .. } => {
                Ok(Round::Collecting(Collecting::new(self.setup, self.open)))
            }
            Record::Aborted { abort } => Ok(self.open.abort(self.setup, abort.clone())),
            _ => Err(Box::new(Round::Distributing(self))),
        }
    }

    pub(super) fn outbox(&self) -> Vec<Action> {
        let to = self.open.awaited();
        let after_ms = self.setup.rules.distribute_timeout_ms;
        vec![Action::Offer { task: self.setup.task(), to }, Action::SetTimer { after_ms }]
    }
}
