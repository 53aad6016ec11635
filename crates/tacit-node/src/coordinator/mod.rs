//! The coordinator: drives the pure [`Run`] with a real clock, disk and peers, and answers what a
//! [`Desk`](crate::desk::Desk) is asked.

mod answers;
pub(crate) mod draws;
mod driver;
mod history;
mod proofs;
mod spending;
mod table;
mod traffic;

pub use answers::Front;
pub use history::HistoryFile;
pub use proofs::{PROOFS, proof_path};

use crate::committee::{Committee, Seated};
use crate::store::NodeStore;
use crate::telemetry::Metrics;
use proofs::Bench;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;
use tacit_audit::{OsEntropy, Recorder, SpendLedger};
use tacit_core::central::{Centre, Evaluator};
use tacit_core::error::Error;
use tacit_core::exchange::Ask;
use tacit_core::history::RoundReport;
use tacit_core::host::{Host, Seats};
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{SignedContribution, Task};
use tacit_core::params::{Layout, Params};
use tacit_core::plan::Plan;
use tacit_core::referee::Referee;
use tacit_core::round::Entry;
use tacit_core::run::{Best, Course, Finish, Run};
use tacit_core::traits::{Blobs, Clock, Journal, Keys};
use tokio::sync::watch;
use traffic::{Traffic, TurnedAway};

/// What happens in a run, for whoever watches it.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A participant joined the roster.
    Enrolled {
        /// On the roster now.
        enrolled: usize,
    },
    /// A contribution was accepted.
    Accepted {
        /// The round.
        round: u32,
        /// Accepted so far.
        accepted: usize,
        /// Drawn.
        cohort: usize,
        /// Bytes received in this round so far.
        bytes_up: u64,
    },
    /// A round is over and logged.
    Round(Box<RoundReport>),
    /// The run is over.
    Finished(Finish),
}

/// Who is told of progress; called from the driver, so it must be quick.
pub type Observer = Box<dyn Fn(Progress) + Send + Sync>;

/// What a coordinator is made from.
pub struct Setting {
    /// The plan.
    pub plan: Plan,
    /// The model before the first round.
    pub model: Params,
    /// A trainer and test examples to measure released models.
    pub evaluator: Option<Evaluator>,
    /// Who is told of progress.
    pub observer: Observer,
    /// The way to the aggregators, where the plan names a committee.
    pub committee: Option<Arc<Committee>>,
    /// Keys of proofs, where the plan asks for some.
    pub keys: Box<dyn Keys>,
    /// What is counted of proofs.
    pub metrics: Arc<Metrics>,
}

/// Drives one run.
pub struct Coordinator {
    plan: Plan,
    plan_text: String,
    layout_json: Vec<u8>,
    /// Values of one update.
    len: usize,
    layout: Arc<Layout>,
    store: NodeStore,
    centre: Mutex<Centre>,
    /// Who verifies, where participants prove something.
    bench: Option<Bench>,
    recorder: Recorder,
    /// What all plans on the same data have spent, where the plan names it.
    ledger: Option<Mutex<SpendLedger>>,
    history: Mutex<HistoryFile>,
    state: Mutex<State>,
    /// Counts changes of `state`, for those who wait for one.
    changes: watch::Sender<u64>,
    clock: SystemClock,
    traffic: Traffic,
    turned_away: TurnedAway,
    observer: Observer,
    metrics: Arc<Metrics>,
    /// Whether cosignatures wait to be written.
    cosigned: AtomicBool,
    log_folder: std::path::PathBuf,
}

/// What changes under the driver's lock.
struct State {
    /// `None` after a failure to persist: the journal is then ahead of nobody, and a restart
    /// resumes from it.
    run: Option<Run>,
    journal: Vec<Entry>,
    offers: BTreeMap<ParticipantId, Task>,
    announced: BTreeMap<ParticipantId, SignedContribution>,
    /// What is asked of members, where the protection has them talk.
    asks: BTreeMap<ParticipantId, Ask>,
    /// What they say to each other.
    host: Host,
    keys: BTreeMap<ParticipantId, [u8; 32]>,
    timer: Option<Instant>,
    accuracy: Option<f64>,
    best: Option<Best>,
    draining: bool,
    /// Who knows that the run is over.
    told: BTreeSet<ParticipantId>,
}

/// The system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |d| d.as_millis() as u64)
    }
}

