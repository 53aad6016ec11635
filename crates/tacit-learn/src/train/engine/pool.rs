//! Bias, ReLU and 2 × 2 maximum of a convolution's outputs, as vectors over channels.

use pulp::Simd;

/// Marks a pooled output that is zero: no gradient passes.
const CLOSED: f32 = -1.0;

/// Pools four neighbours, given row by row. Returns max(0, max + bias) and which of the four it
/// was (the first among equals, as in PyTorch), or that it was cut off.
#[inline(always)]
pub(super) fn pool<S: Simd>(simd: S, four: [S::f32s; 4], bias: S::f32s) -> (S::f32s, S::f32s) {
    let zero = simd.splat_f32s(0.0);
    let (mut best, mut choice) = (four[0], zero);
    for i in 1..4 {
        let candidate = four[i];
        let larger = simd.greater_than_f32s(candidate, best);
        best = simd.select_f32s(larger, candidate, best);
        choice = simd.select_f32s(larger, simd.splat_f32s(i as f32), choice);
    }
    let value = simd.add_f32s(best, bias);
    let open = simd.greater_than_f32s(value, zero);
    (
        // Not a choice between value and zero: a value that is not a number must stay one.
        simd.select_f32s(simd.less_than_or_equal_f32s(value, zero), zero, value),
        simd.select_f32s(open, choice, simd.splat_f32s(CLOSED)),
    )
}

/// Sends a pooled output's gradient back to the one of the four that it came from.
#[inline(always)]
pub(super) fn unpool<S: Simd>(simd: S, gradient: S::f32s, choice: S::f32s) -> [S::f32s; 4] {
    let zero = simd.splat_f32s(0.0);
    let mut four = [zero; 4];
    for (i, part) in four.iter_mut().enumerate() {
        let chosen = simd.equal_f32s(choice, simd.splat_f32s(i as f32));
        *part = simd.select_f32s(chosen, gradient, zero);
    }
    four
}
