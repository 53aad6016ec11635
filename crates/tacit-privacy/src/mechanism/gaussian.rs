//! Central Gaussian noise (Dwork & Roth 2014, appendix A; McMahan et al. 2018 for federated
//! averaging): the coordinator adds N(0, z²Δ²) to each value of the mean, with Δ = clip_norm over
//! the planned size of the cohort. Sampled on a lattice, see [`LatticeGaussian`].

use crate::noise::{LatticeGaussian, Stream};
use tacit_core::error::Error;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::registry::{Entry, Make};
use tacit_core::traits::{Calibration, Entropy, Mechanism, Party};

pub(super) const ENTRY: Entry = Entry {
    name: "gaussian",
    help: "Gaussian noise of the coordinator on the mean (Dwork & Roth 2014)",
    parameters: &[super::positive(
        "noise_multiplier",
        1.0,
        "Standard deviation over what one participant can change in L2 norm.",
    )],
    make: Make::Mechanism(|arguments| {
        Ok(Box::new(Gaussian { noise_multiplier: arguments.number("noise_multiplier")? }))
    }),
};

/// See the module.
struct Gaussian {
    noise_multiplier: f64,
}

impl Gaussian {
    fn noise(&self, of: &Calibration) -> Result<LatticeGaussian, Error> {
        let norm = of.bound.l2(of.len).ok_or_else(super::unbounded)?;
        LatticeGaussian::new(self.noise_multiplier * norm / of.size as f64)
    }
}

impl Mechanism for Gaussian {
    fn by(&self) -> Party {
        Party::Coordinator
    }

    fn discrete(&self) -> bool {
        false
    }

    fn cost(&self, of: &Calibration) -> Result<Cost, Error> {
        let norm = of.bound.l2(of.len).ok_or_else(super::unbounded)?;
        let noise = self.noise(of)?;
        let added = noise.added(of.len);
        let changed = super::sensitivity(of, norm, (of.len as f64).sqrt());
        Ok(Cost::Bounded {
            noise: Noise::Gaussian {
                noise_multiplier: noise.sigma() / (changed + added.sensitivity_growth),
            },
            total_variation: added.total_variation,
        })
    }

    fn open(
        &self,
        of: &Calibration,
        values: &mut Vec<f32>,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        self.noise(of)?.add(values, &mut Stream::from_entropy(entropy)?).map(drop)
    }
}
