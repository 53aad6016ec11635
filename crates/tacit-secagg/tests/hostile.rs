//! Members and coordinators that do not follow the protocol: whoever is to blame is named, and
//! nobody is shown what it must not see.

mod common;

use common::{Meddler, Nobody, Outcome, Round, World, terms};
use tacit_core::error::{Error, Refusal};

const KEYS: u8 = 0;
const SHARES: u8 = 1;
const READY: u8 = 2;
const CONFIRM: u8 = 3;
const UNMASK: u8 = 4;

fn world(size: usize) -> World {
    World::new(&[], terms(size, 3, (0.2, 0.34), 32))
}

/// Flips a bit of the mail or the message of one member in one stage.
struct Flip {
    stage: u8,
    member: usize,
    mail: bool,
    at: usize,
}

impl Flip {
    fn flip(&self, (stage, member, mail): (u8, usize, bool), bytes: &mut [u8]) {
        let len = bytes.len();
        if (stage, member, mail) == (self.stage, self.member, self.mail) && len > 0 {
            bytes[self.at * (len - 1) / 1000] ^= 1;
        }
    }
}

impl Meddler for Flip {
    fn mail(&mut self, stage: u8, to: usize, mail: &mut Vec<u8>) {
        self.flip((stage, to, true), mail);
    }

    fn body(&mut self, stage: u8, from: usize, body: &mut Vec<u8>) {
        self.flip((stage, from, false), body);
    }
}

/// Of a round with one changed bit: the sum is right, or whoever saw the bit refuses it and is
/// left out, or the round ends.
fn flipped(flip: &mut Flip) -> Result<Outcome, Error> {
    let world = world(7);
    let inputs = world.inputs(20);
    let (member, mail) = (flip.member, flip.mail);
    let outcome = world.meddled(&inputs, flip)?;
    let right = outcome.sums == [world.sum(&inputs, &outcome.roster)];
    let noticed = outcome.refused.contains_key(&member) || outcome.caught.contains_key(&member);
    assert!(right, "a wrong sum");
    assert!(noticed || !mail, "a change of its mail that the member did not notice");
    Ok(outcome)
}

#[test]
fn a_changed_bit_of_mail_is_refused_by_its_reader() {
    for stage in [SHARES, CONFIRM, UNMASK] {
        for at in (0..=1000).step_by(40) {
            let outcome = flipped(&mut Flip { stage, member: 2, mail: true, at }).unwrap();
            let refused = outcome.refused.contains_key(&2);
            let caught = outcome.caught.contains_key(&2) && stage == CONFIRM;
            assert!(refused || caught, "stage {stage}, {at}");
        }
    }
}

/// Of mail with shares, what is not refused leads to a complaint, which the coordinator hears.
#[test]
fn a_changed_bit_of_shares_does_no_harm() {
    for at in (0..=1000).step_by(20) {
        let world = world(7);
        let inputs = world.inputs(20);
        let mut flip = Flip { stage: READY, member: 2, mail: true, at };
        let outcome = world.meddled(&inputs, &mut flip).unwrap();
        assert_eq!(outcome.sums, [world.sum(&inputs, &outcome.roster)], "{at}");
    }
}

/// The coordinator changes a bit of the shares that so many neighbours hand to member 2.
struct Spoilt(usize);

impl Meddler for Spoilt {
    fn mail(&mut self, stage: u8, to: usize, mail: &mut Vec<u8>) {
        // Who shared, in two bytes; a count; of each neighbour shares, two commitments, no
        // ciphertexts.
        const HANDED: usize = 2 + 140 + 2 * 33 + 2;
        if (stage, to) == (READY, 2) {
            assert_eq!(mail.len(), 3 + 6 * HANDED);
            for number in 0..self.0 {
                mail[3 + number * HANDED + 9] ^= 1;
            }
        }
    }
}

