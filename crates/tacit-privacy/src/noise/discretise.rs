//! Updates as integers modulo a power of two, ready for discrete noise and masks
//! (Kairouz, Liu & Steinke 2021, algorithms 1 and 2).
//!
//! A participant clips its update to L2 norm c, multiplies by the scale s, rotates by random signs
//! and the Hadamard transform, which all participants of a round share, and rounds each value up
//! or down at random so that it is right on average; it rounds anew until the norm is within a
//! bound Δ₂ that the accountant knows. Then it adds its share of the noise and reduces modulo 2ᵇ.
//! The sum of all is reduced too; reduction is linear, so it is undone once, for the sum.

use super::stream::Stream;
use tacit_core::error::Error;
use tacit_core::hadamard::{flip, transform};
use tacit_core::rng::Seed;
use zeroize::{Zeroize, Zeroizing};

/// Roundings tried before the promise that one suffices with probability 1 − β counts as broken.
const MAX_TRIES: usize = 10_000;

/// Values of the largest update.
const MAX_DIMENSION: usize = 1 << 36;

/// What participants of a round agree on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Values of an update.
    pub dimension: usize,
    /// c: L2 norm to which updates are clipped.
    pub clip: f64,
    /// s: units per 1; the paper's 1/γ.
    pub scale: f64,
    /// b: integers are modulo 2ᵇ; 2 to 32.
    pub bits: u32,
    /// β: bound of the probability that a rounding is too long; the paper uses e^(−1/2).
    pub beta: f64,
}

/// Turns updates into integers and their sums back.
#[derive(Clone, Copy, Debug)]
pub struct Discretiser {
    setting: Setting,
    /// Dimension after filling up to a power of two.
    padded: usize,
    squared_bound: f64,
}

fn within(what: &'static str, good: bool, expected: &str, found: f64) -> Result<(), Error> {
    if good { Ok(()) } else { Err(Error::caller(what, expected, found.to_string())) }
}

impl Discretiser {
    /// Refuses what is not positive and finite, and scales beyond 32-bit integers.
    pub fn new(setting: Setting) -> Result<Self, Error> {
        let Setting { dimension, clip, scale, bits, beta } = setting;
        let sized = (1..=MAX_DIMENSION).contains(&dimension);
        within("dimension", sized, "1 to 2^36", dimension as f64)?;
        within("clip", clip > 0.0 && clip.is_finite(), "a positive number", clip)?;
        let long = scale * clip;
        within("scale", scale > 0.0 && long <= 2f64.powi(31), "clip · scale in (0, 2^31]", scale)?;
        within("bits", (2..=32).contains(&bits), "2 to 32", f64::from(bits))?;
        within("beta", beta > 0.0 && beta < 1.0, "a number between 0 and 1", beta)?;
        let padded = dimension.next_power_of_two();
        let root = (padded as f64).sqrt();
        // §3.1, proposition 22: the worst case, or what holds with probability 1 − β
        let worst = (long + root).powi(2);
        let spread = (-2.0 * beta.ln()).sqrt() * (long + root / 2.0);
        let likely = long * long + padded as f64 / 4.0 + spread;
        Ok(Self { setting, padded, squared_bound: worst.min(likely) })
    }

    /// Values of an encoded update: the next power of two.
    pub fn encoded_len(&self) -> usize {
        self.padded
    }

    /// Δ₂: bound of the L2 norm of an encoded update before noise, in units. It is the sensitivity
    /// to adding or removing a participant; to replacing one, twice that.
    pub fn norm_l2(&self) -> f64 {
        self.squared_bound.sqrt()
    }

    /// Δ₁: the same for the L1 norm: min(√d·Δ₂, Δ₂²), since integers are at most their squares.
    pub fn norm_l1(&self) -> f64 {
        ((self.padded as f64).sqrt() * self.norm_l2()).min(self.squared_bound)
    }

    /// A clipped, rotated, rounded update: integers whose L2 norm is at most
    /// [`norm_l2`](Self::norm_l2). `rotation` is public and the same for all of a round.
    pub fn encode(
        &self,
        values: &[f32],
        rotation: Seed,
        stream: &mut Stream,
    ) -> Result<Zeroizing<Vec<i64>>, Error> {
        let mut rotated = self.rotated(values, rotation)?;
        let mut rounded = Zeroizing::new(vec![0; self.padded]);
        let mut words = Zeroizing::new(vec![0; self.padded]);
        for _ in 0..MAX_TRIES {
            stream.fill(&mut words);
            let mut square = 0.0;
            for ((out, x), word) in rounded.iter_mut().zip(rotated.iter()).zip(words.iter()) {
                let x = f64::from(*x);
                let chance = (word >> 11) as f64 * 2f64.powi(-53);
                let integer = x.floor() + f64::from(u8::from(chance < x - x.floor()));
                square += integer * integer;
                *out = integer as i64;
            }
            if square <= self.squared_bound {
                rotated.zeroize();
                return Ok(rounded);
            }
        }
        Err(Error::Bug("no rounding of an update is within its bound"))
    }

