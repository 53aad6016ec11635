//! Local Gaussian noise: each participant adds N(0, z²c²) to each value of its own update, so that
//! nobody else need be trusted, the coordinator included. Any two updates of norm c are at most 2c
//! apart: the account is of a noise multiplier z/2.

use crate::noise::{LatticeGaussian, Stream};
use tacit_core::bound::Bound;
use tacit_core::error::Error;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::registry::{Entry, Make};
use tacit_core::traits::{Calibration, Entropy, Mechanism, Party};

pub(super) const ENTRY: Entry = Entry {
    name: "local-gaussian",
    help: "Gaussian noise of each participant on its own update (Dwork & Roth 2014)",
    parameters: &[super::positive(
        "noise_multiplier",
        1.0,
        "Standard deviation over the L2 norm to which updates are clipped.",
    )],
    make: Make::Mechanism(|arguments| {
        Ok(Box::new(LocalGaussian { noise_multiplier: arguments.number("noise_multiplier")? }))
    }),
};

/// Standard deviations by which the length of a noised update may exceed its mean: once in 10²⁴.
const TAIL: f64 = 10.0;

/// See the module.
struct LocalGaussian {
    noise_multiplier: f64,
}

impl LocalGaussian {
    fn noise(&self, of: &Calibration) -> Result<(LatticeGaussian, f64), Error> {
        let norm = of.bound.l2(of.len).ok_or_else(super::unbounded)?;
        Ok((LatticeGaussian::new(self.noise_multiplier * norm)?, norm))
    }
}

impl Mechanism for LocalGaussian {
    fn by(&self) -> Party {
        Party::Participant
    }

    fn discrete(&self) -> bool {
        false
    }

    fn cost(&self, of: &Calibration) -> Result<Cost, Error> {
        let (noise, norm) = self.noise(of)?;
        let added = noise.added(of.len);
        let apart = 2.0 * norm + added.sensitivity_growth;
        Ok(Cost::Bounded {
            noise: Noise::Gaussian { noise_multiplier: noise.sigma() / apart },
            total_variation: added.total_variation,
        })
    }

    fn share(
        &self,
        of: &Calibration,
        values: &mut Vec<f32>,
        _within: bool,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        self.noise(of)?.0.add(values, &mut Stream::from_entropy(entropy)?).map(drop)
    }

    /// ‖x + N‖ ≤ c + σ(√d + t), but with probability e^(−t²/2) (Laurent & Massart 2000).
    fn sent(&self, of: &Calibration) -> (usize, Bound) {
        let Some(norm) = of.bound.l2(of.len) else { return (of.len, Bound::None) };
        let sigma = self.noise_multiplier * norm;
        (of.len, Bound::L2 { limit: norm + sigma * ((of.len as f64).sqrt() + TAIL) })
    }
}
