//! Gaussian noise for real values: on a lattice.
//!
//! Values are rounded to multiples of γ, the power of two for which 2³¹ ≤ σ/γ < 2³²; discrete
//! Gaussian noise is added as an integer; the sum becomes a floating-point number again last. That
//! is post-processing, so rounding tells nothing that the integers do not, unlike a Gaussian that
//! is computed in floating point (Mironov 2012; Canonne, Kamath & Steinke 2020, §1).
//!
//! Against the mechanism with continuous noise there are two differences, both returned as
//! numbers. Rounding moves two neighbouring inputs apart by at most γ in each coordinate: √d·γ in
//! L2. And the noise is not quite a rounded continuous Gaussian, which would be post-processing of
//! one, so that every accountant of the Gaussian mechanism holds: see [`rounding_distance`].

use super::gaussian::DiscreteGaussian;
use super::stream::Stream;
use super::wide::decompose;
use tacit_core::error::Error;
use zeroize::Zeroizing;

/// log₂ of the smallest σ/γ.
const RATIO_BITS: i32 = 31;

/// σ is from 2^−90 to 2⁹⁰, so that neither γ nor a noisy value leaves the range of f32.
const MAX_SIGMA: f64 = (1u128 << 90) as f64;

/// Largest value in units of σ: what is larger has no need of noise, or a wrong unit.
const MAX_VALUE_SIGMAS: f64 = (1u64 << 30) as f64;

/// Samples made at a time.
const BLOCK: usize = 8_192;

/// Adds Gaussian noise to real values by way of a lattice.
pub struct LatticeGaussian {
    sigma: f64,
    spacing: f64,
    noise: DiscreteGaussian,
}

/// What was added to a vector, beyond the Gaussian noise that was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Added {
    /// Bound of the total variation between the noise of the whole vector and continuous Gaussian
    /// noise that is rounded to the lattice. (ε, δ) for the latter is (ε, δ + (1 + e^ε)·this).
    pub total_variation: f64,
    /// What rounding adds to the L2 sensitivity of the vector.
    pub sensitivity_growth: f64,
}

/// Bound of the total variation between the discrete Gaussian of `sigma` ≥ 16 and a continuous one
/// that is rounded to the nearest integer: 1/(40σ²); for less, 1.
///
/// Proof. Let f be the continuous density, q_k = ∫ f over \[k − ½, k + ½\], and p_k = f(k)/Z with
/// Z = Σf(k), which by Poisson's summation is 1 but for 2.1·exp(−2π²σ²). Since f(k+t) + f(k−t) −
/// 2f(k) = ∫ (t − |r|)·f″(k+r) dr over |r| ≤ t, and a sum over a lattice differs from the integral
/// by at most the total variation of the function, Σ_k |f″(k+r)| ≤ ∫|f″| + ∫|f‴| ≤ 0.968/σ² +
/// 1.511/σ³. With ∫₀^½ t² dt = 1/24: ½Σ|q_k − f(k)| ≤ (0.968/σ² + 1.511/σ³)/48 < 0.0222/σ² for
/// σ ≥ 16, and exp(−2π²σ²) is far below what is left to 0.025/σ².
pub fn rounding_distance(sigma: f64) -> f64 {
    if sigma >= 16.0 { 1.0 / (40.0 * sigma * sigma) } else { 1.0 }
}

impl LatticeGaussian {
    /// Noise of standard deviation σ, from 2^−90 to 2⁹⁰.
    pub fn new(sigma: f64) -> Result<Self, Error> {
        if !(1.0 / MAX_SIGMA..=MAX_SIGMA).contains(&sigma) {
            return Err(Error::caller("sigma", "a number from 2^-90 to 2^90", sigma.to_string()));
        }
        let (_, exponent) = decompose(sigma);
        let spacing = 2f64.powi(exponent + 52 - RATIO_BITS);
        Ok(Self { sigma, spacing, noise: DiscreteGaussian::new(sigma / spacing)? })
    }

    /// σ.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// γ, the distance of the lattice's points.
    pub fn spacing(&self) -> f64 {
        self.spacing
    }

    /// What noise on `count` values costs beyond the ideal.
    pub fn added(&self, count: usize) -> Added {
        let count = count as f64;
        let each = self.noise.total_variation() + rounding_distance(self.noise.sigma());
        Added {
            total_variation: (count * each).min(1.0),
            sensitivity_growth: count.sqrt() * self.spacing,
        }
    }

