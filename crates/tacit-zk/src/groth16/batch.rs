//! Many proofs under one key at the price of little more than a Miller loop each: a random linear
//! combination of their equations (Bellare, Garay, Rabin, EUROCRYPT 1998, section 3), whose
//! factors follow from all proofs and inputs. One that does not hold passes with probability
//! 2⁻¹²⁸.

use super::key::VerifyingKey;
use super::prove::{Keyed, straus, verify, write_proof};
use ark_ec::pairing::Pairing;
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::{AdditiveGroup, BigInteger, Field, One, PrimeField};
use ark_groth16::Proof;
use rayon::prelude::*;
use tacit_core::digest::Digest;
use tacit_core::error::Error;

/// A proof and its public wires, without the constant.
pub type Instance<E> = (Vec<<E as Pairing>::ScalarField>, Proof<E>);

/// Whether all proofs hold.
pub fn verify_all<E: Keyed>(key: &VerifyingKey, all: &[Instance<E>]) -> Result<bool, Error> {
    let prepared = E::verifying(key)
        .ok_or_else(|| Error::caller("verification key", E::CURVE.name(), "another curve"))?;
    let ic = &prepared.vk.gamma_abc_g1;
    if let Some((public, _)) = all.iter().find(|(public, _)| public.len() + 1 != ic.len()) {
        let expected = (ic.len() - 1).to_string();
        return Err(Error::caller("public inputs", expected, public.len().to_string()));
    }
    match all {
        [] => return Ok(true),
        [(public, proof)] => return verify(key, public, proof),
        _ => {}
    }
    let factors = factors::<E>(key, all);
    let mut inputs = vec![E::ScalarField::ZERO; ic.len()];
    for ((public, _), factor) in all.iter().zip(&factors) {
        inputs[0] += factor;
        inputs[1..].iter_mut().zip(public).for_each(|(sum, x)| *sum += *x * factor);
    }
    let scaled = all.par_iter().zip(&factors).map(|((_, proof), r)| straus(&[proof.a], &[*r]));
    let scaled: Vec<_> = scaled.collect();
    let mut left = E::G1::normalize_batch(&scaled);
    let c: Vec<_> = all.iter().map(|(_, proof)| proof.c).collect();
    let ones = [
        -straus(&[prepared.vk.alpha_g1], &inputs[..1]),
        straus(ic, &inputs),
        E::G1::msm_unchecked(&c, &factors),
    ];
    left.extend(E::G1::normalize_batch(&ones));
    let (gamma, delta) = (&prepared.gamma_g2_neg_pc, &prepared.delta_g2_neg_pc);
    let b = all.iter().map(|(_, proof)| Right::Point(proof.b));
    let fixed = [Right::Point(prepared.vk.beta_g2), Right::Prepared(gamma), Right::Prepared(delta)];
    let right: Vec<Right<'_, E>> = b.chain(fixed).collect();
    let loops = left.par_chunks(4).zip(right.par_chunks(4)).map(|(left, right)| {
        let left = left.iter().map(|p| E::G1Prepared::from(*p));
        E::multi_miller_loop(left, right.iter().map(Right::prepared)).0
    });
    let product = loops.reduce(E::TargetField::one, |x, y| x * y);
    let target = E::final_exponentiation(ark_ec::pairing::MillerLoopOutput(product));
    Ok(target.is_some_and(|target| target.0 == E::TargetField::ONE))
}

/// What a point of the first group is paired with.
enum Right<'a, E: Pairing> {
    Point(E::G2Affine),
    Prepared(&'a E::G2Prepared),
}

impl<E: Pairing> Right<'_, E> {
    fn prepared(&self) -> E::G2Prepared {
        match self {
            Self::Point(point) => (*point).into(),
            Self::Prepared(prepared) => (*prepared).clone(),
        }
    }
}

/// 128 bits for each proof, the first of them one.
fn factors<E: Keyed>(key: &VerifyingKey, all: &[Instance<E>]) -> Vec<E::ScalarField> {
    let mut parts = vec![key.digest().0.to_vec()];
    for (public, proof) in all {
        let public = public.iter().flat_map(|x| x.into_bigint().to_bytes_le());
        parts.push(public.collect());
        parts.push(write_proof(proof));
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let root = Digest::of_parts("tacit/v1/batch", &parts);
    let factor = |number: usize| {
        let number = (number as u64).to_le_bytes();
        let digest = Digest::of_parts("tacit/v1/batch/factor", &[&root.0, &number]);
        E::ScalarField::from_le_bytes_mod_order(&digest.0[..16])
    };
    let rest = (1..all.len()).map(factor);
    [E::ScalarField::ONE].into_iter().chain(rest).collect()
}
