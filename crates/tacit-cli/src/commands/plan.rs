//! `tacit plan`: check, schema, example.

use super::read_plan;
use crate::Ending;
use std::path::PathBuf;
use tacit_core::error::Error;
use tacit_core::plan::{self, Plan};

/// Check a plan, or print its schema or an example.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Say whether a plan is coherent; if so, print it with every default explicit.
    Check {
        /// The plan.
        file: PathBuf,
    },
    /// Print the JSON Schema of plans.
    Schema,
    /// Print a commented plan with every key.
    Example,
}

pub fn main(args: Args) -> Result<Ending, Error> {
    let registry = tacit_sim::registry()?;
    match args.action {
        Action::Check { file } => {
            let plan: Plan = read_plan(Some(&file))?;
            print!("{}", plan.to_toml());
            if let Some(promise) = plan.promise()? {
                eprintln!("{promise}");
            }
            eprintln!("{}: coherent; plan hash {}", file.display(), plan.digest());
        }
        Action::Schema => println!("{:#}", plan::schema(&registry)),
        Action::Example => print!("{}", plan::example(&registry)),
    }
    Ok(Ending::Done)
}
