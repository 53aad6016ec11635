//! The Walsh–Hadamard transform, vectorised by `pulp`.

use crate::rng::Random;
use pulp::{Arch, Simd, WithSimd};

/// Values transformed while they stay in the innermost cache: 16 KiB.
const BLOCK: usize = 4_096;

/// Values whose transform is written out: one vector or a few.
const BASE: usize = 16;

/// Replaces `values`, whose number is a power of two, by H·values / √d; twice gives them back.
pub fn transform(values: &mut [f32]) {
    Arch::new().dispatch(Transform { values });
}

struct Transform<'a> {
    values: &'a mut [f32],
}

impl WithSimd for Transform<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        transform_portable(self.values);
    }
}

/// The reference; inlined into each path so that the compiler vectorises it for that path. The
/// same additions in the same order on every path.
#[inline(always)]
fn transform_portable(values: &mut [f32]) {
    let factor = (1.0 / (values.len().max(1) as f64).sqrt()) as f32;
    for block in values.chunks_mut(BLOCK) {
        let (bases, rest) = block.as_chunks_mut::<BASE>();
        bases.iter_mut().for_each(|base| innermost(base, factor));
        if !rest.is_empty() {
            rest.iter_mut().for_each(|x| *x *= factor);
            passes(rest, 1);
        }
        passes(block, BASE);
    }
    passes(values, BLOCK);
}

/// Butterflies of every distance from `first` on, two distances at a time.
#[inline(always)]
fn passes(values: &mut [f32], first: usize) {
    let (len, mut half) = (values.len(), first);
    while half * 2 < len {
        for part in values.chunks_exact_mut(half * 4) {
            let (low, high) = part.split_at_mut(half * 2);
            let ((a, b), (c, d)) = (low.split_at_mut(half), high.split_at_mut(half));
            for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
                let (e, f, g, h) = (*a + *b, *a - *b, *c + *d, *c - *d);
                (*a, *b, *c, *d) = (e + g, f + h, e - g, f - h);
            }
        }
        half *= 4;
    }
    if half < len {
        let (low, high) = values.split_at_mut(half);
        for (a, b) in low.iter_mut().zip(high) {
            (*a, *b) = (*a + *b, *a - *b);
        }
    }
}

/// Sixteen values: distances 1, 2, 4 and 8.
#[inline(always)]
fn innermost(values: &mut [f32; BASE], factor: f32) {
    let mut x = values.map(|x| x * factor);
    for half in [1, 2, 4, 8] {
        x = std::array::from_fn(|i| {
            if i & half == 0 { x[i] + x[i | half] } else { x[i & !half] - x[i] }
        });
    }
    *values = x;
}

/// Multiplies values by random signs; twice by the same ones gives them back.
pub fn flip(values: &mut [f32], rng: &mut Random) {
    for group in values.chunks_mut(64) {
        let signs = rng.next_u64();
        for (place, x) in group.iter_mut().enumerate() {
            let sign = ((signs >> place) as u32 & 1) << 31;
            *x = f32::from_bits(x.to_bits() ^ sign);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    /// Straight from the definition: entries of H are (−1)^(number of common bits).
    fn defined(values: &[f32]) -> Vec<f64> {
        let entry = |row: usize, column: usize| match (row & column).count_ones() % 2 {
            0 => 1.0,
            _ => -1.0,
        };
        let row = |row| {
            let terms = values.iter().enumerate().map(|(i, x)| entry(row, i) * f64::from(*x));
            terms.sum::<f64>() / (values.len() as f64).sqrt()
        };
        (0..values.len()).map(row).collect()
    }

    #[test]
    fn as_defined_and_its_own_inverse() {
        let mut rng = Seed::root(1).rng();
        for bits in 0..=11 {
            let values: Vec<f32> = (0..1 << bits).map(|_| rng.normal() as f32).collect();
            let mut found = values.clone();
            transform(&mut found);
            let off = found.iter().zip(defined(&values)).map(|(x, y)| (f64::from(*x) - y).abs());
            assert!(off.fold(0.0, f64::max) < 1e-5, "{bits}");
            transform(&mut found);
            assert!(found.iter().zip(&values).all(|(x, y)| (x - y).abs() < 1e-5), "{bits}");
        }
    }

    #[test]
    fn the_portable_path_gives_the_same_bits() {
        let mut rng = Seed::root(2).rng();
        for bits in [0, 3, 4, 12, 13, 14] {
            let values: Vec<f32> = (0..1 << bits).map(|_| rng.normal() as f32).collect();
            let (mut fast, mut portable) = (values.clone(), values);
            transform(&mut fast);
            transform_portable(&mut portable);
            assert_eq!(fast, portable);
        }
    }
}
