//! One participant with made-up data and a key of its own making: what benchmarks measure.

use super::prove::Prover;
use super::spec::Spec;
use super::terms::{Terms, draw};
use super::verify::Verifier;
use crate::curve::{Curve, scalar, with_engine};
use crate::groth16::{Keyed, setup_for_tests};
use ark_ec::VariableBaseMSM;
use std::sync::Arc;
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::FitOrder;
use tacit_core::params::{Layout, Params};
use tacit_core::proof::{Claim, Secret, Shown, Values, Work};
use tacit_core::rng::{Random, Seed};
use tacit_core::traits::{Context, Entropy};

/// How large a circuit and its proofs are.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Constraints.
    pub constraints: usize,
    /// Wires.
    pub wires: usize,
    /// Logarithm of the domain's size.
    pub log_domain: u32,
    /// Bytes of a proof with its commitment.
    pub proof_bytes: usize,
    /// Coefficients of all constraints.
    pub terms: usize,
}

/// A circuit, its key, and a witness.
pub struct Subject(Box<dyn Measurable + Send + Sync>);

impl Subject {
    /// Compiles a circuit and makes its key.
    pub fn new(spec: Spec, curve: Curve) -> Result<Self, Error> {
        with_engine!(curve, E => Ok(Self(Box::new(World::<E>::new(spec)?))))
    }

    /// How large it all is.
    pub fn sizes(&self) -> Measured {
        self.0.sizes()
    }

    /// Commits to the data.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.0.commit()
    }

    /// Computes a witness.
    pub fn witness(&mut self) -> Result<(), Error> {
        self.0.witness()
    }

    /// Proves.
    pub fn prove(&mut self) -> Result<(), Error> {
        self.0.prove()
    }

    /// Multiplies random scalars with the points of the largest query.
    pub fn floor(&mut self) -> Result<(), Error> {
        self.0.floor()
    }

    /// Verifies the last proof so many times, in one batch, against the update.
    pub fn verify(&mut self, times: usize) -> Result<(), Error> {
        self.0.verify(times, true)
    }

    /// The last proof.
    pub fn proof(&self) -> &[u8] {
        self.0.proof()
    }

    /// Whether these bytes are taken for a proof of the statement.
    pub fn accepts(&self, proof: &[u8]) -> Result<bool, Error> {
        self.0.accepts(proof)
    }

    /// The same for somebody who was not shown the update.
    pub fn verify_public(&mut self, times: usize) -> Result<(), Error> {
        self.0.verify(times, false)
    }
}

trait Measurable {
    fn sizes(&self) -> Measured;
    fn commit(&mut self) -> Result<(), Error>;
    fn witness(&mut self) -> Result<(), Error>;
    fn prove(&mut self) -> Result<(), Error>;
    fn floor(&mut self) -> Result<(), Error>;
    fn verify(&mut self, times: usize, opened: bool) -> Result<(), Error>;
    fn proof(&self) -> &[u8];
    fn accepts(&self, proof: &[u8]) -> Result<bool, Error>;
}

struct World<E: Keyed> {
    prover: Prover<E>,
    verifier: Verifier<E>,
    order: FitOrder,
    model: Params,
    shard: Shard,
    secrets: [Secret; 2],
    participant: ParticipantId,
    dataset: Vec<u8>,
    update: Vec<f32>,
    proof: Vec<u8>,
    entropy: Repeatable,
    scalars: Vec<E::ScalarField>,
}

struct Repeatable(Random);

