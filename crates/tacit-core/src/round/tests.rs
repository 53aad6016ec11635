use super::*;
use crate::account::{Account, Budget};
use crate::digest::Digest;
use crate::error::Refusal;
use crate::evidence::Cost;
use crate::exchange::Stages;
use crate::ids::ParticipantId;
use crate::limits;
use crate::messages::{Contribution, Evaluation, SignedContribution};
use crate::plain::NoAccount;
use crate::plan::{Cohort, Sampling};
use crate::rng::Seed;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn rules(participants: usize) -> Cohort {
    Cohort {
        participants,
        sampling: Sampling::Fixed,
        size: participants,
        max_failed_rounds: 3,
        over_selection: 0.0,
        minimum: participants / 2 + 1,
        equal_weights: false,
        max_examples: 1_000,
        stages: Stages::default(),
        enrol_timeout_ms: 1000,
        distribute_timeout_ms: 1000,
        collect_timeout_ms: 1000,
    }
}

pub(super) fn id(n: usize) -> ParticipantId {
    ParticipantId::numbered(n, 10)
}

pub(super) fn setup(n: usize) -> Setup {
    Setup {
        nonce: None,
        nonces: None,
        round: 1,
        plan: Digest::of_bytes(b"plan"),
        model: Digest::of_bytes(b"model"),
        model_bytes: 5,
        control: false,
        account: None,
        clip_norm: None,
        slots: vec![],
        deltas: vec![],
        seed: Seed::root(1),
        rules: rules(n),
        roster: Roster::new(),
    }
}

pub(super) fn contribution(setup: &Setup, n: usize) -> SignedContribution {
    let contribution = Contribution {
        proof: None,
        participant: id(n),
        round: setup.round,
        plan: setup.plan,
        model: setup.model,
        payload: Digest::of_bytes(&[n as u8]),
        payload_bytes: 1,
        examples: 10,
        loss: 0.5,
        fit_ms: 1,
        evaluation: None,
        within: None,
    };
    SignedContribution { contribution, key: String::new(), signature: String::new() }
}

fn outcome(round: u32) -> Outcome {
    Outcome {
        verify_ms: None,
        sum: None,
        round,
        model: Digest::of_bytes(b"next"),
        slots: vec![],
        delta: None,
        cost: Cost::Unbounded,
        clip_norm: None,
        tally: None,
        evaluation: None,
        selected: None,
        turned_away: BTreeMap::new(),
        bytes_up: 0,
        bytes_down: 0,
        aggregate_ms: 0,
    }
}

/// Drives a round and keeps what it persisted.
pub(super) struct Drive {
    begin: Setup,
    pub round: Round,
    pub log: Vec<Record>,
    pub now: u64,
}

impl From<Setup> for Drive {
    fn from(begin: Setup) -> Self {
        Self { round: Round::new(begin.clone()), begin, log: vec![], now: 1_000_000 }
    }
}

impl Drive {
    fn enrolled(n: usize) -> Self {
        let mut drive = Self::from(setup(n));
        (0..n).for_each(|i| drop(drive.on(Kind::Enrolled { participant: id(i), dataset: None })));
        drive
    }

    pub fn on(&mut self, kind: Kind) -> Vec<Action> {
        let event = Event { at_ms: self.now, kind };
        let (round, actions) = self.round.clone().step(event);
        self.round = round;
        let records = actions.iter().filter_map(|a| match a {
            Action::Persist(entry) => Some(entry.fact.clone()),
            _ => None,
        });
        self.log.extend(records);
        let replayed = Round::replay(self.begin.clone(), &self.log);
        let replayed = replayed.unwrap();
        assert_eq!(replayed.state(), self.round.state());
        assert_eq!(replayed.outbox(), self.round.outbox(), "replay gives back the outbox");
        actions
    }

    fn contribute(&mut self, n: usize) -> Vec<Action> {
        let signed = contribution(self.round.setup(), n);
        self.on(Kind::Contributed(signed))
    }
}

