//! Special functions of the normal distribution, and sums of exponentials.

use std::f64::consts::FRAC_1_SQRT_2;

/// ln √(2π).
const LN_SQRT_2PI: f64 = 0.918_938_533_204_672_8;

/// Mills' ratio (1 − Φ(x)) / φ(x), to about 10⁻¹⁴ of itself; overflows below −38.
pub fn mills(x: f64) -> f64 {
    if x < 5.0 {
        return libm::erfc(x * FRAC_1_SQRT_2) * 0.5 * (0.5 * x * x + LN_SQRT_2PI).exp();
    }
    // Laplace's continued fraction 1/(x + 1/(x + 2/(x + 3/(x + …)))), from its far end: 60 terms
    // leave less than 10⁻¹⁶ from x = 5 on.
    let tail = (1..=60).rev().fold(x, |below, k| x + f64::from(k) / below);
    1.0 / tail
}

/// ln Φ(x).
pub fn ln_cdf(x: f64) -> f64 {
    if x > 0.0 {
        return (-0.5 * libm::erfc(x * FRAC_1_SQRT_2)).ln_1p();
    }
    mills(-x).ln() - 0.5 * x * x - LN_SQRT_2PI
}

/// ln of the standard normal density.
pub fn ln_density(x: f64) -> f64 {
    -0.5 * x * x - LN_SQRT_2PI
}

/// ln(e^a + e^b).
pub fn ln_add(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY || high == f64::INFINITY {
        return high;
    }
    high + (low - high).exp().ln_1p()
}

/// ln Σ e^x.
pub fn ln_sum(terms: &[f64]) -> f64 {
    let high = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !high.is_finite() {
        return high;
    }
    high + terms.iter().map(|x| (x - high).exp()).sum::<f64>().ln()
}

/// ln of the binomial coefficients of an integer `n` over 0, 1, …, n.
pub fn ln_binomials(n: u32) -> Vec<f64> {
    let mut all = vec![0.0; n as usize + 1];
    for k in 1..=n as usize {
        all[k] = all[k - 1] + (f64::from(n) + 1.0 - k as f64).ln() - (k as f64).ln();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_functions_have_their_known_values() {
        // From mpmath with 30 digits.
        let mills_known = [
            (0.0, 1.253_314_137_315_500_3),
            (5.0, 0.192_808_104_715_315_76),
            (30.0, 0.033_296_417),
        ];
        for (x, value) in mills_known {
            assert!((mills(x) / value - 1.0).abs() < 1e-7, "{x}: {}", mills(x));
        }
        let below = 5.0 - 1e-9;
        assert!((mills(below) / mills(5.0) - 1.0).abs() < 1e-8);
        assert!((ln_cdf(-40.0) + 804.608_442_013_754).abs() < 1e-9, "{}", ln_cdf(-40.0));
        assert!((ln_cdf(1.0) - 0.841_344_746_068_542_9_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn binomials_are_pascals() {
        let row: Vec<f64> = ln_binomials(5).iter().map(|x| x.exp().round()).collect();
        assert_eq!(row, [1.0, 5.0, 10.0, 10.0, 5.0, 1.0]);
    }
}
