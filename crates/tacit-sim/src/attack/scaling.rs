//! Scaling: factor · u in the place of the update u that was trained: one participant speaks for
//! many (Bagdasaryan et al. 2020, section 4.2, without a backdoor).

use super::{Attack, Entry, Means, Scene};
use tacit_core::registry::{Default, Kind, Parameter};
use tacit_core::rng::Random;

pub(super) const ENTRY: Entry = Entry {
    name: "scaling",
    help: "the trained update, many times as long (Bagdasaryan et al. 2020)",
    parameters: &[Parameter {
        name: "factor",
        help: "how many times as long; negative turns it round",
        kind: Kind::Number { min: -1e6, max: 1e6 },
        default: Default::Number(10.0),
    }],
    make: |arguments| Ok(Box::new(Scaling { factor: arguments.number("factor")? })),
};

/// See the module.
#[derive(Debug)]
struct Scaling {
    factor: f64,
}

impl Attack for Scaling {
    fn means(&self) -> Means {
        Means::Own
    }

    fn alter(&mut self, _scene: &Scene, own: &mut [f32], _random: &mut Random) {
        own.iter_mut().for_each(|x| *x = (f64::from(*x) * self.factor) as f32);
    }
}
