//! The two pairing-friendly curves: about 100 bits of security and the fastest proofs on BN254,
//! about 120 on BLS12-381.

use ark_ec::AffineRepr;
use ark_ec::pairing::Pairing;
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::{FftField, Field, PrimeField};
use std::fmt;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;

/// Which curve a circuit, a key or a ceremony is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Curve {
    /// BN254, which Ethereum has as `alt_bn128`.
    #[serde(rename = "bn254")]
    Bn254,
    /// BLS12-381.
    #[serde(rename = "bls12-381")]
    Bls12_381,
}

impl Curve {
    /// Every curve.
    pub const ALL: [Self; 2] = [Self::Bn254, Self::Bls12_381];

    /// `bn254` or `bls12-381`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bn254 => "bn254",
            Self::Bls12_381 => "bls12-381",
        }
    }

    /// The curve of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.name() == name)
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A point whose coordinates can be had.
pub trait Point: AffineRepr {
    /// The point, unchecked; `None` stands for the identity.
    fn from_coordinates(xy: Option<(Self::BaseField, Self::BaseField)>) -> Self;
    /// Whether it is on the curve and in the subgroup of prime order.
    fn is_sound(&self) -> bool;
    /// The point on the curve with this abscissa, if any, before its cofactor is cleared.
    fn lift(x: Self::BaseField, greatest: bool) -> Option<Self>;
}

impl<P: SWCurveConfig> Point for Affine<P> {
    fn from_coordinates(xy: Option<(P::BaseField, P::BaseField)>) -> Self {
        xy.map_or(Self::identity(), |(x, y)| Self::new_unchecked(x, y))
    }

    fn is_sound(&self) -> bool {
        self.is_on_curve() && self.is_in_correct_subgroup_assuming_on_curve()
    }

    fn lift(x: P::BaseField, greatest: bool) -> Option<Self> {
        Self::get_point_from_x_unchecked(x, greatest)
    }
}

/// A curve that the code is compiled for.
pub trait Engine:
    Pairing<
        G1Affine: Point<BaseField: Field<BasePrimeField = Self::Base>>,
        G2Affine: Point<BaseField: Field<BasePrimeField = Self::Base>>,
    >
{
    /// The prime field under both groups.
    type Base: PrimeField;
    /// Its name.
    const CURVE: Curve;
}

impl Engine for ark_bn254::Bn254 {
    type Base = ark_bn254::Fq;
    const CURVE: Curve = Curve::Bn254;
}

impl Engine for ark_bls12_381::Bls12_381 {
    type Base = ark_bls12_381::Fq;
    const CURVE: Curve = Curve::Bls12_381;
}

/// Runs generic code for a curve that is known when it runs.
macro_rules! with_engine {
    ($curve:expr, $engine:ident => $body:expr) => {
        match $curve {
            $crate::curve::Curve::Bn254 => {
                type $engine = ark_bn254::Bn254;
                $body
            }
            $crate::curve::Curve::Bls12_381 => {
                type $engine = ark_bls12_381::Bls12_381;
                $body
            }
        }
    };
}
pub(crate) use with_engine;

/// A scalar that nobody can predict, never zero.
pub fn scalar<F: PrimeField>(entropy: &mut dyn Entropy) -> Result<F, Error> {
    let mut scalar = F::ZERO;
    draw(&mut scalar, entropy)?;
    Ok(scalar)
}

/// The same where it is to stay.
pub fn draw<F: PrimeField>(into: &mut F, entropy: &mut dyn Entropy) -> Result<(), Error> {
    // twice the width: the remainder is uniform but for 2⁻²⁵⁶
    let mut wide = zeroize::Zeroizing::new([0; 64]);
    loop {
        entropy.fill(&mut wide[..])?;
        *into = F::from_le_bytes_mod_order(&wide[..]);
        if !into.is_zero() {
            return Ok(());
        }
    }
}

/// The generator of the subgroup of order 2^`log` that circom's tools use: powers of the smallest
/// non-residue, which is 5 on both curves (arkworks has 7 on BLS12-381).
pub fn root_of_unity<F: FftField + PrimeField>(log: u32) -> Option<F> {
    let steps = F::TWO_ADICITY.checked_sub(log)?;
    let mut root = F::from(5_u64).pow(F::TRACE);
    for _ in 0..steps {
        root.square_in_place();
    }
    Some(root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::LegendreSymbol;

    fn smallest_non_residue_is_five<F: PrimeField>() {
        let residue = |n: u64| F::from(n).legendre() == LegendreSymbol::QuadraticResidue;
        assert!((1..5).all(residue));
        assert!(!residue(5));
        let root: F = root_of_unity(3).unwrap();
        assert!(root.pow([4]) == -F::ONE);
        assert!(root_of_unity::<F>(F::TWO_ADICITY + 1).is_none());
    }

    #[test]
    fn roots_are_those_of_circom() {
        smallest_non_residue_is_five::<ark_bn254::Fr>();
        smallest_non_residue_is_five::<ark_bls12_381::Fr>();
    }
}
