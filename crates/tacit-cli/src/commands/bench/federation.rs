//! A federation that does not train: a coordinator's process and one per participant, over
//! loopback with mutual TLS, on a real store.

use super::{echo, meter};
use crate::Ending;
use crate::commands::pki;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tacit_core::codec;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::local::{Local, LocalData};
use tacit_core::plan::Plan;
use tacit_core::proof::NoKeys;
use tacit_core::run::Finish;
use tacit_learn::federation::initial_model;
use tacit_node::client::{BlockingTransport, Patience};
use tacit_node::coordinator::{Coordinator, Front, Progress, Setting, SystemClock};
use tacit_node::memory::FileMemory;
use tacit_node::participant::{Worker, work};
use tacit_node::pki::{Pki, Revocations, Role};
use tacit_node::server::{Bounds, Server, Setup};
use tacit_node::telemetry::Metrics;
use tacit_node::witness::LogWitness;
use tokio::runtime::Runtime;

/// What is measured.
#[derive(Clone, Copy)]
pub struct Spec {
    /// Participants, all of them in every round.
    pub participants: usize,
    /// Values of the model.
    pub values: usize,
    /// Rounds after the first, which also waits for everybody to join.
    pub rounds: u32,
}

impl Spec {
    fn plan(&self) -> Result<Plan, Error> {
        echo::plan(self.participants, self.values, self.rounds + 1)
    }
}

/// One process of the federation.
#[derive(clap::Args)]
pub struct Node {
    dir: PathBuf,
    participants: usize,
    values: usize,
    rounds: u32,
    /// Name of the participant and the coordinator's address.
    #[arg(num_args = 2)]
    joins: Vec<String>,
}

impl Node {
    fn spec(&self) -> Spec {
        Spec { participants: self.participants, values: self.values, rounds: self.rounds }
    }

    /// The command line of another process of the same federation.
    fn command(&self, what: &str) -> Result<Command, Error> {
        let program = std::env::current_exe().map_err(|e| Error::world("finding itself", e))?;
        let mut command = Command::new(program);
        command.args(["bench", what]).arg(&self.dir);
        command.args([self.participants.to_string(), self.values.to_string()]);
        command.arg(self.rounds.to_string()).stdin(Stdio::null()).stdout(Stdio::piped());
        Ok(command)
    }
}

/// What a coordinator found; times and bytes per round.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Measured {
    /// Wall time of each round.
    pub round_seconds: Vec<f64>,
    /// Processor time of the coordinator.
    pub cpu_seconds: f64,
    /// Processor time of a participant, its start included.
    pub participant_cpu_seconds: f64,
    /// Memory of the coordinator before there was a model.
    pub base_bytes: u64,
    /// Most memory of the coordinator.
    pub peak_bytes: u64,
    /// Most memory of a participant.
    pub participant_peak_bytes: u64,
    /// Payload from participants.
    pub bytes_up: u64,
    /// Payload to participants.
    pub bytes_down: u64,
    /// Everything on the loopback device, other programs' traffic included.
    pub loopback_bytes: u64,
}

/// What a participant used.
#[derive(serde::Serialize, serde::Deserialize)]
struct Used {
    cpu_seconds: f64,
    peak_bytes: u64,
}

/// State of the coordinator's process when a round ended.
struct Sample {
    at: Instant,
    cpu_seconds: f64,
    loopback_bytes: u64,
    bytes_up: u64,
    bytes_down: u64,
}

/// Runs a federation in a folder that is deleted afterwards.
pub fn measure(spec: &Spec) -> Result<Measured, Error> {
    let dir = tempfile::tempdir().map_err(|e| Error::world("making a temporary folder", e))?;
    let Spec { participants, values, rounds } = *spec;
    let node = Node { dir: dir.path().to_owned(), participants, values, rounds, joins: Vec::new() };
    read(start(node.command("coordinator")?)?)
}

fn start(mut command: Command) -> Result<Running, Error> {
    let child = command.spawn().map_err(|e| Error::world("starting a process", e))?;
    Ok(Running(Some(child)))
}

