//! Whole ceremonies into a folder, as vectors and to be checked by other implementations:
//! `cargo run --release -p tacit-zk --example ceremony -- bn254 6 FOLDER` writes them,
//! `… -- check bn254 FOLDER` checks files that circom's tools wrote; `… -- measure bn254 17` holds
//! both phases with one contributor each and writes nothing.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example for the terminal")]

use ark_ff::PrimeField;
use ed25519_dalek::Signer;
use std::path::Path;
use std::time::Instant;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::traits::Entropy;
use tacit_zk::ceremony::{Beacon, Contributor, Phase, State, Stirred, Transcript};
use tacit_zk::curve::Curve;
use tacit_zk::groth16::{Keyed, json, prove, verify};
use tacit_zk::r1cs::{Circuit, Over, R1cs, write_witness};

/// Known to everybody: what is made here must not be used.
struct Known(u64);

impl Entropy for Known {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for byte in bytes {
            self.0 += 1;
            *byte = Digest::of_bytes(&self.0.to_le_bytes()).0[0];
        }
        Ok(())
    }
}

/// x · 3^(2^rows) squared again and again: y is public, x private.
fn squares<F: PrimeField>(rows: usize, x: u64) -> (R1cs<F>, Vec<F>) {
    let mut wires = vec![F::ONE, F::ZERO, F::from(x)];
    let mut constraints = Vec::new();
    for row in 0..rows {
        let from = if row == 0 { 2 } else { row as u32 + 2 };
        let to = if row + 1 == rows { 1 } else { row as u32 + 3 };
        let plus = vec![(from, F::ONE), (0, -F::from(3_u64))];
        constraints.push([plus.clone(), plus, vec![(to, F::ONE)]]);
        let value = (wires[from as usize] - F::from(3_u64)).square();
        if to == 1 { wires[1] = value } else { wires.push(value) }
    }
    (R1cs::new(1, wires.len(), constraints).unwrap(), wires)
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let value = work();
    let (wall, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("{what:<28} {wall:8.2} s {cpu:8.2} CPU-s");
    value
}

/// Of this process so far, on Linux; elsewhere none.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = |place: usize| stat.split(' ').nth(place).and_then(|text| text.parse::<f64>().ok());
    (ticks(13).unwrap_or_default() + ticks(14).unwrap_or_default()) / 100.0
}

/// One contributor to each phase.
fn measure<E: Keyed + Over>(power: u32)
where
    Circuit: From<R1cs<E::ScalarField>>,
{
    let id = ParticipantId::numbered(0, 1);
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let sign = |digest: &Digest| key.sign(&digest.0).to_bytes().to_vec();
    let who = Contributor { name: &id, key: key.verifying_key().to_bytes(), sign: &sign };
    let one = |first: &State, phase: Phase| {
        let transcript = Transcript::open(first, phase, String::new());
        let file = first.write();
        let made = timed("contribute", || transcript.contribute(&file, &who, &mut Known(1)));
        let (after, record) = made.unwrap();
        println!("{:<28} {:8} bytes", "file", after.len());
        let longer = transcript.with(record).unwrap();
        timed("verify", || longer.verify(first, &after, &mut Known(2))).unwrap();
        after
    };
    println!("powers of tau, 2^{power}");
    let file = one(&State::begin_powers(E::CURVE, power).unwrap(), Phase::Powers { power });
    let powers = State::read(&file).unwrap();
    let (r1cs, wires) = squares::<E::ScalarField>((1 << power) - 2, 5);
    let circuit = Circuit::from(r1cs.clone());
    println!("keys of a circuit, 2^{power}");
    let begun =
        timed("begin (Lagrange's bases)", || State::begin_key(&circuit, &powers, &mut Known(3)));
    let phase = Phase::Circuit { circuit: circuit.digest(), powers: Digest::of_bytes(&file) };
    let file = one(&begun.unwrap(), phase);
    let key = State::read(&file).unwrap().proving_key(Digest::default()).unwrap();
    timed("prove", || prove::<E>(&key, &r1cs, &wires, &mut Known(4))).unwrap();
}

/// Contributors, a beacon, and whoever verifies it all; gives the last file.
fn hold(first: &State, phase: Phase, people: u32, dir: &Path, name: &str) -> (Vec<u8>, Digest) {
    let mut transcript = Transcript::open(first, phase, "the hash of nothing".into());
    let mut file = first.write();
    for person in 0..people {
        let id = ParticipantId::numbered(person as usize, people as usize);
        let key = ed25519_dalek::SigningKey::from_bytes(&[person as u8 + 1; 32]);
        let sign = |digest: &Digest| key.sign(&digest.0).to_bytes().to_vec();
        let who = Contributor { name: &id, key: key.verifying_key().to_bytes(), sign: &sign };
        let mut entropy = Stirred::new(&mut Known(u64::from(person)), name.as_bytes()).unwrap();
        let made = timed("contribute", || transcript.contribute(&file, &who, &mut entropy));
        let (after, record) = made.unwrap();
        let accepted =
            timed("accept", || transcript.accept(first, (&file, &after), record, &mut Known(7)));
        transcript = accepted.unwrap();
        file = after;
    }
    let beacon = Beacon { source: Digest::of_bytes(b"").0.to_vec(), exponent: 10 };
    let (file, record) = transcript.end(&file, beacon).unwrap();
    let transcript = transcript.with(record).unwrap();
    timed("verify", || transcript.verify(first, &file, &mut Known(8))).unwrap();
    println!("{name:<28} {:8} bytes", file.len());
    std::fs::write(dir.join(name), &file).unwrap();
    std::fs::write(dir.join(format!("{name}.json")), transcript.write()).unwrap();
    (file, transcript.head())
}

