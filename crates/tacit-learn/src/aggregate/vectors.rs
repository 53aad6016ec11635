//! Known answers of `bench/aggregate_vectors.py`, which computes them in another way.

use super::laws::{Cohort, all, made, run};
use tacit_core::registry::{Arguments, Value};

const RULES: &str = include_str!("../../../../vectors/aggregate/rules.json");

#[derive(serde::Deserialize)]
struct Case {
    rule: String,
    parameters: serde_json::Map<String, serde_json::Value>,
    rows: Vec<Vec<f32>>,
    weights: Vec<u64>,
    expected: Vec<f32>,
}

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Bool(x) => Value::Flag(*x),
        json => match json.as_i64() {
            Some(x) => Value::Integer(x),
            None => Value::Number(json.as_f64().unwrap()),
        },
    }
}

#[test]
fn rules_give_what_the_papers_define() {
    let cases: Vec<Case> = serde_json::from_str(RULES).unwrap();
    for (number, case) in cases.into_iter().enumerate() {
        let entry = super::ENTRIES.iter().find(|entry| entry.name == case.rule).unwrap();
        let defaults = Arguments::defaults(entry.parameters).unwrap();
        let arguments = entry.parameters.iter().fold(defaults, |arguments, parameter| {
            arguments.with(parameter.name, value(&case.parameters[parameter.name]))
        });
        let mut rule = made(entry, &arguments);
        let cohort: Cohort = case.rows.into_iter().zip(case.weights).collect();
        for found in [all(&mut *rule, &cohort), run(&mut *rule, &cohort, 7, 4)] {
            for (found, expected) in found.iter().zip(&case.expected) {
                let near = (found - expected).abs() <= 1e-6 * expected.abs().max(1.0);
                assert!(near, "case {number}, {}: {found}, expected {expected}", case.rule);
            }
        }
    }
}
