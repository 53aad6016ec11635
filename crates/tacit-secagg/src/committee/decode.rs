//! Which of a polynomial's values are wrong: Reed–Solomon decoding (Gao 2003).

use crate::field::Fp;
use crate::ntt::{evaluate, product, vanishing};

/// The polynomial with fewer than `threshold` coefficients that differs from `values` at no more
/// than (m − threshold) / 2 of the m `points`, and the places where it does; `None` if there is
/// none. Points are distinct. Values are known to whoever decodes: time depends on them.
pub fn decode_vartime(
    points: &[Fp],
    values: &[Fp],
    threshold: usize,
) -> Option<(Vec<Fp>, Vec<usize>)> {
    let m = points.len();
    if values.len() != m || threshold == 0 || m < threshold {
        return None;
    }
    let zero = vanishing(points);
    let (mut above, mut below) = (zero.clone(), trimmed(interpolate(points, values, &zero)));
    let (mut older, mut newer) = (Vec::new(), vec![Fp::ONE]);
    while 2 * below.len().saturating_sub(1) >= m + threshold {
        let (quotient, rest) = divide(above, &below);
        (above, below) = (below, rest);
        let next = subtract(older, &product(&quotient, &newer));
        (older, newer) = (newer, next);
    }
    let (found, rest) = divide(below, &newer);
    if !rest.is_empty() || found.len() > threshold {
        return None;
    }
    let wrong = |i: &usize| evaluate(&found, points[*i]) != values[*i];
    let wrong: Vec<usize> = (0..m).filter(wrong).collect();
    (2 * wrong.len() <= m - threshold).then_some((found, wrong))
}

/// The polynomial of lowest degree with these values, by Lagrange; `zero` vanishes at all points.
fn interpolate(points: &[Fp], values: &[Fp], zero: &[Fp]) -> Vec<Fp> {
    let mut sum = vec![Fp::ZERO; points.len()];
    for (point, value) in points.iter().zip(values) {
        // Synthetic division by x − point: the quotient's coefficients, highest first.
        let mut quotient: Vec<Fp> = zero[1..]
            .iter()
            .rev()
            .scan(Fp::ZERO, |carry, c| {
                *carry = *carry * *point + *c;
                Some(*carry)
            })
            .collect();
        quotient.reverse();
        let weight = *value * evaluate(&quotient, *point).inverse();
        sum.iter_mut().zip(&quotient).for_each(|(sum, c)| *sum += weight * *c);
    }
    sum
}

fn trimmed(mut coefficients: Vec<Fp>) -> Vec<Fp> {
    while coefficients.last() == Some(&Fp::ZERO) {
        coefficients.pop();
    }
    coefficients
}

fn subtract(mut a: Vec<Fp>, b: &[Fp]) -> Vec<Fp> {
    a.resize(a.len().max(b.len()), Fp::ZERO);
    a.iter_mut().zip(b).for_each(|(a, b)| *a -= *b);
    trimmed(a)
}

/// Quotient and remainder; `divisor` has no leading zero. Division by zero leaves all as the rest.
fn divide(mut rest: Vec<Fp>, divisor: &[Fp]) -> (Vec<Fp>, Vec<Fp>) {
    let Some((last, _)) = divisor.split_last() else { return (Vec::new(), rest) };
    let (inverse, mut quotient) = (last.inverse(), Vec::new());
    while rest.len() >= divisor.len() {
        let at = rest.len() - divisor.len();
        let factor = rest[rest.len() - 1] * inverse;
        rest[at..].iter_mut().zip(divisor).for_each(|(x, d)| *x -= factor * *d);
        rest.pop();
        quotient.push(factor);
    }
    quotient.reverse();
    (trimmed(quotient), trimmed(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    #[test]
    fn finds_as_many_errors_as_there_can_be() {
        let mut rng = Seed::root(1).rng();
        for (threshold, m) in [(1, 1), (1, 4), (2, 3), (3, 5), (3, 7), (5, 9), (4, 12), (22, 64)] {
            for errors in 0..=(m - threshold) / 2 {
                let coefficients: Vec<Fp> =
                    (0..threshold).map(|_| Fp::reduced(rng.next_u64())).collect();
                let mut places: Vec<usize> = (0..m).collect();
                rng.shuffle(&mut places);
                places.truncate(errors);
                places.sort_unstable();
                let points: Vec<Fp> = (1..=m as u64).map(Fp::reduced).collect();
                let mut values: Vec<Fp> =
                    points.iter().map(|x| evaluate(&coefficients, *x)).collect();
                places.iter().for_each(|i| values[*i] += Fp::reduced(1 + rng.below(9)));
                let found = decode_vartime(&points, &values, threshold);
                assert!(found == Some((coefficients, places)), "{threshold} {m} {errors}");
            }
        }
    }

    #[test]
    fn zero_is_a_polynomial_too() {
        let points: Vec<Fp> = (1..=5).map(Fp::reduced).collect();
        let mut values = vec![Fp::ZERO; 5];
        assert!(decode_vartime(&points, &values, 3) == Some((vec![], vec![])));
        values[4] = Fp::ONE;
        assert!(decode_vartime(&points, &values, 3) == Some((vec![], vec![4])));
    }

    /// A random word is decodable with probability about C(m, e) / p^(m − threshold − e).
    #[test]
    fn too_many_errors_are_noticed() {
        let mut rng = Seed::root(2).rng();
        for (threshold, m) in [(2, 3), (3, 5), (3, 6), (4, 10), (20, 40)] {
            let points: Vec<Fp> = (1..=m).map(Fp::reduced).collect();
            let values: Vec<Fp> = points.iter().map(|_| Fp::reduced(rng.next_u64())).collect();
            assert!(decode_vartime(&points, &values, threshold).is_none(), "{threshold} {m}");
        }
        assert!(decode_vartime(&[Fp::ONE], &[Fp::ONE], 2).is_none());
        assert!(decode_vartime(&[Fp::ONE], &[], 1).is_none());
    }
}
