//! `tacit verify range`: whether a proof of bounds holds, with or without the gradient.

use crate::Ending;
use crate::commands::prove::digest;
use crate::commands::prove::range::{Bounds, Claim, Claimed, File, numbers};
use crate::commands::read_text;
use std::path::PathBuf;
use std::time::Instant;
use tacit_core::error::{Error, Refusal};
use tacit_core::proof::Secret;
use tacit_zk::range::verify_gradient_in_range;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The proof, as `tacit prove range` writes it.
    #[arg(default_value = "range-proof.json")]
    proof: PathBuf,
    /// The gradient, for who was given it: the proof must be about it.
    #[arg(long, requires = "opening")]
    gradient: Option<PathBuf>,
    /// The digits that came with the gradient.
    #[arg(long, requires = "gradient")]
    opening: Option<PathBuf>,
    #[command(flatten)]
    bounds: Bounds,
    #[command(flatten)]
    claimed: Claimed,
    /// Print the verdict as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<Ending, Error> {
    let file = File::read(&args.proof)?;
    let (claim, fixed) = (Claim::new(&args.claimed, &args.bounds)?, args.bounds.fixed()?);
    if let Some((what, asked, proved)) = claim.differs(&file.claim) {
        return Err(Error::caller(what, format!("{asked}, as asked for"), proved));
    }
    let gradient = args.gradient.as_deref().map(numbers).transpose()?;
    let seed = args.opening.as_deref().map(|path| digest("opening", &read_text(path, 256)?));
    let seed = seed.transpose()?.map(|digest| Secret::from_bytes(digest.0));
    let opening = gradient.as_deref().zip(seed.as_ref());
    let (proof, counted) = (file.proof()?, (file.coordinates, &fixed));
    let start = Instant::now();
    let verdict = match verify_gradient_in_range(counted, &claim.occasion(), &proof, opening) {
        Ok(()) => Ok(()),
        Err(Error::Peer(why)) => Err(why),
        Err(other) => return Err(other),
    };
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    let Bounds { min, max, scale, norm_l2 } = &args.bounds;
    if args.json {
        let why = verdict.as_ref().err().map(Refusal::to_string);
        let value = serde_json::json!({
            "holds": verdict.is_ok(), "claim": claim, "coordinates": file.coordinates,
            "why": why, "gradient_compared": opening.is_some(), "milliseconds": milliseconds,
        });
        println!("{value:#}");
    } else if let Err(why) = &verdict {
        println!("does NOT hold: {why}");
    } else {
        let of = if opening.is_some() { "this gradient" } else { "a gradient that is not shown" };
        let norm = norm_l2.map_or(String::new(), |norm| format!(", L2 norm at most {norm}"));
        println!(
            "holds: {of}, of {} in round {}, has {} coordinates from {min} to {max} in steps of \
             1/{scale}{norm} ({milliseconds:.0} ms)",
            claim.participant, claim.round, file.coordinates
        );
    }
    Ok(if verdict.is_ok() { Ending::Done } else { Ending::AuditFailed })
}
