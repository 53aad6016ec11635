//! The rule `groth16`: each update is proved to be the exact gradient step of the data that its
//! participant enrolled with.

use super::circuit::compile;
use super::commit::Dataset;
use super::provable;
use super::prove::Prover;
use super::spec::Spec;
use super::terms::Terms;
use super::trainer;
use super::verify::Verifier;
use crate::ceremony::{Phase, State, Transcript};
use crate::curve::{Curve, with_engine};
use crate::groth16::{Keyed, VerifyingKey, read_proving_key};
use crate::poseidon::Hashes;
use crate::r1cs::Circuit;
use ark_ec::pairing::Pairing;
use tacit_core::data::{DataShape, Shard};
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::params::Layout;
use tacit_core::plan::Plan;
use tacit_core::proof::{
    Claim, Proved, Secret, Shown, Sizes, Statement, Summands, Unprovable, Work,
};
use tacit_core::registry::{Arguments, Default, Entry, Family, Kind as Takes, Make, Parameter};
use tacit_core::traits::{self, Entropy, Keys, View};

/// The rule.
pub const ENTRY: Entry = Entry {
    name: "groth16",
    help: "proves that each update is the exact gradient step of committed data (Groth 2016)",
    parameters: &[
        Parameter {
            name: "proving_key",
            help: "SHA-256 of the circuit's proving key, as it came out of the ceremony",
            kind: Takes::Text,
            default: Default::Required,
        },
        Parameter {
            name: "verification_key",
            help: "SHA-256 of the circuit's verification key",
            kind: Takes::Text,
            default: Default::Required,
        },
        Parameter {
            name: "transcript",
            help: "head of the ceremony's transcript, to which both keys are pinned",
            kind: Takes::Text,
            default: Default::Required,
        },
        Parameter {
            name: "curve",
            help: "bn254, of about 100 bits of security, or bls12-381, of about 120",
            kind: Takes::Word(&["bn254", "bls12-381"]),
            default: Default::Text("bn254"),
        },
        Parameter {
            name: "hidden_weights",
            help: "show third parties a commitment to the model instead of the model",
            kind: Takes::Flag,
            default: Default::Flag(false),
        },
    ],
    make: Make::Proof(|arguments| Ok(Box::new(Rule::new(arguments)?))),
};

/// How the files of a ceremony's keys begin.
const ZKEY: &[u8] = b"zkey";

/// The circuit of a plan's gradient proofs; its keys need not exist yet.
pub fn circuit_of(plan: &Plan, layout: &Layout) -> Result<Circuit, Error> {
    let choice = plan.choice(Family::Proof);
    if choice.name() != ENTRY.name {
        return Err(Error::caller("proof", ENTRY.name, choice.name()));
    }
    let rule = Rule::new(choice.arguments())?;
    let spec = rule.terms(plan, &shape(layout)?)?.spec;
    match rule.curve {
        Curve::Bn254 => Ok(compile(&spec, &Hashes::<ark_bn254::Fr>::default())?.into()),
        Curve::Bls12_381 => Ok(compile(&spec, &Hashes::<ark_bls12_381::Fr>::default())?.into()),
    }
}

/// Refuses the keys that a plan names unless they are those of a ceremony for the circuit of its
/// proofs: `transcript`, which was checked when it was read, and the last file that it names. That
/// the contributions of the ceremony are right is another matter, which takes its powers of tau.
pub fn check_ceremony(
    plan: &Plan,
    layout: &Layout,
    transcript: &Transcript,
    file: &[u8],
) -> Result<(), Error> {
    let same = |what, expected: Digest, found: Digest| match found == expected {
        true => Ok(()),
        false => Err(Error::caller(what, expected.to_string(), found.to_string())),
    };
    let circuit = circuit_of(plan, layout)?.digest();
    let rule = Rule::new(plan.choice(Family::Proof).arguments())?;
    let Phase::Circuit { circuit: made, .. } = transcript.opening.phase else {
        return Err(Error::caller("ceremony", "one for a circuit's keys", "one for powers of tau"));
    };
    same("circuit of the ceremony", circuit, made)?;
    same("head of the ceremony's transcript", rule.transcript, transcript.head())?;
    same("file of the ceremony", transcript.file(), Digest::of_bytes(file))?;
    let key = State::read(file)?.proving_key(transcript.head())?;
    let made = Digest::of_bytes(&key.verifying().write());
    same("verification key of the ceremony", rule.verification_key, made)
}

struct Rule {
    proving_key: Digest,
    verification_key: Digest,
    transcript: Digest,
    curve: Curve,
    hidden_weights: bool,
}

