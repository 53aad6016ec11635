//! Squared Euclidean distances of every pair of rows, summed over the chunks of whole updates.
//!
//! Differences are squared, not expanded into norms and inner products: ‖a‖² + ‖b‖² − 2⟨a, b⟩
//! cancels for rows that nearly agree, which is what honest rows do. A difference is rounded once
//! to f32 (not at all for values within a factor of two of each other, Sterbenz' lemma), squares
//! are added by fused multiply-add in sixteen lanes of f32 over [`BLOCK`] columns, and blocks in
//! f64: the relative error of a distance is below 3·10⁻⁶. The order is fixed and every step is
//! defined to the last bit, so that all machines agree as long as they cut updates into the same
//! chunks. That is enough to compare distances; rules that subtract them from each other ask for
//! [`Distances::precise`] ones, in f64.
//!
//! Memory for n rows: n(n−1)/2 sums and n · [`BLOCK`] values of scratch.

use super::precise;
use super::prefetch::{LINE, prefetch};
use pulp::{Arch, Simd, WithSimd};
use tacit_core::error::Error;
use tacit_core::limits;

/// Columns compared at a time: 256 rows of them stay in the second-level cache. Terms of one lane:
/// BLOCK / LANES = 32, which bounds the error of a sum in f32.
const BLOCK: usize = 512;

const LANES: usize = 16;

/// Rows compared with as many rows at a time: each value is then loaded once for four pairs.
const TILE: usize = 4;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Distances {
    rows: usize,
    /// Row by row below the diagonal: `(1,0) (2,0) (2,1) (3,0) …`.
    sums: Vec<f64>,
    scratch: Vec<f32>,
    /// Empty unless distances are precise.
    wide: Vec<f64>,
}

impl Distances {
    /// Distances of `rows` rows, all zero; refuses more than [`limits::PAIRWISE_ROWS`].
    pub(crate) fn new(rule: &'static str, rows: usize) -> Result<Self, Error> {
        let limit = limits::PAIRWISE_ROWS;
        if rows > limit {
            let expected = format!("at most {limit} updates, whose distances fit in memory");
            return Err(Error::caller(rule, expected, format!("{rows} updates")));
        }
        let pairs = rows * rows.saturating_sub(1) / 2;
        // Filled up to whole tiles with rows of zeros, whose distances nobody reads.
        let scratch = vec![0.0; rows.next_multiple_of(TILE) * BLOCK];
        Ok(Self { rows, sums: vec![0.0; pairs], scratch, wide: Vec::new() })
    }

    /// The same in double precision throughout, at half the speed or less.
    pub(crate) fn precise(rule: &'static str, rows: usize) -> Result<Self, Error> {
        let distances = Self::new(rule, rows)?;
        Ok(Self { scratch: Vec::new(), wide: vec![0.0; rows * precise::BLOCK], ..distances })
    }

    /// Number of rows compared.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds one chunk of every row.
    pub(crate) fn add(&mut self, rows: &[&[f32]]) -> Result<(), Error> {
        let width = super::cohort::width(rows)?;
        if rows.len() != self.rows {
            return Err(Error::Bug("the number of rows changed between chunks"));
        }
        if !self.wide.is_empty() {
            self.add_precise(rows, width);
            return Ok(());
        }
        for start in (0..width).step_by(BLOCK) {
            let columns = start..(start + BLOCK).min(width);
            // Copied: rows that lie a power of two apart would fight for the same cache lines.
            for (row, copy) in rows.iter().zip(self.scratch.chunks_exact_mut(BLOCK)) {
                // A last, partial block is filled up with zeros, which are no distance apart.
                let (used, rest) = copy.split_at_mut(columns.len());
                (0..BLOCK).step_by(LINE).for_each(|line| prefetch(row, columns.end + line));
                used.copy_from_slice(&row[columns.clone()]);
                rest.fill(0.0);
            }
            let block = AddBlock { rows: self.rows, sums: &mut self.sums, scratch: &self.scratch };
            Arch::new().dispatch(block);
        }
        Ok(())
    }

