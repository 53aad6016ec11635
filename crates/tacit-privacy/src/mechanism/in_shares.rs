//! A mechanism whose noise is added in shares: what `discrete-gaussian` and `skellam` are, but for
//! the distribution.

use super::shares::{Asked, Shares, UNIT};
use crate::noise::Stream;
use std::marker::PhantomData;
use tacit_core::bound::Bound;
use tacit_core::error::Error;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::registry::Arguments;
use tacit_core::traits::{Calibration, Entropy, Mechanism, Opened, Party};

/// A distribution of which each participant draws its share.
pub(super) trait Share: Sized + 'static {
    /// Of this standard deviation, in units of the integers.
    fn new(sigma: f64) -> Result<Self, Error>;
    /// Independent samples.
    fn fill(&self, out: &mut [i64], stream: &mut Stream);
    /// Of one sample.
    fn total_variation(&self) -> f64;
    /// What the account states of the sum of the fewest honest shares.
    fn stated(&self, shares: &Shares) -> Result<Noise, Error>;
}

/// See the module.
pub(super) struct InShares<S> {
    asked: Asked,
    share: PhantomData<fn() -> S>,
}

impl<S: Share> InShares<S> {
    /// The rule, from its [`PARAMETERS`](super::shares::PARAMETERS).
    pub fn boxed(arguments: &Arguments) -> Result<Box<dyn Mechanism>, Error> {
        Ok(Box::new(Self {
            asked: Asked {
                noise_multiplier: arguments.number("noise_multiplier")?,
                count_noise: arguments.number("count_noise")?,
                bits: arguments.integer("bits")? as u32,
            },
            share: PhantomData,
        }))
    }

    fn shares(&self, of: &Calibration) -> Result<Shares, Error> {
        Shares::new(of, self.asked)
    }
}

impl<S: Share> Mechanism for InShares<S> {
    fn by(&self) -> Party {
        Party::Cohort
    }

    fn discrete(&self) -> bool {
        true
    }

    fn counts(&self) -> bool {
        true
    }

    fn cost(&self, of: &Calibration) -> Result<Cost, Error> {
        let shares = self.shares(of)?;
        let share = S::new(shares.sigma)?;
        let samples = shares.len as f64 * of.largest as f64;
        Ok(Cost::Bounded {
            noise: share.stated(&shares)?,
            total_variation: (samples * share.total_variation()).min(1.0),
        })
    }

    fn ring(&self) -> Option<(u32, f64)> {
        Some((self.asked.bits, UNIT))
    }

    fn share(
        &self,
        of: &Calibration,
        values: &mut Vec<f32>,
        within: bool,
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        let shares = self.shares(of)?;
        let share = S::new(shares.sigma)?;
        let stream = &mut Stream::from_entropy(entropy)?;
        shares.encode(of, (values, within), stream, |out, stream| share.fill(out, stream))
    }

    fn sent(&self, of: &Calibration) -> (usize, Bound) {
        match self.shares(of) {
            Ok(shares) => (shares.len, shares.sent()),
            Err(_) => (of.len.next_power_of_two(), Bound::None),
        }
    }

    fn open(
        &self,
        of: &Calibration,
        opened: &mut Opened,
        _: &mut dyn Entropy,
    ) -> Result<(), Error> {
        self.shares(of)?.decode(of, opened)
    }
}
