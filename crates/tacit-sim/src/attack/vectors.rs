//! Known answers of ByzFL, which `bench/robust_vectors.py` asks; it says where definitions differ.

use super::{Chosen, Honest, Scene};
use tacit_core::ids::ParticipantId;

const BYZFL: &str = include_str!("../../../../vectors/attack/byzfl.json");

#[derive(serde::Deserialize)]
struct Case {
    rule: String,
    parameters: serde_json::Map<String, serde_json::Value>,
    rows: Vec<Vec<f32>>,
    expected: Vec<f32>,
}

#[test]
fn attacks_give_what_byzfl_gives() {
    let cases: Vec<Case> = serde_json::from_str(BYZFL).unwrap();
    assert!(cases.len() >= 20);
    for case in cases {
        let arguments = case.parameters.iter().map(|(key, value)| format!(":{key}={value}"));
        let text = case.rule + &arguments.collect::<String>();
        let mut attack = Chosen::parse(&text).unwrap().make().unwrap();
        let rows: Vec<&[f32]> = case.rows.iter().map(Vec::as_slice).collect();
        let names: Vec<_> = (0..rows.len()).map(|i| ParticipantId::numbered(i, 99)).collect();
        let scene = Scene { round: 1, participants: rows.len() + 2, hostile: 2 };
        let mut found = vec![0.0; rows[0].len()];
        attack.collude(&scene, &Honest { names: &names, rows: &rows }, &mut found);
        for (found, expected) in found.iter().zip(&case.expected) {
            assert!((found - expected).abs() <= 2e-6 * expected.abs().max(1.0), "{text}: {found}");
        }
    }
}
