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