    fn rotated(&self, values: &[f32], rotation: Seed) -> Result<Zeroizing<Vec<f32>>, Error> {
        let Setting { dimension, clip, scale, .. } = self.setting;
        if values.len() != dimension {
            let expected = format!("{dimension} values");
            return Err(Error::caller("update", expected, values.len().to_string()));
        }
        let norm = values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        within("update", norm.is_finite(), "finite values", norm)?;
        let factor = if norm > clip { clip / norm * scale } else { scale };
        let mut rotated = Zeroizing::new(vec![0.0; self.padded]);
        let scaled = values.iter().map(|x| (f64::from(*x) * factor) as f32);
        rotated.iter_mut().zip(scaled).for_each(|(out, x)| *out = x);
        flip(&mut rotated, &mut rotation.rng());
        transform(&mut rotated);
        Ok(rotated)
    }

    /// Adds noise and reduces: what travels, each from 0 to 2ᵇ − 1.
    pub fn reduce(&self, encoded: &[i64], noise: &[i64]) -> Result<Vec<u32>, Error> {
        if encoded.len() != self.padded || noise.len() != self.padded {
            let found = format!("{} and {}", encoded.len(), noise.len());
            return Err(Error::caller("encoded update and noise", self.padded.to_string(), found));
        }
        let sums = encoded.iter().zip(noise).map(|(x, noise)| x.wrapping_add(*noise));
        Ok(sums.map(|sum| sum as u32 & self.mask()).collect())
    }

    fn mask(&self) -> u32 {
        u32::MAX >> (32 - self.setting.bits)
    }

    /// Adds one participant's integers to a sum modulo 2ᵇ.
    pub fn accumulate(&self, sum: &mut [u32], term: &[u32]) {
        let mask = self.mask();
        sum.iter_mut().zip(term).for_each(|(sum, x)| *sum = sum.wrapping_add(*x) & mask);
    }

    /// The sum of updates from the sum of integers, which is taken to lie within ±2^(b−1).
    pub fn decode(&self, sum: &[u32], rotation: Seed) -> Result<Vec<f32>, Error> {
        if sum.len() != self.padded {
            let expected = format!("{} values", self.padded);
            return Err(Error::caller("sum", expected, sum.len().to_string()));
        }
        let unused = 32 - self.setting.bits;
        let unit = 1.0 / self.setting.scale;
        let centred = |x: &u32| f64::from(((x << unused) as i32) >> unused);
        let mut values: Vec<f32> = sum.iter().map(|x| (centred(x) * unit) as f32).collect();
        transform(&mut values);
        flip(&mut values, &mut rotation.rng());
        values.truncate(self.setting.dimension);
        Ok(values)
    }

