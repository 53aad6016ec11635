//! Every registered strategy learns on the embedded data, the same with any number of threads.
#![allow(clippy::unwrap_used)]

use tacit_core::history::RoundReport;
use tacit_core::plan::Plan;
use tacit_core::registry::Family;
use tacit_learn::federation::Federation;
use tacit_sim::ports::VirtualClock;
use tacit_sim::simulate::{Options, SimOutcome, Unrecorded, simulate};

fn run(plan: &Plan, threads: usize) -> SimOutcome {
    let federation = Federation::assemble(plan).unwrap();
    let clock = VirtualClock::new(1_000_000);
    let mut recorder = Unrecorded::default();
    let options = Options { threads, clock: &clock, ..Options::new(&mut recorder) };
    simulate(plan, &federation, options, &mut |_| {}).unwrap()
}

/// A plan for each strategy with its defaults, and for others worth a run.
fn plans(rounds: u32) -> Vec<(String, Plan)> {
    let registry = tacit_learn::registry().unwrap();
    let named = registry.family(Family::Strategy).map(|entry| format!("\"{}\"", entry.name));
    let momentum = "{ rule = \"fedavg\", learning_rate = 0.5, momentum = 0.5 }".to_owned();
    let choices: Vec<String> = named.chain([momentum]).collect();
    assert!(choices.len() > 5, "{choices:?}");
    let plan = |choice: &String| {
        Plan::parse(&format!("num_rounds = {rounds}\nstrategy = {choice}\n"), &registry).unwrap()
    };
    choices.iter().map(|choice| (choice.clone(), plan(choice))).collect()
}

#[test]
fn every_strategy_learns() {
    for (name, plan) in plans(15) {
        let outcome = run(&plan, 0);
        let accuracies: Vec<f64> =
            outcome.history.iter().filter_map(RoundReport::accuracy).collect();
        assert_eq!(accuracies.len(), 15, "{name}");
        assert!(accuracies[14] > 0.6, "{name}: {accuracies:?}");
    }
}

#[test]
fn threads_change_no_bit() {
    for (name, plan) in plans(3) {
        let (one, two) = (run(&plan, 1), run(&plan, 2));
        assert_eq!(one.model, two.model, "{name}");
        assert_eq!(one.history, two.history, "{name}");
    }
}

#[test]
fn the_proximal_term_reaches_the_trainer() {
    let registry = tacit_learn::registry().unwrap();
    let model = |choice: &str| {
        let text = format!("num_rounds = 2\nstrategy = {choice}\n[training]\nlocal_epochs = 3\n");
        run(&Plan::parse(&text, &registry).unwrap(), 2).model
    };
    let plain = model("\"fedavg\"");
    assert_eq!(model("{ rule = \"fedprox\", mu = 0 }"), plain);
    assert_ne!(model("{ rule = \"fedprox\", mu = 1 }"), plain);
}
