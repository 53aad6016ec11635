//! Proofs and their verification.

use super::key::{ProvingKey, VerifyingKey};
use super::qap::numerators;
use crate::curve::{Engine, Point, scalar};
use crate::r1cs::{Over, R1cs};
use ark_ec::pairing::MillerLoopOutput;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, BigInteger, PrimeField, Zero};
use ark_groth16::{self as ark, Proof};
use ark_serialize::{CanonicalSerialize, SerializationError};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use zeroize::Zeroizing;

/// A curve with its keys.
pub trait Keyed: Engine + Over {
    /// The key, if it is over this curve.
    fn proving(key: &ProvingKey) -> Option<&ark::ProvingKey<Self>>;
    /// The key, if it is over this curve.
    fn verifying(key: &VerifyingKey) -> Option<&ark::PreparedVerifyingKey<Self>>;
    /// Wraps a key.
    fn wrap_proving(key: ark::ProvingKey<Self>, vk: VerifyingKey) -> ProvingKey;
    /// Wraps a key.
    fn wrap_verifying(key: ark::PreparedVerifyingKey<Self>, head: Digest) -> VerifyingKey;
}

/// Proves that wires satisfy the system the key was made for; refuses wires that do not. The proof
/// is verified before it is given away: A and B are uniform, and what verifies has the only C that
/// goes with them. Points of a key that are not what its circuit makes of them could otherwise
/// write private wires into C, to be read off by whoever made the key.
pub fn prove<E: Keyed>(
    key: &ProvingKey,
    r1cs: &R1cs<E::ScalarField>,
    witness: &[E::ScalarField],
    entropy: &mut dyn Entropy,
) -> Result<Proof<E>, Error> {
    let verifying = key.verifying();
    let key = fits::<E>(key, r1cs)?;
    if let Some(row) = r1cs.broken(witness) {
        let found = format!("constraint {row} broken");
        return Err(Error::caller("witness", "every constraint satisfied", found));
    }
    let blinding = Zeroizing::new([scalar::<E::ScalarField>(entropy)?, scalar(entropy)?]);
    let [r, s] = &*blinding;
    let h = E::G1::msm_unchecked(&key.h_query, &numerators(r1cs, witness)?);
    let l = E::G1::msm_unchecked(&key.l_query, &witness[r1cs.public() + 1..]);
    let a = E::G1::msm_unchecked(&key.a_query, witness) + key.vk.alpha_g1 + key.delta_g1 * r;
    let b = E::G2::msm_unchecked(&key.b_g2_query, witness) + key.vk.beta_g2 + key.vk.delta_g2 * s;
    let b1 = E::G1::msm_unchecked(&key.b_g1_query, witness) + key.beta_g1 + key.delta_g1 * s;
    let c = a * s + b1 * r - key.delta_g1 * (*r * s) + l + h;
    let proof = Proof { a: a.into_affine(), b: b.into_affine(), c: c.into_affine() };
    if !verify(verifying, &witness[1..=r1cs.public()], &proof)? {
        let expected = "one whose proofs verify";
        return Err(Error::caller("proving key", expected, "another, or not for this circuit"));
    }
    Ok(proof)
}

fn over<E: Keyed>(key: &ProvingKey) -> Result<&ark::ProvingKey<E>, Error> {
    E::proving(key).ok_or_else(|| Error::caller("proving key", E::CURVE.name(), "another curve"))
}

/// Wires of the circuit that a key was made for; refuses a key of another curve.
pub(crate) fn wires<E: Keyed>(key: &ProvingKey) -> Result<usize, Error> {
    Ok(over::<E>(key)?.a_query.len())
}

/// Refuses a key of another curve, or for a circuit of other sizes.
pub(crate) fn fits<'a, E: Keyed>(
    key: &'a ProvingKey,
    r1cs: &R1cs<E::ScalarField>,
) -> Result<&'a ark::ProvingKey<E>, Error> {
    let key = over::<E>(key)?;
    let found = [key.vk.gamma_abc_g1.len(), key.a_query.len(), key.h_query.len()];
    let expected = [r1cs.public() + 1, r1cs.variables(), 1 << r1cs.log_domain()];
    if found != expected {
        let words = |[public, wires, domain]: [usize; 3]| {
            format!("{public} public wires of {wires}, {domain} rows")
        };
        return Err(Error::caller("circuit of the proving key", words(expected), words(found)));
    }
    Ok(key)
}

