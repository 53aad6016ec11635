//! The Skellam distribution: the difference of two Poisson variables of equal mean
//! (Agarwal, Kairouz & Liu 2021); here by its variance v, twice that mean:
//! P(x) = e^(−v)·I_x(v). Sums of independent ones are Skellam again, with the sum of variances.
//!
//! Up to a standard deviation of 45 a sample is one look-up in a table. Above, x = k·y + z.
//!
//! # Composition
//!
//! Let z be Skellam of variance u, and P(y) ∝ S(k·y) for S the Skellam distribution of variance
//! v − u: not Skellam itself, but that distribution seen at every k-th point. The characteristic
//! function of k·y + z is, up to a constant, Σ_j Ŝ(θ + 2πj/k)·ẑ(θ) over j = 0 … k − 1. The term
//! j = 0 is what we want. In the others one of the two factors is small everywhere: each is at most
//! exp((v−u)(cos φ − 1) + u·(cos(φ − α) − 1)) ≤ exp(M − v) with α = 2πj/k and
//! M² = (v−u)² + u² + 2u(v−u)·cos α. So no probability is off by more than E = Σ_j exp(M_j − v),
//! and the total variation is at most (2W + 1)·E plus the mass beyond ±W; the constant differs from
//! 1 by at most Σ_j exp((v−u)(cos α_j − 1)).

use super::gaussian::Scratch;
use super::stream::Stream;
use super::table::{TAIL, Table};
use super::wide::{Wide, decompose};
use tacit_core::error::Error;

const MIN_VARIANCE: f64 = 1.0 / 1024.0;
const MAX_VARIANCE: f64 = (1u64 << 28) as f64;

/// Largest variance of one table: a standard deviation of 45.
const MAX_TABLE_VARIANCE: f64 = 2_025.0;

/// log₂ of the ratio between the first and the last probability that is computed.
const RANGE_BITS: f64 = 200.0;

/// Samples of the Skellam distribution.
pub struct Skellam {
    variance: f64,
    low: Table,
    /// What is multiplied by a factor and added.
    high: Option<(i64, Table)>,
    total_variation: f64,
}

impl Skellam {
    /// The difference of two Poisson variables of mean `variance`/2, for a variance from 2^−10 to
    /// 2²⁸.
    pub fn new(variance: f64) -> Result<Self, Error> {
        if !(MIN_VARIANCE..=MAX_VARIANCE).contains(&variance) {
            let expected = format!("a number from {MIN_VARIANCE} to {MAX_VARIANCE}");
            return Err(Error::caller("variance", expected, variance.to_string()));
        }
        let table = |variance, stride| {
            Table::new(&weights(variance, stride)).ok_or(Error::Bug("table of a Skellam variable"))
        };
        if variance <= MAX_TABLE_VARIANCE {
            let low = table(variance, 1)?;
            let total_variation = low.total_variation();
            return Ok(Self { variance, low, high: None, total_variation });
        }
        // both tables about as long: √u/1 = √(v − u)/k with √u about 1.9·k
        let factor = (variance.sqrt() / 1.9).sqrt().ceil();
        let (part, error) = split(variance, factor);
        let (low, high) = (table(part, 1)?, table(variance - part, factor as usize)?);
        let total_variation = low.total_variation() + high.total_variation() + error;
        Ok(Self { variance, low, high: Some((factor as i64, high)), total_variation })
    }

    /// The variance, twice the mean of either Poisson variable.
    pub fn variance(&self) -> f64 {
        self.variance
    }

    /// Bound of the total variation between a sample and the ideal distribution.
    pub fn total_variation(&self) -> f64 {
        self.total_variation
    }

    /// Fills `out` with independent samples.
    pub fn fill(&self, out: &mut [i64], stream: &mut Stream) {
        let mut scratch = Scratch::new();
        for block in out.chunks_mut(Scratch::LEN) {
            block.fill(0);
            let mut factor = 0;
            if let Some((by, high)) = &self.high {
                scratch.add_signed(high, 0, block, stream);
                factor = *by;
            }
            scratch.add_signed(&self.low, factor, block, stream);
        }
    }
}

/// The smallest whole u, so that v − u is exact, whose error is less than a table's tail; and that
/// error. See above.
fn split(variance: f64, factor: f64) -> (f64, f64) {
    let mut part = (2.8 * factor * factor).ceil();
    loop {
        let error = split_error(variance, part, factor);
        if error <= TAIL {
            return (part, error);
        }
        part += (factor * factor / 64.0).ceil();
    }
}

