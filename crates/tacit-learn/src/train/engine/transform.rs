//! Winograd's minimal filtering F(2 × 2, 5 × 5) (Winograd 1980; Lavin & Gray 2016, section 4) as
//! vectors over channels: a 6 × 6 window d and a 5 × 5 filter g give the 2 × 2 outputs
//! y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A with 36 products instead of 100. The matrices belong to the
//! points 0, ±1, ±2 and ∞. Each step's adjoint sends gradients back.

use pulp::Simd;

/// Side of a window.
pub(super) const WINDOW: usize = 6;
/// Side of a filter.
pub(super) const FILTER: usize = 5;
/// Products per window: positions in the transformed domain.
pub(super) const POINTS: usize = WINDOW * WINDOW;
/// Values of a filter.
pub(super) const TAPS: usize = FILTER * FILTER;

/// Applies a one-dimensional transform to every column, then to every row.
#[inline(always)]
fn twice<V: Copy, const I: usize, const O: usize, const II: usize, const OO: usize>(
    zero: V,
    from: [V; II],
    one: impl Fn([V; I]) -> [V; O],
) -> [V; OO] {
    let mut half = [[zero; I]; O];
    for column in 0..I {
        let mut line = [zero; I];
        for row in 0..I {
            line[row] = from[row * I + column];
        }
        let to = one(line);
        for row in 0..O {
            half[row][column] = to[row];
        }
    }
    let mut out = [zero; OO];
    for row in 0..O {
        let to = one(half[row]);
        for column in 0..O {
            out[row * O + column] = to[column];
        }
    }
    out
}

/// a · x + y.
#[inline(always)]
fn fma<S: Simd>(simd: S, a: f32, x: S::f32s, y: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(a), x, y)
}

/// a · x.
#[inline(always)]
fn times<S: Simd>(simd: S, a: f32, x: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.splat_f32s(a), x)
}

/// Bᵀ d B.
#[inline(always)]
pub(super) fn window<S: Simd>(simd: S, d: [S::f32s; POINTS]) -> [S::f32s; POINTS] {
    twice(
        simd.splat_f32s(0.0),
        d,
        #[inline(always)]
        |d: [S::f32s; 6]| {
            let (even, odd) = (fma(simd, -4.0, d[2], d[4]), fma(simd, -4.0, d[1], d[3]));
            let (near, far) = (simd.sub_f32s(d[4], d[2]), simd.sub_f32s(d[3], d[1]));
            [
                fma(simd, 4.0, d[0], fma(simd, -5.0, d[2], d[4])),
                simd.add_f32s(even, odd),
                simd.sub_f32s(even, odd),
                fma(simd, 2.0, far, near),
                fma(simd, -2.0, far, near),
                fma(simd, 4.0, d[1], fma(simd, -5.0, d[3], d[5])),
            ]
        },
    )
}

/// B v Bᵀ: the adjoint of [`window`].
#[inline(always)]
pub(super) fn window_adjoint<S: Simd>(simd: S, v: [S::f32s; POINTS]) -> [S::f32s; POINTS] {
    twice(
        simd.splat_f32s(0.0),
        v,
        #[inline(always)]
        |v: [S::f32s; 6]| {
            let (sum, difference) = (simd.add_f32s(v[1], v[2]), simd.sub_f32s(v[1], v[2]));
            let (sum2, difference2) = (simd.add_f32s(v[3], v[4]), simd.sub_f32s(v[3], v[4]));
            let four = simd.splat_f32s(4.0);
            [
                simd.mul_f32s(four, v[0]),
                simd.mul_f32s(four, fma(simd, -0.5, difference2, simd.sub_f32s(v[5], difference))),
                fma(simd, -5.0, v[0], fma(simd, -4.0, sum, simd.neg_f32s(sum2))),
                fma(simd, 2.0, difference2, fma(simd, -5.0, v[5], difference)),
                simd.add_f32s(v[0], simd.add_f32s(sum, sum2)),
                v[5],
            ]
        },
    )
}

/// Aᵀ m A.
#[inline(always)]
pub(super) fn output<S: Simd>(simd: S, m: [S::f32s; POINTS]) -> [S::f32s; 4] {
    twice(
        simd.splat_f32s(0.0),
        m,
        #[inline(always)]
        |m: [S::f32s; 6]| {
            let (sum, difference) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
            let (sum2, difference2) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
            let two = simd.splat_f32s(2.0);
            [
                simd.add_f32s(m[0], simd.add_f32s(sum, sum2)),
                simd.mul_add_e_f32s(two, difference2, simd.add_f32s(difference, m[5])),
            ]
        },
    )
}

/// A y Aᵀ: the adjoint of [`output`].
#[inline(always)]
pub(super) fn output_adjoint<S: Simd>(simd: S, y: [S::f32s; 4]) -> [S::f32s; POINTS] {
    let two = simd.splat_f32s(2.0);
    twice(
        simd.splat_f32s(0.0),
        y,
        #[inline(always)]
        |y: [S::f32s; 2]| {
            [
                y[0],
                simd.add_f32s(y[0], y[1]),
                simd.sub_f32s(y[0], y[1]),
                simd.mul_add_e_f32s(two, y[1], y[0]),
                simd.negate_mul_add_e_f32s(two, y[1], y[0]),
                y[1],
            ]
        },
    )
}

