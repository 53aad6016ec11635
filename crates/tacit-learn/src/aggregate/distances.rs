//! Squared Euclidean distances of every pair of rows, summed over the chunks of whole updates.
//!
//! Differences are squared, not expanded into norms and inner products: ‖a‖² + ‖b‖² − 2⟨a, b⟩
//! cancels for rows that nearly agree, which is what honest rows do. Everything is f64, in eight
//! lanes of a fixed order and without fused multiply-add, so that all machines agree bit for bit
//! as long as they cut updates into the same chunks.
//!
//! Memory for n rows: n(n−1)/2 sums and n · [`BLOCK`] values of scratch.

use pulp::{Arch, Simd, WithSimd};
use tacit_core::error::Error;
use tacit_core::limits;

/// Columns compared at a time: 64 rows of them, as f64, stay in the second-level cache.
const BLOCK: usize = 256;

const LANES: usize = 8;

/// Rows compared with one row at a time: each value of that row is then loaded once for four.
const PASS: usize = 4;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Distances {
    rows: usize,
    /// Row by row below the diagonal: `(1,0) (2,0) (2,1) (3,0) …`.
    sums: Vec<f64>,
    scratch: Vec<f64>,
}

impl Distances {
    /// Distances of `rows` rows, all zero; refuses more than [`limits::PAIRWISE_ROWS`].
    pub(super) fn new(rule: &'static str, rows: usize) -> Result<Self, Error> {
        let limit = limits::PAIRWISE_ROWS;
        if rows > limit {
            let expected = format!("at most {limit} updates, whose distances fit in memory");
            return Err(Error::caller(rule, expected, format!("{rows} updates")));
        }
        let pairs = rows * rows.saturating_sub(1) / 2;
        Ok(Self { rows, sums: vec![0.0; pairs], scratch: vec![0.0; rows * BLOCK] })
    }

    /// Number of rows compared.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds one chunk of every row.
    pub(super) fn add(&mut self, rows: &[&[f32]]) -> Result<(), Error> {
        let width = super::cohort::width(rows)?;
        if rows.len() != self.rows {
            return Err(Error::Bug("the number of rows changed between chunks"));
        }
        for start in (0..width).step_by(BLOCK) {
            let columns = start..(start + BLOCK).min(width);
            for (row, wide) in rows.iter().zip(self.scratch.chunks_exact_mut(BLOCK)) {
                // A last, partial block is filled up with zeros, which are no distance apart.
                let (used, rest) = wide.split_at_mut(columns.len());
                used.iter_mut().zip(&row[columns.clone()]).for_each(|(w, x)| *w = f64::from(*x));
                rest.fill(0.0);
            }
            Arch::new().dispatch(AddBlock { sums: &mut self.sums, scratch: &self.scratch });
        }
        Ok(())
    }

    /// Squared distance of two rows.
    pub(super) fn squared(&self, a: usize, b: usize) -> f64 {
        let (low, high) = (a.min(b), a.max(b));
        if low == high { 0.0 } else { self.sums[high * (high - 1) / 2 + low] }
    }
}

/// [`add_block`], compiled for each kind of machine: a closure would not be inlined there.
struct AddBlock<'a> {
    sums: &'a mut [f64],
    scratch: &'a [f64],
}

impl WithSimd for AddBlock<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        add_block(self.sums, self.scratch);
    }
}

/// Adds one block of every pair; `scratch` holds [`BLOCK`] values of each row.
#[inline(always)]
fn add_block(sums: &mut [f64], scratch: &[f64]) {
    let mut rest = sums;
    for (i, row) in scratch.chunks_exact(BLOCK).enumerate() {
        let (mine, others) = rest.split_at_mut(i);
        rest = others;
        let earlier = scratch[..i * BLOCK].chunks(PASS * BLOCK);
        for (sums, rows) in mine.chunks_mut(PASS).zip(earlier) {
            match <&mut [f64; PASS]>::try_from(&mut *sums) {
                Ok(sums) => add_pairs(sums, row, rows),
                Err(_) => {
                    for (sum, other) in sums.iter_mut().zip(rows.chunks_exact(BLOCK)) {
                        add_pairs(std::array::from_mut(sum), row, other);
                    }
                }
            }
        }
    }
}

/// Adds ‖row − other‖² for `N` others that lie one after another.
#[inline(always)]
fn add_pairs<const N: usize>(sums: &mut [f64; N], row: &[f64], others: &[f64]) {
    let row = row.as_chunks::<LANES>().0;
    let others: [&[[f64; LANES]]; N] =
        std::array::from_fn(|k| &others[k * BLOCK..(k + 1) * BLOCK].as_chunks().0[..row.len()]);
    let mut lanes = [[0.0; LANES]; N];
    for (i, a) in row.iter().enumerate() {
        for k in 0..N {
            let b = &others[k][i];
            for lane in 0..LANES {
                let difference = a[lane] - b[lane];
                lanes[k][lane] += difference * difference;
            }
        }
    }
    for (sum, lanes) in sums.iter_mut().zip(&lanes) {
        *sum += lanes.iter().sum::<f64>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    fn random(rows: usize, width: usize) -> Vec<Vec<f32>> {
        let mut rng = Seed::root(11).rng();
        (0..rows).map(|_| (0..width).map(|_| rng.normal() as f32).collect()).collect()
    }

    fn of(rows: &[Vec<f32>], chunk: usize) -> Distances {
        let mut distances = Distances::new("test", rows.len()).unwrap();
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
            for chunk in [1, 100, 256, 700] {
                let distances = of(&rows, chunk);
                for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let square = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
                    let expected: f64 = rows[i].iter().zip(&rows[j]).map(square).sum();
                    assert!((distances.squared(i, j) - expected).abs() <= 1e-12 * expected);
                }
            }
        }
    }

    #[test]
    fn rows_that_nearly_agree_keep_their_distance() {
        let row = vec![16_000.0f32; 1000];
        let mut other = row.clone();
        other[7] = 16_000.001; // one unit in the last place, 2⁻¹⁰
        let distances = of(&[row, other], 1000);
        assert_eq!(distances.squared(0, 1), 2f64.powi(-20));
    }

    #[test]
    fn every_machine_gives_the_same_bits() {
        let rows = random(7, 256);
        let scratch: Vec<f64> = rows.concat().into_iter().map(f64::from).collect();
        let (mut plain, mut fast) = (vec![0.0; 21], vec![0.0; 21]);
        add_block(&mut plain, &scratch);
        Arch::new().dispatch(AddBlock { sums: &mut fast, scratch: &scratch });
        assert_eq!(plain, fast);
    }

    #[test]
    fn refuses_too_many_and_changing_rows() {
        assert!(Distances::new("test", limits::PAIRWISE_ROWS + 1).is_err());
        let mut distances = Distances::new("test", 2).unwrap();
        assert!(distances.add(&[&[1.0]]).is_err());
        assert!(distances.add(&[&[1.0], &[1.0, 2.0]]).is_err());
    }
}
