//! FedYogi (Reddi et al. 2021, algorithm 2; Zaheer et al. 2018):
//! v ← v − (1 − β₂) · Δ² · sign(v − Δ²), so that v changes no faster than the updates are large.
//! No bias is corrected: v starts at τ².

use super::adaptive::{self, Adaptive, Decay};
use tacit_core::error::Error;
use tacit_core::registry::{Arguments, Entry, Make};
use tacit_core::traits::Strategy;

pub(super) const ENTRY: Entry = Entry {
    name: "fedyogi",
    help: "server Yogi without bias correction (Reddi et al. 2021)",
    parameters: &[adaptive::LEARNING_RATE, adaptive::BETA1, adaptive::BETA2, adaptive::TAU],
    make: Make::Strategy(|arguments| Ok(Box::new(FedYogi::new(arguments)?))),
};

/// See the module.
#[derive(Clone, Debug)]
pub struct FedYogi {
    shared: Adaptive,
    beta2: Decay,
}

impl FedYogi {
    /// From the plan's arguments.
    pub fn new(arguments: &Arguments) -> Result<Self, Error> {
        let beta2 = Decay::new(arguments, "beta2")?;
        Ok(Self { shared: Adaptive::new(arguments)?, beta2 })
    }
}

impl Strategy for FedYogi {
    fn slots(&self) -> usize {
        self.shared.slots()
    }

    fn apply(&self, _round: u32, aggregate: &[f32], model: &mut [f32], slots: &mut [&mut [f32]]) {
        let (take, start) = (self.beta2.take, self.shared.tau_squared());
        self.shared.apply(aggregate, model, slots, |offset, square| {
            // Not `signum`, which gives zero a sign.
            match (offset + start).partial_cmp(&square) {
                Some(std::cmp::Ordering::Greater) => offset - take * square,
                Some(std::cmp::Ordering::Less) => offset + take * square,
                _ => offset,
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::registry::Value;

    fn arguments() -> Arguments {
        Arguments::defaults(ENTRY.parameters).unwrap()
    }

    #[test]
    fn it_follows_the_recurrence() {
        for (beta1, tau) in [(0.9, 1e-3), (0.0, 1e-3), (0.5, 0.1)] {
            let arguments = arguments().with("beta1", Value::Number(beta1));
            let arguments = arguments.with("tau", Value::Number(tau));
            adaptive::reference::check(&ENTRY, &arguments, |v, delta, beta2| {
                let square = delta * delta;
                let sign = if v == square { 0.0 } else { (v - square).signum() };
                v - (1.0 - beta2) * square * sign
            });
        }
    }

    #[test]
    fn an_update_as_large_as_v_leaves_it() {
        let rule = FedYogi::new(&arguments().with("tau", Value::Number(0.5))).unwrap();
        let (mut x, mut v, mut m) = ([0.0f32; 3], [0.0f32; 3], [0.0f32; 3]);
        rule.apply(1, &[0.5, 0.25, 1.0], &mut x, &mut [&mut v, &mut m]);
        assert_eq!(v[0], 0.0);
        assert!((v[1] + 0.01 * 0.0625).abs() < 1e-9 && (v[2] - 0.01).abs() < 1e-9, "{v:?}");
    }
}
