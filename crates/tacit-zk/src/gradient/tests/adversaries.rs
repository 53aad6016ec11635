//! Provers that cheat, by hand, and proofs that are none.

use super::faults::{Fault, Subject};
use super::world::{World, small};
use crate::curve::scalar;
use crate::gradient::spec::{Kind, Spec};
use crate::gradient::terms::{Bound, Commitments, Compiled, draw};
use crate::gradient::{Prover, Verifier, prove_gradient_correctness, verify_gradient_proof};
use crate::groth16::{self, Keyed, setup_for_tests};
use crate::poseidon::WIDE;
use crate::testing::Seeded;
use ark_bn254::{Bn254, Fr, G1Projective};
use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
use ark_ff::{BigInteger, Field, PrimeField};
use proptest::prelude::*;
use std::sync::OnceLock;
use tacit_core::digest::Digest;
use tacit_core::ids::ParticipantId;
use tacit_core::proof::{Secret, Shown};

/// A world, both sides, and a proof.
struct Honest {
    world: World,
    verifier: Verifier<Bn254>,
    prover: Prover<Bn254>,
    proof: Vec<u8>,
}

fn honest() -> &'static Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(|| {
        let world = World::new::<Bn254>(small(Kind::Logistic, 1), 21);
        let (mut prover, verifier) = world.sides::<Bn254>();
        let (claim, work) = (world.claim(), world.work());
        let proved = prove_gradient_correctness(&mut prover, &claim, &work, &mut Seeded::new(3));
        let proof = proved.unwrap().proof;
        Honest { world, verifier, prover, proof }
    })
}

fn accepts(shown: &Shown<'_>) -> bool {
    verify_gradient_proof(&honest().verifier, shown).unwrap().is_ok()
}

#[test]
fn no_proof_holds_on_another_occasion() {
    let Honest { world, proof, .. } = honest();
    let bob = ParticipantId::parse("bob").unwrap();
    let shown = || world.shown(proof);
    assert!(accepts(&shown()));
    let other = Digest([9; 32]);
    let with = |change: &dyn Fn(&mut Shown<'_>)| {
        let mut shown = shown();
        change(&mut shown);
        accepts(&shown)
    };
    assert!(!with(&|shown| shown.claim.nonce = other), "replayed with another nonce");
    assert!(!with(&|shown| shown.claim.context.round = 2));
    assert!(!with(&|shown| shown.claim.context.plan = other));
    assert!(!with(&|shown| shown.claim.context.model = other));
    assert!(!with(&|shown| shown.claim.signer = &[8; 32]));
    for examples in [1, 3, 8] {
        assert!(!with(&|shown| shown.claim.examples = examples), "another weight: {examples}");
    }
    let mut shown = world.shown(proof);
    shown.claim.participant = &bob;
    assert!(!accepts(&shown), "somebody else's");
}

#[test]
fn no_proof_holds_of_other_data_updates_or_models() {
    let Honest { world, proof, .. } = honest();
    let other = World::new::<Bn254>(world.terms.spec.clone(), 22);
    assert_ne!(other.dataset, world.dataset);
    let mut shown = world.shown(proof);
    shown.claim.dataset = &other.dataset;
    assert!(!accepts(&shown), "other data than was enrolled with");
    let mut longer = world.dataset.clone();
    longer[32] += 1;
    let mut shown = world.shown(proof);
    shown.claim.dataset = &longer;
    assert!(!accepts(&shown), "another number of blocks");
    let mut update = world.update.clone();
    update[0] += 2.0_f32.powi(-20);
    let mut shown = world.shown(proof);
    shown.opening = Some((&update, &world.seed));
    assert!(!accepts(&shown), "another update than was proved");
    update[0] = f32::NAN;
    let mut shown = world.shown(proof);
    shown.opening = Some((&update, &world.seed));
    assert!(!accepts(&shown), "no number");
    let seed = Secret::from_bytes([0; 32]);
    let mut shown = world.shown(proof);
    shown.opening = Some((&world.update, &seed));
    assert!(!accepts(&shown), "another seed");
    let mut shown = world.shown(proof);
    shown.model = Some(&other.model);
    shown.claim.context.model = other.model.digest();
    assert!(!accepts(&shown), "another model");
    let mut order = world.order.clone();
    order.learning_rate = 1.0;
    let mut shown = world.shown(proof);
    shown.order = &order;
    assert!(!accepts(&shown), "another learning rate");
}

