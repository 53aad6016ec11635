//! Pairing checks, many at once: with random coefficients of 128 bits, a product of pairings that
//! is one shows that every one of them holds, but for a chance of 2⁻¹²⁸ (Bellare, Garay and Rabin
//! 1998, the small exponents test; every point is of prime order).

use super::derive::Stream;
use crate::curve::Engine;
use ark_ec::pairing::PairingOutput;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{PrimeField, Zero};
use tacit_core::error::Error;
use tacit_core::traits::Entropy;

/// Random coefficients.
pub(crate) struct Coins(Stream);

impl Coins {
    pub fn new(entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let mut seed = [0; 32];
        entropy.fill(&mut seed)?;
        Ok(Self(Stream::new(&seed)))
    }

    /// A coefficient of 128 bits.
    pub fn next<F: PrimeField>(&mut self) -> F {
        let words = [(); 4].map(|()| u128::from(self.0.word()));
        F::from(words.into_iter().fold(0, |all, word| all << 32 | word))
    }

    pub fn take<F: PrimeField>(&mut self, count: usize) -> Vec<F> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// Claims that ratios in the two groups are the same.
pub(crate) struct Claims<E: Engine> {
    left: Vec<E::G1Affine>,
    right: Vec<E::G2Affine>,
    identity: bool,
}

impl<E: Engine> Claims<E> {
    pub fn new() -> Self {
        Self { left: Vec::new(), right: Vec::new(), identity: false }
    }

    /// Claims that `one.1 / one.0` is `two.1 / two.0`; no identity can be in a ratio.
    pub fn same(
        &mut self,
        coins: &mut Coins,
        one: (E::G1Affine, E::G1Affine),
        two: (E::G2Affine, E::G2Affine),
    ) {
        self.identity |= one.0.is_zero() || one.1.is_zero() || two.0.is_zero() || two.1.is_zero();
        let coin: E::ScalarField = coins.next();
        self.left.push((one.0 * coin).into_affine());
        self.right.push(two.1);
        self.left.push((one.1 * -coin).into_affine());
        self.right.push(two.0);
    }

    /// Claims that every point of `one` is `ratio.1 / ratio.0` times the point before it.
    pub fn powers(
        &mut self,
        coins: &mut Coins,
        one: &[E::G1Affine],
        two: (E::G2Affine, E::G2Affine),
    ) {
        let (from, to) = shifted::<E::G1>(coins, one);
        self.same(coins, (from, to), two);
    }

    /// The same in the second group.
    pub fn powers_two(
        &mut self,
        coins: &mut Coins,
        one: (E::G1Affine, E::G1Affine),
        two: &[E::G2Affine],
    ) {
        let (from, to) = shifted::<E::G2>(coins, two);
        self.same(coins, one, (from, to));
    }

    /// Whether all hold.
    pub fn hold(&self) -> bool {
        !self.identity && self.product().is_zero()
    }

    fn product(&self) -> PairingOutput<E> {
        E::multi_pairing(self.left.iter().copied(), self.right.iter().copied())
    }
}

/// A random combination of all points but the last, and the same of all but the first.
fn shifted<G>(coins: &mut Coins, points: &[G::Affine]) -> (G::Affine, G::Affine)
where
    G: CurveGroup + VariableBaseMSM<MulBase = G::Affine>,
{
    let Some((_, tail)) = points.split_first() else {
        return (G::zero().into_affine(), G::zero().into_affine());
    };
    let coins: Vec<G::ScalarField> = coins.take(tail.len());
    let from = G::msm_unchecked(&points[..tail.len()], &coins);
    (from.into_affine(), G::msm_unchecked(tail, &coins).into_affine())
}