/// G g Gᵀ.
#[inline(always)]
pub(super) fn filter<S: Simd>(simd: S, g: [S::f32s; TAPS]) -> [S::f32s; POINTS] {
    twice(
        simd.splat_f32s(0.0),
        g,
        #[inline(always)]
        |g: [S::f32s; 5]| {
            let (even, odd) =
                (simd.add_f32s(g[0], simd.add_f32s(g[2], g[4])), simd.add_f32s(g[1], g[3]));
            let even2 = fma(simd, 16.0, g[4], fma(simd, 4.0, g[2], g[0]));
            let odd2 = fma(simd, 8.0, g[3], times(simd, 2.0, g[1]));
            [
                times(simd, 0.25, g[0]),
                times(simd, -1.0 / 6.0, simd.add_f32s(even, odd)),
                times(simd, -1.0 / 6.0, simd.sub_f32s(even, odd)),
                times(simd, 1.0 / 24.0, simd.add_f32s(even2, odd2)),
                times(simd, 1.0 / 24.0, simd.sub_f32s(even2, odd2)),
                g[4],
            ]
        },
    )
}

/// Gᵀ u G: the adjoint of [`filter`].
#[inline(always)]
pub(super) fn filter_adjoint<S: Simd>(simd: S, u: [S::f32s; POINTS]) -> [S::f32s; TAPS] {
    twice(
        simd.splat_f32s(0.0),
        u,
        #[inline(always)]
        |u: [S::f32s; 6]| {
            let sum = times(simd, -1.0 / 6.0, simd.add_f32s(u[1], u[2]));
            let difference = times(simd, -1.0 / 6.0, simd.sub_f32s(u[1], u[2]));
            let sum2 = times(simd, 1.0 / 24.0, simd.add_f32s(u[3], u[4]));
            let difference2 = times(simd, 1.0 / 24.0, simd.sub_f32s(u[3], u[4]));
            [
                fma(simd, 0.25, u[0], simd.add_f32s(sum, sum2)),
                fma(simd, 2.0, difference2, difference),
                fma(simd, 4.0, sum2, sum),
                fma(simd, 8.0, difference2, difference),
                simd.add_f32s(fma(simd, 16.0, sum2, sum), u[5]),
            ]
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pulp::{Arch, WithSimd};
    use tacit_core::rng::Seed;

    /// Runs one transform on plain numbers, in the first lane of whatever vectors there are.
    macro_rules! plain {
        ($name:ident, $function:ident, $inputs:expr, $outputs:expr) => {
            fn $name(from: &[f32]) -> Vec<f32> {
                struct Run<'a>(&'a [f32]);
                impl WithSimd for Run<'_> {
                    type Output = Vec<f32>;
                    #[inline(always)]
                    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
                        let from: [S::f32s; $inputs] =
                            std::array::from_fn(|i| simd.splat_f32s(self.0[i]));
                        let out: [S::f32s; $outputs] = $function(simd, from);
                        let first = |v: &S::f32s| simd.reduce_sum_f32s(*v) / S::F32_LANES as f32;
                        out.iter().map(first).collect()
                    }
                }
                Arch::new().dispatch(Run(from))
            }
        };
    }
    plain!(run_window, window, POINTS, POINTS);
    plain!(run_window_adjoint, window_adjoint, POINTS, POINTS);
    plain!(run_output, output, POINTS, 4);
    plain!(run_output_adjoint, output_adjoint, 4, POINTS);
    plain!(run_filter, filter, TAPS, POINTS);
    plain!(run_filter_adjoint, filter_adjoint, POINTS, TAPS);

    fn draw(n: usize, seed: u64) -> Vec<f32> {
        let mut rng = Seed::root(seed).rng();
        (0..n).map(|_| rng.normal() as f32).collect()
    }

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    }

    #[test]
    fn gives_the_convolution() {
        for seed in 0..50 {
            let (d, g) = (draw(36, seed), draw(25, seed + 1000));
            let product: Vec<f32> =
                run_window(&d).iter().zip(run_filter(&g)).map(|(v, u)| v * u).collect();
            for (i, y) in run_output(&product).iter().enumerate() {
                let (row, column) = (i / 2, i % 2);
                let expected: f32 =
                    (0..25).map(|t| g[t] * d[(row + t / 5) * 6 + column + t % 5]).sum();
                assert!((y - expected).abs() < 5e-5, "{y} {expected}");
            }
        }
    }

    /// ⟨T x, y⟩ = ⟨x, T* y⟩.
    #[test]
    fn adjoints_are_adjoint() {
        type Transform = fn(&[f32]) -> Vec<f32>;
        let pairs: [(Transform, Transform, usize, usize); 3] = [
            (run_window, run_window_adjoint, POINTS, POINTS),
            (run_output, run_output_adjoint, POINTS, 4),
            (run_filter, run_filter_adjoint, TAPS, POINTS),
        ];
        for (forward, adjoint, inputs, outputs) in pairs {
            for seed in 0..20 {
                let (x, y) = (draw(inputs, seed), draw(outputs, seed + 99));
                let (left, right) = (dot(&forward(&x), &y), dot(&x, &adjoint(&y)));
                assert!((left - right).abs() < 1e-4 * (1.0 + left.abs()), "{left} {right}");
            }
        }
    }
}
