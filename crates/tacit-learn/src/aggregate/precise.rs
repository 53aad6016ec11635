//! Distances in double precision, for rules that subtract them from each other: in f64, in eight
//! lanes of a fixed order and without fused multiply-add, so that all machines agree bit for bit.

use pulp::{Arch, Simd, WithSimd};

/// Columns compared at a time: 64 rows of them stay in the second-level cache.
pub(super) const BLOCK: usize = 256;

const LANES: usize = 8;

/// Rows compared with one row at a time: each value of that row is then loaded once for four.
const PASS: usize = 4;

/// Adds one block of every pair; `scratch` holds [`BLOCK`] values of each row.
pub(super) fn add(sums: &mut [f64], scratch: &[f64]) {
    Arch::new().dispatch(AddBlock { sums, scratch });
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

    #[test]
    fn every_machine_gives_the_same_bits() {
        let mut rng = Seed::root(11).rng();
        let scratch: Vec<f64> = (0..7 * BLOCK).map(|_| rng.normal()).collect();
        let (mut plain, mut fast) = (vec![0.0; 21], vec![0.0; 21]);
        add_block(&mut plain, &scratch);
        add(&mut fast, &scratch);
        assert_eq!(plain, fast);
    }
}
