//! The discrete Gaussian over the integers: P(x) ∝ exp(−x²/2σ²).
//!
//! Up to σ of 49 a sample is one look-up in a table. Above, x = k·x₁ + x₂ of a wider x₁ and
//! a narrow x₂ (Micciancio & Walter 2017, §3; Peikert 2010, theorem 3.1), again and again, with
//! one table for all parts. The variances add up to σ² *exactly*: the table's own variance,
//! σ²/Σcᵢ² for the parts' coefficients cᵢ, enters its computation as a fraction.
//!
//! # Error of a step
//!
//! Let x₁ and x₂ have widths σ₁ and σ₂, and w² = k²σ₁² + σ₂². Completing the square,
//! P(x) ∝ exp(−x²/2w²) · Σ_{y ∈ ℤ + c} exp(−y²/2τ²) with τ = σ₁σ₂/w and some c that depends on x.
//! By Poisson's summation the sum is τ√2π·(1 + 2Σ_{n≥1} exp(−2π²τ²n²)·cos(2πnc)): within a factor
//! of 1 ± ε of a constant, ε = 2·exp(−2π²τ²)·(1 + 10⁻¹⁰) for τ ≥ 1. So the total variation to the
//! ideal is at most ε/(1 − ε); steps add up.

use super::lookup::{Target, words_for};
use super::stream::Stream;
use super::table::{TAIL, Table};
use super::wide::{Wide, decompose};
use tacit_core::error::Error;
use zeroize::Zeroizing;

/// Narrowest distribution: below, nothing but 0 has a chance worth a sampler.
const MIN_SIGMA: f64 = 0.25;

/// Widest distribution: a sample stays below 2⁵³.
const MAX_SIGMA: f64 = (1u64 << 40) as f64;

/// Largest σ of one table: 512 numbers reach to where less than 2⁻⁸⁰ remains.
const MAX_TABLE_SIGMA: f64 = 49.0;

/// Samples that are made at a time, so that they stay in the innermost cache.
const BLOCK: usize = 1_024;

/// Samples of the discrete Gaussian distribution over the integers.
pub struct DiscreteGaussian {
    sigma: f64,
    table: Table,
    /// Factors k of the steps, from the widest part on.
    factors: Vec<i64>,
    total_variation: f64,
}

impl DiscreteGaussian {
    /// P(x) ∝ exp(−x²/2σ²) for σ from 0.25 to 2⁴⁰.
    pub fn new(sigma: f64) -> Result<Self, Error> {
        if !(MIN_SIGMA..=MAX_SIGMA).contains(&sigma) {
            let expected = format!("a number from {MIN_SIGMA} to {MAX_SIGMA}");
            return Err(Error::caller("sigma", expected, sigma.to_string()));
        }
        let Composition { factors, squares, error } = Composition::of(sigma);
        let table =
            Table::new(&weights(sigma, squares)).ok_or(Error::Bug("table of a Gaussian"))?;
        let total_variation = (factors.len() + 1) as f64 * table.total_variation() + error;
        Ok(Self { sigma, table, factors, total_variation })
    }

    /// σ; the variance differs from σ² by less than a factor of 1 + 10⁻⁵ where σ ≥ 0.8, and is
    /// smaller below.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// Bound of the total variation between a sample and the ideal distribution.
    pub fn total_variation(&self) -> f64 {
        self.total_variation
    }

    /// Largest magnitude of a sample.
    pub fn max(&self) -> i64 {
        let top = self.table.max() as i64;
        self.factors.iter().fold(top, |max, k| k * max + top)
    }

    /// Fills `out` with independent samples.
    pub fn fill(&self, out: &mut [i64], stream: &mut Stream) {
        let mut scratch = Scratch::new();
        for block in out.chunks_mut(BLOCK) {
            block.fill(0);
            for factor in [0].iter().chain(&self.factors) {
                scratch.add_signed(&self.table, *factor, block, stream);
            }
        }
    }

    /// The same with another table, to see whether tests notice.
    #[cfg(test)]
    pub(super) fn altered(&self, alter: impl FnOnce(&mut Vec<u128>)) -> Self {
        let table = self.table.altered(alter);
        Self { table, factors: self.factors.clone(), ..*self }
    }
}

/// Random words of one block; erased when dropped.
pub(super) struct Scratch(Zeroizing<Vec<u64>>);

impl Scratch {
    /// Most values of one call.
    pub(super) const LEN: usize = BLOCK;

    pub(super) fn new() -> Self {
        Self(Zeroizing::new(vec![0; words_for(BLOCK)]))
    }

    /// `block = factor · block + sample`.
    pub(super) fn add(
        &mut self,
        table: &Table,
        factor: i64,
        block: &mut [i64],
        stream: &mut Stream,
    ) {
        self.draw(table, Target { signed: false, factor, out: block }, stream);
    }

    /// The same with random signs.
    pub(super) fn add_signed(
        &mut self,
        table: &Table,
        factor: i64,
        block: &mut [i64],
        stream: &mut Stream,
    ) {
        self.draw(table, Target { signed: true, factor, out: block }, stream);
    }

