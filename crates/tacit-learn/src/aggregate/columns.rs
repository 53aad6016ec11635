//! Rules that sort each coordinate's values: some coordinates at a time, one per lane.
//!
//! An exchange of a sorting network (see `network`) is a minimum and a maximum of whole vectors.
//! Scratch: 128 bytes per row.

use super::cohort;
use super::mean::{from_units, in_units};
use super::network::{LISTED, MergeExchange, Network, Wanted};
use super::prefetch::{LINE, prefetch};
use super::registers::{Strided, merge_few, sort_few};
use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};
use tacit_core::error::Error;
use tacit_core::traits::{Aggregator, Rows, View};

/// Coordinates sorted together: two cache lines of each row.
pub(super) const LANES: usize = 32;

/// How far ahead of the block that is sorted rows are fetched, in values: the memory answers
/// while other blocks are sorted.
const AHEAD: usize = 8 * LANES;

/// One value of [`LANES`] coordinates.
pub(super) type Lane = [f32; LANES];

/// What a rule makes of the sorted values of a coordinate.
pub(super) trait Reduction: Send {
    /// Which of the sorted values of `rows` rows it looks at; at least one.
    fn wanted(&self, rows: usize) -> Wanted;
    /// Reduces every lane; the wanted values of each stand as they are wanted.
    fn reduce(&self, sorted: &[Lane]) -> Lane;
}

/// Scratch, and the network of the last number of rows.
#[derive(Debug, Default)]
pub(super) struct Sorter {
    lanes: Vec<f32>,
    network: Option<Network>,
}

impl Sorter {
    /// Applies `reduction` to every coordinate of `rows`, which have the length of `out`.
    pub(super) fn reduce<R: Reduction>(&mut self, reduction: &R, rows: &[&[f32]], out: &mut [f32]) {
        if self.network.as_ref().is_none_or(|network| network.rows() != rows.len()) {
            self.network = Network::new(rows.len(), &reduction.wanted(rows.len()));
        }
        self.lanes.resize(rows.len() * LANES, 0.0);
        let Self { lanes, network } = self;
        let network = network.as_ref();
        Arch::new().dispatch(Reduce { reduction, rows, lanes, network, out });
    }
}

struct Reduce<'a, R> {
    reduction: &'a R,
    rows: &'a [&'a [f32]],
    lanes: &'a mut [f32],
    network: Option<&'a Network>,
    out: &'a mut [f32],
}

impl<R: Reduction> WithSimd for Reduce<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { reduction, rows, lanes, network, out } = self;
        for (block, out) in out.chunks_mut(LANES).enumerate() {
            gather(simd, rows, block * LANES, lanes);
            let vectors = S::as_mut_simd_f32s(lanes).0;
            match network {
                Some(network) => sort(simd, network, vectors),
                None => {
                    let mut pairs = MergeExchange::sort(rows.len());
                    while let Some((low, high)) = pairs.next() {
                        exchange(simd, vectors, low, high);
                    }
                }
            }
            let reduced = reduction.reduce(lanes.as_chunks().0);
            out.copy_from_slice(&reduced[..out.len()]);
        }
    }
}

/// Copies the next [`LANES`] values of every row, or as many as are left.
#[inline(always)]
fn gather<S: Simd>(simd: S, rows: &[&[f32]], start: usize, lanes: &mut [f32]) {
    // Adding zero turns −0 into 0, so that the order of equal values cannot show.
    let zero = simd.splat_f32s(0.0);
    for (row, lane) in rows.iter().zip(lanes.as_chunks_mut::<LANES>().0) {
        (0..LANES).step_by(LINE).for_each(|line| prefetch(row, start + AHEAD + line));
        match row[start..].first_chunk::<LANES>() {
            Some(values) => {
                let (values, lane) = (S::as_simd_f32s(values).0, S::as_mut_simd_f32s(lane).0);
                for (to, value) in lane.iter_mut().zip(values) {
                    *to = simd.add_f32s(*value, zero);
                }
            }
            None => lane.iter_mut().zip(&row[start..]).for_each(|(to, x)| *to = x + 0.0),
        }
    }
}

/// Sorts the rows of each class in registers, merges pairs of classes there if they fit, and
/// exchanges what is left.
#[inline(always)]
fn sort<S: Simd>(simd: S, network: &Network, vectors: &mut [S::f32s]) {
    let parts = LANES / S::F32_LANES;
    let mut classes = network.classes();
    for first in 0..classes.min(network.rows()) * parts {
        sort_few(simd, Strided { vectors: &mut vectors[first..], stride: classes * parts });
    }
    if network.merged() {
        classes /= 2;
        for first in 0..classes * parts {
            merge_few(simd, Strided { vectors: &mut vectors[first..], stride: classes * parts });
        }
    }
    simd.vectorize(Exchanges { simd, vectors, list: network.exchanges() });
}

