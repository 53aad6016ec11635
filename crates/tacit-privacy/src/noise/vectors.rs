//! Tables against those of `bench/noise_vectors.py`.

use super::table::Table;
use super::wide::Wide;
use super::{gaussian, laplace, skellam};

#[derive(serde::Deserialize)]
struct Case {
    law: String,
    parameter: f64,
    squares: u128,
    thresholds: Vec<String>,
}

fn weights(case: &Case) -> Option<Vec<Wide>> {
    match case.law.as_str() {
        "gaussian" => Some(gaussian::weights(case.parameter, case.squares)),
        "digit" => Some(laplace::weights(case.parameter, case.squares)),
        "skellam" => Some(skellam::weights(case.parameter, 1)),
        _ => None,
    }
}

/// Equal but for the last bit, which rounding may turn.
#[test]
fn tables_are_pythons() {
    let text = include_str!("../../../../vectors/noise/tables.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    for case in &cases {
        let name = format!("{} {}", case.law, case.parameter);
        let weights = weights(case).unwrap();
        let table = Table::new(&weights).unwrap();
        assert_eq!(table.thresholds().len(), case.thresholds.len(), "{name}");
        for (found, expected) in table.thresholds().iter().zip(&case.thresholds) {
            assert!(found.abs_diff(expected.parse().unwrap()) <= 1, "{name}: {found} {expected}");
        }
    }
}