    fn draw(&mut self, table: &Table, target: Target<'_>, stream: &mut Stream) {
        let words = &mut self.0[..words_for(target.out.len())];
        stream.fill(words);
        table.add(words, target, stream);
    }
}

/// exp(−x²·squares/2σ²) for x = 0 and, since both signs count, twice that for x = 1, 2, …
pub(super) fn weights(sigma: f64, squares: u128) -> Vec<Wide> {
    let (m, e) = decompose(sigma);
    let exponent = Wide::ratio(squares, u128::from(m) * u128::from(m), -2 * e - 1);
    // exp(−(x+1)²a) = exp(−x²a) · exp(−(2x+1)a)
    let mut step = exponent.exp_of_minus();
    let step_of_step = step.mul(&step);
    let (mut density, mut weights) = (step, vec![Wide::ONE]);
    while !density.is_zero() {
        weights.push(density.times(2));
        step = step.mul(&step_of_step);
        density = density.mul(&step);
    }
    weights
}

/// How a wide distribution is put together.
struct Composition {
    factors: Vec<i64>,
    /// Σcᵢ² of the parts' coefficients.
    squares: u128,
    /// Total variation that the steps cost.
    error: f64,
}

impl Composition {
    /// The cheapest whose table fits and whose steps cost less than a table's tail each: some
    /// steps by k, the others by k + 1.
    fn of(sigma: f64) -> Self {
        let mut best = Self { factors: Vec::new(), squares: 1, error: 0.0 };
        if sigma <= MAX_TABLE_SIGMA {
            return best;
        }
        let mut least = f64::INFINITY;
        for steps in 1..12 {
            for k in 2..=30 {
                for larger in 0..steps {
                    let factor = |i| if i < larger { k + 1 } else { k };
                    let tried = Self::with((0..steps).map(factor).collect(), sigma);
                    let Some((composition, table_sigma)) = tried else { continue };
                    let cost = (steps + 1) as f64 * cost(table_sigma);
                    if cost < least {
                        (least, best) = (cost, composition);
                    }
                }
            }
        }
        best
    }

    /// The composition by these factors and its table's σ, if they will do.
    fn with(factors: Vec<i64>, sigma: f64) -> Option<(Self, f64)> {
        let mut squares = 1.0;
        let (mut coefficient, mut exact) = (1u128, 1u128);
        for &k in factors.iter().rev() {
            coefficient *= k as u128;
            exact = coefficient.checked_mul(coefficient)?.checked_add(exact)?;
        }
        let table_sigma = sigma / (exact as f64).sqrt();
        if table_sigma > MAX_TABLE_SIGMA {
            return None;
        }
        let mut error = 0.0;
        for &k in &factors {
            // squares: variance of the part so far, in units of the table's
            let next = (k * k) as f64 * squares + 1.0;
            let step = smoothing_error(table_sigma * table_sigma * squares / next);
            if step > TAIL {
                return None;
            }
            error += step;
            squares = next;
        }
        Some((Self { factors, squares: exact, error }, table_sigma))
    }
}

/// ε/(1 − ε) of a step, see above, for τ².
fn smoothing_error(tau_squared: f64) -> f64 {
    let pi = std::f64::consts::PI;
    let epsilon = 2.000_001 * (-2.0 * pi * pi * tau_squared).exp();
    if tau_squared < 1.0 { 1.0 } else { epsilon / (1.0 - epsilon) }
}

/// Time of one look-up as measured, in arbitrary units, by bins; random bits included.
fn cost(table_sigma: f64) -> f64 {
    match table_sigma * 10.4 {
        ..63.0 => 1.0,
        ..127.0 => 1.2,
        ..255.0 => 1.6,
        _ => 2.4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_sigmas_are_refused() {
        for sigma in [f64::NAN, -1.0, 0.0, 0.2, 2e12, f64::INFINITY] {
            let error = DiscreteGaussian::new(sigma).err().unwrap().to_string();
            assert!(error.starts_with("sigma: expected a number from 0.25"), "{error}");
        }
    }

    #[test]
    fn every_sigma_has_a_sampler_with_a_small_error() {
        let mut sigma = 0.25;
        while sigma < MAX_SIGMA {
            let sampler = DiscreteGaussian::new(sigma).unwrap();
            let bound = (2 * sampler.factors.len() + 1) as f64 * 1.001 * TAIL;
            assert!(sampler.total_variation() <= bound, "{sigma}");
            assert!((sampler.max() + 1) as f64 > 10.0 * sigma, "{sigma}");
            sigma *= 1.37;
        }
    }

    /// Variances of the parts add up to σ².
    #[test]
    fn parts_compose_to_sigma() {
        for sigma in [50.0, 1e3, 1048576.0, 3e9, 1e12] {
            let Composition { factors, squares, .. } = Composition::of(sigma);
            let sum = factors.iter().fold(1.0, |sum, &k| (k * k) as f64 * sum + 1.0);
            assert!((sum / squares as f64 - 1.0).abs() < 1e-12, "{sigma}");
        }
    }
}
