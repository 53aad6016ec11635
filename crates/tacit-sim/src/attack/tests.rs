//! Every attack in whole runs on the embedded data.

use super::*;
use crate::ports::VirtualClock;
use crate::simulate::{Options, SimOutcome, Unrecorded, simulate};
use tacit_core::plan::Plan;
use tacit_learn::federation::Federation;

const PLAN: &str = "num_rounds = 6\nparticipants = 10\n[training]\nbatch_size = 8\n";

struct Attacked {
    outcome: SimOutcome,
    accuracy: f64,
    success: Option<f64>,
    hostile: usize,
}

fn run(text: &str, attack: Option<&str>, byzantine: usize, threads: usize) -> Attacked {
    let plan = Plan::parse(text, &tacit_learn::registry().unwrap()).unwrap();
    let federation = Federation::assemble(&plan).unwrap();
    let clock = VirtualClock::new(1_000_000);
    let mut recorder = Unrecorded::default();
    let mut adversary = attack.map(|text| {
        let attack = Chosen::parse(text).unwrap().make().unwrap();
        Adversary::draw(attack, byzantine, &federation, plan.seed()).unwrap()
    });
    let mut options = Options::new(&mut recorder);
    (options.threads, options.clock) = (threads, &clock);
    options.adversary = adversary.as_mut();
    let outcome = simulate(&plan, &federation, options, &mut |_| {}).unwrap();
    let (mut trainer, test) = federation.evaluator().unwrap().unwrap();
    let mut answered = |shard: &Shard| trainer.evaluate(&outcome.model, shard).unwrap().accuracy();
    let accuracy = answered(&test);
    let goal = adversary.as_ref().and_then(|adversary| adversary.attack().goal(&test).unwrap());
    let success = goal.map(|goal| answered(&goal));
    let hostile = adversary.map_or(0, |adversary| adversary.hostile().len());
    Attacked { outcome, accuracy, success, hostile }
}

#[test]
fn every_attack_repeats_whatever_the_threads() {
    let calm = run(PLAN, None, 0, 1);
    assert!(calm.accuracy > 0.7, "{}", calm.accuracy);
    for entry in ENTRIES {
        let one = run(PLAN, Some(entry.name), 3, 1);
        let other = run(PLAN, Some(entry.name), 3, 3);
        assert_eq!(one.outcome.model, other.outcome.model, "{}", entry.name);
        assert_eq!(one.outcome.history, other.outcome.history, "{}", entry.name);
        assert_eq!(one.hostile, 3);
        assert!(one.outcome.model != calm.outcome.model, "{} does nothing", entry.name);
        let none = run(PLAN, Some(entry.name), 0, 2);
        assert_eq!(none.outcome.model, calm.outcome.model, "{} without anybody", entry.name);
    }
}

#[test]
fn what_is_no_number_is_refused_at_the_door_and_counted() {
    let text = format!("{PLAN}[cohort]\nminimum = 7\n");
    for attack in ["nan", "nan:spacing=1000000"] {
        let attacked = run(&text, Some(attack), 3, 2);
        for report in &attacked.outcome.history {
            assert_eq!(report.refusals.get("not-finite"), Some(&3), "{report:?}");
            assert_eq!((report.contributions.len(), report.declined.len()), (7, 3));
            assert!(report.aborted.is_none());
            let why = report.declined.values().next().unwrap();
            assert!(why.contains("is not finite"), "{why}");
        }
        assert!(attacked.accuracy > 0.7, "{}", attacked.accuracy);
    }
}

#[test]
fn robust_rules_withstand_what_the_mean_does_not() {
    let rule = |rule: &str| format!("aggregator = {rule}\n{PLAN}[cohort]\nminimum = 9\n");
    for attack in ["sign-flip:factor=10", "scaling:factor=-30", "gaussian:deviation=3"] {
        let mean = run(&rule("\"mean\""), Some(attack), 3, 0).accuracy;
        assert!(mean < 0.5, "{attack}: {mean}");
        for robust in [
            "{ rule = \"krum\", num_byzantine = 3 }",
            "{ rule = \"multi-krum\", num_byzantine = 3 }",
            "{ rule = \"trimmed-mean\", trim_ratio = 0.3 }",
            "\"median\"",
            "\"geometric-median\"",
        ] {
            let kept = run(&rule(robust), Some(attack), 3, 0).accuracy;
            assert!(kept > 0.6, "{attack} on {robust}: {kept}");
        }
    }
}

#[test]
fn a_backdoor_opens_under_the_mean_and_not_under_krum() {
    let attack = Some("backdoor:target=3");
    let mean = run(PLAN, attack, 2, 0);
    assert!(mean.success.unwrap() > 0.5 && mean.accuracy > 0.5, "{:?}", mean.success);
    let text = format!("aggregator = {{ rule = \"krum\", num_byzantine = 2 }}\n{PLAN}");
    let krum = run(&format!("{text}[cohort]\nminimum = 7\n"), attack, 2, 0);
    assert!(krum.success.unwrap() < 0.2, "{:?}", krum.success);
}

#[test]
fn an_adversary_keeps_to_the_bound_of_the_plan() {
    let text = PLAN.replace("batch_size = 8", "batch_size = 8\nclip_norm = 0.5");
    for attack in ["scaling:factor=1e6", "gaussian:deviation=1e4", "sign-flip:factor=1e6"] {
        let attacked = run(&text, Some(attack), 3, 2);
        assert!(attacked.outcome.history.iter().all(|report| report.refusals.is_empty()));
    }
}

#[test]
fn hostile_majorities_and_everybody() {
    for entry in ENTRIES {
        for byzantine in [9, 10] {
            run("num_rounds = 2\nparticipants = 10", Some(entry.name), byzantine, 2);
        }
    }
    let plan = Plan::parse("", &tacit_learn::registry().unwrap()).unwrap();
    let federation = Federation::assemble(&plan).unwrap();
    let attack = Chosen::parse("mimic").unwrap().make().unwrap();
    let error = Adversary::draw(attack, 21, &federation, plan.seed()).err().unwrap();
    assert!(error.to_string().contains("at most 20 hostile participants, found 21"), "{error}");
}

#[test]
fn a_target_that_does_not_exist_is_the_callers_error() {
    let plan = Plan::parse("", &tacit_learn::registry().unwrap()).unwrap();
    let federation = Federation::assemble(&plan).unwrap();
    let attack = Chosen::parse("backdoor:target=10").unwrap().make().unwrap();
    let mut adversary = Adversary::draw(attack, 1, &federation, plan.seed()).unwrap();
    let mut recorder = Unrecorded::default();
    let mut options = Options::new(&mut recorder);
    options.adversary = Some(&mut adversary);
    let error = simulate(&plan, &federation, options, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Caller(_)), "{error}");
}