/// A process that does not outlive us.
struct Running(Option<Child>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits for a process and reads what it found.
fn read<T: serde::de::DeserializeOwned>(mut running: Running) -> Result<T, Error> {
    let child = running.0.take().ok_or(Error::Bug("a process was waited for twice"))?;
    let output = child.wait_with_output().map_err(|e| Error::world("waiting for a process", e))?;
    if !output.status.success() {
        return Err(Error::world("measuring", format!("a process ended with {}", output.status)));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| Error::world("reading a measurement", e))
}

fn write(found: &impl serde::Serialize) -> Result<Ending, Error> {
    let text = serde_json::to_string(found).map_err(|_| Error::Bug("figures JSON cannot hold"))?;
    println!("{text}");
    Ok(Ending::Done)
}

fn names(spec: &Spec) -> impl Iterator<Item = ParticipantId> {
    let count = spec.participants;
    (0..count).map(move |number| ParticipantId::numbered(number, count))
}

/// The coordinator's process: makes the authority, starts the participants, runs the rounds.
pub fn coordinator(node: &Node) -> Result<Ending, Error> {
    let (spec, base_bytes) = (node.spec(), meter::peak_bytes()?);
    let pki_dir = node.dir.join("pki");
    let authority = Pki::init(&pki_dir, "bench")?;
    let name = pki::participant("coordinator")?;
    authority.issue(&name, &Role::Coordinator { hosts: vec!["127.0.0.1".to_owned()] })?;
    names(&spec).try_for_each(|name| authority.issue(&name, &Role::Participant).map(drop))?;
    let samples = Arc::new(Mutex::new(Vec::new()));
    let coordinator = open(&node.dir, &spec, samples.clone())?;
    let runtime = Runtime::new().map_err(|e| Error::world("starting the runtime", e))?;
    let server = runtime.block_on(serve(&coordinator, &pki_dir, &name))?;
    let url = format!("https://{}", server.address());
    let started = names(&spec).map(|name| {
        let mut command = node.command("participant")?;
        command.args([name.as_str(), &url]);
        start(command)
    });
    let started = started.collect::<Result<Vec<_>, Error>>()?;
    if let Finish::Failed(why) = runtime.block_on(coordinator.drive())? {
        return Err(Error::world("measuring", why.to_string()));
    }
    let used = started.into_iter().map(read).collect::<Result<Vec<Used>, Error>>()?;
    runtime.block_on(server.stop(Duration::from_secs(5)));
    let samples = samples.lock().map_err(|_| Error::Bug("a thread died while measuring"))?;
    write(&summary(&samples, &used, base_bytes)?)
}

fn open(
    dir: &Path,
    spec: &Spec,
    samples: Arc<Mutex<Vec<Sample>>>,
) -> Result<Arc<Coordinator>, Error> {
    let plan = spec.plan()?;
    let model = initial_model(&plan, &mut *plan.trainer(echo::shard()?.shape())?)?;
    let observer = move |progress| {
        let Progress::Round(report) = progress else { return };
        let sample = Sample {
            at: Instant::now(),
            cpu_seconds: meter::process_cpu_seconds(),
            loopback_bytes: meter::loopback_bytes(),
            bytes_up: report.bytes_up,
            bytes_down: report.bytes_down,
        };
        if let Ok(mut samples) = samples.lock() {
            samples.push(sample);
        }
    };
    Coordinator::open(
        &dir.join("run"),
        Setting {
            plan,
            model,
            evaluator: None,
            observer: Box::new(observer),
            committee: None,
            keys: Box::new(NoKeys),
            metrics: Arc::default(),
        },
    )
}

async fn serve(
    coordinator: &Arc<Coordinator>,
    pki_dir: &Path,
    name: &ParticipantId,
) -> Result<Server, Error> {
    let identity = Arc::new(pki::identity(pki_dir, name)?);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.map_err(|e| Error::world("listening on loopback", e))?;
    let setup = Setup {
        revocations: Arc::new(Revocations::none(&identity)),
        identity,
        desk: Arc::new(Front(coordinator.clone())),
        metrics: Arc::new(Metrics::new()),
        bounds: Bounds::default(),
    };
    Server::start(listener, setup)
}

/// Figures per round: from the end of the first round to the end of the last.
fn summary(samples: &[Sample], used: &[Used], base_bytes: u64) -> Result<Measured, Error> {
    let ([first, .., last], Some(_)) = (samples, used.first()) else {
        return Err(Error::Bug("a measurement without rounds or participants"));
    };
    let rounds = samples.len() as u64 - 1;
    let cpu_seconds: f64 = used.iter().map(|used| used.cpu_seconds).sum();
    let sum = |bytes: fn(&Sample) -> u64| samples[1..].iter().map(bytes).sum::<u64>() / rounds;
    Ok(Measured {
        round_seconds: samples.windows(2).map(|s| (s[1].at - s[0].at).as_secs_f64()).collect(),
        cpu_seconds: (last.cpu_seconds - first.cpu_seconds) / rounds as f64,
        participant_cpu_seconds: cpu_seconds / used.len() as f64 / samples.len() as f64,
        base_bytes,
        peak_bytes: meter::peak_bytes()?,
        participant_peak_bytes: used.iter().map(|used| used.peak_bytes).max().unwrap_or_default(),
        bytes_up: sum(|sample| sample.bytes_up),
        bytes_down: sum(|sample| sample.bytes_down),
        loopback_bytes: last.loopback_bytes.saturating_sub(first.loopback_bytes) / rounds,
    })
}

/// A participant's process.
pub fn participant(node: &Node) -> Result<Ending, Error> {
    let [name, url] = node.joins.as_slice() else {
        return Err(Error::Bug("a participant was not told whom to join"));
    };
    let (name, plan) = (pki::participant(name)?, node.spec().plan()?);
    let identity = Arc::new(pki::identity(&node.dir.join("pki"), &name)?);
    let runtime = Runtime::new().map_err(|e| Error::world("starting the runtime", e))?;
    let patience = Patience::default();
    let handle = runtime.handle().clone();
    let mut transport = BlockingTransport::new(handle, url, identity.clone(), patience)?;
    let welcome = transport.enrol()?;
    transport.watch(Box::new(LogWitness::open(&name, &welcome.log_key, None)?));
    let data = LocalData { train: echo::shard()?, held_out: None };
    let mut worker = Worker {
        testimony: None,
        local: Local { plan: &plan, participant: &name, data: &data },
        trainer: &mut *plan.trainer(data.train.shape())?,
        layout: Arc::new(codec::decode("layout", &welcome.layout, limits::MESSAGE_BYTES)?),
        signer: &identity,
        clock: &SystemClock,
        memory: &mut FileMemory::new(&node.dir, plan.digest()),
        committee: None,
    };
    work(&mut worker, &mut transport)?;
    write(&Used { cpu_seconds: meter::process_cpu_seconds(), peak_bytes: meter::peak_bytes()? })
}
