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

use crate::error::{Error, Refusal};
use crate::params::Update;
use crate::traits::{Entropy, Ledger, Mechanism};

/// The norm that clipping guarantees for one participant's contribution to a sum.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "norm", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Bound {
    /// No bound: the sum has unbounded sensitivity and no noise can make it private.
    None,
    /// Euclidean norm at most `limit`.
    L2 {
        /// The bound.
        limit: f64,
    },
}

/// Something whose bound holds: an update after clipping, or received bytes after checking.
#[derive(Debug)]
pub struct Clipped<T> {
    inner: T,
    bound: Bound,
}

impl Clipped<Update> {
    /// Scales `update` into `bound`: multiplies by min(1, limit / ‖update‖₂).
    pub fn clip(mut update: Update, bound: Bound) -> Self {
        if let Bound::L2 { limit } = bound {
            let norm = update.norm_l2();
            if norm > limit {
                // Rounding to f32 may exceed the bound by one part in 2²³ per value: stay below.
                update.scale(limit / norm * (1.0 - f64::from(f32::EPSILON)));
            }
        }
        Self { inner: update, bound }
    }
}

impl<T> Clipped<T> {
    /// Takes something whose Euclidean norm was measured while its values streamed by.
    pub fn check(inner: T, sum_of_squares: f64, bound: Bound) -> Result<Self, Refusal> {
        if let Bound::L2 { limit } = bound {
            let found = sum_of_squares.sqrt();
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

    /// The values, for a mechanism to change in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Adds the mechanism's noise; the cost comes with it.
    pub fn noise(
        mut self,
        mechanism: &dyn Mechanism,
        entropy: &mut dyn Entropy,
    ) -> Result<Noised, Error> {
        let cost = mechanism.noise(&mut self, entropy)?;
        crate::params::check_finite(&self.values, 0)
            .map_err(|_| Error::Bug("aggregation made a value that is not finite"))?;
        Ok(Noised { values: self.values, spend: Spend { cost } })
    }
}

/// What a release costs one participant.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "mechanism", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Cost {
    /// No noise: the release promises no differential privacy.
    Unbounded,
    /// Gaussian noise of `noise_multiplier` times the sensitivity.
    Gaussian {
        /// Standard deviation over sensitivity.
        noise_multiplier: f64,
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
    values: Vec<f32>,
    spend: Spend,
}

impl Noised {
    /// Pays: the ledger records the cost, and only then may the aggregate be released.
    pub fn record(self, round: u32, ledger: &mut dyn Ledger) -> Result<Released, Error> {
        let cost = self.spend.cost();
        ledger.record(round, self.spend)?;
        Ok(Released { values: self.values, cost })
    }
}

/// An aggregate whose cost is recorded: the strategy may apply it.
#[derive(Debug)]
pub struct Released {
    values: Vec<f32>,
    cost: Cost,
}

impl Released {
    /// The values to apply.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Takes the values out.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// What was paid.
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::{Layout, Tensor};
    use std::sync::Arc;

    fn update(values: Vec<f32>) -> Update {
        let shape = vec![values.len()];
        let layout = Layout::new(vec![Tensor { name: "w".into(), shape }]).unwrap();
        Update::new(Arc::new(layout), values, 1).unwrap()
    }

    #[test]
    fn clipping_holds_its_bound_and_keeps_direction() {
        let bound = Bound::L2 { limit: 1.0 };
        let clipped = Clipped::clip(update(vec![3.0, -4.0]), bound).into_inner();
        assert!(clipped.norm_l2() <= 1.0);
        assert!((clipped.values()[0] - 0.6).abs() < 1e-6);
        let small = Clipped::clip(update(vec![0.3, 0.4]), bound).into_inner();
        assert_eq!(small.values(), [0.3, 0.4]);
    }

    #[test]
    fn a_lie_about_the_norm_is_refused() {
        let bound = Bound::L2 { limit: 1.0 };
        assert!(Clipped::check((), 1.01, bound).is_err());
        assert!(Clipped::check((), f64::NAN, bound).is_err());
        assert!(Clipped::check((), 1.0, bound).is_ok());
    }
}
