//! Gradients in fixed point: what a proof about integers says about floating-point values.
//!
//! Coordinate x stands for the integer x · scale. [`FixedPoint::clip`] brings a gradient to values
//! that are such integers exactly, within the bounds: so what is proved is about the very values
//! that are sent, without a rounding error in between.

use super::interval::Interval;
use super::terms::Terms;
use super::update::{self, Shown};
use crate::pedersen::Blindings;
use crate::transcript::Occasion;
use tacit_core::error::{Error, Refusal};
use tacit_core::params;
use tacit_core::proof::Secret;
use tacit_core::traits::Entropy;

/// Integers of this magnitude and less are told apart as f32, whatever the scale.
const LARGEST: f64 = (1 << 24) as f64;

/// Bounds of a gradient's coordinates and of its norm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedPoint {
    scale: u32,
    interval: Interval,
    norm_l2: Option<f64>,
}

impl FixedPoint {
    /// Coordinates from `min` to `max` in units of 1 / `scale`, and an L2 norm of at most
    /// `norm_l2` if there is one. Refuses an interval without 0, since clipping is towards it.
    pub fn new(min: f64, max: f64, scale: u32, norm_l2: Option<f64>) -> Result<Self, Error> {
        let units = f64::from(scale);
        let (least, most) = ((min * units).ceil(), (max * units).floor());
        if scale == 0 || units > LARGEST {
            let expected = format!("1 to {LARGEST}");
            return Err(Error::caller("scale of a range proof", expected, scale.to_string()));
        }
        let fits = |bound: f64| bound.abs() <= LARGEST;
        if !fits(least) || !fits(most) {
            let expected = format!("within ±{} at a scale of {scale}", LARGEST / units);
            let found = format!("{min} to {max}");
            return Err(Error::caller("bounds of a range proof", expected, found));
        }
        if least > 0.0 || most < 0.0 {
            let found = format!("{min} to {max}");
            return Err(Error::caller("bounds of a range proof", "an interval with 0", found));
        }
        let fixed = Self { scale, interval: Interval::new(least as i64, most as i64)?, norm_l2 };
        let sound = |norm: f64| norm > 0.0 && norm <= LARGEST && fixed.squares() != Some(0);
        if let Some(norm) = norm_l2.filter(|norm| !sound(*norm)) {
            let expected = format!("at least 1 / {scale}, and at most {LARGEST}");
            return Err(Error::caller("norm of a range proof", expected, norm.to_string()));
        }
        Ok(fixed)
    }

    /// Integers that coordinates may stand for.
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// Largest norm, if it is bounded.
    pub fn norm_l2(&self) -> Option<f64> {
        self.norm_l2
    }

    /// Largest sum of squares of integers.
    pub fn squares(&self) -> Option<u128> {
        let norm = self.norm_l2?.min(LARGEST) * f64::from(self.scale);
        Some((norm * norm).floor() as u128)
    }

    /// What is proved of `count` coordinates.
    pub fn terms(&self, count: usize) -> Result<Terms, Error> {
        let terms = Terms::new(self.interval, count, self.squares())?;
        Ok(terms.in_steps_of(1.0 / f64::from(self.scale)))
    }

    /// The value that an integer stands for.
    fn value(&self, integer: i64) -> f32 {
        (integer as f64 / f64::from(self.scale)) as f32
    }

    /// The integer nearest to a value, towards 0 and within the bounds; 0 for what is no number.
    /// Exact: 24 bits of a value times 24 of the scale.
    fn integer(&self, value: f64) -> i64 {
        let (min, max) = (self.interval.min(), self.interval.max());
        ((value * f64::from(self.scale)) as i64).clamp(min, max)
    }

    /// Clips a gradient to the bounds and rounds it to the grid, both towards 0: nothing grows.
    pub fn clip(&self, gradient: &mut [f32]) {
        if self.holds(gradient) {
            return;
        }
        let limit = |value: &f32| match value.is_nan() {
            true => 0.0,
            false => f64::from(*value).clamp(-LARGEST, LARGEST),
        };
        let mut factor = 1.0;
        if let Some(norm) = self.norm_l2 {
            let found = gradient.iter().map(|x| limit(x).powi(2)).sum::<f64>().sqrt();
            factor = if found > norm { norm / found } else { 1.0 };
        }
        let rounded = |value: &f32, factor: f64| self.integer(limit(value) * factor);
        if let Some(bound) = self.squares() {
            // A rounding error above may leave a norm one unit in the last place too long.
            let sum = |factor: f64| -> u128 {
                let integers = gradient.iter().map(|value| rounded(value, factor));
                integers.map(|integer| u128::from(integer.unsigned_abs()).pow(2)).sum()
            };
            while sum(factor) > bound {
                factor *= 1.0 - 1e-9;
            }
        }
        for value in gradient {
            *value = self.value(rounded(value, factor));
        }
    }

    /// Whether there is nothing to clip.
    fn holds(&self, gradient: &[f32]) -> bool {
        let squares = |integer: &i64| u128::from(integer.unsigned_abs()).pow(2);
        self.integers(gradient).is_ok_and(|integers| {
            let sum: u128 = integers.iter().map(squares).sum();
            self.squares().is_none_or(|bound| sum <= bound)
        })
    }

    /// The integers of values that [`FixedPoint::clip`] made; refuses any other value.
    pub fn integers(&self, gradient: &[f32]) -> Result<Vec<i64>, Refusal> {
        params::check_finite(gradient, 0)?;
        let exact = |(index, value): (usize, &f32)| {
            let units = (f64::from(*value) * f64::from(self.scale)).round();
            let integer = units.clamp(-LARGEST, LARGEST) as i64;
            match self.interval.contains(integer) && self.value(integer) == *value {
                true => Ok(integer),
                false => Err(Refusal::Malformed {
                    what: format!("update: {value} at place {index} cannot be proved"),
                }),
            }
        };
        gradient.iter().enumerate().map(exact).collect()
    }
}

