//! The side of whoever verifies.

use super::commit::to_bytes;
use super::spec::Spec;
use super::terms::{self, Bound, Commitments, Terms};
use crate::groth16::{self, Instance, Keyed, VerifyingKey};
use crate::poseidon::Hashes;
use rayon::prelude::*;
use std::sync::{Mutex, PoisonError};
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::params::Params;
use tacit_core::proof::{Secret, Shown};

/// Verifies proofs under one key.
pub struct Verifier<E: Keyed> {
    terms: Terms,
    hashes: Hashes<E::ScalarField>,
    key: VerifyingKey,
    /// Of the key.
    digest: Digest,
    /// The last model, and the commitment to its weights where everybody may see them.
    last: Mutex<Option<(Digest, [u8; 32])>>,
}

/// Proofs as they were read.
type Read<E> = Vec<Result<Instance<E>, Error>>;

impl<E: Keyed> Verifier<E> {
    /// Takes a key; refuses one that was made for another number of public inputs.
    pub fn new(terms: Terms, key: VerifyingKey) -> Result<Self, Error> {
        terms.spec.check()?;
        let expected = super::circuit::Public::<E::ScalarField>::default().elements().len();
        if key.public() != expected || key.curve() != E::CURVE {
            let expected = format!("{expected} public inputs over {}", E::CURVE);
            let found = format!("{} over {}", key.public(), key.curve());
            return Err(Error::caller("verification key", expected, found));
        }
        let (hashes, digest) = (Hashes::default(), key.digest());
        Ok(Self { terms, hashes, key, digest, last: Mutex::new(None) })
    }

    /// The key.
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// One verdict for each proof. All are verified at once; if they do not hold together, each is
    /// by itself. Meanwhile the updates that were received are committed to again.
    pub fn verify(&self, shown: &[Shown<'_>]) -> Result<Vec<Result<(), Refusal>>, Error> {
        let pairings = || -> Result<(Read<E>, bool), Error> {
            let read: Read<E> = shown.par_iter().map(|shown| self.instance(shown)).collect();
            let sound: Vec<Instance<E>> = read.iter().flatten().cloned().collect();
            let together = groth16::verify_all(&self.key, &sound)?;
            Ok((read, together))
        };
        let openings = || -> Vec<Result<(), Error>> {
            shown.par_iter().map(|shown| self.opens(shown)).collect()
        };
        let (paired, opened) = rayon::join(pairings, openings);
        let (read, together) = paired?;
        type Checked<E> = (Result<Instance<E>, Error>, Result<(), Error>);
        let verdict = |((read, opened), shown): (Checked<E>, &Shown<'_>)| {
            let refuse = |why: String| {
                let participant = shown.claim.participant.clone();
                Ok(Err(Refusal::BadProof { participant, why }))
            };
            match opened.and(read) {
                Err(error @ (Error::World(_) | Error::Bug(_))) => Err(error),
                Err(error) => refuse(error.to_string()),
                Ok(_) if together => Ok(Ok(())),
                Ok((public, proof)) => match groth16::verify(&self.key, &public, &proof)? {
                    true => Ok(Ok(())),
                    false => refuse("it does not hold of this contribution".into()),
                },
            }
        };
        read.into_iter().zip(opened).zip(shown).map(verdict).collect()
    }

    /// The commitment to the weights of the round's model: for a batch, it is made once.
    fn weights(&self, shown: &Shown<'_>, seed: Option<&Secret>) -> Result<[u8; 32], Error> {
        let (terms, model) = (&self.terms, shown.claim.context.model);
        let make = || -> Result<[u8; 32], Error> {
            let shown = shown.model.ok_or_else(|| Error::caller("model", "the round's", "none"))?;
            let weights = terms.weights(shown)?;
            Ok(to_bytes(terms::weights(terms, &self.hashes, seed, &weights).1))
        };
        if terms.hidden_weights {
            return make();
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((digest, weights)) if digest == model => Ok(weights),
            _ => {
                let weights = make()?;
                *last = Some((model, weights));
                Ok(weights)
            }
        }
    }

    /// Whether the proof is about the update that was received, if one was.
    fn opens(&self, shown: &Shown<'_>) -> Result<(), Error> {
        let (update, _) = take(shown.proof)?;
        let Some((values, seed)) = shown.opening else { return Ok(()) };
        let integers = integers(&self.terms.spec, values)?;
        if to_bytes(terms::update(&self.terms, &self.hashes, seed, &integers).1) == update {
            return Ok(());
        }
        let found = "another update than was received";
        Err(Error::caller("commitment", "the update that was received", found))
    }

    /// The proof's points and its public inputs, of which the prover chooses none: all follow from
    /// what was claimed, ordered and received.
    fn instance(&self, shown: &Shown<'_>) -> Result<Instance<E>, Error> {
        let terms = &self.terms;
        let expected = shown.claim.context.model;
        if let Some(found) = shown.model.map(Params::digest).filter(|found| *found != expected) {
            return Err(Error::caller("model", expected.to_string(), found.to_string()));
        }
        let (update, rest) = take(shown.proof)?;
        let (travelled, rest) = match terms.hidden_weights {
            true => take(rest).map(|(weights, rest)| (Some(weights), rest))?,
            false => (None, rest),
        };
        let seed = shown.opening.map(|(_, seed)| seed);
        let weights = match (travelled, seed) {
            (Some(weights), None) => weights,
            _ => self.weights(shown, seed)?,
        };
        if travelled.is_some_and(|travelled| travelled != weights) {
            return Err(Error::caller("commitment", "the round's model", "other weights"));
        }
        let claim = &shown.claim;
        let bound = Bound { terms, key: self.digest, claim, order: shown.order };
        let public = bound.public(&Commitments { update, weights })?;
        Ok((public.elements(), groth16::read_proof::<E>(rest)?))
    }
}

fn integers(spec: &Spec, values: &[f32]) -> Result<Vec<i32>, Error> {
    if values.len() != spec.coordinates() {
        let expected = format!("{} values", spec.coordinates());
        return Err(Error::caller("update", expected, values.len().to_string()));
    }
    let integers = spec.integers(values);
    integers.ok_or_else(|| {
        let expected = format!("multiples of 2^-{}", spec.update_fraction);
        Error::caller("update", expected, "others")
    })
}

fn take(bytes: &[u8]) -> Result<([u8; 32], &[u8]), Error> {
    let parts = bytes.split_first_chunk::<32>();
    let parts = parts.map(|(first, rest)| (*first, rest));
    parts.ok_or_else(|| Error::caller("proof", "commitments and points", "too few bytes"))
}

/// Whether a proof holds of exactly what is shown beside it. Says why not.
pub fn verify_gradient_proof<E: Keyed>(
    verifier: &Verifier<E>,
    shown: &Shown<'_>,
) -> Result<Result<(), Refusal>, Error> {
    let verdicts = verifier.verify(std::slice::from_ref(shown))?;
    verdicts.into_iter().next().ok_or(Error::Bug("a proof has a verdict"))
}
