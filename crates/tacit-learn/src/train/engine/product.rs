//! Dense products, vectorised by `pulp`, which picks AVX-512, AVX2, NEON or plain code at run time.
//! All of them keep a block of the result in registers and run once over the common dimension;
//! neither factor is copied. [`tests`] compares every path with three plain loops.
//!
//! Unsafe: the innermost loops read without bounds checks, whose branches would force the block
//! out of the registers (measured: less than half the rate). What they read is checked before.
//!
//! # Discussion
//! A general library packs both factors first. With a minibatch of ten rows that costs as much as
//! the product itself: measured on 784-200-200-10, batch 10, packing halves the rate.

#![allow(unsafe_code)]

use pulp::{Arch, Simd, WithSimd};

/// A left factor: element `(i, k)` lies at `data[row(i) + column(k)]`. The kernels trust that both
/// offsets are functions of their index and that no column lies beyond `last_column`.
pub(super) trait Left: Copy {
    /// All elements.
    fn data(&self) -> &[f32];
    /// Offset of a row.
    fn row(&self, i: usize) -> usize;
    /// Offset of a column.
    fn column(&self, k: usize) -> usize;
    /// Largest offset of the first `depth` columns; 0 for none.
    fn last_column(&self, depth: usize) -> usize;
}

/// Row `i` begins at `i · row_stride`, column `k` at `k · column_stride`.
#[derive(Clone, Copy)]
pub(super) struct Strided<'a> {
    /// All elements.
    pub data: &'a [f32],
    /// Elements from one row to the next.
    pub row_stride: usize,
    /// Elements from one column to the next.
    pub column_stride: usize,
}

impl Left for Strided<'_> {
    #[inline(always)]
    fn data(&self) -> &[f32] {
        self.data
    }
    #[inline(always)]
    fn row(&self, i: usize) -> usize {
        i * self.row_stride
    }
    #[inline(always)]
    fn column(&self, k: usize) -> usize {
        k * self.column_stride
    }
    #[inline(always)]
    fn last_column(&self, depth: usize) -> usize {
        depth.saturating_sub(1) * self.column_stride
    }
}

/// Rows and columns begin anywhere: the windows of a convolution without copying them.
#[derive(Clone, Copy)]
pub(super) struct Gathered<'a> {
    /// All elements.
    pub data: &'a [f32],
    /// Offset of every row.
    pub rows: &'a [u32],
    /// Offset of every column.
    pub columns: &'a [u32],
}

impl Left for Gathered<'_> {
    #[inline(always)]
    fn data(&self) -> &[f32] {
        self.data
    }
    #[inline(always)]
    fn row(&self, i: usize) -> usize {
        self.rows[i] as usize
    }
    #[inline(always)]
    fn column(&self, k: usize) -> usize {
        self.columns[k] as usize
    }
    #[inline(always)]
    fn last_column(&self, depth: usize) -> usize {
        self.columns[..depth].iter().max().map_or(0, |&column| column as usize)
    }
}

/// `out ← [out +] scale · left · right`: `left` is `m × k`, `right` `k × n` and `out` `m × n`,
/// both row after row.
pub(super) struct Product<'a, L> {
    /// Result.
    pub out: &'a mut [f32],
    /// Left factor.
    pub left: L,
    /// Right factor.
    pub right: &'a [f32],
    /// Rows of the result, columns of the result, common dimension.
    pub size: (usize, usize, usize),
    /// Whether the result is added to what `out` holds.
    pub add: bool,
    /// Factor of the product.
    pub scale: f32,
}

impl<L: Left> Product<'_, L> {
    /// Computes it.
    pub fn run(self, arch: Arch) {
        arch.dispatch(self);
    }
}

/// One block of the result in registers: where it lies and how it is stored.
#[derive(Clone, Copy)]
struct Block {
    i: usize,
    j: usize,
    n: usize,
    depth: usize,
    add: bool,
    scale: f32,
    /// Columns, where they are fewer than a vector's lanes.
    columns: usize,
}

/// A vector of the first `lanes` elements.
///
/// # Safety
/// `lanes` elements can be read at `from`; they are a vector's unless `PARTIAL`.
#[inline(always)]
unsafe fn load<S: Simd, const PARTIAL: bool>(simd: S, from: *const f32, lanes: usize) -> S::f32s {
    if PARTIAL {
        // SAFETY: promised by the caller.
        simd.partial_load_f32s(unsafe { std::slice::from_raw_parts(from, lanes) })
    } else {
        // SAFETY: promised by the caller; a vector is as many f32 and valid for all their bits.
        unsafe { from.cast::<S::f32s>().read_unaligned() }
    }
}

#[inline(always)]
fn store<S: Simd, const PARTIAL: bool>(simd: S, to: &mut [f32], value: S::f32s) {
    if PARTIAL { simd.partial_store_f32s(to, value) } else { S::as_mut_simd_f32s(to).0[0] = value }
}

