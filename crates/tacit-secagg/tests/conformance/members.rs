//! Members that do not follow the protocol: they are named or left out, nobody else is, and the
//! sum that is opened is right.

use crate::adapter::{Fraud, Letter, Seen, System};
use crate::tacit::Tacit;
use crate::world::{Drawn, Meddler, World, setting};

const LEN: usize = 40;
const MEMBERS: usize = 7;
const LIAR: usize = 2;

fn world(system: &dyn System) -> World<'_> {
    World::new(system, setting(MEMBERS, 1, 2), LEN)
}

/// Rewrites what the liar says in one stage.
struct Lie<F> {
    stage: u8,
    change: F,
}

impl<F: FnMut(&mut Vec<u8>)> Meddler for Lie<F> {
    fn body(&mut self, stage: u8, from: usize, body: &mut Vec<u8>) {
        if (stage, from) == (self.stage, LIAR) {
            (self.change)(body);
        }
    }
}

fn last(system: &dyn System) -> u8 {
    let (before, after) = system.stages();
    before + after - 1
}

/// Whoever reveals another share than it was given is named, alone, and the sum is opened without
/// its shares: whether they are of members that stayed or left.
#[test]
fn wrong_shares_name_whoever_reveals_them() {
    let system = Tacit::new();
    for leaves in [vec![], vec![(4, system.stages().0)]] {
        let world = world(&system).leaving(leaves);
        for place in 2..30 {
            let mut lie = Lie {
                stage: last(&system),
                change: |body: &mut Vec<u8>| {
                    let at = place * (body.len() - 1) / 30;
                    body[at] ^= 1;
                },
            };
            let report = world.meddled(&mut lie);
            world.assert_right(&report);
            let caught: Vec<&usize> = report.caught.keys().collect();
            assert_eq!(caught, [&LIAR], "place {place}");
            let named = &report.caught[&LIAR].named;
            assert!(named.is_empty() || *named == [LIAR], "place {place}: {named:?}");
        }
    }
}

/// Shares of two polynomials, each as it was committed to: they do not give back what the owner
/// showed, and it is the owner that is named, whether it stays or leaves.
#[test]
fn shares_that_do_not_fit_name_their_owner() {
    let system = Tacit::new();
    let stage = system.share_stage();
    for leaves in [vec![], vec![(LIAR, system.stages().0)]] {
        let world = world(&system).leaving(leaves);
        let mail = |wanted: u8| {
            let view = world.run().view;
            let mine = view.mail.into_iter().find(|(s, to, _)| (*s, *to) == (wanted, LIAR));
            mine.map(|(_, _, mail)| mail).unwrap()
        };
        // The same member, whose draws in this stage are others.
        let mut twin = system.member(&world.setting, LIAR);
        for earlier in 0..stage {
            let mut drawn = Drawn::new(world.seed, LIAR, earlier);
            twin.say(earlier, &mail(earlier), &mut drawn).unwrap();
        }
        let other = twin.say(stage, &mail(stage), &mut Drawn::new(77, LIAR, stage)).unwrap();
        let mut lie = Lie {
            stage,
            change: |body: &mut Vec<u8>| {
                *body = system.splice(&world.setting, body, &other).unwrap();
            },
        };
        let report = world.meddled(&mut lie);
        let refused = report.opened.err().unwrap();
        assert_eq!(refused.named, [LIAR], "{}", refused.why);
        assert!(report.caught.is_empty() && report.refused.is_empty());
    }
}

/// Shares that fit together, but are of another seed than the owner masked with and committed to.
#[test]
fn shares_of_another_seed_name_their_owner() {
    let system = Tacit::new();
    let stage = system.share_stage();
    let world = world(&system);
    let view = world.run().view;
    let mail = |wanted: u8| {
        let mine = view.mail.iter().find(|(s, to, _)| (*s, *to) == (wanted, LIAR));
        mine.map(|(_, _, mail)| mail).unwrap()
    };
    // The same member and the same keys, but the seed of its own mask, which is drawn first.
    let mut twin = system.member(&world.setting, LIAR);
    let mut drawn = Drawn::new(world.seed, LIAR, 0);
    drawn.flipped = Some(0);
    let advert = twin.say(0, mail(0), &mut drawn).unwrap();
    assert!(view.letters.iter().any(|letter| letter.body == advert));
    let other = twin.say(stage, mail(stage), &mut Drawn::new(world.seed, LIAR, stage)).unwrap();
    let commit = |body: &mut Vec<u8>| *body = system.recommit(body, &other).unwrap();
    let report = world.meddled(&mut Lie { stage, change: commit });
    let refused = report.opened.err().unwrap();
    assert_eq!(refused.named, [LIAR], "{}", refused.why);
    assert!(report.caught.is_empty() && report.refused.is_empty());
}