/// The exchanges of a list, one after the other.
struct Exchanges<'a, S: Simd> {
    simd: S,
    vectors: &'a mut [S::f32s],
    list: &'a [(u16, u16)],
}

impl<S: Simd> NullaryFnOnce for Exchanges<'_, S> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for &(low, high) in self.list {
            exchange(self.simd, self.vectors, usize::from(low), usize::from(high));
        }
    }
}

/// Puts the smaller of two rows' values first, in every lane.
#[inline(always)]
fn exchange<S: Simd>(simd: S, values: &mut [S::f32s], low: usize, high: usize) {
    let parts = LANES / S::F32_LANES;
    for part in 0..parts {
        let (low, high) = (low * parts + part, high * parts + part);
        let (a, b) = (values[low], values[high]);
        values[low] = simd.min_f32s(a, b);
        values[high] = simd.max_f32s(a, b);
    }
}

/// The mean of the two middle values, which are one where their number is odd.
#[inline(always)]
pub(super) fn middle(sorted: &[Lane]) -> Lane {
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    std::array::from_fn(|i| (low[i] + high[i]) * 0.5)
}

/// The plain mean of values in any order: exact in units of 2⁻³⁶, as `mean`'s. So many that units
/// would not fit are all sorted, and their sum in f64 depends on nothing else either.
#[inline(always)]
pub(super) fn mean(values: &[Lane]) -> Lane {
    let count = values.len() as f64;
    if values.len() > LISTED {
        let mut sums = [0.0f64; LANES];
        for lane in values {
            sums.iter_mut().zip(lane).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        return sums.map(|sum| (sum / count) as f32);
    }
    let mut sums = [0i64; LANES];
    for lane in values {
        for (sum, &x) in sums.iter_mut().zip(lane) {
            *sum = sum.wrapping_add(in_units(f64::from(x)));
        }
    }
    sums.map(|sum| from_units(sum, count))
}

/// The aggregator of a reduction that needs no survey and is defined for any cohort.
#[derive(Debug)]
pub(super) struct Columns<R> {
    reduction: R,
    sorter: Sorter,
    result: Option<Vec<f32>>,
}

impl<R: Reduction> Columns<R> {
    /// Has seen no rows.
    pub(super) fn new(reduction: R) -> Self {
        Self { reduction, sorter: Sorter::default(), result: None }
    }
}

impl<R: Reduction> Aggregator for Columns<R> {
    fn needs(&self) -> View {
        View::EachSealed
    }

    fn fold(&mut self, rows: &Rows<'_>) -> Result<(), Error> {
        let width = cohort::width(rows.rows)?;
        if rows.rows.is_empty() || self.result.is_some() {
            return Err(Error::Bug("a rule that sorts needs all rows of a chunk at once"));
        }
        let mut result = vec![0.0; width];
        self.sorter.reduce(&self.reduction, rows.rows, &mut result);
        self.result = Some(result);
        Ok(())
    }

    fn finish(&mut self, out: &mut [f32]) -> Result<(), Error> {
        write(self.result.take(), out)
    }
}

/// Hands out a chunk's result.
pub(super) fn write(result: Option<Vec<f32>>, out: &mut [f32]) -> Result<(), Error> {
    match result {
        Some(result) if result.len() == out.len() => out.copy_from_slice(&result),
        _ => return Err(Error::Bug("a chunk was finished that was not folded")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    struct Nth(usize);

    impl Reduction for Nth {
        fn wanted(&self, _rows: usize) -> Wanted {
            Wanted { places: self.0..self.0 + 1, ordered: true }
        }

        fn reduce(&self, sorted: &[Lane]) -> Lane {
            sorted[self.0]
        }
    }

    #[test]
    fn sorts_any_number_of_rows() {
        let mut rng = Seed::root(8).rng();
        for n in (1..=70).chain([127, 128, 129, 1000, 2500]) {
            // Few distinct values, so that many are equal.
            let mut row = || (0..37).map(|_| rng.below(n as u64) as f32 - 3.0).collect();
            let rows: Vec<Vec<f32>> = (0..n).map(|_| row()).collect();
            let views: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            for k in [0, n / 3, n / 2, n - 1] {
                let mut out = vec![0.0; 37];
                Sorter::default().reduce(&Nth(k), &views, &mut out);
                for (column, found) in out.iter().enumerate() {
                    let mut values: Vec<f32> = rows.iter().map(|row| row[column]).collect();
                    values.sort_by(f32::total_cmp);
                    assert_eq!(*found, values[k], "{k} of {n}");
                }
            }
        }
    }
}
