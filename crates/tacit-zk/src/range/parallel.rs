//! Work on all cores of the machine; results do not depend on how many there are.

use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, VartimeMultiscalarMul};
use rayon::prelude::*;

/// Terms below which a sum is made by one thread.
const SMALL: usize = 1_024;

/// Two things at once.
pub(crate) fn both<A: Send, B: Send>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    rayon::join(one, other)
}

/// `work` of every item, in order.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    items.par_iter().map(&work).collect()
}

/// `work` of as many parts of the items as there are threads.
pub(crate) fn share<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> R + Sync) -> Vec<R> {
    let size = items.len().div_ceil(rayon::current_num_threads()).max(1);
    items.par_chunks(size).map(&work).collect()
}

/// Σ scalar · point. Not in constant time.
pub(crate) fn sum(scalars: &[Scalar], points: &[RistrettoPoint]) -> RistrettoPoint {
    let share = match points.len() {
        ..SMALL => SMALL,
        many => many.div_ceil(rayon::current_num_threads()),
    };
    let parts: Vec<_> = scalars.chunks(share).zip(points.chunks(share)).collect();
    map(&parts, |(scalars, points)| RistrettoPoint::vartime_multiscalar_mul(*scalars, *points))
        .iter()
        .fold(RistrettoPoint::identity(), |sum, part| sum + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_as_one_after_the_other() {
        let items: Vec<u64> = (0..1_001).collect();
        assert_eq!(map(&items, |x| x * x), items.iter().map(|x| x * x).collect::<Vec<_>>());
        assert_eq!(map(&[0u8; 0], |x| *x), [0u8; 0]);
        let scalars: Vec<_> = (1..2_050u64).map(Scalar::from).collect();
        let points: Vec<_> = scalars.iter().map(RistrettoPoint::mul_base).collect();
        let expected: u64 = (1..2_050u64).map(|x| x * x).sum();
        assert_eq!(sum(&scalars, &points), RistrettoPoint::mul_base(&Scalar::from(expected)));
    }
}
