//! What discrete Gaussian and Skellam noise in shares have in common (Kairouz, Liu & Steinke 2021,
//! algorithms 1 and 2): updates become integers, each participant adds a share of the noise, the
//! coordinator turns the sum back.
//!
//! Under a protection that shows single updates, integers travel as f32: x·2⁻¹⁰, which is exact,
//! as is their mean, from which the sum is the nearest integer. Masks take the integers themselves.

use crate::noise::{Discretiser, Setting, Stream};
use tacit_core::bound::Bound;
use tacit_core::error::Error;
use tacit_core::registry::{Default, Kind, Parameter};
use tacit_core::rng::Seed;
use tacit_core::traits::Calibration;
use zeroize::Zeroizing;

/// Integers travel in these units, so that they stay within the range of updates.
pub(super) const UNIT: f64 = 1.0 / 1024.0;

/// Largest probability that any value of a sum wraps around, which is a loss of use, not of
/// privacy.
const OVERFLOW: f64 = 1e-6;

/// β of the rounding, as in the paper.
const BETA: f64 = 0.606_530_659_712_633_4;

pub(super) const PARAMETERS: &[Parameter] = &[
    super::positive(
        "noise_multiplier",
        1.0,
        "Standard deviation of the noise of the fewest honest contributions, over the L2 norm of \
         one, after rounding.",
    ),
    Parameter {
        name: "bits",
        help: "Bits of one value.",
        kind: Kind::Integer { min: 4, max: 22 },
        default: Default::Integer(16),
    },
];

/// Updates as integers for one calibration.
pub(super) struct Shares {
    discretiser: Discretiser,
    /// Standard deviation of one participant's share.
    pub sigma: f64,
    /// Fewest shares that count.
    pub honest: usize,
    /// Values of an encoded update.
    pub len: usize,
    /// Sensitivities in units of the integers.
    pub norm_l1: f64,
    pub norm_l2: f64,
    bits: u32,
}

impl Shares {
    /// The finest integers for which sums of the planned cohort with their noise do not wrap.
    pub fn new(of: &Calibration, noise_multiplier: f64, bits: u32) -> Result<Self, Error> {
        let clip = of.bound.l2(of.len).ok_or_else(super::unbounded)?;
        if of.honest == 0 {
            let expected = "more than the colluding part of cohort.size";
            return Err(Error::caller("cohort.minimum", expected, "no honest contribution"));
        }
        let made = |scale: f64| -> Result<(Self, f64), Error> {
            let setting = Setting { dimension: of.len, clip, scale, bits, beta: BETA };
            let discretiser = Discretiser::new(setting)?;
            let norm_l2 = discretiser.norm_l2();
            let sigma = noise_multiplier * norm_l2 / (of.honest as f64).sqrt();
            let overflow = discretiser.overflow(of.size, sigma * sigma * of.size as f64);
            let (len, norm_l1) = (discretiser.encoded_len(), discretiser.norm_l1());
            let honest = of.honest;
            Ok((Self { discretiser, sigma, honest, len, norm_l1, norm_l2, bits }, overflow))
        };
        let (mut low, mut high) = (1e-9 / clip, 2f64.powi(30) / clip);
        for _ in 0..80 {
            let middle = (low * high).sqrt();
            *if made(middle)?.1 <= OVERFLOW { &mut low } else { &mut high } = middle;
        }
        let (shares, overflow) = made(low)?;
        if overflow > OVERFLOW || shares.norm_l2 / (low * clip) > 4.0 {
            let expected = "enough for the cohort and its noise";
            return Err(Error::caller("bits of the mechanism", expected, bits.to_string()));
        }
        Ok(shares)
    }

    /// Signs that everybody of a round shares.
    fn rotation(of: &Calibration) -> Seed {
        of.seed.derive("tacit/v1/share-rotation", &[&of.round.to_le_bytes()])
    }

    /// Integers with this share of the noise, as they travel.
    pub fn encode(
        &self,
        of: &Calibration,
        values: &mut Vec<f32>,
        stream: &mut Stream,
        fill: impl FnOnce(&mut [i64], &mut Stream),
    ) -> Result<(), Error> {
        let encoded = self.discretiser.encode(values, Self::rotation(of), stream)?;
        let mut noise = Zeroizing::new(vec![0; self.len]);
        fill(&mut noise, stream);
        let unused = 32 - self.bits;
        let sent = self.discretiser.reduce(&encoded, &noise)?;
        let centred = sent.into_iter().map(|x| ((x << unused) as i32) >> unused);
        *values = centred.map(|x| (f64::from(x) * UNIT) as f32).collect();
        Ok(())
    }

    /// The mean over the planned size, from the mean of what travelled.
    pub fn decode(&self, of: &Calibration, values: &mut Vec<f32>) -> Result<(), Error> {
        let size = of.size as f64;
        let integers = values.iter().map(|x| (f64::from(*x) * size / UNIT).round() as i64 as u32);
        let mask = u32::MAX >> (32 - self.bits);
        let sum: Vec<u32> = integers.map(|x| x & mask).collect();
        let mut decoded = self.discretiser.decode(&sum, Self::rotation(of))?;
        decoded.iter_mut().for_each(|x| *x = (f64::from(*x) / size) as f32);
        *values = decoded;
        Ok(())
    }

    /// No integer is longer than its bits.
    pub fn sent(&self) -> Bound {
        Bound::Linf { limit: 2f64.powi(self.bits as i32 - 1) * UNIT }
    }
}