fn make<E: Keyed + Over>(power: u32, dir: &Path)
where
    Circuit: From<R1cs<E::ScalarField>>,
{
    std::fs::create_dir_all(dir).unwrap();
    let first = State::begin_powers(E::CURVE, power).unwrap();
    let (file, _) = hold(&first, Phase::Powers { power }, 3, dir, "final.ptau");
    let powers = State::read(&file).unwrap();
    let powers = if power <= 12 {
        let prepared = timed("prepare", || powers.prepare()).unwrap();
        std::fs::write(dir.join("prepared.ptau"), prepared.write()).unwrap();
        prepared
    } else {
        powers
    };
    let (r1cs, wires) = squares::<E::ScalarField>((1 << power) - 2, 5);
    let circuit = Circuit::from(r1cs.clone());
    std::fs::write(dir.join("circuit.r1cs"), circuit.write()).unwrap();
    std::fs::write(dir.join("circuit.wtns"), write_witness(&wires)).unwrap();
    let begun = timed("begin the key", || State::begin_key(&circuit, &powers, &mut Known(9)));
    let first = begun.unwrap();
    let phase =
        Phase::Circuit { circuit: circuit.digest(), powers: Digest::of_bytes(&powers.write()) };
    let (file, head) = hold(&first, phase, 3, dir, "final.zkey");
    let key = State::read(&file).unwrap().proving_key(head).unwrap();
    let proof = timed("prove", || prove::<E>(&key, &r1cs, &wires, &mut Known(10))).unwrap();
    assert!(verify::<E>(key.verifying(), &wires[1..2], &proof).unwrap());
    let texts = [
        ("verification_key.json", json::write_key::<E>(key.verifying()).unwrap()),
        ("proof.json", json::write_proof(&proof)),
        ("public.json", json::write_public(&wires[1..2])),
    ];
    for (name, value) in texts {
        std::fs::write(dir.join(name), serde_json::to_vec_pretty(&value).unwrap()).unwrap();
    }
}

/// What circom's tools made in `dir` out of our files, or wholly by themselves.
fn check<E: Keyed + Over>(dir: &Path) {
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    let powers = State::read(&read("theirs.ptau")).unwrap();
    let power = powers.power().unwrap();
    powers.verify(&State::begin_powers(E::CURVE, power).unwrap(), &mut Known(1)).unwrap();
    let circuit = Circuit::read(&read("circuit.r1cs")).unwrap();
    let first = State::begin_key(&circuit, &powers, &mut Known(2)).unwrap();
    let key = State::read(&read("theirs.zkey")).unwrap();
    key.verify(&first, &mut Known(3)).unwrap();
    let head = Digest::of_bytes(b"theirs");
    let key = key.proving_key(head).unwrap();
    let vk = json::read_key::<E>(&read("theirs_key.json"), head).unwrap();
    assert!(vk.digest() == key.verifying().digest());
    let public = json::read_public(&read("theirs_public.json")).unwrap();
    let proof = json::read_proof::<E>(&read("theirs_proof.json")).unwrap();
    assert!(verify::<E>(&vk, &public, &proof).unwrap());
    println!("theirs verify: powers {:?}, key {:?}", powers.names(), circuit.curve());
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let texts: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match texts[..] {
        ["check", curve, dir] => match Curve::parse(curve).unwrap() {
            Curve::Bn254 => check::<ark_bn254::Bn254>(Path::new(dir)),
            Curve::Bls12_381 => check::<ark_bls12_381::Bls12_381>(Path::new(dir)),
        },
        ["measure", curve, power] => match Curve::parse(curve).unwrap() {
            Curve::Bn254 => measure::<ark_bn254::Bn254>(power.parse().unwrap()),
            Curve::Bls12_381 => measure::<ark_bls12_381::Bls12_381>(power.parse().unwrap()),
        },
        [curve, power, dir] => match Curve::parse(curve).unwrap() {
            Curve::Bn254 => make::<ark_bn254::Bn254>(power.parse().unwrap(), Path::new(dir)),
            Curve::Bls12_381 => {
                make::<ark_bls12_381::Bls12_381>(power.parse().unwrap(), Path::new(dir));
            }
        },
        _ => panic!("expected CURVE POWER FOLDER, or check CURVE FOLDER"),
    }
}
