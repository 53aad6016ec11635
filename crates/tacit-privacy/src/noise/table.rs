//! Distributions over 0, 1, 2, … as tables of cumulative probabilities (CDT): a sample is the
//! number of thresholds above 128 uniform bits.
//!
//! The first 64 bits decide unless they equal those of a threshold, which has probability at most
//! N·2⁻⁶⁴ for N thresholds; only then are 64 more drawn and all thresholds compared in full. So
//! the distribution has 128 bits of precision at the price of 64; the time shows at most that this
//! happened, and with tables of 64 bits N·2⁻⁶⁵ would be the error of every sample.

use super::search::Search;
use super::stream::Stream;
use super::wide::Wide;

/// Thresholds of the largest table.
pub(super) const MAX_THRESHOLDS: usize = 4_095;

/// Probability at which a tail is cut off.
pub(super) const TAIL: f64 = 1.0 / (1u128 << TAIL_BITS) as f64;
const TAIL_BITS: u32 = 80;

/// A distribution over 0..=N.
pub(super) struct Table {
    /// ⌊2¹²⁸ · P(X > k)⌋ for k = 0, 1, …; descending.
    thresholds: Vec<u128>,
    search: Search,
    total_variation: f64,
}

impl Table {
    /// The distribution in proportion to `weights`, cut where less than [`TAIL`] remains; `None`
    /// if that is beyond [`MAX_THRESHOLDS`].
    pub(super) fn new(weights: &[Wide]) -> Option<Self> {
        let mut above = vec![Wide::ZERO; weights.len() + 1];
        for (k, weight) in weights.iter().enumerate().rev() {
            above[k] = above[k + 1].add(weight);
        }
        let whole = above[0];
        let cut = whole.shifted(-(TAIL_BITS as i32));
        let count = above.iter().skip(1).position(|tail| *tail <= cut)?;
        if count > MAX_THRESHOLDS {
            return None;
        }
        let shares = above.iter().skip(1).take(count).map(|tail| tail.share(&whole));
        let tail = above[count + 1].share(&whole) as f64 * 2f64.powi(-128);
        Some(Self::of_thresholds(shares.collect(), tail))
    }

    /// Each threshold is off by less than 2⁻¹²⁸; all that is beyond the last has become N.
    fn of_thresholds(thresholds: Vec<u128>, tail: f64) -> Self {
        let high: Vec<u64> = thresholds.iter().map(|t| (t >> 64) as u64).collect();
        let total_variation = (thresholds.len() + 1) as f64 * 2f64.powi(-128) + tail;
        Self { search: Search::new(&high), thresholds, total_variation }
    }

    /// Distance of a sample's distribution to the one in proportion to the weights.
    pub(super) fn total_variation(&self) -> f64 {
        self.total_variation
    }

    /// Largest sample.
    pub(super) fn max(&self) -> usize {
        self.thresholds.len()
    }

    /// Turns uniform words into as many samples; `stream` gives further bits where they are needed.
    pub(super) fn sample(&self, words: &[u64], samples: &mut [u64], stream: &mut Stream) {
        if self.search.ranks(words, samples) {
            self.settle(words, samples, stream);
        }
    }

    /// Samples anew where the first 64 bits, `uniform`, leave a choice.
    #[cold]
    fn settle(&self, uniform: &[u64], samples: &mut [u64], stream: &mut Stream) {
        for (&high, sample) in uniform.iter().zip(samples) {
            if self.thresholds.iter().any(|t| (t >> 64) as u64 == high) {
                let bits = u128::from(high) << 64 | u128::from(stream.next_u64());
                *sample = self.thresholds.iter().map(|t| u64::from(*t > bits)).sum();
            }
        }
    }

    /// The same table with other thresholds, to see whether tests notice.
    #[cfg(test)]
    pub(super) fn altered(&self, alter: impl FnOnce(&mut Vec<u128>)) -> Self {
        let mut thresholds = self.thresholds.clone();
        alter(&mut thresholds);
        Self::of_thresholds(thresholds, 0.0)
    }

    #[cfg(test)]
    pub(super) fn thresholds(&self) -> &[u128] {
        &self.thresholds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_thirds() {
        let third = Wide::ratio(1, 3, 0);
        let table = Table::new(&[third, third, third]).unwrap();
        assert_eq!(table.thresholds(), [u128::MAX / 3 * 2, u128::MAX / 3]);
        let third = u64::MAX / 3;
        let mut samples = [9; 5];
        let words = [0, third - 1, third + 1, third * 2 + 1, u64::MAX];
        table.sample(&words, &mut samples, &mut Stream::for_test(0));
        assert_eq!(samples, [2, 2, 1, 0, 0]);
    }

    /// Where the first 64 bits equal a threshold's, 64 more decide: one half, here.
    #[test]
    fn ties_are_settled_by_further_bits() {
        let table = Table::of_thresholds(vec![7 << 64 | 1 << 63, 3 << 64], 0.0);
        let mut stream = Stream::for_test(1);
        let mut samples = [9; 4_000];
        table.sample(&[7; 4_000], &mut samples, &mut stream);
        let ones = samples.iter().filter(|&&x| x == 1).count();
        assert!(samples.iter().all(|&x| x < 2) && ones.abs_diff(2_000) < 130, "{ones}");
        let mut samples = [9; 9];
        table.sample(&[3; 9], &mut samples, &mut stream);
        assert_eq!(samples, [1; 9]);
    }

    #[test]
    fn too_long_a_table_is_none() {
        assert!(Table::new(&vec![Wide::ONE; MAX_THRESHOLDS + 2]).is_none());
        assert!(Table::new(&vec![Wide::ONE; MAX_THRESHOLDS + 1]).is_some());
    }
}
