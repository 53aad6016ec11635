//! What all proofs of a run have in common, and what one of them is bound to.

use super::circuit::{Private, Public, compile, describe};
use super::commit::{DatasetCommitment, commit_update, commit_weights, from_bytes, salt};
use super::spec::{Spec, Step};
use crate::curve::Curve;
use crate::poseidon::Hashes;
use crate::r1cs::{R1cs, Trace};
use crate::transcript::Occasion;
use ark_ff::PrimeField;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::messages::FitOrder;
use tacit_core::params::Params;
use tacit_core::proof::{Claim, Secret};

/// Names the statement; changes with the circuit.
pub const STATEMENT: &str = "gradient/1";

/// What is proved, over which curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// The computation.
    pub spec: Spec,
    /// Over which curve.
    pub curve: Curve,
    /// The L2 norm that every update keeps to.
    pub clip_norm: f64,
    /// Whether proofs show a salted commitment to the weights instead of the weights.
    pub hidden_weights: bool,
}

/// Commitments that travel with a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitments {
    /// To the update.
    pub update: [u8; 32],
    /// To the weights.
    pub weights: [u8; 32],
}

/// The block of rows that a round draws. Everybody can compute it, so that a simulation and the
/// network draw the same one: whoever knows a round's model knows its block. The exact trainers
/// begin with zeros, so the block of the first round is known before anybody enrols, for every
/// number of blocks that one could enrol with; the same goes for whoever enrols under a new name
/// while a model is known. Models of later rounds depend on what others contribute.
pub fn draw(order: &FitOrder, model: Digest, blocks: u32) -> u32 {
    let seed = order.seed.derive("tacit/v1/gradient/block", &[&model.0]);
    seed.rng().below(blocks.into()) as u32
}

/// Refuses an order that is not one plain step on one batch.
pub fn check_order(spec: &Spec, order: &FitOrder) -> Result<(), Error> {
    let refuse = |what, expected: String, found: String| Err(Error::caller(what, expected, found));
    if order.local_epochs != 1 {
        return refuse("local_epochs", "1, one step".into(), order.local_epochs.to_string());
    }
    if order.batch_size != spec.batch {
        return refuse("batch_size", spec.batch.to_string(), order.batch_size.to_string());
    }
    let extras = [order.momentum, order.weight_decay, order.proximal_mu];
    if extras != [0.0; 3] || order.correction.is_some() {
        let expected = "no momentum, weight decay, proximal term or correction".to_owned();
        return refuse("order", expected, "one".into());
    }
    Ok(())
}

impl Terms {
    /// The weights of a model, rounded and saturated.
    pub fn weights(&self, model: &Params) -> Result<Vec<i32>, Error> {
        let (expected, found) = (self.spec.coordinates(), model.values().len());
        if expected != found {
            let expected = format!("{expected} values");
            return Err(Error::caller("model", expected, found.to_string()));
        }
        Ok(model.values().iter().map(|w| self.spec.weight(*w)).collect())
    }

    /// Rate and limit of an order.
    pub fn step(&self, order: &FitOrder) -> Result<Step, Error> {
        check_order(&self.spec, order)?;
        self.spec.step(order.learning_rate, self.clip_norm)
    }

    /// Canonical bytes of everything that is not a public input by itself.
    fn parameters(&self) -> Vec<u8> {
        tacit_core::codec::encode(&(
            &self.spec,
            self.curve,
            self.clip_norm.to_bits(),
            self.hidden_weights,
        ))
    }
}

/// A circuit, with what its witnesses are computed by.
pub struct Compiled<F> {
    /// The computation.
    pub spec: Spec,
    /// Its hash functions.
    pub hashes: Hashes<F>,
    /// Its constraints.
    pub r1cs: R1cs<F>,
}

impl<F: PrimeField> Compiled<F> {
    /// Compiles the circuit of a computation.
    pub fn new(spec: &Spec) -> Result<Self, Error> {
        Self::with(spec, Hashes::default())
    }

    /// Compiles it with other permutations.
    pub(super) fn with(spec: &Spec, hashes: Hashes<F>) -> Result<Self, Error> {
        let r1cs = compile(spec, &hashes)?;
        Ok(Self { spec: spec.clone(), hashes, r1cs })
    }

    /// The wires of a witness.
    pub fn trace(&self, public: &Public<F>, private: &Private<F>) -> Trace<F> {
        let mut trace = Trace::default();
        describe(&mut trace, &self.spec, &self.hashes, public, private);
        trace
    }
}

/// What a proof is bound to, as both sides compute it.
pub struct Bound<'a> {
    /// What is proved.
    pub terms: &'a Terms,
    /// Digest of the verification key.
    pub key: Digest,
    /// Who says so, where and when.
    pub claim: &'a Claim<'a>,
    /// What was ordered.
    pub order: &'a FitOrder,
}

impl Bound<'_> {
    /// The public inputs; refuses a claim of another weight than the rows that were committed to.
    /// So the commitment to data, which the occasion names, binds the weight as well.
    pub fn public<F: PrimeField>(&self, of: &Commitments) -> Result<Public<F>, Error> {
        let Bound { terms, claim, order, .. } = self;
        let dataset = DatasetCommitment::from_bytes(claim.dataset, &terms.spec)?;
        let examples = dataset.examples(&terms.spec);
        if claim.examples != examples {
            let (expected, found) = (examples.to_string(), claim.examples.to_string());
            return Err(Error::caller("examples", expected, found));
        }
        let step = terms.step(order)?;
        let element = |what, bytes: &[u8; 32]| {
            let element = from_bytes(bytes);
            element.ok_or_else(|| Error::caller(what, "an element of the field", "a larger number"))
        };
        let update = [of.update, of.weights].concat();
        let occasion = Occasion {
            statement: STATEMENT,
            key: self.key,
            context: claim.context.clone(),
            participant: claim.participant,
            signer: claim.signer,
            nonce: claim.nonce,
            parameters: &terms.parameters(),
            dataset: claim.dataset,
            update: &update,
        };
        Ok(Public {
            occasion: occasion.input(),
            root: element("data commitment", &dataset.root)?,
            block: draw(order, claim.context.model, dataset.blocks),
            rate: step.rate,
            limit: step.limit,
            weights: element("commitment to weights", &of.weights)?,
            update: element("commitment to an update", &of.update)?,
        })
    }
}

/// Commits to weights; the salt is zero where everybody may see them.
pub fn weights<F: PrimeField>(
    terms: &Terms,
    hashes: &Hashes<F>,
    seed: Option<&Secret>,
    weights: &[i32],
) -> (F, F) {
    let hidden = seed.filter(|_| terms.hidden_weights);
    let salt = hidden.map_or(F::ZERO, |seed| salt(seed.bytes(), "weights", 0));
    (salt, commit_weights(&terms.spec, hashes, salt, weights))
}

/// Commits to an update.
pub fn update<F: PrimeField>(
    terms: &Terms,
    hashes: &Hashes<F>,
    seed: &Secret,
    update: &[i32],
) -> (F, F) {
    let salt = salt(seed.bytes(), "update", 0);
    (salt, commit_update(&terms.spec, hashes, salt, update))
}
