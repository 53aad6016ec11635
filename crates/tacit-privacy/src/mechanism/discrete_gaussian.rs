//! Distributed discrete Gaussian noise (Kairouz, Liu & Steinke 2021): each participant adds a
//! share, and the sum of the shares of the fewest honest contributions is what the account states.
//! Fewer contributions than `cohort.minimum` release nothing.
//!
//! A sum of n discrete Gaussians of σ ≥ ½ is not one itself. Proposition 14: its Rényi divergence
//! of order α is at most min(α·r²/2 + τ·d, α·(r + τ·√d)²/2) with r = Δ₂/(√n·σ) and
//! τ = 10·Σ_{k=1}^{n−1} exp(−2π²σ²·k/(k+1)). For all α ≥ 1 both are at most α·ε²/2, which is
//! ½ε²-concentrated privacy, with ε = min(√(r² + 2·τ·d), r + τ·√d).

use super::shares::{PARAMETERS, Shares};
use crate::noise::{DiscreteGaussian, Stream};
use tacit_core::bound::Bound;
use tacit_core::error::Error;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::registry::{Entry, Make};
use tacit_core::traits::{Calibration, Entropy, Mechanism, Opened, Party};

pub(super) const ENTRY: Entry = Entry {
    name: "discrete-gaussian",
    help: "discrete Gaussian noise in shares of each participant (Kairouz et al. 2021)",
    parameters: PARAMETERS,
    make: Make::Mechanism(|arguments| {
        Ok(Box::new(Distributed {
            noise_multiplier: arguments.number("noise_multiplier")?,
            bits: arguments.integer("bits")? as u32,
        }))
    }),
};

/// See the module.
struct Distributed {
    noise_multiplier: f64,
    bits: u32,
}

impl Distributed {
    fn shares(&self, of: &Calibration) -> Result<Shares, Error> {
        Shares::new(of, self.noise_multiplier, self.bits)
    }
}

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

impl Mechanism for Distributed {
    fn by(&self) -> Party {
        Party::Cohort
    }

    fn discrete(&self) -> bool {
        true
    }

    fn cost(&self, of: &Calibration) -> Result<Cost, Error> {
        let shares = self.shares(of)?;
        shares.check_sum(of)?;
        if shares.sigma < LEAST_SIGMA {
            let found = shares.sigma.to_string();
            return Err(Error::caller("standard deviation of a share", "at least 0.5", found));
        }
        let noise = DiscreteGaussian::new(shares.sigma)?;
        let (len, tau) = (shares.len as f64, sum_is_off(shares.sigma, shares.honest));
        let ratio = shares.norm_l2 / (shares.sigma * (shares.honest as f64).sqrt());
        let epsilon = (ratio * ratio + 2.0 * tau * len).sqrt().min(ratio + tau * len.sqrt());
        let samples = len * of.largest as f64;
        Ok(Cost::Bounded {
            noise: Noise::Concentrated { rho: epsilon * epsilon / 2.0 },
            total_variation: (samples * noise.total_variation()).min(1.0),
        })
    }

    fn share(
        &self,
        of: &Calibration,
        values: &mut Vec<f32>,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        let shares = self.shares(of)?;
        let noise = DiscreteGaussian::new(shares.sigma)?;
        let stream = &mut Stream::from_entropy(entropy)?;
        shares.encode(of, values, stream, |out, stream| noise.fill(out, stream))
    }

    fn sent(&self, of: &Calibration) -> (usize, Bound) {
        let bound = self.shares(of).map_or(Bound::None, |shares| shares.sent());
        (of.len.next_power_of_two(), bound)
    }

    fn open(
        &self,
        of: &Calibration,
        opened: &mut Opened,
        _: &mut dyn Entropy,
    ) -> Result<(), Error> {
        self.shares(of)?.decode(of, &mut opened.values)
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
