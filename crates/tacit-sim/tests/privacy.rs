//! Runs with noise, end to end: every mechanism, the budget, adaptive clipping, the account.
#![allow(clippy::unwrap_used)]

use tacit_core::account::Sampled;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::plan::Plan;
use tacit_core::run::Finish;
use tacit_learn::federation::Federation;
use tacit_sim::simulate::{Options, SimOutcome, Unrecorded, simulate};

const COHORT: &str =
    "[cohort]\nsize = 10\nsampling = \"poisson\"\nweights = \"equal\"\nminimum = 3\n";

/// What shares of noise want: a cohort of a known size.
const FIXED: &str = "[cohort]\nsize = 10\nsampling = \"fixed\"\nweights = \"equal\"\nminimum = 3\n";

fn run(top: &str, tables: &str) -> SimOutcome {
    run_of(COHORT, top, tables)
}

fn run_of(cohort: &str, top: &str, tables: &str) -> SimOutcome {
    let registry = tacit_sim::registry().unwrap();
    let plan = Plan::parse(&format!("{top}\n{cohort}{tables}"), &registry).unwrap();
    let mut recorder = Unrecorded::default();
    let federation = Federation::assemble(&plan).unwrap();
    simulate(&plan, &federation, Options::new(&mut recorder), &mut |_| ()).unwrap()
}

/// With next to no noise every mechanism learns what the run without learns; all spend.
#[test]
fn every_mechanism_learns_and_spends() {
    let without = |cohort| run_of(cohort, "num_rounds = 8", "[training]\nclip_norm = 5.0");
    let accuracy = |outcome: &SimOutcome| outcome.history.last().unwrap().accuracy().unwrap();
    for (mechanism, clip, accountant) in [
        ("{ rule = \"gaussian\", noise_multiplier = 0.02 }", "l2", "pld"),
        ("{ rule = \"laplace\", noise_multiplier = 0.0001 }", "l1", "rdp"),
        ("{ rule = \"local-gaussian\", noise_multiplier = 0.002 }", "per-layer", "rdp"),
        ("{ rule = \"discrete-gaussian\", noise_multiplier = 0.004 }", "l2", "rdp"),
        ("{ rule = \"skellam\", noise_multiplier = 0.004 }", "l2", "rdp"),
    ] {
        let top = format!("num_rounds = 8\nmechanism = {mechanism}\naccountant = \"{accountant}\"");
        let norm = if clip == "l1" { 60.0 } else { 5.0 };
        let shares = ["discrete-gaussian", "skellam"].iter().any(|name| mechanism.contains(name));
        let cohort = if shares { FIXED } else { COHORT };
        let outcome =
            run_of(cohort, &top, &format!("[training]\nclip = \"{clip}\"\nclip_norm = {norm}"));
        assert_eq!(outcome.finish, Finish::Completed, "{mechanism}");
        let (found, expected) = (accuracy(&outcome), accuracy(&without(cohort)));
        assert!((found - expected).abs() < 0.1, "{mechanism}: {found}, without noise {expected}");
        // So little noise protects nobody, and the account says so or states no bound at all.
        let spent: Vec<f64> = outcome
            .history
            .iter()
            .map(|round| round.epsilon.map_or(f64::INFINITY, |epsilon| epsilon.upper))
            .collect();
        assert!(spent.is_sorted() && spent[0] > 20.0, "{mechanism}: {spent:?}");
    }
}

/// A local randomiser spoils a model of 650 values, but runs.
#[test]
fn priv_unit_runs_and_its_releases_add_up() {
    let top = "num_rounds = 3\nmechanism = \"priv-unit\"\naccountant = \"pld\"";
    let outcome = run(top, "[training]\nclip_norm = 1.0");
    let spent = outcome.history[2].epsilon.unwrap();
    assert!((23.9..=24.0 + 1e-6).contains(&spent.upper), "{spent:?}");
}

#[test]
fn training_ends_before_the_round_that_could_pass_the_budget() {
    let top = "num_rounds = 30\nmechanism = \"gaussian\"\naccountant = \"pld\"";
    let outcome = run(top, "[training]\nclip_norm = 1.0\n[privacy]\nepsilon = 8.0\ndelta = 1e-6");
    assert_eq!(outcome.finish, Finish::BudgetSpent);
    let spent: Vec<f64> = outcome.history.iter().map(|r| r.epsilon.unwrap().upper).collect();
    assert!(spent.iter().all(|epsilon| *epsilon <= 8.0), "{spent:?}");
    // One more would have passed it.
    let rounds = spent.len();
    assert!(rounds > 3 && spent[rounds - 1] + (spent[rounds - 1] - spent[rounds - 2]) > 8.0);
}

#[test]
fn a_budget_below_one_round_releases_nothing() {
    let top = "mechanism = \"gaussian\"\naccountant = \"pld\"";
    let tables = "[training]\nclip_norm = 1.0\n[privacy]\nepsilon = 0.01";
    let registry = tacit_sim::registry().unwrap();
    let plan = Plan::parse(&format!("{top}\n{COHORT}{tables}"), &registry).unwrap();
    let mut recorder = Unrecorded::default();
    let federation = Federation::assemble(&plan).unwrap();
    let refused = simulate(&plan, &federation, Options::new(&mut recorder), &mut |_| ());
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("privacy.epsilon") && text.contains("the first round"), "{text}");
}

