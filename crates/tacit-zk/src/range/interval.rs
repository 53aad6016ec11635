//! Which integers a proof allows, and how a value is cut into digits 0 and 1.
//!
//! Any interval of width W = max − min takes one proof of n = ⌈log₂(W + 1)⌉ digits, whether or not
//! W + 1 is a power of two: digits have the weights 1, 2, 4, …, 2ⁿ⁻², and the last one
//! W − (2ⁿ⁻¹ − 1), which is no more than 2ⁿ⁻¹. Sums of weights are then exactly 0 to W: without the
//! last digit 0 to 2ⁿ⁻¹ − 1, with it W − 2ⁿ⁻¹ + 1 to W, and these two overlap or touch. (Lipmaa,
//! Asokan and Niemi 2002, "Secure Vickrey auctions without threshold trust", section 4, have such
//! weights.) Two proofs, of v − min and of max − v, would cost twice that.

use curve25519_dalek::scalar::Scalar;
use tacit_core::error::Error;

/// Integers from `min` to `max`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    min: i64,
    width: u64,
}

/// Bounds of this magnitude and less, so that widths have 63 bits.
const LARGEST: i64 = 1 << 61;

impl Interval {
    /// Refuses an interval of fewer than two integers, and bounds beyond 2⁶¹.
    pub fn new(min: i64, max: i64) -> Result<Self, Error> {
        let fits = |bound: i64| (-LARGEST..=LARGEST).contains(&bound);
        if !fits(min) || !fits(max) || min >= max {
            let found = format!("{min} to {max}");
            return Err(Error::caller("bounds", "min below max, both within ±2^61", found));
        }
        Ok(Self { min, width: max.abs_diff(min) })
    }

    /// Smallest integer.
    pub fn min(&self) -> i64 {
        self.min
    }

    /// Largest integer.
    pub fn max(&self) -> i64 {
        self.min.wrapping_add_unsigned(self.width)
    }

    /// Whether `value` lies in it.
    pub fn contains(&self, value: i64) -> bool {
        (self.min..=self.max()).contains(&value)
    }

    /// Digits of a value.
    pub fn digits(&self) -> usize {
        digits(self.width.into())
    }

    /// Its offset from `min`, as it is proved.
    pub(crate) fn span(&self) -> Span {
        Span::new(self.min.into(), self.width.into())
    }
}

fn digits(width: u128) -> usize {
    (u128::BITS - width.leading_zeros()) as usize
}

/// Integers from `min` to `min + width`; wide enough for sums of squares too.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub min: i128,
    pub width: u128,
    weights: Vec<u128>,
}

impl Span {
    /// `width` is at least 1 and below 2¹²⁷.
    pub fn new(min: i128, width: u128) -> Self {
        let last = digits(width) - 1;
        let below = (1u128 << last) - 1;
        let powers = (0..last).map(|place| 1u128 << place);
        Self { min, width, weights: powers.chain([width - below]).collect() }
    }

    /// How many digits a value has.
    pub fn digits(&self) -> usize {
        self.weights.len()
    }

    /// What each digit weighs.
    pub fn weights(&self) -> Vec<Scalar> {
        self.weights.iter().map(|weight| Scalar::from(*weight)).collect()
    }

    /// Appends the digits of a value, without a branch on it; `false` if it has none.
    pub fn cut(&self, value: i128, out: &mut Vec<u8>) -> bool {
        let above = value.wrapping_sub(self.min) as u128;
        let (last, lower) = match self.weights.split_last() {
            Some(split) => split,
            None => return false,
        };
        let limit = 1u128 << lower.len();
        let needs_last = u8::from(above >= limit);
        let rest = above.wrapping_sub(u128::from(needs_last) * last);
        out.extend((0..lower.len()).map(|place| ((rest >> place) & 1) as u8));
        out.push(needs_last);
        above <= self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(span: &Span, digits: &[u8]) -> i128 {
        let sum: u128 = span.weights.iter().zip(digits).map(|(w, d)| w * u128::from(*d)).sum();
        span.min + sum as i128
    }

    /// Every width up to 300: what digits can stand for is the interval, no more and no less.
    #[test]
    fn digits_stand_for_exactly_the_interval() {
        for width in 1..300u128 {
            let span = Span::new(-7, width);
            let n = span.digits();
            assert_eq!(1 << n, (width + 1).next_power_of_two());
            let mut reached = vec![false; width as usize + 1];
            for word in 0u32..1 << n {
                let digits: Vec<u8> = (0..n).map(|place| (word >> place & 1) as u8).collect();
                reached[(value(&span, &digits) + 7) as usize] = true;
            }
            assert!(reached.iter().all(|hit| *hit), "width {width}");
            for inside in -7..=width as i128 - 7 {
                let mut digits = Vec::new();
                assert!(span.cut(inside, &mut digits));
                assert_eq!(value(&span, &digits), inside);
            }
            for outside in [-8, width as i128 - 6, i128::MIN, i128::MAX] {
                assert!(!span.cut(outside, &mut Vec::new()));
            }
        }
    }

    #[test]
    fn bounds_that_are_none_are_refused() {
        for (min, max) in [(1, 1), (2, 1), (i64::MIN, 0), (0, i64::MAX)] {
            assert!(Interval::new(min, max).is_err());
        }
        let widest = Interval::new(-LARGEST, LARGEST).unwrap();
        assert_eq!((widest.max(), widest.digits()), (LARGEST, 63));
        assert_eq!(Interval::new(0, 65_535).unwrap().digits(), 16);
        assert_eq!(Interval::new(-10_000, 10_000).unwrap().digits(), 15);
    }
}
