//! A participant, its data, and what it is told: what all tests share.

use crate::gradient::spec::{Kind, Spec};
use crate::gradient::terms::Terms;
use crate::gradient::{Prover, Verifier};
use crate::groth16::{Keyed, setup_for_tests};
use crate::testing::Seeded;
use std::sync::Arc;
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::digest::Digest;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::FitOrder;
use tacit_core::params::{Layout, Params, Tensor};
use tacit_core::proof::{Claim, Secret, Shown, Values, Work};
use tacit_core::rng::Seed;
use tacit_core::traits::Context;

/// Everything that a proof is about.
pub struct World {
    pub terms: Terms,
    pub order: FitOrder,
    pub model: Params,
    pub shard: Shard,
    pub secret: Secret,
    pub seed: Secret,
    pub participant: ParticipantId,
    pub dataset: Vec<u8>,
    pub update: Vec<f32>,
}

/// Small enough for everything to be tried.
pub fn small(kind: Kind, outputs: usize) -> Spec {
    // small gradients, so that a norm that is off by little shows in the update
    let feature_fraction = if kind == Kind::Linear { 2 } else { 0 };
    Spec { depth: 1, weight_bits: 14, feature_fraction, ..Spec::usual(kind, 2, outputs, 2) }
}

impl World {
    /// Rows and weights follow from `seed`.
    pub fn new<E: Keyed>(spec: Spec, seed: u64) -> Self {
        let mut random = Seed::root(seed).rng();
        let classes = if spec.outputs == 1 { 2 } else { spec.outputs };
        let count = spec.batch * 2;
        let values = (0..count * spec.features).map(|_| random.normal() as f32).collect();
        let labels = (0..count).map(|_| random.below(classes as u64) as u32).collect();
        let shape = DataShape { features: vec![spec.features], classes };
        let shard = Shard::all(Arc::new(Examples::new(shape, values, labels).unwrap()));
        let tensor = |name: &str, shape| Tensor { name: name.into(), shape };
        let layout = Layout::new(vec![
            tensor("linear.weight", vec![spec.outputs, spec.features]),
            tensor("linear.bias", vec![spec.outputs]),
        ]);
        let weights = (0..spec.coordinates()).map(|_| random.normal() as f32 * 0.5).collect();
        let order = FitOrder {
            round: 1,
            local_epochs: 1,
            batch_size: spec.batch,
            learning_rate: 0.5,
            momentum: 0.0,
            weight_decay: 0.0,
            proximal_mu: 0.0,
            correction: None,
            seed: Seed::root(7),
        };
        let mut world = Self {
            terms: Terms { spec, curve: E::CURVE, clip_norm: 8.0, hidden_weights: false },
            order,
            model: Params::new(Arc::new(layout.unwrap()), weights).unwrap(),
            shard,
            secret: Secret::from_bytes([5; 32]),
            seed: Secret::from_bytes([6; 32]),
            participant: ParticipantId::parse("ann").unwrap(),
            dataset: Vec::new(),
            update: Vec::new(),
        };
        world.settle::<E>();
        world
    }

    /// Commits and computes anew, after something was changed.
    pub fn settle<E: Keyed>(&mut self) {
        let hashes = crate::poseidon::Hashes::<E::ScalarField>::default();
        let spec = &self.terms.spec;
        let secret = *self.secret.bytes();
        let dataset =
            crate::gradient::commit::Dataset::new(spec, &hashes, secret, &self.shard).unwrap();
        let commitment = dataset.commitment();
        self.dataset = commitment.to_bytes();
        let block =
            crate::gradient::terms::draw(&self.order, self.model.digest(), commitment.blocks);
        let rows = spec.rows(&self.shard, block).unwrap();
        let weights = self.terms.weights(&self.model).unwrap();
        let gradient = spec.gradient(&weights, &rows, &mut Vec::new());
        self.update = spec.floats(&spec.update(self.terms.step(&self.order).unwrap(), &gradient));
    }

    /// Larger weights, so that errors saturate.
    pub fn stretch(&mut self, factor: f32) {
        let weights = self.model.values().iter().map(|w| w * factor).collect();
        self.model = Params::new(self.model.layout().clone(), weights).unwrap();
    }

    pub fn claim(&self) -> Claim<'_> {
        let context = Context { plan: Digest([1; 32]), round: 1, model: self.model.digest() };
        let dataset = &self.dataset;
        let examples = 2 * self.terms.spec.batch as u64;
        let (participant, nonce) = (&self.participant, Digest([2; 32]));
        Claim { context, participant, signer: &[3; 32], nonce, dataset, examples }
    }

    pub fn work(&self) -> Work<'_> {
        Work {
            order: &self.order,
            model: &self.model,
            shard: &self.shard,
            secret: &self.secret,
            values: Values::Each(&self.update),
            seed: &self.seed,
        }
    }

    pub fn shown<'a>(&'a self, proof: &'a [u8]) -> Shown<'a> {
        let opening = Some((&self.update[..], &self.seed));
        let (claim, order, model) = (self.claim(), &self.order, &self.model);
        Shown { claim, order, model: Some(model), proof, opening }
    }

    /// Both sides, with a key for the circuit.
    pub fn sides<E: Keyed>(&self) -> (Prover<E>, Verifier<E>) {
        let compiled = crate::gradient::terms::Compiled::new(&self.terms.spec).unwrap();
        let key = setup_for_tests::<E>(&compiled.r1cs, &mut Seeded::new(1)).unwrap();
        let verifier = Verifier::new(self.terms.clone(), key.verifying().clone()).unwrap();
        (Prover::new(self.terms.clone(), key).unwrap(), verifier)
    }
}
