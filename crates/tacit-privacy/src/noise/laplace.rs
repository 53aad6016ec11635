//! The discrete Laplace distribution P(x) ∝ exp(−|x|/b), and Laplace noise for real values on a
//! lattice.
//!
//! X = ±(1 + G) with probability 2r/(1 + r), else 0, where r = exp(−1/b) and G is geometric:
//! P(G = g) = (1 − r)·r^g. The digits of G in base 256 are independent: P(digit j = d) ∝
//! exp(−256^j·d/b), because exp(−g/b) is the product over the digits. So each digit is one look-up
//! in a table of its own, in constant time; digits whose chance of not being 0 is below 2⁻⁸⁰ are
//! left out.

use super::gaussian::Scratch;
use super::stream::Stream;
use super::table::{TAIL, Table};
use super::wide::{Wide, decompose};
use tacit_core::error::Error;
use zeroize::Zeroizing;

const MIN_SCALE: f64 = 1.0 / 16.0;
const MAX_SCALE: f64 = (1u64 << 40) as f64;

/// Values of a digit.
const BASE: u64 = 256;

/// Samples of the discrete Laplace distribution over the integers.
pub struct DiscreteLaplace {
    scale: f64,
    /// Whether a sample is not 0.
    other: Table,
    /// From the lowest.
    digits: Vec<Table>,
    total_variation: f64,
}

/// exp(−place/scale): the ratio of a digit's neighbouring probabilities.
fn ratio(scale: f64, place: u128) -> Wide {
    let (m, e) = decompose(scale);
    Wide::ratio(place, u128::from(m), -e).exp_of_minus()
}

/// Probabilities of a digit's values, in proportion.
pub(super) fn weights(scale: f64, place: u128) -> Vec<Wide> {
    let ratio = ratio(scale, place);
    let next = |weight: &Wide| Some(weight.mul(&ratio));
    std::iter::successors(Some(Wide::ONE), next).take(BASE as usize).collect()
}

impl DiscreteLaplace {
    /// P(x) ∝ exp(−|x|/scale) for a scale from 1/16 to 2⁴⁰.
    pub fn new(scale: f64) -> Result<Self, Error> {
        if !(MIN_SCALE..=MAX_SCALE).contains(&scale) {
            let expected = format!("a number from {MIN_SCALE} to {MAX_SCALE}");
            return Err(Error::caller("scale", expected, scale.to_string()));
        }
        let bug = || Error::Bug("table of a geometric digit");
        let r = ratio(scale, 1);
        let other = Table::new(&[Wide::ONE.sub(&r), r.times(2)]).ok_or_else(bug)?;
        let (mut digits, mut place) = (Vec::new(), 1.0);
        // P(some digit from here on is not 0) = r^place
        while (-place / scale).exp() > TAIL {
            digits.push(Table::new(&weights(scale, place as u128)).ok_or_else(bug)?);
            place *= BASE as f64;
        }
        let tables = digits.iter().map(Table::total_variation).sum::<f64>();
        let total_variation = other.total_variation() + tables + TAIL;
        Ok(Self { scale, other, digits, total_variation })
    }

    /// b; the standard deviation is about √2·b.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Bound of the total variation between a sample and the ideal distribution.
    pub fn total_variation(&self) -> f64 {
        self.total_variation
    }

    /// Fills `out` with independent samples.
    pub fn fill(&self, out: &mut [i64], stream: &mut Stream) {
        let mut scratch = Scratch::new();
        let mut factors = Zeroizing::new(vec![0; Scratch::LEN]);
        for block in out.chunks_mut(Scratch::LEN) {
            let factors = &mut factors[..block.len()];
            block.fill(0);
            for digit in self.digits.iter().rev() {
                scratch.add(digit, BASE as i64, block, stream);
            }
            factors.fill(0);
            scratch.add_signed(&self.other, 0, factors, stream);
            block.iter_mut().zip(factors).for_each(|(x, factor)| *x = *factor * (*x + 1));
        }
    }
}

