//! Awaits contributions until the cohort is complete or the deadline passes.

use super::open::{Deadline, Open, Tally};
use super::vocabulary::{Abort, Action, Event, Kind, Record, Setup};
use super::{Applied, Decision, Round};
use crate::error::{BAD_PROOF, Refusal};
use crate::ids::ParticipantId;
use crate::limits;
use crate::messages::SignedContribution;

/// See [`Round::Collecting`].
#[derive(Clone, Debug)]
pub struct Collecting {
    pub(super) setup: Setup,
    open: Open,
    deadline: Deadline,
}

impl Collecting {
    pub(super) fn new(setup: Setup, open: Open) -> Self {
        Self { setup, open, deadline: Deadline::default() }
    }

    pub(super) fn open(&self) -> &Open {
        &self.open
    }

    pub(super) fn observe(&mut self, event: &Event) {
        self.deadline.arm(event.at_ms, self.setup.rules.collect_timeout_ms);
    }

    pub(super) fn decide(&self, event: &Event) -> Decision {
        if let Some(answer) = answer(&self.setup, &self.open, event) {
            return answer;
        }
        let Open { tally, .. } = self.open;
        // Settled, but not closed: a crash came between the two records.
        let settled = self.open.settled(tally, self.setup.rules.minimum);
        if settled || self.deadline.passed(event.at_ms) {
            let open = &self.open;
            return Decision::record(close(&self.setup, open, tally.accepted, event.at_ms));
        }
        self.deadline.again(event)
    }

    pub(super) fn apply(mut self, record: &Record) -> Applied {
        match record {
            Record::Accepted { signed } if self.open.check(&self.setup, signed).is_ok() => {
                self.open.accept(signed);
            }
            Record::Declined { participant, why } if self.open.awaits(participant) => {
                self.open.decline(participant, why);
            }
            Record::Refused { participant, reason } => self.open.count_refusal(participant, reason),
            Record::Closed { at_ms }
                if self.open.tally.accepted >= self.setup.rules.minimum.max(1) =>
            {
                self.open.closed_ms = *at_ms;
                return Ok(self.open.close(self.setup));
            }
            Record::Aborted { abort } => return Ok(self.open.abort(self.setup, abort.clone())),
            _ => return Err(Box::new(Round::Collecting(self))),
        }
        Ok(Round::Collecting(self))
    }

    pub(super) fn outbox(&self) -> Vec<Action> {
        let (to, rules) = (self.open.awaited(), &self.setup.rules);
        let settled = self.open.settled(self.open.tally, rules.minimum);
        let after_ms = if settled { 0 } else { rules.collect_timeout_ms };
        vec![Action::Offer { task: self.setup.task(), to }, Action::SetTimer { after_ms }]
    }
}

/// What becomes of a member's answer to its task; `None` for other events. Distributing asks too.
pub(super) fn answer(setup: &Setup, open: &Open, event: &Event) -> Option<Decision> {
    match &event.kind {
        Kind::Contributed(signed) => Some(contributed(setup, open, signed, event.at_ms)),
        Kind::Declined { participant, round, why } => {
            let ours = *round == setup.round && open.awaits(participant);
            Some(match ours {
                true => declined(setup, open, participant, why, event.at_ms),
                false => Decision::default(),
            })
        }
        Kind::Refused { participant, refusal } => {
            let records = open.refusal_record(participant, refusal);
            Some(Decision { records, replies: Vec::new() })
        }
        _ => None,
    }
}

fn contributed(setup: &Setup, open: &Open, signed: &SignedContribution, at_ms: u64) -> Decision {
    let participant = signed.contribution.participant.clone();
    if open.holds(signed) {
        return acknowledge(signed);
    }
    if let Err(refusal) = open.check(setup, signed) {
        let records = open.refusal_record(&participant, &refusal);
        return Decision { records, replies: vec![Action::Refuse { participant, refusal }] };
    }
    let after = open.tally_with_contribution(&participant);
    let mut decision = Decision::record(Record::Accepted { signed: signed.clone() });
    decision.replies = acknowledge(signed).replies;
    if open.complete(after) {
        decision.records.push(close(setup, open, after.accepted, at_ms));
    }
    decision
}

fn declined(
    setup: &Setup,
    open: &Open,
    participant: &ParticipantId,
    why: &str,
    at_ms: u64,
) -> Decision {
    let Tally { accepted, declined } = open.tally;
    let after = Tally { accepted, declined: declined + 1 };
    let participant = participant.clone();
    let mut decision = Decision::record(Record::Declined { participant, why: bounded(why) });
    if open.settled(after, setup.rules.minimum) {
        decision.records.push(close(setup, open, accepted, at_ms));
    }
    decision
}

fn close(setup: &Setup, open: &Open, found: usize, at_ms: u64) -> Record {
    let expected = setup.rules.minimum.max(1);
    if found >= expected {
        return Record::Closed { at_ms };
    }
    let abort = match open.refusals.get(BAD_PROOF) {
        Some(&refused) => Abort::TooFewProved { expected, found, refused },
        None => Abort::TooFewContributions { expected, found },
    };
    Record::Aborted { abort }
}

pub(super) fn acknowledge(signed: &SignedContribution) -> Decision {
    let participant = signed.contribution.participant.clone();
    let contribution = signed.contribution.digest();
    Decision::reply(Action::Acknowledge { participant, contribution })
}

/// A contribution that arrives when the round does not collect yet.
pub(super) fn refuse_early(setup: &Setup, kind: &Kind) -> Option<Action> {
    let Kind::Contributed(signed) = kind else { return None };
    let found = &signed.contribution;
    let participant = found.participant.clone();
    let refusal = if found.round == setup.round {
        Refusal::NotInCohort { participant: participant.clone(), round: setup.round }
    } else {
        Refusal::WrongRound { expected: setup.round, found: found.round }
    };
    Some(Action::Refuse { participant, refusal })
}

/// A contribution that arrives when the round collects no more: acknowledged if it is the one
/// that counted, since the first acknowledgement may have been lost.
pub(super) fn answer_late(setup: &Setup, open: &Open, kind: &Kind) -> Option<Action> {
    let Kind::Contributed(signed) = kind else { return None };
    if open.holds(signed) {
        return acknowledge(signed).replies.pop();
    }
    let participant = signed.contribution.participant.clone();
    let refusal = Refusal::TooLate { round: setup.round };
    Some(Action::Refuse { participant, refusal })
}

pub(super) fn bounded(why: &str) -> String {
    let mut end = why.len().min(limits::REASON_BYTES);
    while !why.is_char_boundary(end) {
        end -= 1;
    }
    why[..end].to_owned()
}
