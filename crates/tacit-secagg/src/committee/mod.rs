//! A committee: every participant shares its vector among n aggregators, any `threshold` of whom
//! open the sum of all and any `privacy` of whom learn nothing of one.
//!
//! Packed secret sharing (Franklin and Yung 1992, section 2). Integers are laid side by side into
//! elements of the [field](crate::field); k = threshold − privacy elements are the
//! values at 0, −1, …, 1 − k of one polynomial of degree below `threshold`, which is random
//! otherwise; aggregator i, from 0, holds its value at i + 1. Sums of shares are shares of sums.
//!
//! # Who learns what
//!
//! Through the k elements and any `privacy` values at aggregators' points goes exactly one such
//! polynomial. So where the values at the first `privacy` points are uniform, those at any
//! `privacy` points are, whatever the elements: and the first `privacy` aggregators need only a
//! seed of 32 bytes, from which they expand their shares themselves (AES-256 in counter mode).
//! That cuts what travels from n to n − privacy vectors, and makes the secrecy of the terms
//! computational. What opens a sum is a uniform polynomial through it: it tells nothing else.
//!
//! # Who can spoil what
//!
//! - A dealer whose shares lie on no polynomial of that degree would make aggregators look like
//!   liars: the [`check`] names it before anything is added.
//! - An aggregator whose sum is wrong is named by [`Opening`](open::Opening), if enough others are
//!   right: with m answers, (m − threshold) / 2 wrong ones, rounded down, can be told apart.
//! - What no sharing can tell is whether a vector is a sensible one.

use crate::field::{Fp, MODULUS};
use tacit_core::error::Error;

pub mod check;
pub mod deal;
pub mod decode;
mod expand;
pub mod keeper;
mod local;
mod matrix;
pub mod member;
pub mod open;
pub mod orders;
pub mod rule;
pub mod sum;
pub mod table;

#[cfg(test)]
mod rounds;
#[cfg(test)]
mod tests;

/// Aggregators of one committee: a share of a packed vector goes to each, and the weights of
/// their points are a matrix of this size squared.
pub const AGGREGATORS: usize = 64;

/// Bits of a field element that integers may fill: one less than those of the order, so that
/// negative sums have a place too.
const ELEMENT_BITS: u32 = 63;

/// How vectors are shared; a value that exists is sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    aggregators: usize,
    threshold: usize,
    privacy: usize,
    bits: u32,
}

impl Params {
    /// Of `aggregators`, any `threshold` open sums and any `privacy` learn nothing. Integers are
    /// modulo 2 to `bits` and count as signed; sums are exact where they need no more than one bit
    /// more, see [`Params::carries`], and are given modulo 2 to `bits` too.
    pub fn new(
        aggregators: usize,
        threshold: usize,
        privacy: usize,
        bits: u32,
    ) -> Result<Self, Error> {
        let refuse = |what, expected: String, found: usize| {
            Err(Error::caller(what, expected, found.to_string()))
        };
        if !(2..=AGGREGATORS).contains(&aggregators) {
            return refuse(
                "aggregators of a committee",
                format!("2 to {AGGREGATORS}"),
                aggregators,
            );
        }
        if !(2..=aggregators).contains(&threshold) {
            return refuse("threshold of a committee", format!("2 to {aggregators}"), threshold);
        }
        if !(1..threshold).contains(&privacy) {
            let expected = format!("1 to {}, below the threshold", threshold - 1);
            return refuse("privacy of a committee", expected, privacy);
        }
        if !(2..ELEMENT_BITS).contains(&bits) {
            let expected = format!("2 to {}", ELEMENT_BITS - 1);
            return refuse("bits of shared integers", expected, bits as usize);
        }
        Ok(Self { aggregators, threshold, privacy, bits })
    }

    /// Refuses integers up to `magnitude`, of so many participants, whose sum may not fit.
    pub fn carries(&self, magnitude: u64, participants: u64) -> Result<(), Error> {
        let largest = u128::from(magnitude) * u128::from(participants);
        if largest < 1 << self.bits {
            return Ok(());
        }
        let expected = format!("sums below 2^{} in magnitude", self.bits);
        let found = format!("{participants} participants with integers up to {magnitude}");
        Err(Error::caller("bits of shared integers", expected, found))
    }

    /// Aggregators in all.
    pub fn aggregators(&self) -> usize {
        self.aggregators
    }

    /// Aggregators that open a sum.
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// Aggregators that learn nothing; the first so many are dealt a seed instead of a vector.
    pub fn privacy(&self) -> usize {
        self.privacy
    }

    /// Integers and their sums are modulo 2 to this power.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Elements per polynomial.
    pub fn packing(&self) -> usize {
        self.threshold - self.privacy
    }

    /// Bits of an element that one integer, and its sum, takes.
    fn width(&self) -> u32 {
        self.bits + 1
    }

    /// Integers per element.
    pub fn slots(&self) -> usize {
        (ELEMENT_BITS / self.width()) as usize
    }

    /// Polynomials for a frame of so many integers: the elements of one aggregator's share of it.
    pub fn rows(&self, integers: usize) -> usize {
        integers.div_ceil(self.slots()).div_ceil(self.packing())
    }

    /// The point of an aggregator, numbered from 0.
    fn point(aggregator: usize) -> Fp {
        Fp::reduced(aggregator as u64 + 1)
    }

    /// The points where the elements lie.
    fn secrets(&self) -> impl Iterator<Item = Fp> {
        (0..self.packing() as u64).map(|i| -Fp::reduced(i))
    }

    /// Lays integers, signed and modulo 2 to `bits`, into elements.
    fn lay(&self, integers: &[u64], out: &mut Vec<Fp>) {
        let free = u64::BITS - self.bits;
        out.extend(integers.chunks(self.slots()).map(|slots| {
            let element = slots.iter().rev().fold(0i64, |element, integer| {
                (element << self.width()) + ((*integer << free).cast_signed() >> free)
            });
            let lift = MODULUS & (element >> 63).cast_unsigned();
            Fp::reduced(element.cast_unsigned().wrapping_add(lift))
        }));
    }

    /// Takes `count` integers out of the elements of their sums.
    fn take(&self, elements: &[Fp], count: usize, out: &mut Vec<u64>) {
        let mask = u64::MAX >> (u64::BITS - self.bits);
        let half = 1u64 << self.bits;
        let bias = (0..self.slots()).fold(0u64, |bias, _| (bias << self.width()) + half);
        let end = out.len() + count;
        for element in elements {
            let sum = element.to_u64();
            let lifted = if sum > MODULUS / 2 { sum.wrapping_sub(MODULUS) } else { sum };
            let biased = lifted.wrapping_add(bias);
            for slot in 0..(self.slots() as u32).min((end - out.len()) as u32) {
                out.push((biased >> (slot * self.width())).wrapping_sub(half) & mask);
            }
        }
    }
}

/// Why a sum could not be opened, or not told from a forged one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dispute {
    /// Fewer answers than open a sum.
    #[error("{found} aggregators answered, {needed} are needed to open a sum")]
    TooFew {
        /// The threshold.
        needed: usize,
        /// Answers.
        found: usize,
    },
    /// Answers contradict each other, and too many may be wrong to tell which.
    #[error(
        "the answers of {found} aggregators contradict each other; with {needed} needed to open \
         a sum, at most {named} wrong ones can be told apart"
    )]
    Unnamed {
        /// The threshold.
        needed: usize,
        /// Answers.
        found: usize,
        /// Wrong answers that could have been named.
        named: usize,
    },
}
