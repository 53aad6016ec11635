//! Evidence, not booleans: each step of an update towards release is a type that only the step
//! before can make. `Update → Clipped → Summed → Noised{Spend} → Recorded → Released`.
//!
//! ```compile_fail
//! // An update that was not clipped cannot be summed.
//! fn shortcut(u: tacit_core::params::Update) -> tacit_core::evidence::Clipped<()> { u.into() }
//! ```
//! ```compile_fail
//! // A spend cannot be copied: it is recorded once.
//! fn twice(s: tacit_core::evidence::Spend) { drop(s.clone()); drop(s); }
//! ```
//! ```compile_fail
//! // A spend cannot be forged.
//! let s = tacit_core::evidence::Spend { cost: todo!() };
//! ```
//! ```compile_fail
//! // A model cannot be released before its cost is recorded.
//! fn early(n: tacit_core::evidence::Noised) -> tacit_core::evidence::Released {
//!     tacit_core::evidence::Released::new(n)
//! }
//! ```

use crate::bound::{Bound, Clip, Norms};
use crate::error::{Error, Refusal};
use crate::params::{self, Layout, Update};
use crate::traits::{Calibration, Entropy, Ledger, Mechanism, Opened};
use std::sync::Arc;

/// Something whose bound holds: an update after clipping, or received bytes after checking.
#[derive(Debug)]
pub struct Clipped<T> {
    inner: T,
    bound: Bound,
}

impl Clipped<Update> {
    /// Brings `update` within the bound of `clip`; also whether it was within it before.
    pub fn clip(mut update: Update, clip: &Clip) -> (Self, bool) {
        let layout = update.layout().clone();
        let tensors = layout.tensors().iter().map(|tensor| tensor.shape.iter().product());
        let within = clip.apply(update.values_mut(), tensors);
        (Self { inner: update, bound: clip.bound }, within)
    }

    /// Lets a rule that proves something of the values bring them to what it can speak of.
    pub fn settle(mut self, settle: impl FnOnce(&mut [f32])) -> Result<Self, Refusal> {
        settle(self.inner.values_mut());
        params::check_range(self.inner.values(), 0)?;
        let norms = Norms::of(self.inner.values());
        Self::check(self.inner, &norms, self.bound)
    }

    /// Adds what the mechanism has each participant add, to whether it was `within` the norm too,
    /// and takes the bound that then holds.
    pub fn noise(
        self,
        mechanism: &dyn Mechanism,
        of: &Calibration,
        within: bool,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Error> {
        let (layout, examples) = (self.inner.layout().clone(), self.inner.examples());
        let mut values = self.inner.into_values();
        mechanism.share(of, &mut values, within, entropy)?;
        let layout = match values.len() == layout.len() {
            true => layout,
            false => Arc::new(Layout::flat("encoded", values.len())?),
        };
        let inner = Update::new(layout, values, examples)?;
        Ok(Self { inner, bound: mechanism.sent(of).1 })
    }
}

impl<T> Clipped<T> {
    /// Takes something whose norm was measured while its values streamed by.
    pub fn check(inner: T, norms: &Norms, bound: Bound) -> Result<Self, Refusal> {
        if let Some(limit) = bound.limit() {
            let found = norms.norm(bound);
            if !found.is_finite() || found > limit * (1.0 + 1e-6) {
                return Err(Refusal::NormExceeded { limit, found });
            }
        }
        Ok(Self { inner, bound })
    }

    /// The bound that holds.
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// The thing itself.
    pub fn get(&self) -> &T {
        &self.inner
    }

    /// Takes the thing out; the evidence ends here.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

/// An aggregate of clipped contributions: what a mechanism may add noise to.
#[derive(Debug)]
pub struct Summed {
    values: Vec<f32>,
    bound: Bound,
    contributions: usize,
}

impl Summed {
    /// Joins the evidence of every contribution with the values aggregated from them. Fails when
    /// nothing was contributed or the contributions were clipped differently.
    pub fn of<T>(contributions: &[Clipped<T>], values: Vec<f32>) -> Result<Self, Error> {
        let bound = match contributions.first() {
            Some(first) => first.bound,
            None => return Err(Error::Bug("an empty round was aggregated")),
        };
        if contributions.iter().any(|c| c.bound != bound) {
            return Err(Error::Bug("contributions clipped to different bounds were aggregated"));
        }
        Ok(Self { values, bound, contributions: contributions.len() })
    }

    /// The bound of every contribution.
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// How many contributions are in it.
    pub fn contributions(&self) -> usize {
        self.contributions
    }