/// A prover that ignores what it is told, and proves what is true of something else.
#[test]
fn no_other_block_than_was_drawn() {
    let Honest { world, .. } = honest();
    let subject = Subject::new(world, WIDE);
    let compiled = &subject.compiled;
    let key = setup_for_tests::<Bn254>(&compiled.r1cs, &mut Seeded::new(1)).unwrap();
    let mut order = world.order.clone();
    let model = world.model.digest();
    let drawn = draw(&order, model, 2);
    while draw(&order, model, 2) == drawn {
        order.seed = order.seed.derive("again", &[]);
    }
    let mut elsewhere = World::new::<Bn254>(world.terms.spec.clone(), 21);
    elsewhere.order = order;
    elsewhere.settle::<Bn254>();
    assert_eq!(elsewhere.dataset, world.dataset);
    let mut prover = Prover::<Bn254>::new(world.terms.clone(), key).unwrap();
    let proved = prover.prove(&elsewhere.claim(), &elsewhere.work(), &mut Seeded::new(4));
    let proof = proved.unwrap().proof;
    assert!(accepts(&elsewhere.shown(&proof)), "true where that block is drawn");
    let mut shown = elsewhere.shown(&proof);
    shown.order = &world.order;
    assert!(!accepts(&shown));
}

/// Anybody can make another proof of a proof: it verifies, and is the same statement's.
#[test]
fn rerandomised_proofs_tell_nothing_new() {
    let Honest { world, proof, .. } = honest();
    let points = groth16::read_proof::<Bn254>(&proof[32..]).unwrap();
    let factor = scalar::<Fr>(&mut Seeded::new(5)).unwrap();
    let again = ark_groth16::Proof::<Bn254> {
        a: (points.a * factor.inverse().unwrap()).into_affine(),
        b: (points.b * factor).into_affine(),
        c: points.c,
    };
    let mut copy = proof[..32].to_vec();
    copy.extend(groth16::write_proof(&again));
    assert_ne!(&copy, proof);
    assert!(accepts(&world.shown(&copy)));
    // what is counted is who says it, not by which bytes; nobody else can use them
    let bob = ParticipantId::parse("bob").unwrap();
    let mut shown = world.shown(&copy);
    shown.claim.participant = &bob;
    assert!(!accepts(&shown));
}

#[test]
fn no_proof_holds_under_another_key_or_with_inputs_swapped() {
    let Honest { world, proof, verifier, .. } = honest();
    let compiled = Compiled::<Fr>::new(&world.terms.spec).unwrap();
    let key = setup_for_tests::<Bn254>(&compiled.r1cs, &mut Seeded::new(99)).unwrap();
    let other = Verifier::<Bn254>::new(world.terms.clone(), key.verifying().clone()).unwrap();
    assert!(verify_gradient_proof(&other, &world.shown(proof)).unwrap().is_err());
    let (claim, order) = (world.claim(), &world.order);
    let first = |at: usize| -> [u8; 32] { proof[at..at + 32].try_into().unwrap() };
    let weights = crate::gradient::terms::weights(
        &world.terms,
        &compiled.hashes,
        None,
        &world.terms.weights(&world.model).unwrap(),
    );
    let weights = crate::gradient::commit::to_bytes(weights.1);
    let key = verifier.key().digest();
    let bound = Bound { terms: &world.terms, key, claim: &claim, order };
    let public = bound.public::<Fr>(&Commitments { update: first(0), weights }).unwrap();
    let points = groth16::read_proof::<Bn254>(&proof[32..]).unwrap();
    let elements = public.elements();
    assert!(groth16::verify(verifier.key(), &elements, &points).unwrap());
    for (i, j) in (0..elements.len()).flat_map(|i| (0..i).map(move |j| (i, j))) {
        let mut swapped = elements.clone();
        swapped.swap(i, j);
        let same = swapped == elements;
        assert_eq!(groth16::verify(verifier.key(), &swapped, &points).unwrap(), same, "{i} {j}");
    }
}

