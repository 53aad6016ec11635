//! Vectors that lie in a square pattern in memory.
//!
//! Unsafe: the pattern's ends are checked once, not every vector of it, whose branches would keep
//! the compiler from unrolling the loops (measured: a tenth of the convolutional network's rate).
//! The checked reference is in [`tests`].
#![allow(unsafe_code)]

use pulp::Simd;

/// Vector `(r, c)` of a pattern begins at `first + r · row + c · column`.
#[derive(Clone, Copy)]
pub(super) struct Pattern {
    /// Element at which the first vector begins.
    pub first: usize,
    /// Elements from one row of vectors to the next.
    pub row: usize,
    /// Elements from one vector of a row to the next.
    pub column: usize,
}

impl Pattern {
    /// Refuses a pattern of `SIDE × SIDE` vectors that does not lie inside `len` elements.
    #[inline(always)]
    fn check<S: Simd, const SIDE: usize>(self, len: usize) {
        let end = (self.row.checked_add(self.column))
            .and_then(|both| both.checked_mul(SIDE - 1))
            .and_then(|last| last.checked_add(self.first))
            .and_then(|last| last.checked_add(S::F32_LANES));
        assert!(end.is_some_and(|end| end <= len), "a pattern leaves its memory");
    }

    /// The `SIDE × SIDE` vectors, row after row; `N` is `SIDE²`.
    #[inline(always)]
    pub fn get<S: Simd, const SIDE: usize, const N: usize>(
        self,
        simd: S,
        from: &[f32],
    ) -> [S::f32s; N] {
        const { assert!(N == SIDE * SIDE) };
        self.check::<S, SIDE>(from.len());
        let mut all = [simd.splat_f32s(0.0); N];
        for r in 0..SIDE {
            for c in 0..SIDE {
                let at = self.first + r * self.row + c * self.column;
                // SAFETY: no vector lies beyond the last, whose end was just checked. A vector is
                // plain f32 lanes.
                all[r * SIDE + c] =
                    unsafe { from.as_ptr().add(at).cast::<S::f32s>().read_unaligned() };
            }
        }
        all
    }

    /// Writes the `SIDE × SIDE` vectors.
    #[inline(always)]
    pub fn put<S: Simd, const SIDE: usize, const N: usize>(
        self,
        to: &mut [f32],
        all: [S::f32s; N],
    ) {
        const { assert!(N == SIDE * SIDE) };
        self.check::<S, SIDE>(to.len());
        for r in 0..SIDE {
            for c in 0..SIDE {
                let at = self.first + r * self.row + c * self.column;
                let to = to.as_mut_ptr();
                // SAFETY: as in `get`.
                unsafe { to.add(at).cast::<S::f32s>().write_unaligned(all[r * SIDE + c]) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};

    struct Copy<'a>(Pattern, &'a [f32], &'a mut [f32]);

    impl WithSimd for Copy<'_> {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> usize {
            let all: [S::f32s; 9] = self.0.get::<S, 3, 9>(simd, self.1);
            self.0.put::<S, 3, 9>(self.2, all);
            S::F32_LANES
        }
    }

    #[test]
    fn agrees_with_plain_loops() {
        let from: Vec<f32> = (0..1000).map(|i| i as f32 + 1.0).collect();
        let pattern = Pattern { first: 7, row: 200, column: 40 };
        for arch in [Arch::new(), Arch::Scalar] {
            let mut to = vec![0.0; 1000];
            let lanes = arch.dispatch(Copy(pattern, &from, &mut to));
            let mut expected = vec![0.0; 1000];
            for i in 0..9 * lanes {
                let at = 7 + i / lanes / 3 * 200 + i / lanes % 3 * 40 + i % lanes;
                expected[at] = from[at];
            }
            assert_eq!(to, expected);
        }
    }

    #[test]
    #[should_panic(expected = "leaves its memory")]
    fn a_pattern_stays_inside() {
        let pattern = Pattern { first: 0, row: 3, column: 1 };
        Arch::Scalar.dispatch(Copy(pattern, &[0.0; 8], &mut [0.0; 8]));
    }

    #[test]
    #[should_panic(expected = "leaves its memory")]
    fn an_endless_pattern_stays_inside() {
        let pattern = Pattern { first: 1, row: usize::MAX, column: 1 };
        Arch::Scalar.dispatch(Copy(pattern, &[0.0; 8], &mut [0.0; 8]));
    }
}
