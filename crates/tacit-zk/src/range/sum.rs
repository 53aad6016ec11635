//! Commitments under masks: their sum must open to the opened sum.
//!
//! A blinding is a scalar of 253 bits, masked integers are shorter: it is cut into digits, the
//! lowest first, that have room for the digits of the whole cohort, so that none wraps. Their sums
//! are the digits, now larger than their base, of the sum of blindings.

use super::parallel;
use super::spoken::{ELEMENT, challenge, malformed, powers};
use crate::pedersen::{self, Blindings};
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::Identity;
use tacit_core::error::Refusal;
use tari_merlin::Transcript;
use zeroize::Zeroizing;

/// Bits of a scalar below the group's order.
const SCALAR_BITS: u32 = 253;

/// How many digits of so many bits a blinding has.
pub(crate) fn digits(bits: u32) -> usize {
    SCALAR_BITS.div_ceil(bits.max(1)) as usize
}

/// The digits of all blindings.
pub(crate) fn cut(blindings: &Blindings, bits: u32) -> Vec<u64> {
    let mut all = Vec::with_capacity(blindings.len() * digits(bits));
    for blinding in blindings.0.iter() {
        let bytes = Zeroizing::new(blinding.to_bytes());
        let bit = |place: u32| {
            let byte = bytes.get(place as usize / 8).copied().unwrap_or_default();
            u64::from(byte >> (place % 8) & 1)
        };
        all.extend(
            (0..digits(bits) as u32).map(|digit| {
                (0..bits).map(|place| bit(digit * bits + place) << place).sum::<u64>()
            }),
        );
    }
    all
}

/// The sums of blindings, from the sums of their digits; `None` if they are too many or too few.
pub(crate) fn join(sums: &[u64], bits: u32, count: usize) -> Option<Vec<Scalar>> {
    let digits = digits(bits);
    if sums.len() != digits.checked_mul(count)? {
        return None;
    }
    let base = Scalar::from(1u128 << bits);
    let joined = |sums: &[u64]| {
        sums.iter().rev().fold(Scalar::ZERO, |above, sum| above * base + Scalar::from(*sum))
    };
    Some(sums.chunks(digits).map(joined).collect())
}

/// Whether the sum of everybody's commitments opens to these: all coordinates at once, by powers of
/// a challenge that depends on everything. A false one passes with a probability of its number of
/// coordinates in 2²⁵².
pub(crate) fn opens(
    commitments: &[&[[u8; ELEMENT]]],
    levels: &[i64],
    blindings: &[Scalar],
) -> Result<bool, Refusal> {
    let count = levels.len();
    if blindings.len() != count || commitments.iter().any(|one| one.len() != count) {
        return Err(malformed());
    }
    let mut transcript = Transcript::new(b"tacit/v1/range/sum");
    for one in commitments {
        transcript.append_message(b"commitments", one.as_flattened());
    }
    for (level, blinding) in levels.iter().zip(blindings) {
        transcript.append_u64(b"level", *level as u64);
        transcript.append_message(b"blinding", blinding.as_bytes());
    }
    let lots = powers(challenge(&mut transcript, b"lot")?, count);
    let places: Vec<usize> = (0..count).collect();
    let sums = parallel::map(&places, |place| {
        let mut sum = RistrettoPoint::identity();
        for one in commitments {
            sum += pedersen::decode(&one[*place])?;
        }
        Ok(sum)
    });
    let sums = sums.into_iter().collect::<Result<Vec<_>, Refusal>>()?;
    let value = levels.iter().zip(&lots).map(|(v, lot)| pedersen::scalar((*v).into()) * lot).sum();
    let blinding = blindings.iter().zip(&lots).map(|(r, lot)| r * lot).sum();
    Ok(parallel::sum(&lots, &sums) == pedersen::commit(&value, &blinding))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(values: &[i64], blindings: &Blindings) -> Vec<[u8; 32]> {
        pedersen::commit_all(values, &blindings.0).iter().map(|point| point.to_bytes()).collect()
    }

    #[test]
    fn digits_add_up() {
        for bits in [1, 7, 16, 21, 32] {
            let derive = |seed| Blindings::derive(&[seed; 32], 3);
            let all: Vec<Blindings> = (0..9).map(derive).collect();
            let mut sums = vec![0u64; 3 * digits(bits)];
            for blindings in &all {
                let cut = cut(blindings, bits);
                assert!(cut.iter().all(|digit| digit >> bits == 0));
                sums.iter_mut().zip(cut).for_each(|(sum, digit)| *sum += digit);
            }
            let expected: Vec<Scalar> =
                (0..3).map(|place| all.iter().map(|one| one.0[place]).sum()).collect();
            assert_eq!(join(&sums, bits, 3), Some(expected));
            assert_eq!(join(&sums[1..], bits, 3), None);
        }
    }

    /// One participant adds what it did not commit to; one blinding is another; one of those in
    /// the sum is missing, or somebody else is in it.
    #[test]
    fn a_sum_that_is_another_does_not_open() {
        let seeds: Vec<Blindings> = (1..4).map(|seed| Blindings::derive(&[seed; 32], 2)).collect();
        let values = [[1, -2], [30, 40], [-500, 600]];
        let all: Vec<_> = values.iter().zip(&seeds).map(|(v, r)| committed(v, r)).collect();
        let all: Vec<&[[u8; 32]]> = all.iter().map(Vec::as_slice).collect();
        let blindings: Vec<Scalar> =
            (0..2).map(|place| seeds.iter().map(|one| one.0[place]).sum()).collect();
        assert_eq!(opens(&all, &[-469, 638], &blindings), Ok(true));
        for levels in [[-468, 638], [-469, 637], [638, -469], [-468, 637]] {
            assert_eq!(opens(&all, &levels, &blindings), Ok(false));
        }
        let off = [blindings[0] + Scalar::ONE, blindings[1] - Scalar::ONE];
        assert_eq!(opens(&all, &[-469, 638], &off), Ok(false));
        assert_eq!(opens(&all[1..], &[-469, 638], &blindings), Ok(false));
        assert_eq!(opens(&[all[0], all[1], all[1]], &[-469, 638], &blindings), Ok(false));
        assert!(opens(&all, &[-469], &blindings).is_err());
        let no_point = [[255; 32]; 2];
        assert!(opens(&[&no_point], &[1, 2], &blindings).is_err());
    }
}
