//! Whoever cheats is refused, however well the rest fits.

use super::super::derive::{Draw, Stream};
use super::super::knowledge;
use super::super::phase1::{self, response};
use super::super::phase2;
use super::super::ptau::{Ptau, key_bytes};
use super::super::share::Share;
use super::super::state::{Of, Stated};
use super::super::zkey::Zkey;
use super::super::{Beacon, By, Record, State};
use super::{Person, World, a_beacon};
use crate::curve::{Curve, Point};
use crate::r1cs::tests::cubic;
use crate::r1cs::{Circuit, R1cs};
use crate::testing::Seeded;
use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, Zero};
use tacit_core::digest::Digest;

/// Something wrong, and what it is called.
type Change<T> = (&'static str, fn(&mut T));

fn share() -> Share {
    Share::of(Person::new(9).who().name)
}

fn powers<E: Stated>(world: &World) -> Ptau<E> {
    match world.of::<E>() {
        Of::Powers(powers) => *powers,
        Of::Key(_) => panic!("powers expected"),
    }
}

fn key<E: Stated>(world: &World) -> Zkey<E> {
    match world.of::<E>() {
        Of::Key(key) => *key,
        Of::Powers(_) => panic!("a key expected"),
    }
}

/// Mallory's powers with whatever `change` does to them, hashed anew so that all else fits.
fn forged<E: Stated>(world: &World, change: impl FnOnce(&mut Ptau<E>)) -> (Vec<u8>, Record) {
    let [tau, alpha, beta] = [3_u64, 5, 7].map(E::ScalarField::from);
    let before = powers::<E>(world);
    let challenge = before.challenge();
    let mut draw = Draw::chosen(&[tau, alpha, beta]);
    let mut after = phase1::contribute(&before, &mut draw, share()).unwrap();
    change(&mut after);
    let mut hash = response(&challenge, &after);
    let first = after.first();
    let last = after.contributions.last_mut().unwrap();
    last.after = first;
    last.partial = hash.state();
    hash.update(&key_bytes(&last.key));
    let next = after.hash(&hash.finish());
    after.contributions.last_mut().unwrap().next = next;
    sealed(world, Of::Powers(Box::new(after)), &[tau, alpha, beta])
}

fn sealed<E: Stated>(world: &World, of: Of<E>, secrets: &[E::ScalarField]) -> (Vec<u8>, Record) {
    let mallory = Person::new(9);
    world.transcript.seal(of, secrets, &mallory.who(), &mut Seeded::new(5)).unwrap()
}

/// Mallory's key with whatever `change` does to it.
fn forged_key<E: Stated>(world: &World, change: impl FnOnce(&mut Zkey<E>)) -> (Vec<u8>, Record) {
    let delta = E::ScalarField::from(3_u64);
    let mut draw = Draw::chosen(&[delta]);
    let mut after = phase2::contribute(&key::<E>(world), &mut draw, share()).unwrap();
    change(&mut after);
    sealed(world, Of::Key(Box::new(after)), &[delta])
}

fn doubled<P: AffineRepr>(point: &mut P) {
    *point = (*point + *point).into_affine();
}

fn wrong_powers<E: Stated>() {
    let mut world = World::powers(E::CURVE, 3);
    world.add(&Person::new(0));
    let changes: [Change<Ptau<E>>; 10] = [
        ("a power of tau", |p| doubled(&mut p.tau_g1[5])),
        ("the last power of tau", |p| doubled(p.tau_g1.last_mut().unwrap())),
        ("a power in the second group", |p| doubled(&mut p.tau_g2[3])),
        ("a power of alpha", |p| doubled(&mut p.alpha_g1[2])),
        ("alpha itself", |p| p.alpha_g1.iter_mut().for_each(doubled)),
        ("a power of beta", |p| doubled(&mut p.beta_g1[7])),
        ("beta in the second group", |p| doubled(&mut p.beta_g2)),
        ("an identity", |p| p.tau_g1[4] = E::G1Affine::zero()),
        ("the generator", |p| p.tau_g1.iter_mut().for_each(doubled)),
        ("two swapped", |p| p.beta_g1.swap(2, 3)),
    ];
    for (what, change) in changes {
        let made = forged::<E>(&world, change);
        assert!(!world.accepts(made), "{what}");
    }
    let honest = forged::<E>(&world, |_| ());
    assert!(world.accepts(honest), "what is forged does fit");
}

#[test]
fn points_that_are_no_powers() {
    wrong_powers::<Bn254>();
    wrong_powers::<Bls12_381>();
}

fn zero_secrets<E: Stated>() {
    let mut world = World::powers(E::CURVE, 2);
    world.add(&Person::new(0));
    let (zero, one) = (E::ScalarField::zero(), E::ScalarField::ONE);
    for secrets in [[zero, one, one], [one, zero, one], [one, one, zero]] {
        let mut draw = Draw::chosen(&secrets);
        let after = phase1::contribute(&powers::<E>(&world), &mut draw, share()).unwrap();
        let made = sealed(&world, Of::Powers(Box::new(after)), &secrets);
        assert!(!world.accepts(made));
    }
}

#[test]
fn a_secret_of_zero() {
    zero_secrets::<Bn254>();
    zero_secrets::<Bls12_381>();
}

/// A point on the curve that is not of the subgroup.
fn outside<P: Point>() -> P {
    let mut stream = Stream::new(&[4; 32]);
    loop {
        let parts: Vec<_> = (0..P::BaseField::extension_degree()).map(|_| stream.field()).collect();
        let x = P::BaseField::from_base_prime_field_elems(parts);
        match x.and_then(|x| P::lift(x, true)) {
            Some(point) if !point.is_sound() => return point,
            _ => {}
        }
    }
}

#[test]
fn points_outside_the_subgroup() {
    let mut world = World::powers(Curve::Bn254, 2);
    let made = forged::<Bn254>(&world, |p| p.tau_g2[2] = outside());
    assert!(!world.accepts(made));
    let mut world = World::powers(Curve::Bls12_381, 2);
    let changes: [fn(&mut Ptau<Bls12_381>); 3] =
        [|p| p.tau_g1[2] = outside(), |p| p.tau_g2[2] = outside(), |p| p.beta_g2 = outside()];
    for change in changes {
        let made = forged(&world, change);
        assert!(!world.accepts(made));
    }
}

fn replays<E: Stated>(mut world: World) {
    let (ann, bob, mallory) = (Person::new(1), Person::new(2), Person::new(9));
    let (of_ann, of_bob) = (world.made(&ann), world.made(&bob));
    // somebody else's contribution under one's own key, signed anew
    let mut stolen = of_ann.clone();
    if let By::Contributor { key, .. } = &mut stolen.1.by {
        *key = mallory.who().key.to_vec();
    }
    assert!(!world.accepts(stolen.clone()), "a key that did not sign");
    stolen.1.sign(mallory.who().sign);
    assert!(!world.accepts(stolen), "knowledge is bound to the key");
    let mut renamed = of_ann.clone();
    if let By::Contributor { name, .. } = &mut renamed.1.by {
        *name = mallory.who().name.clone();
    }
    renamed.1.sign(ann.who().sign);
    assert!(!world.accepts(renamed), "knowledge is bound to the name");
    assert!(world.accepts(of_ann.clone()));
    assert!(!world.accepts(of_ann), "twice");
    assert!(!world.accepts(of_bob.clone()), "on an old head");
    let mut moved = of_bob;
    moved.1 = Record {
        number: 2,
        head: world.transcript.head(),
        before: world.transcript.file(),
        ..moved.1
    };
    moved.1.sign(bob.who().sign);
    assert!(!world.accepts(moved), "on an old file, with the new head");
}

#[test]
fn replayed_stolen_and_late_contributions() {
    replays::<Bn254>(World::powers(Curve::Bn254, 2));
    replays::<Bls12_381>(World::key::<Bls12_381>());
}

#[test]
fn the_past_does_not_change() {
    let mut world = World::powers(Curve::Bn254, 2);
    world.add(&Person::new(0));
    world.add(&Person::new(1));
    let changes: [fn(&mut Ptau<Bn254>); 3] = [
        |p| p.contributions[0].share.name = "p77".into(),
        |p| p.contributions[0].partial[0] ^= 1,
        |p| p.contributions[1].next[0] ^= 1,
    ];
    for change in changes {
        let made = forged(&world, change);
        assert!(!world.accepts(made));
    }
    // without the first contributor, as if the second had been alone
    let made = forged::<Bn254>(&world, |p| drop(p.contributions.remove(0)));
    assert!(!world.accepts(made));
}

fn wrong_keys<E: Stated>()
where
    Circuit: From<R1cs<E::ScalarField>>,
{
    let mut world = World::key::<E>();
    world.add(&Person::new(0));
    let changes: [Change<Zkey<E>>; 12] = [
        ("delta in the first group", |k| doubled(&mut k.delta_g1)),
        ("delta in the second group", |k| doubled(&mut k.delta_g2)),
        ("a point over delta", |k| doubled(k.l.last_mut().unwrap())),
        ("a quotient's point", |k| doubled(&mut k.h[3])),
        ("all quotient's points", |k| k.h.iter_mut().for_each(doubled)),
        ("alpha", |k| doubled(&mut k.alpha_g1)),
        ("gamma", |k| doubled(&mut k.gamma_g2)),
        ("a public input's point", |k| doubled(&mut k.ic[1])),
        ("a left side", |k| k.a.swap(2, 3)),
        ("a coefficient", |k| *k.coefficients.last_mut().unwrap() ^= 1),
        ("the circuit's hash", |k| k.circuit[0] ^= 1),
        ("a transcript", |k| k.contributions.last_mut().unwrap().transcript[0] ^= 1),
    ];
    for (what, change) in changes {
        let made = forged_key::<E>(&world, change);
        assert!(!world.accepts(made), "{what}");
    }
    let zero = E::ScalarField::zero();
    assert!(phase2::contribute(&key::<E>(&world), &mut Draw::chosen(&[zero]), share()).is_err());
    let honest = forged_key::<E>(&world, |_| ());
    assert!(world.accepts(honest), "what is forged does fit");
}

#[test]
fn keys_that_do_not_follow() {
    wrong_keys::<Bn254>();
    wrong_keys::<Bls12_381>();
}

/// Contributions that multiply to one leave δ where it began.
#[test]
fn a_key_back_at_its_beginning_is_insane() {
    let mut world = World::key::<Bn254>();
    let two = ark_bn254::Fr::from(2_u64);
    for delta in [two, two.inverse().unwrap()] {
        let mut draw = Draw::chosen(&[delta]);
        let after = phase2::contribute(&key::<Bn254>(&world), &mut draw, share()).unwrap();
        let made = sealed(&world, Of::Key(Box::new(after)), &[delta]);
        assert!(world.accepts(made));
    }
    assert!(key::<Bn254>(&world).proving(Digest::default()).is_err());
}

fn wrong_beacons(mut world: World) {
    world.add(&Person::new(0));
    let other = Beacon { source: b"another".to_vec(), exponent: 4 };
    let (file, _) = world.transcript.end(&world.file, other).unwrap();
    let record = world.transcript.record(Digest::of_bytes(&file), By::Beacon(a_beacon()));
    assert!(!world.accepts((file, record)), "a record of another beacon");
    let endless = Beacon { source: b"x".to_vec(), exponent: 63 };
    assert!(world.transcript.end(&world.file, endless).is_err());
    // chosen secrets that are called a beacon's
    let named = Share::of_beacon(&a_beacon());
    let three = ark_bn254::Fr::from(3_u64);
    let file = match world.of::<Bn254>() {
        Of::Powers(before) => {
            let mut draw = Draw::chosen(&[three; 3]);
            Bn254::wrap(Of::Powers(Box::new(
                phase1::contribute(&before, &mut draw, named).unwrap(),
            )))
        }
        Of::Key(before) => {
            let mut draw = Draw::chosen(&[three]);
            Bn254::wrap(Of::Key(Box::new(phase2::contribute(&before, &mut draw, named).unwrap())))
        }
    };
    let file = file.write();
    let record = world.transcript.record(Digest::of_bytes(&file), By::Beacon(a_beacon()));
    assert!(!world.accepts((file, record)), "secrets of somebody's choice");
    let right = world.transcript.end(&world.file, a_beacon()).unwrap();
    assert!(world.accepts(right));
}

/// What everybody can compute is no secret, wherever a file comes from.
fn beacons_alone<E: Stated>()
where
    Circuit: From<R1cs<E::ScalarField>>,
{
    let of_beacon = |secrets| Draw::beacon(secrets, &a_beacon()).unwrap();
    let named = || Share::of_beacon(&a_beacon());
    let circuit = Circuit::from(cubic::<E::ScalarField>());
    let powers = powers::<E>(&World::powers(E::CURVE, 3));
    let powers = phase1::contribute(&powers, &mut of_beacon(3), named()).unwrap();
    let alone = E::wrap(Of::Powers(Box::new(powers.clone())));
    assert!(State::begin_key(&circuit, &alone, &mut Seeded::new(1)).is_err());
    let key = key::<E>(&World::key::<E>());
    let key = phase2::contribute(&key, &mut of_beacon(1), named()).unwrap();
    assert!(key.proving(Digest::default()).is_err());
    // nor are there two of them, or one that is not the last
    let two = E::ScalarField::from(2_u64);
    for (name, mut draw) in [(named(), of_beacon(3)), (share(), Draw::chosen(&[two; 3]))] {
        let after = phase1::contribute(&powers, &mut draw, name).unwrap();
        assert!(State::read(&after.write()).is_err());
    }
    for (name, mut draw) in [(named(), of_beacon(1)), (share(), Draw::chosen(&[two]))] {
        let after = phase2::contribute(&key, &mut draw, name).unwrap();
        assert!(State::read(&after.write()).is_err());
    }
}

#[test]
fn a_beacon_alone_is_no_contribution() {
    beacons_alone::<Bn254>();
    beacons_alone::<Bls12_381>();
}

/// A file that counts has no room for anything else.
#[test]
fn a_section_of_a_contributors_own() {
    let mut world = World::powers(Curve::Bn254, 2);
    let secrets = [3_u64, 5, 7].map(ark_bn254::Fr::from);
    let before = powers::<Bn254>(&world);
    let after = phase1::contribute(&before, &mut Draw::chosen(&secrets), share()).unwrap();
    let after = Of::Powers(Box::new(after));
    let (file, _) = sealed(&world, after.clone(), &secrets);
    let mut longer = file.clone();
    longer[8] += 1;
    longer.extend(99_u32.to_le_bytes());
    longer.extend(4_u64.to_le_bytes());
    longer.extend(b"mine");
    assert!(State::read(&longer).unwrap().write() == file, "it is read");
    for (file, counts) in [(longer, false), (file, true)] {
        let mallory = Person::new(9);
        let by = By::Contributor {
            name: mallory.who().name.clone(),
            key: mallory.who().key.to_vec(),
            knowledge: Vec::new(),
            signature: Vec::new(),
        };
        let mut record = world.transcript.record(Digest::of_bytes(&file), by);
        let (binding, steps) = (record.binding(), after.steps(0));
        let shown = knowledge::show::<Bn254>(&binding, &steps, &secrets, &mut Seeded::new(6));
        if let By::Contributor { knowledge, .. } = &mut record.by {
            *knowledge = shown.unwrap();
        }
        record.sign(mallory.who().sign);
        assert_eq!(world.accepts((file, record)), counts);
    }
}

#[test]
fn beacons_that_are_none() {
    wrong_beacons(World::powers(Curve::Bn254, 2));
    wrong_beacons(World::key::<Bn254>());
    let mut alone = World::powers(Curve::Bn254, 2);
    let ended = alone.transcript.end(&alone.file, a_beacon()).unwrap();
    assert!(!alone.accepts(ended), "nobody contributed before it");
}