    fn add_precise(&mut self, rows: &[&[f32]], width: usize) {
        for start in (0..width).step_by(precise::BLOCK) {
            let columns = start..(start + precise::BLOCK).min(width);
            for (row, wide) in rows.iter().zip(self.wide.chunks_exact_mut(precise::BLOCK)) {
                let (used, rest) = wide.split_at_mut(columns.len());
                used.iter_mut().zip(&row[columns.clone()]).for_each(|(w, x)| *w = f64::from(*x));
                rest.fill(0.0);
            }
            precise::add(&mut self.sums, &self.wide);
        }
    }

    /// Squared distance of two rows.
    pub(crate) fn squared(&self, a: usize, b: usize) -> f64 {
        let (low, high) = (a.min(b), a.max(b));
        if low == high { 0.0 } else { self.sums[high * (high - 1) / 2 + low] }
    }
}

/// Adds one block of every pair, compiled for each kind of machine.
struct AddBlock<'a> {
    rows: usize,
    sums: &'a mut [f64],
    /// [`BLOCK`] values of each row.
    scratch: &'a [f32],
}

impl WithSimd for AddBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let scratch = self.scratch;
        let tile = |number: usize| -> [&[f32]; TILE] {
            let first = number * TILE * BLOCK;
            std::array::from_fn(|k| &scratch[first + k * BLOCK..first + (k + 1) * BLOCK])
        };
        // Half of the rows at a time where all sixteen sums would not stay in registers.
        let whole = S::F32_LANES == LANES && S::REGISTER_COUNT >= 32;
        for high in 0..self.rows.div_ceil(TILE) {
            let rows = tile(high);
            let used = (self.rows - high * TILE).min(TILE);
            for low in 0..=high {
                let mut sums = [[0.0; TILE]; TILE];
                if low == high && whole {
                    sums = squares::<S, TILE, true>(simd, rows, rows);
                } else if whole && used > TILE / 2 {
                    sums = squares::<S, TILE, false>(simd, rows, tile(low));
                } else {
                    let halves = sums.as_chunks_mut::<2>().0.iter_mut().take(used.div_ceil(2));
                    for (half, sums) in halves.enumerate() {
                        let pair = [rows[2 * half], rows[2 * half + 1]];
                        *sums = squares::<S, 2, false>(simd, pair, tile(low));
                    }
                }
                self.take(high, low, &sums);
            }
        }
    }
}

impl AddBlock<'_> {
    #[inline(always)]
    fn take(&mut self, high: usize, low: usize, found: &[[f64; TILE]; TILE]) {
        for (row, found) in (high * TILE..self.rows).zip(found) {
            for (other, found) in (low * TILE..row).zip(found) {
                self.sums[row * (row - 1) / 2 + other] += found;
            }
        }
    }
}

/// Σ (a − b)² of `A` rows with [`TILE`] others over one block: of each with those before it if
/// they are the same, else of each with all.
#[inline(always)]
fn squares<S: Simd, const A: usize, const SAME: bool>(
    simd: S,
    rows: [&[f32]; A],
    others: [&[f32]; TILE],
) -> [[f64; TILE]; A] {
    // A vector of the machine may hold fewer lanes than ours: then it works on a part of them.
    let parts = (LANES / S::F32_LANES).max(1);
    let rows = rows.map(|row| S::as_simd_f32s(row).0);
    let others = others.map(|other| S::as_simd_f32s(other).0);
    let mut lanes = [[[0.0f32; LANES]; TILE]; A];
    for part in 0..parts {
        let mut sums = [[simd.splat_f32s(0.0); TILE]; A];
        for step in (part..BLOCK / S::F32_LANES).step_by(parts) {
            let near = others.map(|other| other[step]);
            for (number, (sums, row)) in sums.iter_mut().zip(&rows).enumerate() {
                let value = row[step];
                let near = near.iter().take(if SAME { number } else { TILE });
                for (sum, &other) in sums.iter_mut().zip(near) {
                    let difference = simd.sub_f32s(value, other);
                    *sum = simd.mul_add_f32s(difference, difference, *sum);
                }
            }
        }
        for (lanes, sums) in lanes.iter_mut().zip(sums) {
            for (lanes, sum) in lanes.iter_mut().zip(sums) {
                S::as_mut_simd_f32s(lanes).0[part] = sum;
            }
        }
    }
    lanes.map(|lanes| lanes.map(total))
}

