//! `tacit prove range`: that a gradient is within bounds, from a file of numbers.

use super::{apart, digest, read_bytes, write, write_secret};
use crate::Ending;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tacit_core::codec::{hex, unhex};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::proof::Secret;
use tacit_core::traits::Context;
use tacit_sim::ports::SystemEntropy;
use tacit_zk::range::{FixedPoint, gradient_clipping_with_zk_proof, prove_gradient_in_range};
use tacit_zk::transcript::Occasion;

/// A file of numbers in bytes: a million of them, each of 24 digits and signs.
const NUMBERS_BYTES: u64 = 24_000_000;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The gradient: numbers, apart by commas or white space.
    gradient: PathBuf,
    /// Clip the gradient to the bounds first, and write what is left of it here.
    #[arg(long)]
    clipped: Option<PathBuf>,
    /// Where the proof goes, with what it is about. It does not show the gradient.
    #[arg(long, default_value = "range-proof.json")]
    out: PathBuf,
    /// Where 64 digits go that open the commitments: for whoever may see the gradient.
    #[arg(long, default_value = "opening.hex")]
    opening: PathBuf,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    claimed: Claimed,
}

/// What is proved of a gradient's coordinates.
#[derive(Clone, PartialEq, clap::Args, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct Bounds {
    /// Smallest coordinate, 0 or less.
    #[arg(long, default_value_t = -10.0, allow_negative_numbers = true)]
    pub min: f64,
    /// Largest coordinate, 0 or more.
    #[arg(long, default_value_t = 10.0, allow_negative_numbers = true)]
    pub max: f64,
    /// Steps of 1 that coordinates are multiples of.
    #[arg(long, default_value_t = 1_000)]
    pub scale: u32,
    /// Largest L2 norm, if that is proved too.
    #[arg(long, allow_negative_numbers = true)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm_l2: Option<f64>,
}

/// Who proves it, where and when: a proof holds for exactly that.
#[derive(clap::Args)]
pub(in crate::commands) struct Claimed {
    /// Who proves it.
    #[arg(long, default_value = "p0")]
    participant: String,
    /// The round, from 1.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    round: u32,
    /// Digest of the plan, 64 hexadecimal digits; zeros by default.
    #[arg(long)]
    plan: Option<String>,
    /// Digest of the round's model.
    #[arg(long)]
    model: Option<String>,
    /// What the verifier drew for this proof.
    #[arg(long)]
    nonce: Option<String>,
}

/// What a proof is about, beside the gradient.
#[derive(PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::commands) struct Claim {
    pub participant: ParticipantId,
    pub round: u32,
    pub plan: Digest,
    pub model: Digest,
    pub nonce: Digest,
    #[serde(flatten)]
    pub bounds: Bounds,
}

/// A proof with what it is about, as a file.
#[derive(serde::Serialize, serde::Deserialize)]
pub(in crate::commands) struct File {
    pub claim: Claim,
    pub coordinates: usize,
    /// Hexadecimal.
    pub proof: String,
}

impl Bounds {
    pub fn fixed(&self) -> Result<FixedPoint, Error> {
        FixedPoint::new(self.min, self.max, self.scale, self.norm_l2)
    }
}

impl Claim {
    pub fn new(claimed: &Claimed, bounds: &Bounds) -> Result<Self, Error> {
        let parse = |what, text: &Option<String>| {
            text.as_deref().map_or(Ok(Digest::default()), |text| digest(what, text))
        };
        Ok(Self {
            participant: crate::commands::pki::participant(&claimed.participant)?,
            round: claimed.round,
            plan: parse("digest of the plan", &claimed.plan)?,
            model: parse("digest of the model", &claimed.model)?,
            nonce: parse("nonce", &claimed.nonce)?,
            bounds: bounds.clone(),
        })
    }

