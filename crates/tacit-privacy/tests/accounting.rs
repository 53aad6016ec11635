//! Accountants against dp-accounting and prv-accountant: see `bench/accounting_vectors.py`.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use tacit_privacy::account::{AccountError, Mechanism, Pld, Rdp, Release, Sampling};

struct Vectors {
    orders: Vec<f64>,
    cases: Vec<Value>,
}

fn vectors() -> Vectors {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/accounting.json");
    let value: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let orders = value["orders"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    Vectors { orders, cases: value["cases"].as_array().unwrap().clone() }
}

fn release(case: &Value) -> (Release, u64) {
    let number = |key: &str| case[key].as_f64().unwrap();
    let mechanism = match case["mechanism"].as_str().unwrap() {
        "gaussian" => Mechanism::Gaussian { noise_multiplier: number("noise_multiplier") },
        "laplace" => Mechanism::Laplace { scale: number("scale") },
        "pure" => Mechanism::Pure { epsilon: number("epsilon") },
        other => panic!("mechanism {other}"),
    };
    let sampling = match (case["size"].as_u64(), case["rate"].as_f64()) {
        (Some(size), _) => Sampling::Fixed { size, of: case["of"].as_u64().unwrap() },
        (None, Some(rate)) if rate < 1.0 => Sampling::Poisson { rate },
        _ => Sampling::None,
    };
    (Release::new(mechanism, sampling), case["times"].as_u64().unwrap())
}

fn releases(case: &Value) -> Vec<(Release, u64)> {
    case["releases"].as_array().unwrap().iter().map(release).collect()
}

#[test]
fn loss_distributions_hold_and_are_tight() {
    let mut wrong = Vec::new();
    let (mut number, mut compared) = (0, 0);
    for case in vectors().cases.iter().filter(|case| case["pld"].is_f64()) {
        let (delta, theirs) = (case["delta"].as_f64().unwrap(), case["pld"].as_f64().unwrap());
        let (releases, mut spent) = (releases(case), Pld::new());
        for (release, times) in &releases {
            spent.compose(*release, *times).unwrap();
        }
        let found = spent.epsilon(delta).unwrap();
        let width = (found.upper - found.lower) / found.estimate;
        let off = (found.estimate / theirs - 1.0).abs();
        // Theirs is a bound from above too; ours may be the lower one, by what their grid costs.
        let mut holds = found.lower <= found.estimate && found.estimate <= found.upper;
        // Theirs rounds too: for 10 000 releases of 0.01 it is 6e-8 below the exact sum.
        holds &= found.lower <= theirs * (1.0 + 1e-6);
        if !case["coarse"].is_boolean() {
            holds &= theirs <= found.upper * (1.0 + 5e-4) && off <= 1e-3;
            compared += 1;
        }
        if let [lower, _, upper] = case["prv"].as_array().map_or(&[][..], |all| all) {
            holds &= lower.as_f64().unwrap() <= found.upper;
            holds &= found.lower <= upper.as_f64().unwrap();
        }
        // Rates so small that hardly anything ever happens want more grid than there is.
        let tiny = |(release, _): &(Release, u64)| release.sampling.rate() < 1e-4;
        let widest = if releases.iter().any(tiny) { 0.1 } else { 1e-2 };
        if !holds || width > widest {
            wrong.push(format!("{off:.1e} {width:.1e} {found:?} {case}"));
        }
        number += 1;
    }
    assert!(wrong.is_empty(), "{} of {number}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(number >= 170 && compared >= 120, "{number} {compared}");
}

#[test]
fn renyi_divergences_agree() {
    let Vectors { orders, cases } = vectors();
    let (mut number, mut close) = (0, 0);
    for case in cases.iter().filter(|case| case["rdp"].is_f64()) {
        let mut spent = Rdp::with_orders(orders.clone()).unwrap();
        for (release, times) in releases(case) {
            spent.compose(release, times).unwrap();
        }
        let found = spent.epsilon(case["delta"].as_f64().unwrap()).unwrap().value;
        let theirs = case["rdp"].as_f64().unwrap();
        // Theirs leaves out fractional orders at which its series converges slowly.
        assert!(found <= theirs * 1.0001, "{found} {case}");
        close += usize::from(found >= theirs * 0.999);
        number += 1;
    }
    assert!(number >= 180 && close >= number - 15, "{number} {close}");
}

fn sampled(noise_multiplier: f64, rate: f64) -> Release {
    Release::new(Mechanism::Gaussian { noise_multiplier }, Sampling::Poisson { rate })
}

#[test]
fn round_by_round_is_all_at_once_and_both_ways_agree() {
    let (mut online, mut at_once) = (Pld::new(), Pld::new());
    for _ in 0..50 {
        online.compose(sampled(1.0, 0.05), 1).unwrap();
        online.epsilon(1e-5).unwrap();
    }
    at_once.compose(sampled(1.0, 0.05), 50).unwrap();
    let (a, b) = (online.epsilon(1e-5).unwrap(), at_once.epsilon(1e-5).unwrap());
    assert!(a.lower <= b.upper && b.lower <= a.upper);
    assert!((a.estimate / b.estimate - 1.0).abs() < 2e-3, "{a:?} {b:?}");
    let delta = at_once.delta(b.estimate).unwrap();
    assert!(delta.lower <= 1.02e-5 && 0.98e-5 <= delta.upper, "{delta:?}");
    assert!(delta.upper / delta.lower < 1.2, "{delta:?}");
}

#[test]
fn what_has_no_pair_is_refused() {
    let mut spent = Pld::new();
    let noise = Mechanism::Gaussian { noise_multiplier: 1.0 };
    for (mechanism, sampling) in [
        (noise, Sampling::Fixed { size: 1, of: 10 }),
        (Mechanism::Concentrated { rho: 0.1 }, Sampling::None),
        (Mechanism::Skellam { l1: 1.0, l2: 1.0, mu: 9.0 }, Sampling::None),
    ] {
        let refused = spent.compose(Release::new(mechanism, sampling), 1);
        assert!(matches!(refused, Err(AccountError::Unsupported { .. })), "{refused:?}");
    }
    for bad in [0.0, -1.0, f64::NAN] {
        assert!(spent.compose(sampled(bad, 0.1), 1).is_err());
        assert!(spent.compose(sampled(1.0, bad), 1).is_err());
        assert!(spent.epsilon(bad).is_err());
    }
    assert!(spent.compose(sampled(1.0, 0.1), 0).is_err());
    assert_eq!(spent.epsilon(1e-5).unwrap().upper, 0.0);
}

/// Little noise, where losses are of thousands: bounds may be wide, but must hold.
#[test]
fn bounds_hold_however_little_noise_there_is() {
    for noise_multiplier in [0.005, 0.02, 0.05, 0.1, 0.3] {
        for rate in [1e-5, 0.01, 0.5, 0.9] {
            for rounds in [1, 50, 1_000, 100_000] {
                let mechanism = Mechanism::Gaussian { noise_multiplier };
                let release = Release::new(mechanism, Sampling::Poisson { rate });
                let (mut pld, mut rdp) = (Pld::new(), Rdp::new());
                pld.compose(release, rounds).unwrap();
                rdp.compose(release, rounds).unwrap();
                let (found, above) = (pld.epsilon(1e-5).unwrap(), rdp.epsilon(1e-5).unwrap().value);
                let case = (noise_multiplier, rate, rounds);
                assert!(found.lower <= found.upper && found.lower <= above, "{case:?} {found:?}");
                // More is spent than by the fewest rounds that are drawn but once in 10⁵ runs.
                let drawn = rate * rounds as f64;
                let sure = (drawn - 4.3 * drawn.sqrt() - 1.0).max(0.0);
                let each = 0.5 / noise_multiplier.powi(2) - 5.0 / noise_multiplier;
                assert!(found.upper >= sure.floor() * each.min(1e3) * 0.5, "{case:?} {found:?}");
            }
        }
    }
}
