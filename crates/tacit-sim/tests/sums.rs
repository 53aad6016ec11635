//! Everything that composes with a protection of sums gives what it gives in plain view, within
//! what integers round off.
#![allow(clippy::unwrap_used)]

use tacit_core::error::Error;
use tacit_core::evidence::Cost;
use tacit_core::messages::SignedContribution;
use tacit_core::plan::Plan;
use tacit_core::round::Summary;
use tacit_learn::federation::Federation;
use tacit_sim::simulate::{Options, Recorder, SimOutcome, Unrecorded, simulate};

const BASE: &str = "participants = 8\nnum_rounds = 3\n";

const CLIPPED: &str = "[training]\nlearning_rate = 0.3\nclip_norm = 4.0\n";

fn run(text: &str) -> SimOutcome {
    let plan = Plan::parse(text, &tacit_sim::registry().unwrap());
    let plan = plan.unwrap_or_else(|errors| panic!("{errors}"));
    let federation = Federation::assemble(&plan).unwrap();
    let mut recorder = Unrecorded::default();
    let outcome = simulate(&plan, &federation, Options::new(&mut recorder), &mut |_| {}).unwrap();
    let aborted = outcome.history.iter().find_map(|round| round.aborted.clone());
    assert_eq!(aborted, None, "{text}");
    outcome
}