/// `M` rows by `V` vectors.
#[inline(always)]
fn block<S: Simd, L: Left, const M: usize, const V: usize, const PARTIAL: bool>(
    simd: S,
    left: L,
    right: &[f32],
    out: &mut [f32],
    block: Block,
) {
    let Block { i, j, n, depth, add, scale, columns } = block;
    let lanes = if PARTIAL { columns } else { S::F32_LANES };
    let rows: [usize; M] = std::array::from_fn(|m| left.row(i + m));
    let data = left.data();
    let last = rows.iter().max().map_or(0, |row| row + left.last_column(depth));
    assert!(depth == 0 || (last < data.len() && (depth - 1) * n + j + V * lanes <= right.len()));
    let mut sums = [[simd.splat_f32s(0.0); V]; M];
    for k in 0..depth {
        // SAFETY: `k < depth` and `j + V · lanes` were just checked against `right`.
        let b: [S::f32s; V] = std::array::from_fn(|v| unsafe {
            load::<S, PARTIAL>(simd, right.as_ptr().add(k * n + j + v * lanes), lanes)
        });
        let column = left.column(k);
        for m in 0..M {
            // SAFETY: no row and no column lies beyond `last`, which is inside `data`.
            let a = simd.splat_f32s(unsafe { *data.get_unchecked(rows[m] + column) });
            for v in 0..V {
                sums[m][v] = simd.mul_add_e_f32s(a, b[v], sums[m][v]);
            }
        }
    }
    let factor = simd.splat_f32s(scale);
    for m in 0..M {
        let line = &mut out[(i + m) * n + j..(i + m) * n + j + V * lanes];
        for v in 0..V {
            let to = &mut line[v * lanes..(v + 1) * lanes];
            let value = if add {
                // SAFETY: `to` holds `lanes` elements.
                let held = unsafe { load::<S, PARTIAL>(simd, to.as_ptr(), lanes) };
                simd.mul_add_e_f32s(factor, sums[m][v], held)
            } else {
                simd.mul_f32s(factor, sums[m][v])
            };
            store::<S, PARTIAL>(simd, to, value);
        }
    }
}

/// All rows of `V` vectors' columns.
#[inline(always)]
fn panel<S: Simd, L: Left, const V: usize, const PARTIAL: bool>(
    simd: S,
    left: L,
    right: &[f32],
    out: &mut [f32],
    m: usize,
    mut at: Block,
) {
    // Twelve rows of two vectors are 24 of AVX-512's 32 registers; six are 12 of AVX2's 16.
    let most = if S::REGISTER_COUNT >= 32 { 12 } else { 6 };
    let blocks = m.div_ceil(most);
    for b in 0..blocks {
        let rows = (m - at.i).div_ceil(blocks - b);
        macro_rules! rows {
            ($($count:literal)*) => {
                match rows {
                    $($count => block::<S, L, $count, V, PARTIAL>(simd, left, right, out, at),)*
                    _ => {}
                }
            };
        }
        if S::REGISTER_COUNT >= 32 {
            rows!(1 2 3 4 5 6 7 8 9 10 11 12);
        } else {
            rows!(1 2 3 4 5 6);
        }
        at.i += rows;
    }
}

impl<L: Left> WithSimd for Product<'_, L> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (m, n, depth) = self.size;
        let (left, right, out) = (self.left, self.right, self.out);
        let lanes = S::F32_LANES;
        let mut at =
            Block { i: 0, j: 0, n, depth, add: self.add, scale: self.scale, columns: lanes };
        while at.j + 2 * lanes <= n {
            panel::<S, L, 2, false>(simd, left, right, out, m, at);
            at.j += 2 * lanes;
        }
        if at.j + lanes <= n {
            panel::<S, L, 1, false>(simd, left, right, out, m, at);
            at.j += lanes;
        }
        if at.j < n {
            at.columns = n - at.j;
            panel::<S, L, 1, true>(simd, left, right, out, m, at);
        }
    }
}

/// `out ← out + left · rightᵀ`: `left` is `m × k`, `right` `n × k` and `out` `m × n`, all row after
/// row: dot products of rows.
pub(super) struct Dots<'a> {
    /// Result.
    pub out: &'a mut [f32],
    /// Left factor.
    pub left: &'a [f32],
    /// Right factor.
    pub right: &'a [f32],
    /// Rows of `left`, rows of `right`, common dimension.
    pub size: (usize, usize, usize),
}

