//! `tacit aggregator`: one of a committee.

use super::{pki, read_plan};
use crate::{Ending, stop};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tacit_core::error::Error;
use tacit_node::committee::{Aggregator, Counter, Setting};
use tacit_node::pki::Revocations;
use tacit_node::server::{Bounds, Server, Setup};
use tacit_node::telemetry::{Exposition, Metrics};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Hold shares of updates and tell their sum: one aggregator of a committee.
#[derive(clap::Args)]
pub struct Args {
    /// The plan that was agreed on.
    plan: PathBuf,
    /// Which of the plan's aggregators this is, from 0.
    #[arg(long)]
    number: usize,
    /// Name of this aggregator's certificate.
    #[arg(long)]
    name: String,
    /// Name of the coordinator's certificate: nobody else is told a sum.
    #[arg(long, default_value = "coordinator")]
    coordinator: String,
    /// Directory with ca.cert.pem, revoked.crl.pem, issued/NAME.cert.pem and issued/NAME.key.pem.
    #[arg(long, default_value = "pki")]
    pki: PathBuf,
    /// Address to listen on.
    #[arg(long, default_value = "0.0.0.0:8444")]
    listen: SocketAddr,
    /// Where this aggregator keeps shares, and what it has answered: a new folder for each run.
    #[arg(long, default_value = "tacit-aggregator")]
    state: PathBuf,
    /// Serve Prometheus metrics and /health without TLS on this address.
    #[arg(long)]
    metrics: Option<SocketAddr>,
}

pub fn main(args: Args) -> Result<Ending, Error> {
    let plan = read_plan(Some(&args.plan))?;
    let name = pki::participant(&args.name)?;
    let identity = Arc::new(pki::identity(&args.pki, &name)?);
    let coordinator = pki::participant(&args.coordinator)?;
    let title = format!("{} (plan {})", plan.name(), plan.digest());
    let setting = Setting { plan, number: args.number, identity: identity.clone(), coordinator };
    let aggregator = Aggregator::open(&args.state.join(name.as_str()), setting)?;
    let runtime = Runtime::new().map_err(|e| Error::world("starting the runtime", e))?;
    runtime.block_on(async {
        let metrics = Arc::new(Metrics::new());
        let _exposition = match args.metrics {
            Some(address) => Some(Exposition::start(bind(address).await?, metrics.clone())?),
            None => None,
        };
        let list = args.pki.join("revoked.crl.pem");
        let setup = Setup {
            revocations: Arc::new(Revocations::watch(&identity, &list)?),
            identity,
            desk: Arc::new(Counter(aggregator)),
            metrics,
            bounds: Bounds::default(),
        };
        let server = Server::start(bind(args.listen).await?, setup)?;
        eprintln!("{name} aggregates {title} on https://{}", server.address());
        stop::requested().await;
        server.stop(Duration::from_secs(5)).await;
        Ok(Ending::Done)
    })
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|e| Error::world(format!("listening on {address}"), e))
}
