//! Vectors of Flower: the same updates must give the same models after every round.
#![allow(clippy::unwrap_used)]

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tacit_core::registry::{Arguments, Entry, Make, Value};
use tacit_learn::strategy;

/// Largest difference, relative to the model's value or the step size: single precision.
const TOLERANCE: f64 = 2e-6;

#[derive(Deserialize)]
struct Vectors {
    initial: Vec<f32>,
    updates: Vec<Vec<f32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    rule: String,
    arguments: BTreeMap<String, f64>,
    models: Vec<Vec<f64>>,
}

fn arguments(entry: &Entry, given: &BTreeMap<String, f64>) -> Arguments {
    let mut arguments = Arguments::defaults(entry.parameters).unwrap();
    for (name, value) in given {
        let parameter = entry.parameters.iter().find(|p| p.name == name).unwrap();
        arguments = arguments.with(parameter.name, Value::Number(*value));
    }
    arguments
}

#[test]
fn flower_makes_the_same_models() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/strategy/flower.json");
    let vectors: Vectors = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    // Flower has no SCAFFOLD.
    for entry in strategy::ENTRIES.iter().filter(|entry| entry.name != "scaffold") {
        assert!(vectors.cases.iter().any(|case| case.rule == entry.name), "{}", entry.name);
    }
    for case in &vectors.cases {
        let entry = strategy::ENTRIES.iter().find(|entry| entry.name == case.rule).unwrap();
        let Make::Strategy(make) = entry.make else { panic!("{} is no strategy", entry.name) };
        let rule = make(&arguments(entry, &case.arguments)).unwrap();
        let mut model = vectors.initial.clone();
        let mut slots = vec![vec![0.0f32; model.len()]; rule.slots()];
        assert_eq!(case.models.len(), vectors.updates.len());
        for (round, (update, expected)) in vectors.updates.iter().zip(&case.models).enumerate() {
            let mut views: Vec<&mut [f32]> = slots.iter_mut().map(|slot| &mut slot[..]).collect();
            rule.apply(round as u32 + 1, update, &mut model, &mut views);
            for (i, (found, expected)) in model.iter().zip(expected).enumerate() {
                let scale =
                    expected.abs().max(case.arguments.get("learning_rate").copied().unwrap_or(1.0));
                let error = (f64::from(*found) - expected).abs() / scale;
                let place = (&case.rule, &case.arguments, round + 1, i);
                assert!(error <= TOLERANCE, "{place:?}: {found}, expected {expected}");
            }
        }
    }
}