#[test]
fn a_round_from_enrolment_to_release() {
    let mut drive = Drive::enrolled(3);
    assert_eq!(drive.round.state(), "distributing");
    (0..3).for_each(|i| drop(drive.on(Kind::Received { participant: id(i), round: 1 })));
    assert_eq!(drive.round.state(), "collecting");
    let actions = drive.contribute(0);
    assert!(matches!(&actions[0], Action::Persist(e) if e.fact.name() == "accepted"));
    assert!(matches!(actions[1], Action::Acknowledge { .. }));
    drive.contribute(2);
    let actions = drive.contribute(1);
    let Some(Action::Aggregate { contributions, .. }) =
        actions.iter().find(|a| matches!(a, Action::Aggregate { .. }))
    else {
        panic!("{actions:?}")
    };
    assert!(contributions.is_sorted_by_key(|s| &s.contribution.participant));
    let actions = drive.on(Kind::Aggregated(outcome(1)));
    assert!(matches!(actions[1], Action::Log(_)));
    assert!(drive.on(Kind::Published { round: 1 }).is_empty(), "nothing is public unlogged");
    let actions = drive.on(Kind::Logged { round: 1, index: 7 });
    assert!(matches!(actions[1], Action::Publish { .. }));
    let actions = drive.on(Kind::Published { round: 1 });
    assert_eq!(actions.last(), Some(&Action::Forget { round: 1 }));
    assert_eq!(drive.round.state(), "done");
}

#[test]
fn each_participant_counts_once() {
    let mut drive = Drive::enrolled(3);
    drive.contribute(0);
    // the very same contribution again: its acknowledgement may have been lost
    assert!(matches!(drive.contribute(0)[..], [Action::Acknowledge { .. }]));
    let mut other = contribution(drive.round.setup(), 0);
    other.contribution.examples = 11;
    let actions = drive.on(Kind::Contributed(other));
    assert!(matches!(
        actions[..],
        [Action::Persist(_), Action::Refuse { refusal: Refusal::Duplicate { .. }, .. }]
    ));
}

#[test]
fn foreign_contributions_are_refused() {
    let mut drive = Drive::enrolled(3);
    let good = contribution(drive.round.setup(), 0);
    let mut cases = vec![];
    let mut with = |change: fn(&mut Contribution)| {
        let mut signed = good.clone();
        change(&mut signed.contribution);
        cases.push(signed);
    };
    with(|c| c.plan = c.model);
    with(|c| c.model = c.plan);
    with(|c| c.round = 2);
    with(|c| c.examples = 0);
    with(|c| c.loss = f64::NAN);
    with(|c| c.participant = id(9));
    for signed in cases {
        let actions = drive.on(Kind::Contributed(signed));
        assert!(matches!(actions.last(), Some(Action::Refuse { .. })), "{actions:?}");
    }
    assert!(!drive.log.iter().any(|r| matches!(r, Record::Accepted { .. })));
}

#[test]
fn figures_that_nobody_can_have_measured_are_refused() {
    let measured = Evaluation { examples: 4, correct: 3, loss: 0.5, per_class: vec![(4, 3)] };
    let most = limits::EXAMPLES;
    let lies = [
        Evaluation { examples: most + 1, ..measured.clone() },
        Evaluation { correct: 5, ..measured.clone() },
        Evaluation { loss: f64::NAN, ..measured.clone() },
        Evaluation { loss: -1e39, ..measured.clone() },
        Evaluation { per_class: vec![(1, 2)], ..measured.clone() },
        Evaluation { per_class: vec![(0, 0); limits::CLASSES + 1], ..measured.clone() },
    ];
    assert!(lies.iter().all(|lie| lie.check().is_err()));
    assert!(measured.check().is_ok());
    let largest = Evaluation { examples: most, correct: most, loss: limits::LOSS, ..measured };
    let all = (0..1000).map(|_| largest.clone()).reduce(|a, b| a.merge(&b)).unwrap();
    assert!(largest.check().is_ok() && all.loss.is_finite());

    let mut drive = Drive::enrolled(2);
    let mut signed = contribution(drive.round.setup(), 0);
    signed.contribution.evaluation = Some(lies[0].clone());
    assert!(drive.round.admit(&signed).is_err());
    let replies = drive.on(Kind::Contributed(signed));
    let refusal = Refusal::Malformed { what: "evaluation".into() };
    assert!(replies.contains(&Action::Refuse { participant: id(0), refusal }));
}

