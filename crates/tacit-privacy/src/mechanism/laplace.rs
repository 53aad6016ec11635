//! Central Laplace noise (Dwork, McSherry, Nissim & Smith 2006): the coordinator adds noise of
//! scale z·Δ₁ to each value of the mean. Pure ε-privacy; for updates clipped in L1 norm, since a
//! bound in another norm grows with the length of the model. Sampled on a lattice, see
//! [`LatticeLaplace`].

use crate::noise::{LatticeLaplace, Stream};
use tacit_core::error::Error;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::registry::{Entry, Make};
use tacit_core::traits::{Calibration, Entropy, Mechanism, Opened, Party};

pub(super) const ENTRY: Entry = Entry {
    name: "laplace",
    help: "Laplace noise of the coordinator on the mean; clip in L1 norm (Dwork et al. 2006)",
    parameters: &[super::positive(
        "noise_multiplier",
        1.0,
        "Scale over what one participant can change in L1 norm: a release costs epsilon 1 / this.",
    )],
    make: Make::Mechanism(|arguments| {
        Ok(Box::new(Laplace { noise_multiplier: arguments.number("noise_multiplier")? }))
    }),
};

/// See the module.
struct Laplace {
    noise_multiplier: f64,
}

impl Laplace {
    fn scale(&self, of: &Calibration) -> Result<f64, Error> {
        let norm = of.bound.l1(of.len).ok_or_else(super::unbounded)?;
        Ok(self.noise_multiplier * norm / of.size as f64)
    }
}

impl Mechanism for Laplace {
    fn by(&self) -> Party {
        Party::Coordinator
    }

    fn discrete(&self) -> bool {
        false
    }

    fn cost(&self, of: &Calibration) -> Result<Cost, Error> {
        let norm = of.bound.l1(of.len).ok_or_else(super::unbounded)?;
        let scale = self.scale(of)?;
        let (total_variation, growth) = LatticeLaplace::new(scale)?.added(of.len);
        let changed = super::sensitivity(of, norm, of.len as f64) + growth;
        Ok(Cost::Bounded {
            noise: Noise::Laplace { noise_multiplier: scale / changed },
            total_variation,
        })
    }

    fn open(
        &self,
        of: &Calibration,
        opened: &mut Opened,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        let stream = &mut Stream::from_entropy(entropy)?;
        LatticeLaplace::new(self.scale(of)?)?.add(&mut opened.values, stream).map(drop)
    }
}
