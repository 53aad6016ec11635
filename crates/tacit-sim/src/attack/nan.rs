//! Values that are no numbers: every `spacing`th value of the update becomes NaN, +∞ or −∞ in
//! turn. A sum that takes one of them in is lost. Here each such update is refused at the door,
//! where it is counted as `not-finite`, and its participant does not count.

use super::{Attack, Entry, Means, Scene};
use tacit_core::registry::{Default, Kind, Parameter};
use tacit_core::rng::Random;

pub(super) const ENTRY: Entry = Entry {
    name: "nan",
    help: "NaN and infinities among the values of the trained update",
    parameters: &[Parameter {
        name: "spacing",
        help: "values from one that is no number to the next",
        kind: Kind::Integer { min: 1, max: 1_000_000 },
        default: Default::Integer(7),
    }],
    make: |arguments| Ok(Box::new(Nan { spacing: arguments.integer("spacing")?.max(1) as usize })),
};

/// See the module.
#[derive(Debug)]
struct Nan {
    spacing: usize,
}

impl Attack for Nan {
    fn means(&self) -> Means {
        Means::Own
    }

    fn alter(&mut self, _scene: &Scene, own: &mut [f32], _random: &mut Random) {
        let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].into_iter().cycle();
        own.iter_mut().step_by(self.spacing).zip(bad).for_each(|(x, bad)| *x = bad);
    }
}
