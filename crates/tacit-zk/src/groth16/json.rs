//! Keys, proofs and public inputs as circom's tools have them in JSON: coordinates as decimal
//! numbers, points with a third one that says whether they are the identity.

use super::key::VerifyingKey;
use super::prove::Keyed;
use crate::curve::{Curve, Engine, Point, with_engine};
use ark_ff::{AdditiveGroup, Field, One, PrimeField};
use ark_groth16::{self as ark, Proof};
use serde_json::{Value, json};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::limits;

/// `verification_key.json`, `proof.json` or `public.json`.
fn bad(what: &'static str, expected: &str) -> Error {
    Error::caller(what, expected, "something else")
}

fn curve_name(curve: Curve) -> &'static str {
    match curve {
        Curve::Bn254 => "bn128",
        Curve::Bls12_381 => "bls12381",
    }
}

/// The curve that a key or a proof names.
pub fn curve_of(json: &[u8]) -> Result<Curve, Error> {
    let value = parse("json file", json)?;
    let name = value.get("curve").and_then(Value::as_str).unwrap_or_default();
    let curve = Curve::ALL.into_iter().find(|curve| curve_name(*curve) == name);
    curve.ok_or_else(|| Error::caller("json file", "curve bn128 or bls12381", name))
}

fn parse(what: &'static str, json: &[u8]) -> Result<Value, Error> {
    if json.len() > limits::VERIFICATION_KEY_BYTES {
        let expected = format!("at most {} bytes", limits::VERIFICATION_KEY_BYTES);
        return Err(Error::caller(what, expected, json.len().to_string()));
    }
    serde_json::from_slice(json).map_err(|e| Error::caller(what, "JSON", e.to_string()))
}

fn element<F: Field>(element: F) -> Value {
    let mut parts: Vec<Value> = (element.to_base_prime_field_elements())
        .map(|part| Value::String(part.into_bigint().to_string()))
        .collect();
    match parts.len() {
        1 => parts.remove(0),
        _ => Value::Array(parts),
    }
}

fn point<P: Point>(point: &P) -> Value {
    let (x, y, z) = match point.xy() {
        Some((x, y)) => (x, y, P::BaseField::ONE),
        None => (P::BaseField::ZERO, P::BaseField::ONE, P::BaseField::ZERO),
    };
    json!([element(x), element(y), element(z)])
}

/// A canonical decimal number below the modulus.
fn number<F: PrimeField>(value: &Value) -> Option<F> {
    let text = value.as_str()?;
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if text.is_empty() || text.len() > 120 || !digits {
        return None;
    }
    F::from_bigint(text.parse().ok()?)
}

fn read_element<F: Field>(value: &Value) -> Option<F> {
    let parts = match value {
        Value::Array(parts) => parts.iter().map(number).collect::<Option<Vec<_>>>()?,
        single => vec![number(single)?],
    };
    if parts.len() as u64 != F::extension_degree() {
        return None;
    }
    F::from_base_prime_field_elems(parts)
}

fn read_point<P: Point>(value: &Value) -> Option<P> {
    let [x, y, z] = &value.as_array()?[..] else { return None };
    // identities are in no key and no proof
    if !read_element::<P::BaseField>(z)?.is_one() {
        return None;
    }
    let point = P::from_coordinates(Some((read_element(x)?, read_element(y)?)));
    point.is_sound().then_some(point)
}

/// `verification_key.json`, over whichever curve.
pub fn key(key: &VerifyingKey) -> Value {
    with_engine!(key.curve(), E => write_key::<E>(key).unwrap_or_default())
}

/// `verification_key.json`; `None` where the key is over another curve.
pub fn write_key<E: Keyed>(key: &VerifyingKey) -> Option<Value> {
    let key = &E::verifying(key)?.vk;
    let ic: Vec<Value> = key.gamma_abc_g1.iter().map(point).collect();
    Some(json!({
        "protocol": "groth16",
        "curve": curve_name(E::CURVE),
        "nPublic": ic.len() - 1,
        "vk_alpha_1": point(&key.alpha_g1),
        "vk_beta_2": point(&key.beta_g2),
        "vk_gamma_2": point(&key.gamma_g2),
        "vk_delta_2": point(&key.delta_g2),
        "IC": ic,
    }))
}

/// Reads `verification_key.json`, which has no head: the caller says which it is pinned to.
pub fn read_key<E: Keyed>(json: &[u8], head: Digest) -> Result<VerifyingKey, Error> {
    const WHAT: &str = "verification_key.json";
    let value = parse(WHAT, json)?;
    if value["protocol"] != "groth16" || value["curve"] != curve_name(E::CURVE) {
        return Err(bad(WHAT, "groth16 over the curve"));
    }
    let public = value["nPublic"].as_u64().and_then(|public| usize::try_from(public).ok());
    let public = public.ok_or_else(|| bad(WHAT, "nPublic"))?;
    let two = |name: &str| read_point(&value[name]).ok_or_else(|| bad(WHAT, "points"));
    let ic = value["IC"].as_array().and_then(|ic| ic.iter().map(read_point).collect());
    let key = ark::VerifyingKey::<E> {
        alpha_g1: read_point(&value["vk_alpha_1"]).ok_or_else(|| bad(WHAT, "points"))?,
        beta_g2: two("vk_beta_2")?,
        gamma_g2: two("vk_gamma_2")?,
        delta_g2: two("vk_delta_2")?,
        gamma_abc_g1: ic.ok_or_else(|| bad(WHAT, "points"))?,
    };
    VerifyingKey::new::<E>(key, public, head)
}

/// `proof.json`.
pub fn write_proof<E: Engine>(proof: &Proof<E>) -> Value {
    json!({
        "pi_a": point(&proof.a),
        "pi_b": point(&proof.b),
        "pi_c": point(&proof.c),
        "protocol": "groth16",
        "curve": curve_name(E::CURVE),
    })
}

/// Reads `proof.json`.
pub fn read_proof<E: Engine>(json: &[u8]) -> Result<Proof<E>, Error> {
    const WHAT: &str = "proof.json";
    let value = parse(WHAT, json)?;
    if value["protocol"] != "groth16" || value["curve"] != curve_name(E::CURVE) {
        return Err(bad(WHAT, "groth16 over the curve"));
    }
    let points = || {
        let (a, c) = (read_point(&value["pi_a"])?, read_point(&value["pi_c"])?);
        Some(Proof { a, b: read_point(&value["pi_b"])?, c })
    };
    points().ok_or_else(|| bad(WHAT, "three points of the groups"))
}

/// `public.json`.
pub fn write_public<F: PrimeField>(public: &[F]) -> Value {
    public.iter().map(|input| Value::String(input.into_bigint().to_string())).collect()
}

/// Reads `public.json`; numbers not below the modulus would be others in disguise.
pub fn read_public<F: PrimeField>(json: &[u8]) -> Result<Vec<F>, Error> {
    const WHAT: &str = "public.json";
    let value = parse(WHAT, json)?;
    let inputs = value.as_array().and_then(|inputs| inputs.iter().map(number).collect());
    inputs.ok_or_else(|| bad(WHAT, "decimal numbers below the modulus"))
}
