//! The participant's side.

use super::circuit::{Private, Public};
use super::commit::{Dataset, to_bytes};
use super::terms::{self, Bound, Commitments, Compiled, Terms};
use crate::groth16::{self, Keyed, ProvingKey};
use ark_ff::PrimeField;
use std::sync::Arc;
use tacit_core::data::{Examples, Shard};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::proof::{Claim, Proved, Secret, Values, Work};
use tacit_core::traits::Entropy;

/// Proves one participant's updates, all under one key.
pub struct Prover<E: Keyed> {
    witnesses: Witnesses<E::ScalarField>,
    key: ProvingKey,
}

/// Computes witnesses; keeps the tree over the participant's rows.
pub(super) struct Witnesses<F> {
    terms: Terms,
    compiled: Compiled<F>,
    key: Digest,
    dataset: Option<Kept<F>>,
}

/// Inputs and what travels of them.
pub(super) type Made<F> = (Public<F>, Private<F>, Commitments);

/// The tree over a shard, which is the same in every round.
struct Kept<F> {
    examples: Arc<Examples>,
    rows: Vec<u32>,
    secret: Secret,
    dataset: Dataset<F>,
}

impl<F: PrimeField> Kept<F> {
    fn is_of(&self, shard: &Shard, secret: &Secret) -> bool {
        Arc::ptr_eq(&self.examples, shard.examples())
            && self.rows == shard.rows()
            && self.secret == *secret
    }
}

impl<E: Keyed> Prover<E> {
    /// Compiles the circuit; refuses a key that was made for another one, at once if it is for a
    /// smaller one.
    pub fn new(terms: Terms, key: ProvingKey) -> Result<Self, Error> {
        terms.spec.check_circuit()?;
        let (least, wires) = (terms.spec.least_wires(), groth16::wires::<E>(&key)?);
        if least > wires as u64 {
            let (expected, found) = (format!("at least {least} wires"), format!("{wires} wires"));
            return Err(Error::caller("circuit of the proving key", expected, found));
        }
        let witnesses = Witnesses::new(terms, key.verifying().digest())?;
        groth16::fits::<E>(&key, &witnesses.compiled.r1cs)?;
        Ok(Self { witnesses, key })
    }

    /// The circuit.
    pub fn compiled(&self) -> &Compiled<E::ScalarField> {
        &self.witnesses.compiled
    }

    /// What is proved.
    pub fn terms(&self) -> &Terms {
        &self.witnesses.terms
    }

    /// The key.
    pub fn key(&self) -> &ProvingKey {
        &self.key
    }

    /// Computes a witness, and drops it.
    pub(super) fn try_witness(&mut self, claim: &Claim<'_>, work: &Work<'_>) -> Result<(), Error> {
        let (public, private, _) = self.witnesses.witness(claim, work)?;
        drop(self.witnesses.compiled.trace(&public, &private));
        Ok(())
    }

    /// See [`prove_gradient_correctness`].
    pub fn prove(
        &mut self,
        claim: &Claim<'_>,
        work: &Work<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Proved, Error> {
        let (public, private, commitments) = self.witnesses.witness(claim, work)?;
        let compiled = &self.witnesses.compiled;
        let trace = compiled.trace(&public, &private);
        let proof = groth16::prove::<E>(&self.key, &compiled.r1cs, trace.wires(), entropy)?;
        let proof = join(&self.witnesses.terms, &commitments, &groth16::write_proof(&proof));
        Ok(Proved { proof, blindings: Vec::new() })
    }
}

impl<F: PrimeField> Witnesses<F> {
    /// Compiles the circuit; `key` is the verification key's digest.
    pub fn new(terms: Terms, key: Digest) -> Result<Self, Error> {
        let compiled = Compiled::new(&terms.spec)?;
        Ok(Self::over(terms, compiled, key))
    }

    /// Of a circuit that is compiled already.
    pub fn over(terms: Terms, compiled: Compiled<F>, key: Digest) -> Self {
        Self { terms, compiled, key, dataset: None }
    }

    /// What `claim` and `work` are as a witness; refuses work that does not fit the claim.
    pub fn witness(&mut self, claim: &Claim<'_>, work: &Work<'_>) -> Result<Made<F>, Error> {
        self.keep(work)?;
        let (terms, hashes) = (&self.terms, &self.compiled.hashes);
        let spec = &terms.spec;
        let Some(Kept { dataset, .. }) = &self.dataset else {
            return Err(Error::Bug("a tree that was made is kept"));
        };
        let commitment = dataset.commitment();
        if commitment.to_bytes() != claim.dataset {
            let expected = "the data that was committed to at enrolment";
            return Err(Error::caller("shard", expected, "other data"));
        }
        let step = terms.step(work.order)?;
        let block = terms::draw(work.order, claim.context.model, commitment.blocks);
        let rows = spec.rows(work.shard, block)?;
        let weights = terms.weights(work.model)?;
        let update = spec.update(step, &spec.gradient(&weights, &rows, &mut Vec::new()));
        let contributed = match work.values {
            Values::Each(values) => spec.integers(values),
            Values::Levels(_) => None,
        };
        if contributed.as_deref() != Some(&update[..]) {
            let expected = "what the trainer's integers give";
            return Err(Error::caller("update", expected, "another one"));
        }
        let (weights_salt, committed) = terms::weights(terms, hashes, Some(work.seed), &weights);
        let (update_salt, to_update) = terms::update(terms, hashes, work.seed, &update);
        let commitments = Commitments { update: to_bytes(to_update), weights: to_bytes(committed) };
        let (salt, path) = dataset.path(hashes, block);
        let key = self.key;
        let public = Bound { terms, key, claim, order: work.order }.public(&commitments)?;
        let private = Private {
            rows: spec.row_bits(&rows),
            salt,
            path,
            weights: spec.weight_bits(&weights),
            weights_salt,
            update_salt,
        };
        Ok((public, private, commitments))
    }

    /// Makes the tree once.
    fn keep(&mut self, work: &Work<'_>) -> Result<(), Error> {
        if self.dataset.as_ref().is_some_and(|kept| kept.is_of(work.shard, work.secret)) {
            return Ok(());
        }
        let Compiled { spec, hashes, .. } = &self.compiled;
        let dataset = Dataset::new(spec, hashes, *work.secret.bytes(), work.shard)?;
        self.dataset = Some(Kept {
            examples: work.shard.examples().clone(),
            rows: work.shard.rows().to_vec(),
            secret: work.secret.clone(),
            dataset,
        });
        Ok(())
    }
}

/// Commitments, then the proof itself.
fn join(terms: &Terms, commitments: &Commitments, proof: &[u8]) -> Vec<u8> {
    let mut out = commitments.update.to_vec();
    if terms.hidden_weights {
        out.extend(commitments.weights);
    }
    out.extend(proof);
    out
}

/// Proves that the update of `work` is the exact gradient step of the block of committed rows that
/// the round drew, at its model, clipped. Refuses to prove what is not so. The proof is bound to
/// `claim`: it holds on no other occasion.
pub fn prove_gradient_correctness<E: Keyed>(
    prover: &mut Prover<E>,
    claim: &Claim<'_>,
    work: &Work<'_>,
    entropy: &mut dyn Entropy,
) -> Result<Proved, Error> {
    prover.prove(claim, work, entropy)
}