/// Numbers that exceed the field stand for smaller ones: only one of them is canonical.
#[test]
fn what_is_not_canonical_is_refused() {
    let Honest { world, proof, .. } = honest();
    let plus_modulus = |bytes: &[u8]| -> Vec<u8> {
        let modulus = Fr::MODULUS.to_bytes_le();
        let mut carry = 0_u16;
        let sum = bytes.iter().zip(modulus).map(|(x, y)| {
            carry = u16::from(*x) + u16::from(y) + (carry >> 8);
            carry as u8
        });
        sum.collect()
    };
    let mut wrapped = plus_modulus(&proof[..32]);
    wrapped.extend(&proof[32..]);
    let mut shown = world.shown(&wrapped);
    shown.opening = None;
    assert!(!accepts(&shown));
    let mut dataset = plus_modulus(&world.dataset[..32]);
    dataset.extend(&world.dataset[32..]);
    let mut shown = world.shown(proof);
    shown.claim.dataset = &dataset;
    assert!(!accepts(&shown));
}

/// Digits of the value plus a multiple of the modulus would need more of them than there are, and
/// a coordinate that saturates nothing cannot be passed off as a small one.
#[test]
fn nothing_wraps() {
    let world = World::new::<Bn254>(small(Kind::Linear, 1), 31);
    let subject = Subject::new(&world, WIDE);
    let (_, _, decompositions) = subject.run(&Fault::default());
    assert!(decompositions.iter().all(|(_, width)| *width < 127));
    // a gradient as large as one that overflows 64 bits: refused wherever it is put
    let (wires, ..) = subject.run(&Fault::default());
    for wire in subject.compiled.r1cs.public() + 1..wires.len() {
        let change = Fr::from(1_u128 << 64) / Fr::from(3);
        let outcome = subject.outcome(&Fault { add: vec![(wire, change)], ..Fault::default() });
        assert!(!outcome.broken.is_empty() || outcome.truth, "wire {wire}");
    }
    let wide = Spec { weight_bits: 24, feature_bits: 16, ..small(Kind::Linear, 1) };
    assert!(Compiled::<Fr>::new(&wide).is_ok());
    let beyond = Spec { feature_bits: 17, ..wide };
    assert!(Compiled::<Fr>::new(&beyond).is_err());
}

#[test]
fn one_bad_proof_among_many_is_found() {
    let Honest { world, proof, verifier, .. } = honest();
    let mut shown = vec![world.shown(proof); 7];
    assert!(verifier.verify(&shown).unwrap().iter().all(Result::is_ok));
    shown[4].claim.nonce = Digest([9; 32]);
    let verdicts = verifier.verify(&shown).unwrap();
    let bad: Vec<usize> = (0..7).filter(|i| verdicts[*i].is_err()).collect();
    assert_eq!(bad, [4]);
    let text = verdicts[4].as_ref().unwrap_err().to_string();
    assert!(text.contains("ann"), "{text}");
    assert!(verifier.verify(&[]).unwrap().is_empty());
}

/// Not even compiled, under a key of a small circuit.
#[test]
fn a_circuit_that_a_key_has_too_few_wires_for_is_refused() {
    let Honest { world, prover, .. } = honest();
    let mut terms = world.terms.clone();
    terms.spec = Spec::usual(Kind::Logistic, 784, 1, 512);
    let refused = Prover::<Bn254>::new(terms, prover.key().clone()).err().unwrap().to_string();
    assert!(refused.contains("circuit of the proving key: expected at least"), "{refused}");
}

