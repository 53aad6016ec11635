//! A proof that proves nothing, but to worlds and tests: digests where each update is seen, and
//! where only sums are opened commitments that add up and that anybody could open.

use tacit_core::data::Shard;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::params::bytes_of;
use tacit_core::plan::Plan;
use tacit_core::proof::{
    Claim, Proved, Secret, Shown, Sizes, Statement, Summands, Unprovable, Values, Work,
};
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter};
use tacit_core::traits::{Entropy, Keys, Proof, Prover, Verifier, View};

/// The rule.
pub const ENTRY: Entry = Entry {
    name: "toy",
    help: "digests, for worlds and tests",
    parameters: &[Parameter {
        name: "liar",
        help: "a participant that proves something else",
        kind: Kind::Text,
        default: Default::Text(""),
    }],
    make: Make::Proof(|arguments| Ok(Box::new(Toy::new(arguments)?))),
};

/// What a blinding is multiplied by.
const FACTOR: i64 = 0x9E37_79B9_7F4A_7C15u64 as i64;

#[derive(Clone)]
struct Toy {
    liar: String,
}

impl Toy {
    fn new(arguments: &Arguments) -> Result<Self, Error> {
        Ok(Self { liar: arguments.text("liar")?.to_owned() })
    }
}

fn bound(claim: &Claim<'_>) -> Digest {
    Digest::of_parts(
        "toy/claim",
        &[
            &claim.context.plan.0,
            &claim.context.round.to_le_bytes(),
            &claim.context.model.0,
            claim.participant.as_str().as_bytes(),
            claim.signer,
            &claim.nonce.0,
            claim.dataset,
            &claim.examples.to_le_bytes(),
        ],
    )
}

fn of_update(claim: &Claim<'_>, values: &[f32], seed: &Secret) -> Vec<u8> {
    let update = bytes_of(values);
    Digest::of_parts("toy/update", &[&bound(claim).0, &update, seed.bytes()]).0.to_vec()
}

impl Proof for Toy {
    fn needs(&self) -> View {
        View::Sum
    }

    fn check(&self, _: &Plan) -> Result<(), Unprovable> {
        Ok(())
    }

    fn sizes(&self, of: &Statement<'_>) -> Result<Sizes, Error> {
        let hidden = of.sums()?.is_some();
        let len = of.layout.len() as u64;
        let proof_bytes = if hidden { 32 + 8 * len } else { 32 };
        Ok(Sizes { proof_bytes, blindings: usize::from(hidden), commits: true, model: false })
    }

    fn settle(&self, update: &mut [f32]) {
        update.iter_mut().for_each(|x| *x = (*x * 1024.0).trunc() / 1024.0);
    }

    fn commit(&self, _: &Plan, shard: &Shard, secret: &Secret) -> Result<Option<Vec<u8>>, Error> {
        let rows: Vec<u8> = (0..shard.len()).flat_map(|i| bytes_of(shard.get(i).0)).collect();
        Ok(Some(Digest::of_parts("toy/data", &[secret.bytes(), &rows]).0.to_vec()))
    }

    fn prover(&self, _: &Statement<'_>, _: &dyn Keys) -> Result<Box<dyn Prover>, Error> {
        Ok(Box::new(self.clone()))
    }

    fn verifier(&self, _: &Statement<'_>, _: &dyn Keys) -> Result<Box<dyn Verifier>, Error> {
        Ok(Box::new(self.clone()))
    }
}

impl Prover for Toy {
    fn prove(
        &mut self,
        claim: &Claim<'_>,
        work: &Work<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Proved, Error> {
        let lies = claim.participant.as_str() == self.liar;
        match work.values {
            Values::Each(values) => {
                let mut proof = of_update(claim, values, work.seed);
                proof[0] ^= u8::from(lies);
                Ok(Proved { proof, blindings: Vec::new() })
            }
            Values::Levels(levels) => {
                let mut byte = [0];
                entropy.fill(&mut byte)?;
                let blinding = i64::from(byte[0] & 15);
                let commit = |level: &i64| {
                    (level + i64::from(lies)).wrapping_add(blinding.wrapping_mul(FACTOR))
                };
                let mut proof = bound(claim).0.to_vec();
                proof.extend(levels.iter().flat_map(|level| commit(level).to_le_bytes()));
                Ok(Proved { proof, blindings: vec![blinding as u64] })
            }
        }
    }
}

impl Verifier for Toy {
    fn verify(&self, shown: &[Shown<'_>]) -> Result<Vec<Result<(), Refusal>>, Error> {
        let verdict = |shown: &Shown<'_>| {
            let holds = match &shown.opening {
                Some((values, seed)) => shown.proof == of_update(&shown.claim, values, seed),
                None if shown.proof.len() == 32 => true,
                None => shown.proof.starts_with(&bound(&shown.claim).0),
            };
            let participant = shown.claim.participant.clone();
            let why = "it is the digest of something else".into();
            if holds { Ok(()) } else { Err(Refusal::BadProof { participant, why }) }
        };
        Ok(shown.iter().map(verdict).collect())
    }

    fn verify_sum(&self, sum: &Summands<'_>) -> Result<(), Error> {
        for (place, level) in sum.levels.iter().enumerate() {
            let commitment = |proof: &&[u8]| {
                let at = 32 + 8 * place;
                let bytes = proof.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
                bytes.map_or(0, i64::from_le_bytes)
            };
            let product = sum.proofs.iter().map(commitment).fold(0, i64::wrapping_add);
            let blinding = sum.blindings.first().copied().unwrap_or_default() as i64;
            if product != level.wrapping_add(blinding.wrapping_mul(FACTOR)) {
                let expected = "the sum of what was proved";
                return Err(Error::caller("sum", expected, "another"));
            }
        }
        Ok(())
    }
}
