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

/// Columns added at a time: 16 KiB of accumulators stay in the first-level cache.
const BLOCK: usize = 2048;

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
}

impl Aggregator for Mean {
    fn needs(&self) -> View {
        View::Sum
    }

    fn fold(&mut self, rows: &Rows<'_>) -> Result<(), Error> {
        let width = rows.rows.first().map_or(0, |row| row.len());
        if self.sums.is_empty() {
            self.sums.resize(width, 0);
        }
        if self.sums.len() != width || rows.rows.iter().any(|row| row.len() != width) {
            return Err(Error::Bug("rows of one chunk differ in length"));
        }
        let inverse = UNIT / rows.total_weight.max(1) as f64;
        let scales: Vec<f64> = rows.weights.iter().map(|&w| w as f64 * inverse).collect();
        for (block, sums) in self.sums.chunks_mut(BLOCK).enumerate() {
            let start = block * BLOCK;
            for (row, &scale) in rows.rows.iter().zip(&scales) {
                add_scaled(sums, &row[start..start + sums.len()], scale);
            }
        }
        Ok(())
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

/// `sums[i] += round(row[i] · scale)`, exactly the same on every path.
fn add_scaled(sums: &mut [i64], row: &[f32], scale: f64) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            // SAFETY: the features were detected on this machine.
            return unsafe { add_scaled_avx512(sums, row, scale) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was detected on this machine.
            return unsafe { add_scaled_avx2(sums, row, scale) };
        }
    }
    add_scaled_portable(sums, row, scale);
}

/// The safe reference; inlined into each path so that the compiler vectorises it for that path.
#[inline(always)]
fn add_scaled_portable(sums: &mut [i64], row: &[f32], scale: f64) {
    for (sum, &x) in sums.iter_mut().zip(row) {
        // No fused multiply-add: it would round differently where the machine lacks it.
        let rounded = f64::from(x) * scale + MAGIC;
        *sum = sum.wrapping_add((rounded.to_bits() as i64).wrapping_sub(MAGIC.to_bits() as i64));
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn add_scaled_avx512(sums: &mut [i64], row: &[f32], scale: f64) {
    add_scaled_portable(sums, row, scale);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_scaled_avx2(sums: &mut [i64], row: &[f32], scale: f64) {
    add_scaled_portable(sums, row, scale);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    #[test]
    fn every_path_gives_the_same_bits() {
        let mut rng = Seed::root(5).rng();
        let row: Vec<f32> = (0..1003).map(|_| (rng.normal() * 100.0) as f32).collect();
        let (mut fast, mut slow) = (vec![7i64; 1003], vec![7i64; 1003]);
        for scale in [UNIT, UNIT / 3.0, 1.0] {
            add_scaled(&mut fast, &row, scale);
            add_scaled_portable(&mut slow, &row, scale);
        }
        assert_eq!(fast, slow);
    }

    #[test]
    fn rounding_is_exact_at_the_edge_of_the_range() {
        let edge = limits::UPDATE_MAGNITUDE as f32;
        for x in [edge, -edge, 0.0, -0.0, f32::MIN_POSITIVE, 1.0, -1.0] {
            let mut sum = [0];
            add_scaled_portable(&mut sum, &[x], UNIT);
            assert_eq!(sum[0], (f64::from(x) * UNIT).round_ties_even() as i64);
        }
    }
}
