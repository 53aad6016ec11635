//! Whole rounds: sums are right whoever leaves, and never shown of fewer than was promised.

mod common;

use common::{Outcome, World, terms};
use tacit_core::error::{Error, Refusal};
use tacit_core::registry::Value;

/// The sum is that of the roster, for every group.
fn check(world: &World, len: usize) -> Outcome {
    let inputs = world.inputs(len);
    let outcome = world.run(&inputs).expect("a round");
    assert!(outcome.refused.is_empty(), "{:?}", outcome.refused);
    assert!(outcome.caught.is_empty(), "{:?}", outcome.caught);
    let mut total = vec![0u64; len];
    let mask = u64::MAX >> (64 - world.terms.bits);
    for sum in &outcome.sums {
        assert!(sum.iter().all(|x| *x <= mask));
        total.iter_mut().zip(sum).for_each(|(total, x)| *total = total.wrapping_add(*x) & mask);
    }
    assert_eq!(total, world.sum(&inputs, &outcome.roster));
    outcome
}

fn text(name: &'static str, value: &str) -> (&'static str, Value) {
    (name, Value::Text(value.into()))
}

#[test]
fn sums_are_right_at_every_width() {
    for bits in [8, 12, 16, 20, 24, 31, 32, 33, 40, 48, 63, 64] {
        let outcome = check(&World::new(&[], terms(5, 3, (0.2, 0.2), bits)), 250);
        assert_eq!((outcome.sums.len(), outcome.roster.len()), (1, 5));
    }
}

#[test]
fn whoever_leaves_when_it_may_is_left_out() {
    for size in [5, 8, 12] {
        for step in 0..6 {
            let world = World::new(&[], terms(size, 3, (0.1, 0.34), 32));
            let leaves: Vec<_> = (0..size / 4).map(|member| (member * 2, step)).collect();
            let outcome = check(&world.leaving(&leaves), 150);
            let left = if step < 4 { leaves.len() } else { 0 };
            assert_eq!(outcome.roster.len(), size - left, "{size} members, step {step}");
        }
    }
}

#[test]
fn members_leave_at_different_times() {
    let leaves = [(0, 0), (3, 1), (11, 3), (7, 5)];
    let outcome = check(&World::new(&[], terms(12, 4, (0.0, 0.34), 40)).leaving(&leaves), 99);
    assert_eq!(outcome.roster.len(), 9);
}

#[test]
fn a_coordinator_that_only_looks_is_asked_less() {
    let changes = [text("adversary", "semi-honest")];
    for step in 0..5 {
        let world = World::new(&changes, terms(9, 3, (0.2, 0.4), 24));
        check(&world.leaving(&[(1, step), (5, step)]), 120);
    }
}

#[test]
fn masks_of_chacha20() {
    let changes = [text("prg", "chacha20")];
    check(&World::new(&changes, terms(6, 3, (0.0, 0.3), 32)).leaving(&[(2, 3)]), 120);
}

#[test]
fn too_many_that_leave_end_a_round() {
    let leaves: Vec<_> = (0..5).map(|member| (member, 3)).collect();
    let world = World::new(&[], terms(8, 3, (0.1, 0.3), 32)).leaving(&leaves);
    let error = world.run(&world.inputs(10)).err().unwrap();
    assert!(matches!(error, Error::Peer(Refusal::TooFew { .. })), "{error}");
}

#[test]
fn hybrid_keys() {
    let changes = [text("agreement", "x25519-ml-kem-768")];
    let world = World::new(&changes, terms(6, 3, (0.0, 0.34), 32)).leaving(&[(0, 3), (4, 3)]);
    check(&world, 60);
}

#[test]
fn groups_are_summed_apart() {
    let changes = [("groups", Value::Integer(3))];
    let world = World::new(&changes, terms(14, 6, (0.0, 0.2), 32)).leaving(&[(5, 3)]);
    let inputs = world.inputs(50);
    let outcome = check(&world, 50);
    assert_eq!(outcome.sums.len(), 3);
    assert!(outcome.sums.iter().all(|sum| *sum != world.sum(&inputs, &outcome.roster)));
}

#[test]
fn promises_name_what_would_do() {
    let promise = |changes: &[_], terms| World::new(changes, terms).promise();
    let said = promise(&[], terms(1000, 100, (0.1, 0.1), 32)).expect("sound terms");
    for part in ["does anything", "100 members of a cohort of 1000", "at least 551 members"] {
        assert!(said.contains(part), "{said}");
    }
    let refused = promise(&[], terms(10, 3, (0.2, 0.5), 32)).unwrap_err().to_string();
    assert!(refused.contains("at most 0.3, which is 3 of a cohort of 10"), "{refused}");
    let semi = [text("adversary", "semi-honest")];
    let said = promise(&semi, terms(10, 3, (0.2, 0.5), 32)).expect("sound terms");
    assert!(said.contains("follows the protocol") && said.contains("at least 4"), "{said}");
    let groups = [("groups", Value::Integer(5))];
    let refused = promise(&groups, terms(10, 2, (0.2, 0.0), 32)).unwrap_err().to_string();
    assert!(refused.contains("each of 5 groups of at least 4"), "{refused}");
    assert!(promise(&[], terms(10, 3, (0.0, 0.0), 65)).is_err());
    assert!(promise(&[], terms(10, 11, (0.0, 0.0), 32)).is_err());
}
