//! Distributed discrete Gaussian noise (Kairouz, Liu & Steinke 2021): each participant adds a
//! share, and the sum of the shares of the fewest honest contributions is what the account states.
//! Fewer contributions than `cohort.minimum` release nothing.
//!
//! A sum of n discrete Gaussians of σ ≥ ½ is not one itself. Proposition 14: its Rényi divergence
//! of order α is at most min(α·r²/2 + τ·d, α·(r + τ·√d)²/2) with r = Δ₂/(√n·σ) and
//! τ = 10·Σ_{k=1}^{n−1} exp(−2π²σ²·k/(k+1)). For all α ≥ 1 both are at most α·ε²/2, which is
//! ½ε²-concentrated privacy, with ε = min(√(r² + 2·τ·d), r + τ·√d).

use super::in_shares::{InShares, Share};
use super::shares::{PARAMETERS, Shares};
use crate::noise::{DiscreteGaussian, Stream};
use tacit_core::error::Error;
use tacit_core::evidence::Noise;
use tacit_core::registry::{Entry, Make};

pub(super) const ENTRY: Entry = Entry {
    name: "discrete-gaussian",
    help: "discrete Gaussian noise in shares of each participant (Kairouz et al. 2021)",
    parameters: PARAMETERS,
    make: Make::Mechanism(InShares::<DiscreteGaussian>::boxed),
};

/// Smallest σ of a share, in units of the integers, for which the bound is proved.
const LEAST_SIGMA: f64 = 0.5;

/// τ: how far a sum of `count` discrete Gaussians is from one.
fn sum_is_off(sigma: f64, count: usize) -> f64 {
    let exponent = -2.0 * std::f64::consts::PI.powi(2) * sigma * sigma;
    // From k/(k+1) = ½ on; terms beyond a thousand are all below the one before.
    let term = |k: usize| (exponent * k as f64 / (k as f64 + 1.0)).exp();
    let shown = count.saturating_sub(1).min(1_000);
    let rest = count.saturating_sub(1) - shown;
    10.0 * ((1..=shown).map(term).sum::<f64>() + rest as f64 * term(shown.max(1)))
}

impl Share for DiscreteGaussian {
    fn new(sigma: f64) -> Result<Self, Error> {
        if sigma < LEAST_SIGMA {
            let found = sigma.to_string();
            return Err(Error::caller("standard deviation of a share", "at least 0.5", found));
        }
        DiscreteGaussian::new(sigma)
    }

    fn fill(&self, out: &mut [i64], stream: &mut Stream) {
        self.fill(out, stream);
    }

    fn total_variation(&self) -> f64 {
        self.total_variation()
    }

    fn stated(&self, shares: &Shares) -> Result<Noise, Error> {
        let (len, tau) = (shares.len as f64, sum_is_off(shares.sigma, shares.honest));
        let ratio = shares.norm_l2 / (shares.sigma * (shares.honest as f64).sqrt());
        let epsilon = (ratio * ratio + 2.0 * tau * len).sqrt().min(ratio + tau * len.sqrt());
        Ok(Noise::Concentrated { rho: epsilon * epsilon / 2.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_wide_noises_is_hardly_off() {
        assert!(sum_is_off(4.0, 50) < 1e-60);
        assert_eq!(sum_is_off(0.5, 1), 0.0);
        // By hand: n = 2, σ = ½: 10·exp(−2π²/4 · ½).
        assert!((sum_is_off(0.5, 2) - 10.0 * (-2.467_401_1f64).exp()).abs() < 1e-6);
        assert!(sum_is_off(0.5, 5_000) > sum_is_off(0.5, 1_001));
    }
}
