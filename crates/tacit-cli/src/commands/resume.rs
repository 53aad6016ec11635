//! `tacit resume`: continues a run after a stop or a crash.

use super::{on_real_devices, read_plan};
use crate::commands::serve;
use crate::{Ending, local};
use std::path::PathBuf;
use tacit_core::error::Error;

/// Continue a run from its folder: of `tacit run` or of `tacit serve`.
#[derive(clap::Args)]
pub struct Args {
    /// The run's folder.
    dir: PathBuf,
    /// Folder with the keys of the plan's proof, in files that are named by their digests; the
    /// one that `tacit serve` was told where this is left out.
    #[arg(long)]
    keys: Option<PathBuf>,
}

pub fn main(args: Args) -> Result<Ending, Error> {
    let plan_file = args.dir.join("plan.toml");
    if !plan_file.exists() || !args.dir.join("state").exists() {
        let found = args.dir.display().to_string();
        return Err(Error::caller(
            "folder",
            "a run that was begun, with plan.toml and state/",
            found,
        ));
    }
    let plan = on_real_devices(read_plan(Some(&plan_file))?)?;
    match serve::kept_settings(&args.dir)? {
        Some(settings) => serve::coordinate(&args.dir, plan, &settings.with_keys(args.keys)),
        None => local::federation(&args.dir, &plan, args.keys.as_deref()),
    }
}