impl Dots<'_> {
    /// Computes it.
    pub fn run(self, arch: Arch) {
        arch.dispatch(self);
    }

    /// `M` rows of the left by `N` rows of the right.
    #[inline(always)]
    fn block<S: Simd, const M: usize, const N: usize>(&mut self, simd: S, i: usize, j: usize) {
        let (_, n, depth) = self.size;
        let (left, right) = (self.left, self.right);
        let row = |i: usize| i * depth..(i + 1) * depth;
        let a: [_; M] = std::array::from_fn(|m| S::as_simd_f32s(&left[row(i + m)]));
        let b: [_; N] = std::array::from_fn(|l| S::as_simd_f32s(&right[row(j + l)]));
        let mut sums = [[simd.splat_f32s(0.0); N]; M];
        let whole = depth / S::F32_LANES;
        let (heads_a, heads_b) = (a.map(|x| &x.0[..whole]), b.map(|x| &x.0[..whole]));
        for k in 0..whole {
            // SAFETY: every head has `whole` vectors.
            let x: [S::f32s; M] = std::array::from_fn(|m| unsafe { *heads_a[m].get_unchecked(k) });
            for l in 0..N {
                // SAFETY: as above.
                let y = unsafe { *heads_b[l].get_unchecked(k) };
                for m in 0..M {
                    sums[m][l] = simd.mul_add_e_f32s(x[m], y, sums[m][l]);
                }
            }
        }
        if whole * S::F32_LANES < depth {
            let tails = b.map(|x| simd.partial_load_f32s(x.1));
            for m in 0..M {
                let tail = simd.partial_load_f32s(a[m].1);
                for l in 0..N {
                    sums[m][l] = simd.mul_add_e_f32s(tail, tails[l], sums[m][l]);
                }
            }
        }
        for m in 0..M {
            for l in 0..N {
                self.out[(i + m) * n + j + l] += simd.reduce_sum_f32s(sums[m][l]);
            }
        }
    }

    #[inline(always)]
    fn panel<S: Simd, const N: usize>(&mut self, simd: S, j: usize) {
        let m = self.size.0;
        let most = if S::REGISTER_COUNT >= 32 { 5 } else { 2 };
        let blocks = m.div_ceil(most);
        let mut i = 0;
        for b in 0..blocks {
            let rows = (m - i).div_ceil(blocks - b);
            match rows {
                1 => self.block::<S, 1, N>(simd, i, j),
                2 => self.block::<S, 2, N>(simd, i, j),
                3 => self.block::<S, 3, N>(simd, i, j),
                4 => self.block::<S, 4, N>(simd, i, j),
                _ => self.block::<S, 5, N>(simd, i, j),
            }
            i += rows;
        }
    }
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let n = self.size.1;
        let mut j = 0;
        while j + 4 <= n {
            self.panel::<S, 4>(simd, j);
            j += 4;
        }
        while j < n {
            self.panel::<S, 1>(simd, j);
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    fn draw(n: usize, seed: u64) -> Vec<f32> {
        let mut rng = Seed::root(seed).rng();
        (0..n).map(|_| rng.unit() as f32 - 0.5).collect()
    }

    /// Every instruction set of this machine.
    fn architectures() -> Vec<Arch> {
        let mut all = vec![Arch::new(), Arch::Scalar];
        #[cfg(target_arch = "x86_64")]
        all.extend(pulp::x86::V3::try_new().map(Arch::V3));
        all
    }

    fn expect_close(found: &[f32], expected: impl Fn(usize, usize) -> f32, n: usize) {
        for (at, found) in found.iter().enumerate() {
            let expected = expected(at / n, at % n);
            assert!((found - expected).abs() < 2e-5, "({}, {})", at / n, at % n);
        }
    }

    #[test]
    fn agrees_with_three_loops() {
        for (m, n, k) in
            [(1, 1, 1), (7, 5, 3), (10, 200, 84), (25, 32, 50), (13, 49, 7), (3, 17, 0)]
        {
            let (a, b, c) = (draw(m * k, 1), draw(k * n, 2), draw(m * n, 3));
            let dot = |i: usize, j: usize| (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum::<f32>();
            let transposed: Vec<f32> = (0..k * m).map(|at| a[at % m * k + at / m]).collect();
            let (rows, columns): (Vec<u32>, Vec<u32>) =
                ((0..m).map(|i| (i * k) as u32).collect(), (0..k as u32).collect());
            for arch in architectures() {
                let size = (m, n, k);
                let mut out = c.clone();
                let left = Strided { data: &a, row_stride: k, column_stride: 1 };
                Product { out: &mut out, left, right: &b, size, add: true, scale: -0.5 }.run(arch);
                expect_close(&out, |i, j| c[i * n + j] - 0.5 * dot(i, j), n);
                let left = Strided { data: &transposed, row_stride: 1, column_stride: m };
                Product { out: &mut out, left, right: &b, size, add: false, scale: 1.0 }.run(arch);
                expect_close(&out, dot, n);
                out.fill(f32::NAN);
                let left = Gathered { data: &a, rows: &rows, columns: &columns };
                Product { out: &mut out, left, right: &b, size, add: false, scale: 2.0 }.run(arch);
                expect_close(&out, |i, j| 2.0 * dot(i, j), n);
            }
        }
    }

    #[test]
    fn dots_agree_with_three_loops() {
        for (m, n, k) in [(1, 1, 1), (10, 200, 84), (7, 5, 33), (64, 10, 16), (2, 3, 0)] {
            let (a, b, c) = (draw(m * k, 1), draw(k * n, 2), draw(m * n, 3));
            for arch in architectures() {
                let mut out = c.clone();
                Dots { out: &mut out, left: &a, right: &b, size: (m, n, k) }.run(arch);
                let dot = |i: usize, j: usize| (0..k).map(move |l| (i * k + l, j * k + l));
                expect_close(
                    &out,
                    |i, j| c[i * n + j] + dot(i, j).map(|(x, y)| a[x] * b[y]).sum::<f32>(),
                    n,
                );
            }
        }
    }
}
