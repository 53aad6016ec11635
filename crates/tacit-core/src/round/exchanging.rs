//! Awaits what the members of the cohort say to each other in one stage.

use super::open::{Deadline, Open};
use super::vocabulary::{Abort, Action, Event, Kind, Record, Setup};
use super::{Aggregating, Applied, Decision, Distributing, Round, collecting};
use crate::error::Refusal;
use crate::exchange::{Ask, SignedMessage};
use crate::ids::ParticipantId;
use std::collections::BTreeMap;

/// Words for a member that did not speak in time.
const SILENT: &str = "said nothing in time";

/// See [`Round::Exchanging`].
#[derive(Clone, Debug)]
pub struct Exchanging {
    pub(super) setup: Setup,
    open: Open,
    stage: u8,
    /// Members that are asked, with what they said.
    asked: BTreeMap<ParticipantId, Option<Box<SignedMessage>>>,
    deadline: Deadline,
}

impl Exchanging {
    pub(super) fn new(setup: Setup, open: Open, stage: u8) -> Self {
        let asked = match stage < setup.rules.stages.before {
            true => open.awaited(),
            false => open.survivors(),
        };
        let asked = asked.into_iter().map(|id| (id, None)).collect();
        Self { setup, open, stage, asked, deadline: Deadline::default() }
    }

    pub(super) fn open(&self) -> &Open {
        &self.open
    }

    /// Which stage it awaits, from 0.
    pub fn stage(&self) -> u8 {
        self.stage
    }

    /// What the member said, if it did.
    pub fn said(&self, participant: &ParticipantId) -> Option<&SignedMessage> {
        self.asked.get(participant)?.as_deref()
    }

    fn heard(&self) -> usize {
        self.asked.values().flatten().count()
    }