#[test]
fn the_deadline_closes_with_a_quorum_and_aborts_without() {
    let mut drive = Drive::enrolled(3);
    drive.contribute(0);
    drive.contribute(1);
    drive.now += 5000;
    drive.on(Kind::Tick);
    assert_eq!(drive.round.state(), "aggregating");
    assert!(matches!(
        drive.contribute(2)[..],
        [Action::Refuse { refusal: Refusal::TooLate { round: 1 }, .. }]
    ));

    let mut drive = Drive::enrolled(3);
    drive.contribute(0);
    drive.now += 5000;
    let actions = drive.on(Kind::Tick);
    assert_eq!(drive.round.state(), "aborted");
    assert!(actions.contains(&Action::Forget { round: 1 }));
    drive.on(Kind::Logged { round: 1, index: 0 });
    assert!(matches!(&drive.round, Round::Aborted(a) if a.is_logged()));
}

#[test]
fn refusals_fill_the_log_only_so_far() {
    let mut drive = Drive::enrolled(3);
    for _ in 0..100 {
        let refusal = Refusal::NotFinite { index: 1 };
        drive.on(Kind::Refused { participant: id(1), refusal });
    }
    let recorded = drive.log.iter().filter(|r| matches!(r, Record::Refused { .. })).count();
    assert_eq!(recorded, crate::limits::REFUSALS_RECORDED as usize);
}

#[test]
fn declining_ends_the_wait() {
    let mut drive = Drive::enrolled(3);
    drive.contribute(0);
    drive.contribute(1);
    drive.on(Kind::Declined { participant: id(2), round: 1, why: "é".repeat(400) });
    assert_eq!(drive.round.state(), "aggregating");

    let mut drive = Drive::enrolled(3);
    drive.on(Kind::Declined { participant: id(2), round: 1, why: "no disk".into() });
    drive.on(Kind::Declined { participant: id(1), round: 1, why: "no disk".into() });
    assert_eq!(drive.round.state(), "aborted");
}

#[test]
fn an_unfit_log_is_an_error() {
    let records = [Record::Closed { at_ms: 1 }];
    let error = Round::replay(setup(3), &records).unwrap_err();
    assert_eq!(error.to_string(), "round 1 cannot take the record closed while enrolling");
}

#[test]
fn a_clock_that_jumps_back_does_not_prolong_a_round() {
    let mut drive = Drive::enrolled(3);
    drive.contribute(0);
    drive.contribute(1);
    drive.now = 5;
    drive.on(Kind::Tick);
    drive.now = 1006;
    drive.on(Kind::Tick);
    assert_eq!(drive.round.state(), "aggregating");
}

#[test]
fn who_enrols_late_changes_no_summary() {
    let mut drive = Drive::enrolled(3);
    let drawn_from = drive.round.setup().roster.clone();
    drive.on(Kind::Enrolled { participant: id(7), dataset: None });
    (0..3).for_each(|i| drop(drive.contribute(i)));
    let actions = drive.on(Kind::Aggregated(outcome(1)));
    let Some(Action::Log(first)) = actions.last() else { panic!("{actions:?}") };
    assert_eq!(first.setup.roster, drawn_from, "anybody can draw the cohort again");
    drive.on(Kind::Enrolled { participant: id(8), dataset: None });
    assert_eq!(drive.round.outbox(), [Action::Log(first.clone())]);
    assert_eq!(drive.round.setup().roster.len(), 5);
}

#[test]
fn an_early_tick_asks_for_another() {
    let mut drive = Drive::enrolled(3);
    drive.now -= 400;
    assert_eq!(drive.on(Kind::Tick), [Action::SetTimer { after_ms: 1000 }]);
    drive.contribute(0);
    drive.now += 300;
    assert_eq!(drive.on(Kind::Tick), [Action::SetTimer { after_ms: 700 }]);
    drive.now += 700;
    drive.on(Kind::Tick);
    assert_eq!(drive.round.state(), "aborted");
}

