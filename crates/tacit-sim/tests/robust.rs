//! Every aggregator, alone and behind every rule that mixes, in whole runs.
#![allow(clippy::unwrap_used)]

use tacit_core::history::RoundReport;
use tacit_core::plan::Plan;
use tacit_core::registry::{Family, Registry};
use tacit_learn::federation::Federation;
use tacit_sim::attack::{Adversary, Chosen};
use tacit_sim::simulate::{Options, SimOutcome, Unrecorded, simulate};

fn registry() -> Registry {
    tacit_learn::registry().unwrap()
}

fn plan(text: &str) -> Plan {
    Plan::parse(text, &registry()).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

fn run(plan: &Plan, attack: Option<(&str, usize)>) -> SimOutcome {
    let federation = Federation::assemble(plan).unwrap();
    let mut adversary = attack.map(|(name, byzantine)| {
        let attack = Chosen::parse(name).unwrap().make().unwrap();
        Adversary::draw(attack, byzantine, &federation, plan.seed()).unwrap()
    });
    let mut recorder = Unrecorded::default();
    let mut options = Options::new(&mut recorder);
    options.adversary = adversary.as_mut();
    simulate(plan, &federation, options, &mut |_| {}).unwrap()
}

fn accuracy(outcome: &SimOutcome) -> f64 {
    outcome.history.last().and_then(RoundReport::accuracy).unwrap()
}

const REST: &str = "num_rounds = 5\nparticipants = 14\n[training]\nbatch_size = 8\n\
                    [cohort]\nminimum = 14\n";

#[test]
fn every_rule_learns_behind_every_mixer() {
    let mixers = [
        "[]",
        "[\"bucketing\"]",
        "[\"nearest-neighbour-mixing\"]",
        "[{ rule = \"nearest-neighbour-mixing\", num_byzantine = 3 }, \"bucketing\"]",
    ];
    for entry in registry().family(Family::Aggregator) {
        for mixing in mixers {
            let rule = entry.name;
            let plan = plan(&format!("pre_aggregation = {mixing}\naggregator = {rule:?}\n{REST}"));
            let (one, again) = (run(&plan, None), run(&plan, None));
            assert!(accuracy(&one) > 0.6, "{mixing} {rule}: {}", accuracy(&one));
            assert_eq!(one.model, again.model, "{mixing} {rule}");
            let tells = ["krum", "multi-krum", "bulyan"].contains(&rule);
            for report in &one.history {
                assert_eq!(report.selected.is_some(), tells, "{mixing} {rule}");
                let selected = report.selected.iter().flatten().collect::<Vec<_>>();
                assert!(selected.windows(2).all(|pair| pair[0] < pair[1]));
                assert!(selected.len() <= report.contributions.len());
            }
        }
    }
}

#[test]
fn whom_krum_selects_is_told_and_is_not_hostile() {
    let text = format!("aggregator = {{ rule = \"krum\", num_byzantine = 4 }}\n{REST}");
    let plan = plan(&text);
    let outcome = run(&plan, Some(("sign-flip:factor=8", 4)));
    let federation = Federation::assemble(&plan).unwrap();
    let attack = Chosen::parse("sign-flip").unwrap().make().unwrap();
    let adversary = Adversary::draw(attack, 4, &federation, plan.seed()).unwrap();
    for report in &outcome.history {
        let selected = report.selected.as_ref().unwrap();
        assert!(selected.len() == 1 && !adversary.hostile().contains(&selected[0]));
    }
}

#[test]
fn mixing_brings_rules_through_unequal_data() {
    // Participants hold one or two classes each: Krum then learns from one of them per round.
    let text = |mixing: &str| {
        format!(
            "num_rounds = 15\nparticipants = 15\npre_aggregation = {mixing}\n\
             aggregator = {{ rule = \"krum\", num_byzantine = 3 }}\n\
             [training]\nbatch_size = 8\n[cohort]\nminimum = 15\n\
             [data]\npartition = \"shards\"\n"
        )
    };
    let alone = accuracy(&run(&plan(&text("[]")), None));
    let mixing = "[{ rule = \"nearest-neighbour-mixing\", num_byzantine = 3 }]";
    let mixed = accuracy(&run(&plan(&text(mixing)), None));
    assert!(mixed > alone + 0.1, "{mixed} with mixing, {alone} without");
}

#[test]
fn centered_clipping_learns_from_history() {
    let text = |centre: &str| {
        format!(
            "num_rounds = 12\nparticipants = 10\naggregator = {{ rule = \"centered-clipping\", \
             clip_radius = 0.05, iterations = 1, centre = {centre:?} }}\n\
             [training]\nbatch_size = 8\n"
        )
    };
    // With a radius far below an update's length, the centre must follow over several rounds.
    let zero = accuracy(&run(&plan(&text("zero")), None));
    let before = accuracy(&run(&plan(&text("before")), None));
    assert!(before > zero + 0.05, "{before} from history, {zero} from zero");
}

#[test]
fn plans_that_cannot_hold_are_refused_with_numbers() {
    let mixing = "pre_aggregation = [{ rule = \"bucketing\", bucket_size = 4 }]\n";
    let cases = [
        ("aggregator = { rule = \"krum\", num_byzantine = 9 }", "at least 21 contributions"),
        ("aggregator = { rule = \"bulyan\", num_byzantine = 5 }", "at least 23 contributions"),
        ("aggregator = { rule = \"multi-krum\", num_selected = 19 }", "at least 22 contributions"),
        ("aggregator = { rule = \"trimmed-mean\", trim_ratio = 0.5 }", "a number below 0.5"),
        ("aggregator = { rule = \"krum\", num_byzantine = -1 }", "a whole number from 0"),
        ("pre_aggregation = [{ rule = \"bucketing\", bucket_size = 0 }]", "a whole number from 1"),
        ("pre_aggregation = [\"buckets\"]", "bucketing"),
        (
            "pre_aggregation = [{ rule = \"nearest-neighbour-mixing\", num_byzantine = 10 }]",
            "at least 21 contributions for the 1 rows that it needs",
        ),
    ];
    for (text, expected) in cases {
        let refused = Plan::parse(text, &registry()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{text}: {refused}");
    }
    // Krum with f = 2 needs 7 rows: 6 full buckets of four and one more.
    let krum = format!("{mixing}aggregator = {{ rule = \"krum\", num_byzantine = 2 }}\n");
    let refused = Plan::parse(&krum, &registry()).unwrap_err().to_string();
    assert!(refused.contains("at least 25 contributions for the 7 rows"), "{refused}");
    let enough = format!("participants = 25\n{krum}[cohort]\nminimum = 25\n");
    assert!(Plan::parse(&enough, &registry()).is_ok());
}

#[test]
fn when_everybody_sends_no_numbers_the_model_stays_and_each_is_named() {
    let plan = plan("num_rounds = 9\nparticipants = 6\n[cohort]\nmax_failed_rounds = 2\n");
    let outcome = run(&plan, Some(("nan", 6)));
    assert_eq!(outcome.history.len(), 2);
    assert_eq!(outcome.model, Federation::assemble(&plan).unwrap().initial_model().unwrap());
    for report in &outcome.history {
        assert_eq!(report.model_before, report.model_after);
        // A round is over as soon as those who are left are too few.
        assert_eq!((report.declined.len(), report.refusals["not-finite"]), (3, 6));
        let why = report.aborted.as_deref().unwrap();
        assert!(why.contains("0 contributions, expected at least 4"), "{why}");
    }
}

#[test]
fn fewer_than_the_rule_needs_abort_a_round_and_others_are_counted() {
    let text = "num_rounds = 2\nparticipants = 9\n\
                aggregator = { rule = \"krum\", num_byzantine = 3 }\n[cohort]\nminimum = 9\n";
    let outcome = run(&plan(text), Some(("nan", 1)));
    for report in &outcome.history {
        let why = report.aborted.as_deref().unwrap();
        assert!(why.contains("contributions, expected at least 9"), "{why}");
        let declined: Vec<&String> = report.declined.values().collect();
        assert!(declined.len() == 1 && declined[0].contains("is not finite"), "{declined:?}");
    }
}
