//! The wires of a circuit for one witness.

use super::builder::{Bounds, Builder, element};
use ark_ff::PrimeField;
use zeroize::Zeroize;

/// What becomes of a value on its way to its wire: nothing, but in tests of soundness.
pub trait Tamper<F> {
    /// The value that a wire gets instead of `honest`.
    fn wire(&mut self, _number: usize, honest: F) -> F {
        honest
    }
    /// The values that the bits of `value` get, from wire `first` on.
    fn digits(&mut self, _first: usize, _value: F, honest: Vec<F>) -> Vec<F> {
        honest
    }
}

/// Leaves every value alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Honest;

impl<F> Tamper<F> for Honest {}

/// Computes every wire of a circuit; they are overwritten when it is dropped.
pub struct Trace<F: PrimeField, T = Honest> {
    wires: Vec<F>,
    tamper: T,
}

impl<F: PrimeField> Default for Trace<F> {
    fn default() -> Self {
        Self::tampered(Honest)
    }
}

impl<F: PrimeField, T> Trace<F, T> {
    /// A trace in which somebody meddles.
    pub fn tampered(tamper: T) -> Self {
        Self { wires: vec![F::ONE], tamper }
    }

    /// All wires: the constant, the public ones, the private ones.
    pub fn wires(&self) -> &[F] {
        &self.wires
    }

    /// Whoever meddled.
    pub fn tamper(&self) -> &T {
        &self.tamper
    }
}

impl<F: PrimeField, T> Drop for Trace<F, T> {
    fn drop(&mut self) {
        self.wires.zeroize();
    }
}

impl<F: PrimeField, T: Tamper<F>> Builder<F> for Trace<F, T> {
    type Wire = F;

    fn integer(&mut self, value: i128) -> F {
        element(value)
    }

    fn sum(&mut self, terms: &[(i128, &F)], constant: i128) -> F {
        terms.iter().fold(element(constant), |sum: F, (factor, wire)| {
            sum + match factor {
                1 => **wire,
                factor => element::<F>(*factor) * *wire,
            }
        })
    }

    fn mix(&mut self, terms: &[(F, &F)], constant: F) -> F {
        terms.iter().fold(constant, |sum, (factor, wire)| sum + *factor * *wire)
    }

    fn public(&mut self, bounds: Option<Bounds>, value: impl FnOnce() -> F) -> F {
        self.wire(bounds, value)
    }

    fn wire(&mut self, _: Option<Bounds>, value: impl FnOnce() -> F) -> F {
        let value = self.tamper.wire(self.wires.len(), value());
        self.wires.push(value);
        value
    }

    fn enforce(&mut self, _: &F, _: &F, _: &F) {}

    fn product_bounds(&mut self, _: &F, _: &F) -> Option<Bounds> {
        None
    }

    fn value(&self, wire: &F) -> F {
        *wire
    }

    fn promise(&mut self, wire: &F, _: Bounds) -> F {
        *wire
    }

    fn digits(&mut self, value: F, width: u32) -> Vec<F> {
        let bits = value.into_bigint();
        let honest =
            (0..width as usize).map(|bit| F::from(ark_ff::BigInteger::get_bit(&bits, bit)));
        let honest = honest.collect();
        self.tamper.digits(self.wires.len(), value, honest)
    }

    fn refuse(&mut self, _: &'static str) {}
}