    /// Bound of the probability that any value of the sum of `participants` updates, with noise of
    /// variance `noise_variance` on the whole sum, leaves ±2^(b−1): rotated sums and rounding
    /// errors are sub-Gaussian of variance (ncs)²/d and n/4 (§4, theorem 2).
    pub fn overflow(&self, participants: usize, noise_variance: f64) -> f64 {
        let (count, wide) = (participants as f64, self.padded as f64);
        let longest = count * self.setting.clip * self.setting.scale;
        let variance = longest * longest / wide + count / 4.0 + noise_variance;
        let limit = 2f64.powi(self.setting.bits as i32 - 1);
        (2.0 * wide * (-limit * limit / (2.0 * variance)).exp()).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::DiscreteGaussian;

    const SETTING: Setting =
        Setting { dimension: 1_000, clip: 2.0, scale: 64.0, bits: 16, beta: 0.606_530_659 };

    fn update(seed: u64, norm: f64) -> Vec<f32> {
        let mut rng = Seed::root(seed).rng();
        let values: Vec<f64> = (0..SETTING.dimension).map(|_| rng.normal()).collect();
        let found = values.iter().map(|x| x * x).sum::<f64>().sqrt();
        values.iter().map(|x| (x * norm / found) as f32).collect()
    }

    #[test]
    fn settings_that_cannot_be_are_refused() {
        let bad = [
            Setting { dimension: 0, ..SETTING },
            Setting { clip: -1.0, ..SETTING },
            Setting { clip: f64::NAN, ..SETTING },
            Setting { scale: 1e15, ..SETTING },
            Setting { scale: 0.0, ..SETTING },
            Setting { bits: 33, ..SETTING },
            Setting { beta: 1.0, ..SETTING },
        ];
        assert!(bad.iter().all(|setting| Discretiser::new(*setting).is_err()));
        let discretiser = Discretiser::new(SETTING).unwrap();
        let (seed, mut stream) = (Seed::root(1), Stream::for_test(1));
        assert!(discretiser.encode(&[1.0], seed, &mut stream).is_err());
        assert!(discretiser.encode(&[f32::NAN; 1_000], seed, &mut stream).is_err());
        assert!(discretiser.decode(&[0; 1_000], seed).is_err());
        assert!(discretiser.reduce(&[0; 1_000], &[0; 1_024]).is_err());
    }

    /// By hand: c·s = 128, d = 1024, √d = 32, √(2·ln(1/β)) = 1.
    #[test]
    fn bounds_are_the_papers() {
        let discretiser = Discretiser::new(SETTING).unwrap();
        let squared: f64 = 128.0 * 128.0 + 256.0 + 128.0 + 16.0;
        assert!((discretiser.norm_l2() - squared.sqrt()).abs() < 1e-6);
        assert!((discretiser.norm_l1() - 32.0 * squared.sqrt()).abs() < 1e-4);
        let coarse = Discretiser::new(Setting { scale: 0.01, dimension: 4, ..SETTING }).unwrap();
        assert!((coarse.norm_l1() - coarse.norm_l2().powi(2)).abs() < 1e-9);
        assert!(discretiser.overflow(10, 100.0) < 1e-9 && discretiser.overflow(10_000, 0.0) > 0.1);
    }

    #[test]
    fn encodings_are_within_the_bound_and_right_on_average() {
        let discretiser = Discretiser::new(SETTING).unwrap();
        let (seed, mut stream) = (Seed::root(2), Stream::for_test(2));
        for norm in [0.0, 1.0, 2.0, 50.0] {
            let values = update(3, norm);
            let count = 400;
            let mut sum = vec![0; discretiser.encoded_len()];
            for _ in 0..count {
                let encoded = discretiser.encode(&values, seed, &mut stream).unwrap();
                let square: i64 = encoded.iter().map(|x| x * x).sum();
                assert!((square as f64).sqrt() <= discretiser.norm_l2());
                let none = vec![0; encoded.len()];
                discretiser.accumulate(&mut sum, &discretiser.reduce(&encoded, &none).unwrap());
            }
            let decoded = discretiser.decode(&sum, seed).unwrap();
            let shrink = if norm > 2.0 { 2.0 / norm } else { 1.0 };
            // rounding: a variance of at most ¼ per value and update, in units of 1/64
            let limit = 4.9 * 0.5 / 64.0 * f64::from(count).sqrt();
            for (x, sum) in values.iter().zip(decoded) {
                let off = f64::from(sum) - f64::from(count) * f64::from(*x) * shrink;
                assert!(off.abs() < limit, "{off}");
            }
        }
    }

    /// Ten participants with noise; the sum wraps around on the way and comes back.
    #[test]
    fn noisy_sums_decode() {
        let discretiser = Discretiser::new(Setting { bits: 12, ..SETTING }).unwrap();
        let noise = DiscreteGaussian::new(4.0).unwrap();
        let (seed, mut stream) = (Seed::root(4), Stream::for_test(4));
        let mut sum = vec![0; discretiser.encoded_len()];
        let mut expected = vec![0.0; SETTING.dimension];
        for participant in 0..10 {
            let values = update(participant, 2.0);
            expected.iter_mut().zip(&values).for_each(|(sum, x)| *sum += x);
            let encoded = discretiser.encode(&values, seed, &mut stream).unwrap();
            let mut added = vec![0; encoded.len()];
            noise.fill(&mut added, &mut stream);
            let reduced = discretiser.reduce(&encoded, &added).unwrap();
            assert!(reduced.iter().all(|x| *x < 1 << 12) && reduced.iter().any(|x| *x > 4_000));
            discretiser.accumulate(&mut sum, &reduced);
        }
        let decoded = discretiser.decode(&sum, seed).unwrap();
        let errors = decoded.iter().zip(&expected).map(|(x, y)| f64::from(x - y).powi(2));
        let variance = errors.sum::<f64>() / 1_000.0 * 64.0 * 64.0;
        // noise 10·16, rounding at most 10/4
        assert!((150.0..180.0).contains(&variance), "{variance}");
    }
}
