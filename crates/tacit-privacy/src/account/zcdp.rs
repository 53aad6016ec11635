//! Zero-concentrated differential privacy (Bun & Steinke 2016): releases are ρ-zCDP, and ρ adds
//! up. Sampling amplifies nothing here.

use super::convert;
use super::error::{AccountError, check_delta, check_epsilon};
use super::release::{Composed, Mechanism, Release};

/// Adds up ρ.
///
/// ```
/// use tacit_privacy::account::{Mechanism, Release, Sampling, Zcdp};
/// let noise = Mechanism::Concentrated { rho: 0.01 };
/// let mut spent = Zcdp::new();
/// spent.compose(Release::new(noise, Sampling::None), 10)?;
/// assert!((spent.epsilon(1e-5)? - 1.9142).abs() < 1e-3);
/// # Ok::<(), tacit_privacy::account::AccountError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Zcdp {
    rho: f64,
    composed: Composed,
}

impl Zcdp {
    /// Nothing released yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `times` such releases.
    pub fn compose(&mut self, release: Release, times: u64) -> Result<(), AccountError> {
        release.check()?;
        let rho = rho(&release)?;
        self.composed.add(&release, times)?;
        self.rho += rho * times as f64;
        Ok(())
    }

    /// What was spent.
    pub fn rho(&self) -> f64 {
        self.rho
    }

    /// An upper bound of ε at `delta`.
    pub fn epsilon(&self, delta: f64) -> Result<f64, AccountError> {
        check_delta(delta)?;
        Ok(self.composed.fold(delta, |delta| self.exact_epsilon(delta)))
    }

    /// An upper bound of δ at `epsilon`.
    pub fn delta(&self, epsilon: f64) -> Result<f64, AccountError> {
        check_epsilon(epsilon)?;
        let bound = |ln: f64| {
            let order = 1.0 + ln.exp();
            convert::delta_at(order, self.rho * order, epsilon)
        };
        Ok((least(bound) + self.composed.slack(epsilon)).min(1.0))
    }

    fn exact_epsilon(&self, delta: f64) -> f64 {
        if self.rho == 0.0 {
            return 0.0;
        }
        least(|ln| {
            let order = 1.0 + ln.exp();
            convert::epsilon_at(order, self.rho * order, delta)
        })
    }
}

/// ρ of one release.
fn rho(release: &Release) -> Result<f64, AccountError> {
    let refuse =
        |release, instead| Err(AccountError::Unsupported { accountant: "zcdp", release, instead });
    if !release.is_full() {
        return refuse("a sampled cohort", &["rdp", "pld"]);
    }
    match release.mechanism {
        // Bun & Steinke, proposition 6.
        Mechanism::Gaussian { noise_multiplier } => Ok(0.5 / noise_multiplier / noise_multiplier),
        Mechanism::Laplace { scale } => Ok(of_pure(1.0 / scale)),
        Mechanism::Pure { epsilon } => Ok(of_pure(epsilon)),
        Mechanism::Concentrated { rho } => Ok(rho),
        Mechanism::Skellam { .. } => refuse("Skellam noise", &["rdp"]),
    }
}

/// ε-differential privacy is ε·tanh(ε/2)-zCDP: the divergence of randomised response over its
/// order is largest at order 1. Never more than the ε²/2 of Bun & Steinke, proposition 3.
fn of_pure(epsilon: f64) -> f64 {
    epsilon * (0.5 * epsilon).tanh()
}

/// The least value of a bound over orders 1 + e^x: any order is sound, so the search need not be
/// exact. A coarse pass finds the valley, golden section its floor.
fn least(bound: impl Fn(f64) -> f64) -> f64 {
    let (mut best, mut at) = (f64::INFINITY, 0.0);
    for step in -60..=120 {
        let x = f64::from(step) * 0.25;
        let value = bound(x);
        if value < best {
            (best, at) = (value, x);
        }
    }
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (at - 0.25, at + 0.25);
    for _ in 0..60 {
        let (a, b) = (high - ratio * (high - low), low + ratio * (high - low));
        if bound(a) < bound(b) { high = b } else { low = a }
    }
    best.min(bound(0.5 * (low + high)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Sampling;

    fn full(mechanism: Mechanism) -> Release {
        Release::new(mechanism, Sampling::None)
    }

    #[test]
    fn pure_privacy_is_concentrated_at_every_order() {
        for epsilon in [0.01f64, 0.5, 1.0, 3.0, 10.0] {
            let p = 1.0 / (1.0 + (-epsilon).exp());
            for order in [1.001, 1.1, 1.5, 2.0, 5.0, 30.0] {
                let ln = |a: f64, b: f64| (a * p.ln() + b * (-p).ln_1p()).exp();
                let sum = ln(order, 1.0 - order) + ln(1.0 - order, order);
                let divergence = sum.ln() / (order - 1.0);
                assert!(divergence <= of_pure(epsilon) * order * (1.0 + 1e-6), "{epsilon} {order}");
            }
        }
    }

    #[test]
    fn both_ways_agree() {
        let mut spent = Zcdp::new();
        spent.compose(full(Mechanism::Gaussian { noise_multiplier: 5.0 }), 10).unwrap();
        assert!((spent.rho() - 0.2).abs() < 1e-12);
        let epsilon = spent.epsilon(1e-6).unwrap();
        assert!((spent.delta(epsilon).unwrap() / 1e-6 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn inexact_samplers_cost_delta() {
        let mut spent = Zcdp::new();
        let noise = Mechanism::Concentrated { rho: 0.1 };
        let release = Release { total_variation: 1e-11, ..full(noise) };
        spent.compose(release, 10).unwrap();
        let epsilon = spent.epsilon(1e-5).unwrap();
        assert!(spent.delta(epsilon).unwrap() <= 1e-5 * (1.0 + 1e-9));
        let mut exact = Zcdp::new();
        exact.compose(full(noise), 10).unwrap();
        assert!(epsilon > exact.epsilon(1e-5).unwrap());
        assert_eq!(spent.epsilon(1e-10).unwrap(), f64::INFINITY);
    }

    #[test]
    fn sampling_and_skellam_are_refused() {
        let mut spent = Zcdp::new();
        let skellam = Mechanism::Skellam { l1: 1.0, l2: 1.0, mu: 10.0 };
        let sampled = Release::new(
            Mechanism::Gaussian { noise_multiplier: 1.0 },
            Sampling::Poisson { rate: 0.1 },
        );
        for release in [full(skellam), sampled] {
            let refused = spent.compose(release, 1);
            assert!(matches!(refused, Err(AccountError::Unsupported { .. })));
        }
        assert_eq!(spent.rho(), 0.0);
    }
}
