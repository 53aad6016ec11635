//! Everything that a proof is bound to, in one place: whatever Fiat–Shamir challenge or public
//! input a proof has, it depends on the digest of its [`Occasion`]. So a proof for another round,
//! participant, model or plan does not verify.
//!
//! Groth16 proofs can be re-randomised by anybody: two proofs with different bytes may be one, so
//! what is proved is told apart by its occasion and never by the bytes of its proof.

use ark_ff::PrimeField;
use tacit_core::digest::Digest;
use tacit_core::ids::ParticipantId;
use tacit_core::traits::Context;

/// Version of the statements; a change of any circuit, encoding or challenge changes it.
const VERSION: &str = "tacit/v1/proof";

/// What one proof is about: who proves what, where and when.
#[derive(Clone, Debug)]
pub struct Occasion<'a> {
    /// Which statement: `gradient` or `range`, with its version.
    pub statement: &'static str,
    /// Digest of the verification key, which fixes the circuit; of the parameters where there is
    /// no key.
    pub key: Digest,
    /// Plan, round and model.
    pub context: Context,
    /// Who proves.
    pub participant: &'a ParticipantId,
    /// The participant's public signing key; empty in simulations.
    pub signer: &'a [u8],
    /// Drawn by the coordinator for the round.
    pub nonce: Digest,
    /// Hyper-parameters of the statement, canonically encoded.
    pub parameters: &'a [u8],
    /// The commitment to the participant's data; empty where the statement is not about data.
    pub dataset: &'a [u8],
    /// The commitment to the update.
    pub update: &'a [u8],
}

impl Occasion<'_> {
    /// Names the occasion: every field, injectively encoded.
    pub fn digest(&self) -> Digest {
        let Context { plan, round, model } = &self.context;
        Digest::of_parts(
            VERSION,
            &[
                self.statement.as_bytes(),
                &self.key.0,
                &plan.0,
                &round.to_le_bytes(),
                &model.0,
                self.participant.as_str().as_bytes(),
                self.signer,
                &self.nonce.0,
                self.parameters,
                self.dataset,
                self.update,
            ],
        )
    }

    /// The digest as a public input: its first 248 bits, which every field holds without wrapping.
    pub fn input<F: PrimeField>(&self) -> F {
        F::from_le_bytes_mod_order(&self.digest().0[..31])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fr;
    use std::collections::BTreeSet;

    /// A proof must not verify on any other occasion.
    #[test]
    fn every_field_counts() {
        let [one, two] = [1, 2].map(|byte| Digest([byte; 32]));
        let context = |plan, round, model| Context { plan, round, model };
        let ann = ParticipantId::parse("ann").unwrap();
        let bob = ParticipantId::parse("bob").unwrap();
        let first = Occasion {
            statement: "gradient/1",
            key: one,
            context: context(one, 1, one),
            participant: &ann,
            signer: b"key",
            nonce: one,
            parameters: b"",
            dataset: b"data",
            update: b"",
        };
        let others = [
            first.clone(),
            Occasion { statement: "range/1", ..first.clone() },
            Occasion { key: two, ..first.clone() },
            Occasion { context: context(two, 1, one), ..first.clone() },
            Occasion { context: context(one, 2, one), ..first.clone() },
            Occasion { context: context(one, 1, two), ..first.clone() },
            Occasion { participant: &bob, ..first.clone() },
            Occasion { signer: b"kez", ..first.clone() },
            Occasion { nonce: two, ..first.clone() },
            Occasion { parameters: b"a", ..first.clone() },
            Occasion { dataset: b"dat", update: b"a", ..first.clone() },
            Occasion { update: b"a", ..first.clone() },
        ];
        let digests: BTreeSet<Digest> = others.iter().map(Occasion::digest).collect();
        assert_eq!(digests.len(), others.len());
        let inputs: BTreeSet<Fr> = others.iter().map(Occasion::input).collect();
        assert_eq!(inputs.len(), others.len());
    }
}
