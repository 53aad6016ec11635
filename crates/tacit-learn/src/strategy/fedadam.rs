//! FedAdam (Reddi et al. 2021, algorithm 2): v ← β₂v + (1 − β₂)Δ². Unlike Adam it corrects no
//! bias: v starts at τ² instead of 0.

use super::adaptive::{self, Adaptive, Decay};
use tacit_core::error::Error;
use tacit_core::registry::{Arguments, Entry, Make};
use tacit_core::traits::Strategy;

pub(super) const ENTRY: Entry = Entry {
    name: "fedadam",
    help: "server Adam without bias correction (Reddi et al. 2021)",
    parameters: &[adaptive::LEARNING_RATE, adaptive::BETA1, adaptive::BETA2, adaptive::TAU],
    make: Make::Strategy(|arguments| Ok(Box::new(FedAdam::new(arguments)?))),
};

/// See the module.
#[derive(Clone, Debug)]
pub struct FedAdam {
    shared: Adaptive,
    beta2: Decay,
}

impl FedAdam {
    /// From the plan's arguments.
    pub fn new(arguments: &Arguments) -> Result<Self, Error> {
        let beta2 = Decay::new(arguments, "beta2")?;
        Ok(Self { shared: Adaptive::new(arguments)?, beta2 })
    }
}

impl Strategy for FedAdam {
    fn slots(&self) -> usize {
        self.shared.slots()
    }

    fn apply(&self, _round: u32, aggregate: &[f32], model: &mut [f32], slots: &mut [&mut [f32]]) {
        let (Decay { keep, take }, start) = (self.beta2, self.shared.tau_squared());
        // β₂v + (1 − β₂)Δ² − τ², in terms of v − τ².
        let next = |offset: f32, square: f32| keep * offset + take * (square - start);
        self.shared.apply(aggregate, model, slots, next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::registry::Value;

    #[test]
    fn it_follows_the_recurrence() {
        let arguments = Arguments::defaults(ENTRY.parameters).unwrap();
        for (beta1, tau) in [(0.9, 1e-3), (0.0, 1e-3), (0.5, 0.1)] {
            let arguments = arguments.clone().with("beta1", Value::Number(beta1));
            let arguments = arguments.with("tau", Value::Number(tau));
            adaptive::reference::check(&ENTRY, &arguments, |v, delta, beta2| {
                beta2 * v + (1.0 - beta2) * delta * delta
            });
        }
    }

    #[test]
    fn the_first_step_by_hand() {
        // m = 0.1 · 1, v = 0.99 · 0.25 + 0.01 · 1, x = 0.1 · m / (√v + 0.5).
        let arguments = Arguments::defaults(ENTRY.parameters).unwrap();
        let rule = FedAdam::new(&arguments.with("tau", Value::Number(0.5))).unwrap();
        let (mut x, mut v, mut m) = ([0.0f32], [0.0f32], [0.0f32]);
        rule.apply(3, &[1.0], &mut x, &mut [&mut v, &mut m]);
        let expected = 0.01 / (0.2575f32.sqrt() + 0.5);
        assert!((x[0] - expected).abs() < 1e-8, "{x:?} {expected}");
    }
}