/// A member does not mask with neighbours of whom it cannot tell that their mail came unchanged.
#[test]
fn a_member_whose_mail_was_changed_throughout_contributes_nothing() {
    let world = world(7);
    let inputs = world.inputs(20);
    for (spoilt, goes_on) in [(0, true), (1, true), (6, false)] {
        let outcome = world.meddled(&inputs, &mut Spoilt(spoilt)).unwrap();
        assert_eq!(outcome.sums, [world.sum(&inputs, &outcome.roster)], "{spoilt}");
        assert_eq!(outcome.roster.contains(&world.names[2]), goes_on, "{spoilt}");
        match outcome.refused.get(&2) {
            None => assert!(goes_on),
            Some(Error::Peer(Refusal::TooFew { what, found: 0, .. })) => {
                assert_eq!(what, "neighbours whose shares can be used");
            }
            Some(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_changed_bit_of_a_message_does_no_harm() {
    for stage in [KEYS, SHARES, READY, CONFIRM, UNMASK] {
        for at in (0..=1000).step_by(50) {
            match flipped(&mut Flip { stage, member: 3, mail: false, at }) {
                Ok(_) => (),
                Err(Error::Peer(refusal)) => {
                    let name = "p3";
                    assert!(refusal.to_string().contains(name), "stage {stage}, {at}: {refusal}");
                }
                Err(other) => panic!("stage {stage}, {at}: {other}"),
            }
        }
    }
}

/// The coordinator shows everybody else's mail to one member.
struct Swapped(u8, Vec<u8>);

impl Meddler for Swapped {
    fn mail(&mut self, stage: u8, to: usize, mail: &mut Vec<u8>) {
        match (stage == self.0, to) {
            (true, 0) => self.1.clone_from(mail),
            (true, 1) => mail.clone_from(&self.1),
            _ => (),
        }
    }
}

#[test]
fn shares_of_another_holder_are_no_use() {
    let (world, mut swapped) = (world(7), Swapped(READY, Vec::new()));
    let inputs = world.inputs(20);
    let outcome = world.meddled(&inputs, &mut swapped).unwrap();
    assert_eq!(outcome.sums, [world.sum(&inputs, &outcome.roster)]);
}

/// Asks a member again.
#[test]
fn nothing_is_said_twice() {
    let world = world(6);
    let mut nobody = Nobody;
    let mut round = Round::new(&world, &mut nobody).unwrap();
    let inputs = world.inputs(20);
    for stage in [KEYS, SHARES, READY] {
        round.stage(stage, stage).unwrap();
        assert!(round.members[0].say(stage, &[], &mut round.entropies[0]).is_err());
    }
    round.contribute(3, &inputs).unwrap();
    assert!(round.members[0].seal(0, &mut [1, 2], &mut Vec::new()).is_err());
    for stage in [CONFIRM, UNMASK] {
        let mail = round.table.mail(stage, &world.names[0]).unwrap();
        round.stage(stage, stage + 1).unwrap();
        assert!(round.members[0].say(stage, &mail, &mut round.entropies[0]).is_err());
        assert!(round.members[0].seal(9, &mut [1, 2], &mut Vec::new()).is_err());
    }
    assert!(round.members[0].say(UNMASK + 1, &[], &mut round.entropies[0]).is_err());
}

/// Two rosters: half of the members are told one and half the other.
struct Fork {
    other: Vec<u8>,
}

impl Meddler for Fork {
    fn mail(&mut self, stage: u8, to: usize, mail: &mut Vec<u8>) {
        if stage == CONFIRM && to.is_multiple_of(2) {
            mail.clone_from(&self.other);
        }
    }
}

#[test]
fn a_forked_roster_is_not_confirmed() {
    let world = world(8);
    let inputs = world.inputs(20);
    // One byte of length, one of members: all but the last.
    let mut fork = Fork { other: vec![1, 0b0111_1111] };
    let error = world.meddled(&inputs, &mut fork).err().unwrap();
    assert!(matches!(error, Error::Peer(Refusal::TooFew { .. })), "{error}");
}

#[test]
fn letters_of_another_stage_or_stranger_are_refused() {
    let world = world(6);
    let mut nobody = Nobody;
    let mut round = Round::new(&world, &mut nobody).unwrap();
    let context = &world.terms.context;
    let early = world.seals[0].sign(context, SHARES, Vec::new());
    assert!(round.table.hear(&early).is_err());
    let mut other = context.clone();
    other.round += 1;
    let letter = world.seals[0].sign(&other, KEYS, Vec::new());
    let refused = round.table.hear(&letter).unwrap_err();
    assert!(matches!(refused, Refusal::WrongRound { .. }));
    round.stage(KEYS, KEYS).unwrap();
    let late = world.seals[0].sign(context, KEYS, Vec::new());
    assert!(matches!(round.table.hear(&late).unwrap_err(), Refusal::WrongStage { .. }));
    assert!(round.table.close(READY).is_err());
    assert!(round.table.contributed(&world.names).is_err());
    assert!(round.table.open().is_err());
    assert!(round.table.mail(READY, &world.names[0]).is_err());
    let stranger = tacit_core::ids::ParticipantId::parse("stranger").unwrap();
    assert!(round.table.mail(SHARES, &stranger).is_err());
}
