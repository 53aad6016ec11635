//! Files that snarkjs 0.7.6 wrote and verified (`bench/ceremony/interop`), under `vectors/zk`.

#![allow(clippy::unwrap_used)]

use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use std::path::PathBuf;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use tacit_zk::ceremony::{State, Transcript};
use tacit_zk::groth16::{Keyed, json, prove, verify};
use tacit_zk::r1cs::{Circuit, Over, read_witness};

struct Counting(u64);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for chunk in bytes.chunks_mut(32) {
            self.0 += 1;
            chunk.copy_from_slice(&Digest::of_bytes(&self.0.to_le_bytes()).0[..chunk.len()]);
        }
        Ok(())
    }
}

fn read(curve: &str, name: &str) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    let path: PathBuf = [root, "../../vectors/zk", curve, name].iter().collect();
    std::fs::read(path).unwrap()
}

fn theirs<E: Keyed + Over>() {
    let read = |name: &str| read(E::CURVE.name(), name);
    let entropy = &mut Counting(0);
    let powers = State::read(&read("theirs.ptau")).unwrap();
    let ones = State::begin_powers(E::CURVE, powers.power().unwrap()).unwrap();
    powers.verify(&ones, entropy).unwrap();
    assert_eq!(powers.names(), ["one", "two", "end"]);
    let circuit = Circuit::read(&read("circuit.r1cs")).unwrap();
    let first = State::begin_key(&circuit, &powers, entropy).unwrap();
    let key = State::read(&read("theirs.zkey")).unwrap();
    key.verify(&first, entropy).unwrap();
    // not what was begun on other powers
    let other = State::read(&read("final.ptau")).unwrap();
    let other = State::begin_key(&circuit, &other, entropy).unwrap();
    assert!(key.verify(&other, entropy).is_err());

    let head = Digest::of_bytes(b"theirs");
    let proving = key.proving_key(head).unwrap();
    let vk = json::read_key::<E>(&read("theirs_key.json"), head).unwrap();
    assert_eq!(vk.digest(), proving.verifying().digest());
    let public = json::read_public(&read("theirs_public.json")).unwrap();
    let proof = json::read_proof::<E>(&read("theirs_proof.json")).unwrap();
    assert!(verify::<E>(&vk, &public, &proof).unwrap());
    let wrong = [public[0] + public[0]];
    assert!(!verify::<E>(&vk, &wrong, &proof).unwrap());
    let wires = read_witness(&read("circuit.wtns")).unwrap();
    let ours = prove::<E>(&proving, E::of(&circuit).unwrap(), &wires, entropy).unwrap();
    assert!(verify::<E>(&vk, &public, &ours).unwrap());
}

#[test]
fn theirs_verify() {
    theirs::<Bn254>();
    theirs::<Bls12_381>();
}

/// What snarkjs accepted of ours stays as it was, and verifies.
fn ours<E: Keyed>() {
    let read = |name: &str| read(E::CURVE.name(), name);
    let entropy = &mut Counting(0);
    let (file, transcript) = (read("final.ptau"), read("final.ptau.json"));
    let powers = State::read(&file).unwrap();
    let ones = State::begin_powers(E::CURVE, powers.power().unwrap()).unwrap();
    assert!(powers.write() == file);
    Transcript::read(&transcript).unwrap().verify(&ones, &file, entropy).unwrap();
    let circuit = Circuit::read(&read("circuit.r1cs")).unwrap();
    let first = State::begin_key(&circuit, &powers, entropy).unwrap();
    let (file, transcript) = (read("final.zkey"), read("final.zkey.json"));
    let transcript = Transcript::read(&transcript).unwrap();
    transcript.verify(&first, &file, entropy).unwrap();
    let vk = json::read_key::<E>(&read("verification_key.json"), transcript.head()).unwrap();
    let proof = json::read_proof::<E>(&read("proof.json")).unwrap();
    let public = json::read_public(&read("public.json")).unwrap();
    assert!(verify::<E>(&vk, &public, &proof).unwrap());
}

#[test]
fn ours_verify() {
    ours::<Bn254>();
    ours::<Bls12_381>();
}

/// Numbers not below the modulus, identities, points off the curve, other curves.
#[test]
fn garbled_json_is_refused() {
    let proof = String::from_utf8(read("bn254", "proof.json")).unwrap();
    let modulus = "21888242871839275222246405745257275088548364400416034343698204186575808495617";
    for bad in [format!("[\"{modulus}\"]"), "[\"-1\"]".into(), "[1]".into(), "[\"\"]".into()] {
        assert!(json::read_public::<ark_bn254::Fr>(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(json::read_proof::<Bls12_381>(proof.as_bytes()).is_err());
    for (from, to) in [("\"1\"", "\"0\""), ("\"1\"", "\"2\""), ("pi_a", "pi_x"), ("bn128", "bn")] {
        let changed = proof.replace(from, to);
        assert_ne!(changed, proof);
        assert!(json::read_proof::<Bn254>(changed.as_bytes()).is_err(), "{from}");
    }
    let value: serde_json::Value = serde_json::from_str(&proof).unwrap();
    let x = value["pi_a"][0].as_str().unwrap();
    assert!(json::read_proof::<Bn254>(proof.replace(x, "5").as_bytes()).is_err());
    for end in 0..proof.trim_end().len() {
        assert!(json::read_proof::<Bn254>(&proof.as_bytes()[..end]).is_err(), "{end}");
    }
}
