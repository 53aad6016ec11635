//! Known answers: of `bench/aggregate_vectors.py`, which computes them in another way, and of
//! Flower and ByzFL, which `bench/robust_vectors.py` asks; it says where definitions differ.

use super::laws::{Cohort, made, run_after};
use crate::mix;
use tacit_core::mix::Mixed;
use tacit_core::registry::{Arguments, Entry, Make, Value};
use tacit_core::traits::PreAggregator;

const RULES: &str = include_str!("../../../../vectors/aggregate/rules.json");
const FLOWER: &str = include_str!("../../../../vectors/aggregate/flower.json");
const BYZFL: &str = include_str!("../../../../vectors/aggregate/byzfl.json");

#[derive(serde::Deserialize)]
struct Named {
    rule: String,
    parameters: serde_json::Map<String, serde_json::Value>,
}

#[derive(serde::Deserialize)]
struct Case {
    #[serde(flatten)]
    named: Named,
    rows: Vec<Vec<f32>>,
    weights: Vec<u64>,
    expected: Vec<f32>,
    #[serde(default)]
    before: Vec<f32>,
    #[serde(default)]
    mixing: Vec<Named>,
    /// Of a rule that mixes alone: rows in the order of the buckets.
    order: Option<Vec<u32>>,
}

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Bool(x) => Value::Flag(*x),
        serde_json::Value::String(x) => Value::Text(x.clone()),
        json => match json.as_i64() {
            Some(x) => Value::Integer(x),
            None => Value::Number(json.as_f64().unwrap()),
        },
    }
}

impl Named {
    fn find(&self, entries: &[Entry]) -> (Entry, Arguments) {
        let entry = *entries.iter().find(|entry| entry.name == self.rule).unwrap();
        let defaults = Arguments::defaults(entry.parameters).unwrap();
        let arguments = entry.parameters.iter().fold(defaults, |arguments, parameter| {
            match self.parameters.get(parameter.name) {
                Some(json) => arguments.with(parameter.name, value(json)),
                None => arguments,
            }
        });
        (entry, arguments)
    }

    fn mixer(&self) -> Box<dyn PreAggregator> {
        let (entry, arguments) = self.find(mix::ENTRIES);
        let Make::PreAggregator(make) = entry.make else { panic!("{} does not mix", entry.name) };
        make(&arguments).unwrap()
    }
}

fn check(cases: &str) {
    let cases: Vec<Case> = serde_json::from_str(cases).unwrap();
    assert!(cases.len() > 15);
    for (number, case) in cases.into_iter().enumerate().filter(|(_, case)| case.order.is_none()) {
        let (entry, arguments) = case.named.find(super::ENTRIES);
        let stages: Vec<_> = case.mixing.iter().map(Named::mixer).collect();
        let mut rule = made(&entry, &arguments);
        if !stages.is_empty() {
            rule = Box::new(Mixed::new(stages, rule));
        }
        let cohort: Cohort = case.rows.into_iter().zip(case.weights).collect();
        for pieces in [(7, 4), (cohort[0].0.len(), cohort.len())] {
            let found = run_after(&mut *rule, &cohort, pieces, &case.before);
            for (found, expected) in found.iter().zip(&case.expected) {
                let near = (found - expected).abs() <= 1e-6 * expected.abs().max(1.0);
                assert!(near, "case {number}, {}: {found}, expected {expected}", entry.name);
            }
        }
    }
}

#[test]
fn rules_give_what_the_papers_define() {
    check(RULES);
}

#[test]
fn rules_give_what_flower_gives() {
    check(FLOWER);
}

#[test]
fn rules_give_what_byzfl_gives() {
    check(BYZFL);
}

#[test]
fn buckets_are_those_of_byzfl_in_the_same_order() {
    let cases: Vec<Case> = serde_json::from_str(BYZFL).unwrap();
    let cases: Vec<Case> = cases.into_iter().filter(|case| case.order.is_some()).collect();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let mut mixer = case.named.mixer();
        let rows: Vec<&[f32]> = case.rows.iter().map(Vec::as_slice).collect();
        let mut out = vec![vec![0.0; rows[0].len()]; mixer.rows(rows.len())];
        mixer.mix(&rows, &mut out).unwrap();
        // Our order, so that theirs can be put into it.
        let ours: Vec<u32> = (0..out.len() as u32).flat_map(|row| mixer.sources(row)).collect();
        let theirs = case.order.unwrap();
        let place = |row: &u32| rows[theirs[ours.iter().position(|r| r == row).unwrap()] as usize];
        let permuted: Vec<&[f32]> = (0..rows.len() as u32).map(|row| place(&row)).collect();
        mixer.mix(&permuted, &mut out).unwrap();
        for (found, expected) in out.concat().iter().zip(&case.expected) {
            assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0));
        }
    }
}
