//! `tacit status`: how a run stands.

use super::pki;
use crate::Ending;
use std::path::PathBuf;
use std::sync::Arc;
use tacit_core::error::Error;
use tacit_node::client::{HttpTransport, Patience};
use tokio::runtime::Runtime;

/// Ask a coordinator how its run stands.
#[derive(clap::Args)]
pub struct Args {
    /// The coordinator, such as `https://coordinator.example:8443`.
    #[arg(long)]
    coordinator: String,
    /// Name of the certificate to ask with.
    #[arg(long)]
    name: String,
    /// Directory with ca.cert.pem and issued/NAME.{cert,key}.pem.
    #[arg(long, default_value = "pki")]
    pki: PathBuf,
}

pub fn main(args: Args) -> Result<Ending, Error> {
    let name = pki::participant(&args.name)?;
    let identity = Arc::new(pki::identity(&args.pki, &name)?);
    let runtime = Runtime::new().map_err(|e| Error::world("starting the runtime", e))?;
    let patience = Patience { total: std::time::Duration::from_secs(10), ..Patience::default() };
    let status = runtime.block_on(async {
        HttpTransport::new(&args.coordinator, identity, patience)?.status().await
    })?;
    println!("plan      {}", status.plan);
    println!("round     {} of {}, {}", status.round, status.rounds, status.state);
    println!("enrolled  {}", status.enrolled);
    println!("cohort    {} of {} contributed", status.accepted, status.cohort);
    if let Some(accuracy) = status.accuracy {
        println!("accuracy  {accuracy:.4}");
    }
    println!("log       {} entries", status.log_size);
    Ok(Ending::Done)
}