/// Proves that every coordinate of a gradient lies within the bounds, and its norm if that is
/// bounded. The gradient has been through [`FixedPoint::clip`]. Commitments are blinded by `seed`,
/// which must be fresh for each proof; whoever is told it can open them.
pub fn prove_gradient_in_range(
    gradient: &[f32],
    fixed: &FixedPoint,
    seed: &Secret,
    occasion: &Occasion<'_>,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, Error> {
    let terms = fixed.terms(gradient.len())?;
    let integers = zeroize::Zeroizing::new(fixed.integers(gradient)?);
    let blindings = Blindings::derive(seed.bytes(), terms.count());
    update::prove(&terms, (&integers, &blindings), occasion, entropy)
}

/// Clips a gradient, then proves that it was: about the very values that it leaves there.
pub fn gradient_clipping_with_zk_proof(
    gradient: &mut [f32],
    fixed: &FixedPoint,
    seed: &Secret,
    occasion: &Occasion<'_>,
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, Error> {
    fixed.clip(gradient);
    prove_gradient_in_range(gradient, fixed, seed, occasion, entropy)
}

/// Verifies a proof about a gradient of `count` coordinates; and, for who was given the gradient
/// and its seed, that it is about these.
pub fn verify_gradient_in_range(
    (count, fixed): (usize, &FixedPoint),
    occasion: &Occasion<'_>,
    proof: &[u8],
    opening: Option<(&[f32], &Secret)>,
) -> Result<(), Error> {
    let terms = fixed.terms(count)?;
    let opened = match opening {
        None => None,
        Some((gradient, seed)) => {
            Some((fixed.integers(gradient)?, Blindings::derive(seed.bytes(), count)))
        }
    };
    let opening = opened.as_ref().map(|(integers, blindings)| (&integers[..], blindings));
    let shown = Shown { occasion: occasion.clone(), proof, opening };
    update::verify(&terms, &[shown]).into_iter().try_for_each(|verdict| Ok(verdict?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bounds_of_the_default() {
        let fixed = FixedPoint::new(-10.0, 10.0, 1_000, None).unwrap();
        assert_eq!(fixed.interval(), Interval::new(-10_000, 10_000).unwrap());
        let mut gradient = [0.0, 1.2345, -1.2345, 11.0, -1e9, f32::NAN, f32::INFINITY, 1e-9];
        fixed.clip(&mut gradient);
        assert_eq!(gradient, [0.0, 1.234, -1.234, 10.0, -10.0, 0.0, 10.0, 0.0]);
        let integers = [0, 1_234, -1_234, 10_000, -10_000, 0, 10_000, 0];
        assert_eq!(fixed.integers(&gradient).unwrap(), integers);
        for off in [1.2345, 10.001, -10.001, f32::NAN, f32::NEG_INFINITY, 1e-9, 1e30] {
            assert!(fixed.integers(&[off]).is_err(), "{off}");
        }
    }

    #[test]
    fn no_number_is_nought_beside_a_norm() {
        let fixed = FixedPoint::new(-10.0, 10.0, 1_000, Some(5.0)).unwrap();
        let mut gradient = [f32::NAN, 6.0, -8.0];
        fixed.clip(&mut gradient);
        assert_eq!(gradient, [0.0, 3.0, -4.0]);
    }

    #[test]
    fn what_cannot_be_proved_is_refused() {
        for (min, max, scale, norm) in [
            (1.0, 2.0, 1_000, None),
            (-2.0, -1.0, 1_000, None),
            (0.0, 0.0, 1_000, None),
            (-1.0, 1.0, 0, None),
            (-20_000.0, 1.0, 1_000, None),
            (f64::NAN, 1.0, 1_000, None),
            (f64::NEG_INFINITY, 1.0, 1_000, None),
            (-1.0, 1.0, 1_000, Some(0.0001)),
            (-1.0, 1.0, 1_000, Some(-1.0)),
            (-1.0, 1.0, 1_000, Some(f64::NAN)),
            (-1.0, 1.0, 1_000, Some(f64::INFINITY)),
            (-1.0, 1.0, 1_000, Some(1e300)),
        ] {
            assert!(
                FixedPoint::new(min, max, scale, norm).is_err(),
                "{min} {max} {scale} {norm:?}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Nothing grows, everything can be proved, and clipping again changes nothing.
        #[test]
        fn clipping_ends_within_the_bounds(
            gradient in prop::collection::vec(-20.0f32..20.0, 1..50),
            scale in 1u32..100_000,
            (min, max) in (-9.0f64..-1.0, 1.0f64..9.0),
            norm in prop::option::of(1.0f64..30.0),
        ) {
            let fixed = FixedPoint::new(min, max, scale, norm).unwrap();
            let mut clipped = gradient.clone();
            fixed.clip(&mut clipped);
            prop_assert!(clipped.iter().zip(&gradient).all(|(c, g)| c.abs() <= g.abs()));
            let integers = fixed.integers(&clipped).unwrap();
            let squares: i64 = integers.iter().map(|integer| integer * integer).sum();
            prop_assert!(fixed.squares().is_none_or(|bound| squares as u128 <= bound));
            let mut again = clipped.clone();
            fixed.clip(&mut again);
            prop_assert_eq!(fixed.integers(&again).unwrap(), integers);
        }
    }
}