/// Half of the updates are within the norm in the end, and the account knows of the count.
#[test]
fn the_clipping_norm_finds_its_quantile() {
    let top = "num_rounds = 40\nmechanism = { rule = \"gaussian\", noise_multiplier = 0.5, \
               count_noise = 1.0 }\naccountant = \"pld\"";
    let outcome = run(top, "[training]\nclip_norm = 0.001\nclip_quantile = 0.5\nclip_rate = 0.5");
    let Cost::Bounded { noise: Noise::Gaussian { noise_multiplier }, .. } =
        outcome.history[0].cost.unwrap()
    else {
        panic!("{:?}", outcome.history[0].cost);
    };
    let both = (0.5f64.powi(-2) + 2f64.powi(-2)).sqrt().recip();
    assert!((noise_multiplier - both).abs() < 1e-4, "{noise_multiplier}");
    let model = outcome.model.values().iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!(model > 0.1, "forty steps of a thousandth would not come that far: {model}");
}

/// Updates of nothing drive the norm down to where rounding is more than the noise: what that
/// would cost was not planned, and is not released.
#[test]
fn a_norm_that_vanishes_does_not_pass_the_budget() {
    let top = "num_rounds = 20\naccountant = \"pld\"\n\
               mechanism = { rule = \"gaussian\", noise_multiplier = 4.0, count_noise = 1.0 }";
    let tables = "[training]\nlearning_rate = 0.0\nclip_norm = 1e-6\nclip_quantile = 0.01\n\
                  clip_rate = 5.0\n[privacy]\nepsilon = 20.0";
    let outcome = run(top, tables);
    let spent: Vec<f64> =
        outcome.history.iter().filter_map(|r| r.epsilon).map(|epsilon| epsilon.upper).collect();
    assert!(spent.iter().all(|epsilon| *epsilon <= 20.0), "{spent:?}");
    let aborted = outcome.history.iter().filter_map(|round| round.aborted.as_deref());
    let told = aborted.filter(|why| why.contains("stays within the budget")).count();
    assert!(told > 0, "{:?}", outcome.finish);
}

/// Under local noise nothing but the noisy update tells a coordinator how long the update is.
#[test]
fn a_coordinator_cannot_ask_for_the_norm_of_a_hidden_update() {
    use tacit_core::local::{Local, Ports, Start, contribute};
    let registry = tacit_sim::registry().unwrap();
    let text = format!(
        "mechanism = \"local-gaussian\"\naccountant = \"pld\"\n{COHORT}[training]\nclip_norm = 1.0"
    );
    let plan = Plan::parse(&text, &registry).unwrap();
    let federation = Federation::assemble(&plan).unwrap();
    let (participant, data) = &federation.participants()[0];
    let model = federation.initial_model().unwrap();
    let local = Local { plan: &plan, participant, data };
    let task = |clip_norm| tacit_core::messages::Task {
        nonce: None,
        round: 1,
        plan: plan.digest(),
        model: model.digest(),
        model_bytes: 4 * model.values().len() as u64,
        control: None,
        deltas: Vec::new(),
        clip_norm,
    };
    let answer = |clip_norm| {
        let task = task(clip_norm);
        let start = Start { task: &task, model: &model, control: None, kept: None };
        let entropy = &mut tacit_sim::ports::SystemEntropy;
        let mut ports =
            Ports { clock: &tacit_sim::ports::SystemClock, entropy, member: None, witness: None };
        contribute(&local, &mut *federation.trainer().unwrap(), &start, &mut ports)
    };
    assert!(answer(Some(0.1)).is_err());
    let made = answer(None).unwrap().contribution;
    let told = (made.within, made.examples, made.loss, made.fit_ms, made.evaluation);
    assert_eq!(told, (None, 1, 0.0, 0, None));
}

/// What the accountant is told of the draw is what the round machine drew from.
#[test]
fn sampling_is_as_it_was_drawn() {
    let registry = tacit_sim::registry().unwrap();
    let plan = Plan::parse(COHORT, &registry).unwrap();
    assert_eq!(Sampled::of(plan.cohort(), 20), Sampled::Poisson { rate: 0.5 });
    assert_eq!(Sampled::of(plan.cohort(), 40), Sampled::Poisson { rate: 0.25 });
    // Fewer than planned are not drawn more often.
    assert_eq!(Sampled::of(plan.cohort(), 10), Sampled::Poisson { rate: 0.5 });
    let fixed = Plan::parse("[cohort]\nsize = 10", &registry).unwrap();
    assert_eq!(Sampled::of(fixed.cohort(), 20), Sampled::Fixed { size: 10, of: 20 });
    assert_eq!(Sampled::of(fixed.cohort(), 10), Sampled::Everybody);
}
