//! `tacit verify`: whether a proof holds of what is said beside it.

mod gradient;
mod range;

use crate::Ending;
use tacit_core::error::Error;

/// Verify a proof of an update.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Verify that an update is the gradient of data that its participant committed to.
    Gradient(gradient::Args),
    /// Verify that every coordinate of a gradient lies within bounds, and its norm.
    Range(range::Args),
}

pub fn main(args: Args) -> Result<Ending, Error> {
    match args.what {
        What::Gradient(args) => gradient::main(args),
        What::Range(args) => range::main(&args),
    }
}
