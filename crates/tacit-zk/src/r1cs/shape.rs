//! The constraints of a circuit.

use super::builder::{Bounds, Builder, element};
use super::{Combination, R1cs};
use ark_ff::PrimeField;
use tacit_core::error::Error;

/// Integers beyond ± this are refused.
const LARGEST: i128 = 1 << 126;

/// A linear combination of wires, with the bounds of the integer that it is.
#[derive(Clone, Debug)]
pub struct Linear<F> {
    terms: Combination<F>,
    bounds: Option<Bounds>,
}

/// Collects the constraints of a circuit.
#[derive(Debug)]
pub struct Shape<F> {
    public: usize,
    wires: u32,
    constraints: Vec<[Combination<F>; 3]>,
    refused: Option<&'static str>,
}

impl<F: PrimeField> Default for Shape<F> {
    fn default() -> Self {
        Self { public: 0, wires: 1, constraints: Vec::new(), refused: None }
    }
}

impl<F> Linear<F> {
    /// Its wires with their factors.
    pub fn terms(&self) -> &Combination<F> {
        &self.terms
    }
}

impl<F: PrimeField> Shape<F> {
    /// The system; refuses a circuit that could wrap.
    pub fn finish(self) -> Result<R1cs<F>, Error> {
        if let Some(why) = self.refused {
            return Err(Error::caller("circuit", "sums that cannot wrap", why));
        }
        R1cs::new(self.public, self.wires as usize, self.constraints)
    }

    fn allocate(&mut self, bounds: Option<Bounds>) -> Linear<F> {
        self.wires += 1;
        Linear { terms: vec![(self.wires - 1, F::ONE)], bounds }
    }

    fn within(&mut self, bounds: Option<Bounds>) -> Option<Bounds> {
        let bounds = bounds.filter(|(low, high)| -LARGEST <= *low && *high <= LARGEST);
        if bounds.is_none() {
            self.refuse("an integer that may exceed 126 bits");
        }
        bounds
    }
}

/// Joins terms of one wire; keeps the order of wires.
fn merge<F: PrimeField>(mut terms: Combination<F>) -> Combination<F> {
    terms.sort_by_key(|(wire, _)| *wire);
    terms.dedup_by(|next, last| {
        let same = next.0 == last.0;
        if same {
            last.1 += next.1;
        }
        same
    });
    terms.retain(|(_, factor)| !factor.is_zero());
    terms
}

impl<F: PrimeField> Builder<F> for Shape<F> {
    type Wire = Linear<F>;

    fn integer(&mut self, value: i128) -> Linear<F> {
        Linear { terms: merge(vec![(0, element(value))]), bounds: Some((value, value)) }
    }

    fn sum(&mut self, terms: &[(i128, &Linear<F>)], constant: i128) -> Linear<F> {
        let mut all = vec![(0, element(constant))];
        let mut bounds = Some((constant, constant));
        for (factor, wire) in terms {
            let scale: F = element(*factor);
            all.extend(wire.terms.iter().map(|(wire, x)| (*wire, *x * scale)));
            bounds = bounds.zip(wire.bounds).and_then(|(sum, (low, high))| {
                let ends = (low.checked_mul(*factor)?, high.checked_mul(*factor)?);
                let low = sum.0.checked_add(ends.0.min(ends.1))?;
                Some((low, sum.1.checked_add(ends.0.max(ends.1))?))
            });
        }
        Linear { terms: merge(all), bounds: self.within(bounds) }
    }

    fn mix(&mut self, terms: &[(F, &Linear<F>)], constant: F) -> Linear<F> {
        let mut all = vec![(0, constant)];
        for (factor, wire) in terms {
            all.extend(wire.terms.iter().map(|(wire, x)| (*wire, *x * factor)));
        }
        Linear { terms: merge(all), bounds: None }
    }

    fn public(&mut self, bounds: Option<Bounds>, _: impl FnOnce() -> F) -> Linear<F> {
        if self.public + 1 != self.wires as usize {
            self.refuse("a public wire after a private one");
        }
        self.public += 1;
        self.allocate(bounds)
    }

    fn wire(&mut self, bounds: Option<Bounds>, _: impl FnOnce() -> F) -> Linear<F> {
        self.allocate(bounds)
    }

    fn enforce(&mut self, a: &Linear<F>, b: &Linear<F>, c: &Linear<F>) {
        self.constraints.push([a.terms.clone(), b.terms.clone(), c.terms.clone()]);
    }

    fn product_bounds(&mut self, a: &Linear<F>, b: &Linear<F>) -> Option<Bounds> {
        let (a, b) = (a.bounds?, b.bounds?);
        let corners = [(a.0, b.0), (a.0, b.1), (a.1, b.0), (a.1, b.1)];
        let corners = corners.map(|(x, y)| x.checked_mul(y));
        let low = corners.iter().copied().min().flatten();
        let high = corners.iter().copied().max().flatten();
        let whole = corners.iter().all(Option::is_some);
        self.within(low.zip(high).filter(|_| whole))
    }

    fn value(&self, _: &Linear<F>) -> F {
        F::ZERO
    }

    fn promise(&mut self, wire: &Linear<F>, bounds: Bounds) -> Linear<F> {
        Linear { terms: wire.terms.clone(), bounds: Some(bounds) }
    }

    fn refuse(&mut self, why: &'static str) {
        self.refused = self.refused.or(Some(why));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::r1cs::gadgets::{bit, product, weigh};
    use ark_bn254::Fr;
    use ark_ff::AdditiveGroup;

    /// Squares of a number of `bits` bits, `times` times.
    fn squares(bits: usize, times: usize) -> Result<R1cs<Fr>, Error> {
        let mut b = Shape::<Fr>::default();
        let bits: Vec<_> = (0..bits).map(|_| bit(&mut b, || Fr::ZERO)).collect();
        let mut x = weigh(&mut b, &bits, 0);
        for _ in 0..times {
            x = product(&mut b, &x, &x);
        }
        b.finish()
    }

    #[test]
    fn what_could_wrap_is_refused() {
        assert!(squares(31, 2).is_ok());
        // below 2¹²⁸, though every value that occurs may be small
        assert!(squares(32, 2).is_err());
        let mut b = Shape::<Fr>::default();
        let x = b.public(Some((0, 1)), || Fr::ZERO);
        let large = b.sum(&[(1 << 126, &x)], 0);
        b.enforce(&large, &large, &large);
        b.product_bounds(&large, &large);
        assert!(b.finish().is_err());
    }

    #[test]
    fn hashes_are_no_integers() {
        let mut b = Shape::<Fr>::default();
        let hash = b.wire(None, || Fr::ZERO);
        b.enforce(&hash, &hash, &hash);
        b.sum(&[(1, &hash)], 0);
        assert!(b.finish().is_err());
    }
}
