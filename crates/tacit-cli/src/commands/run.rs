//! `tacit run`: a whole federation on this machine, over real sockets.

use super::{on_real_devices, read_plan};
use crate::{Ending, folder, local};
use std::path::PathBuf;
use tacit_core::error::Error;

/// Train a federation on this machine: a coordinator and its participants over loopback TLS.
#[derive(clap::Args)]
pub struct Args {
    /// The plan; without it, digits over twenty participants.
    plan: Option<PathBuf>,
    /// Where the run writes; by default the first unused runs/NAME-N.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Folder with the keys of the plan's proof, in files that are named by their digests.
    #[arg(long)]
    keys: Option<PathBuf>,
}

pub fn main(args: Args) -> Result<Ending, Error> {
    let plan = on_real_devices(read_plan(args.plan.as_deref())?)?;
    let plan = local::committee::settled(plan)?;
    let dir = folder::choose(args.out, &plan)?;
    local::federation(&dir, &plan, args.keys.as_deref())
}
