//! Keys, refused unless sane. A key whose second phase was never contributed to has δ = γ, and then
//! anybody can prove anything: deployed systems lost their funds that way.

use super::prove::Keyed;
use crate::curve::{Curve, Engine, Point, with_engine};
use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_ec::AffineRepr;
use ark_groth16 as ark;
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize, SerializationError};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::limits;

const WHAT: &str = "verification key";
const VERSION: &str = "tacit/v1/verification-key";

/// The head of the transcript that stands in keys which one process made.
pub fn head_for_tests() -> Digest {
    Digest::of_parts("tacit/v1/setup-for-tests", &[])
}

/// Verifies proofs of one circuit; sane, and pinned to the head of the transcript of the ceremony
/// that made it.
#[derive(Clone)]
pub struct VerifyingKey(Verifying);

#[derive(Clone)]
enum Verifying {
    Bn254(Arc<ark::PreparedVerifyingKey<Bn254>>, Digest),
    Bls12_381(Arc<ark::PreparedVerifyingKey<Bls12_381>>, Digest),
}

/// Proves statements of one circuit.
#[derive(Clone)]
pub struct ProvingKey {
    key: Proving,
    verifying: VerifyingKey,
}

#[derive(Clone)]
enum Proving {
    Bn254(Arc<ark::ProvingKey<Bn254>>),
    Bls12_381(Arc<ark::ProvingKey<Bls12_381>>),
}

impl Keyed for Bn254 {
    fn proving(key: &ProvingKey) -> Option<&ark::ProvingKey<Self>> {
        if let Proving::Bn254(key) = &key.key { Some(key) } else { None }
    }

    fn verifying(key: &VerifyingKey) -> Option<&ark::PreparedVerifyingKey<Self>> {
        if let Verifying::Bn254(key, _) = &key.0 { Some(key) } else { None }
    }

    fn wrap_proving(key: ark::ProvingKey<Self>, verifying: VerifyingKey) -> ProvingKey {
        ProvingKey { key: Proving::Bn254(Arc::new(key)), verifying }
    }

    fn wrap_verifying(key: ark::PreparedVerifyingKey<Self>, head: Digest) -> VerifyingKey {
        VerifyingKey(Verifying::Bn254(Arc::new(key), head))
    }
}

impl Keyed for Bls12_381 {
    fn proving(key: &ProvingKey) -> Option<&ark::ProvingKey<Self>> {
        if let Proving::Bls12_381(key) = &key.key { Some(key) } else { None }
    }

    fn verifying(key: &VerifyingKey) -> Option<&ark::PreparedVerifyingKey<Self>> {
        if let Verifying::Bls12_381(key, _) = &key.0 { Some(key) } else { None }
    }

    fn wrap_proving(key: ark::ProvingKey<Self>, verifying: VerifyingKey) -> ProvingKey {
        ProvingKey { key: Proving::Bls12_381(Arc::new(key)), verifying }
    }

    fn wrap_verifying(key: ark::PreparedVerifyingKey<Self>, head: Digest) -> VerifyingKey {
        VerifyingKey(Verifying::Bls12_381(Arc::new(key), head))
    }
}

impl VerifyingKey {
    /// Takes a key for `public` public wires; refuses an insane one.
    pub fn new<E: Keyed>(
        key: ark::VerifyingKey<E>,
        public: usize,
        head: Digest,
    ) -> Result<Self, Error> {
        check(&key, public)?;
        Ok(E::wrap_verifying(ark::prepare_verifying_key(&key), head))
    }

    /// Over which curve.
    pub fn curve(&self) -> Curve {
        match &self.0 {
            Verifying::Bn254(..) => Curve::Bn254,
            Verifying::Bls12_381(..) => Curve::Bls12_381,
        }
    }

    /// The head of the transcript of the ceremony it came from.
    pub fn head(&self) -> Digest {
        let (Verifying::Bn254(_, head) | Verifying::Bls12_381(_, head)) = &self.0;
        *head
    }

    /// Public wires, without the constant.
    pub fn public(&self) -> usize {
        match &self.0 {
            Verifying::Bn254(key, _) => key.vk.gamma_abc_g1.len() - 1,
            Verifying::Bls12_381(key, _) => key.vk.gamma_abc_g1.len() - 1,
        }
    }

    /// Curve, head, count of public wires, compressed points.
    pub fn write(&self) -> Vec<u8> {
        let mut out = vec![self.curve() as u8];
        out.extend(self.head().0);
        out.extend((self.public() as u32).to_le_bytes());
        // a vector takes whatever is written
        let _: Result<(), SerializationError> = match &self.0 {
            Verifying::Bn254(key, _) => key.vk.serialize_compressed(&mut out),
            Verifying::Bls12_381(key, _) => key.vk.serialize_compressed(&mut out),
        };
        out
    }

    /// Reads a key that must be pinned to `head`; refuses an insane one.
    pub fn read(bytes: &[u8], head: Digest) -> Result<Self, Error> {
        let bad = |found: &str| Error::caller(WHAT, "curve, head and points", found);
        if bytes.len() > limits::VERIFICATION_KEY_BYTES {
            return Err(bad("too many bytes"));
        }
        let Some((curve, rest)) = bytes.split_first() else { return Err(bad("nothing")) };
        let (Some((found, rest)), curve) = (
            rest.split_first_chunk::<32>(),
            Curve::ALL.into_iter().find(|known| *known as u8 == *curve),
        ) else {
            return Err(bad("too few bytes"));
        };
        let Some(((public, rest), curve)) = rest.split_first_chunk::<4>().zip(curve) else {
            return Err(bad("another curve"));
        };
        let found = Digest(*found);
        if found != head {
            return Err(Error::caller(
                "transcript head of the verification key",
                head.to_string(),
                found.to_string(),
            ));
        }
        let public = u32::from_le_bytes(*public) as usize;
        with_engine!(curve, E => Self::read_points::<E>(rest, public, head))
    }

