//! Rules that sort each coordinate's values: sixteen coordinates at a time, one per lane.
//!
//! Batcher's merge exchange (Knuth, TAOCP 3, algorithm 5.2.2 M) sorts any number of rows with
//! about n·log²n / 4 exchanges that do not depend on the values, so each exchange is a minimum
//! and a maximum of whole vectors. Rows are read where they lie: consecutive values of one row
//! are consecutive lanes. Scratch: 64 bytes per row.

use super::cohort;
use pulp::{Arch, Simd, WithSimd};
use tacit_core::error::Error;
use tacit_core::traits::{Aggregator, Rows, View};

/// Coordinates sorted together: one cache line of each row.
pub(super) const LANES: usize = 16;

/// One value of [`LANES`] coordinates.
pub(super) type Lane = [f32; LANES];

/// What a rule makes of the sorted values of a coordinate.
pub(super) trait Reduction: Send {
    /// Reduces every lane; `sorted` ascends in each and has at least one element.
    fn reduce(&self, sorted: &[Lane]) -> Lane;
}

/// Applies `reduction` to every coordinate of `rows`, which have the length of `out`.
pub(super) fn reduce<R: Reduction>(
    reduction: &R,
    rows: &[&[f32]],
    scratch: &mut Vec<Lane>,
    out: &mut [f32],
) {
    scratch.clear();
    scratch.resize(rows.len(), [0.0; LANES]);
    Arch::new().dispatch(Reduce { reduction, rows, scratch, out });
}

struct Reduce<'a, R> {
    reduction: &'a R,
    rows: &'a [&'a [f32]],
    scratch: &'a mut [Lane],
    out: &'a mut [f32],
}

impl<R: Reduction> WithSimd for Reduce<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        reduce_portable(self.reduction, self.rows, self.scratch, self.out);
    }
}

/// The reference; inlined into each path so that the compiler vectorises it for that path.
#[inline(always)]
fn reduce_portable<R: Reduction>(
    reduction: &R,
    rows: &[&[f32]],
    scratch: &mut [Lane],
    out: &mut [f32],
) {
    for (block, out) in out.chunks_mut(LANES).enumerate() {
        let columns = block * LANES..block * LANES + out.len();
        for (row, lane) in rows.iter().zip(&mut *scratch) {
            // Adding zero turns −0 into 0, so that the order of equal values cannot show.
            lane.iter_mut().zip(&row[columns.clone()]).for_each(|(lane, x)| *lane = x + 0.0);
        }
        sort(scratch);
        let reduced = reduction.reduce(scratch);
        out.copy_from_slice(&reduced[..out.len()]);
    }
}

/// Sorts every lane in ascending order.
#[inline(always)]
fn sort(values: &mut [Lane]) {
    let n = values.len();
    let top = n.next_power_of_two() / 2;
    let mut p = top;
    while p > 0 {
        let (mut q, mut r, mut d) = (top, 0, p);
        loop {
            for start in (r..n - d).step_by(2 * p) {
                for i in start..(start + p).min(n - d) {
                    exchange(values, i, i + d);
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

#[inline(always)]
fn exchange(values: &mut [Lane], low: usize, high: usize) {
    let (a, b) = (values[low], values[high]);
    // Written so that each is one instruction: values are finite.
    values[low] = std::array::from_fn(|i| if a[i] < b[i] { a[i] } else { b[i] });
    values[high] = std::array::from_fn(|i| if a[i] < b[i] { b[i] } else { a[i] });
}

/// The mean of the two middle values, which are one where their number is odd.
#[inline(always)]
pub(super) fn middle(sorted: &[Lane]) -> Lane {
    let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
    std::array::from_fn(|i| (low[i] + high[i]) * 0.5)
}

/// The plain mean, added in f64 in the order given.
#[inline(always)]
pub(super) fn mean(values: &[Lane]) -> Lane {
    let mut sums = [0.0f64; LANES];
    for lane in values {
        sums.iter_mut().zip(lane).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    sums.map(|sum| (sum / values.len() as f64) as f32)
}

/// The aggregator of a reduction that needs no survey and is defined for any cohort.
#[derive(Debug)]
pub(super) struct Columns<R> {
    reduction: R,
    scratch: Vec<Lane>,
    result: Option<Vec<f32>>,
}

impl<R: Reduction> Columns<R> {
    /// Has seen no rows.
    pub(super) fn new(reduction: R) -> Self {
        Self { reduction, scratch: Vec::new(), result: None }
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
        reduce(&self.reduction, rows.rows, &mut self.scratch, &mut result);
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
        fn reduce(&self, sorted: &[Lane]) -> Lane {
            sorted[self.0]
        }
    }

    #[test]
    fn sorts_any_number_of_rows() {
        let mut rng = Seed::root(8).rng();
        for n in (1..=70).chain([127, 128, 129, 1000]) {
            // Few distinct values, so that many are equal.
            let mut row = || (0..37).map(|_| rng.below(n as u64) as f32 - 3.0).collect();
            let rows: Vec<Vec<f32>> = (0..n).map(|_| row()).collect();
            let views: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            for k in [0, n / 3, n / 2, n - 1] {
                let mut out = vec![0.0; 37];
                reduce(&Nth(k), &views, &mut Vec::new(), &mut out);
                for (column, found) in out.iter().enumerate() {
                    let mut values: Vec<f32> = rows.iter().map(|row| row[column]).collect();
                    values.sort_by(f32::total_cmp);
                    assert_eq!(*found, values[k], "{k} of {n}");
                }
            }
        }
    }
}