impl Entropy for Repeatable {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.0.next_u64().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl<E: Keyed> World<E> {
    fn new(spec: Spec) -> Result<Self, Error> {
        let mut random = Seed::root(1).rng();
        let classes = if spec.outputs == 1 { 2 } else { spec.outputs };
        let count = 4 * spec.batch;
        let features = (0..count * spec.features).map(|_| random.normal() as f32).collect();
        let labels = (0..count).map(|_| random.below(classes as u64) as u32).collect();
        let shape = DataShape { features: vec![spec.features], classes };
        let shard = Shard::all(Arc::new(Examples::new(shape, features, labels)?));
        let layout = Arc::new(Layout::flat("linear", spec.coordinates())?);
        let weights = (0..spec.coordinates()).map(|_| random.normal() as f32 * 0.1).collect();
        let order = FitOrder {
            round: 1,
            local_epochs: 1,
            batch_size: spec.batch,
            learning_rate: 0.1,
            momentum: 0.0,
            weight_decay: 0.0,
            proximal_mu: 0.0,
            correction: None,
            seed: Seed::root(2),
        };
        let terms = Terms { spec, curve: E::CURVE, clip_norm: 8.0, hidden_weights: false };
        let mut entropy = Repeatable(Seed::root(3).rng());
        let compiled = super::terms::Compiled::<E::ScalarField>::new(&terms.spec)?;
        let key = setup_for_tests::<E>(&compiled.r1cs, &mut entropy)?;
        let verifier = Verifier::new(terms.clone(), key.verifying().clone())?;
        let size = 1_usize << compiled.r1cs.log_domain();
        let scalars = (0..size).map(|_| scalar(&mut entropy)).collect::<Result<_, _>>()?;
        let mut world = Self {
            prover: Prover::new(terms, key)?,
            verifier,
            order,
            model: Params::new(layout, weights)?,
            shard,
            secrets: [Secret::from_bytes([5; 32]), Secret::from_bytes([6; 32])],
            participant: ParticipantId::numbered(0, 1),
            dataset: Vec::new(),
            update: Vec::new(),
            proof: Vec::new(),
            entropy,
            scalars,
        };
        world.settle()?;
        world.prove()?;
        Ok(world)
    }

    fn settle(&mut self) -> Result<(), Error> {
        let compiled = self.prover.compiled();
        let (spec, hashes) = (&compiled.spec, &compiled.hashes);
        let secret = *self.secrets[0].bytes();
        let commitment =
            super::commit::Dataset::new(spec, hashes, secret, &self.shard)?.commitment();
        let rows =
            spec.rows(&self.shard, draw(&self.order, self.model.digest(), commitment.blocks))?;
        let terms = self.prover.terms();
        let gradient = spec.gradient(&terms.weights(&self.model)?, &rows, &mut Vec::new());
        let update = spec.floats(&spec.update(terms.step(&self.order)?, &gradient));
        (self.dataset, self.update) = (commitment.to_bytes(), update);
        Ok(())
    }
}

macro_rules! claim {
    ($world:expr) => {
        Claim {
            context: Context { plan: Digest([1; 32]), round: 1, model: $world.model.digest() },
            participant: &$world.participant,
            signer: &[],
            nonce: Digest([2; 32]),
            dataset: &$world.dataset,
            examples: $world.shard.len() as u64,
        }
    };
}

macro_rules! work {
    ($world:expr) => {
        Work {
            order: &$world.order,
            model: &$world.model,
            shard: &$world.shard,
            secret: &$world.secrets[0],
            values: Values::Each(&$world.update),
            seed: &$world.secrets[1],
        }
    };
}

impl<E: Keyed> Measurable for World<E> {
    fn sizes(&self) -> Measured {
        let r1cs = &self.prover.compiled().r1cs;
        Measured {
            constraints: r1cs.constraints().len(),
            wires: r1cs.variables(),
            log_domain: r1cs.log_domain(),
            proof_bytes: self.proof.len(),
            terms: r1cs.constraints().iter().flatten().map(Vec::len).sum(),
        }
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.settle()
    }

    fn witness(&mut self) -> Result<(), Error> {
        self.prover.try_witness(&claim!(self), &work!(self))
    }

    fn prove(&mut self) -> Result<(), Error> {
        let (claim, work) = (claim!(self), work!(self));
        self.proof = self.prover.prove(&claim, &work, &mut self.entropy)?.proof;
        Ok(())
    }

    fn floor(&mut self) -> Result<(), Error> {
        let points = E::proving(self.prover.key()).map(|key| &key.h_query[..]);
        std::hint::black_box(E::G1::msm_unchecked(points.unwrap_or_default(), &self.scalars));
        Ok(())
    }

    fn verify(&mut self, times: usize, opened: bool) -> Result<(), Error> {
        let opening = Some((&self.update[..], &self.secrets[1])).filter(|_| opened);
        let (order, model, proof) = (&self.order, &self.model, &self.proof[..]);
        let shown = Shown { claim: claim!(self), order, model: Some(model), proof, opening };
        for verdict in self.verifier.verify(&vec![shown; times])? {
            verdict?;
        }
        Ok(())
    }

    fn proof(&self) -> &[u8] {
        &self.proof
    }

    fn accepts(&self, proof: &[u8]) -> Result<bool, Error> {
        let opening = Some((&self.update[..], &self.secrets[1]));
        let (order, model) = (&self.order, &self.model);
        let shown = Shown { claim: claim!(self), order, model: Some(model), proof, opening };
        let verdicts = self.verifier.verify(&[shown])?;
        Ok(verdicts.iter().all(Result::is_ok))
    }
}
