//! Awaits enough participants, then draws the cohort.

use super::open::{Deadline, Open};
use super::vocabulary::{Abort, Action, Event, Record, Setup};
use super::{Applied, Decision, Distributing, Exchanging, Round, sampling};

/// See [`Round::Enrolling`].
#[derive(Clone, Debug)]
pub struct Enrolling {
    pub(super) setup: Setup,
    deadline: Deadline,
}

impl Enrolling {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup, deadline: Deadline::default() }
    }

    pub(super) fn observe(&mut self, event: &Event) {
        self.deadline.arm(event.at_ms, self.setup.rules.enrol_timeout_ms);
    }

    pub(super) fn decide(&self, event: &Event) -> Decision {
        if let Some(refusal) = super::collecting::refuse_early(&self.setup, &event.kind) {
            return Decision::reply(refusal);
        }
        let (rules, found) = (&self.setup.rules, self.setup.roster.len());
        // Fewer than planned would each be drawn more often than their account expects.
        let expected = match self.setup.account {
            Some(_) => rules.participants,
            None => rules.minimum,
        };
        let late = self.deadline.passed(event.at_ms);
        if !late && (found < rules.participants || found < expected) {
            return self.deadline.again(event);
        }
        if found < expected {
            return Decision::record(Record::Aborted {
                abort: Abort::TooFewEnrolled { expected, found },
            });
        }
        let expected = rules.minimum;
        let cohort = sampling::draw(rules, &self.setup.roster, &self.setup.seed, self.setup.round);
        let found = cohort.len();
        let (at_ms, nonce) = (event.at_ms, self.setup.draw_nonce());
        let mut decision = Decision::record(Record::Opened { at_ms, cohort, nonce });
        if found < expected {
            let abort = Abort::CohortTooSmall { expected, found };
            decision.records.push(Record::Aborted { abort });
        }
        decision
    }

    pub(super) fn apply(mut self, record: &Record) -> Applied {
        match record {
            Record::Opened { at_ms, cohort, nonce } => {
                let known = cohort.iter().all(|id| self.setup.roster.contains(id));
                if !known || !cohort.is_sorted_by(|a, b| a < b) {
                    return Err(Box::new(Round::Enrolling(self)));
                }
                self.setup.nonce = *nonce;
                let open = Open::new(&self.setup, cohort, *at_ms);
                Ok(match self.setup.rules.stages.before {
                    0 => Round::Distributing(Distributing::new(self.setup, open)),
                    _ => Round::Exchanging(Exchanging::new(self.setup, open, 0)),
                })
            }
            Record::Aborted { abort } => {
                let open = Open::new(&self.setup, &[], 0);
                Ok(open.abort(self.setup, abort.clone()))
            }
            _ => Err(Box::new(Round::Enrolling(self))),
        }
    }

    pub(super) fn outbox(&self) -> Vec<Action> {
        let Setup { rules, roster, .. } = &self.setup;
        // A crash may have come before the draw: then nothing else would wake this state.
        let full = roster.len() >= rules.participants;
        vec![Action::SetTimer { after_ms: if full { 0 } else { rules.enrol_timeout_ms } }]
    }
}
