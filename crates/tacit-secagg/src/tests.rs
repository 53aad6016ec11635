//! Coordinators and members that do not follow the protocol, where that takes forged messages.

#[path = "../tests/common/mod.rs"]
mod common;

use crate::keys::SecretKey;
use crate::member::SecAggMember;
use crate::messages::{Delivery, Introduction, Proof, Shown, decode, encode};
use crate::ring::Ring;
use crate::roster::Roster;
use crate::rule::{CONFIRM, KEYS, READY, SHARES};
use common::{Meddler, Nobody, Outcome, Round, Seeded, World, terms};
use tacit_core::error::{Error, Refusal};
use tacit_core::traits::Member;

const LIMIT: usize = 1 << 20;
const UNMASK: u8 = CONFIRM + 1;

fn world(size: usize) -> World {
    World::new(&[], terms(size, 3, (0.2, 0.34), 32))
}

/// Changes the mail of some members in one stage.
struct Forged<F> {
    stage: u8,
    to: &'static [usize],
    change: F,
}

impl<F: FnMut(usize, &mut Vec<u8>)> Meddler for Forged<F> {
    fn mail(&mut self, stage: u8, to: usize, mail: &mut Vec<u8>) {
        if stage == self.stage && self.to.contains(&to) {
            (self.change)(to, mail);
        }
    }
}

fn forge(
    world: &World,
    stage: u8,
    to: &'static [usize],
    change: impl FnMut(usize, &mut Vec<u8>),
) -> Result<Outcome, Error> {
    world.meddled(&world.inputs(10), &mut Forged { stage, to, change })
}

