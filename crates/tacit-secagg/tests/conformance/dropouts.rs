//! Whoever leaves, and whenever: while no more do than were allowed for, the sum of those who
//! contributed is opened; and never another.

use crate::adapter::System;
use crate::tacit::Tacit;
use crate::world::{World, setting};
use tacit_core::rng::Seed;

const LEN: usize = 60;

/// Steps in which a member can fall silent.
fn steps(system: &dyn System) -> u8 {
    let (before, after) = system.stages();
    before + 1 + after
}

fn subsets(members: usize) -> impl Iterator<Item = Vec<usize>> {
    let has = |set: usize, member: usize| set >> member & 1 == 1;
    (0..1 << members).map(move |set| (0..members).filter(|member| has(set, *member)).collect())
}

/// Every subset of a small cohort leaves, at every step.
#[test]
fn every_subset_leaves_at_every_step() {
    let system = Tacit::new();
    let contributed = system.stages().0;
    for (members, colluding, leaving) in [(3, 0, 1), (4, 1, 1), (5, 0, 2), (6, 1, 2)] {
        let setting = setting(members, colluding, leaving);
        for step in 0..steps(&system) {
            for set in subsets(members) {
                let world = World::new(&system, setting.clone(), LEN)
                    .leaving(set.iter().map(|member| (*member, step)));
                let report = world.run();
                assert!(report.refused.is_empty() || set.len() > leaving);
                if set.len() <= leaving {
                    let gone = if step <= contributed { set.len() } else { 0 };
                    assert_eq!(world.assert_right(&report), members - gone, "{set:?} in {step}");
                } else {
                    world.assert_not_wrong(&report);
                }
            }
        }
    }
}

/// Every two members leave, each at every step.
#[test]
fn every_pair_leaves_at_every_two_steps() {
    let system = Tacit::new();
    let (members, steps) = (5, steps(&system));
    for (first, second) in (0..members).flat_map(|a| (0..a).map(move |b| (a, b))) {
        for code in 0..steps * steps {
            let leaves = [(first, code % steps), (second, code / steps)];
            let world = World::new(&system, setting(members, 0, 2), LEN).leaving(leaves);
            let gone = leaves.iter().filter(|(_, step)| *step <= system.stages().0).count();
            assert_eq!(world.assert_right(&world.run()), members - gone, "{leaves:?}");
        }
    }
}

/// Rounds of many members, in each of which as many leave as may, at any step.
fn many(members: usize, rounds: u64) {
    let system = Tacit::new();
    let share = members / 20;
    for seed in 0..rounds {
        let mut rng = Seed::root(seed).derive("leaving", &[]).rng();
        let mut numbers: Vec<usize> = (0..members).collect();
        rng.shuffle(&mut numbers);
        let steps = u64::from(steps(&system));
        let leaves: Vec<(usize, u8)> =
            numbers[..share].iter().map(|member| (*member, rng.below(steps) as u8)).collect();
        let before = |(_, step): &&(usize, u8)| *step <= system.stages().0;
        let gone = leaves.iter().filter(before).count();
        let mut setting = setting(members, share, share);
        setting.signatures = members <= 100;
        let world = World::new(&system, setting, LEN).leaving(leaves);
        assert_eq!(world.assert_right(&world.run()), members - gone, "seed {seed}");
    }
}

/// More where `TACIT_CONFORMANCE_ROUNDS` says so, as it does at night.
#[test]
fn random_drop_outs_of_large_cohorts() {
    let asked = std::env::var("TACIT_CONFORMANCE_ROUNDS").ok();
    let rounds = asked.and_then(|text| text.parse().ok()).unwrap_or(1);
    many(60, 4 * rounds);
    many(1000, rounds);
}