/// What is sealed and signed as it should be, but is not what it says: a holder of a share that was
/// not committed to is not accused of it, and an owner of another key than it showed is named.
#[test]
fn frauds_name_their_owner_and_nobody_else() {
    let system = Tacit::new();
    let stage = system.share_stage();
    for fraud in [Fraud::OtherShare, Fraud::OtherKey] {
        // It leaves, so that shares of its key are revealed.
        let world = world(&system).leaving([(LIAR, system.stages().0)]);
        let honest = world.run();
        let drawn = &honest.drawn[&(LIAR, 0)];
        let seen = Seen { member: LIAR, drawn, letters: &honest.view.letters, len: LEN };
        let lie = |body: &mut Vec<u8>| {
            *body = system.misdeal(&world.setting, &seen, body, fraud).unwrap();
        };
        let report = world.meddled(&mut Lie { stage, change: lie });
        assert!(report.caught.is_empty() && report.refused.is_empty());
        match fraud {
            Fraud::OtherShare => assert_eq!(world.assert_right(&report), MEMBERS - 1),
            Fraud::OtherKey => assert_eq!(report.opened.err().unwrap().named, [LIAR]),
        }
    }
}

/// Shares that nobody can open: the owner is named before anybody contributes in vain.
#[test]
fn shares_that_cannot_be_opened_name_their_owner() {
    let system = Tacit::new();
    let world = world(&system);
    let spoil = |body: &mut Vec<u8>| *body = system.spoil(&world.setting, body).unwrap();
    let mut lie = Lie { stage: system.share_stage(), change: spoil };
    let report = world.meddled(&mut lie);
    let refused = report.opened.as_ref().err().unwrap();
    assert_eq!(refused.named, [LIAR], "{}", refused.why);
    assert!(report.view.contributions.is_empty());
}

/// A key with which nobody can agree on a secret would make its neighbours refuse to go on: whoever
/// shows it is left out, alone.
#[test]
fn keys_of_no_use_are_left_out() {
    let system = Tacit::new();
    let world = world(&system);
    let useless = |body: &mut Vec<u8>| *body = system.useless_key(&world.setting, body).unwrap();
    let mut lie = Lie { stage: 0, change: useless };
    let report = world.meddled(&mut lie);
    assert_eq!(world.assert_right(&report), MEMBERS - 1);
    assert!(report.refused.is_empty());
    assert_eq!(report.caught.keys().collect::<Vec<_>>(), [&LIAR]);
}

/// A member that complains of everybody: nobody is named for it, and the sum is right.
#[test]
fn false_complaints_harm_nobody() {
    let system = Tacit::new();
    let world = world(&system);
    let others: Vec<usize> = (0..MEMBERS).filter(|member| *member != LIAR).collect();
    let mut lie = Lie {
        stage: system.share_stage() + 1,
        change: |body: &mut Vec<u8>| {
            *body = system.complain(&world.setting, &others).unwrap();
        },
    };
    let report = world.meddled(&mut lie);
    assert_eq!(world.assert_right(&report), MEMBERS);
    assert!(report.caught.is_empty() && report.refused.is_empty());
}

/// A member that confirms another roster than it was told of is left out, alone.
#[test]
fn other_confirmations_are_left_out() {
    let system = Tacit::new();
    let world = world(&system);
    let mut lie = Lie { stage: system.roster_stage(), change: |body: &mut Vec<u8>| body[0] ^= 1 };
    let report = world.meddled(&mut lie);
    assert_eq!(world.assert_right(&report), MEMBERS);
    assert_eq!(report.caught.keys().collect::<Vec<_>>(), [&LIAR]);
}

/// A contribution of another length is named.
#[test]
fn broken_contributions_are_refused() {
    struct Cut;
    impl Meddler for Cut {
        fn contribution(&mut self, from: usize, sealed: &mut Vec<u8>) {
            if from == LIAR {
                sealed.pop();
            }
        }
    }
    let system = Tacit::new();
    let report = world(&system).meddled(&mut Cut);
    assert!(report.opened.is_err());
}

/// A member that says nothing after it contributed, and others that lie beside it.
#[test]
fn lies_and_silence_together() {
    struct Both(u8);
    impl Meddler for Both {
        fn letter(&mut self, mut letter: Letter) -> Vec<Letter> {
            if letter.stage == self.0 && letter.sender == LIAR {
                letter.body[3] ^= 1;
            }
            vec![letter]
        }
    }
    let system = Tacit::new();
    let world = world(&system).leaving([(5, last(&system) + 1)]);
    let report = world.meddled(&mut Both(last(&system)));
    assert_eq!(world.assert_right(&report), MEMBERS);
    assert!(report.caught.contains_key(&LIAR));
}