/// Whether a proof holds for the public wires (without the constant). Exactly as many must be
/// given as the key has: too few would leave the others free.
pub fn verify<E: Keyed>(
    key: &VerifyingKey,
    public: &[E::ScalarField],
    proof: &Proof<E>,
) -> Result<bool, Error> {
    let key = E::verifying(key)
        .ok_or_else(|| Error::caller("verification key", E::CURVE.name(), "another curve"))?;
    let ic = &key.vk.gamma_abc_g1;
    if public.len() + 1 != ic.len() {
        let expected = format!("{}", ic.len() - 1);
        return Err(Error::caller("public inputs", expected, public.len().to_string()));
    }
    let fixed = || {
        let inputs = (straus(&ic[1..], public) + ic[0]).into_affine();
        let (gamma, delta) = (key.gamma_g2_neg_pc.clone(), key.delta_g2_neg_pc.clone());
        E::multi_miller_loop([inputs, proof.c], [gamma, delta]).0
    };
    let (own, fixed) = rayon::join(|| E::miller_loop(proof.a, proof.b).0, fixed);
    let product = E::final_exponentiation(MillerLoopOutput(own * fixed));
    Ok(product.is_some_and(|found| found.0 == key.alpha_g1_beta_g2))
}

/// Bits of a digit of [`straus`].
const DIGIT: usize = 4;

/// Σ scalar · point of a few points, whose doublings are shared (Straus 1964). Not in constant
/// time.
pub(super) fn straus<P: AffineRepr>(points: &[P], scalars: &[P::ScalarField]) -> P::Group {
    let multiples = points.iter().map(|point| {
        let next = |last: &P::Group| Some(*last + point);
        std::iter::successors(Some(point.into_group()), next).take((1 << DIGIT) - 1).collect()
    });
    let tables = P::Group::normalize_batch(&multiples.collect::<Vec<Vec<_>>>().concat());
    let scalars: Vec<_> = scalars.iter().map(|scalar| scalar.into_bigint()).collect();
    let bits = scalars.iter().map(BigInteger::num_bits).max().unwrap_or(0) as usize;
    let mut sum = P::Group::zero();
    for place in (0..bits.div_ceil(DIGIT)).rev() {
        (0..DIGIT).for_each(|_| {
            sum.double_in_place();
        });
        for (table, scalar) in tables.chunks((1 << DIGIT) - 1).zip(&scalars) {
            let bit = |at: usize| usize::from(scalar.get_bit(place * DIGIT + at)) << at;
            let digit: usize = (0..DIGIT).map(bit).sum();
            if let Some(point) = digit.checked_sub(1).and_then(|of| table.get(of)) {
                sum += point;
            }
        }
    }
    sum
}

/// The compressed points A, B, C: 128 bytes on BN254, 192 on BLS12-381.
pub fn write_proof<E: Engine>(proof: &Proof<E>) -> Vec<u8> {
    let mut out = Vec::with_capacity(proof.compressed_size());
    // a vector takes whatever is written
    let _: Result<(), SerializationError> = proof.serialize_compressed(&mut out);
    out
}

/// Reads a proof; refuses other lengths, points outside the groups, and the identity. The point of
/// the second group takes as long as both others.
pub fn read_proof<E: Engine>(bytes: &[u8]) -> Result<Proof<E>, Error> {
    let one = E::G1Affine::generator().compressed_size();
    let two = E::G2Affine::generator().compressed_size();
    if bytes.len() != 2 * one + two {
        return Err(refused("other bytes"));
    }
    let ((a, rest), last) = (bytes.split_at(one), bytes.len() - one);
    let (b, c) = rest.split_at(last - one);
    let (b, (a, c)) = rayon::join(|| read_point(b), || (read_point(a), read_point(c)));
    Ok(Proof { a: a?, b: b?, c: c? })
}

fn refused(found: &str) -> Error {
    Error::caller("proof", "three points of the groups", found)
}

fn read_point<P: Point>(bytes: &[u8]) -> Result<P, Error> {
    // what is read lies on the curve, whatever its y; `is_sound` asks again, and for the subgroup
    let point = P::deserialize_compressed_unchecked(bytes).map_err(|_| refused("no points"))?;
    let mut again = Vec::with_capacity(bytes.len());
    // a vector takes whatever is written
    let _: Result<(), SerializationError> = point.serialize_compressed(&mut again);
    if again != bytes {
        return Err(refused("other bytes"));
    }
    if point.is_zero() {
        return Err(refused("the identity"));
    }
    if !point.is_sound() {
        return Err(refused("points outside"));
    }
    Ok(point)
}
