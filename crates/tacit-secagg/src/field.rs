//! The prime field in which secrets are shared.
//!
//! p = 2⁶⁴ − 2³² + 1 (Goldilocks): an element fills a machine word, 2⁶⁴ ≡ 2³² − 1 and 2⁹⁶ ≡ −1
//! make reduction a few additions, and 2³² divides p − 1, so that there are roots of unity for a
//! [`Transform`](crate::ntt::Transform) of any size that is needed here.
//!
//! No branch and no index depends on a value. Elements are canonical at all times.

use std::ops::{Add, AddAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use zeroize::{DefaultIsZeroes, Zeroize};

/// The order of the field.
pub const MODULUS: u64 = 0xffff_ffff_0000_0001;

/// 2⁶⁴ modulo the order.
const EPSILON: u64 = 0xffff_ffff;

/// Smallest generator of the multiplicative group.
const GENERATOR: Fp = Fp(7);

/// The largest power of two that divides the group's order is 2 to this.
pub const TWO_ADICITY: u32 = 32;

/// An element of the field. Not `Debug`: it may be secret.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
#[repr(transparent)]
pub struct Fp(u64);

impl DefaultIsZeroes for Fp {}

/// All ones where `a − b` is below zero, else 0; `difference` is it modulo 2⁶⁴. From bits alone
/// (Warren, Hacker's Delight, section 2-13): comparisons may be compiled to branches.
fn borrowed(a: u64, b: u64, difference: u64) -> u64 {
    spread((!a & b) | ((!a | b) & difference))
}

/// All ones where `a + b` passes 2⁶⁴, else 0; `sum` is it modulo 2⁶⁴.
fn carried(a: u64, b: u64, sum: u64) -> u64 {
    spread((a & b) | ((a | b) & !sum))
}

/// `a − b`, or with the order added where that is below zero.
fn less(a: u64, b: u64) -> u64 {
    let difference = a.wrapping_sub(b);
    difference.wrapping_add(MODULUS & borrowed(a, b, difference))
}

/// The highest bit, in all places.
fn spread(bits: u64) -> u64 {
    (bits.cast_signed() >> 63).cast_unsigned()
}

impl Fp {
    /// 0.
    pub const ZERO: Self = Self(0);
    /// 1.
    pub const ONE: Self = Self(1);

    /// The element of a number below the order; `None` for any other.
    pub fn from_canonical(number: u64) -> Option<Self> {
        (number < MODULUS).then_some(Self(number))
    }

    /// The residue of any number.
    pub fn reduced(number: u64) -> Self {
        Self::canonical(number)
    }

    /// The element as a number below the order.
    pub fn to_u64(self) -> u64 {
        self.0
    }

    fn canonical(number: u64) -> Self {
        Self(less(number, MODULUS))
    }

    /// The residue of a product of two numbers, or of any other number of 128 bits.
    pub fn reduced_wide(number: u128) -> Self {
        let (low, high) = (number as u64, (number >> 64) as u64);
        let (top, middle) = (high >> 32, (high & EPSILON) * EPSILON);
        let difference = low.wrapping_sub(top);
        let difference = difference.wrapping_sub(EPSILON & borrowed(low, top, difference));
        let sum = difference.wrapping_add(middle);
        Self::canonical(sum.wrapping_add(EPSILON & carried(difference, middle, sum)))
    }

    /// Fills `out` with the elements of as many words; `false`, and zeros, if one is none.
    pub fn fill_canonical(out: &mut [Self], words: impl Iterator<Item = u64>) -> bool {
        let mut excess = false;
        for (x, word) in out.iter_mut().zip(words) {
            excess |= word >= MODULUS;
            *x = Self(word);
        }
        if excess {
            out.fill(Self::ZERO);
        }
        !excess
    }

    /// The power of an exponent that everybody may know.
    pub fn pow(self, exponent: u64) -> Self {
        let (mut power, mut square) = (Self::ONE, self);
        for place in 0..u64::BITS - exponent.leading_zeros() {
            if exponent >> place & 1 == 1 {
                power *= square;
            }
            square *= square;
        }
        power
    }

    /// The multiplicative inverse; 0 for 0.
    pub fn inverse(self) -> Self {
        self.pow(MODULUS - 2)
    }

    /// A primitive root of unity of order 2 to `log`; `None` above [`TWO_ADICITY`].
    pub fn root_of_unity(log: u32) -> Option<Self> {
        (log <= TWO_ADICITY).then(|| GENERATOR.pow((MODULUS - 1) >> log))
    }

    /// Fills `out` with independent uniform elements, by rejection: a word of entropy is no
    /// element with probability 2⁻³², and says nothing of those that are.
    pub fn fill_random(out: &mut [Self], entropy: &mut dyn Entropy) -> Result<(), Error> {
        let mut bytes = vec![0; out.len() * 8];
        let (mut filled, mut done) = (entropy.fill(&mut bytes), 0);
        while filled.is_ok() && done < out.len() {
            for word in bytes.as_chunks::<8>().0 {
                if let (Some(place), Some(x)) =
                    (out.get_mut(done), Self::from_canonical(u64::from_le_bytes(*word)))
                {
                    *place = x;
                    done += 1;
                }
            }
            let missing = (out.len() - done) * 8;
            if missing > 0 {
                filled = entropy.fill(&mut bytes[..missing]);
                bytes[missing..].fill(0xff);
            }
        }
        bytes.zeroize();
        filled
    }
}

impl Add for Fp {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        // a − (p − b): one condition instead of two. A p in the middle does no harm.
        self - Self(MODULUS - other.0)
    }
}

