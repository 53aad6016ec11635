//! `tacit serve`: the coordinator of a real federation.

use super::{on_real_devices, pki, read_plan};
use crate::progress::Display;
use crate::{Ending, folder, local, stop};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tacit_core::error::Error;
use tacit_core::limits;
use tacit_core::plan::Plan;
use tacit_core::traits::Clock;
use tacit_learn::federation;
use tacit_node::committee::Committee;
use tacit_node::coordinator::{Coordinator, Front, Setting, SystemClock};
use tacit_node::keys::FolderKeys;
use tacit_node::pki::Revocations;
use tacit_node::server::{Bounds, Server, Setup};
use tacit_node::telemetry::{Exposition, Metrics};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Coordinate a federation over the network.
#[derive(clap::Args)]
pub struct Args {
    /// The plan.
    plan: PathBuf,
    /// Where the run writes; by default the first unused runs/NAME-N.
    #[arg(long)]
    out: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

/// How the coordinator is reached; kept in the run's folder for `tacit resume`.
#[derive(Clone, clap::Args, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Directory of the authority, or of its files for this node: ca.cert.pem, revoked.crl.pem,
    /// issued/NAME.cert.pem and issued/NAME.key.pem.
    #[arg(long, default_value = "pki")]
    pki: PathBuf,
    /// Name of the coordinator's certificate.
    #[arg(long, default_value = "coordinator")]
    name: String,
    /// Address to listen on.
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// Serve Prometheus metrics and /health without TLS on this address.
    #[arg(long)]
    metrics: Option<SocketAddr>,
    /// Folder with the keys of the plan's proof, in files that are named by their digests.
    #[arg(long)]
    #[serde(default)]
    keys: Option<PathBuf>,
}

impl Settings {
    /// Other keys, if there are any.
    pub fn with_keys(self, keys: Option<PathBuf>) -> Self {
        Self { keys: keys.or(self.keys), ..self }
    }
}

const KEPT: &str = "serve.json";

/// For the last answers and cosignatures of participants that know that the run is over.
const FAREWELL: Duration = Duration::from_secs(2);

/// What `tacit serve` was told, where the run in `dir` is one of its.
pub fn kept_settings(dir: &Path) -> Result<Option<Settings>, Error> {
    let path = dir.join("state").join(KEPT);
    if !path.exists() {
        return Ok(None);
    }
    let text = super::read_text(&path, 65_536)?;
    let settings = serde_json::from_str(&text);
    settings.map(Some).map_err(|e| Error::world(format!("reading {}", path.display()), e))
}

pub fn main(args: Args) -> Result<Ending, Error> {
    let plan = on_real_devices(read_plan(Some(&args.plan))?)?;
    let dir = folder::choose(args.out, &plan)?;
    let keys = args.settings.keys.as_deref().map(absolute).transpose()?;
    let settings = Settings { pki: absolute(&args.settings.pki)?, keys, ..args.settings };
    let state = dir.join("state");
    let text = serde_json::to_vec_pretty(&settings)
        .map_err(|_| Error::Bug("settings that JSON cannot hold"))?;
    std::fs::create_dir_all(&state)
        .and_then(|()| std::fs::write(state.join(KEPT), text))
        .map_err(|e| Error::world(format!("writing {}", state.display()), e))?;
    coordinate(&dir, plan, &settings)
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|e| Error::world("finding the authority's directory", e))
}

/// Coordinates the run of `dir` until it is over or somebody stops it.
pub fn coordinate(dir: &Path, plan: Plan, settings: &Settings) -> Result<Ending, Error> {
    let ran = (SystemClock.now_ms(), settings.keys.as_deref());
    let name = pki::participant(&settings.name)?;
    let identity = Arc::new(pki::identity(&settings.pki, &name)?);
    let dataset = federation::open(&plan)?;
    let mut trainer = plan.trainer(dataset.shape())?;
    let model = federation::initial_model(&plan, &mut *trainer)?;
    let display = Arc::new(Display::new(&plan));
    let observer = display.clone();
    let tested = !dataset.test().is_empty();
    let evaluator = tested.then(|| Ok::<_, Error>((trainer, dataset.test_shard()?))).transpose()?;
    let runtime = Runtime::new().map_err(|e| Error::world("starting the runtime", e))?;
    let committee = Committee::of(&plan, &identity, runtime.handle().clone())?;
    let metrics = Arc::new(Metrics::new());
    let setting = Setting {
        metrics: metrics.clone(),
        keys: Box::new(FolderKeys(settings.keys.clone())),
        committee,
        plan,
        model,
        evaluator,
        observer: Box::new(move |progress| observer.show(&progress)),
    };
    let coordinator = Coordinator::open(dir, setting)?;
    runtime.block_on(async {
        let _exposition = match settings.metrics {
            Some(address) => Some(Exposition::start(bind(address).await?, metrics.clone())?),
            None => None,
        };
        let setup = Setup {
            revocations: Arc::new(Revocations::watch(
                &identity,
                &settings.pki.join("revoked.crl.pem"),
            )?),
            identity,
            desk: Arc::new(Front(coordinator.clone())),
            metrics,
            bounds: Bounds::default(),
        };
        let server = Server::start(bind(settings.listen).await?, setup)?;
        eprintln!(
            "coordinating {} on https://{}; waiting for {} participants",
            coordinator.plan().name(),
            server.address(),
            coordinator.plan().participants()
        );
        let finish = tokio::select! {
            finish = coordinator.clone().drive() => Some(finish?),
            () = stop::requested() => None,
        };
        display.clear();
        let Some(finish) = finish else {
            coordinator.drain()?;
            server.stop(Duration::from_secs(10)).await;
            println!("stopped; continue with: tacit resume {}", dir.display());
            return Ok(Ending::RunFailed);
        };
        let ending = local::conclude(dir, &coordinator, &finish, ran)?;
        // Participants learn from their next poll that the run is over.
        let farewell = Duration::from_millis(limits::POLL_MS);
        tokio::select! {
            () = tokio::time::sleep(farewell) => {}
            // The last answers are still on their way, and cosignatures follow them.
            () = async {
                coordinator.everybody_told().await;
                tokio::time::sleep(FAREWELL).await;
            } => {}
            () = stop::requested() => {}
        }
        server.stop(Duration::from_secs(5)).await;
        coordinator.keep_cosignatures()?;
        Ok(ending)
    })
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|e| Error::world(format!("listening on {address}"), e))
}
