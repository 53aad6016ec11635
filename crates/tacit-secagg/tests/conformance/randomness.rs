//! Secrets are as long as they must be, fresh, and stay where they are.

use crate::adapter::System;
use crate::tacit::Tacit;
use crate::world::{Report, World, setting};

const LEN: usize = 64;
const MEMBERS: usize = 4;

/// Longest run of secret bytes that a coordinator may see by chance: 2⁻⁸⁰ for a megabyte of view.
const RUN: usize = 13;

fn run(system: &dyn System, flipped: Option<(usize, usize)>) -> Report {
    let world = World { flipped, ..World::new(system, setting(MEMBERS, 0, 1), LEN) };
    let report = world.run();
    world.assert_right(&report);
    report
}

/// Everything that travels before members reveal shares.
fn before_the_last(system: &dyn System, report: &Report) -> Vec<Vec<u8>> {
    let (before, after) = system.stages();
    let last = before + after - 1;
    let letters = report.view.letters.iter().filter(|letter| letter.stage < last);
    let letters = letters.flat_map(|letter| [letter.body.clone(), letter.seal.clone()]);
    let mail = report.view.mail.iter().map(|(_, _, mail)| mail.clone());
    let sealed = report.view.contributions.iter().map(|(_, sealed)| sealed.clone());
    letters.chain(mail).chain(sealed).collect()
}

fn holds(texts: &[Vec<u8>], secret: &[u8]) -> bool {
    texts.iter().any(|text| text.windows(secret.len()).any(|window| window == secret))
}

/// Every byte that a member draws before it knows anybody matters: a generator with a short seed
/// would leave most of them without effect. What it changes is what masks: each of the words of
/// the contribution is another, but by chance.
#[test]
fn every_byte_that_keys_are_made_of_matters() {
    let system = Tacit::new();
    let honest = run(&system, None);
    let drawn = honest.drawn[&(0, 0)].len();
    assert!(drawn >= 64, "{drawn} bytes are too few for a key and a seed of 256 bits");
    for byte in 0..drawn {
        let other = run(&system, Some((0, byte)));
        let same = |report: &Report| report.view.contributions[0].1.clone();
        let (one, other) = (same(&honest), same(&other));
        let words = one.chunks(4).zip(other.chunks(4)).filter(|(a, b)| a == b).count();
        assert!(words < 2, "byte {byte}: {words} of {LEN} words are masked as before");
    }
}

/// The same draws in another round, or for another model, give other masks, and other ones for
/// every member.
#[test]
fn masks_are_of_one_round_model_and_member() {
    let system = Tacit::new();
    let zeros = |round: u32, model: u8| {
        let mut world = World::new(&system, setting(MEMBERS, 0, 1), LEN);
        (world.setting.round, world.setting.model) = (round, model);
        world.inputs = vec![vec![0; LEN]; MEMBERS];
        let report = world.run();
        world.assert_right(&report);
        report.view.contributions
    };
    let all: Vec<Vec<u8>> = [(3, 1), (4, 1), (3, 2)]
        .into_iter()
        .flat_map(|(round, model)| zeros(round, model))
        .map(|(_, sealed)| sealed)
        .collect();
    for (at, one) in all.iter().enumerate() {
        for other in &all[..at] {
            let words = one.chunks(4).zip(other.chunks(4)).filter(|(a, b)| a == b).count();
            assert!(words < 2, "{words} of {LEN} words of two masks are the same");
        }
        // Nor does a mask repeat itself.
        let half = one.len() / 2;
        let words = one[..half].chunks(4).zip(one[half..].chunks(4));
        assert!(words.filter(|(a, b)| a == b).count() < 2);
    }
}

/// No part of what members drew is seen by the coordinator before shares are revealed, whoever
/// leaves: no key, no seed, no coefficient of a polynomial, no salt.
#[test]
fn no_secret_is_seen() {
    for system in [Tacit::new(), Tacit::hybrid()] {
        let world = World::new(&system, setting(MEMBERS, 0, 1), LEN);
        let world = world.leaving([(1, system.stages().0)]);
        let report = world.run();
        world.assert_right(&report);
        let seen = before_the_last(&system, &report);
        for ((member, stage), drawn) in &report.drawn {
            for (at, secret) in drawn.windows(RUN).enumerate() {
                assert!(!holds(&seen, secret), "draw {at} of member {member} in stage {stage}");
            }
        }
    }
}

/// In the whole round no key and no seed of anybody travels: not even of who left, for it takes
/// several shares to know it.
#[test]
fn no_key_is_ever_sent() {
    let system = Tacit::new();
    let world = World::new(&system, setting(6, 1, 1), LEN);
    let world = world.leaving([(1, system.stages().0)]);
    let report = world.run();
    world.assert_right(&report);
    let every: Vec<Vec<u8>> = report
        .view
        .letters
        .iter()
        .map(|letter| letter.body.clone())
        .chain(report.view.mail.iter().map(|(_, _, mail)| mail.clone()))
        .collect();
    for ((member, stage), drawn) in report.drawn.iter().filter(|((_, stage), _)| *stage == 0) {
        for (at, secret) in drawn.windows(RUN).enumerate() {
            assert!(!holds(&every, secret), "draw {at} of member {member} in stage {stage}");
        }
    }
}

/// That the search above would find a secret that is sent.
#[test]
fn a_secret_that_is_sent_would_be_found() {
    let (texts, secret) = (vec![vec![1; 40], (0..200).collect::<Vec<u8>>()], [70, 71, 72]);
    assert!(holds(&texts, &secret) && !holds(&texts, &[72, 71]));
}