fn reason(outcome: &Outcome, member: usize) -> String {
    outcome.refused.get(&member).map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_member_refuses_a_group_without_its_own_keys() {
    let world = world(7);
    let left_out = |to: usize, mail: &mut Vec<u8>| {
        let mut mail_to: Introduction = decode("", mail, LIMIT).unwrap();
        mail_to.members.remove(to);
        *mail = encode(&mail_to);
    };
    let outcome = forge(&world, SHARES, &[1], left_out).unwrap();
    assert!(reason(&outcome, 1).contains("introduction"), "{}", reason(&outcome, 1));
    // Other keys under its name, with its own signature of other keys.
    let swapped = |to: usize, mail: &mut Vec<u8>| {
        let mut mail_to: Introduction = decode("", mail, LIMIT).unwrap();
        let Shown::Whole(body) = &mut mail_to.members[to].advert else { panic!("it is whole") };
        *body.0.last_mut().unwrap() ^= 1;
        *mail = encode(&mail_to);
    };
    let outcome = forge(&world, SHARES, &[1], swapped).unwrap();
    assert!(outcome.refused.contains_key(&1));
}

#[test]
fn a_member_refuses_a_group_that_is_too_small_or_holds_somebody_twice() {
    let world = world(7);
    for keep in [0, 1, 3] {
        let few = |to: usize, mail: &mut Vec<u8>| {
            let mut mail_to: Introduction = decode("", mail, LIMIT).unwrap();
            let name = world.names[to].clone();
            let mut left = keep;
            mail_to.members.retain(|member| {
                left -= i32::from(member.name != name);
                member.name == name || left >= 0
            });
            *mail = encode(&mail_to);
        };
        let outcome = forge(&world, SHARES, &[2], few).unwrap();
        assert!(reason(&outcome, 2).contains("too few adverts"), "{}", reason(&outcome, 2));
    }
    let twice = |_: usize, mail: &mut Vec<u8>| {
        let mut mail_to: Introduction = decode("", mail, LIMIT).unwrap();
        let last = mail_to.members.pop().unwrap();
        let mut all = mail_to.members;
        let copy = all.pop().unwrap();
        let again: Introduction = decode(
            "",
            &encode(&Introduction { group: 0, cohort: vec![], members: vec![copy] }),
            LIMIT,
        )
        .unwrap();
        let first: Introduction = decode("", mail, LIMIT).unwrap();
        all.extend(first.members.into_iter().nth(5));
        all.extend(again.members);
        all.push(last);
        *mail = encode(&Introduction { group: 0, cohort: vec![], members: all });
    };
    let outcome = forge(&world, SHARES, &[2], twice).unwrap();
    assert!(reason(&outcome, 2).contains("list of members"), "{}", reason(&outcome, 2));
}

/// Told that one of its neighbours did not share, a member masks for another set: it then does not
/// confirm what others do.
#[test]
fn a_member_that_masked_for_another_set_confirms_nothing_else() {
    let world = world(9);
    let without = |_: usize, mail: &mut Vec<u8>| {
        let Delivery { shared, mut handed } = decode("", mail, LIMIT).unwrap();
        // The graph is complete: neighbours are in the order of names.
        handed.remove(7);
        let shared = Roster::of(9, shared.iter().filter(|member| *member != 8));
        *mail = encode(&Delivery { shared, handed });
    };
    let mut forged = Forged { stage: READY, to: &[0], change: without };
    let mut round = Round::new(&world, &mut forged).unwrap();
    for stage in [KEYS, SHARES, READY] {
        round.stage(stage, stage).unwrap();
    }
    assert!(round.alive[0]);
    let inputs = world.inputs(10);
    round.contribute(3, &inputs).unwrap();
    // It refuses the roster, as one is in it that it did not mask for.
    round.stage(CONFIRM, 4).unwrap();
    assert!(round.outcome.refused.contains_key(&0));
}

#[test]
fn too_few_neighbours_are_not_masked_with() {
    let world = world(9);
    let without = |_: usize, mail: &mut Vec<u8>| {
        let Delivery { handed, .. } = decode("", mail, LIMIT).unwrap();
        let handed = handed.into_iter().take(2).collect();
        *mail = encode(&Delivery { shared: Roster::of(9, [0, 1, 2]), handed });
    };
    let outcome = forge(&world, READY, &[0], without).unwrap();
    assert!(reason(&outcome, 0).contains("too few members that shared"), "{}", reason(&outcome, 0));
}

#[test]
fn nothing_is_revealed_without_proof() {
    type Change = fn(&mut Proof);
    let world = world(8);
    let changed = |change: Change| {
        move |_: usize, mail: &mut Vec<u8>| {
            let mut proof: Proof = decode("", mail, LIMIT).unwrap();
            change(&mut proof);
            *mail = encode(&proof);
        }
    };
    let changes: [(&str, Change); 6] = [
        ("confirmations", |proof| proof.confirmations.truncate(4)),
        ("proof of a roster", |proof| {
            proof.confirmations.truncate(4);
            let last = proof.confirmations[3];
            proof.confirmations.extend([last, last, last]);
        }),
        ("does not verify", |proof| proof.confirmations[0].1 = proof.confirmations[1].1),
        ("proof of a roster", |proof| proof.confirmations.last_mut().unwrap().0 = 99),
        ("not the one that was confirmed", |proof| {
            proof.roster = Roster::of(8, [0, 1, 2, 3, 4, 5]);
        }),
        ("roster", |proof| proof.roster = Roster::of(8, [1, 2, 3, 4, 5, 6, 7])),
    ];
    for (words, change) in changes {
        let outcome = forge(&world, UNMASK, &[0], changed(change)).unwrap();
        assert!(reason(&outcome, 0).contains(words), "{words}: {}", reason(&outcome, 0));
    }
}

#[test]
fn a_holder_that_lies_is_named() {
    struct Liar;
    impl Meddler for Liar {
        fn body(&mut self, stage: u8, from: usize, body: &mut Vec<u8>) {
            if (stage, from) == (UNMASK, 3) {
                body[10] ^= 1;
            }
        }
    }
    let world = world(7);
    let inputs = world.inputs(10);
    let outcome = world.meddled(&inputs, &mut Liar).unwrap();
    assert_eq!(outcome.sums, [world.sum(&inputs, &outcome.roster)]);
    let Some(Refusal::Inconsistent { participant, what }) = outcome.caught.get(&3) else {
        panic!("{:?}", outcome.caught)
    };
    assert_eq!(
        (participant, &what[..]),
        (&world.names[3], "it reveals a share that p0 did not give it")
    );
}

/// An owner that deals shares of something else is named once they are needed: of its own mask if
/// it stays, of its key if it leaves.
#[test]
fn an_owner_that_deals_other_secrets_is_named() {
    struct Other(usize);
    impl Meddler for Other {
        fn body(&mut self, stage: u8, from: usize, body: &mut Vec<u8>) {
            if (stage, from) == (SHARES, self.0) {
                body[5] ^= 1;
            }
        }
    }
    let guilty = |error: Error| match error {
        Error::Peer(Refusal::Inconsistent { participant, what }) => (participant, what),
        other => panic!("{other}"),
    };
    let world = world(7);
    let error = world.meddled(&world.inputs(10), &mut Other(4)).err().unwrap();
    let (participant, what) = guilty(error);
    assert_eq!(participant, world.names[4]);
    assert!(what.contains("seed it committed to"), "{what}");

    let world = world.leaving(&[(2, 3)]);
    let mut nobody = Nobody;
    let mut round = Round::new(&world, &mut nobody).unwrap();
    let ring = Ring::new(32).unwrap();
    let mut member =
        SecAggMember::new(world.rule.clone(), world.terms.clone(), ring, world.seals[2].clone());
    let body = member.say(KEYS, &[], &mut Seeded::new(5)).unwrap();
    member.change_key(SecretKey::from_seed(&[9; 32]).unwrap());
    round.members[2] = Box::new(Said(Some(body), member));
    let error = round.run(&world.inputs(10)).err().unwrap();
    let (participant, what) = guilty(error);
    assert_eq!(participant, world.names[2]);
    assert!(what.contains("the key it showed"), "{what}");
}

/// A member whose first message was made before.
struct Said(Option<Vec<u8>>, SecAggMember);

impl Member for Said {
    fn say(
        &mut self,
        stage: u8,
        mail: &[u8],
        entropy: &mut dyn tacit_core::traits::Entropy,
    ) -> Result<Vec<u8>, Error> {
        self.0.take().map_or_else(|| self.1.say(stage, mail, entropy), Ok)
    }

    fn seal(&mut self, frame: u32, integers: &mut [u64], out: &mut Vec<u8>) -> Result<(), Error> {
        self.1.seal(frame, integers, out)
    }
}

/// More holders complain than may lie: the owner dealt bad shares.
#[test]
fn an_owner_of_whom_most_complain_is_named() {
    struct Bad;
    impl Meddler for Bad {
        fn body(&mut self, stage: u8, from: usize, body: &mut Vec<u8>) {
            if (stage, from) == (SHARES, 1) {
                let mut dealing: crate::messages::Dealing = decode("", body, LIMIT).unwrap();
                dealing.handed.iter_mut().for_each(|handed| handed.sealed.0[20] ^= 1);
                *body = encode(&dealing);
            }
        }
    }
    let world = world(7);
    let error = world.meddled(&world.inputs(10), &mut Bad).err().unwrap();
    assert!(error.to_string().contains("p1 contradicts itself: 6 of its shares"), "{error}");
}

/// What was heard and closed is heard and closed again after a crash: the same mail, the same sum.
#[test]
fn a_table_is_what_it_heard() {
    #[derive(Default)]
    struct Recorder(Vec<(u8, usize, Vec<u8>)>, Vec<(u8, usize, Vec<u8>)>);
    impl Meddler for Recorder {
        fn mail(&mut self, stage: u8, to: usize, mail: &mut Vec<u8>) {
            self.0.push((stage, to, mail.clone()));
        }
        fn body(&mut self, stage: u8, from: usize, body: &mut Vec<u8>) {
            self.1.push((stage, from, body.clone()));
        }
    }
    use tacit_core::traits::Exchange;
    let world = world(9).leaving(&[(3, 3), (6, 1)]);
    let inputs = world.inputs(10);
    let mut recorder = Recorder::default();
    let outcome = world.meddled(&inputs, &mut recorder).unwrap();
    let mut table = world.rule.table(&world.terms, &world.names).unwrap();
    for stage in KEYS..=UNMASK {
        if stage == CONFIRM {
            table.contributed(&outcome.roster).unwrap();
        }
        for (_, to, mail) in recorder.0.iter().filter(|(of, ..)| *of == stage) {
            assert_eq!(table.mail(stage, &world.names[*to]).unwrap(), *mail);
        }
        // Heard in another order than at first.
        for (_, from, body) in recorder.1.iter().rev().filter(|(of, ..)| *of == stage) {
            let letter = world.seals[*from].sign(&world.terms.context, stage, body.clone());
            table.hear(&letter).unwrap();
        }
        table.close(stage).unwrap();
    }
    assert_eq!(table.open().unwrap().members().unwrap(), [7]);
}
