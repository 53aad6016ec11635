//! Schnorr's proof that a contributor knows what it multiplied the secrets with, bound to the
//! transcript so far and to the contributor's name and key. The proof in the file, whose challenge
//! circom's tools fix, is bound to the transcript alone, so that somebody else could sign for it.

use crate::curve::{Engine, Point, draw};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, PrimeField};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize, SerializationError};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use zeroize::Zeroizing;

const LABEL: &str = "tacit/v1/ceremony-knowledge";

/// A secret's base and what became of it.
pub(crate) type Step<E> =
    (<E as ark_ec::pairing::Pairing>::G1Affine, <E as ark_ec::pairing::Pairing>::G1Affine);

/// Shows that every step is by its secret: a point and a scalar for each.
pub(crate) fn show<E: Engine>(
    binding: &Digest,
    steps: &[Step<E>],
    secrets: &[E::ScalarField],
    entropy: &mut dyn Entropy,
) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    for (index, (step, secret)) in steps.iter().zip(secrets).enumerate() {
        let mut mask = Zeroizing::new(E::ScalarField::ZERO);
        draw(&mut *mask, entropy)?;
        let point = (step.0 * *mask).into_affine();
        let mut answer = Zeroizing::new(challenge::<E>(binding, index, step, &point));
        *answer *= secret;
        *answer += &*mask;
        push(&mut out, &point);
        push(&mut out, &*answer);
    }
    Ok(out)
}

/// Whether it is shown for every step.
pub(crate) fn holds<E: Engine>(binding: &Digest, steps: &[Step<E>], shown: &[u8]) -> bool {
    let mut rest = shown;
    for (index, step) in steps.iter().enumerate() {
        let Ok(point) = E::G1Affine::deserialize_compressed(&mut rest) else { return false };
        let Ok(answer) = E::ScalarField::deserialize_compressed(&mut rest) else { return false };
        let challenge = challenge::<E>(binding, index, step, &point);
        let sound = !point.is_zero() && point.is_sound();
        if !sound || step.0 * answer != step.1 * challenge + point {
            return false;
        }
    }
    rest.is_empty()
}

fn challenge<E: Engine>(
    binding: &Digest,
    index: usize,
    step: &Step<E>,
    point: &E::G1Affine,
) -> E::ScalarField {
    let mut points = Vec::new();
    for point in [&step.0, &step.1, point] {
        push(&mut points, point);
    }
    let parts: [&[u8]; 4] =
        [E::CURVE.name().as_bytes(), &binding.0, &(index as u32).to_le_bytes(), &points];
    E::ScalarField::from_le_bytes_mod_order(&Digest::of_parts(LABEL, &parts).0[..31])
}

fn push(out: &mut Vec<u8>, what: &impl CanonicalSerialize) {
    // a vector takes whatever is written
    let _: Result<(), SerializationError> = what.serialize_compressed(out);
}
