//! Tables against those of `bench/noise_vectors.py`.

use super::table::Thresholds;
use super::wide::Wide;
use super::{DiscreteGaussian, Stream, gaussian, laplace, skellam};

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
        let found = Thresholds::new(&weights).above;
        assert_eq!(found.len(), case.thresholds.len(), "{name}");
        for (found, expected) in found.iter().zip(&case.thresholds) {
            assert!(found.abs_diff(expected.parse().unwrap()) <= 1, "{name}: {found} {expected}");
        }
    }
}

#[derive(serde::Deserialize)]
struct Moments {
    library: String,
    sigma: f64,
    samples: f64,
    mean: f64,
    variance: f64,
    fourth: f64,
}

/// Samples of OpenDP and prio (`bench/noise_rivals`) have the moments of ours.
#[test]
fn moments_are_other_libraries() {
    let text = include_str!("../../../../vectors/noise/moments.json");
    let cases: Vec<Moments> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 8);
    for (seed, case) in cases.iter().enumerate() {
        let sampler = DiscreteGaussian::new(case.sigma).unwrap();
        let mut samples = vec![0; 1_000_000];
        sampler.fill(&mut samples, &mut Stream::for_test(300 + seed as u64));
        let moment = |power| samples.iter().map(|x| (*x as f64).powi(power)).sum::<f64>() / 1e6;
        // E X^2k of a normal variable is (2k − 1)!!·σ^2k
        let spread = (1e-6 + 1.0 / case.samples).sqrt();
        let near = |power: i32, other: f64, variance: f64| {
            let off = (moment(power) - other) / case.sigma.powi(power);
            assert!(off.abs() < 5.0 * variance.sqrt() * spread, "{} {}", case.library, case.sigma);
        };
        near(1, case.mean, 1.0);
        near(2, case.variance, 2.0);
        near(4, case.fourth, 96.0);
    }
}
