//! Distributions over 0, 1, 2, … as tables: cumulative probabilities of 128 bits, exact to the last
//! bit, made into bins of equal probability that are sampled by the alias method.
//!
//! 63 − b of a boundary's bits decide, for 2ᵇ bins, unless they equal those that were drawn, which
//! has probability 2^(b−63) at most; only then are 64 more drawn. So the distribution has 127 bits
//! of precision at the price of 64. The time a block of samples takes shows at most that this
//! happened.
//!
//! # Discussion
//!
//! A search of the cumulative probabilities was built first. It reads as many bins, but needs b
//! steps, one after the other, on pivots of 64 bits, where two look-ups of 32 bits do here: at 512
//! numbers it took twice the time.

use super::lookup::{Bins, Draw, Target, bits_for, draw};
use super::stream::Stream;
use super::wide::Wide;

/// Numbers in the largest table.
const MAX_NUMBERS: usize = 4_096;

/// Probability at which a tail is cut off.
pub(super) const TAIL: f64 = 1.0 / (1u128 << TAIL_BITS) as f64;
const TAIL_BITS: u32 = 80;

/// ⌊2¹²⁸ · P(X > k)⌋ for k = 0, 1, …, descending; X is at most their number.
pub(super) struct Thresholds {
    pub(super) above: Vec<u128>,
    /// Distance to the ideal distribution.
    total_variation: f64,
}

impl Thresholds {
    /// The distribution in proportion to `weights`, cut where less than [`TAIL`] remains; what is
    /// beyond counts as the last number.
    pub(super) fn new(weights: &[Wide]) -> Self {
        let mut above = vec![Wide::ZERO; weights.len() + 1];
        for (k, weight) in weights.iter().enumerate().rev() {
            above[k] = above[k + 1].add(weight);
        }
        let whole = above[0];
        let cut = whole.shifted(-(TAIL_BITS as i32));
        let tails = || above.iter().skip(1);
        let count = tails().position(|tail| *tail <= cut).unwrap_or(weights.len());
        let beyond = tails().nth(count).map_or(0, |tail| tail.share(&whole));
        let shares: Vec<u128> = tails().take(count).map(|tail| tail.share(&whole)).collect();
        // each is rounded down here, and by one more bit when masses are made of them
        let rounding = (shares.len() + 1) as f64 * 2f64.powi(-127);
        let total_variation = rounding + beyond as f64 * 2f64.powi(-128);
        Self { above: shares, total_variation }
    }

    /// Probabilities in units of 2^−127, which is their sum.
    fn masses(&self) -> Vec<u128> {
        let mut left = 1u128 << 127;
        let mut masses: Vec<u128> = Vec::with_capacity(self.above.len() + 1);
        for threshold in &self.above {
            let above = (threshold >> 1).min(left);
            masses.push(left - above);
            left = above;
        }
        masses.push(left);
        masses
    }
}

/// A distribution over 0..=N.
pub(super) struct Table {
    bins: Bins,
    boundaries: Vec<u128>,
    aliases: Vec<u32>,
    max: usize,
    total_variation: f64,
    #[cfg(test)]
    above: Vec<u128>,
}

impl Table {
    /// The distribution in proportion to `weights`; `None` if it needs more than [`MAX_NUMBERS`].
    pub(super) fn new(weights: &[Wide]) -> Option<Self> {
        Self::of(Thresholds::new(weights))
    }

    fn of(thresholds: Thresholds) -> Option<Self> {
        let masses = thresholds.masses();
        if masses.len() > MAX_NUMBERS {
            return None;
        }
        let max = masses.len() - 1;
        let (boundaries, aliases) = aliased(masses);
        Some(Self {
            bins: Bins::new(&boundaries, &aliases),
            boundaries,
            aliases,
            max,
            total_variation: thresholds.total_variation,
            #[cfg(test)]
            above: thresholds.above,
        })
    }

    /// Distance of a sample's distribution to the one in proportion to the weights.
    pub(super) fn total_variation(&self) -> f64 {
        self.total_variation
    }

    /// Largest sample.
    pub(super) fn max(&self) -> usize {
        self.max
    }

    /// Adds samples made of uniform words; `stream` gives further bits where they are needed.
    pub(super) fn add(&self, words: &[u64], target: Target<'_>, stream: &mut Stream) {
        let Target { signed, factor, out } = target;
        if self.bins.add(words, Target { signed, factor, out: &mut *out }) {
            self.settle(words, signed, out, stream);
        }
    }

