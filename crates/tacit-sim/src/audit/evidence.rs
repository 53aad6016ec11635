//! How likely what an auditor sees is with a canary, against without it.

use super::one_run::{Canaries, replaced};
use std::sync::Arc;
use tacit_core::error::Error;
use tacit_core::evidence::{Clipped, Cost, Noise};
use tacit_core::params::{Layout, Update};
use tacit_core::plan::Plan;
use tacit_core::traits::Party;

/// Likelihoods of one value of a release in which a canary is, which moves it by 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// What a canary moves its value by, after clipping, in a sum.
    moved: f64,
    density: Density,
    /// Probability with which it is in the cohort.
    rate: f64,
    replaced: bool,
}

#[derive(Clone, Copy, Debug)]
enum Density {
    Gaussian { deviation: f64 },
    Laplace { scale: f64 },
}

impl Density {
    /// ln p(y − 1) / p(y).
    fn ratio(self, y: f64) -> f64 {
        match self {
            Density::Gaussian { deviation } => (y - 0.5) / (deviation * deviation),
            Density::Laplace { scale } => (y.abs() - (y - 1.0).abs()) / scale,
        }
    }
}

impl Evidence {
    /// What the plan says of its noise and of its cohorts, for canaries in models of `layout`.
    pub fn new(plan: &Plan, canaries: &Canaries, layout: &Arc<Layout>) -> Result<Self, Error> {
        let mechanism = plan.mechanism()?;
        let of = plan.calibration(1, layout.len(), None);
        let mut values = vec![0.0; layout.len()];
        let at = canaries.places().values().next().map_or(0, |place| place.at);
        values[at] = canaries.length();
        let update = Update::new(layout.clone(), values, 1)?;
        let (clipped, _) = Clipped::clip(update, &plan.clip(None));
        let moved = f64::from(clipped.get().values()[at]);
        let (l1, l2) = (of.bound.l1(of.len).unwrap_or(1.0), of.bound.l2(of.len).unwrap_or(1.0));
        let Cost::Bounded { noise, .. } = mechanism.cost(&of)? else {
            return Err(Error::caller("mechanism of an audited plan", "noise", "none"));
        };
        // Shares are made for the fewest participants; usually there are more.
        let shares = (of.size as f64 / of.honest.max(1) as f64).max(1.0).sqrt();
        let deviation = match noise {
            Noise::Gaussian { noise_multiplier } => noise_multiplier * l2,
            Noise::Skellam { l2: units, variance, .. } => variance.sqrt() / units * l2 * shares,
            Noise::Concentrated { rho } => (2.0 * rho).sqrt().recip() * l2 * shares,
            Noise::Laplace { noise_multiplier } => noise_multiplier * l1,
            // Everybody is seen alone: evidence is linear, and its scale changes no guess.
            Noise::Pure { .. } => moved,
        } / moved;
        let density = match noise {
            Noise::Laplace { .. } => Density::Laplace { scale: deviation },
            _ => Density::Gaussian { deviation },
        };
        let alone = mechanism.by() == Party::Participant;
        let rate = if alone { 1.0 } else { plan.cohort().sampling_rate() };
        Ok(Self { moved, density, rate, replaced: replaced(plan) })
    }

    /// Evidence of a value of a sum.
    pub fn of(&self, sum: f64) -> f64 {
        let y = sum / self.moved;
        let sampled = |ratio: f64| match ratio > 100.0 {
            true => ratio + self.rate.ln(),
            false => (1.0 - self.rate + self.rate * ratio.exp()).ln(),
        };
        let with = sampled(self.density.ratio(y));
        if self.replaced { with - sampled(self.density.ratio(-y)) } else { with }
    }
}