impl Sub for Fp {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(less(self.0, other.0))
    }
}

impl Mul for Fp {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        Self::reduced_wide(u128::from(self.0) * u128::from(other.0))
    }
}

impl Neg for Fp {
    type Output = Self;

    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl AddAssign for Fp {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Fp {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl MulAssign for Fp {
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}

/// A sum of products that is reduced once, at its end; at most 2³² of them.
#[derive(Clone, Copy, Default)]
pub struct Products {
    sum: u128,
    carries: u64,
}

impl DefaultIsZeroes for Products {}

impl Products {
    /// Adds a product.
    pub fn add(&mut self, a: Fp, b: Fp) {
        let (sum, carry) = self.sum.overflowing_add(u128::from(a.0) * u128::from(b.0));
        self.sum = sum;
        self.carries += u64::from(carry);
    }

    /// The sum of as many products as both have factors.
    pub fn of(a: &[Fp], b: &[Fp]) -> Fp {
        let mut sum = Self::default();
        a.iter().zip(b).for_each(|(a, b)| sum.add(*a, *b));
        sum.total()
    }

    /// The element that they add up to: 2¹²⁸ is −2³².
    pub fn total(self) -> Fp {
        Fp::reduced_wide(self.sum) - Fp::reduced_wide(u128::from(self.carries) << 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const P: u128 = MODULUS as u128;

    /// Any element, those near the ends and the middle words more often.
    fn element() -> impl Strategy<Value = Fp> {
        let edge = prop_oneof![Just(0), Just(EPSILON), Just(1 << 32), Just(MODULUS - 1)];
        prop_oneof![
            3 => any::<u64>(),
            1 => (edge, 0u64..4, any::<bool>())
                .prop_map(|(x, by, up)| if up { x.wrapping_add(by) } else { x.wrapping_sub(by) }),
        ]
        .prop_map(Fp::reduced)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn agrees_with_wide_division(a in element(), b in element(), wide: u128) {
            let (x, y) = (u128::from(a.to_u64()), u128::from(b.to_u64()));
            prop_assert_eq!(u128::from((a + b).to_u64()), (x + y) % P);
            prop_assert_eq!(u128::from((a - b).to_u64()), (x + P - y) % P);
            prop_assert_eq!(u128::from((-a).to_u64()), (P - x) % P);
            prop_assert_eq!(u128::from((a * b).to_u64()), x * y % P);
            prop_assert_eq!(u128::from(Fp::reduced_wide(wide).to_u64()), wide % P);
            prop_assert_eq!(u128::from(Fp::reduced(wide as u64).to_u64()), wide as u64 as u128 % P);
        }

        #[test]
        fn is_a_field(a in element(), b in element(), c in element()) {
            prop_assert!((a + b) + c == a + (b + c) && (a * b) * c == a * (b * c));
            prop_assert!(a + b == b + a && a * b == b * a);
            prop_assert!(a * (b + c) == a * b + a * c);
            prop_assert!(a + Fp::ZERO == a && a * Fp::ONE == a && a - a == Fp::ZERO);
            let one = if a == Fp::ZERO { Fp::ZERO } else { Fp::ONE };
            prop_assert!(a * a.inverse() == one);
        }

        #[test]
        fn products_add_up(
            pairs in proptest::collection::vec((element(), element()), 0..70),
        ) {
            let (a, b): (Vec<Fp>, Vec<Fp>) = pairs.iter().copied().unzip();
            let sum = pairs.iter().fold(Fp::ZERO, |sum, (a, b)| sum + *a * *b);
            prop_assert_eq!(Products::of(&a, &b), sum);
        }

        #[test]
        fn powers_add_up(a in element(), m in 0u64..1 << 40, n in 0u64..1 << 40) {
            prop_assert!(a.pow(m) * a.pow(n) == a.pow(m + n));
        }
    }

    #[test]
    fn reduction_at_every_edge() {
        let edges = [0, 1, 2, EPSILON - 1, EPSILON, 1 << 32, MODULUS - 1, MODULUS, u64::MAX];
        for (high, low) in edges.iter().flat_map(|high| edges.map(|low| (*high, low))) {
            let wide = u128::from(high) << 64 | u128::from(low);
            assert_eq!(u128::from(Fp::reduced_wide(wide).to_u64()), wide % P);
        }
    }

    #[test]
    fn refuses_what_is_not_canonical() {
        assert!(Fp::from_canonical(MODULUS - 1).is_some());
        assert!([MODULUS, MODULUS + 1, u64::MAX].iter().all(|x| Fp::from_canonical(*x).is_none()));
    }

    #[test]
    fn roots_have_their_order() {
        for log in 1..=TWO_ADICITY {
            let root = Fp::root_of_unity(log).unwrap();
            assert!(root.pow(1 << (log - 1)) == -Fp::ONE);
        }
        assert!(Fp::root_of_unity(0) == Some(Fp::ONE));
        assert!(Fp::root_of_unity(33).is_none());
    }

    /// First words that are no elements, then counting.
    struct Rejected(u64);

    impl Entropy for Rejected {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
            for word in bytes.as_chunks_mut::<8>().0 {
                *word = (if self.0 < 5 { MODULUS + self.0 } else { self.0 }).to_le_bytes();
                self.0 += 1;
            }
            Ok(())
        }
    }

    #[test]
    fn draws_again_what_is_no_element() {
        let mut out = [Fp::ZERO; 7];
        Fp::fill_random(&mut out, &mut Rejected(0)).unwrap();
        assert_eq!(out.map(Fp::to_u64), [5, 6, 7, 8, 9, 10, 11]);
    }
}
