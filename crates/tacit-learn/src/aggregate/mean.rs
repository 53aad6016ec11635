//! Weighted mean, the aggregation of FedAvg (McMahan et al. 2017, algorithm 1):
//! Σᵢ (wᵢ / W) xᵢ with W = Σᵢ wᵢ.
//!
//! The sum is exact, so the order of arrival changes no bit of it: each term is rounded once to a
//! multiple of 2⁻³⁶ and terms are added as 64-bit integers. Terms are at most
//! [`limits::UPDATE_MAGNITUDE`] = 2¹⁴ in magnitude, so scaled terms stay below 2⁵⁰ and, since
//! Σ wᵢ / W = 1, so does every partial sum up to one unit of rounding per term. The error is at
//! most n · 2⁻³⁷ for n participants, plus one rounding to f32.
//!
//! # Discussion
//!
//! Rounding a double to an integer by adding 1.5 · 2⁵² needs no unsafe conversion and vectorises
//! on every machine alike; the low bits of the sum are the integer. f64 sums would be faster to
//! write but depend on the order of rows.
//!
//! Adding eight rows in one pass halves the time of adding them one by one, because the sums are
//! then read and written once for eight rows; `benches/aggregate.rs` measures it.

use tacit_core::error::Error;
use tacit_core::limits;
use tacit_core::registry::{Entry, Make};
use tacit_core::traits::{Aggregator, Rows, View};

pub(super) const ENTRY: Entry = Entry {
    name: "mean",
    help: "mean weighted by examples, exact in units of 2^-36 (McMahan et al. 2017)",
    parameters: &[],
    make: Make::Aggregator(|_| Ok(Box::new(Mean::new()))),
};

const UNIT: f64 = (1u64 << 36) as f64;
const MAGIC: f64 = 1.5 * (1u64 << 52) as f64;

/// A value within the range of updates as a whole number of units, rounded to the nearest.
#[inline(always)]
pub(super) fn in_units(x: f64) -> i64 {
    ((x * UNIT + MAGIC).to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64)
}

/// A sum of units over `count`.
#[inline(always)]
pub(super) fn from_units(sum: i64, count: f64) -> f32 {
    (sum as f64 / UNIT / count) as f32
}

/// Columns added at a time: 64 KiB of sums stay in the second-level cache, and rows are read in
/// runs long enough for the processor to fetch ahead.
const BLOCK: usize = 8192;

/// Rows added in one pass over the sums: one stream of memory each.
const PASS: usize = 8;

/// A row and what its values are multiplied by.
type Term<'a> = (&'a [f32], f64);

/// See the module.
#[derive(Debug, Default)]
pub struct Mean {
    sums: Vec<i64>,
}

impl Mean {
    /// A rule that has seen no rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `coefficients[i] · rows[i]` to the current chunk, exactly: coefficients are at least
    /// zero and their sum over the whole cohort is at most one.
    pub(crate) fn combine(&mut self, rows: &[&[f32]], coefficients: &[f64]) -> Result<(), Error> {
        let scales: Vec<f64> = coefficients.iter().map(|c| c * UNIT).collect();
        self.fold_scaled(rows, &scales)
    }

    fn fold_scaled(&mut self, rows: &[&[f32]], scales: &[f64]) -> Result<(), Error> {
        let width = rows.first().map_or(0, |row| row.len());
        if self.sums.is_empty() {
            self.sums.resize(width, 0);
        }
        if self.sums.len() != width || rows.iter().any(|row| row.len() != width) {
            return Err(Error::Bug("rows of one chunk differ in length"));
        }
        let mut terms = Vec::with_capacity(scales.len());
        for (block, sums) in self.sums.chunks_mut(BLOCK).enumerate() {
            let columns = block * BLOCK..block * BLOCK + sums.len();
            terms.clear();
            terms.extend(rows.iter().map(|row| &row[columns.clone()]).zip(scales.iter().copied()));
            add(sums, &terms);
        }
        Ok(())
    }
}

impl Aggregator for Mean {
    fn needs(&self) -> View {
        View::Sum
    }