    /// Corrects samples whose first bits equal their boundary's: those have taken the alias.
    #[cold]
    fn settle(&self, words: &[u64], signed: bool, out: &mut [i64], stream: &mut Stream) {
        for (place, out) in out.iter_mut().enumerate() {
            let drawn = draw(words, place);
            let (bin, fraction) = (self.bins.bin(drawn), self.bins.fraction(drawn));
            let boundary = self.boundaries[bin];
            let equal = u128::from(fraction) == boundary >> 64;
            if equal && u128::from(stream.next_u64()) < boundary & u128::from(u64::MAX) {
                let Draw { first, .. } = drawn;
                let sign = if signed && first >> 31 == 1 { -1 } else { 1 };
                *out += sign * (bin as i64 - i64::from(self.aliases[bin]));
            }
        }
    }

    /// The same table with other thresholds, to see whether tests notice.
    #[cfg(test)]
    pub(super) fn altered(&self, alter: impl FnOnce(&mut Vec<u128>)) -> Self {
        let mut above = self.above.clone();
        alter(&mut above);
        Self::of(Thresholds { above, total_variation: 0.0 }).unwrap()
    }
}

/// Bins of equal mass: the boundary below which a bin's own number is meant, and its alias
/// (Vose 1991). Integers add up, so nothing is lost.
fn aliased(mut masses: Vec<u128>) -> (Vec<u128>, Vec<u32>) {
    let bits = bits_for(masses.len());
    let capacity = 1u128 << (127 - bits);
    masses.resize(1 << bits, 0);
    // a full bin is its own alias, wherever the boundary is
    let mut boundaries = vec![0; masses.len()];
    let mut aliases: Vec<u32> = (0..masses.len() as u32).collect();
    let all = 0..masses.len();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) =
        all.partition(|bin| masses[*bin] < capacity);
    while let Some(bin) = small.pop() {
        let Some(&giver) = large.last() else { break };
        boundaries[bin] = masses[bin];
        aliases[bin] = giver as u32;
        masses[giver] -= capacity - masses[bin];
        if masses[giver] < capacity {
            large.pop();
            small.push(giver);
        }
    }
    (boundaries, aliases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::lookup::words_for;

    fn thirds() -> Table {
        let third = Wide::ratio(1, 3, 0);
        Table::new(&[third, third, third]).unwrap()
    }

    #[test]
    fn thresholds_of_thirds() {
        assert_eq!(thirds().above, [u128::MAX / 3 * 2, u128::MAX / 3]);
        assert_eq!(thirds().max(), 2);
    }

    /// Every number has the mass that it had before, to the last bit.
    #[test]
    fn bins_keep_all_mass() {
        let mut stream = Stream::for_test(5);
        for count in [1, 2, 3, 16, 17, 100, 512, 4_096] {
            let mut left = 1u128 << 127;
            let cut = |_| {
                let part = (left >> 70) * u128::from(stream.next_u64() >> 4) / 5;
                left -= part;
                part
            };
            let mut masses: Vec<u128> = (1..count).map(cut).collect();
            masses.push(left);
            let (boundaries, aliases) = aliased(masses.clone());
            let capacity = (1u128 << 127) / boundaries.len() as u128;
            masses.resize(boundaries.len(), 0);
            let mut found = vec![0; masses.len()];
            for (bin, (boundary, alias)) in boundaries.iter().zip(aliases).enumerate() {
                found[bin] += boundary;
                found[alias as usize] += capacity - boundary;
            }
            assert_eq!(found, masses, "{count}");
        }
    }

    /// Where the first bits equal a boundary's, 64 more decide.
    #[test]
    fn ties_are_settled_by_further_bits() {
        let table = thirds();
        let bin = (0..16).find(|bin| table.boundaries[*bin] > 0).unwrap();
        let boundary = table.boundaries[bin];
        let low = (boundary & u128::from(u64::MAX)) as f64 * 2f64.powi(-64);
        let first = (bin as u64) << 59 | (boundary >> 64) as u64;
        let count = 4_096;
        let mut words = vec![0; words_for(count)];
        let pair = |half: u64| half << 32 | half;
        for chunk in words.chunks_mut(16) {
            chunk[..8].fill(pair(first >> 32));
            chunk[8..].fill(pair(first & 0xffff_ffff));
        }
        let mut out = vec![5; count];
        let target = Target { signed: false, factor: 0, out: &mut out };
        table.add(&words, target, &mut Stream::for_test(1));
        let own = out.iter().filter(|x| **x == bin as i64).count() as f64;
        let alias = i64::from(table.aliases[bin]);
        assert!(out.iter().all(|x| *x == bin as i64 || *x == alias));
        let due = low * count as f64;
        assert!((own - due).abs() < 5.0 * (due * (1.0 - low)).sqrt().max(1.0), "{own} {due}");
    }

    #[test]
    fn too_long_a_table_is_none() {
        assert!(Table::new(&vec![Wide::ONE; MAX_NUMBERS + 1]).is_none());
        assert!(Table::new(&vec![Wide::ONE; MAX_NUMBERS]).is_some());
    }
}