fn split_error(variance: f64, part: f64, factor: f64) -> f64 {
    let rest = variance - part;
    let (mut each, mut constant) = (0.0, 0.0);
    for j in 1..factor as u32 {
        // 1 − cos α
        let drop = 2.0 * (std::f64::consts::PI * f64::from(j) / factor).sin().powi(2);
        let square = variance * variance - 2.0 * part * rest * drop;
        each += (-2.0 * part * rest * drop / (variance + square.sqrt())).exp();
        constant += (-rest * drop).exp();
    }
    let reach = (12.0 * variance.sqrt()).ceil();
    // Chernoff's bound
    let root = (reach * reach + variance * variance).sqrt();
    let beyond = 2.0 * (root - variance - reach * (reach / variance).asinh()).exp();
    1.001 * ((2.0 * reach + 1.0) * each + constant + beyond)
}

/// I_x(v) for x = 0 and, since both signs count, twice that for x = stride, 2·stride, …; in
/// proportion. By I_(x−1) = I_(x+1) + (2x/v)·I_x from far out inwards (Miller; Gautschi 1967, §3),
/// where it is stable.
pub(super) fn weights(variance: f64, stride: usize) -> Vec<Wide> {
    let (m, e) = decompose(variance);
    let mut weights = Vec::new();
    let (mut after, mut here) = (Wide::ZERO, Wide::UNIT.shifted(150));
    for x in (0..=last(variance)).rev() {
        if x % stride == 0 {
            weights.push(if x == 0 { here } else { here.times(2) });
        }
        let before = here.times(2 * x as u64).shifted(-e).divided(m).add(&after);
        (after, here) = (here, before);
    }
    weights.reverse();
    weights
}

/// Where the probability is 2^−200 of that of 0.
fn last(variance: f64) -> usize {
    let mut ratios = vec![0.0; (60.0 + 40.0 * variance.sqrt()) as usize];
    let mut ratio = 0.0;
    for x in (0..ratios.len()).rev() {
        // I_(x+1)/I_x
        ratio = 1.0 / (2.0 * (x + 1) as f64 / variance + ratio);
        ratios[x] = ratio;
    }
    let mut bits = 0.0;
    let far = |ratio: &f64| {
        bits -= ratio.log2();
        bits >= RANGE_BITS
    };
    ratios.iter().position(far).map_or(ratios.len(), |x| x + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_variances_are_refused() {
        for variance in [f64::NAN, -1.0, 0.0, 1e-4, 1e9, f64::INFINITY] {
            assert!(Skellam::new(variance).is_err(), "{variance}");
        }
    }

    #[test]
    fn errors_are_small_and_tables_short() {
        for variance in [0.001, 1.0, 2_025.0, 2_026.5, 1e4, 1e6, 3.3e7] {
            let skellam = Skellam::new(variance).unwrap();
            assert!(skellam.total_variation() <= 3.1 * TAIL, "{variance}");
        }
    }

    /// The composition against the distribution itself, number by number.
    #[test]
    fn parts_compose() {
        let (variance, factor) = (400.0, 3);
        let (part, error) = split(variance, f64::from(factor));
        let normal = |weights: Vec<Wide>| -> Vec<f64> {
            let whole = weights.iter().fold(Wide::ZERO, |sum, weight| sum.add(weight));
            let share = |weight: &Wide| weight.share(&whole) as f64 * 2f64.powi(-128);
            weights.iter().map(share).collect()
        };
        // of x, for weights of |x|
        let at = |shares: &[f64], x: i32| {
            let share = shares.get(x.unsigned_abs() as usize).copied().unwrap_or(0.0);
            if x == 0 { share } else { share / 2.0 }
        };
        let (low, whole) = (normal(weights(part, 1)), normal(weights(variance, 1)));
        let high = normal(weights(variance - part, factor as usize));
        assert!(error < TAIL);
        for x in [0, 1, 7, 20, 60, 110] {
            let found: f64 = (-90..=90).map(|y| at(&high, y) * at(&low, x - factor * y)).sum();
            assert!((found / at(&whole, x) - 1.0).abs() < 1e-11, "{x}");
        }
    }
}