#[test]
fn only_members_with_this_rounds_work_begin_collecting() {
    let mut drive = Drive::enrolled(3);
    let mut stale = contribution(drive.round.setup(), 0);
    stale.contribution.round = 9;
    drive.on(Kind::Contributed(stale));
    drive.on(Kind::Contributed(contribution(drive.round.setup(), 9)));
    drive.on(Kind::Declined { participant: id(0), round: 9, why: String::new() });
    drive.on(Kind::Refused { participant: id(0), refusal: Refusal::TooLate { round: 1 } });
    assert_eq!(drive.round.state(), "distributing");
    let refused = drive.log.iter().filter(|r| matches!(r, Record::Refused { .. })).count();
    assert_eq!(refused, 2);
}

/// What a crash leaves that comes after `kept` of a step's records.
fn torn(mut drive: Drive, kept: usize) -> Drive {
    drive.log.truncate(kept);
    drive.round = Round::replay(setup(drive.round.setup().rules.participants), &drive.log).unwrap();
    drive
}

#[test]
fn a_crash_between_two_records_does_not_stall() {
    let mut drive = Drive::enrolled(3);
    let drawn = drive.log.len();
    (0..3).for_each(|i| drop(drive.contribute(i)));
    let closed = drive.log.len();

    let mut drive = torn(drive, closed - 1);
    assert_eq!(drive.round.state(), "collecting");
    assert!(drive.round.outbox().contains(&Action::SetTimer { after_ms: 0 }));
    drive.on(Kind::Tick);
    assert_eq!(drive.round.state(), "aggregating");

    let mut drive = torn(drive, drawn - 1);
    assert_eq!(drive.round.state(), "enrolling");
    assert_eq!(drive.round.outbox(), [Action::SetTimer { after_ms: 0 }]);
    drive.on(Kind::Tick);
    assert_eq!(drive.round.state(), "distributing");
}

#[test]
fn second_thoughts_after_declining_count() {
    let mut drive = Drive::enrolled(4);
    drive.on(Kind::Declined { participant: id(0), round: 1, why: "busy".into() });
    drive.contribute(0);
    drive.contribute(1);
    drive.contribute(2);
    assert_eq!(drive.round.state(), "collecting", "the fourth is still awaited");
    drive.on(Kind::Declined { participant: id(3), round: 1, why: "busy".into() });
    assert_eq!(drive.round.state(), "aggregating");
    let declined = match &drive.on(Kind::Aggregated(outcome(1)))[..] {
        [.., Action::Log(summary)] => summary.declined.keys().cloned().collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(declined, [id(3)]);
}

/// Fewer on the roster would each be drawn more often than their account expects.
#[test]
fn a_round_with_noise_awaits_its_whole_roster() {
    let budget = Budget { epsilon: None, delta: 1e-5 };
    let account = Account::new(Arc::new(NoAccount), budget, Cost::Unbounded);
    for (account, opens) in [(None, true), (Some(account), false)] {
        let mut round = Round::new(Setup { account, ..setup(4) });
        let late = setup(4).rules.enrol_timeout_ms + 1;
        let mut facts = Vec::new();
        let enrolled = (0..3).map(|i| (0, Kind::Enrolled { participant: id(i), dataset: None }));
        for (at_ms, kind) in enrolled.chain([(late, Kind::Tick)]) {
            let (next, actions) = round.step(Event { at_ms, kind });
            round = next;
            facts.extend(actions.into_iter().filter_map(|action| match action {
                Action::Persist(entry) => Some(entry.fact),
                _ => None,
            }));
        }
        assert_eq!(facts.iter().any(|fact| fact.name() == "opened"), opens, "{facts:?}");
        assert_eq!(facts.iter().any(|fact| fact.name() == "aborted"), !opens, "{facts:?}");
    }
}
