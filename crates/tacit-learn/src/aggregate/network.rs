//! Sorting networks, cut down to what is asked of them.
//!
//! Batcher's merge exchange (Knuth, TAOCP 3, algorithm 5.2.2 M) sorts any number of rows with
//! about n·log²n / 4 exchanges that do not depend on the values. It sorts the rows of each class
//! modulo ever smaller powers of two, so that the first classes, of few rows, are sorted in
//! registers (see `registers`) and only the last merges are a list. Where only some of the sorted
//! values are asked for, exchanges that cannot change them are left out, found from the last to
//! the first.

use std::ops::Range;

/// Most rows of a class that is sorted in registers.
pub(super) const CLASS: usize = 16;

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

/// What sorts one number of rows: classes, then a list of exchanges.
#[derive(Debug, Default)]
pub(super) struct Network {
    rows: usize,
    classes: usize,
    merged: bool,
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
    /// The network for `rows` rows, or `None` where they are too many to list.
    pub(super) fn new(rows: usize, wanted: &Wanted) -> Option<Self> {
        if rows > LISTED {
            return None;
        }
        let classes = rows.div_ceil(CLASS).next_power_of_two();
        let merged = rows > CLASS && rows.div_ceil(classes / 2) <= 2 * CLASS;
        let sorted = if merged { classes / 2 } else { classes };
        Some(Self { rows, classes, merged, exchanges: pruned(rows, sorted, wanted) })
    }

    /// Number of rows it is for.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Rows equal modulo this power of two are sorted first, in order of their places.
    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// Whether each two of them are then merged in registers too.
    pub(super) fn merged(&self) -> bool {
        self.merged
    }

    /// What follows, the place of the smaller value first.
    pub(super) fn exchanges(&self) -> &[(u16, u16)] {
        &self.exchanges
    }
}

/// The exchanges that matter once the rows of each class modulo `classes` are sorted.
fn pruned(rows: usize, classes: usize, wanted: &Wanted) -> Vec<(u16, u16)> {
    let mut all = Vec::new();
    let mut pairs = MergeExchange::merge(rows, classes);
    while let Some((low, high)) = pairs.next() {
        all.push((low as u16, high as u16));
    }
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
    kept
}

/// Every pair of places that merge exchange compares, the lower one first.
#[derive(Clone, Copy, Debug)]
pub(super) struct MergeExchange {
    rows: usize,
    top: usize,
    p: usize,
    q: usize,
    r: usize,
    d: usize,
    i: usize,
}

impl MergeExchange {
    /// Sorts `rows` rows.
    pub(super) const fn sort(rows: usize) -> Self {
        Self::merge(rows, rows.next_power_of_two())
    }

    /// What is left once the rows of each class modulo `classes`, a power of two, are sorted.
    pub(super) const fn merge(rows: usize, classes: usize) -> Self {
        let (top, p) = (rows.next_power_of_two() / 2, classes / 2);
        Self { rows, top, p, q: top, r: 0, d: p, i: 0 }
    }

    /// The next pair.
    pub(super) const fn next(&mut self) -> Option<(usize, usize)> {
        while self.p > 0 {
            while self.i + self.d < self.rows {
                let (low, high) = (self.i, self.i + self.d);
                self.i += 1;
                if low & self.p == self.r {
                    return Some((low, high));
                }
            }
            self.i = 0;
            if self.q == self.p {
                self.p /= 2;
                (self.q, self.r, self.d) = (self.top, 0, self.p);
            } else {
                (self.d, self.r) = (self.q - self.p, self.p);
                self.q /= 2;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(values: &mut [u32], low: usize, high: usize) {
        if values[low] > values[high] {
            values.swap(low, high);
        }
    }

    /// Zeros and ones suffice (Knuth, 5.3.4 Z): all of them for a few rows.
    fn all(rows: usize) -> impl Iterator<Item = Vec<u32>> {
        (0..1u32 << rows).map(move |bits| (0..rows).map(|i| bits >> i & 1).collect())
    }

    #[test]
    fn merge_exchange_sorts() {
        for (rows, mut values) in (1..=16).flat_map(|rows| all(rows).map(move |v| (rows, v))) {
            let mut pairs = MergeExchange::sort(rows);
            while let Some((low, high)) = pairs.next() {
                exchange(&mut values, low, high);
            }
            assert!(values.is_sorted(), "{rows}");
        }
    }

    #[test]
    fn what_is_left_of_a_network_gives_what_is_wanted() {
        for rows in 1..=11usize {
            for (from, to) in (0..rows).flat_map(|a| (a + 1..=rows).map(move |b| (a, b))) {
                for (ordered, classes) in [(true, 2), (false, 2), (true, 16), (false, 16)] {
                    let wanted = Wanted { places: from..to, ordered };
                    let classes = rows.next_power_of_two().min(classes);
                    let pairs = pruned(rows, classes, &wanted);
                    for mut values in all(rows) {
                        let mut sorted = values.clone();
                        sorted.sort_unstable();
                        for class in 0..classes {
                            let places = || (class..rows).step_by(classes);
                            let mut of: Vec<u32> = places().map(|place| values[place]).collect();
                            of.sort_unstable();
                            places().zip(of).for_each(|(place, value)| values[place] = value);
                        }
                        for &(low, high) in &pairs {
                            exchange(&mut values, low.into(), high.into());
                        }
                        let mut found = values[from..to].to_vec();
                        if !ordered {
                            found.sort_unstable();
                        }
                        assert_eq!(found, sorted[from..to], "{rows} {classes} {wanted:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn less_is_exchanged_where_less_is_wanted() {
        let count =
            |places: Range<usize>, ordered| pruned(50, 64, &Wanted { places, ordered }).len();
        let (all, trimmed, middle) =
            (count(0..50, true), count(10..40, false), count(24..26, false));
        assert!(middle < all * 9 / 10 && trimmed < all, "{all} {trimmed} {middle}");
        assert!(Network::new(LISTED + 1, &Wanted { places: 0..1, ordered: true }).is_none());
    }
}
