//! Sums in which few scalars occur, each many times: points with the same scalar are added first,
//! one addition each instead of one for every window. A vector of digits, shifted, has two scalars;
//! folded once it has four, folded again sixteen.

use super::weighted::Secret;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use zeroize::Zeroizing;

/// Fewer terms are not looked at.
const FEW: usize = 64;

/// So many terms must share a scalar, on average, for this to pay.
const SHARED: usize = 8;

/// No class.
const NONE: u16 = u16::MAX;

/// Different scalars, and which of them stands at each place.
pub(crate) struct Classes {
    distinct: Secret,
    of: Zeroizing<Vec<u16>>,
}

impl Classes {
    /// `None` where there are too many.
    pub fn new(scalars: &[Scalar]) -> Option<Self> {
        let most = (scalars.len() / SHARED).min(NONE.into());
        if scalars.len() < FEW {
            return None;
        }
        let size = 2 * scalars.len().next_power_of_two();
        let mut table = Zeroizing::new(vec![NONE; size]);
        let mut distinct = Secret::new(Vec::with_capacity(most));
        let mut of = Zeroizing::new(Vec::with_capacity(scalars.len()));
        for scalar in scalars {
            let bytes = scalar.as_bytes();
            let low = bytes[..8].iter().fold(0u64, |low, byte| low << 8 | u64::from(*byte));
            let spread = low.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut slot = (spread >> (64 - size.trailing_zeros())) as usize;
            let class = loop {
                match table[slot] {
                    NONE if distinct.len() == most => return None,
                    NONE => {
                        table[slot] = distinct.len() as u16;
                        distinct.push(*scalar);
                        break table[slot];
                    }
                    class if distinct[usize::from(class)] == *scalar => break class,
                    _ => slot = (slot + 1) % size,
                }
            };
            of.push(class);
        }
        Some(Self { distinct, of })
    }

    /// The different scalars, each with the sum of its points.
    pub fn sums(
        &self,
        points: &[RistrettoPoint],
    ) -> impl Iterator<Item = (&Scalar, RistrettoPoint)> {
        let mut sums = vec![RistrettoPoint::identity(); self.distinct.len()];
        for (class, point) in self.of.iter().zip(points) {
            sums[usize::from(*class)] += point;
        }
        self.distinct.iter().zip(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::range::parallel::sum;

    #[test]
    fn sums_are_the_same() {
        let points: Vec<RistrettoPoint> =
            (1..200u64).map(|x| RistrettoPoint::mul_base(&Scalar::from(x * x))).collect();
        for distinct in [1u64, 2, 3, 16] {
            // high bits, low bits and none in common
            for factor in [Scalar::ONE, Scalar::from(7u8).invert(), -Scalar::from(1u128 << 100)] {
                let scalars: Vec<Scalar> =
                    (0..199u64).map(|i| factor * Scalar::from(i * i % 31 % distinct)).collect();
                let classes = Classes::new(&scalars).unwrap();
                assert!(classes.distinct.len() <= distinct as usize);
                let (few, sums): (Vec<Scalar>, Vec<_>) = classes.sums(&points).unzip();
                assert_eq!(sum(&few, &sums), sum(&scalars, &points));
            }
        }
        let many: Vec<Scalar> = (0..199u64).map(|i| Scalar::from(i % 25)).collect();
        assert!(Classes::new(&many).is_none());
        assert!(Classes::new(&many[..63]).is_none());
    }
}
