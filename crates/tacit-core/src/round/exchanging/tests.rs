use crate::digest::Digest;
use crate::error::Refusal;
use crate::exchange::{Message, SignedMessage, Stages};
use crate::ids::ParticipantId;
use crate::round::tests::{Drive, contribution, id, setup};
use crate::round::{Abort, Action, Kind, Record, Round, Setup};

/// Two stages before four members contribute, and two after; three must confirm.
fn talkative() -> Setup {
    let mut setup = setup(4);
    setup.rules.stages = Stages { before: 2, after: 2, timeout_ms: 500, quorum: 3 };
    setup
}

fn said(n: usize, stage: u8) -> SignedMessage {
    let message = Message::new(&talkative().context(), &id(n), stage, &[n as u8, stage]);
    SignedMessage { message, key: String::new(), signature: String::new() }
}

fn begin() -> Drive {
    let mut drive = Drive::from(talkative());
    (0..4).for_each(|n| drop(drive.on(Kind::Enrolled { participant: id(n), dataset: None })));
    drive
}

fn asked(actions: &[Action]) -> Option<(u8, Vec<ParticipantId>)> {
    actions.iter().find_map(|action| match action {
        Action::Ask { ask, to } => Some((ask.stage, to.clone())),
        _ => None,
    })
}

/// The members that are asked now.
fn now(drive: &Drive) -> Option<(u8, Vec<ParticipantId>)> {
    asked(&drive.round.outbox())
}

fn say(drive: &mut Drive, who: &[usize], stage: u8) {
    who.iter().for_each(|n| drop(drive.on(Kind::Said(said(*n, stage)))));
}

fn contribute(drive: &mut Drive, who: &[usize]) {
    for n in who {
        drive.on(Kind::Contributed(contribution(drive.round.setup(), *n)));
    }
}

#[test]
fn stages_before_and_after_contributions() {
    let mut drive = begin();
    assert_eq!(now(&drive).unwrap().0, 0);
    say(&mut drive, &[0, 1, 2], 0);
    let actions = drive.on(Kind::Said(said(3, 0)));
    assert_eq!(asked(&actions).unwrap().0, 1, "the next stage is asked for at once");
    say(&mut drive, &[0, 1, 2, 3], 1);
    assert_eq!(drive.round.state(), "distributing");
    contribute(&mut drive, &[0, 1, 2, 3]);
    assert_eq!(now(&drive).unwrap().0, 2);
    say(&mut drive, &[0, 1, 2, 3], 2);
    say(&mut drive, &[0, 1, 2], 3);
    assert_eq!(now(&drive).unwrap(), (3, vec![id(3)]));
    say(&mut drive, &[3], 3);
    assert_eq!(drive.round.state(), "aggregating");
}

#[test]
fn who_is_silent_before_contributions_makes_none() {
    let mut drive = begin();
    say(&mut drive, &[0, 1, 2], 0);
    drive.now += 500;
    drive.on(Kind::Tick);
    assert_eq!(now(&drive).unwrap(), (1, vec![id(0), id(1), id(2)]));
    say(&mut drive, &[0, 1, 2], 1);
    let late = contribution(drive.round.setup(), 3);
    let stranger = Refusal::NotInCohort { participant: id(3), round: 1 };
    assert_eq!(drive.round.admit(&late), Err(stranger));
    contribute(&mut drive, &[0, 1, 2]);
    assert_eq!(now(&drive).unwrap(), (2, vec![id(0), id(1), id(2)]));
}

#[test]
fn too_few_confirm() {
    let mut drive = begin();
    say(&mut drive, &[0, 1, 2, 3], 0);
    say(&mut drive, &[0, 1, 2, 3], 1);
    contribute(&mut drive, &[0, 1, 2, 3]);
    say(&mut drive, &[0, 1], 2);
    for n in [2, 3] {
        let (participant, why) = (id(n), "its process ended".into());
        drive.on(Kind::Declined { participant, round: 1, why });
    }
    assert_eq!(drive.round.state(), "aborted");
    let abort = Abort::TooFewMessages { stage: 2, expected: 3, found: 2 };
    assert!(drive.log.contains(&Record::Aborted { abort }));
}

/// A contribution counts whose sender leaves before the sum is opened.
#[test]
fn who_leaves_after_its_contribution_is_asked_no_more() {
    let mut drive = begin();
    say(&mut drive, &[0, 1, 2, 3], 0);
    say(&mut drive, &[0, 1, 2, 3], 1);
    contribute(&mut drive, &[0, 1, 2, 3]);
    let (participant, why) = (id(3), "its process ended".into());
    drive.on(Kind::Declined { participant, round: 1, why });
    say(&mut drive, &[0, 1, 2], 2);
    assert_eq!(now(&drive).unwrap(), (3, vec![id(0), id(1), id(2)]));
    say(&mut drive, &[0, 1, 2], 3);
    assert_eq!(drive.round.progress(), (4, 4));
}

#[test]
fn foreign_messages_are_refused() {
    let mut drive = begin();
    say(&mut drive, &[0], 0);
    let mut changed = said(0, 0);
    changed.message.body = Digest::of_bytes(b"other");
    let mut foreign = said(1, 0);
    foreign.message.model = Digest::of_bytes(b"other");
    for (message, label) in [
        (changed, "duplicate"),
        (foreign, "wrong-model"),
        (said(1, 1), "wrong-stage"),
        (said(9, 0), "not-in-cohort"),
    ] {
        assert_eq!(drive.round.hears(&message).unwrap_err().label(), label);
        let before = drive.log.len();
        drive.on(Kind::Said(message));
        assert!(!drive.log[before..].iter().any(|r| matches!(r, Record::Said { .. })), "{label}");
    }
    assert!(matches!(drive.round, Round::Exchanging(_)));
}
