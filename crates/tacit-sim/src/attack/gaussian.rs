//! Gaussian noise in the place of the update (Blanchard et al. 2017, section 5, with variance 200
//! there): every coordinate drawn from N(0, σ²), from a seed of round and participant.

use super::{Attack, Entry, Means, Scene};
use tacit_core::registry::{Default, Kind, Parameter};
use tacit_core::rng::Random;

pub(super) const ENTRY: Entry = Entry {
    name: "gaussian",
    help: "noise in the place of an update (Blanchard et al. 2017)",
    parameters: &[Parameter {
        name: "deviation",
        help: "standard deviation of each coordinate",
        kind: Kind::Number { min: 0.0, max: 1e4 },
        default: Default::Number(1.0),
    }],
    make: |arguments| Ok(Box::new(Gaussian { deviation: arguments.number("deviation")? })),
};

/// See the module.
#[derive(Debug)]
struct Gaussian {
    deviation: f64,
}

impl Attack for Gaussian {
    fn means(&self) -> Means {
        Means::Own
    }

    fn alter(&mut self, _scene: &Scene, own: &mut [f32], random: &mut Random) {
        own.iter_mut().for_each(|x| *x = (random.normal() * self.deviation) as f32);
    }
}