#[test]
fn a_prover_refuses_to_lie() {
    let Honest { world, prover, .. } = honest();
    let compiled = prover.compiled();
    let key = setup_for_tests::<Bn254>(&compiled.r1cs, &mut Seeded::new(1)).unwrap();
    let mut prover = Prover::<Bn254>::new(world.terms.clone(), key).unwrap();
    let mut update = world.update.clone();
    update[1] = 0.0;
    let work = tacit_core::proof::Work {
        values: tacit_core::proof::Values::Each(&update),
        ..world.work()
    };
    assert!(prover.prove(&world.claim(), &work, &mut Seeded::new(1)).is_err());
    let mut claim = world.claim();
    let other = World::new::<Bn254>(world.terms.spec.clone(), 23);
    claim.dataset = &other.dataset;
    assert!(prover.prove(&claim, &world.work(), &mut Seeded::new(1)).is_err());
}

/// With the key's secrets, proofs can be made without a witness, even of what is false: so a proof
/// tells nothing beyond its statement. Both kinds have A and B uniform and C what these determine.
#[test]
fn simulated_proofs_look_like_real_ones() {
    let Honest { world, .. } = honest();
    let subject = Subject::new(world, WIDE);
    let r1cs = &subject.compiled.r1cs;
    let key = setup_for_tests::<Bn254>(r1cs, &mut Seeded::new(1)).unwrap();
    // what that drew, in its order
    let mut again = Seeded::new(1);
    let [_, alpha, beta, delta] = [(); 4].map(|()| scalar::<Fr>(&mut again).unwrap());
    let verifying = Bn254::verifying(key.verifying()).unwrap();
    let public = subject.public.elements();
    let ic = &verifying.vk.gamma_abc_g1;
    let inputs = ic[1..].iter().zip(&public).map(|(point, x)| *point * x);
    let inputs = inputs.fold(ic[0].into_group(), |sum, point| sum + point);
    let mut random = Seeded::new(9);
    let mut odd = [0_u32; 2];
    for turn in 0..48 {
        let [a, b] = [(); 2].map(|()| scalar::<Fr>(&mut random).unwrap());
        let c = (G1Projective::generator() * (a * b - alpha * beta) - inputs)
            * delta.inverse().unwrap();
        let simulated = ark_groth16::Proof::<Bn254> {
            a: (G1Projective::generator() * a).into_affine(),
            b: (ark_bn254::G2Projective::generator() * b).into_affine(),
            c: c.into_affine(),
        };
        assert!(groth16::verify(key.verifying(), &public, &simulated).unwrap());
        let (wires, ..) = subject.run(&Fault::default());
        let mut entropy = Seeded::new(100 + turn);
        let real = groth16::prove::<Bn254>(&key, r1cs, &wires, &mut entropy).unwrap();
        for (count, proof) in odd.iter_mut().zip([&real, &simulated]) {
            for point in [proof.a, proof.c] {
                *count += u32::from(point.x().unwrap().into_bigint().is_odd());
            }
        }
    }
    // 96 coins: five standard deviations around 48; the seeds are fixed
    assert!(odd.iter().all(|count| (24..72).contains(count)), "{odd:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbled_proofs_are_refused(at in 0_usize..160, bit in 0_u32..8, cut in 0_usize..160) {
        let Honest { world, proof, .. } = honest();
        let mut garbled = proof.clone();
        garbled[at] ^= 1 << bit;
        prop_assert!(!accepts(&world.shown(&garbled)));
        prop_assert!(!accepts(&world.shown(&proof[..cut])));
        garbled[at] ^= 1 << bit;
        garbled.push(at as u8);
        prop_assert!(!accepts(&world.shown(&garbled)));
    }

    #[test]
    fn random_bytes_are_no_proof(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!accepts(&honest().world.shown(&bytes)));
    }
}