/// The sum of the lanes in f64, in a fixed order.
#[inline(always)]
fn total(lanes: [f32; LANES]) -> f64 {
    let eight: [f64; 8] = std::array::from_fn(|i| f64::from(lanes[i]) + f64::from(lanes[i + 8]));
    let four: [f64; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    fn random(rows: usize, width: usize) -> Vec<Vec<f32>> {
        let mut rng = Seed::root(11).rng();
        (0..rows).map(|_| (0..width).map(|_| rng.normal() as f32).collect()).collect()
    }

    fn of(mut distances: Distances, rows: &[Vec<f32>], chunk: usize) -> Distances {
        for start in (0..rows[0].len()).step_by(chunk) {
            let end = (start + chunk).min(rows[0].len());
            let part: Vec<&[f32]> = rows.iter().map(|row| &row[start..end]).collect();
            distances.add(&part).unwrap();
        }
        distances
    }

    #[test]
    fn equal_the_definition_for_any_chunk() {
        for (n, width) in [(1, 5), (2, 1), (5, 255), (6, 256), (11, 700)] {
            let rows = random(n, width);
            let fast = || (Distances::new("test", n).unwrap(), 3e-6);
            let precise = || (Distances::precise("test", n).unwrap(), 1e-12);
            let kinds = [1, 100, 256, 700].map(|chunk| [(fast(), chunk), (precise(), chunk)]);
            for ((distances, error), chunk) in kinds.into_iter().flatten() {
                let distances = of(distances, &rows, chunk);
                for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
                    let expected: f64 = rows[i].iter().zip(&rows[j]).map(square).sum();
                    assert!((distances.squared(i, j) - expected).abs() <= error * expected);
                }
            }
        }
    }

    #[test]
    fn rows_that_nearly_agree_keep_their_distance() {
        let row = vec![16_000.0f32; 1000];
        let mut other = row.clone();
        other[7] = 16_000.001; // one unit in the last place, 2⁻¹⁰
        let distances = of(Distances::new("test", 2).unwrap(), &[row, other], 1000);
        assert_eq!(distances.squared(0, 1), 2f64.powi(-20));
    }

    /// [`AddBlock`] without vectors: the definition of every bit.
    fn plain(rows: &[Vec<f32>], a: usize, b: usize) -> f64 {
        let (mut sum, width) = (0.0, rows[0].len());
        for start in (0..width).step_by(BLOCK) {
            let mut lanes = [0.0f32; LANES];
            for column in start..(start + BLOCK).min(width) {
                let lane = &mut lanes[(column - start) % LANES];
                let difference = rows[a][column] - rows[b][column];
                *lane = difference.mul_add(difference, *lane);
            }
            sum += total(lanes);
        }
        sum
    }

    #[test]
    fn every_machine_gives_the_same_bits() {
        for n in [2, 5, 8, 11] {
            let rows = random(n, 1300);
            let fast = of(Distances::new("test", n).unwrap(), &rows, 1300);
            for (a, b) in (0..n).flat_map(|a| (0..a).map(move |b| (a, b))) {
                assert_eq!(fast.squared(a, b), plain(&rows, a, b));
            }
            let scratch: Vec<f32> = rows.iter().flat_map(|row| row[..BLOCK].to_vec()).collect();
            let filled = [scratch, vec![0.0; TILE * BLOCK]].concat();
            let mut sums = vec![0.0; n * (n - 1) / 2];
            let block = AddBlock { rows: n, sums: &mut sums, scratch: &filled };
            block.with_simd(pulp::Scalar);
            let short: Vec<Vec<f32>> = rows.iter().map(|row| row[..BLOCK].to_vec()).collect();
            assert_eq!(sums[0], plain(&short, 1, 0));
        }
    }

    #[test]
    fn refuses_too_many_and_changing_rows() {
        assert!(Distances::new("test", limits::PAIRWISE_ROWS + 1).is_err());
        let mut distances = Distances::new("test", 2).unwrap();
        assert!(distances.add(&[&[1.0]]).is_err());
        assert!(distances.add(&[&[1.0], &[1.0, 2.0]]).is_err());
    }
}
