//! What is true is proved and verified.

use super::world::{World, small};
use crate::gradient::spec::{Kind, Spec, Targets};
use crate::gradient::{prove_gradient_correctness, verify_gradient_proof};
use crate::groth16::Keyed;
use crate::testing::Seeded;
use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;

fn holds<E: Keyed>(world: &World) {
    let (mut prover, verifier) = world.sides::<E>();
    let (claim, work) = (world.claim(), world.work());
    let proved = prove_gradient_correctness(&mut prover, &claim, &work, &mut Seeded::new(2));
    let proof = proved.unwrap().proof;
    assert_eq!(verify_gradient_proof(&verifier, &world.shown(&proof)).unwrap(), Ok(()));
    let mut public = world.shown(&proof);
    public.opening = None;
    assert_eq!(verify_gradient_proof(&verifier, &public).unwrap(), Ok(()));
}

#[test]
fn linear_regression_over_ten_features() {
    let spec = Spec { depth: 4, ..Spec::usual(Kind::Linear, 10, 1, 8) };
    holds::<Bn254>(&World::new::<Bn254>(spec, 1));
}

#[test]
fn every_kind_over_both_curves() {
    for (kind, outputs) in [(Kind::Linear, 1), (Kind::Logistic, 1), (Kind::Logistic, 3)] {
        let mut world = World::new::<Bn254>(small(kind, outputs), 2);
        world.terms.hidden_weights = outputs == 3;
        holds::<Bn254>(&world);
    }
    holds::<Bls12_381>(&World::new::<Bls12_381>(small(Kind::Logistic, 1), 3));
    let targets = Targets::Numbers { bits: 10 };
    let mut world = World::new::<Bn254>(Spec { targets, ..small(Kind::Linear, 1) }, 4);
    // far below its norm: clipped
    world.terms.clip_norm = 0.01;
    world.settle::<Bn254>();
    let norm: f32 = world.update.iter().map(|u| u * u).sum::<f32>().sqrt();
    assert!(norm <= 0.01 && norm > 0.008, "{norm}");
    holds::<Bn254>(&world);
}
