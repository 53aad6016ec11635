//! Sign flip: −factor · u in the place of the update u that was trained (Li et al. 2019, RSA,
//! section 5, with factor 4 there): the step in the opposite direction.

use super::{Attack, Entry, Means, Scene};
use tacit_core::registry::{Default, Kind, Parameter};
use tacit_core::rng::Random;

pub(super) const ENTRY: Entry = Entry {
    name: "sign-flip",
    help: "the negative of the trained update (Li et al. 2019)",
    parameters: &[Parameter {
        name: "factor",
        help: "how many times as long",
        kind: Kind::Number { min: 0.0, max: 1e6 },
        default: Default::Number(1.0),
    }],
    make: |arguments| Ok(Box::new(SignFlip { factor: arguments.number("factor")? })),
};

/// See the module.
#[derive(Debug)]
struct SignFlip {
    factor: f64,
}

impl Attack for SignFlip {
    fn means(&self) -> Means {
        Means::Own
    }

    fn alter(&mut self, _scene: &Scene, own: &mut [f32], _random: &mut Random) {
        own.iter_mut().for_each(|x| *x = (f64::from(*x) * -self.factor) as f32);
    }
}