const RATIO_BITS: i32 = 31;
const MAX_REAL_SCALE: f64 = (1u128 << 90) as f64;
const MAX_VALUE_SCALES: f64 = (1u64 << 30) as f64;

/// Adds Laplace noise to real values by way of a lattice, as
/// [`LatticeGaussian`](super::LatticeGaussian) does: multiples of the power of two γ for which
/// 2³¹ ≤ b/γ < 2³².
///
/// For inputs that are rounded to the lattice discrete noise of scale b is ε-private with
/// ε = Δ₁/b, as continuous noise is (Ghosh et al. 2009): nothing is lost but what rounding adds
/// to Δ₁.
pub struct LatticeLaplace {
    spacing: f64,
    noise: DiscreteLaplace,
}

impl LatticeLaplace {
    /// Noise of density exp(−|x|/scale)/2·scale, for a scale from 2^−90 to 2⁹⁰.
    pub fn new(scale: f64) -> Result<Self, Error> {
        if !(1.0 / MAX_REAL_SCALE..=MAX_REAL_SCALE).contains(&scale) {
            return Err(Error::caller("scale", "a number from 2^-90 to 2^90", scale.to_string()));
        }
        let (_, exponent) = decompose(scale);
        let spacing = 2f64.powi(exponent + 52 - RATIO_BITS);
        Ok(Self { spacing, noise: DiscreteLaplace::new(scale / spacing)? })
    }

    /// γ, the distance of the lattice's points.
    pub fn spacing(&self) -> f64 {
        self.spacing
    }

    /// Adds noise in place; returns a bound of the total variation of the whole vector's noise and
    /// what rounding adds to its L1 sensitivity. Values must be finite and within ±2³⁰ scales;
    /// otherwise nothing changes.
    pub fn add(&self, values: &mut [f32], stream: &mut Stream) -> Result<(f64, f64), Error> {
        let limit = MAX_VALUE_SCALES * self.noise.scale * self.spacing;
        super::lattice::check(values, limit)?;
        super::lattice::add(values, self.spacing, stream, |noise, stream| {
            self.noise.fill(noise, stream);
        });
        Ok(self.added(values.len()))
    }

    /// What noise on `count` values costs beyond the ideal: total variation, and L1 sensitivity.
    pub fn added(&self, count: usize) -> (f64, f64) {
        let count = count as f64;
        ((count * self.noise.total_variation).min(1.0), count * self.spacing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_scales_are_refused() {
        for scale in [f64::NAN, 0.0, -1.0, 0.01, 1e13] {
            assert!(DiscreteLaplace::new(scale).is_err(), "{scale}");
        }
        assert!(LatticeLaplace::new(f64::INFINITY).is_err());
        let lattice = LatticeLaplace::new(1.0).unwrap();
        assert!(lattice.add(&mut [f32::NAN], &mut Stream::for_test(0)).is_err());
    }

    #[test]
    fn errors_are_small() {
        for scale in [0.1, 1.0, 300.0, 4e9, 1e12] {
            let laplace = DiscreteLaplace::new(scale).unwrap();
            assert!(laplace.total_variation() < 4.0 * TAIL, "{scale}");
        }
    }

    #[test]
    fn real_noise_has_the_scale() {
        let lattice = LatticeLaplace::new(0.37).unwrap();
        let mut values = vec![2.0; 50_000];
        let (_, growth) = lattice.add(&mut values, &mut Stream::for_test(1)).unwrap();
        assert_eq!(growth, 50_000.0 * lattice.spacing());
        let sum: f64 = values.iter().map(|x| f64::from(x - 2.0).abs() / 0.37).sum();
        assert!((sum / 50_000.0 - 1.0).abs() < 4.5 / 50_000f64.sqrt(), "{sum}");
    }
}
