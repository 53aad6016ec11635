//! Central Gaussian noise (Dwork & Roth 2014, appendix A; McMahan et al. 2018 for federated
//! averaging): the coordinator adds N(0, z²Δ²) to each value of the mean, with Δ = clip_norm over
//! the planned size of the cohort. Sampled on a lattice, see [`LatticeGaussian`].

use crate::noise::{LatticeGaussian, Stream};
use tacit_core::error::Error;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::registry::{Entry, Make};
use tacit_core::traits::{Calibration, Entropy, Mechanism, Opened, Party};

pub(super) const ENTRY: Entry = Entry {
    name: "gaussian",
    help: "Gaussian noise of the coordinator on the mean (Dwork & Roth 2014)",
    parameters: &[
        super::positive(
            "noise_multiplier",
            1.0,
            "Standard deviation over what one participant can change in L2 norm.",
        ),
        super::positive(
            "count_noise",
            10.0,
            "Standard deviation of the noise on the count that clip_quantile follows.",
        ),
    ],
    make: Make::Mechanism(|arguments| {
        Ok(Box::new(Gaussian {
            noise_multiplier: arguments.number("noise_multiplier")?,
            count_noise: arguments.number("count_noise")?,
        }))
    }),
};

/// See the module.
struct Gaussian {
    noise_multiplier: f64,
    count_noise: f64,
}

/// What a participant changes in the count, which is taken from one half.
const COUNT_SENSITIVITY: f64 = 0.5;

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
        let mut noise_multiplier = noise.sigma() / (changed + added.sensitivity_growth);
        let mut total_variation = added.total_variation;
        if of.counted {
            // Mean and count are one Gaussian release of a vector with one more value, each
            // scaled to its own noise (Andrew et al. 2021, theorem 1).
            let count = LatticeGaussian::new(self.count_noise)?;
            let one = count.added(1);
            let of_count = count.sigma() / (COUNT_SENSITIVITY + one.sensitivity_growth);
            noise_multiplier = (noise_multiplier.powi(-2) + of_count.powi(-2)).sqrt().recip();
            total_variation += one.total_variation;
        }
        let (noise_multiplier, total_variation) = super::coarse(noise_multiplier, total_variation);
        let noise = Noise::Gaussian { noise_multiplier };
        Ok(Cost::Bounded { noise, total_variation })
    }

    fn counts(&self) -> bool {
        true
    }

    fn open(
        &self,
        of: &Calibration,
        opened: &mut Opened,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        let stream = &mut Stream::from_entropy(entropy)?;
        if of.counted {
            let mut noise = [0.0];
            LatticeGaussian::new(self.count_noise)?.add(&mut noise, stream)?;
            opened.count += f64::from(noise[0]);
        }
        self.noise(of)?.add(&mut opened.values, stream).map(drop)
    }
}
