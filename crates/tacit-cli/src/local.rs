//! Coordinator and participants in one process, talking over loopback sockets with mutual TLS
//! under a throw-away authority that lives in the run's folder.

pub mod committee;

use crate::folder::{self, Ended};
use crate::progress::Display;
use crate::{Ending, stop};
use committee::Town;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::local::{Local, LocalData};
use tacit_core::params::Layout;
use tacit_core::plan::Plan;
use tacit_core::run::Finish;
use tacit_core::traits::{Clock, Trainer};
use tacit_learn::federation::Federation;
use tacit_node::client::{BlockingTransport, Patience};
use tacit_node::committee::{Committee, Dealing};
use tacit_node::coordinator::{Coordinator, Front, HistoryFile, Setting, SystemClock};
use tacit_node::keys::FolderKeys;
use tacit_node::memory::FileMemory;
use tacit_node::participant::{Testimony, Worker, work};
use tacit_node::pki::{Identity, Issued, Pki, Revocations, Role};
use tacit_node::server::{Bounds, Server, Setup};
use tacit_node::telemetry::Metrics;
use tacit_node::witness::LogWitness;
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::mpsc;

/// How long servers wait for open connections at the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// Runs or resumes the federation of `dir`; proofs have their keys from the folder `keys`.
pub fn federation(dir: &Path, plan: &Plan, keys: Option<&Path>) -> Result<Ending, Error> {
    let started_ms = SystemClock.now_ms();
    let keys = FolderKeys(keys.map(Path::to_owned));
    let federation = Federation::assemble(plan)?;
    let model = federation.initial_model()?;
    let layout = model.layout().clone();
    let runtime = Runtime::new().map_err(|e| Error::world("starting the runtime", e))?;
    let display = Arc::new(Display::new(plan));
    let observer = display.clone();
    let state = dir.join("state");
    let pki = Authority::open(&state.join("pki"))?;
    let identity = Arc::new(pki.coordinator()?);
    let town = Town::start(plan, &pki, &state.join("aggregators"), &runtime)?;
    let setting = Setting {
        plan: plan.clone(),
        model,
        evaluator: federation.evaluator()?,
        observer: Box::new(move |progress| observer.show(&progress)),
        committee: Committee::of(plan, &identity, runtime.handle().clone())?,
        keys: Box::new(keys.clone()),
        metrics: Arc::default(),
    };
    let coordinator = Coordinator::open(dir, setting)?;
    let server = runtime.block_on(serve(&coordinator, identity))?;
    let (failed, mut failures) = mpsc::unbounded_channel();
    let members = federation.participants().iter();
    let members = members.map(|(id, data)| {
        let identity = Arc::new(pki.identity(id, &Role::Participant)?);
        let trainer = federation.trainer()?;
        // A resumed run needs the same witnesses and memories.
        let folder = state.join("participants").join(id.as_str());
        let committee = Committee::of(plan, &identity, runtime.handle().clone())?;
        let committee = committee.map(|way| way as Arc<dyn Dealing>);
        let (plan, id, data, keys) = (plan.clone(), id.clone(), data.clone(), keys.clone());
        let member = Member { plan, id, data, trainer, folder, keys, committee };
        let layout = layout.clone();
        let at = At { handle: runtime.handle().clone(), coordinator: server.address(), identity };
        member.start(at, layout, failed.clone())
    });
    let members = members.collect::<Result<Vec<_>, Error>>()?;
    drop(failed);
    let finish = runtime.block_on(async {
        tokio::select! {
            finish = coordinator.clone().drive() => finish.map(Some),
            () = stop::requested() => Ok(None),
            // rounds may wait for that one for ever
            Some(error) = failures.recv() => Err(error),
        }
    });
    display.clear();
    let finish = finish?;
    let Some(finish) = finish else {
        coordinator.drain()?;
        runtime.block_on(async { tokio::join!(server.stop(FAREWELL), town.stop()) });
        println!("stopped; continue with: tacit resume {}", dir.display());
        return Ok(Ending::RunFailed);
    };
    for member in members {
        member.join().map_err(|_| Error::Bug("a participant's thread died"))?;
    }
    failures.try_recv().map_or(Ok(()), Err)?;
    runtime.block_on(async { tokio::join!(server.stop(FAREWELL), town.stop()) });
    coordinator.keep_cosignatures()?;
    conclude(dir, &coordinator, &finish, (started_ms, keys.0.as_deref()))
}

