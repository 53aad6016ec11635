//! Fixed-point numbers of 512 bits, 384 of them after the point: enough to compute tables of
//! probabilities whose 128 bits are right. Not for secrets: it takes time that depends on values.

use std::cmp::Ordering;

const LIMBS: usize = 8;
const FRACTION_LIMBS: usize = 6;
const FRACTION_BITS: i32 = 64 * FRACTION_LIMBS as i32;

/// An unsigned number below 2¹²⁸ in units of 2⁻³⁸⁴; limbs from the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wide([u64; LIMBS]);

impl PartialOrd for Wide {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Wide {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

impl Wide {
    pub(super) const ZERO: Self = Self([0; LIMBS]);
    pub(super) const ONE: Self = Self::bit(FRACTION_BITS as u32);
    /// 2⁻³⁸⁴.
    pub(super) const UNIT: Self = Self::bit(0);

    const fn bit(place: u32) -> Self {
        let mut limbs = [0; LIMBS];
        limbs[(place / 64) as usize] = 1 << (place % 64);
        Self(limbs)
    }

    pub(super) fn is_zero(&self) -> bool {
        *self == Self::ZERO
    }

    pub(super) fn add(&self, other: &Self) -> Self {
        let mut carry = false;
        Self(std::array::from_fn(|i| {
            let (sum, over) = self.0[i].overflowing_add(other.0[i]);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            carry = over | again;
            sum
        }))
    }

    /// `self − other`, which must not be larger.
    pub(super) fn sub(&self, other: &Self) -> Self {
        let mut borrow = false;
        Self(std::array::from_fn(|i| {
            let (difference, under) = self.0[i].overflowing_sub(other.0[i]);
            let (difference, again) = difference.overflowing_sub(u64::from(borrow));
            borrow = under | again;
            difference
        }))
    }

    /// The product, rounded down.
    pub(super) fn mul(&self, other: &Self) -> Self {
        let mut product = [0u64; 2 * LIMBS];
        for (i, &a) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (j, &b) in other.0.iter().enumerate() {
                let sum = u128::from(a) * u128::from(b) + u128::from(product[i + j]) + carry;
                product[i + j] = sum as u64;
                carry = sum >> 64;
            }
            product[i + LIMBS] = carry as u64;
        }
        Self(std::array::from_fn(|i| product[i + FRACTION_LIMBS]))
    }

    /// `self · factor`.
    pub(super) fn times(&self, factor: u64) -> Self {
        let mut carry = 0;
        Self(self.0.map(|limb| {
            let product = u128::from(limb) * u128::from(factor) + carry;
            carry = product >> 64;
            product as u64
        }))
    }

    /// `self / divisor`, rounded down; the divisor must not be zero.
    pub(super) fn divided(&self, divisor: u64) -> Self {
        let mut rest = 0;
        let mut limbs = self.0;
        for limb in limbs.iter_mut().rev() {
            let part = rest << 64 | u128::from(*limb);
            *limb = (part / u128::from(divisor)) as u64;
            rest = part % u128::from(divisor);
        }
        Self(limbs)
    }

    /// `self · 2^by`, rounded down.
    pub(super) fn shifted(&self, by: i32) -> Self {
        let (limbs, bits) = (by.div_euclid(64), by.rem_euclid(64));
        let limb = |i: i32| usize::try_from(i).ok().and_then(|i| self.0.get(i)).copied();
        Self(std::array::from_fn(|i| {
            let from = i as i32 - limbs;
            let high = limb(from).unwrap_or(0);
            let low = limb(from - 1).unwrap_or(0);
            if bits == 0 { high } else { high << bits | low >> (64 - bits) }
        }))
    }

    /// ⌊numerator · 2^shift / denominator⌋ in units of 2⁻³⁸⁴; the denominator is below 2¹²⁷, the
    /// quotient below 2¹²⁸.
    pub(super) fn ratio(numerator: u128, denominator: u128, shift: i32) -> Self {
        let mut quotient = Self::ZERO;
        let mut rest = 0u128;
        for place in 0..(128 + FRACTION_BITS + shift).max(0) {
            let bit = if place < 128 { numerator >> (127 - place) & 1 } else { 0 };
            rest = rest << 1 | bit;
            quotient = quotient.shifted(1);
            if rest >= denominator {
                rest -= denominator;
                quotient.0[0] |= 1;
            }
        }
        quotient
    }

