//! What discrete Gaussian and Skellam noise in shares have in common (Kairouz, Liu & Steinke 2021,
//! algorithms 1 and 2): updates become integers, each participant adds a share of the noise, the
//! coordinator turns the sum back.
//!
//! Under a protection that shows single updates, integers travel as f32: x·2⁻¹⁰, which is exact,
//! as is their mean, from which the sum is the nearest integer. Masks take the integers themselves.

use super::count::{Count, Room};
use crate::noise::{Discretiser, Setting, Stream};
use tacit_core::bound::Bound;
use tacit_core::error::Error;
use tacit_core::registry::{Default, Kind, Parameter};
use tacit_core::rng::Seed;
use tacit_core::traits::{Calibration, Opened};
use zeroize::Zeroizing;

/// Integers travel in these units, so that they stay within the range of updates.
pub(super) const UNIT: f64 = 1.0 / 1024.0;

/// Largest probability that any value of a sum wraps around, and the same of its count: a loss of
/// use, not of privacy.
pub(super) const OVERFLOW: f64 = 0.5e-6;

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
    super::positive(
        "count_noise",
        10.0,
        "Standard deviation of the noise of the fewest honest contributions on the count that \
         clip_quantile follows, at least.",
    ),
];

/// What a plan says of noise in shares.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub noise_multiplier: f64,
    pub count_noise: f64,
    pub bits: u32,
}

/// Updates as integers for one calibration. All but `clip` is the same for every clipping norm:
/// an update is a multiple of it before it becomes integers.
pub(super) struct Shares {
    discretiser: Discretiser,
    /// Clipping norm.
    clip: f64,
    count: Count,
    /// Standard deviation of one participant's share.
    pub sigma: f64,
    /// Fewest shares that count.
    pub honest: usize,
    /// Values that travel of an update.
    pub len: usize,
    /// Sensitivities in units of the integers.
    pub norm_l1: f64,
    pub norm_l2: f64,
    bits: u32,
}

impl Shares {
    /// The finest integers for which sums of the planned cohort with their noise do not wrap.
    pub fn new(of: &Calibration, asked: Asked) -> Result<Self, Error> {
        let clip = of.bound.l2(of.len).ok_or_else(super::unbounded)?;
        if of.honest == 0 {
            let expected = "more than the colluding part of cohort.size";
            return Err(Error::caller("cohort.minimum", expected, "no honest contribution"));
        }
        let (mut low, mut high) = (1e-9, 2f64.powi(30));
        for _ in 0..80 {
            let middle = f64::sqrt(low * high);
            let fits = Self::at(of, asked, middle)?.is_some();
            *if fits { &mut low } else { &mut high } = middle;
        }
        match Self::at(of, asked, low)? {
            Some(shares) if shares.discretiser.norm_l2() / low <= 4.0 => {
                Ok(Self { clip, ..shares })
            }
            _ => {
                let (expected, found) = ("enough for the cohort and its noise", asked.bits);
                Err(Error::caller("bits of the mechanism", expected, found.to_string()))
            }
        }
    }

    /// With so many units to the clipping norm; `None` where sums would wrap.
    fn at(of: &Calibration, asked: Asked, scale: f64) -> Result<Option<Self>, Error> {
        let Asked { noise_multiplier, count_noise, bits } = asked;
        let setting = Setting { dimension: of.len, clip: 1.0, scale, bits, beta: BETA };
        let discretiser = Discretiser::new(setting)?;
        let (honest, size) = (of.honest, of.size);
        let fewest = noise_multiplier * discretiser.norm_l2();
        let sigma = fewest / (honest as f64).sqrt();
        let all = sigma * (size as f64).sqrt();
        if discretiser.overflow(size, all * all) > OVERFLOW {
            return Ok(None);
        }
        let room = Room { len: discretiser.encoded_len(), size, all, fewest, bits };
        let count = match of.counted {
            true => Count::within(&room, count_noise),
            false => Some(Count::default()),
        };
        Ok(count.map(|count| Self {
            clip: 1.0,
            sigma,
            honest,
            len: discretiser.encoded_len() + count.places,
            norm_l1: discretiser.norm_l1() + count.sum(),
            norm_l2: discretiser.norm_l2().hypot(count.squared().sqrt()),
            bits,
            count,
            discretiser,
        }))
    }

    /// Signs that everybody of a round shares.
    fn rotation(of: &Calibration) -> Seed {
        of.seed.derive("tacit/v1/share-rotation", &[&of.round.to_le_bytes()])
    }

    /// Integers with this share of the noise, as they travel.
    pub fn encode(
        &self,
        of: &Calibration,
        (values, within): (&mut Vec<f32>, bool),
        stream: &mut Stream,
        fill: impl FnOnce(&mut [i64], &mut Stream),
    ) -> Result<(), Error> {
        let of_clip = values.iter().map(|x| (f64::from(*x) / self.clip) as f32);
        let of_clip = Zeroizing::new(of_clip.collect::<Vec<f32>>());
        let encoded = self.discretiser.encode(&of_clip, Self::rotation(of), stream)?;
        let mut noise = Zeroizing::new(vec![0; self.len]);
        fill(&mut noise, stream);
        let (noise, of_count) = noise.split_at(encoded.len());
        let mut sent = self.discretiser.reduce(&encoded, noise)?;
        sent.extend(of_count.iter().map(|noise| (self.count.of(within) + noise) as u32));
        *values = sent.iter().map(|x| (self.centred(*x) * UNIT) as f32).collect();
        Ok(())
    }

    /// The integer from −2ᵇ⁻¹ on that is congruent.
    fn centred(&self, x: u32) -> f64 {
        let unused = 32 - self.bits;
        f64::from(((x << unused) as i32) >> unused)
    }

    /// The mean over the planned size and the count, from the mean of what travelled.
    pub fn decode(&self, of: &Calibration, opened: &mut Opened) -> Result<(), Error> {
        let size = of.size as f64;
        let integers = opened.values.iter();
        let integers = integers.map(|x| (f64::from(*x) * size / UNIT).round() as i64 as u32);
        let mask = u32::MAX >> (32 - self.bits);
        let mut sum: Vec<u32> = integers.map(|x| x & mask).collect();
        if sum.len() != self.len {
            let (expected, found) = (self.len.to_string(), sum.len().to_string());
            return Err(Error::caller("values of a sum in shares", expected, found));
        }
        let counts = sum.split_off(self.discretiser.encoded_len());
        if of.counted {
            opened.count = self.count.read(counts.into_iter().map(|x| self.centred(x)));
        }
        let mut decoded = self.discretiser.decode(&sum, Self::rotation(of))?;
        let unit = self.clip / size;
        decoded.iter_mut().for_each(|x| *x = (f64::from(*x) * unit) as f32);
        opened.values = decoded;
        Ok(())
    }

    /// No integer is longer than its bits.
    pub fn sent(&self) -> Bound {
        Bound::Linf { limit: 2f64.powi(self.bits as i32 - 1) * UNIT }
    }
}
