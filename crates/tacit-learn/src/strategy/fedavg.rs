//! FedAvg and server SGD (McMahan et al. 2017; Reddi et al. 2021, algorithm 2 with SGD):
//! v ← βv + Δ, x ← x + ηv. With η = 1 and β = 0 the new model is the mean of the local ones.

use tacit_core::error::Error;
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter};
use tacit_core::traits::Strategy;

pub(super) const ENTRY: Entry = Entry {
    name: "fedavg",
    help: "server SGD on the mean update; the defaults are FedAvg (McMahan et al. 2017)",
    parameters: &[
        Parameter {
            name: "learning_rate",
            help: "server step size; 1 replaces the model by the mean of the local ones",
            kind: Kind::Number { min: 0.0, max: 1000.0 },
            default: Default::Number(1.0),
        },
        Parameter {
            name: "momentum",
            help: "server heavy-ball momentum",
            kind: Kind::Number { min: 0.0, max: 0.999_999 },
            default: Default::Number(0.0),
        },
    ],
    make: Make::Strategy(|arguments| Ok(Box::new(FedAvg::new(arguments)?))),
};

/// See the module.
#[derive(Clone, Debug)]
pub struct FedAvg {
    learning_rate: f32,
    momentum: f32,
}

impl FedAvg {
    /// From the plan's arguments.
    pub fn new(arguments: &Arguments) -> Result<Self, Error> {
        let learning_rate = arguments.number("learning_rate")? as f32;
        Ok(Self { learning_rate, momentum: arguments.number("momentum")? as f32 })
    }
}

impl Strategy for FedAvg {
    fn slots(&self) -> usize {
        usize::from(self.momentum > 0.0)
    }

    fn apply(&self, _round: u32, aggregate: &[f32], model: &mut [f32], slots: &mut [&mut [f32]]) {
        match slots {
            [velocity] => {
                for ((x, v), delta) in model.iter_mut().zip(velocity.iter_mut()).zip(aggregate) {
                    *v = self.momentum * *v + delta;
                    *x += self.learning_rate * *v;
                }
            }
            _ => {
                for (x, delta) in model.iter_mut().zip(aggregate) {
                    *x += self.learning_rate * delta;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::registry::Value;

    #[test]
    fn momentum_follows_the_recurrence() {
        let arguments = Arguments::defaults(ENTRY.parameters).unwrap();
        let plain = FedAvg::new(&arguments).unwrap();
        let mut model = [1.0f32, 2.0];
        plain.apply(1, &[0.5, -0.5], &mut model, &mut []);
        assert_eq!(model, [1.5, 1.5]);

        let rule = FedAvg::new(&arguments.with("momentum", Value::Number(0.5))).unwrap();
        let (mut model, mut velocity) = ([0.0f32], [0.0f32]);
        for expected in [1.0, 2.5, 4.25] {
            rule.apply(1, &[1.0], &mut model, &mut [&mut velocity]);
            assert_eq!(model, [expected]);
        }
    }
}
