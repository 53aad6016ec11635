//! Sorting networks, cut down to what is asked of them.
//!
//! Batcher's merge exchange (Knuth, TAOCP 3, algorithm 5.2.2 M) sorts any number of rows with
//! about n·log²n / 4 exchanges that do not depend on the values. Where only some of the sorted
//! values are asked for, exchanges that cannot change them are left out, found from the last to
//! the first.

use std::ops::Range;

/// Rows up to which a network is kept as a list: some 60,000 exchanges. Sums of as many values in
/// units of 2⁻³⁶ stay below 2⁶¹.
pub(super) const LISTED: usize = 2_048;

/// Which of the sorted values are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Their places in ascending order.
    pub(super) places: Range<usize>,
    /// Whether they must stand there in order: else the same values may stand in any.
    pub(super) ordered: bool,
}

/// A list of exchanges for one number of rows.
#[derive(Debug, Default)]
pub(super) struct Network {
    rows: usize,
    exchanges: Vec<(u16, u16)>,
}

/// What is asked of one place, after the exchanges not yet looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    Nothing,
    /// Its value, in some place of this kind.
    Member,
    Exactly,
}

impl Network {
    /// Exchanges for `rows` rows, or `None` where they are too many to list.
    pub(super) fn new(rows: usize, wanted: &Wanted) -> Option<Self> {
        if rows > LISTED {
            return None;
        }
        let mut all = Vec::new();
        merge_exchange(rows, |low, high| all.push((low as u16, high as u16)));
        let within = if wanted.ordered { Ask::Exactly } else { Ask::Member };
        let ask = |place| if wanted.places.contains(&place) { within } else { Ask::Nothing };
        let mut asked: Vec<Ask> = (0..rows).map(ask).collect();
        let mut kept = Vec::with_capacity(all.len());
        for (low, high) in all.into_iter().rev() {
            let pair = [usize::from(low), usize::from(high)];
            // Both of a kind that does not tell them apart: exchanging them changes nothing.
            if asked[pair[0]] == asked[pair[1]] && asked[pair[0]] != Ask::Exactly {
                continue;
            }
            pair.iter().for_each(|&place| asked[place] = Ask::Exactly);
            kept.push((low, high));
        }
        kept.reverse();
        Some(Self { rows, exchanges: kept })
    }

    /// Number of rows it is for.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The exchanges in order, the place of the smaller value first.
    pub(super) fn exchanges(&self) -> &[(u16, u16)] {
        &self.exchanges
    }
}

/// Calls `exchange` with every pair of places of the whole network, the lower one first.
#[inline(always)]
pub(super) fn merge_exchange(rows: usize, mut exchange: impl FnMut(usize, usize)) {
    let top = rows.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            for start in (r..rows.saturating_sub(d)).step_by(2 * p) {
                for i in start..(start + p).min(rows - d) {
                    exchange(i, i + d);
                }
            }
            if q == p {
                break;
            }
            (d, r) = (q - p, p);
            q /= 2;
        }
        p /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(network: &Network, values: &mut [u32]) {
        for &(low, high) in network.exchanges() {
            let (low, high) = (usize::from(low), usize::from(high));
            if values[low] > values[high] {
                values.swap(low, high);
            }
        }
    }

    /// Zeros and ones suffice (Knuth, 5.3.4 Z): all of them for a few rows.
    #[test]
    fn every_network_gives_what_is_wanted() {
        for rows in 1..=11 {
            for (from, to) in (0..rows).flat_map(|a| (a + 1..=rows).map(move |b| (a, b))) {
                for ordered in [true, false] {
                    let wanted = Wanted { places: from..to, ordered };
                    let network = Network::new(rows, &wanted).unwrap();
                    for bits in 0..1u32 << rows {
                        let mut values: Vec<u32> = (0..rows).map(|i| bits >> i & 1).collect();
                        let mut sorted = values.clone();
                        sorted.sort_unstable();
                        apply(&network, &mut values);
                        let mut found = values[from..to].to_vec();
                        if !ordered {
                            found.sort_unstable();
                        }
                        assert_eq!(found, sorted[from..to], "{rows} {wanted:?} {bits:b}");
                    }
                }
            }
        }
    }

    #[test]
    fn less_is_exchanged_where_less_is_wanted() {
        let count = |places: Range<usize>, ordered| {
            Network::new(50, &Wanted { places, ordered }).unwrap().exchanges().len()
        };
        let (all, trimmed, middle) =
            (count(0..50, true), count(10..40, false), count(24..26, false));
        assert!(middle < all * 9 / 10 && trimmed < all, "{all} {trimmed} {middle}");
        assert!(Network::new(LISTED + 1, &Wanted { places: 0..1, ordered: true }).is_none());
    }
}
