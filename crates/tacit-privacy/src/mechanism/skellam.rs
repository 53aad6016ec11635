//! Distributed Skellam noise (Agarwal, Kairouz & Liu 2021): as `discrete-gaussian`, with shares
//! that add up to Skellam noise exactly, so that nothing is lost to their sum.

use super::shares::{PARAMETERS, Shares};
use crate::noise::{Skellam, Stream};
use tacit_core::bound::Bound;
use tacit_core::error::Error;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::registry::{Entry, Make};
use tacit_core::traits::{Calibration, Entropy, Mechanism, Opened, Party};

pub(super) const ENTRY: Entry = Entry {
    name: "skellam",
    help: "Skellam noise in shares of each participant (Agarwal et al. 2021)",
    parameters: PARAMETERS,
    make: Make::Mechanism(|arguments| {
        Ok(Box::new(Distributed {
            noise_multiplier: arguments.number("noise_multiplier")?,
            bits: arguments.integer("bits")? as u32,
        }))
    }),
};

/// See the module.
struct Distributed {
    noise_multiplier: f64,
    bits: u32,
}

impl Distributed {
    fn shares(&self, of: &Calibration) -> Result<Shares, Error> {
        Shares::new(of, self.noise_multiplier, self.bits)
    }
}

impl Mechanism for Distributed {
    fn by(&self) -> Party {
        Party::Cohort
    }

    fn discrete(&self) -> bool {
        true
    }

    fn cost(&self, of: &Calibration) -> Result<Cost, Error> {
        let shares = self.shares(of)?;
        shares.check_sum(of)?;
        let noise = Skellam::new(shares.sigma * shares.sigma)?;
        let variance = noise.variance() * shares.honest as f64;
        let samples = shares.len as f64 * of.largest as f64;
        Ok(Cost::Bounded {
            noise: Noise::Skellam { l1: shares.norm_l1, l2: shares.norm_l2, variance },
            total_variation: (samples * noise.total_variation()).min(1.0),
        })
    }

    fn share(
        &self,
        of: &Calibration,
        values: &mut Vec<f32>,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        let shares = self.shares(of)?;
        let noise = Skellam::new(shares.sigma * shares.sigma)?;
        let stream = &mut Stream::from_entropy(entropy)?;
        shares.encode(of, values, stream, |out, stream| noise.fill(out, stream))
    }

    fn sent(&self, of: &Calibration) -> (usize, Bound) {
        let bound = self.shares(of).map_or(Bound::None, |shares| shares.sent());
        (of.len.next_power_of_two(), bound)
    }

    fn open(
        &self,
        of: &Calibration,
        opened: &mut Opened,
        _: &mut dyn Entropy,
    ) -> Result<(), Error> {
        self.shares(of)?.decode(of, &mut opened.values)
    }
}
