//! Cohorts of a fixed size without replacement, for replace-one neighbours: Wang, Balle &
//! Kasiviswanathan (2019), theorem 9; for Gaussian noise its tighter form, theorem 27.

use super::curve::{self, Cumulant};
use crate::account::release::Mechanism;
use crate::account::special::{ln_add, ln_binomials, ln_density, ln_sum};

/// Largest order for which the tighter form is computed, and largest order at all.
const LARGEST: [u32; 2] = [256, 20_000];

pub struct Amplified {
    rate: f64,
    mechanism: Mechanism,
    /// ln E_Q[(P/Q − 1)^l] of even l, Gaussian noise only.
    moments: Vec<f64>,
}

impl Amplified {
    pub fn new(rate: f64, mechanism: Mechanism, orders: &[f64]) -> Self {
        let last = orders.last().copied().unwrap_or(1.0).ceil() as u32;
        let moments = match mechanism {
            Mechanism::Gaussian { noise_multiplier } => {
                let last = last.min(LARGEST[0]) + 1;
                (0..=last).step_by(2).map(|l| ln_moment(l, noise_multiplier)).collect()
            }
            _ => Vec::new(),
        };
        Self { rate, mechanism, moments }
    }

    /// ln of the factor of γ^j C(a, j) in the sum.
    fn factor(&self, j: u32, order: u32) -> f64 {
        let cumulant = |k: u32| f64::from(k - 1) * curve::full(&self.mechanism, f64::from(k));
        let ln_largest = pure_epsilon(&self.mechanism).map(|e| j as f64 * ln_exp_m1(e));
        let general = cumulant(j) + ln_largest.unwrap_or(f64::INFINITY).min(2f64.ln());
        if j == 2 {
            return general.min(4f64.ln() + ln_exp_m1(cumulant(2)));
        }
        if self.moments.is_empty() || order > LARGEST[0] {
            return general;
        }
        let (low, high) = (j as usize / 2, j.div_ceil(2) as usize);
        general.min(4f64.ln() + 0.5 * (self.moments[low] + self.moments[high]))
    }
}

impl Cumulant for Amplified {
    fn at(&self, order: u32) -> f64 {
        if order > LARGEST[1] {
            return f64::INFINITY;
        }
        let binomials = ln_binomials(order);
        let ln_q = self.rate.ln();
        let term = |j| f64::from(j) * ln_q + binomials[j as usize] + self.factor(j, order);
        let ln_excess = ln_sum(&(2..=order).map(term).collect::<Vec<f64>>());
        let bound = ln_add(0.0, ln_excess);
        // Sampling never costs more than taking everybody.
        bound.min(f64::from(order - 1) * curve::full(&self.mechanism, f64::from(order)))
    }
}

fn pure_epsilon(mechanism: &Mechanism) -> Option<f64> {
    match *mechanism {
        Mechanism::Laplace { scale } => Some(1.0 / scale),
        Mechanism::Pure { epsilon } => Some(epsilon),
        _ => None,
    }
}

/// ln(e^x − 1).
fn ln_exp_m1(x: f64) -> f64 {
    if x > 30.0 { x } else { x.exp_m1().ln() }
}

/// ln E[(e^z − 1)^l] for even l, z = u/σ − 1/(2σ²), u standard normal: by the trapezoidal rule,
/// which is exact to rounding for such sums of Gaussians. (Differences of the e^{cumulant}, as the
/// paper has it, cancel.) Infinite where e^z is so large that the −1 hardly matters: the general
/// bound is better there.
fn ln_moment(l: u32, sigma: f64) -> f64 {
    let l = f64::from(l);
    let peak = (l - 0.5) / sigma / sigma;
    if l * (-peak).exp() < 0.1 && l > 0.0 {
        return f64::INFINITY;
    }
    let step = 0.2;
    let (first, last) = (-14.0, l / sigma + 14.0);
    let count = ((last - first) / step) as usize;
    let terms: Vec<f64> = (0..=count)
        .map(|k| {
            let u = first + k as f64 * step;
            let z = u / sigma - 0.5 / sigma / sigma;
            let ln_power = if l == 0.0 { 0.0 } else { l * z.exp_m1().abs().ln() };
            ln_power + ln_density(u) + step.ln()
        })
        .collect();
    ln_sum(&terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_the_binomial_sums() {
        // σ = 1: e − 1; and Σ C(4, k) (−1)^(4−k) e^{k(k−1)/2} = 1 − 4 + 6e − 4e³ + e⁶.
        assert!((ln_moment(2, 1.0).exp() - 1.718_281_828_459).abs() < 1e-9);
        let e = std::f64::consts::E;
        let fourth = -3.0 + 6.0 * e - 4.0 * e.powi(3) + e.powi(6);
        assert!(
            (ln_moment(4, 2.0f64.sqrt()) - {
                let e = e.sqrt();
                (-3.0 + 6.0 * e - 4.0 * e.powi(3) + e.powi(6)).ln()
            })
            .abs()
                < 1e-9
        );
        let found = ln_moment(4, 1.0);
        assert!(found == f64::INFINITY || (found - fourth.ln()).abs() < 1e-9);
        assert!(ln_moment(0, 1.0).abs() < 1e-12);
    }

    #[test]
    fn everybody_is_the_limit() {
        let mechanism = Mechanism::Gaussian { noise_multiplier: 2.0 };
        let orders = [2.0, 8.0];
        let at = Amplified::new(1.0, mechanism, &orders).at(8);
        assert!(at <= 7.0 * curve::full(&mechanism, 8.0) * (1.0 + 1e-12));
    }
}
