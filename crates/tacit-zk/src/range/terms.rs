//! What is proved of an update, and how long that is: everything that follows from a plan before a
//! byte of a proof is read.

use super::bits::Bits;
use super::interval::{Interval, Span};
use super::spoken::ELEMENT;
use super::squares::Squares;
use std::ops::Range;
use tacit_core::error::Error;
use tacit_core::limits;

/// Most places of a vector of digits, a power of two: what a verifier's work has as its least, and
/// its memory (160 bytes for each of two bases).
pub(crate) const PLACES: usize = 1 << 14;

/// Most coordinates of one proof.
pub const CHUNK: usize = 1_024;

/// Magnitude below which sums of squares stay: far below the group's order.
const SQUARES: u128 = 1 << 126;

/// That all coordinates lie in an interval and, where asked for, their L2 norm below a bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    interval: Interval,
    count: usize,
    squares: Option<u128>,
    step: f64,
}

impl Terms {
    /// Of `count` integers. `squares` is the largest sum of squares, if it is bounded. Refuses what
    /// would be too long, and squares of which a sum could wrap.
    pub fn new(interval: Interval, count: usize, squares: Option<u128>) -> Result<Self, Error> {
        let terms = Self { interval, count, squares, step: 1.0 };
        if let Some(bound) = squares {
            let largest = interval.min().unsigned_abs().max(interval.max().unsigned_abs());
            let sum = u128::from(largest).pow(2).checked_mul(count as u128);
            if !(1..SQUARES).contains(&bound) || sum.is_none_or(|sum| sum >= SQUARES) {
                let expected = "a positive bound, and sums of squares below 2^126";
                return Err(Error::caller("norm of a range proof", expected, bound.to_string()));
            }
        }
        let most = (limits::PROOF_BYTES as usize) / ELEMENT;
        if count == 0 || count > most || terms.bytes() as u64 > limits::PROOF_BYTES {
            let expected = format!("1 to about {most}: proofs of {} bytes", limits::PROOF_BYTES);
            return Err(Error::caller("coordinates of a range proof", expected, count.to_string()));
        }
        Ok(terms)
    }

    /// What 1 stands for: no part of what is proved, but proofs in another unit do not hold.
    pub fn in_steps_of(self, step: f64) -> Self {
        Self { step, ..self }
    }

    /// Where coordinates lie.
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// How many coordinates.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Largest sum of squares, if it is bounded.
    pub fn squares(&self) -> Option<u128> {
        self.squares
    }

    /// Coordinates of one proof, the last one's aside: a power of two.
    pub fn chunk(&self) -> usize {
        CHUNK.min(1 << (PLACES / self.interval.digits()).ilog2())
    }

    /// Bytes of a proof about all coordinates, with the commitments to them.
    pub fn bytes(&self) -> usize {
        let sum = self.sum_span().map_or(0, |span| Bits::bytes(span.digits(), 1));
        self.chunks().map(|chunk| self.chunk_bytes(chunk.len())).sum::<usize>()
            + self.blocks().map(|block| Squares::bytes(block.len())).sum::<usize>()
            + ELEMENT * self.count
            + sum
    }

    /// Names them in an [`Occasion`](crate::transcript::Occasion).
    pub fn parameters(&self) -> Vec<u8> {
        let bounds = [self.interval.min(), self.interval.max(), self.count as i64];
        let squares = self.squares.map(u128::to_le_bytes).unwrap_or_default();
        let bounds = bounds.iter().flat_map(|bound| bound.to_le_bytes());
        bounds.chain(squares).chain(self.step.to_bits().to_le_bytes()).collect()
    }

    pub(crate) fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        parts(self.count, self.chunk())
    }

    pub(crate) fn chunk_bytes(&self, count: usize) -> usize {
        Bits::bytes(self.interval.digits(), count)
    }

    /// Parts of which the squares are summed; none without a bound.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        parts(if self.squares.is_some() { self.count } else { 0 }, PLACES)
    }

    /// Where the sum of squares lies.
    pub(crate) fn sum_span(&self) -> Option<Span> {
        self.squares.map(|bound| Span::new(0, bound))
    }

    /// Bases that its proofs need.
    pub(crate) fn places(&self) -> usize {
        let digits = self.interval.digits() * self.count.min(self.chunk());
        let squares = self.sum_span().map_or(0, |span| span.digits().max(self.count.min(PLACES)));
        digits.max(squares).next_power_of_two()
    }
}

fn parts(count: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).step_by(size).map(move |start| start..count.min(start + size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_a_thousand_coordinates() {
        let wide = Interval::new(0, 65_535).unwrap();
        let terms = Terms::new(wide, 1_024, None).unwrap();
        assert_eq!((terms.chunk(), terms.places()), (1_024, PLACES));
        assert_eq!(terms.bytes(), 1_088 + 32 * 1_024);
        let bounded = Terms::new(wide, 1_025, Some(1 << 40)).unwrap();
        assert_eq!(bounded.chunks().collect::<Vec<_>>(), [0..1_024, 1_024..1_025]);
        assert_ne!(terms.parameters(), bounded.parameters());
        let widest = Interval::new(-(1 << 61), 1 << 61).unwrap();
        assert_eq!(Terms::new(widest, 9, None).unwrap().chunk(), 256);
    }

    #[test]
    fn what_is_too_long_or_could_wrap_is_refused() {
        let wide = Interval::new(-(1 << 61), 1 << 61).unwrap();
        assert!(Terms::new(wide, 0, None).is_err());
        assert!(Terms::new(wide, 3 << 20, None).is_err());
        assert!(Terms::new(wide, usize::MAX, None).is_err());
        assert!(Terms::new(wide, 16, Some(1)).is_err());
        assert!(Terms::new(wide, 15, Some(1)).is_ok());
        assert!(Terms::new(wide, 15, Some(0)).is_err());
        assert!(Terms::new(wide, 15, Some(1 << 126)).is_err());
    }
}
