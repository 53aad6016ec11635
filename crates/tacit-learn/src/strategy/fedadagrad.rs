//! FedAdagrad (Reddi et al. 2021, algorithm 2; McMahan and Streeter 2010): v ← v + Δ², from τ².
//!
//! Algorithm 2 gives every rule a first moment; as Adagrad has none, the paper's experiments
//! (section 5) run this one with β₁ = 0, which is the default here.

use super::adaptive::{self, Adaptive};
use tacit_core::error::Error;
use tacit_core::registry::{Arguments, Default, Entry, Make, Parameter};
use tacit_core::traits::Strategy;

pub(super) const ENTRY: Entry = Entry {
    name: "fedadagrad",
    help: "server Adagrad (Reddi et al. 2021): steps shrink as updates add up",
    parameters: &[
        adaptive::LEARNING_RATE,
        Parameter { default: Default::Number(0.0), ..adaptive::BETA1 },
        adaptive::TAU,
    ],
    make: Make::Strategy(|arguments| Ok(Box::new(FedAdagrad::new(arguments)?))),
};

/// See the module.
#[derive(Clone, Debug)]
pub struct FedAdagrad {
    shared: Adaptive,
}

impl FedAdagrad {
    /// From the plan's arguments.
    pub fn new(arguments: &Arguments) -> Result<Self, Error> {
        Ok(Self { shared: Adaptive::new(arguments)? })
    }
}

impl Strategy for FedAdagrad {
    fn slots(&self) -> usize {
        self.shared.slots()
    }

    fn apply(&self, _round: u32, aggregate: &[f32], model: &mut [f32], slots: &mut [&mut [f32]]) {
        self.shared.apply(aggregate, model, slots, |offset, square| offset + square);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::registry::Value;

    #[test]
    fn it_follows_the_recurrence() {
        let arguments = Arguments::defaults(ENTRY.parameters).unwrap();
        for (beta1, tau) in [(0.0, 1e-3), (0.9, 1e-3), (0.5, 0.1)] {
            let arguments = arguments.clone().with("beta1", Value::Number(beta1));
            let arguments = arguments.with("tau", Value::Number(tau));
            adaptive::reference::check(&ENTRY, &arguments, |v, delta, _| v + delta * delta);
        }
    }

    #[test]
    fn equal_updates_make_ever_smaller_steps() {
        let arguments = Arguments::defaults(ENTRY.parameters).unwrap();
        let rule = FedAdagrad::new(&arguments).unwrap();
        let (mut x, mut v) = ([0.0f32], [0.0f32]);
        let mut last = f32::INFINITY;
        for round in 1..=20 {
            let before = x[0];
            rule.apply(round, &[1.0], &mut x, &mut [&mut v]);
            // η / √t, but for τ.
            let expected = 0.1 / (round as f32).sqrt();
            assert!((x[0] - before - expected).abs() < 1e-3 * expected);
            assert!(x[0] - before < last);
            last = x[0] - before;
        }
    }
}
