//! What Distributing, Collecting and every later state share: the drawn cohort and what has
//! become of each member.

use super::vocabulary::{Abort, Action, Event, Kind, Outcome, Record, Setup, Summary};
use super::{Aborted, Aggregating, Decision, Exchanging, Roster, Round};
use crate::error::{BAD_PROOF, Refusal};
use crate::ids::ParticipantId;
use crate::limits;
use crate::messages::{Contribution, Evaluation, SignedContribution};
use crate::plan::Sampling;
use std::collections::{BTreeMap, BTreeSet};

/// What has become of a member of the cohort.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Member {
    Awaited,
    Contributed(Box<SignedContribution>),
    Declined(String),
}

/// How many members have answered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub accepted: usize,
    pub declined: usize,
}

/// A drawn cohort.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub cohort: BTreeMap<ParticipantId, Member>,
    pub drawn_from: Roster,
    pub wanted: usize,
    pub tally: Tally,
    pub refusals: BTreeMap<String, u64>,
    pub refusals_of: BTreeMap<ParticipantId, u32>,
    pub opened_ms: u64,
    pub closed_ms: u64,
    /// Whose proofs were refused.
    pub unproved: BTreeSet<ParticipantId>,
    /// Members that contributed and then fell silent.
    pub left: BTreeSet<ParticipantId>,
}

impl Open {
    pub fn new(setup: &Setup, cohort: &[ParticipantId], opened_ms: u64) -> Self {
        let wanted = match setup.rules.sampling {
            Sampling::Fixed => setup.rules.size,
            Sampling::Poisson => cohort.len(),
        };
        Self {
            cohort: cohort.iter().map(|id| (id.clone(), Member::Awaited)).collect(),
            drawn_from: setup.roster.clone(),
            wanted: wanted.min(cohort.len()),
            tally: Tally::default(),
            refusals: BTreeMap::new(),
            refusals_of: BTreeMap::new(),
            opened_ms,
            closed_ms: opened_ms,
            unproved: BTreeSet::new(),
            left: BTreeSet::new(),
        }
    }

    /// Where a round goes once contributions are closed.
    pub fn close(self, setup: Setup) -> Round {
        let stages = setup.rules.stages;
        match stages.after {
            0 => Round::Aggregating(Aggregating::new(setup, self)),
            _ => Round::Exchanging(Exchanging::new(setup, self, stages.before)),
        }
    }

    /// Members that have contributed and were not silent since.
    pub fn survivors(&self) -> Vec<ParticipantId> {
        let here = |id: &&ParticipantId| self.has_contributed(id) && !self.left.contains(*id);
        self.cohort.keys().filter(here).cloned().collect()
    }

    /// These are asked no more; their contributions count.
    pub fn leave(&mut self, silent: &[ParticipantId]) {
        self.left.extend(silent.iter().cloned());
    }

    /// Members, and contributions so far.
    pub fn progress(&self) -> (usize, usize) {
        (self.cohort.len(), self.tally.accepted)
    }

    /// Members that have neither contributed nor declined.
    pub fn awaited(&self) -> Vec<ParticipantId> {
        let awaited = self.cohort.iter().filter(|(_, member)| **member == Member::Awaited);
        awaited.map(|(id, _)| id.clone()).collect()
    }

    /// Whether nothing more is worth waiting for after `tally`.
    pub fn complete(&self, tally: Tally) -> bool {
        tally.accepted >= self.wanted || tally.accepted + tally.declined == self.cohort.len()
    }

    /// Whether the deadline need not be awaited: everybody answered, or too many declined.
    pub fn settled(&self, tally: Tally, minimum: usize) -> bool {
        self.complete(tally) || self.cohort.len() - tally.declined < minimum
    }

    /// Whether this member has neither contributed nor declined.
    pub fn awaits(&self, participant: &ParticipantId) -> bool {
        self.cohort.get(participant) == Some(&Member::Awaited)
    }

    /// The tally once this member has contributed. One that declined and then contributed after
    /// all counts as contributing.
    pub fn tally_with_contribution(&self, participant: &ParticipantId) -> Tally {
        let Tally { accepted, declined } = self.tally;
        match self.cohort.get(participant) {
            Some(Member::Awaited) => Tally { accepted: accepted + 1, declined },
            Some(Member::Declined(_)) => Tally { accepted: accepted + 1, declined: declined - 1 },
            _ => self.tally,
        }
    }

    /// Whether a contribution of this participant counts.
    pub fn has_contributed(&self, participant: &ParticipantId) -> bool {
        matches!(self.cohort.get(participant), Some(Member::Contributed(_)))
    }

    /// Whether this member's very contribution has been accepted already.
    pub fn holds(&self, signed: &SignedContribution) -> bool {
        match self.cohort.get(&signed.contribution.participant) {
            Some(Member::Contributed(held)) => held.contribution == signed.contribution,
            _ => false,
        }
    }

