//! Inner-product manipulation (Xie, Koyejo, Gupta 2019, "Fall of empires", section 4): all send
//! −ε·μ for the mean μ of the honest updates. Where the aggregate's inner product with μ becomes
//! negative, the model moves uphill. A small ε hides among honest updates from rules that look for
//! the nearest; the mean turns round from ε > (n − f) / f on.

use super::{Attack, Entry, Honest, Means, Scene, crowd};
use tacit_core::registry::{Default, Kind, Parameter};

pub(super) const ENTRY: Entry = Entry {
    name: "inner-product-manipulation",
    help: "the negative of the honest updates' mean (Xie et al. 2019)",
    parameters: &[Parameter {
        name: "epsilon",
        help: "length in that of the mean",
        kind: Kind::Number { min: 0.0, max: 1e6 },
        default: Default::Number(0.1),
    }],
    make: |arguments| {
        Ok(Box::new(InnerProductManipulation { epsilon: arguments.number("epsilon")? }))
    },
};

/// See the module.
#[derive(Debug)]
struct InnerProductManipulation {
    epsilon: f64,
}

impl Attack for InnerProductManipulation {
    fn means(&self) -> Means {
        Means::Honest
    }

    fn collude(&mut self, _scene: &Scene, honest: &Honest<'_>, out: &mut [f32]) {
        crowd::moments(honest.rows, |i, mean, _| out[i] = (-self.epsilon * mean) as f32);
    }
}
