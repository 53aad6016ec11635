//! Awaits the new model, computed by the driver from the accepted contributions.

use super::open::Open;
use super::vocabulary::{Abort, Action, Event, Kind, Outcome, Record, Setup};
use super::{Applied, Decision, Releasing, Round, collecting};

/// See [`Round::Aggregating`].
#[derive(Clone, Debug)]
pub struct Aggregating {
    pub(super) setup: Setup,
    open: Open,
}

impl Aggregating {
    pub(super) fn new(setup: Setup, open: Open) -> Self {
        Self { setup, open }
    }

    pub(super) fn open(&self) -> &Open {
        &self.open
    }

    pub(super) fn observe(&mut self, _event: &Event) {}

    pub(super) fn decide(&self, event: &Event) -> Decision {
        let round = self.setup.round;
        match &event.kind {
            Kind::Aggregated(outcome) if outcome.round == round => {
                Decision::record(Record::Aggregated { outcome: outcome.clone() })
            }
            Kind::AggregationFailed { round: of, why } if *of == round => {
                let abort = Abort::AggregationFailed { cause: why.clone() };
                Decision::record(Record::Aborted { abort })
            }
            kind => collecting::answer_late(&self.setup, &self.open, kind)
                .map(Decision::reply)
                .unwrap_or_default(),
        }
    }

    pub(super) fn apply(self, record: &Record) -> Applied {
        match record {
            Record::Aggregated { outcome }
                if outcome.round == self.setup.round && self.contributed(outcome) =>
            {
                Ok(Round::Releasing(Releasing::new(self.setup, self.open, outcome.clone())))
            }
            Record::Aborted { abort } => Ok(self.open.abort(self.setup, abort.clone())),
            _ => Err(Box::new(Round::Aggregating(self))),
        }
    }

    /// Whether everybody whose update was selected has contributed one.
    fn contributed(&self, outcome: &Outcome) -> bool {
        let mut selected = outcome.selected.iter().flatten();
        selected.all(|participant| self.open.has_contributed(participant))
    }

    pub(super) fn outbox(&self) -> Vec<Action> {
        let contributions = self.open.contributions();
        vec![Action::Aggregate { setup: Box::new(self.setup.clone()), contributions }]
    }
}
