//! The number-theoretic transform: a polynomial's values at all powers of a root of unity
//! (Cooley and Tukey 1965), and products of polynomials by way of it.

use crate::field::{Fp, TWO_ADICITY};

/// Below so many coefficients a product is made term by term.
const SCHOOLBOOK: usize = 32;

/// Transforms of one size, a power of two. The order of operations depends on the size alone.
pub struct Transform {
    /// ω⁰ … ω^(n/2 − 1).
    powers: Vec<Fp>,
    log: u32,
}

impl Transform {
    /// The transform of the smallest power of two that is at least `len`; `None` above 2³².
    pub fn of(len: usize) -> Option<Self> {
        let log = len.checked_next_power_of_two()?.trailing_zeros();
        let root = Fp::root_of_unity(log).filter(|_| log <= TWO_ADICITY)?;
        let powers = std::iter::successors(Some(Fp::ONE), |power| Some(*power * root));
        Some(Self { powers: powers.take(1 << log.saturating_sub(1)).collect(), log })
    }

    /// Values per transform.
    pub fn size(&self) -> usize {
        1 << self.log
    }

    /// ω to `exponent`.
    pub fn power(&self, exponent: usize) -> Fp {
        let (half, exponent) = (self.size() / 2, exponent & (self.size() - 1));
        match exponent {
            0 => Fp::ONE,
            _ if exponent < half => self.powers[exponent],
            _ => -self.powers[exponent - half],
        }
    }

    /// Coefficients, the constant one first, become the values at ω⁰, ω¹, … . Anything but
    /// [`Transform::size`] coefficients is left as it is.
    pub fn forward(&self, values: &mut [Fp]) {
        if values.len() != self.size() {
            return;
        }
        for i in 0..values.len() {
            let j = i.reverse_bits() >> (usize::BITS - self.log).min(usize::BITS - 1);
            if i < j {
                values.swap(i, j);
            }
        }
        let (mut half, mut stride) = (1, self.powers.len());
        while half < values.len() {
            for part in values.chunks_exact_mut(2 * half) {
                let (low, high) = part.split_at_mut(half);
                for ((a, b), power) in
                    low.iter_mut().zip(high).zip(self.powers.iter().step_by(stride))
                {
                    let turned = *b * *power;
                    (*a, *b) = (*a + turned, *a - turned);
                }
            }
            (half, stride) = (half * 2, stride / 2);
        }
    }

    /// The way back.
    pub fn inverse(&self, values: &mut [Fp]) {
        if values.len() != self.size() {
            return;
        }
        self.forward(values);
        values[1..].reverse();
        let factor = Fp::reduced(self.size() as u64).inverse();
        values.iter_mut().for_each(|x| *x *= factor);
    }
}

/// The product of two polynomials, constant coefficients first.
pub fn product(a: &[Fp], b: &[Fp]) -> Vec<Fp> {
    let len = (a.len() + b.len()).saturating_sub(1);
    let transform = (a.len().min(b.len()) > SCHOOLBOOK).then(|| Transform::of(len)).flatten();
    let Some(transform) = transform else {
        let mut out = vec![Fp::ZERO; len];
        for (i, x) in a.iter().enumerate() {
            out[i..].iter_mut().zip(b).for_each(|(sum, y)| *sum += *x * *y);
        }
        return out;
    };
    let mut padded = [a, b].map(|x| {
        let mut x = x.to_vec();
        x.resize(transform.size(), Fp::ZERO);
        transform.forward(&mut x);
        x
    });
    let [x, y] = &mut padded;
    x.iter_mut().zip(y).for_each(|(x, y)| *x *= *y);
    transform.inverse(x);
    x.truncate(len);
    std::mem::take(x)
}

/// The monic polynomial with these roots, by halves.
pub fn vanishing(roots: &[Fp]) -> Vec<Fp> {
    match roots {
        [] => vec![Fp::ONE],
        [root] => vec![-*root, Fp::ONE],
        _ => {
            let (left, right) = roots.split_at(roots.len() / 2);
            product(&vanishing(left), &vanishing(right))
        }
    }
}

/// A polynomial's value, by Horner's rule.
pub fn evaluate(coefficients: &[Fp], at: Fp) -> Fp {
    coefficients.iter().rev().fold(Fp::ZERO, |sum, c| sum * at + *c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::rng::Seed;

    fn random(len: usize, seed: u64) -> Vec<Fp> {
        let mut rng = Seed::root(seed).rng();
        (0..len).map(|_| Fp::reduced(rng.next_u64())).collect()
    }

    #[test]
    fn gives_the_values_at_the_powers_and_back() {
        for log in 0..9 {
            let transform = Transform::of(1 << log).unwrap();
            let coefficients = random(1 << log, log);
            let mut values = coefficients.clone();
            transform.forward(&mut values);
            for (i, value) in values.iter().enumerate() {
                assert!(*value == evaluate(&coefficients, transform.power(i)), "{log} {i}");
            }
            transform.inverse(&mut values);
            assert!(values == coefficients);
        }
    }

    #[test]
    fn powers_repeat_with_the_order() {
        let transform = Transform::of(5).unwrap();
        assert_eq!(transform.size(), 8);
        let root = Fp::root_of_unity(3).unwrap();
        assert!((0..20).all(|i| transform.power(i) == root.pow(i as u64)));
    }

    #[test]
    fn products_agree_with_their_values() {
        for (m, n) in [(0, 3), (1, 1), (5, 40), (40, 40), (33, 100), (257, 64)] {
            let (a, b) = (random(m, 1), random(n, 2));
            let c = product(&a, &b);
            assert_eq!(c.len(), (m + n).saturating_sub(1));
            for at in random(4, 3) {
                assert!(evaluate(&c, at) == evaluate(&a, at) * evaluate(&b, at));
            }
        }
    }

    #[test]
    fn vanishes_at_its_roots_alone() {
        let roots = random(150, 4);
        let polynomial = vanishing(&roots);
        assert!(polynomial.len() == 151 && polynomial[150] == Fp::ONE);
        assert!(roots.iter().all(|root| evaluate(&polynomial, *root) == Fp::ZERO));
        assert!(evaluate(&polynomial, Fp::reduced(12345)) != Fp::ZERO);
    }
}
