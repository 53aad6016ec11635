//! Rounds whose participants prove that they contribute gradients of what they committed to,
//! simulated.
#![allow(clippy::unwrap_used)]

#[path = "toy/keys.rs"]
mod keys;
#[path = "toy/lying.rs"]
mod lying;
#[path = "toy/proved.rs"]
mod proved;

use keys::{KEYS, Ring};
use proved::{Left, check, initial, plan};
use std::collections::BTreeSet;
use tacit_core::digest::Digest;
use tacit_core::plan::Plan;
use tacit_core::run::Finish;
use tacit_sim::simulate::SimOutcome;
use tacit_zk::ceremony::{Phase, State, Transcript};
use tacit_zk::curve::Curve;
use tacit_zk::gradient::KeysForTests;
use tacit_zk::gradient::spec::{Kind, Spec};

fn of(keys: &KeysForTests, lie: &str, changes: &[(&str, &str)]) -> Plan {
    let rule = format!("{{ rule = \"groth16\", {}{lie} }}", keys.arguments());
    plan(&[&keys::PLAN[..], &[("proof", &*rule)], changes].concat())
}

fn run(plan: &Plan, attack: Option<(&str, usize)>) -> (SimOutcome, Left) {
    proved::run(plan, &Ring, attack)
}

#[test]
fn honest_rounds_are_proved() {
    let plan = of(&KEYS, "", &[]);
    let (outcome, left) = run(&plan, None);
    assert_eq!(outcome.finish, Finish::Completed, "{:?}", outcome.history);
    for report in &outcome.history {
        assert_eq!(report.contributions.len(), 4, "{report:?}");
        assert!(report.verify_ms.is_some() && report.unproved.is_empty());
        // a commitment and three points
        assert!(report.contributions.iter().all(|c| c.proof.unwrap().bytes == 32 + 128));
        assert!(report.contributions.iter().any(|c| c.proof.unwrap().prove_ms > 0));
    }
    assert_eq!(check(&plan, &Ring, &left), 8);
    let last = outcome.history.last().unwrap().evaluation.as_ref().unwrap();
    assert!(last.accuracy() > 0.85, "{last:?}");
}

/// One class against the rest, over the other curve.
#[test]
fn least_squares_on_the_other_curve() {
    let spec = Spec { depth: 4, ..Spec::usual(Kind::Linear, 30, 1, 8) };
    let keys = KeysForTests::make(&spec, Curve::Bls12_381, &mut tacit_sim::ports::SystemEntropy);
    let keys = keys.unwrap();
    let changes = [
        ("trainer", "{ rule = \"exact-linear\", depth = 4, clip_norm = 1.0 }"),
        ("participants", "4"),
        ("num_rounds", "1"),
    ];
    let plan = of(&keys, ", curve = \"bls12-381\"", &changes);
    let (outcome, left) = proved::run(&plan, &keys, None);
    assert_eq!(outcome.finish, Finish::Completed, "{:?}", outcome.history);
    assert_eq!(check(&plan, &keys, &left), 4);
}

/// An update that was altered when it had been proved, a proof of the round before, and one of
/// somebody else.
#[test]
fn liars_are_named_and_the_others_count() {
    let runs = [
        ("", Some(("sign-flip", 1)), [1, 1]),
        (", liar = \"p3\", lie = \"old\"", None, [0, 1]),
        (", liar = \"p3\", lie = \"stolen\"", None, [1, 1]),
    ];
    for (lie, attack, liars) in runs {
        let plan = of(&KEYS, lie, &[]);
        let (outcome, left) = run(&plan, attack);
        assert_eq!(outcome.finish, Finish::Completed, "{lie} {attack:?}");
        for (report, liars) in outcome.history.iter().zip(liars) {
            assert_eq!(report.contributions.len(), 4 - liars, "{lie} {attack:?} {report:?}");
            assert_eq!(report.refusals.get("bad-proof").copied().unwrap_or(0), liars as u64);
            assert!(report.declined.keys().eq(&report.unproved));
            let counts = |id| report.contributions.iter().any(|c| &c.participant == id);
            assert!(!report.unproved.iter().any(counts));
            let named: BTreeSet<&str> = report.unproved.iter().map(|id| id.as_str()).collect();
            assert!(attack.is_some() || named.is_subset(&BTreeSet::from(["p3"])), "{named:?}");
        }
        assert_eq!(check(&plan, &Ring, &left), 8 - liars[0] - liars[1]);
    }
}

#[test]
fn a_round_that_nobody_proves_releases_nothing() {
    let plan = of(&KEYS, "", &[("num_rounds", "1")]);
    let (outcome, left) = run(&plan, Some(("sign-flip", 3)));
    assert_eq!((outcome.model, left.models.len()), (initial(&plan), 1));
    let Finish::Failed(abort) = outcome.finish else { panic!("{:?}", outcome.finish) };
    assert!(abort.to_string().contains("expected at least 2; 3 refused"), "{abort}");
}

/// What others would commit to, prove and verify by.
#[test]
fn keys_of_another_circuit_are_refused() {
    let changes = [("training.batch_size", "16")];
    let plan = of(&KEYS, "", &changes);
    let federation = tacit_learn::federation::Federation::assemble(&plan).unwrap();
    let mut left = Left::default();
    let mut options = tacit_sim::simulate::Options::new(&mut left);
    options.keys = &Ring;
    let refused = tacit_sim::simulate::simulate(&plan, &federation, options, &mut |_| {});
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("circuit of the proving key"), "{refused}");
}

/// A key of which nobody but its label says what it is of.
#[test]
fn keys_of_another_ceremony_are_found() {
    let powers = State::begin_powers(Curve::Bn254, 3).unwrap();
    let named = |circuit| {
        let powers = Digest([1; 32]);
        Phase::Circuit { circuit, powers }
    };
    let plan = |batch: &str, head: Digest| {
        let key = "0".repeat(64);
        let rule = format!(
            "{{ rule = \"groth16\", proving_key = \"{key}\", verification_key = \"{key}\", \
             transcript = \"{head}\" }}"
        );
        let changes = [("proof", &*rule), ("training.batch_size", batch)];
        plan(&[&keys::PLAN[..], &changes].concat())
    };
    let [mine, other] = ["8", "16"].map(|batch| {
        let plan = plan(batch, Digest([2; 32]));
        let layout = initial(&plan).layout().clone();
        (tacit_zk::gradient::circuit_of(&plan, &layout).unwrap().digest(), layout)
    });
    let check = |phase: Phase, head: Option<Digest>, file: &[u8]| {
        let transcript = Transcript::open(&powers, phase, String::new());
        let plan = plan("8", head.unwrap_or(transcript.head()));
        let checked = tacit_zk::gradient::check_ceremony(&plan, &mine.1, &transcript, file);
        checked.unwrap_err().to_string()
    };
    let file = powers.write();
    let said = check(Phase::Powers { power: 3 }, None, &file);
    assert!(said.contains("one for powers of tau"), "{said}");
    let said = check(named(other.0), None, &file);
    assert!(said.contains(&format!("circuit of the ceremony: expected {}", mine.0)), "{said}");
    let said = check(named(mine.0), Some(Digest([3; 32])), &file);
    assert!(said.contains("head of the ceremony's transcript"), "{said}");
    let said = check(named(mine.0), None, b"another file");
    assert!(said.contains("file of the ceremony: expected"), "{said}");
    let said = check(named(mine.0), None, &file);
    assert!(said.contains("expected a key, found powers of tau"), "{said}");
}