    /// Adds noise in place. Values must be finite and within ±2³⁰·σ; otherwise nothing changes.
    pub fn add(&self, values: &mut [f32], stream: &mut Stream) -> Result<Added, Error> {
        check(values, MAX_VALUE_SIGMAS * self.sigma)?;
        add(values, self.spacing, stream, |noise, stream| self.noise.fill(noise, stream));
        Ok(self.added(values.len()))
    }
}

/// Refuses values that are not finite or beyond `limit`.
pub(super) fn check(values: &[f32], limit: f64) -> Result<(), Error> {
    let bad = |x: &f32| x.is_nan() || f64::from(x.abs()) > limit;
    match values.iter().position(bad) {
        None => Ok(()),
        Some(place) => {
            let expected = format!("a finite number within {limit:e}");
            let found = format!("{} at place {place}", values[place]);
            Err(Error::caller("value to add noise to", expected, found))
        }
    }
}

/// Rounds values to multiples of `spacing`, a power of two, and adds multiples from `fill`.
pub(super) fn add(
    values: &mut [f32],
    spacing: f64,
    stream: &mut Stream,
    fill: impl Fn(&mut [i64], &mut Stream),
) {
    let scale = 1.0 / spacing;
    let mut noise = Zeroizing::new(vec![0; BLOCK.min(values.len())]);
    for block in values.chunks_mut(BLOCK) {
        let noise = &mut noise[..block.len()];
        fill(noise, stream);
        pulp::Arch::new().dispatch(|| {
            for (x, noise) in block.iter_mut().zip(noise) {
                let place = (f64::from(*x) * scale).round_ties_even() as i64;
                *x = ((place + *noise) as f64 * spacing) as f32;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_noised_is_refused_unchanged() {
        for sigma in [f64::NAN, 0.0, -1.0, 1e-30, 1e30, f64::INFINITY] {
            assert!(LatticeGaussian::new(sigma).is_err(), "{sigma}");
        }
        let lattice = LatticeGaussian::new(1e-3).unwrap();
        for bad in [f32::NAN, f32::INFINITY, -3e6] {
            let mut values = [1.0, bad, 2.0];
            let error = lattice.add(&mut values, &mut Stream::for_test(0)).unwrap_err();
            assert!(error.to_string().ends_with("at place 1"), "{error}");
            assert_eq!((values[0], values[2]), (1.0, 2.0));
        }
    }

    /// The integers on either side of 0 have the densities that the bound says.
    #[test]
    fn rounded_gaussians_are_as_near_as_stated() {
        for sigma in [16.0, 20.0, 50.0] {
            let density = |x: f64| (-x * x / (2.0 * sigma * sigma)).exp();
            let far = (40.0 * sigma) as i64;
            let whole: f64 = (-far..=far).map(|k| density(k as f64)).sum();
            let cell = |k: f64| {
                // Simpson's rule with 8 intervals
                let point = |i: i32| density(k - 0.5 + f64::from(i) / 8.0);
                let inner: f64 = (1..8).map(|i| point(i) * f64::from(2 + 2 * (i % 2))).sum();
                (point(0) + inner + point(8)) / 24.0
            };
            let rounded: f64 = (-far..=far).map(|k| cell(k as f64)).sum();
            let apart = |k: i64| (density(k as f64) / whole - cell(k as f64) / rounded).abs();
            let distance = (-far..=far).map(apart).sum::<f64>() / 2.0;
            let bound = rounding_distance(sigma);
            assert!(distance < bound && distance > 0.7 * bound, "{distance} {bound}");
        }
    }

    #[test]
    fn noise_has_the_scale_of_sigma_and_lies_on_the_lattice() {
        for sigma in [1e-6, 0.75, 1.0, 3e4] {
            let lattice = LatticeGaussian::new(sigma).unwrap();
            let ratio = sigma / lattice.spacing();
            assert!((2f64.powi(31)..2f64.powi(32)).contains(&ratio), "{sigma}");
            let shift = (5.0 * sigma) as f32;
            let mut values = vec![shift; 50_000];
            let added = lattice.add(&mut values, &mut Stream::for_test(3)).unwrap();
            assert!(added.total_variation < 1e-14);
            assert_eq!(added.sensitivity_growth, 50_000f64.sqrt() * lattice.spacing());
            let noise = values.iter().map(|x| f64::from(x - shift) / sigma);
            let (sum, squares) = noise.fold((0.0, 0.0), |(s, q), x| (s + x, q + x * x));
            assert!(sum.abs() < 4.5 * 50_000f64.sqrt(), "{sum}");
            assert!((squares / 50_000.0 - 1.0).abs() < 4.5 * (2.0f64 / 50_000.0).sqrt());
        }
    }
}
