//! Poisson sampling, for add/remove neighbours.

use super::curve::{self, Cumulant};
use crate::account::release::Mechanism;
use crate::account::special::{ln_add, ln_binomials, ln_cdf, ln_sum};

/// Terms of the series of fractional orders. It converges geometrically beyond the order.
const TERMS: usize = 20_000;

/// Largest order whose sum is taken term by term; beyond, nothing is promised (infinite).
const LARGEST: f64 = 20_000.0;

/// The sampled Gaussian mechanism: Mironov, Talwar & Zhang (2019), sections 3.3. The divergence of
/// the mixture from the normal is the larger of the two directions (their theorem 5).
pub fn gaussian(rate: f64, sigma: f64, order: f64) -> f64 {
    if order > LARGEST {
        return f64::INFINITY;
    }
    let ln = if order.fract() == 0.0 {
        integer(rate, order as u32, |k| 0.5 * k * (k - 1.0) / sigma / sigma)
    } else {
        fractional(rate, sigma, order)
    };
    (ln / (order - 1.0)).max(0.0)
}

/// ln Σ C(a, k) (1−q)^(a−k) q^k e^{c(k)}.
fn integer(rate: f64, order: u32, cumulant: impl Fn(f64) -> f64) -> f64 {
    let binomials = ln_binomials(order);
    let (ln_q, ln_rest) = (rate.ln(), (-rate).ln_1p());
    // The terms without cumulants sum to 1: only what exceeds them is summed, so that tiny rates
    // do not drown in rounding.
    let terms: Vec<f64> = (2..=order)
        .filter_map(|k| {
            let c = cumulant(f64::from(k));
            let ln_excess = if c > 30.0 { c } else { c.exp_m1().ln() };
            let ln = binomials[k as usize]
                + f64::from(k) * ln_q
                + f64::from(order - k) * ln_rest
                + ln_excess;
            (c > 0.0).then_some(ln)
        })
        .collect();
    let ln_excess = ln_sum(&terms);
    if ln_excess < 30.0 { ln_excess.exp().ln_1p() } else { ln_excess }
}

/// The two series, over (−∞, z₀] and [z₀, ∞). Terms beyond the order alternate in sign; positive
/// and negative ones are summed apart.
fn fractional(rate: f64, sigma: f64, order: f64) -> f64 {
    let (ln_q, ln_rest) = (rate.ln(), (-rate).ln_1p());
    let z0 = sigma * sigma * (ln_rest - ln_q) + 0.5;
    let mut sums = [f64::NEG_INFINITY; 2];
    let (mut ln_binomial, mut negative) = (0.0f64, false);
    let mut last = f64::INFINITY;
    for k in 0..TERMS {
        let i = k as f64;
        let j = order - i;
        let below =
            i * ln_q + j * ln_rest + 0.5 * i * (i - 1.0) / sigma / sigma + ln_cdf((z0 - i) / sigma);
        let above =
            j * ln_q + i * ln_rest + 0.5 * j * (j - 1.0) / sigma / sigma + ln_cdf((j - z0) / sigma);
        let term = ln_binomial + ln_add(below, above);
        sums[usize::from(negative)] = ln_add(sums[usize::from(negative)], term);
        if i > order && term < last && term < sums[0] - 40.0 {
            let [positive, negative] = sums;
            return positive + (-(negative - positive).exp()).ln_1p();
        }
        last = term;
        let factor = j / (i + 1.0);
        ln_binomial += factor.abs().ln();
        negative ^= factor < 0.0;
    }
    f64::INFINITY
}

/// Any mechanism with a Rényi curve: Zhu & Wang (2019), theorem 5.
pub struct Amplified {
    /// Sampling rate.
    pub rate: f64,
    /// What is amplified.
    pub mechanism: Mechanism,
}

impl Cumulant for Amplified {
    fn at(&self, order: u32) -> f64 {
        if f64::from(order) > LARGEST {
            return f64::INFINITY;
        }
        let cumulant = |k: f64| (k - 1.0) * curve::full(&self.mechanism, k);
        let (ln_q, ln_rest) = (self.rate.ln(), (-self.rate).ln_1p());
        let binomials = ln_binomials(order);
        let a = f64::from(order);
        let mut terms = vec![(a - 1.0) * ln_rest + (a * self.rate - self.rate).ln_1p()];
        terms.extend((2..=order).map(|l| {
            let k = f64::from(l);
            // Odd moments of the ratio may be negative; 3 makes up for them.
            let factor = if l == 2 { 0.0 } else { 3f64.ln() };
            factor + binomials[l as usize] + k * ln_q + (a - k) * ln_rest + cumulant(k)
        }));
        // Sampling never costs more than taking everybody.
        ln_sum(&terms).min(cumulant(a)).max(0.0)
    }
}