    fn read_points<E: Keyed>(bytes: &[u8], public: usize, head: Digest) -> Result<Self, Error> {
        let mut rest = bytes;
        // validation costs per point, so the points must be there before any is read
        let width = E::G1Affine::generator().compressed_size();
        if bytes.len() / width < public {
            return Err(Error::caller(WHAT, format!("{public} points"), "fewer"));
        }
        let key = ark::VerifyingKey::<E>::deserialize_compressed(&mut rest)
            .map_err(|error| Error::caller(WHAT, "points of the groups", error.to_string()))?;
        if !rest.is_empty() {
            return Err(Error::caller(WHAT, "its end", "more bytes"));
        }
        Self::new(key, public, head)
    }

    /// Names the key: circuit, secrets and head.
    pub fn digest(&self) -> Digest {
        Digest::of_parts(VERSION, &[&self.write()])
    }
}

impl ProvingKey {
    /// Takes a key; refuses an insane one.
    pub fn new<E: Keyed>(key: ark::ProvingKey<E>, head: Digest) -> Result<Self, Error> {
        let public = key.vk.gamma_abc_g1.len().saturating_sub(1);
        let verifying = VerifyingKey::new::<E>(key.vk.clone(), public, head)?;
        check_proving(&key)?;
        Ok(E::wrap_proving(key, verifying))
    }

    /// What verifies its proofs.
    pub fn verifying(&self) -> &VerifyingKey {
        &self.verifying
    }
}

fn insane(expected: &'static str, found: impl Into<String>) -> Error {
    Error::caller(WHAT, expected, found)
}

/// Every condition under which Groth16's proof of soundness applies to a key.
fn check<E: Engine>(key: &ark::VerifyingKey<E>, public: usize) -> Result<(), Error> {
    let ic = &key.gamma_abc_g1;
    if ic.len() != public + 1 {
        return Err(insane("a point for each public wire and the constant", ic.len().to_string()));
    }
    let two = [key.beta_g2, key.gamma_g2, key.delta_g2];
    if key.alpha_g1.is_zero()
        || two.iter().any(E::G2Affine::is_zero)
        || ic.iter().any(E::G1Affine::is_zero)
    {
        return Err(insane("no identity", "one"));
    }
    let one = ic.iter().chain([&key.alpha_g1]);
    if !one.into_iter().all(Point::is_sound) || !two.iter().all(Point::is_sound) {
        return Err(insane("points of the subgroups", "one outside"));
    }
    // under δ = -γ as well anybody proves anything: A = α, B = β, C = the inputs' point
    if is_up_to_sign(key.delta_g2, key.gamma_g2) {
        return Err(insane("δ other than ±γ", "δ = ±γ: nobody contributed to the second phase"));
    }
    let (one, two) = (E::G1Affine::generator(), E::G2Affine::generator());
    if is_up_to_sign(key.delta_g2, two) {
        return Err(insane("δ other than at the beginning", "± the generator"));
    }
    if is_up_to_sign(key.alpha_g1, one) || is_up_to_sign(key.beta_g2, two) {
        return Err(insane("α and β other than at the beginning", "± a generator"));
    }
    let distinct: BTreeSet<Vec<u8>> = ic.iter().map(bytes_of).collect();
    if distinct.len() != ic.len() {
        return Err(insane("a different point for each public wire", "one twice"));
    }
    Ok(())
}

fn is_up_to_sign<P: AffineRepr>(point: P, of: P) -> bool {
    point == of || -point == of
}

fn bytes_of<P: CanonicalSerialize>(point: &P) -> Vec<u8> {
    let mut out = Vec::new();
    // a vector takes whatever is written
    let _: Result<(), SerializationError> = point.serialize_compressed(&mut out);
    out
}

fn check_proving<E: Engine>(key: &ark::ProvingKey<E>) -> Result<(), Error> {
    let wires = key.a_query.len();
    let lengths = [key.b_g1_query.len(), key.b_g2_query.len()];
    let private = key.l_query.len() + key.vk.gamma_abc_g1.len();
    if lengths != [wires; 2] || private != wires || !key.h_query.len().is_power_of_two() {
        return Err(Error::caller("proving key", "a point for each wire", "another count"));
    }
    let one = [&key.a_query, &key.b_g1_query, &key.l_query, &key.h_query];
    let all = one.into_iter().all(|points| points.par_iter().all(Point::is_sound))
        && key.b_g2_query.par_iter().all(Point::is_sound)
        && key.beta_g1.is_sound()
        && key.delta_g1.is_sound();
    if !all {
        return Err(Error::caller("proving key", "points of the subgroups", "one outside"));
    }
    let pairs = [(key.beta_g1, key.vk.beta_g2), (key.delta_g1, key.vk.delta_g2)];
    for (one, two) in pairs {
        let left = E::pairing(one, E::G2Affine::generator());
        if left != E::pairing(E::G1Affine::generator(), two) {
            return Err(Error::caller("proving key", "one β and δ in both groups", "two"));
        }
    }
    Ok(())
}
