//! Interpolation between two sets of points, as a matrix.

use crate::field::{Fp, Products};

/// Row i holds the weights that give a polynomial's value at `targets[i]` from its values at
/// `sources`, which are distinct.
pub(super) fn lagrange(sources: &[Fp], targets: &[Fp]) -> Vec<Vec<Fp>> {
    let weight = |j: usize, at: Fp| {
        let others = sources.iter().enumerate().filter(|(m, _)| *m != j);
        let (above, below) = others.fold((Fp::ONE, Fp::ONE), |(above, below), (_, other)| {
            (above * (at - *other), below * (sources[j] - *other))
        });
        above * below.inverse()
    };
    targets.iter().map(|at| (0..sources.len()).map(|j| weight(j, *at)).collect()).collect()
}

/// Fills `out[row]` with what `write` makes of Σ weights[i]·sources[i][row]; all are of one length.
pub(super) fn combine<T>(
    weights: &[Fp],
    sources: &[&[Fp]],
    out: &mut [T],
    write: impl Fn(Fp) -> T,
) {
    for (row, out) in out.iter_mut().enumerate() {
        let mut sum = Products::default();
        weights.iter().zip(sources).for_each(|(weight, source)| sum.add(*weight, source[row]));
        *out = write(sum.total());
    }
}
