//! Certified ε after each of many rounds: `cargo bench -p tacit-privacy --bench account`.
//!
//! "first" asks once after all rounds are composed; "another" composes one more equal round and
//! asks again, "unlike" one of another noise. Milliseconds, medians on one core; a grid that is
//! chosen anew because its bounds became too wide counts in the slowest. Width and distance are
//! relative to ε.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;
use tacit_privacy::account::{Interval, Mechanism, Pld, Release, Sampling};

const DELTA: f64 = 1e-5;
const ROUNDS: usize = 61;

fn gaussian(noise_multiplier: f64, rate: f64) -> Release {
    Release::new(Mechanism::Gaussian { noise_multiplier }, Sampling::Poisson { rate })
}

fn timed(work: impl FnOnce() -> Interval) -> (f64, Interval) {
    let start = Instant::now();
    let found = work();
    (start.elapsed().as_secs_f64() * 1e3, found)
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

fn main() {
    let cases = [
        (1.0, 0.01, 1000),
        (1.1, 0.004, 10_000),
        (0.8, 0.05, 2000),
        (1.1, 0.004, 100_000),
        (0.45, 0.001, 10_000),
        (1.0, 0.0001, 10_000),
    ];
    println!(
        "   σ      q  rounds |  lower     estimate  upper     width | first another slowest unlike"
    );
    for (sigma, rate, rounds) in cases {
        let first = (0..5).map(|_| {
            let mut spent = Pld::new();
            spent.compose(gaussian(sigma, rate), rounds).unwrap();
            timed(|| spent.epsilon(DELTA).unwrap()).0
        });
        let first = sorted(first.collect())[2];
        let mut spent = Pld::new();
        spent.compose(gaussian(sigma, rate), rounds).unwrap();
        let found = spent.epsilon(DELTA).unwrap();
        let another = sorted((0..ROUNDS).map(|_| round(&mut spent, sigma, rate)).collect());
        let unlike = (0..ROUNDS).map(|i| round(&mut spent, sigma + 1e-3 * (i + 1) as f64, rate));
        let unlike = sorted(unlike.collect());
        let Interval { lower, estimate, upper } = found;
        println!(
            "{sigma:4} {rate:6} {rounds:7} | {lower:9.5} {estimate:9.5} {upper:9.5} {:.1e} | \
             {first:5.1} {:7.2} {:7.2} {:6.2}",
            (upper - lower) / estimate,
            another[ROUNDS / 2],
            another[ROUNDS - 1],
            unlike[ROUNDS / 2],
        );
    }
}

/// Milliseconds of one more round and the question after it.
fn round(spent: &mut Pld, sigma: f64, rate: f64) -> f64 {
    let work = || {
        spent.compose(gaussian(sigma, rate), 1).unwrap();
        spent.epsilon(DELTA).unwrap()
    };
    timed(work).0
}