    /// ⌊2¹²⁸ · self / whole⌋ for a part of a whole; all ones where they are equal.
    pub(super) fn share(&self, whole: &Self) -> u128 {
        if self >= whole {
            return u128::MAX;
        }
        let (mut rest, mut share) = (*self, 0u128);
        for _ in 0..128 {
            rest = rest.shifted(1);
            share <<= 1;
            if rest >= *whole {
                rest = rest.sub(whole);
                share |= 1;
            }
        }
        share
    }

    /// e^(−self), off by less than 2⁻³⁶⁰ · (1 + self): Taylor's series of self / 2^r, squared r
    /// times.
    pub(super) fn exp_of_minus(&self) -> Self {
        let top = self.0.iter().rposition(|&limb| limb != 0);
        let bits = top.map_or(0, |i| 64 * i as i32 + 64 - self.0[i].leading_zeros() as i32);
        let halvings = (bits - FRACTION_BITS + 8).max(0);
        let small = self.shifted(-halvings);
        let (mut plus, mut minus, mut term) = (Self::ONE, Self::ZERO, Self::ONE);
        for n in 1.. {
            term = term.mul(&small).divided(n);
            if term.is_zero() {
                break;
            }
            let side = if n % 2 == 0 { &mut plus } else { &mut minus };
            *side = side.add(&term);
        }
        (0..halvings).fold(plus.sub(&minus), |power, _| power.mul(&power))
    }
}

/// A positive, normal number as (m, e) with value m · 2^e.
pub(super) fn decompose(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    (mantissa, (bits >> 52 & 0x7ff) as i32 - 1_075)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(wide: &Wide) -> f64 {
        wide.0.iter().rev().fold(0.0, |sum, &limb| sum * 2f64.powi(64) + limb as f64)
            * 2f64.powi(-FRACTION_BITS)
    }

    #[test]
    fn arithmetic() {
        let third = Wide::ratio(1, 3, 0);
        assert_eq!(third.times(3).add(&Wide::UNIT), Wide::ONE);
        assert_eq!(third.times(6).divided(2), third.times(3));
        assert_eq!(Wide::ratio(7, 2, 1), Wide::ONE.times(7));
        assert_eq!(Wide::ONE.times(5).mul(&Wide::ratio(1, 4, 0)), Wide::ratio(5, 4, 0));
        assert_eq!(Wide::ratio(5, 1, -700), Wide::ZERO);
        for by in [-130, -64, -3, 0, 3, 64, 100] {
            assert_eq!(value(&third.shifted(by)), value(&third) * 2f64.powi(by), "{by}");
        }
        assert_eq!(third.share(&Wide::ONE), u128::MAX / 3);
        assert_eq!(Wide::ONE.share(&Wide::ONE), u128::MAX);
        assert!(third < Wide::ONE);
        assert!(Wide::ONE.times(2) > Wide::ONE.add(&third));
    }

    #[test]
    fn exponentials() {
        for y in [0.0, 1e-9, 0.37, 1.0, 5.6, 40.0, 200.0] {
            let (m, e) = if y == 0.0 { (0, 0) } else { decompose(y) };
            let found = value(&Wide::ratio(u128::from(m), 1, e).exp_of_minus());
            assert!((found / (-y).exp() - 1.0).abs() < 1e-15, "{y}");
        }
        // e^(−1) to 128 bits, from Python's decimal
        let found = Wide::ONE.exp_of_minus().share(&Wide::ONE);
        assert_eq!(found, 125182886983370532117250726298150828301);
    }

    #[test]
    fn numbers_taken_apart() {
        for x in [1.0, 0.3, 1e9, 2f64.powi(-40)] {
            let (m, e) = decompose(x);
            assert_eq!(m as f64 * 2f64.powi(e), x);
        }
    }
}
