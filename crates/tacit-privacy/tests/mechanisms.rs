//! Laws of every registered mechanism, and what its noise costs and does against figures by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use tacit_core::bound::{Bound, Norms};
use tacit_core::error::Error;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::registry::{Arguments, Family, Make, Registry, Value};
use tacit_core::rng::{Random, Seed};
use tacit_core::traits::{Calibration, Entropy, Mechanism, Opened, Party};

/// Repeatable bytes, so that a test that passes always passes.
struct Draws(Random);

impl Draws {
    fn new(seed: u64) -> Self {
        Self(Seed::root(seed).rng())
    }
}

impl Entropy for Draws {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.iter_mut().for_each(|byte| *byte = self.0.below(256) as u8);
        Ok(())
    }
}

const NAMES: [&str; 6] =
    ["discrete-gaussian", "gaussian", "laplace", "local-gaussian", "priv-unit", "skellam"];

fn registry() -> Registry {
    Registry::new(&tacit_privacy::ROOMS).unwrap()
}

fn made(name: &str, arguments: &[(&'static str, Value)]) -> Box<dyn Mechanism> {
    let registry = registry();
    let entry = registry.find(Family::Mechanism, name).unwrap();
    let given = arguments.iter().cloned();
    let arguments = given
        .fold(Arguments::defaults(entry.parameters).unwrap(), |all, (name, to)| all.with(name, to));
    let Make::Mechanism(make) = entry.make else { panic!("{name} is no mechanism") };
    make(&arguments).unwrap()
}

fn with_noise(name: &str, noise_multiplier: f64) -> Box<dyn Mechanism> {
    made(name, &[("noise_multiplier", Value::Number(noise_multiplier))])
}

/// Twenty planned, ten at least.
fn calibration(len: usize, limit: f64) -> Calibration {
    let bound = Bound::L2 { limit };
    let seed = Seed::root(9);
    Calibration { round: 3, bound, len, size: 20, honest: 10, largest: 200, counted: false, seed }
}

/// A random update of this norm.
fn update(seed: u64, len: usize, norm: f64) -> Vec<f32> {
    let mut rng = Seed::root(seed).rng();
    let values: Vec<f64> = (0..len).map(|_| rng.normal()).collect();
    let found = values.iter().map(|x| x * x).sum::<f64>().sqrt();
    values.iter().map(|x| (x / found * norm * 0.999_999) as f32).collect()
}

/// The coordinator's part, of values alone.
fn open(
    mechanism: &dyn Mechanism,
    of: &Calibration,
    values: &mut Vec<f32>,
    draws: &mut Draws,
) -> Result<(), Error> {
    let mut opened = Opened { values: std::mem::take(values), count: 0.0 };
    let done = mechanism.open(of, &mut opened, draws);
    *values = opened.values;
    done
}

/// What a coordinator opens of these updates: the mean of what travelled over the planned size.
fn opened(
    mechanism: &dyn Mechanism,
    of: &Calibration,
    updates: &[Vec<f32>],
    draws: &mut Draws,
) -> Vec<f32> {
    let mut sum = vec![0f64; mechanism.sent(of).0];
    for update in updates {
        let mut sent = update.clone();
        mechanism.share(of, &mut sent, true, draws).unwrap();
        assert_eq!(sent.len(), sum.len());
        sum.iter_mut().zip(&sent).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    let mut mean: Vec<f32> = sum.iter().map(|x| (x / of.size as f64) as f32).collect();
    open(mechanism, of, &mut mean, draws).unwrap();
    assert_eq!(mean.len(), of.len);
    mean
}

fn variance(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / values.len() as f64
}

/// Whether a variance of `count` samples is the expected one: 5 standard deviations, for a
/// distribution of this kurtosis. A factor of 1.1 would be noticed with 20,000.
fn assert_variance(found: f64, expected: f64, count: usize, kurtosis: f64) {
    let off = (found / expected - 1.0).abs();
    assert!(off < 5.0 * ((kurtosis - 1.0) / count as f64).sqrt(), "{found} for {expected}");
}

#[test]
fn these_are_all() {
    let registry = registry();
    let names: Vec<_> = registry.family(Family::Mechanism).map(|entry| entry.name).collect();
    assert_eq!(names, NAMES);
}

#[test]
fn every_cost_is_finite_and_its_sampler_nearly_exact() {
    for name in NAMES {
        for len in [1, 10, 1_000, 1_000_000] {
            for limit in [1e-3, 1.0, 40.0] {
                let cost = made(name, &[]).cost(&calibration(len, limit)).unwrap();
                let Cost::Bounded { noise, total_variation } = cost else { panic!("{name}") };
                let numbers = match noise {
                    Noise::Gaussian { noise_multiplier } | Noise::Laplace { noise_multiplier } => {
                        [noise_multiplier; 3]
                    }
                    Noise::Pure { epsilon } => [epsilon; 3],
                    Noise::Concentrated { rho } => [rho; 3],
                    Noise::Skellam { l1, l2, variance } => [l1, l2, variance],
                };
                assert!(numbers.iter().all(|x| *x > 0.0 && x.is_finite()), "{name} {numbers:?}");
                assert!((0.0..1e-11).contains(&total_variation), "{name} {total_variation}");
            }
        }
    }
}

/// Noise of twice what a participant changes: the multiplier is 2, less what rounding adds; where
/// any two updates are neighbours, they are two norms apart; ρ = 1/(2·2²).
#[test]
fn costs_are_those_by_hand() {
    let of = calibration(1_000, 0.5);
    let cost = |name| match with_noise(name, 2.0).cost(&of).unwrap() {
        Cost::Bounded { noise, .. } => noise,
        Cost::Unbounded => panic!("{name}"),
    };
    let just_below = |found: f64, expected: f64| found < expected && found > expected * 0.999_9;
    let Noise::Gaussian { noise_multiplier } = cost("gaussian") else { panic!() };
    assert!(just_below(noise_multiplier, 2.0), "{noise_multiplier}");
    let Noise::Gaussian { noise_multiplier } = cost("local-gaussian") else { panic!() };
    assert!(just_below(noise_multiplier, 1.0), "{noise_multiplier}");
    let Noise::Laplace { noise_multiplier } = cost("laplace") else { panic!() };
    assert!(just_below(noise_multiplier, 2.0), "{noise_multiplier}");
    let Noise::Concentrated { rho } = cost("discrete-gaussian") else { panic!() };
    assert!((rho * 8.0 - 1.0).abs() < 1e-9, "{rho}");
    let Noise::Skellam { l1, l2, variance } = cost("skellam") else { panic!() };
    assert!((variance.sqrt() / l2 - 2.0).abs() < 1e-9 && l1 <= 1_024f64.sqrt() * l2 * 1.000_001);
    let epsilon = [("epsilon", Value::Number(3.0))];
    let Cost::Bounded { noise, total_variation } = made("priv-unit", &epsilon).cost(&of).unwrap()
    else {
        panic!()
    };
    assert_eq!((noise, total_variation), (Noise::Pure { epsilon: 3.0 }, 0.0));
}

/// A cohort that is half as large is changed twice as much by each; so are updates of twice the
/// norm, and half as many honest contributions have half the variance.
#[test]
fn costs_follow_what_they_are_calibrated_to() {
    let of = calibration(1_000, 0.5);
    for name in ["gaussian", "laplace", "local-gaussian", "discrete-gaussian", "skellam"] {
        let ratio = |of: &Calibration| match made(name, &[]).cost(of).unwrap() {
            Cost::Bounded { noise: Noise::Gaussian { noise_multiplier }, .. }
            | Cost::Bounded { noise: Noise::Laplace { noise_multiplier }, .. } => noise_multiplier,
            Cost::Bounded { noise: Noise::Concentrated { rho }, .. } => (0.5 / rho).sqrt(),
            Cost::Bounded { noise: Noise::Skellam { l2, variance, .. }, .. } => {
                variance.sqrt() / l2
            }
            other => panic!("{other:?}"),
        };
        let planned = ratio(&of);
        for other in [
            Calibration { size: 10, ..of },
            Calibration { bound: Bound::L2 { limit: 1.0 }, ..of },
            Calibration { honest: 5, ..of },
        ] {
            assert!((ratio(&other) / planned - 1.0).abs() < 1e-3, "{name}");
        }
    }
}

#[test]
fn noise_of_the_coordinator_has_the_deviation_that_it_claims() {
    let len = 40_000;
    let of = Calibration { bound: Bound::L1 { limit: 2.0 }, ..calibration(len, 2.0) };
    for (name, of, expected, kurtosis) in [
        // z · c / size = 0.15
        ("gaussian", calibration(len, 2.0), 0.15f64.powi(2), 3.0),
        // a Laplace variable of scale b has the variance 2b²
        ("laplace", of, 2.0 * 0.15f64.powi(2), 6.0),
    ] {
        let mut values = vec![0.25; len];
        open(&*with_noise(name, 1.5), &of, &mut values, &mut Draws::new(1)).unwrap();
        values.iter_mut().for_each(|x| *x -= 0.25);
        assert_variance(variance(&values), expected, len, kurtosis);
    }
}

/// A count of updates is released with noise, where the mechanism says that it counts; and costs.
#[test]
fn counts_have_noise_of_their_own() {
    let of = Calibration { counted: true, ..calibration(1, 1.0) };
    for name in NAMES {
        let (mechanism, mut draws) = (made(name, &[]), Draws::new(3));
        if mechanism.by() != Party::Coordinator || !mechanism.counts() {
            continue;
        }
        let mut once = || {
            let mut opened = Opened { values: vec![0.0], count: 7.0 };
            mechanism.open(&of, &mut opened, &mut draws).unwrap();
            (opened.count - 7.0) as f32
        };
        let counts: Vec<f32> = (0..2_000).map(|_| once()).collect();
        assert_variance(variance(&counts), 100.0, counts.len(), 3.0);
        let uncounted = Calibration { counted: false, ..of };
        assert_ne!(mechanism.cost(&of).unwrap(), mechanism.cost(&uncounted).unwrap());
    }
}

/// Two shares of the count are one noise of at least what the plan asks for, and little more; one
/// who was within and one who was not are none.
#[test]
fn counts_in_shares_have_noise_of_the_fewest() {
    let of = Calibration { counted: true, size: 4, honest: 2, ..calibration(64, 1.0) };
    let releases = 200;
    for name in ["discrete-gaussian", "skellam"] {
        let noise = [("noise_multiplier", Value::Number(2.0)), ("count_noise", Value::Number(3.0))];
        let (mechanism, mut draws) = (made(name, &noise), Draws::new(4));
        let len = mechanism.sent(&of).0;
        assert!(mechanism.counts() && (65..=128).contains(&len), "{name}: {len}");
        let mut once = |second: bool| {
            let mut sum = vec![0.0; len];
            for within in [true, second] {
                let mut sent = vec![0.0; 64];
                mechanism.share(&of, &mut sent, within, &mut draws).unwrap();
                sum.iter_mut().zip(sent).for_each(|(sum, x)| *sum += x / 4.0);
            }
            let mut opened = Opened { values: sum, count: f64::NAN };
            mechanism.open(&of, &mut opened, &mut draws).unwrap();
            opened.count as f32
        };
        for (second, due) in [(true, 1.0), (false, 0.0)] {
            let counts: Vec<f32> = (0..releases).map(|_| once(second) - due).collect();
            let mean = counts.iter().sum::<f32>() / releases as f32;
            assert!(mean.abs() < 6.0 * 3.0 / (releases as f32).sqrt(), "{name}: {mean}");
            let tolerance = 6.0 * (2.0 / releases as f64).sqrt();
            let found = variance(&counts) / 9.0;
            assert!(found > 1.0 - tolerance && found < 1.05 * (1.0 + tolerance), "{name}: {found}");
        }
    }
}

/// Update and count are one vector: the multiplier of both is (z⁻² + (2σ)⁻²)^−½ (Andrew et al.
/// 2021, theorem 1), whatever the clipping norm of the round is, and so are the values that travel.
#[test]
fn a_count_in_shares_costs_what_one_more_value_does() {
    for (asked, size) in [(10.0f64, 20), (1.0, 20), (3.0, 2_000)] {
        let due = (2f64.powi(-2) + (2.0 * asked).powi(-2)).sqrt().recip();
        for name in ["discrete-gaussian", "skellam"] {
            let of = |limit, counted| Calibration {
                counted,
                size,
                honest: size / 2,
                largest: size,
                ..calibration(100_000, limit)
            };
            let (z, count) = (Value::Number(2.0), Value::Number(asked));
            let bits = ("bits", Value::Integer(18));
            let noise = [("noise_multiplier", z), ("count_noise", count), bits];
            let mechanism = made(name, &noise);
            let cost = mechanism.cost(&of(1.0, true)).unwrap();
            let Cost::Bounded { noise, .. } = cost else { panic!("{name}") };
            let found = match noise {
                Noise::Concentrated { rho } => (0.5 / rho).sqrt(),
                Noise::Skellam { l2, variance, .. } => variance.sqrt() / l2,
                other => panic!("{other:?}"),
            };
            assert!((1.0 - 1e-9..1.01).contains(&(found / due)), "{name} {asked}: {found} {due}");
            assert_ne!(mechanism.cost(&of(1.0, false)).unwrap(), cost);
            for limit in [0.001, 0.7, 3.0, 1e6] {
                let of = of(limit, true);
                assert_eq!(mechanism.cost(&of).unwrap(), cost, "{name} {limit}");
                assert_eq!(
                    mechanism.sent(&of).0,
                    mechanism.sent(&Calibration { bound: Bound::L2 { limit: 1.0 }, ..of }).0
                );
            }
        }
    }
}

#[test]
fn noise_of_a_participant_has_the_deviation_that_it_claims() {
    let len = 40_000;
    let of = calibration(len, 2.0);
    let mut values = vec![0.0; len];
    with_noise("local-gaussian", 1.5).share(&of, &mut values, true, &mut Draws::new(2)).unwrap();
    assert_variance(variance(&values), 9.0, len, 3.0);
}

/// Zeros in, so that all that comes out is noise: of the fewest it is z·c over the size, and no
/// more than rounding lengthens an update; of all twenty it has twice that variance.
#[test]
fn shares_of_the_fewest_have_at_least_the_variance_that_is_claimed() {
    let (len, limit) = (40_000, 2.0);
    let of = calibration(len, limit);
    for name in ["discrete-gaussian", "skellam"] {
        let mechanism = with_noise(name, 1.5);
        let claimed = (1.5 * limit / 20.0f64).powi(2);
        let noise = |count: usize| {
            let zeros = vec![vec![0.0; len]; count];
            variance(&opened(&*mechanism, &of, &zeros, &mut Draws::new(count as u64)))
        };
        let least = noise(10);
        let tolerance = 5.0 * (2.0 / len as f64).sqrt();
        assert!(least > claimed * (1.0 - tolerance), "{name} {least} {claimed}");
        assert!(least < claimed * 1.1, "{name} {least} {claimed}");
        assert!((noise(20) / least / 2.0 - 1.0).abs() < 2.0 * tolerance, "{name}");
    }
}

#[test]
fn sums_of_shares_are_the_mean_within_their_noise() {
    for name in ["discrete-gaussian", "skellam"] {
        let mechanism = with_noise(name, 0.5);
        for len in [1, 7, 1_000, 1_023] {
            // Fewer than planned, as many, and a few more.
            for count in [1, 10, 17, 20, 23] {
                let of = calibration(len, 3.0);
                let updates: Vec<_> = (0..count).map(|i| update(i, len, 3.0)).collect();
                let found = opened(&*mechanism, &of, &updates, &mut Draws::new(count));
                // Noise of the fewest is 0.5 · 3 / 20; each share has a tenth of its variance.
                let deviation = 0.075 * (count as f64 / 10.0).sqrt() * 1.1;
                for (place, found) in found.iter().enumerate() {
                    let due: f64 = updates.iter().map(|x| f64::from(x[place])).sum::<f64>() / 20.0;
                    let off = (f64::from(*found) - due).abs();
                    assert!(off < 6.0 * deviation, "{name} {len} {count}: {off}");
                }
            }
        }
    }
}

/// Many releases of one update average to it.
#[test]
fn every_mechanism_is_right_on_average() {
    let of = calibration(8, 1.0);
    let updates: Vec<_> = (0..10).map(|i| update(i, 8, 1.0)).collect();
    for name in NAMES {
        let (mechanism, mut draws) = (made(name, &[]), Draws::new(5));
        let (mut sums, mut squares, count) = ([0.0; 8], 0.0, 250.0);
        for _ in 0..250 {
            let found = opened(&*mechanism, &of, &updates, &mut draws);
            for ((place, sum), found) in sums.iter_mut().enumerate().zip(found) {
                let due: f64 = updates.iter().map(|x| f64::from(x[place])).sum::<f64>() / 20.0;
                let off = f64::from(found) - due;
                *sum += off;
                squares += off * off;
            }
        }
        let deviation = (squares / (8.0 * count)).sqrt();
        for sum in sums {
            assert!((sum / count).abs() < 5.0 * deviation / f64::sqrt(count), "{name} {sum}");
        }
    }
}

#[test]
fn what_is_sent_keeps_the_bound_that_is_checked() {
    for name in NAMES {
        let (mechanism, mut draws) = (made(name, &[]), Draws::new(6));
        for (len, tries) in [(1, 100), (10, 100), (1_000, 100), (100_000, 3)] {
            let of = calibration(len, 0.7);
            let ((_, bound), mut longest) = (mechanism.sent(&of), 0f64);
            for seed in 0..tries {
                let mut sent = update(seed, len, 0.7);
                mechanism.share(&of, &mut sent, true, &mut draws).unwrap();
                longest = longest.max(Norms::of(&sent).norm(bound));
            }
            assert!(longest <= bound.limit().unwrap(), "{name} {len} {longest} {bound:?}");
        }
    }
}

#[test]
fn noise_is_fresh_with_every_call_and_follows_its_entropy_alone() {
    let of = calibration(100, 1.0);
    let values = update(1, 100, 1.0);
    for name in NAMES {
        let mechanism = made(name, &[]);
        let once = |draws: &mut Draws| {
            let mut values = values.clone();
            match mechanism.by() {
                Party::Coordinator => open(&*mechanism, &of, &mut values, draws).unwrap(),
                _ => mechanism.share(&of, &mut values, true, draws).unwrap(),
            }
            values
        };
        let mut draws = Draws::new(7);
        let (first, second) = (once(&mut draws), once(&mut draws));
        let differ = first.iter().zip(&second).filter(|(a, b)| a != b).count();
        assert!(differ > 90, "{name}: {differ} of 100 values differ");
        assert_eq!(once(&mut Draws::new(7)), first, "{name}");
    }
}

#[test]
fn nobody_adds_noise_twice() {
    let of = calibration(64, 1.0);
    for name in NAMES {
        let (mechanism, mut draws) = (made(name, &[]), Draws::new(8));
        let mut values = update(2, 64, 1.0);
        let before = values.clone();
        match mechanism.by() {
            Party::Coordinator => mechanism.share(&of, &mut values, true, &mut draws).unwrap(),
            Party::Participant => open(&*mechanism, &of, &mut values, &mut draws).unwrap(),
            _ => {
                // The coordinator's part is a function: the same twice.
                mechanism.share(&of, &mut values, true, &mut draws).unwrap();
                let (mut first, mut second) = (values.clone(), values);
                open(&*mechanism, &of, &mut first, &mut draws).unwrap();
                open(&*mechanism, &of, &mut second, &mut draws).unwrap();
                assert_eq!(first, second, "{name}");
                continue;
            }
        }
        assert_eq!(values, before, "{name}");
    }
}

#[test]
fn what_no_noise_fits_is_refused() {
    for name in NAMES {
        let mechanism = made(name, &[]);
        let unbounded = Calibration { bound: Bound::None, ..calibration(8, 1.0) };
        let error = mechanism.cost(&unbounded).unwrap_err().to_string();
        assert!(error.starts_with("training.clip_norm: expected a norm above 0"), "{error}");
        for bad in [f32::NAN, f32::INFINITY] {
            let mut values = vec![0.1, bad, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1];
            let (of, mut draws) = (calibration(8, 1.0), Draws::new(1));
            let done = match mechanism.by() {
                Party::Coordinator => open(&*mechanism, &of, &mut values, &mut draws),
                _ => mechanism.share(&of, &mut values, true, &mut draws),
            };
            assert!(done.is_err(), "{name} {bad}");
        }
    }
    for name in ["discrete-gaussian", "skellam"] {
        let cost = |of: &Calibration, bits: i64| {
            made(name, &[("bits", Value::Integer(bits))]).cost(of).map(drop).map_err(|e| {
                assert!(matches!(e, Error::Caller(_)), "{e}");
                e.to_string()
            })
        };
        let of = calibration(1_000, 1.0);
        let error = cost(&Calibration { honest: 0, ..of }, 16).unwrap_err();
        assert!(error.ends_with("found no honest contribution"), "{error}");
        let error = cost(&Calibration { size: 5_000, honest: 5_000, ..of }, 5).unwrap_err();
        assert!(error.contains("expected enough for the cohort"), "{error}");
        assert_eq!(cost(&of, 18), Ok(()));
    }
    let unit = |epsilon: f64, len: usize| {
        made("priv-unit", &[("epsilon", Value::Number(epsilon))]).cost(&calibration(len, 1.0))
    };
    for (epsilon, len) in [(0.0, 8), (16.1, 8), (f64::NAN, 8), (1.0, 0), (1.0, (1 << 30) + 1)] {
        assert!(unit(epsilon, len).is_err(), "{epsilon} {len}");
    }
    assert!(unit(16.0, 1 << 20).is_ok());
}

/// What is proved of sums of discrete Gaussians begins at half a unit.
#[test]
fn shares_too_narrow_to_be_bounded_are_refused() {
    let of = Calibration { honest: 1_000, size: 1_000, ..calibration(4, 1.0) };
    let narrow = [("noise_multiplier", Value::Number(0.001)), ("bits", Value::Integer(12))];
    let error = made("discrete-gaussian", &narrow).cost(&of).unwrap_err().to_string();
    assert!(error.starts_with("standard deviation of a share: expected at least 0.5"), "{error}");
}
