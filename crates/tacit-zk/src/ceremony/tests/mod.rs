//! Ceremonies with honest and malicious contributors.

mod files;
mod malicious;

use super::state::{Of, Stated};
use super::{Beacon, Contributor, Phase, Record, State, Stirred, Transcript};
use crate::curve::Curve;
use crate::r1cs::Circuit;
use crate::r1cs::tests::{cubic, cubic_witness};
use crate::testing::Seeded;
use ed25519_dalek::{Signer, SigningKey};
use tacit_core::digest::Digest;
use tacit_core::ids::ParticipantId;

/// A ceremony under way, with everybody who takes part.
pub(super) struct World {
    pub first: State,
    pub file: Vec<u8>,
    pub transcript: Transcript,
    seed: u64,
}

type Sign = Box<dyn Fn(&Digest) -> Vec<u8>>;

/// Somebody.
pub(super) struct Person {
    name: ParticipantId,
    key: [u8; 32],
    sign: Sign,
}

impl Person {
    pub fn new(number: u8) -> Self {
        let name = ParticipantId::numbered(number.into(), 100);
        let signer = SigningKey::from_bytes(&[number + 1; 32]);
        let key = signer.verifying_key().to_bytes();
        Self { name, key, sign: Box::new(move |digest| signer.sign(&digest.0).to_bytes().to_vec()) }
    }

    pub fn who(&self) -> Contributor<'_> {
        Contributor { name: &self.name, key: self.key, sign: &*self.sign }
    }
}

pub(super) fn a_beacon() -> Beacon {
    Beacon { source: b"the hash of a block".to_vec(), exponent: 4 }
}

impl World {
    pub fn powers(curve: Curve, power: u32) -> Self {
        Self::new(State::begin_powers(curve, power).unwrap(), Phase::Powers { power })
    }

    pub fn new(first: State, phase: Phase) -> Self {
        let transcript = Transcript::open(&first, phase, "a block".into());
        let file = first.write();
        Self { first, file, transcript, seed: 0 }
    }

    /// A ceremony for the keys of x³ + x + 5 = y.
    pub fn key<E: Stated>() -> Self
    where
        Circuit: From<crate::r1cs::R1cs<E::ScalarField>>,
    {
        let mut powers = Self::powers(E::CURVE, 3);
        powers.add(&Person::new(0));
        let circuit = Circuit::from(cubic::<E::ScalarField>());
        let state = State::read(&powers.file).unwrap();
        let first = State::begin_key(&circuit, &state, &mut Seeded::new(0)).unwrap();
        let phase =
            Phase::Circuit { circuit: circuit.digest(), powers: Digest::of_bytes(&powers.file) };
        Self::new(first, phase)
    }

    pub fn of<E: Stated>(&self) -> Of<E> {
        E::unwrap(&State::read(&self.file).unwrap()).unwrap().clone()
    }

    /// What somebody honest sends.
    pub fn made(&mut self, by: &Person) -> (Vec<u8>, Record) {
        self.seed += 1;
        let mut entropy = Stirred::new(&mut Seeded::new(self.seed), b"dice").unwrap();
        self.transcript.contribute(&self.file, &by.who(), &mut entropy).unwrap()
    }

    pub fn accepts(&mut self, (after, record): (Vec<u8>, Record)) -> bool {
        let files = (&self.file[..], &after[..]);
        match self.transcript.accept(&self.first, files, record, &mut Seeded::new(77)) {
            Err(_) => false,
            Ok(longer) => {
                self.transcript = longer;
                self.file = after;
                true
            }
        }
    }

    pub fn add(&mut self, by: &Person) {
        let made = self.made(by);
        assert!(self.accepts(made));
    }

    pub fn verifies(&self) -> bool {
        let read = Transcript::read(&self.transcript.write()).unwrap();
        assert_eq!(read, self.transcript);
        read.verify(&self.first, &self.file, &mut Seeded::new(78)).is_ok()
    }
}