    fn fold(&mut self, rows: &Rows<'_>) -> Result<(), Error> {
        let inverse = UNIT / rows.total_weight.max(1) as f64;
        let scales: Vec<f64> = rows.weights.iter().map(|&w| w as f64 * inverse).collect();
        self.fold_scaled(rows.rows, &scales)
    }

    fn finish(&mut self, out: &mut [f32]) -> Result<(), Error> {
        if self.sums.len() != out.len() {
            return Err(Error::Bug("a chunk was finished that was not folded"));
        }
        for (out, sum) in out.iter_mut().zip(self.sums.drain(..)) {
            *out = (sum as f64 / UNIT) as f32;
        }
        Ok(())
    }
}

const _: () = assert!(limits::UPDATE_MAGNITUDE * UNIT <= (1u64 << 50) as f64);

/// `sums[i] += round(row[i] · scale)` for every term, exactly the same on every path. Rows are as
/// long as the sums.
fn add(sums: &mut [i64], terms: &[Term<'_>]) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            // SAFETY: the features were detected on this machine.
            return unsafe { add_avx512(sums, terms) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was detected on this machine.
            return unsafe { add_avx2(sums, terms) };
        }
    }
    add_portable(sums, terms);
}

/// The safe reference; inlined into each path so that the compiler vectorises it for that path.
#[inline(always)]
fn add_portable(sums: &mut [i64], terms: &[Term<'_>]) {
    let (eights, rest) = terms.as_chunks::<PASS>();
    let (twos, rest) = rest.as_chunks::<2>();
    eights.iter().for_each(|terms| add_together(sums, terms));
    twos.iter().for_each(|terms| add_together(sums, terms));
    rest.iter().for_each(|&term| add_together(sums, &[term]));
}

#[inline(always)]
fn add_together<const N: usize>(sums: &mut [i64], terms: &[Term<'_>; N]) {
    let rows = terms.map(|(row, _)| &row[..sums.len()]);
    let scales = terms.map(|(_, scale)| scale);
    for (i, sum) in sums.iter_mut().enumerate() {
        // Integers wrap around and back: only the true sum must fit.
        let mut total = sum.wrapping_sub((N as i64).wrapping_mul(MAGIC.to_bits() as i64));
        for (row, scale) in rows.iter().zip(scales) {
            // No fused multiply-add: it would round differently where the machine lacks it.
            let rounded = f64::from(row[i]) * scale + MAGIC;
            total = total.wrapping_add(rounded.to_bits() as i64);
        }
        *sum = total;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn add_avx512(sums: &mut [i64], terms: &[Term<'_>]) {
    add_portable(sums, terms);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_avx2(sums: &mut [i64], terms: &[Term<'_>]) {
    add_portable(sums, terms);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    #[test]
    fn every_path_and_grouping_gives_the_same_bits() {
        let mut rng = Seed::root(5).rng();
        let mut row = || (0..1003).map(|_| (rng.normal() * 100.0) as f32).collect();
        let rows: Vec<Vec<f32>> = (0..21).map(|_| row()).collect();
        let scales = [UNIT, UNIT / 3.0, 1.0].into_iter().cycle();
        let terms: Vec<Term<'_>> = rows.iter().map(Vec::as_slice).zip(scales).collect();
        let mut expected = vec![7i64; 1003];
        for (row, scale) in &terms {
            for (sum, &x) in expected.iter_mut().zip(*row) {
                *sum += (f64::from(x) * scale).round_ties_even() as i64;
            }
        }
        for split in 0..=terms.len() {
            let (mut fast, mut slow) = (vec![7i64; 1003], vec![7i64; 1003]);
            let (first, second) = terms.split_at(split);
            add(&mut fast, first);
            add(&mut fast, second);
            add_portable(&mut slow, second);
            add_portable(&mut slow, first);
            assert_eq!(fast, expected);
            assert_eq!(slow, expected);
        }
    }

    #[test]
    fn rounding_is_exact_at_the_edge_of_the_range() {
        let edge = limits::UPDATE_MAGNITUDE as f32;
        for x in [edge, -edge, 0.0, -0.0, f32::MIN_POSITIVE, 1.0, -1.0] {
            let mut sum = [0];
            add_portable(&mut sum, &[(&[x], UNIT)]);
            assert_eq!(sum[0], (f64::from(x) * UNIT).round_ties_even() as i64);
        }
    }
}