impl Rule {
    fn new(arguments: &Arguments) -> Result<Self, Error> {
        let digest = |name: &'static str| {
            let text = arguments.text(name)?;
            let found = || Error::caller(name, "64 hexadecimal digits", text.to_owned());
            Digest::parse(text).ok_or_else(found)
        };
        Ok(Self {
            proving_key: digest("proving_key")?,
            verification_key: digest("verification_key")?,
            transcript: digest("transcript")?,
            curve: Curve::parse(arguments.text("curve")?)
                .ok_or(Error::Bug("a word of a parameter is none of its values"))?,
            hidden_weights: arguments.flag("hidden_weights")?,
        })
    }

    fn terms(&self, plan: &Plan, shape: &DataShape) -> Result<Terms, Error> {
        let choice = plan.choice(Family::Trainer);
        let kind = provable::kind(plan);
        let kind = kind.ok_or(Error::Bug("a plan is checked before its proof is used"))?;
        let (batch, curve) = (plan.training().batch_size, self.curve);
        let (spec, clip_norm) = trainer::spec(kind, choice.arguments(), shape, batch)?;
        spec.check_circuit()?;
        Ok(Terms { spec, curve, clip_norm, hidden_weights: self.hidden_weights })
    }

    fn of(&self, statement: &Statement<'_>) -> Result<Terms, Error> {
        self.terms(statement.plan, &shape(statement.layout)?)
    }
}

/// The shape of the data that a model of the exact trainers is for.
fn shape(layout: &Layout) -> Result<DataShape, Error> {
    let tensors = layout.tensors();
    match tensors.first().map(|tensor| &tensor.shape[..]) {
        Some([outputs, features]) if tensors.len() == 2 => {
            let classes = if *outputs == 1 { 2 } else { *outputs };
            Ok(DataShape { features: vec![*features], classes })
        }
        _ => {
            let found = format!("{} tensors", tensors.len());
            Err(Error::caller("model", "weight and bias of one layer", found))
        }
    }
}

impl traits::Proof for Rule {
    fn needs(&self) -> View {
        View::Each
    }

    fn check(&self, plan: &Plan) -> Result<(), Unprovable> {
        provable::check(plan)
    }

    fn sizes(&self, of: &Statement<'_>) -> Result<Sizes, Error> {
        self.of(of)?;
        let points = match self.curve {
            Curve::Bn254 => 128,
            Curve::Bls12_381 => 192,
        };
        let commitments = if self.hidden_weights { 64 } else { 32 };
        let (proof_bytes, model) = (commitments + points, !self.hidden_weights);
        Ok(Sizes { proof_bytes, blindings: 0, commits: true, model })
    }

    fn commit(
        &self,
        plan: &Plan,
        shard: &Shard,
        secret: &Secret,
    ) -> Result<Option<Vec<u8>>, Error> {
        let spec = self.terms(plan, shard.shape())?.spec;
        with_engine!(self.curve, E => commit::<E>(&spec, shard, secret)).map(Some)
    }

    fn prover(
        &self,
        of: &Statement<'_>,
        keys: &dyn Keys,
    ) -> Result<Box<dyn traits::Prover>, Error> {
        let terms = self.of(of)?;
        let bytes = keys.read(self.proving_key)?;
        with_engine!(self.curve, E => {
            let key = match bytes.starts_with(ZKEY) {
                true => State::read(&bytes)?.proving_key(self.transcript)?,
                false => read_proving_key::<E>(&bytes, self.transcript)?,
            };
            Ok(Box::new(Prover::<E>::new(terms, key)?))
        })
    }

    fn verifier(
        &self,
        of: &Statement<'_>,
        keys: &dyn Keys,
    ) -> Result<Box<dyn traits::Verifier>, Error> {
        let terms = self.of(of)?;
        let key = VerifyingKey::read(&keys.read(self.verification_key)?, self.transcript)?;
        with_engine!(self.curve, E => Ok(Box::new(Verifier::<E>::new(terms, key)?)))
    }
}

fn commit<E: Keyed>(spec: &Spec, shard: &Shard, secret: &Secret) -> Result<Vec<u8>, Error> {
    let hashes = Hashes::<<E as Pairing>::ScalarField>::default();
    Ok(Dataset::new(spec, &hashes, *secret.bytes(), shard)?.commitment().to_bytes())
}

impl<E: Keyed> traits::Prover for Prover<E> {
    fn prove(
        &mut self,
        claim: &Claim<'_>,
        work: &Work<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Proved, Error> {
        Prover::prove(self, claim, work, entropy)
    }
}

impl<E: Keyed> traits::Verifier for Verifier<E> {
    fn verify(&self, shown: &[Shown<'_>]) -> Result<Vec<Result<(), Refusal>>, Error> {
        Verifier::verify(self, shown)
    }

    fn verify_sum(&self, _: &Summands<'_>) -> Result<(), Error> {
        Err(Error::Bug("a proof of single updates was asked about a sum"))
    }
}
