//! What goes together with which rule of proofs, as the guide has it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use tacit_core::plan::Plan;

const GUIDE: &str = include_str!("../../../docs/proofs-of-conduct.md");

/// A plan that both rules have something to say of.
const PLAN: [(&str, &str); 7] = [
    ("participants", "20"),
    ("num_rounds", "2"),
    ("data.source", "\"breast-cancer\""),
    ("trainer", "{ rule = \"exact-logistic\", clip_norm = 1.0 }"),
    ("training.clip_norm", "1.0"),
    ("cohort.weights", "\"equal\""),
    ("cohort.minimum", "15"),
];

/// Code spans of a cell.
fn spans(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn answer(rule: &str, changes: &[&str]) -> Result<(), String> {
    let key = "0".repeat(64);
    let groth16 = format!(
        "{{ rule = \"groth16\", proving_key = \"{key}\", verification_key = \"{key}\", \
         transcript = \"{key}\" }}"
    );
    let mut keys: BTreeMap<&str, &str> = PLAN.into();
    keys.insert("proof", if rule == "groth16" { &groth16 } else { "\"range\"" });
    keys.extend(changes.iter().map(|change| change.split_once(" = ").unwrap()));
    let text: String = keys.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    let parsed = Plan::parse(&text, &tacit_sim::registry().unwrap());
    parsed.map(drop).map_err(|errors| errors.to_string())
}

#[test]
fn the_guide_says_what_goes_together() {
    let table = GUIDE.lines().skip_while(|line| !line.starts_with("| in the plan |")).skip(2);
    let rows: Vec<&str> = table.take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 15, "{rows:?}");
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [settings, range, groth16, answers] = cells[..] else { panic!("{row}") };
        let mut refused = Vec::new();
        for (rule, told) in [("range", range), ("groth16", groth16)] {
            match (told, answer(rule, &spans(settings))) {
                ("yes", Ok(())) => {}
                ("no", Err(said)) => refused.push(said),
                (told, found) => panic!("{settings}, {rule}: {told}, but {found:?}"),
            }
        }
        for words in spans(answers) {
            let said = refused.iter().any(|said| said.contains(words));
            assert!(said, "{settings}: {words}, but {refused:#?}");
        }
        assert_eq!(refused.is_empty(), spans(answers).is_empty(), "{row}");
    }
}

/// Rates that integers have in every round, or the first round in which there is none.
#[test]
fn every_round_has_a_step() {
    let cosine = ["training.schedule = \"cosine\"", "num_rounds = 100"];
    let bad = [
        (&["training.learning_rate = 9.0"][..], "9.0e0 in round 1", "learning_rate = 3.9"),
        (&cosine, "9.9e-5 in round 99", "schedule = \"constant\""),
        (&["training.warmup_rounds = 9999"], "1.0e-5 in round 1", "warmup_rounds = 0"),
        (&["training.batch_size = 8192"], "1 to 4096", "batch_size = 64"),
    ];
    for (changes, found, works) in bad {
        let batch = ["training.learning_rate = 0.1", "training.batch_size = 64"];
        let said = answer("groth16", &[&batch, changes].concat()).unwrap_err();
        assert!(said.contains(found) && said.contains(works), "{said}");
    }
    answer("groth16", &["training.schedule = \"cosine\"", "num_rounds = 20"]).unwrap();
}
