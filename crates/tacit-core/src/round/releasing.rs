//! Awaits first the transparency log, then publication: nothing is public that is not logged.

use super::open::Open;
use super::vocabulary::{Action, Event, Kind, Outcome, Record, Setup, Summary};
use super::{Applied, Decision, Done, Round, collecting};

/// See [`Round::Releasing`].
#[derive(Clone, Debug)]
pub struct Releasing {
    pub(super) setup: Setup,
    open: Open,
    outcome: Outcome,
    summary: Box<Summary>,
    logged: Option<u64>,
}

impl Releasing {
    pub(super) fn new(setup: Setup, open: Open, outcome: Outcome) -> Self {
        // Made once: who enrols from now on must not change what is logged after a crash.
        let summary = Box::new(open.summary(&setup, Ok(outcome.clone())));
        Self { setup, open, outcome, summary, logged: None }
    }

    pub(super) fn open(&self) -> &Open {
        &self.open
    }

    pub(super) fn observe(&mut self, _event: &Event) {}

    pub(super) fn decide(&self, event: &Event) -> Decision {
        let this = self.setup.round;
        match &event.kind {
            Kind::Logged { round, index } if *round == this && self.logged.is_none() => {
                let mut decision = Decision::record(Record::Logged { index: *index });
                decision.replies = self.publication();
                decision
            }
            Kind::Published { round } if *round == this && self.logged.is_some() => {
                Decision::record(Record::Released)
            }
            kind => collecting::answer_late(&self.setup, &self.open, kind)
                .map(Decision::reply)
                .unwrap_or_default(),
        }
    }

    pub(super) fn apply(mut self, record: &Record) -> Applied {
        match record {
            Record::Logged { index } if self.logged.is_none() => {
                self.logged = Some(*index);
                Ok(Round::Releasing(self))
            }
            Record::Released if self.logged.is_some() => {
                Ok(Round::Done(Done::new(self.setup, self.open, self.outcome, self.summary)))
            }
            _ => Err(Box::new(Round::Releasing(self))),
        }
    }

    pub(super) fn outbox(&self) -> Vec<Action> {
        match self.logged {
            Some(_) => self.publication(),
            None => vec![Action::Log(self.summary.clone())],
        }
    }

    fn publication(&self) -> Vec<Action> {
        vec![Action::Publish { round: self.setup.round, model: self.outcome.model }]
    }
}
