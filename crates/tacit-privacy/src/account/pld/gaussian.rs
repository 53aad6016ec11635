//! Gaussian noise without sampling, in closed form: compositions are one Gaussian of
//! μ² = Σ 1/σ² (Balle & Wang 2018, theorem 8; Dong, Roth & Su 2022).

use crate::account::special::{ln_density, mills};

/// δ(ε) = Φ(μ/2 − ε/μ) − e^ε Φ(−μ/2 − ε/μ).
pub fn delta(mu: f64, epsilon: f64) -> f64 {
    // φ(b) = e^ε·φ(a), so that one density is enough, and nothing overflows.
    let (a, b) = (epsilon / mu - 0.5 * mu, epsilon / mu + 0.5 * mu);
    if a < -5.0 {
        // Mills' ratio at a would be huge; the second term is far below 1.
        let first = 0.5 * libm::erfc(a * std::f64::consts::FRAC_1_SQRT_2);
        return first - (ln_density(a) + mills(b).ln()).exp();
    }
    ln_density(a).exp() * (mills(a) - mills(b))
}

/// The ε of `delta`, to within rounding.
pub fn epsilon(mu: f64, target: f64) -> f64 {
    if delta(mu, 0.0) <= target {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1.0f64.max(mu * mu));
    while delta(mu, high) > target && high < 1e300 {
        high *= 2.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if delta(mu, middle) > target { low = middle } else { high = middle }
    }
    high
}

/// Relative error of [`delta`]: of two Mills' ratios whose difference is about μ of them, and of
/// the exponent's rounding.
pub fn slack(mu: f64, epsilon: f64) -> f64 {
    let a = (epsilon / mu).abs() + mu;
    1e-13 * (1.0 + 1.0 / mu) + 4.0 * f64::EPSILON * a * a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree() {
        for (mu, target) in [(0.01, 1e-6), (1.0, 1e-5), (10.0, 1e-5), (100.0, 1e-10), (1e-3, 1e-9)]
        {
            let found = epsilon(mu, target);
            assert!((delta(mu, found) / target - 1.0).abs() < 1e-8, "{mu} {target}");
        }
        // Hundred releases at σ = 1 (dp-accounting: 91.81729).
        assert!((epsilon(10.0, 1e-5) - 91.8173).abs() < 1e-4);
    }
}