    /// Members, and those that have spoken.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.asked.len(), self.heard())
    }

    /// Whether the members contribute after this stage.
    fn is_before(&self) -> bool {
        self.stage < self.setup.rules.stages.before
    }

    /// Fewest messages with which the round goes on.
    fn least(&self) -> usize {
        let stages = self.setup.rules.stages;
        match (self.is_before(), self.stage + 1 == stages.count()) {
            (true, _) => self.setup.rules.minimum.max(1),
            (false, false) => stages.quorum,
            (false, true) => 1,
        }
    }

    pub(super) fn observe(&mut self, event: &Event) {
        self.deadline.arm(event.at_ms, self.setup.rules.stages.timeout_ms);
    }

    /// Refuses a message that this stage does not await.
    pub(super) fn check(&self, signed: &SignedMessage) -> Result<(), Refusal> {
        let (setup, found) = (&self.setup, &signed.message);
        let (round, participant) = (setup.round, found.participant.clone());
        if found.plan != setup.plan {
            return Err(Refusal::WrongPlan { expected: setup.plan, found: found.plan });
        }
        if found.round != round {
            return Err(Refusal::WrongRound { expected: round, found: found.round });
        }
        if found.model != setup.model {
            return Err(Refusal::WrongModel { expected: setup.model, found: found.model });
        }
        if found.stage != self.stage {
            return Err(Refusal::WrongStage { expected: self.stage, found: found.stage });
        }
        match self.asked.get(&participant) {
            None => Err(Refusal::NotInCohort { participant, round }),
            Some(Some(_)) => Err(Refusal::Duplicate { participant, round }),
            Some(None) => Ok(()),
        }
    }

    /// Whether this very message counts already.
    pub(super) fn holds(&self, signed: &SignedMessage) -> bool {
        self.said(&signed.message.participant).is_some_and(|held| held.message == signed.message)
    }

    pub(super) fn decide(&self, event: &Event) -> Decision {
        match &event.kind {
            Kind::Said(signed) => return self.said_now(signed),
            Kind::Declined { participant, round, why } if *round == self.setup.round => {
                return self.declined(participant, why);
            }
            Kind::Refused { participant, refusal } => {
                let records = self.open.refusal_record(participant, refusal);
                return Decision { records, replies: Vec::new() };
            }
            Kind::Contributed(_) => {
                let late = || collecting::answer_late(&self.setup, &self.open, &event.kind);
                let early = || collecting::refuse_early(&self.setup, &event.kind);
                let reply = if self.is_before() { early() } else { late() };
                return reply.map(Decision::reply).unwrap_or_default();
            }
            _ => {}
        }
        // Complete, but not closed: a crash came between the two records.
        if self.deadline.passed(event.at_ms) || self.is_settled(self.heard()) {
            return Decision::record(self.close(self.heard()));
        }
        self.deadline.again(event)
    }

    fn said_now(&self, signed: &SignedMessage) -> Decision {
        if self.holds(signed) {
            return Decision::default();
        }
        let participant = signed.message.participant.clone();
        if let Err(refusal) = self.check(signed) {
            let records = self.open.refusal_record(&participant, &refusal);
            return Decision { records, replies: vec![Action::Refuse { participant, refusal }] };
        }
        let mut decision = Decision::record(Record::Said { signed: signed.clone() });
        let heard = self.heard() + 1;
        if self.is_settled(heard) {
            decision.records.push(self.close(heard));
        }
        decision
    }

    /// A member that leaves is awaited no more. After contributions its update counts all the same.
    fn declined(&self, participant: &ParticipantId, why: &str) -> Decision {
        if self.asked.get(participant) != Some(&None) {
            return Decision::default();
        }
        let (participant, why) = (participant.clone(), collecting::bounded(why));
        let mut decision = Decision::record(match self.is_before() {
            true => Record::Declined { participant, why },
            false => Record::Left { participant },
        });
        if self.heard() + 1 == self.asked.len() || self.asked.len() - 1 < self.least() {
            decision.records.push(self.close(self.heard()));
        }
        decision
    }

    fn is_settled(&self, heard: usize) -> bool {
        heard == self.asked.len() || self.asked.len() < self.least()
    }

    fn close(&self, found: usize) -> Record {
        let (stage, expected) = (self.stage, self.least());
        match found < expected {
            true => Record::Aborted { abort: Abort::TooFewMessages { stage, expected, found } },
            false => Record::Heard { stage },
        }
    }

    pub(super) fn apply(mut self, record: &Record) -> Applied {
        match record {
            Record::Said { signed } if self.check(signed).is_ok() => {
                let participant = signed.message.participant.clone();
                self.asked.insert(participant, Some(Box::new(signed.clone())));
            }
            Record::Declined { participant, why } if self.open.awaits(participant) => {
                self.open.decline(participant, why);
                self.asked.remove(participant);
            }
            Record::Left { participant } if self.asked.get(participant) == Some(&None) => {
                self.open.leave(std::slice::from_ref(participant));
                self.asked.remove(participant);
            }
            Record::Refused { participant, reason } => self.open.count_refusal(participant, reason),
            Record::Heard { stage } if *stage == self.stage && self.heard() >= self.least() => {
                return Ok(self.next());
            }
            Record::Aborted { abort } => return Ok(self.open.abort(self.setup, abort.clone())),
            _ => return Err(Box::new(Round::Exchanging(self))),
        }
        Ok(Round::Exchanging(self))
    }

    /// The next stage, or what comes before or after all of them. Who was silent before the
    /// contributions makes none.
    fn next(mut self) -> Round {
        let (next, stages) = (self.stage + 1, self.setup.rules.stages);
        let silent = self.asked.iter().filter(|(_, said)| said.is_none()).map(|(id, _)| id.clone());
        let silent: Vec<ParticipantId> = silent.collect();
        match self.is_before() {
            true => silent.iter().for_each(|id| self.open.decline(id, SILENT)),
            false => self.open.leave(&silent),
        }
        match next {
            next if next == stages.before => {
                Round::Distributing(Distributing::new(self.setup, self.open))
            }
            next if next == stages.count() => {
                Round::Aggregating(Aggregating::new(self.setup, self.open))
            }
            next => Round::Exchanging(Exchanging::new(self.setup, self.open, next)),
        }
    }

    pub(super) fn outbox(&self) -> Vec<Action> {
        let silent = self.asked.iter().filter(|(_, said)| said.is_none());
        let to = silent.map(|(id, _)| id.clone()).collect();
        let ask = Ask { context: self.setup.context(), stage: self.stage };
        let after_ms = match self.is_settled(self.heard()) {
            true => 0,
            false => self.setup.rules.stages.timeout_ms,
        };
        vec![Action::Ask { ask, to }, Action::SetTimer { after_ms }]
    }
}

#[cfg(test)]
mod tests;