    /// The values, not yet fit to be released.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Adds the mechanism's noise, to a count of contributions too; the cost comes with it.
    pub fn noise(
        self,
        mechanism: &dyn Mechanism,
        of: &Calibration,
        count: f64,
        entropy: &mut dyn Entropy,
    ) -> Result<Noised, Error> {
        let cost = mechanism.cost(of)?;
        let mut opened = Opened { values: self.values, count };
        mechanism.open(of, &mut opened, entropy)?;
        params::check_finite(&opened.values, 0)
            .map_err(|_| Error::Bug("aggregation made a value that is not finite"))?;
        Ok(Noised { opened, spend: Spend { cost } })
    }
}

/// What a release costs one participant.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "privacy", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Cost {
    /// No noise: the release promises no differential privacy.
    Unbounded,
    /// Noise over the largest change that one participant's presence makes.
    Bounded {
        /// Its distribution.
        noise: Noise,
        /// Largest total-variation distance of what was drawn from that distribution.
        total_variation: f64,
    },
}

/// The distribution of noise, over the largest norm of one participant's part in a sum.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "mechanism", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Noise {
    /// Gaussian.
    Gaussian {
        /// Standard deviation over the L2 norm.
        noise_multiplier: f64,
    },
    /// Laplace.
    Laplace {
        /// Scale b over the L1 norm.
        noise_multiplier: f64,
    },
    /// A randomiser that is (ε, 0)-differentially private for any two inputs.
    Pure {
        /// Its ε.
        epsilon: f64,
    },
    /// Anything ρ-zero-concentrated (Bun & Steinke 2016).
    Concentrated {
        /// Its ρ.
        rho: f64,
    },
    /// Skellam, on integers.
    Skellam {
        /// L1 norm in their units.
        l1: f64,
        /// L2 norm in their units.
        l2: f64,
        /// Variance of the noise of one coordinate of the sum.
        variance: f64,
    },
}

/// The cost of one release, spent exactly once: neither cloned nor made outside this module.
#[derive(Debug)]
#[must_use = "a spend must be recorded in the ledger"]
pub struct Spend {
    cost: Cost,
}

impl Spend {
    /// What it costs.
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

/// A noised aggregate with its unpaid cost.
#[derive(Debug)]
pub struct Noised {
    opened: Opened,
    spend: Spend,
}

impl Noised {
    /// Pays: the ledger records the cost, and only then may the aggregate be released.
    pub fn record(self, round: u32, ledger: &mut dyn Ledger) -> Result<Released, Error> {
        let cost = self.spend.cost();
        ledger.record(round, self.spend)?;
        Ok(Released { opened: self.opened, cost })
    }
}

/// An aggregate whose cost is recorded: the strategy may apply it.
#[derive(Debug)]
pub struct Released {
    opened: Opened,
    cost: Cost,
}

impl Released {
    /// The values to apply.
    pub fn values(&self) -> &[f32] {
        &self.opened.values
    }

    /// The count, as noisy as the values.
    pub fn count(&self) -> f64 {
        self.opened.count
    }

    /// Takes the values out.
    pub fn into_values(self) -> Vec<f32> {
        self.opened.values
    }

    /// What was paid.
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Tensor;

    fn update(values: Vec<f32>) -> Update {
        let shape = vec![values.len()];
        let layout = Layout::new(vec![Tensor { name: "w".into(), shape }]).unwrap();
        Update::new(Arc::new(layout), values, 1).unwrap()
    }

    #[test]
    fn clipping_holds_its_bound_and_keeps_direction() {
        let clip = Clip::to(Bound::L2 { limit: 1.0 });
        let (clipped, within) = Clipped::clip(update(vec![3.0, -4.0]), &clip);
        assert!(!within && clipped.get().norm_l2() <= 1.0);
        assert!((clipped.get().values()[0] - 0.6).abs() < 1e-6);
        let (small, within) = Clipped::clip(update(vec![0.3, 0.4]), &clip);
        assert!(within);
        assert_eq!(small.get().values(), [0.3, 0.4]);
    }

    #[test]
    fn a_lie_about_the_norm_is_refused() {
        let bound = Bound::L2 { limit: 1.0 };
        assert!(Clipped::check((), &Norms::of(&[1.01]), bound).is_err());
        assert!(Clipped::check((), &Norms::of(&[f32::NAN]), bound).is_err());
        assert!(Clipped::check((), &Norms::of(&[1.0]), bound).is_ok());
    }
}