/// Writes what a finished run leaves, and says so, and how to check it with the keys it had.
pub fn conclude(
    dir: &Path,
    coordinator: &Coordinator,
    finish: &Finish,
    (started_ms, keys): (u64, Option<&Path>),
) -> Result<Ending, Error> {
    let history = HistoryFile::read(&dir.join("history.jsonl"))?;
    let finish_text = finish.to_string();
    let model = coordinator.model()?;
    let best = coordinator.best()?;
    let log = coordinator.recorder().log()?;
    let ended = Ended {
        plan: coordinator.plan(),
        model: &model,
        best: best.as_ref(),
        log: &log,
        finish: &finish_text,
        started_ms: history.first().map_or(started_ms, |first| first.opened_ms),
        finished_ms: SystemClock.now_ms(),
    };
    let (table, written) = folder::conclude(dir, &ended, &history)?;
    println!("{table}\n");
    written.iter().for_each(|path| println!("wrote {}", path.display()));
    let keys = keys.map_or(String::new(), |keys| format!(" --keys {}", keys.display()));
    println!("check it: tacit audit verify {}{keys}", dir.display());
    match finish {
        Finish::Failed(_) => Ok(Ending::RunFailed),
        Finish::BudgetSpent => Ok(Ending::BudgetSpent),
        _ => Ok(Ending::Done),
    }
}

async fn listening(address: SocketAddr) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|e| Error::world(format!("listening on {address}"), e))
}

async fn serve(coordinator: &Arc<Coordinator>, identity: Arc<Identity>) -> Result<Server, Error> {
    let setup = Setup {
        revocations: Arc::new(Revocations::none(&identity)),
        identity,
        desk: Arc::new(Front(coordinator.clone())),
        metrics: Arc::new(Metrics::new()),
        bounds: Bounds::default(),
    };
    Server::start(listening(([127, 0, 0, 1], 0).into()).await?, setup)
}

/// The run's own authority: a resumed run needs the same keys.
struct Authority {
    pki: Pki,
    dir: PathBuf,
}

impl Authority {
    fn open(dir: &Path) -> Result<Self, Error> {
        let pki = match dir.join("ca.key.pem").exists() {
            true => Pki::open(dir)?,
            false => Pki::init(dir, "tacit throw-away authority")?,
        };
        Ok(Self { pki, dir: dir.to_owned() })
    }

    fn coordinator(&self) -> Result<Identity, Error> {
        let name = super::commands::pki::participant("coordinator")?;
        let hosts = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        self.identity(&name, &Role::Coordinator { hosts })
    }

    fn identity(&self, name: &ParticipantId, role: &Role) -> Result<Identity, Error> {
        let at = |kind: &str| self.dir.join("issued").join(format!("{name}.{kind}.pem"));
        let kept = Issued { cert: at("cert"), key: at("key") };
        let issued = match kept.cert.exists() && kept.key.exists() {
            true => kept,
            // A crash may have left a name that was issued on paper only.
            false => match self.pki.revoke(name) {
                Ok(_) | Err(Error::Caller(_)) => self.pki.issue(name, role)?,
                Err(error) => return Err(error),
            },
        };
        Identity::load(&self.pki.ca_path(), &issued.cert, &issued.key)
    }
}

/// Where a participant of this process finds the coordinator, and who it is there.
struct At {
    handle: Handle,
    coordinator: SocketAddr,
    identity: Arc<Identity>,
}

/// One participant of this process.
struct Member {
    plan: Plan,
    id: ParticipantId,
    data: LocalData,
    trainer: Box<dyn Trainer>,
    /// Where it keeps its witness key, what it has seen of the log, and its rules' memory.
    folder: PathBuf,
    /// Keys of proofs.
    keys: FolderKeys,
    committee: Option<Arc<dyn Dealing>>,
}

impl Member {
    /// Starts its thread; what it fails with goes into `failed`.
    fn start(
        self,
        at: At,
        layout: Arc<Layout>,
        failed: mpsc::UnboundedSender<Error>,
    ) -> Result<JoinHandle<()>, Error> {
        let thread = std::thread::Builder::new().name(self.id.to_string());
        let body = move || {
            if let Err(error) = self.take_part(at, layout) {
                // nobody listens any more where the run is over
                drop(failed.send(error));
            }
        };
        thread.spawn(body).map_err(|e| Error::world("starting a participant's thread", e))
    }

    fn take_part(mut self, at: At, layout: Arc<Layout>) -> Result<u32, Error> {
        let At { handle, coordinator, identity } = at;
        let url = format!("https://{coordinator}");
        let patience = Patience::default();
        let mut transport = BlockingTransport::new(handle, &url, identity.clone(), patience)?;
        let welcome = transport.enrol()?;
        let witness = LogWitness::open(&self.id, &welcome.log_key, Some(&self.folder))?;
        transport.watch(Box::new(witness));
        let local = Local { plan: &self.plan, participant: &self.id, data: &self.data };
        let signer = identity.public_key();
        let testimony = Testimony::prepare(&local, &layout, &self.keys, &self.folder, &signer)?;
        testimony.as_ref().map_or(Ok(()), |testimony| testimony.enrol(&mut transport))?;
        let mut worker = Worker {
            testimony,
            local,
            trainer: &mut *self.trainer,
            layout,
            signer: &identity,
            clock: &SystemClock,
            memory: &mut FileMemory::new(&self.folder, self.plan.digest()),
            committee: self.committee,
        };
        work(&mut worker, &mut transport)
    }
}
