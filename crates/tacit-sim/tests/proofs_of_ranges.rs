//! Rounds whose participants prove the ranges of what they contribute, simulated.
#![allow(clippy::unwrap_used)]

#[path = "toy/lying.rs"]
mod lying;
#[path = "toy/proved.rs"]
mod proved;

use proved::{Left, check, initial, plan};
use tacit_core::plan::Plan;
use tacit_core::proof::NoKeys;
use tacit_core::run::Finish;
use tacit_sim::simulate::SimOutcome;

const HIDDEN: [(&str, &str); 4] = [
    ("protection", "\"secagg\""),
    ("training.clip_norm", "1.0"),
    ("cohort.minimum", "3"),
    // whose proof is refused has left
    ("adversary.dropping", "0.25"),
];

fn of(range: &str, changes: &[(&str, &str)]) -> Plan {
    let range = format!("{{ rule = \"range\", scale = 8192, {range} }}");
    plan(&[&[("proof", &*range)][..], changes].concat())
}

fn run(plan: &Plan, attack: Option<(&str, usize)>) -> (SimOutcome, Left) {
    proved::run(plan, &NoKeys, attack)
}

/// How far the furthest value of the model came.
fn furthest(outcome: &SimOutcome, plan: &Plan) -> f32 {
    let moved = outcome.model.values().iter().zip(initial(plan).values().to_vec());
    moved.map(|(after, before)| (after - before).abs()).fold(0.0, f32::max)
}

#[test]
fn honest_rounds_are_proved() {
    for changes in [&[][..], &HIDDEN] {
        let plan = of("min = -0.5, max = 0.5, norm_l2 = 0.9", changes);
        let (outcome, left) = run(&plan, None);
        assert_eq!(outcome.finish, Finish::Completed, "{:?}", outcome.history);
        for report in &outcome.history {
            assert_eq!(report.contributions.len(), 4, "{report:?}");
            assert!(report.verify_ms.is_some() && report.unproved.is_empty());
            let bytes = report.contributions.iter().map(|c| c.proof.unwrap().bytes);
            // 32 for each of 62 commitments, and for the points of three arguments
            assert!(bytes.into_iter().all(|bytes| (2_500..4_500).contains(&bytes)), "{report:?}");
        }
        assert_eq!(check(&plan, &NoKeys, &left), 8);
        let last = outcome.history.last().unwrap().evaluation.as_ref().unwrap();
        assert!(last.accuracy() > 0.85, "{last:?}");
    }
}

/// Whoever sees the update, and whether or not it is clipped before.
#[test]
fn updates_are_brought_within_the_bounds_before_they_are_proved() {
    for changes in [&[][..], &HIDDEN] {
        let plan = of("min = -0.01, max = 0.01", changes);
        let (outcome, _) = run(&plan, None);
        assert_eq!(outcome.finish, Finish::Completed, "{:?}", outcome.history);
        let furthest = furthest(&outcome, &plan);
        assert!(furthest > 0.015 && furthest < 0.0202, "{furthest}");
    }
}

/// A proof of another update, of another round, of somebody else; another update on the grid, and
/// one out of bounds, all within the clipping norm.
#[test]
fn liars_are_named_and_the_others_count() {
    let narrow = "min = -0.05, max = 0.05";
    let clip = [("training.clip_norm", "100.0")];
    let runs = [
        (format!("{narrow}, liar = \"p3\""), None, [1, 1], "does not hold"),
        (format!("{narrow}, liar = \"p3\", lie = \"old\""), None, [0, 1], "does not hold"),
        (format!("{narrow}, liar = \"p3\", lie = \"stolen\""), None, [1, 1], "does not hold"),
        (narrow.to_owned(), Some(("sign-flip", 1)), [1, 1], "does not hold"),
        (narrow.to_owned(), Some(("scaling", 1)), [1, 1], "cannot be proved"),
    ];
    for (range, attack, liars, why) in runs {
        let plan = of(&range, &clip);
        let (outcome, left) = run(&plan, attack);
        assert_eq!(outcome.finish, Finish::Completed, "{range} {attack:?}");
        for (report, liars) in outcome.history.iter().zip(liars) {
            assert_eq!(report.contributions.len(), 4 - liars, "{range} {attack:?} {report:?}");
            assert_eq!(report.unproved.len(), liars);
            assert!(report.declined.keys().eq(&report.unproved));
            assert!(report.declined.values().all(|said| said.contains(why)), "{report:?}");
            let counts = |id| report.contributions.iter().any(|c| &c.participant == id);
            assert!(!report.unproved.iter().any(counts));
            let named = |id: &tacit_core::ids::ParticipantId| id.as_str() == "p3";
            assert!(attack.is_some() || report.unproved.iter().all(named), "{report:?}");
        }
        assert_eq!(check(&plan, &NoKeys, &left), 8 - liars[0] - liars[1]);
        assert!(furthest(&outcome, &plan) < 0.1001, "nobody counted for more than was proved");
    }
}

#[test]
fn a_round_of_liars_releases_nothing() {
    let plan = of("liar = \"all\"", &[]);
    let (outcome, left) = run(&plan, None);
    assert_eq!((outcome.model, left.models.len()), (initial(&plan), 1));
    let Finish::Failed(abort) = outcome.finish else { panic!("{:?}", outcome.finish) };
    let words = "0 contributions with a proof, expected at least 2; 4 refused";
    assert_eq!(abort.to_string(), words);
    assert_eq!(outcome.history[0].unproved.len(), 4);
}

/// Nobody sees whose update it was, and so nothing is applied.
#[test]
fn a_masked_update_that_was_not_proved_ends_the_round() {
    let plan = of("liar = \"p3\"", &HIDDEN);
    let (outcome, left) = run(&plan, None);
    assert_eq!((outcome.model, left.models.len()), (initial(&plan), 1));
    let Finish::Failed(abort) = outcome.finish else { panic!("{:?}", outcome.finish) };
    let words = "aggregation failed: opened sum: expected the sum of what was proved, found \
                 another: somebody sent what it did not prove";
    assert_eq!(abort.to_string(), words);
    assert!(outcome.history[0].unproved.is_empty());
}

/// A proof of another round does not even need a sum.
#[test]
fn masks_hide_no_old_proof() {
    let plan = of("liar = \"p3\", lie = \"old\"", &HIDDEN);
    let (outcome, left) = run(&plan, None);
    assert_eq!(outcome.finish, Finish::Completed, "{:?}", outcome.history);
    let [first, second] = &outcome.history[..] else { panic!("{:?}", outcome.history) };
    assert_eq!((first.contributions.len(), second.contributions.len()), (4, 3));
    assert_eq!(second.unproved.iter().map(|id| id.as_str()).collect::<Vec<_>>(), ["p3"]);
    assert_eq!(check(&plan, &NoKeys, &left), 7);
}

/// Of two groups the sum of one opens; the round ends all the same.
#[test]
fn groups_are_held_against_what_their_members_proved() {
    let groups = [
        ("participants", "8"),
        ("protection", "{ rule = \"secagg\", groups = 2 }"),
        ("aggregator", "\"median\""),
        ("training.clip_norm", "1.0"),
    ];
    let (honest, _) = run(&of("min = -0.5", &groups), None);
    assert_eq!(honest.finish, Finish::Completed);
    let (outcome, left) = run(&of("min = -0.5, liar = \"p3\"", &groups), None);
    assert!(matches!(outcome.finish, Finish::Failed(_)) && left.models.len() == 1);
}
