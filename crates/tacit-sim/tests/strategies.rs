//! Every registered strategy learns on the embedded data, the same with any number of threads.
#![allow(clippy::unwrap_used)]

use tacit_core::history::RoundReport;
use tacit_core::plan::Plan;
use tacit_core::registry::Family;
use tacit_learn::federation::Federation;
use tacit_sim::ports::VirtualClock;
use tacit_sim::simulate::{Options, SimOutcome, Unrecorded, simulate};

fn parse(text: &str) -> Plan {
    Plan::parse(text, &tacit_learn::registry().unwrap()).unwrap()
}

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

fn accuracy(outcome: &SimOutcome, round: usize) -> f64 {
    outcome.history[round - 1].accuracy().unwrap()
}

/// Few participants per round, skewed: where control variates are for.
fn skewed(strategy: &str) -> Plan {
    parse(&format!(
        "strategy = {strategy}\nnum_rounds = 40\n[training]\nlocal_epochs = 10\n\
         batch_size = 10\n[cohort]\nsize = 5\n[data]\npartition = \"dirichlet\"\nalpha = 0.05\n"
    ))
}

#[test]
fn control_variates_survive_partial_participation() {
    let losses = |strategy: &str| {
        let outcome = run(&skewed(strategy), 0);
        let loss = |r: &RoundReport| r.evaluation.as_ref().unwrap().loss;
        outcome.history[20..].iter().map(loss).sum::<f64>()
    };
    let (scaffold, fedavg) = (losses("\"scaffold\""), losses("\"fedavg\""));
    assert!(scaffold < 0.8 * fedavg, "{scaffold} {fedavg}");
}

#[test]
fn a_payload_holds_update_and_variate() {
    let bytes = |strategy: &str| {
        let plan = parse(&format!("strategy = {strategy}\nnum_rounds = 1\n"));
        // One frame of four bytes' header from each of 20.
        run(&plan, 1).history[0].bytes_up - 20 * 4
    };
    assert_eq!(bytes("\"scaffold\""), 2 * bytes("\"fedavg\""));
}

#[test]
fn clipping_bounds_update_and_variate_together() {
    let text = "strategy = \"scaffold\"\nnum_rounds = 3\n[training]\nclip_norm = 0.01\n";
    assert_eq!(run(&parse(text), 1).history.iter().filter(|r| r.aborted.is_some()).count(), 0);
}

#[test]
fn stragglers_do_less_and_the_proximal_term_bounds_what_the_others_do_more() {
    let spread = |mu: f64, stragglers: f64| {
        let plan = parse(&format!(
            "strategy = {{ rule = \"fedprox\", mu = {mu} }}\nnum_rounds = 1\n[training]\n\
             local_epochs = 20\nlearning_rate = 0.5\nstragglers = {stragglers}\n[data]\n\
             partition = \"dirichlet\"\nalpha = 0.1\n"
        ));
        let ids = (0..20).map(|i| tacit_core::ids::ParticipantId::numbered(i, 20));
        let epochs: Vec<u32> = ids.map(|id| plan.fit_order(1, &id).local_epochs).collect();
        let initial = Federation::assemble(&plan).unwrap().initial_model().unwrap();
        let outcome = run(&plan, 1);
        let moved = outcome.model.values().iter().zip(initial.values()).map(|(a, b)| a - b);
        (epochs, moved.map(|x| f64::from(x * x)).sum::<f64>().sqrt())
    };
    let (all, _) = spread(0.0, 0.0);
    assert!(all.iter().all(|&epochs| epochs == 20));
    let (fewer, plain) = spread(0.0, 0.9);
    let less = fewer.iter().filter(|&&epochs| epochs < 20).count();
    assert!((14..=20).contains(&less) && fewer.iter().all(|&e| (1..=20).contains(&e)), "{fewer:?}");
    let (same, held) = spread(1.0, 0.9);
    assert_eq!(same, fewer);
    assert!(held < 0.5 * plain, "{held} {plain}");
}

#[test]
fn a_schedule_reaches_the_trainer() {
    let text = |schedule: &str| {
        parse(&format!("num_rounds = 3\n[training]\nschedule = \"{schedule}\"\ndecay_rounds = 1\n"))
    };
    let id = tacit_core::ids::ParticipantId::numbered(0, 20);
    let rate = |round| text("step").fit_order(round, &id).learning_rate;
    assert_eq!([rate(1), rate(2), rate(3)], [0.1, 0.05, 0.025]);
    assert_ne!(run(&text("step"), 1).model, run(&text("constant"), 1).model);
}

#[test]
fn a_run_starts_from_a_file_that_pytorch_wrote() {
    let file =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/train/pytorch-digits.safetensors");
    let plan = |trainer: &str| parse(&format!("initial_model = {file:?}\ntrainer = {trainer}\n"));
    let warm = plan("\"logistic-regression\"");
    let federation = Federation::assemble(&warm).unwrap();
    let model = federation.initial_model().unwrap();
    let bytes = std::fs::read(file).unwrap();
    let first = f32::from_le_bytes(*bytes[8 + 0x90..].first_chunk().unwrap());
    assert_eq!(model.tensor("linear.bias").unwrap()[0], first);
    assert!(accuracy(&run(&warm, 0), 30) > 0.8);

    let other = plan("\"2nn\"");
    let error = Federation::assemble(&other).unwrap().initial_model().unwrap_err();
    assert!(error.to_string().contains("linear.bias"), "{error}");
    let missing = parse("initial_model = \"no-such-file\"");
    let error = Federation::assemble(&missing).unwrap().initial_model().unwrap_err();
    assert!(error.to_string().contains("reading initial_model no-such-file"), "{error}");
}

#[test]
fn the_best_model_is_kept() {
    // Steps that are much too large: the last model is not the best.
    let outcome = run(&parse("num_rounds = 12\n[training]\nlearning_rate = 3.0\n"), 0);
    let accuracies: Vec<f64> = outcome.history.iter().filter_map(RoundReport::accuracy).collect();
    let (round, best) = outcome.best.unwrap();
    let most = accuracies.iter().copied().fold(0.0, f64::max);
    assert_eq!(accuracies.iter().position(|&a| a == most).unwrap() + 1, round as usize);
    let last = outcome.history.last().unwrap().round == round;
    assert_eq!(best == outcome.model, last);
}
