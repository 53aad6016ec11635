//! PrivUnit: each participant releases an unbiased estimate of its update that is ε-differentially
//! private by itself, for any two updates of the ball. See [`noise::PrivUnit`].

use crate::noise::{self, Stream};
use tacit_core::bound::Bound;
use tacit_core::error::Error;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::registry::{Default, Entry, Kind, Make, Parameter};
use tacit_core::traits::{Calibration, Entropy, Mechanism, Party};

pub(super) const ENTRY: Entry = Entry {
    name: "priv-unit",
    help: "an unbiased private estimate of each update, by its participant (Asi et al. 2022)",
    parameters: &[Parameter {
        name: "epsilon",
        help: "What one release costs.",
        kind: Kind::Number { min: 1.0 / 1024.0, max: 16.0 },
        default: Default::Number(8.0),
    }],
    make: Make::Mechanism(|arguments| {
        Ok(Box::new(PrivUnit { epsilon: arguments.number("epsilon")? }))
    }),
};

/// Standard deviations by which the length of an estimate may exceed its mean: once in 10²⁴.
const TAIL: f64 = 10.0;

/// See the module.
struct PrivUnit {
    epsilon: f64,
}

impl PrivUnit {
    fn estimate(&self, of: &Calibration) -> Result<noise::PrivUnit, Error> {
        let norm = of.bound.l2(of.len).ok_or_else(super::unbounded)?;
        noise::PrivUnit::new(of.len, norm, self.epsilon)
    }
}

impl Mechanism for PrivUnit {
    fn by(&self) -> Party {
        Party::Participant
    }

    fn discrete(&self) -> bool {
        false
    }

    fn cost(&self, of: &Calibration) -> Result<Cost, Error> {
        let epsilon = self.estimate(of)?.epsilon();
        Ok(Cost::Bounded { noise: Noise::Pure { epsilon }, total_variation: 0.0 })
    }

    fn share(
        &self,
        of: &Calibration,
        values: &mut Vec<f32>,
        _within: bool,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        let released = self.estimate(of)?.release(values, &mut Stream::from_entropy(entropy)?)?;
        *values = released;
        Ok(())
    }

    fn sent(&self, of: &Calibration) -> (usize, Bound) {
        let bound = match self.estimate(of) {
            Ok(estimate) => {
                // What is accepted is as likely before as 1 / tries, so its tail is longer.
                let tail = TAIL + (2.0 * estimate.tries().ln()).sqrt();
                let length = (of.len as f64 + 1.0).sqrt() + tail;
                Bound::L2 { limit: estimate.deviation() * length }
            }
            Err(_) => Bound::None,
        };
        (of.len, bound)
    }
}
