//! `tacit verify gradient`: whether an update is the clipped gradient of committed data.

use crate::Ending;
use crate::commands::prove::digest;
use crate::commands::prove::gradient::{File, Place, Scene};
use std::path::PathBuf;
use std::time::Instant;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::proof::{Claim, Secret, Shown, Statement};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// The proof, as `tacit prove gradient` writes it.
    #[arg(long, default_value = "proof.json")]
    proof: PathBuf,
    /// The commitment that the participant enrolled with, hexadecimal; by default the file's.
    #[arg(long)]
    dataset: Option<String>,
    /// The coordinator's number of the round, 64 hexadecimal digits; by default the file's, so that
    /// a proof that is shown again holds again.
    #[arg(long)]
    nonce: Option<String>,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: Args) -> Result<Ending, Error> {
    let (file, scene) = (File::read(&args.proof)?, args.place.open()?);
    let start = Instant::now();
    let nonce = args.nonce.as_deref().map_or(Ok(file.nonce), |nonce| digest("nonce", nonce))?;
    let verdict = verify(&file, &scene, args.dataset.as_deref(), nonce)?;
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let opened = file.update.is_some();
    if args.json {
        let holds = verdict.is_ok();
        let why = verdict.as_ref().err().map(Refusal::to_string);
        let participant = &file.participant;
        let value = serde_json::json!({
            "holds": holds, "participant": participant, "round": file.round, "why": why,
            "update_compared": opened, "milliseconds": milliseconds,
            "dataset_compared": args.dataset.is_some(), "nonce_compared": args.nonce.is_some(),
        });
        println!("{value:#}");
    } else if let Err(why) = &verdict {
        println!("does NOT hold: {why}");
    } else {
        let of = if opened { "this update" } else { "an update that is not shown" };
        println!(
            "holds: {of} of {} in round {} is the clipped gradient of the data it committed to \
             ({milliseconds:.0} ms with reading the key)",
            file.participant, file.round
        );
        let own = [
            (&args.dataset, "data: --dataset compares them with those it enrolled with"),
            (&args.nonce, "nonce: --nonce tells whether the proof is of this round"),
        ];
        for (_, what) in own.into_iter().filter(|(given, _)| given.is_none()) {
            println!("on the proof's own word for its {what}");
        }
    }
    Ok(if verdict.is_ok() { Ending::Done } else { Ending::AuditFailed })
}

fn verify(
    file: &File,
    scene: &Scene,
    dataset: Option<&str>,
    nonce: Digest,
) -> Result<Result<(), Refusal>, Error> {
    let context = scene.context();
    let named = [
        ("plan of the proof", context.plan.to_string(), file.plan.to_string()),
        ("round of the proof", context.round.to_string(), file.round.to_string()),
        ("model of the proof", context.model.to_string(), file.model.to_string()),
        ("participant", scene.participant.to_string(), file.participant.to_string()),
    ];
    if let Some((what, expected, found)) = named.into_iter().find(|(_, x, y)| x != y) {
        return Err(Error::caller(what, expected, found));
    }
    let seed = match (&file.update, &file.seed) {
        (Some(_), Some(seed)) => Some(Secret::from_bytes(digest("seed", seed)?.0)),
        (None, None) => None,
        _ => return Err(Error::caller("proof file", "update and seed, or neither", "one of them")),
    };
    let dataset = File::bytes("data commitment", dataset.unwrap_or(&file.dataset))?;
    let proof = File::bytes("proof", &file.proof)?;
    let order = scene.plan.fit_order(scene.round, &scene.participant);
    let claim = Claim {
        context,
        participant: &scene.participant,
        signer: &[],
        nonce,
        dataset: &dataset,
        examples: file.examples,
    };
    let opening = file.update.as_deref().zip(seed.as_ref());
    let model = Some(&scene.model);
    let shown = Shown { claim, order: &order, model, proof: &proof, opening };
    let statement = Statement { plan: &scene.plan, layout: scene.model.layout() };
    let verifier = scene.proof.verifier(&statement, &scene.keys)?;
    let verdicts = verifier.verify(std::slice::from_ref(&shown))?;
    verdicts.into_iter().next().ok_or(Error::Bug("a proof has a verdict"))
}