impl Coordinator {
    /// Begins the run in `dir`, or resumes it from there. Layout: `plan.toml`, `history.jsonl`,
    /// `log/` (for everybody) and `state/` (for nobody else).
    pub fn open(dir: &Path, setting: Setting) -> Result<Arc<Self>, Error> {
        let Setting { plan, model, evaluator, observer, committee, keys, metrics } = setting;
        crate::committee::required(&plan, committee.is_some())?;
        let store = NodeStore::open(&dir.join("state"))?;
        let plan_text = plan.to_toml();
        keep_plan(&dir.join("plan.toml"), &plan_text)?;
        let initial = store.put(&tacit_core::params::as_bytes(model.values()))?;
        let mut course = Course::new(&plan, initial, model.layout().len() as u64 * 4)?;
        if course.account.is_some() {
            course.seed = draws::secret(&dir.join("state").join("draws.seed"), &mut OsEntropy)?;
        }
        if course.nonces.is_some() {
            let path = dir.join("state").join("nonces.seed");
            course.nonces = Some(draws::secret(&path, &mut OsEntropy)?);
        }
        let draws = course.seed;
        let ledger = spending::open(&plan, &mut course)?;
        let (run, journal) = resume(&store, course)?;
        let log_folder = dir.join("log");
        let key = dir.join("state").join("log.key");
        let recorder = Recorder::open(&log_folder, &key, &plan, &mut OsEntropy)?;
        recorder.begin(initial, draws)?;
        let history = HistoryFile::open(&dir.join("history.jsonl"))?;
        let host = Host::new(committee.map(|way| Arc::new(Seated(way)) as Arc<dyn Seats>));
        let host =
            table::replay(host, &plan, model.layout(), run.round().setup(), (&journal, &store))?;
        let state = State {
            asks: BTreeMap::new(),
            host,
            best: run.best(),
            run: Some(run),
            journal,
            offers: BTreeMap::new(),
            announced: BTreeMap::new(),
            keys: store.enrolled()?,
            timer: None,
            accuracy: history.last_accuracy(),
            draining: false,
            told: BTreeSet::new(),
        };
        let layout = model.layout().clone();
        let referee = Referee::new(&plan, &layout, &*keys)?.map(Arc::new);
        let centre = Centre::new(&plan, layout.clone(), evaluator)?.watched_by(referee.clone());
        Ok(Arc::new(Self {
            layout_json: tacit_core::codec::encode(&*layout),
            len: plan.sent_len(layout.len())?,
            layout,
            centre: Mutex::new(centre),
            bench: referee.map(Bench::new),
            recorder,
            ledger: ledger.map(Mutex::new),
            history: Mutex::new(history),
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
            clock: SystemClock,
            traffic: Traffic::default(),
            turned_away: TurnedAway::default(),
            observer,
            metrics,
            cosigned: AtomicBool::new(false),
            log_folder,
            plan,
            plan_text,
            store,
        }))
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The run's log.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Writes the cosignatures that are in memory; a stopping coordinator does so last.
    pub fn keep_cosignatures(&self) -> Result<(), Error> {
        Ok(self.recorder.log()?.keep_cosignatures()?)
    }

    /// Waits until the run is over, or the coordinator failed.
    pub async fn finished(&self) -> Result<Finish, Error> {
        let mut changes = self.changes.subscribe();
        loop {
            if let Some(finish) = self.live()?.run.as_ref().and_then(|run| run.finish().cloned()) {
                return Ok(finish);
            }
            if changes.changed().await.is_err() {
                return Err(Error::Bug("the coordinator ended before its run"));
            }
        }
    }

    /// The last released model.
    pub fn model(&self) -> Result<Params, Error> {
        let digest = self.live()?.run.as_ref().map(Run::model);
        let digest = digest.ok_or(Error::Bug("a live run has a model"))?;
        self.centre()?.load(&self.store, digest)
    }

    /// The best released model and the round that gave it, where the coordinator measures any.
    pub fn best(&self) -> Result<Option<(u32, Params)>, Error> {
        let Some(best) = self.live()?.best else { return Ok(None) };
        Ok(Some((best.round, self.centre()?.load(&self.store, best.model)?)))
    }

    /// Offers no more tasks; what is under way is still accepted.
    pub fn drain(&self) -> Result<(), Error> {
        self.state()?.draining = true;
        self.changes.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Returns when every enrolled participant has been told that the run is over.
    pub async fn everybody_told(&self) {
        let mut changes = self.changes.subscribe();
        while self.state().is_ok_and(|state| state.told.len() < state.keys.len()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, Error> {
        self.state.lock().map_err(|_| Error::Bug("a thread died while driving the run"))
    }

    /// The state of a coordinator that has not failed.
    fn live(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.state()?;
        if state.run.is_none() {
            return Err(Error::world("driving the run", "stopped after a failure; resume it"));
        }
        Ok(state)
    }

    fn centre(&self) -> Result<MutexGuard<'_, Centre>, Error> {
        self.centre.lock().map_err(|_| Error::Bug("a thread died while aggregating"))
    }
}

/// Replays the journal; what is kept of it is the part of the current round.
fn resume(store: &NodeStore, course: Course) -> Result<(Run, Vec<Entry>), Error> {
    let mut run = Run::new(course);
    let mut current = Vec::new();
    for bytes in store.replay()? {
        let entry: Entry = tacit_core::codec::decode("journal", &bytes, usize::MAX)
            .map_err(|e| Error::world("reading the journal", e))?;
        run = run.apply(&entry).map_err(|e| Error::world("replaying the journal", e))?;
        current.push(entry);
        if current.first().is_some_and(|first| first.round != run.round().setup().round) {
            current.clear();
        }
    }
    Ok((run, current))
}

/// Writes the plan, or checks that it is the one the run began with.
fn keep_plan(path: &Path, text: &str) -> Result<(), Error> {
    match std::fs::read_to_string(path) {
        Ok(found) if found == text => Ok(()),
        Ok(_) => {
            let expected = format!("the plan in {}", path.display());
            Err(Error::caller("plan", expected, "another plan for a run that has begun"))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            crate::files::write_whole(path, text.as_bytes(), crate::files::Access::Shared)
        }
        Err(e) => Err(Error::world(format!("reading {}", path.display()), e)),
    }
}