    /// Refuses what this round cannot count; whether the round still collects is the state's
    /// affair.
    pub fn check(&self, setup: &Setup, signed: &SignedContribution) -> Result<(), Refusal> {
        let found = &signed.contribution;
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
        crate::params::check_weight(found.examples)?;
        let loss = found.loss.abs();
        if loss.is_nan() || loss > limits::LOSS {
            return Err(Refusal::Malformed { what: "training loss".into() });
        }
        found.evaluation.as_ref().map_or(Ok(()), Evaluation::check)?;
        check_proof(setup, found)?;
        match self.cohort.get(&participant) {
            None => Err(Refusal::NotInCohort { participant, round }),
            Some(Member::Contributed(_)) => Err(Refusal::Duplicate { participant, round }),
            // Nobody masked for a member that was silent: its contribution would open no sum.
            Some(Member::Declined(_)) if setup.rules.stages.before > 0 => {
                Err(Refusal::NotInCohort { participant, round })
            }
            Some(_) => Ok(()),
        }
    }

    pub fn accept(&mut self, signed: &SignedContribution) {
        let id = &signed.contribution.participant;
        self.tally = self.tally_with_contribution(id);
        if let Some(member) = self.cohort.get_mut(id) {
            *member = Member::Contributed(Box::new(signed.clone()));
        }
    }

    pub fn decline(&mut self, participant: &ParticipantId, why: &str) {
        if let Some(member) = self.cohort.get_mut(participant) {
            *member = Member::Declined(why.to_owned());
            self.tally.declined += 1;
        }
    }

    pub fn count_refusal(&mut self, participant: &ParticipantId, reason: &str) {
        *self.refusals.entry(reason.to_owned()).or_default() += 1;
        *self.refusals_of.entry(participant.clone()).or_default() += 1;
        if reason == BAD_PROOF {
            self.unproved.insert(participant.clone());
        }
    }

    /// A record of the refusal, unless this participant has filled its share of the log; its first
    /// bad proof is recorded all the same, as that names it.
    pub fn refusal_record(&self, participant: &ParticipantId, refusal: &Refusal) -> Vec<Record> {
        let recorded = self.refusals_of.get(participant).copied().unwrap_or(0);
        let reason = refusal.label().to_owned();
        let named = reason != BAD_PROOF || self.unproved.contains(participant);
        let full = recorded >= limits::REFUSALS_RECORDED && named;
        if full || !self.cohort.contains_key(participant) {
            return Vec::new();
        }
        vec![Record::Refused { participant: participant.clone(), reason }]
    }

    pub fn contributions(&self) -> Vec<SignedContribution> {
        let contributed = self.cohort.values().filter_map(|member| match member {
            Member::Contributed(signed) => Some((**signed).clone()),
            _ => None,
        });
        contributed.collect()
    }

    pub fn summary(&self, setup: &Setup, result: Result<Outcome, Abort>) -> Summary {
        let declined = self.cohort.iter().filter_map(|(id, member)| match member {
            Member::Declined(why) => Some((id.clone(), why.clone())),
            _ => None,
        });
        Summary {
            setup: Setup { roster: self.drawn_from.clone(), ..setup.clone() },
            cohort: self.cohort.keys().cloned().collect(),
            accepted: self.contributions(),
            declined: declined.collect(),
            refusals: self.refusals.clone(),
            unproved: self.unproved.clone(),
            opened_ms: self.opened_ms,
            closed_ms: self.closed_ms,
            result,
        }
    }

    pub fn abort(self, setup: Setup, abort: Abort) -> Round {
        let summary = self.summary(&setup, Err(abort.clone()));
        Round::Aborted(Aborted::new(setup, abort, Box::new(summary)))
    }
}

/// Whether there is a proof where one is asked for, and of a size that can be one.
fn check_proof(setup: &Setup, found: &Contribution) -> Result<(), Refusal> {
    let bad = |why: &str| {
        Err(Refusal::BadProof { participant: found.participant.clone(), why: why.into() })
    };
    match (setup.nonce, found.proof) {
        (None, Some(_)) => bad("there is one, and the plan asks for none"),
        (Some(_), None) => bad("there is none, and the plan asks for one"),
        (Some(_), Some(proof)) if proof.bytes > limits::PROOF_BYTES => {
            let (what, limit) = ("proof".into(), limits::PROOF_BYTES);
            Err(Refusal::TooLarge { what, limit, found: proof.bytes })
        }
        _ => Ok(()),
    }
}

/// A deadline that is armed by the first event and never lies further away than its time-out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Deadline(Option<u64>);

impl Deadline {
    pub fn arm(&mut self, at_ms: u64, timeout_ms: u64) {
        let latest = at_ms.saturating_add(timeout_ms);
        self.0 = Some(self.0.map_or(latest, |deadline| deadline.min(latest)));
    }

    pub fn passed(&self, at_ms: u64) -> bool {
        self.0.is_some_and(|deadline| at_ms >= deadline)
    }

    /// A tick that came before the deadline, because the clock was set back, asks for another.
    pub fn again(&self, event: &Event) -> Decision {
        match (self.0, &event.kind) {
            (Some(deadline), Kind::Tick) => {
                let after_ms = deadline.saturating_sub(event.at_ms);
                Decision::reply(Action::SetTimer { after_ms })
            }
            _ => Decision::default(),
        }
    }
}
