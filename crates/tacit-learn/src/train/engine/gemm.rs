//! Dense products on the `gemm` crate, behind checked matrix views. The only unsafe code here is
//! the call itself; [`tests`] compares it with three plain loops.
#![allow(unsafe_code)]

/// A read-only matrix inside a slice: element `(i, j)` lies at `i · strides.0 + j · strides.1`.
#[derive(Clone, Copy)]
pub(super) struct Mat<'a> {
    data: &'a [f32],
    rows: usize,
    cols: usize,
    strides: (usize, usize),
}

impl<'a> Mat<'a> {
    /// `rows × cols`, row after row.
    pub fn rows(data: &'a [f32], rows: usize, cols: usize) -> Self {
        Self { data, rows, cols, strides: (cols, 1) }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        let strides = (self.strides.1, self.strides.0);
        Self { data: self.data, rows: self.cols, cols: self.rows, strides }
    }

    fn is_inside(&self) -> bool {
        self.rows == 0
            || self.cols == 0
            || (self.rows - 1) * self.strides.0 + (self.cols - 1) * self.strides.1 < self.data.len()
    }
}

/// `out ← keep · out + scale · left · right`, where `out` is row-major and has the rows of `left`
/// and the columns of `right`. With `keep` zero, what `out` held is not read.
pub(super) fn product(out: &mut [f32], keep: f32, scale: f32, left: Mat<'_>, right: Mat<'_>) {
    let (m, n, k) = (left.rows, right.cols, left.cols);
    assert!(
        left.is_inside() && right.is_inside() && k == right.rows && out.len() >= m * n,
        "matrix product of unfit shapes"
    );
    // SAFETY: every index the product forms is inside its slice, as was just asserted; `out` is
    // borrowed mutably, so it overlaps neither operand. A slice is shorter than isize::MAX.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            keep != 0.0,
            left.data.as_ptr(),
            left.strides.1 as isize,
            left.strides.0 as isize,
            right.data.as_ptr(),
            right.strides.1 as isize,
            right.strides.0 as isize,
            keep,
            scale,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    #[test]
    fn agrees_with_three_loops() {
        let mut rng = Seed::root(1).rng();
        let mut draw = |n: usize| (0..n).map(|_| rng.unit() as f32 - 0.5).collect::<Vec<_>>();
        for (m, n, k) in [(1, 1, 1), (7, 5, 3), (10, 200, 84), (33, 17, 64), (4, 6, 0)] {
            let (a, b, c) = (draw(m * k), draw(k * n), draw(m * n));
            for (keep, scale) in [(0.0, 1.0), (1.0, -0.5), (0.25, 2.0)] {
                let mut direct = c.clone();
                product(&mut direct, keep, scale, Mat::rows(&a, m, k), Mat::rows(&b, k, n));
                let at: Vec<f32> = (0..k * m).map(|i| a[i % m * k + i / m]).collect();
                let mut transposed = c.clone();
                product(
                    &mut transposed,
                    keep,
                    scale,
                    Mat::rows(&at, k, m).t(),
                    Mat::rows(&b, k, n),
                );
                for i in 0..m * n {
                    let dot: f32 = (0..k).map(|l| a[i / n * k + l] * b[l * n + i % n]).sum();
                    let expected = keep * c[i] + scale * dot;
                    assert!((direct[i] - expected).abs() < 1e-4, "{m}x{n}x{k} at {i}");
                    assert!((transposed[i] - expected).abs() < 1e-4, "{m}x{n}x{k} at {i}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "unfit shapes")]
    fn unfit_shapes_do_not_reach_the_kernel() {
        product(&mut [0.0; 4], 0.0, 1.0, Mat::rows(&[0.0; 4], 2, 2), Mat::rows(&[0.0; 5], 3, 2));
    }
}