/// More at night: `TACIT_CEREMONY_POWER`.
fn power() -> u32 {
    let power = std::env::var("TACIT_CEREMONY_POWER").ok().and_then(|text| text.parse().ok());
    power.unwrap_or(5)
}

fn ten_people<E: Stated>()
where
    Circuit: From<crate::r1cs::R1cs<E::ScalarField>>,
{
    for mut world in [World::powers(E::CURVE, power()), World::key::<E>()] {
        for number in 0..10 {
            world.add(&Person::new(number));
        }
        let before = world.transcript.head();
        let ended = world.transcript.end(&world.file, a_beacon()).unwrap();
        assert!(world.accepts(ended));
        assert!(world.verifies());
        let heads = [before, world.transcript.head(), world.transcript.opening.digest()];
        assert!(heads.iter().all(|head| world.transcript.passed(head)));
        assert!(!world.transcript.passed(&world.transcript.file()));
        assert_eq!(world.transcript.records.len(), 11);
        assert!(world.transcript.end(&world.file, a_beacon()).is_err());
        let late = Person::new(11);
        assert!(
            (world.transcript).contribute(&world.file, &late.who(), &mut Seeded::new(1)).is_err()
        );
    }
}

#[test]
fn ten_contributors_and_a_beacon() {
    ten_people::<ark_bn254::Bn254>();
    ten_people::<ark_bls12_381::Bls12_381>();
}

fn keys_prove<E: Stated>()
where
    Circuit: From<crate::r1cs::R1cs<E::ScalarField>>,
{
    let mut world = World::key::<E>();
    let head = world.transcript.head();
    assert!(State::read(&world.file).unwrap().proving_key(head).is_err(), "nobody contributed");
    world.add(&Person::new(1));
    let key = State::read(&world.file).unwrap().proving_key(world.transcript.head()).unwrap();
    let wires = cubic_witness::<E::ScalarField>(3);
    let system = cubic::<E::ScalarField>();
    let proof = crate::groth16::prove::<E>(&key, &system, &wires, &mut Seeded::new(2)).unwrap();
    let holds = |y: u64| {
        let public = [E::ScalarField::from(y)];
        crate::groth16::verify::<E>(key.verifying(), &public, &proof).unwrap()
    };
    assert!(holds(35) && !holds(36));
    assert_eq!(key.verifying().head(), world.transcript.head());
}

#[test]
fn keys_out_of_a_ceremony_prove() {
    keys_prove::<ark_bn254::Bn254>();
    keys_prove::<ark_bls12_381::Bls12_381>();
}

#[test]
fn prepared_powers_are_checked() {
    let mut world = World::powers(Curve::Bn254, 3);
    world.add(&Person::new(0));
    let prepared = State::read(&world.file).unwrap().prepare().unwrap();
    let read = State::read(&prepared.write()).unwrap();
    let mut entropy = Seeded::new(3);
    read.verify(&world.first, &mut entropy).unwrap();
    let circuit = Circuit::from(cubic::<ark_bn254::Fr>());
    let plain = State::read(&world.file).unwrap();
    let keys = [&plain, &read]
        .map(|powers| State::begin_key(&circuit, powers, &mut entropy).unwrap().write());
    assert_eq!(keys[0], keys[1]);
    let Of::Powers(mut powers) = ark_bn254::Bn254::unwrap(&read).unwrap().clone() else {
        panic!("powers expected");
    };
    let lagrange = powers.lagrange.as_mut().unwrap();
    // the last domain that the circuit takes
    let place = lagrange.alpha_g1.len() - 1;
    lagrange.alpha_g1[place] = lagrange.alpha_g1[place - 1];
    let wrong = ark_bn254::Bn254::wrap(Of::Powers(powers));
    assert!(wrong.verify(&world.first, &mut entropy).is_err());
    assert!(State::begin_key(&circuit, &wrong, &mut entropy).is_err());
}