/// The largest difference between the models of a plan in plain view and under `protection`.
fn difference(rules: &str, sections: &str, protection: &str) -> f32 {
    let plain = run(&format!("{BASE}{rules}{sections}"));
    let hidden = run(&format!("{BASE}protection = {protection}\n{rules}{sections}"));
    let pairs = plain.model.values().iter().zip(hidden.model.values());
    pairs.map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

const SECAGG: &str = "\"secagg\"";

#[test]
fn strategies_on_the_opened_sum() {
    for rule in ["fedavg", "fedprox", "fedadam", "fedyogi", "fedadagrad", "scaffold"] {
        let rules = format!("strategy = \"{rule}\"\n");
        let off = difference(&rules, CLIPPED, SECAGG);
        // Adaptive rules divide by what they have seen: small differences grow.
        let most = if rule.starts_with("feda") || rule == "fedyogi" { 2e-2 } else { 1e-4 };
        assert!(off <= most, "{rule}: {off}");
    }
}

#[test]
fn weights_of_examples_or_equal() {
    for weights in ["examples", "equal"] {
        let cohort = format!("{CLIPPED}[cohort]\nweights = \"{weights}\"\n");
        let partition = "[data]\npartition = \"dirichlet\"\nalpha = 0.3\n";
        let off = difference("", &format!("{cohort}{partition}"), SECAGG);
        assert!(off <= 1e-4, "{weights}: {off}");
    }
}

#[test]
fn figures_are_opened_as_sums() {
    let sections = format!("{CLIPPED}[evaluation]\non = [\"participants\"]\n");
    let plain = run(&format!("{BASE}{sections}"));
    let hidden = run(&format!("{BASE}protection = \"secagg\"\n{sections}"));
    for (plain, hidden) in plain.history.iter().zip(&hidden.history) {
        let (a, b) =
            (plain.participants_evaluation.as_ref(), hidden.participants_evaluation.as_ref());
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!((a.examples, a.correct), (b.examples, b.correct));
        assert!((a.loss - b.loss).abs() < 1e-3, "{} {}", a.loss, b.loss);
        let (a, b) = (plain.train_loss().unwrap(), hidden.train_loss().unwrap());
        assert!((a - b).abs() < 1e-3, "{a} {b}");
        assert!(hidden.contributions.iter().all(|c| (c.examples, c.loss, c.fit_ms) == (1, 0.0, 0)));
    }
}

#[test]
fn encodings_that_add_up() {
    let shared = "{ rule = \"rotate\", shared = true }";
    for (chain, most) in [
        ("[{ rule = \"random-k\", fraction = 0.5 }]".to_owned(), 1e-4),
        (format!("[{shared}]"), 1e-4),
        ("[{ rule = \"quantise\", bits = 8, range = 1.0 }]".to_owned(), 5e-2),
        (format!("[{shared}, {{ rule = \"quantise\", bits = 8, range = 1.0 }}]"), 5e-2),
    ] {
        let rules = format!("compression = {chain}\n");
        let off = difference(&rules, CLIPPED, SECAGG);
        assert!(off <= most, "{chain}: {off}");
    }
}

#[test]
fn every_way_to_mask() {
    for parameters in [
        "adversary = \"semi-honest\"",
        "agreement = \"x25519-ml-kem-768\"",
        "prg = \"chacha20\"",
        "resolution = 32",
        "groups = 2",
    ] {
        let protection = format!("{{ rule = \"secagg\", {parameters} }}");
        let off = difference("", CLIPPED, &protection);
        assert!(off <= 1e-4, "{parameters}: {off}");
    }
}

#[test]
fn robust_rules_over_sums_of_groups() {
    let protection = "{ rule = \"secagg\", groups = 4 }";
    let sections = format!("{CLIPPED}[cohort]\nminimum = 8\n");
    for rule in ["median", "trimmed-mean", "geometric-median"] {
        let text = format!("{BASE}protection = {protection}\naggregator = \"{rule}\"\n{sections}");
        let outcome = run(&text);
        let accuracy = outcome.history.last().unwrap().accuracy().unwrap();
        assert!(accuracy > 0.5, "{rule}: {accuracy}");
    }
}

#[test]
fn noise_of_every_party() {
    let cohort = "[cohort]\nminimum = 8\nweights = \"equal\"\n";
    for (mechanism, more) in [
        ("discrete-gaussian", ""),
        ("skellam", ""),
        ("gaussian", "[privacy]\ntrusted_with_sums = true\n"),
        ("local-gaussian", ""),
    ] {
        let outcome = run(&format!(
            "{BASE}protection = \"secagg\"\nmechanism = \"{mechanism}\"\naccountant = \"rdp\"\n\
             [training]\nclip_norm = 0.5\n{cohort}{more}"
        ));
        assert!(outcome.history.iter().all(|round| round.epsilon.is_some()), "{mechanism}");
    }
}

#[test]
fn a_quantile_counted_in_a_sum() {
    for (limit, within) in [("100.0", 8), ("0.001", 0)] {
        let outcome = run(&format!(
            "num_rounds = 1\nparticipants = 8\nprotection = \"secagg\"\nmechanism = {{ rule = \
             \"gaussian\", noise_multiplier = 0.1 }}\naccountant = \"rdp\"\n[training]\n\
             clip_norm = {limit}\nclip_quantile = 0.5\n[cohort]\nweights = \"equal\"\nminimum = 8\n\
             [privacy]\ntrusted_with_sums = true\n"
        ));
        let round = &outcome.history[0];
        assert_eq!(round.tally.unwrap().within, within, "{limit}");
        assert_eq!(round.contributions.len(), 8);
    }
}

/// The clipping norm of each round, and the next one's.
#[derive(Default)]
struct Norms(Vec<(f64, f64)>);

impl Recorder for Norms {
    fn log(&mut self, summary: &Summary) -> Result<u64, Error> {
        let released = summary.result.as_ref().unwrap();
        self.0.push((summary.setup.clip_norm.unwrap(), released.clip_norm.unwrap()));
        let told = |signed: &SignedContribution| signed.contribution.within.is_some();
        assert!(!summary.accepted.iter().any(told) && released.tally.is_none());
        assert!(matches!(released.cost, Cost::Bounded { .. }));
        Ok(self.0.len() as u64 - 1)
    }
}

/// The norm follows its quantile through noise in shares: under masks, among a committee, and where
/// single shares are seen, beside which nothing is told. A count of eight has noise of 0.02, so a
/// norm is off by 0.5 · 0.02 / 8: these bounds are eight times that.
#[test]
fn a_quantile_counted_in_shares() {
    for protection in ["plain", "secagg", "committee"] {
        for mechanism in ["discrete-gaussian", "skellam"] {
            for (limit, factor) in [("100.0", -0.25f64), ("1e-4", 0.25)] {
                let text = format!(
                    "num_rounds = 2\nparticipants = 8\nprotection = {protection:?}\n\
                     mechanism = {{ rule = {mechanism:?}, noise_multiplier = 0.01, \
                     count_noise = 0.02 }}\naccountant = \"rdp\"\n[training]\n\
                     clip_norm = {limit}\nclip_quantile = 0.5\nclip_rate = 0.5\n[cohort]\n\
                     weights = \"equal\"\nminimum = 8\n"
                );
                let plan = Plan::parse(&text, &tacit_sim::registry().unwrap());
                let plan = plan.unwrap_or_else(|errors| panic!("{errors}"));
                let federation = Federation::assemble(&plan).unwrap();
                let mut norms = Norms::default();
                simulate(&plan, &federation, Options::new(&mut norms), &mut |_| {}).unwrap();
                assert_eq!(norms.0.len(), 2);
                for (norm, next) in norms.0 {
                    let off = (next / norm).ln() - factor;
                    assert!(off.abs() < 0.01, "{protection} {mechanism}: {norm} {next}");
                }
            }
        }
    }
}

#[test]
fn a_committee_opens_what_masks_open() {
    let model = |protection: &str, rules: &str| {
        let text = format!("{BASE}protection = {protection}\n{rules}{CLIPPED}");
        run(&text).model.digest()
    };
    for rules in ["", "compression = [{ rule = \"random-k\", fraction = 0.5 }]\n"] {
        let masks = model(SECAGG, rules);
        for parameters in [
            "aggregators = 3",
            "aggregators = 5, threshold = 4, privacy = 2",
            "aggregators = 9, threshold = 7, privacy = 1",
        ] {
            let committee = format!("{{ rule = \"committee\", {parameters} }}");
            assert!(model(&committee, rules) == masks, "{parameters}");
        }
    }
}

#[test]
fn noise_in_shares_among_a_committee() {
    for mechanism in ["discrete-gaussian", "skellam", "local-gaussian"] {
        let outcome = run(&format!(
            "{BASE}protection = \"committee\"\nmechanism = \"{mechanism}\"\naccountant = \"rdp\"\n\
             [training]\nclip_norm = 0.5\n[cohort]\nminimum = 8\nweights = \"equal\"\n"
        ));
        assert!(outcome.history.iter().all(|round| round.epsilon.is_some()), "{mechanism}");
    }
}

/// What compares updates may compare sums of groups: as few as the rule needs, where groups are
/// large enough for the plan's adversary.
#[test]
fn a_rule_that_compares_is_offered_groups() {
    let refused = |more: &str| {
        let text = format!("protection = \"secagg\"\naggregator = \"krum\"\n{CLIPPED}{more}");
        Plan::parse(&text, &tacit_sim::registry().unwrap()).unwrap_err().to_string()
    };
    let (offered, alone) = (refused(""), refused("[adversary]\ncolluding = 0.3\n"));
    assert!(offered.contains("protection = { rule = \"secagg\", groups = 5 }"), "{offered}");
    assert!(!alone.contains("groups = 5 }"), "{alone}");
    let groups = "protection = { rule = \"secagg\", groups = 5 }\naggregator = \"krum\"\n";
    run(&format!("num_rounds = 1\n{groups}{CLIPPED}[cohort]\nminimum = 10\n"));
}

/// A mean of sums of groups with noise is the mean of the cohort.
#[test]
fn noise_over_groups() {
    let cohort =
        "[cohort]\nminimum = 8\nweights = \"equal\"\n[privacy]\ntrusted_with_sums = true\n";
    let rules =
        "mechanism = { rule = \"gaussian\", noise_multiplier = 1e-6 }\naccountant = \"rdp\"\n";
    let groups = "{ rule = \"secagg\", groups = 2 }";
    let off = difference(rules, &format!("{CLIPPED}{cohort}"), groups);
    assert!(off < 1e-4, "{off}");
}