    /// What the proof is about and was not asked for: its name, and both.
    pub fn differs(&self, proved: &Self) -> Option<(&'static str, String, String)> {
        type Field = (&'static str, fn(&Claim) -> String);
        let fields: [Field; 9] = [
            ("participant", |claim| claim.participant.to_string()),
            ("round", |claim| claim.round.to_string()),
            ("digest of the plan", |claim| claim.plan.to_string()),
            ("digest of the model", |claim| claim.model.to_string()),
            ("nonce", |claim| claim.nonce.to_string()),
            ("smallest coordinate", |claim| claim.bounds.min.to_string()),
            ("largest coordinate", |claim| claim.bounds.max.to_string()),
            ("steps of 1", |claim| claim.bounds.scale.to_string()),
            ("L2 norm", |claim| match claim.bounds.norm_l2 {
                Some(norm) => format!("at most {norm}"),
                None => "no bound".into(),
            }),
        ];
        let both = fields.map(|(what, text)| (what, text(self), text(proved)));
        both.into_iter().find(|(_, asked, proved)| asked != proved)
    }

    /// The occasion; its statement and what that is about are filled in by whoever proves.
    pub fn occasion(&self) -> Occasion<'_> {
        Occasion {
            statement: "",
            key: Digest::default(),
            context: Context { plan: self.plan, round: self.round, model: self.model },
            participant: &self.participant,
            signer: b"",
            nonce: self.nonce,
            parameters: b"",
            dataset: b"",
            update: b"",
        }
    }
}

impl File {
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = read_bytes(path, limits::PROOF_BYTES * 2 + 4096)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Error::caller("proof file", "what tacit prove range writes", error.to_string())
        })
    }

    pub fn proof(&self) -> Result<Vec<u8>, Error> {
        let found = || Error::caller("proof", "lower-case hexadecimal", "other text");
        unhex(&self.proof).ok_or_else(found)
    }
}

/// A file of numbers, apart by commas or white space.
pub(in crate::commands) fn numbers(path: &Path) -> Result<Vec<f32>, Error> {
    let bytes = read_bytes(path, NUMBERS_BYTES)?;
    let text = String::from_utf8_lossy(&bytes);
    let words = text.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
    let number = |word: &str| {
        word.parse().map_err(|_| {
            let shown: String = word.escape_debug().take(24).collect();
            Error::caller("gradient", "numbers apart by commas or white space", shown)
        })
    };
    words.map(number).collect()
}

pub(super) fn main(args: &Args) -> Result<Ending, Error> {
    let fixed = args.bounds.fixed()?;
    let claim = Claim::new(&args.claimed, &args.bounds)?;
    let files = [Some(&args.gradient), args.clipped.as_ref(), Some(&args.out), Some(&args.opening)];
    apart(&files.map(|path| path.map(PathBuf::as_path)))?;
    let given = numbers(&args.gradient)?;
    let mut gradient = given.clone();
    let coordinates = gradient.len();
    let (occasion, entropy) = (claim.occasion(), &mut SystemEntropy);
    let seed = Secret::draw(entropy)?;
    let start = Instant::now();
    let proof = match &args.clipped {
        None => {
            let proof = prove_gradient_in_range(&gradient, &fixed, &seed, &occasion, entropy);
            proof.map_err(|error| match error {
                Error::Peer(why) => Error::caller(
                    "gradient",
                    "multiples of 1 / scale within the bounds; --clipped FILE makes them",
                    why.to_string(),
                ),
                other => other,
            })?
        }
        Some(_) => {
            gradient_clipping_with_zk_proof(&mut gradient, &fixed, &seed, &occasion, entropy)?
        }
    };
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let file = File { claim, coordinates, proof: hex(&proof) };
    let text = serde_json::to_string_pretty(&file)
        .map_err(|_| Error::Bug("a proof's file is written as JSON"))?;
    write_secret(&args.opening, &seed)?;
    if let Some(clipped) = &args.clipped {
        let lines: String = gradient.iter().map(|value| format!("{value}\n")).collect();
        write(clipped, lines.as_bytes())?;
    }
    write(&args.out, text.as_bytes())?;
    let changed = given.iter().zip(&gradient).filter(|(was, is)| was != is).count();
    if changed > 0 {
        println!(
            "clipped: {changed} of {coordinates} coordinates are others than in {}",
            args.gradient.display()
        );
    }
    println!(
        "{}: {coordinates} coordinates, proof of {} bytes in {milliseconds:.0} ms; {} opens it",
        args.out.display(),
        proof.len(),
        args.opening.display()
    );
    Ok(Ending::Done)
}
