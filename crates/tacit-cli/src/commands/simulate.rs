//! `tacit simulate`: the same run with virtual participants in one process.

use super::read_plan;
use crate::Ending;
use crate::folder::{self, Ended};
use crate::progress::Display;
use std::path::{Path, PathBuf};
use tacit_audit::{End, OsEntropy, Recorder as AuditRecorder};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::history::RoundReport;
use tacit_core::plan::Plan;
use tacit_core::round::{Entry, Summary};
use tacit_core::run::Finish;
use tacit_core::traits::Clock;
use tacit_learn::federation::Federation;
use tacit_node::coordinator::{HistoryFile, PROOFS, Progress, SystemClock, proof_path};
use tacit_node::keys::FolderKeys;
use tacit_sim::simulate::{Options, Recorder, simulate};

/// Simulate a federation: thousands of virtual participants in one process, with the same result,
/// bit for bit, as `tacit run`.
#[derive(clap::Args)]
pub struct Args {
    /// The plan; without it, digits over twenty participants.
    plan: Option<PathBuf>,
    /// Where the run writes; by default the first unused runs/NAME-N.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Another seed than the plan's: for several runs of one plan.
    #[arg(long)]
    seed: Option<u64>,
    /// Worker threads; 0 means one per core. The result does not depend on it.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Folder with the keys of the plan's proof, in files that are named by their digests.
    #[arg(long)]
    keys: Option<PathBuf>,
}

/// Writes what a coordinator would.
struct Folder {
    audit: AuditRecorder,
    log: PathBuf,
    journal: Vec<Entry>,
    history: HistoryFile,
}

impl Recorder for Folder {
    fn persist(&mut self, entry: &Entry) -> Result<(), Error> {
        if self.journal.first().is_some_and(|first| first.round != entry.round) {
            self.journal.clear();
        }
        self.journal.push(entry.clone());
        Ok(())
    }

    fn evidence(&mut self, evidence: &[u8]) -> Result<(), Error> {
        let path = proof_path(&self.log, Digest::of_bytes(evidence));
        std::fs::create_dir_all(self.log.join(PROOFS))
            .and_then(|()| std::fs::write(&path, evidence))
            .map_err(|e| Error::world(format!("writing {}", path.display()), e))
    }

    fn log(&mut self, summary: &Summary) -> Result<u64, Error> {
        let index = self.audit.round(summary, &self.journal)?;
        self.history.append(&RoundReport::from(summary))?;
        Ok(index)
    }
}

impl Folder {
    fn open(dir: &Path, plan: &Plan) -> Result<Self, Error> {
        let state = dir.join("state");
        std::fs::create_dir_all(&state)
            .and_then(|()| std::fs::write(dir.join("plan.toml"), plan.to_toml()))
            .map_err(|e| Error::world(format!("writing {}", dir.display()), e))?;
        let key = state.join("log.key");
        let audit = AuditRecorder::simulated(&dir.join("log"), &key, plan, &mut OsEntropy)?;
        let history = HistoryFile::open(&dir.join("history.jsonl"))?.of_a_simulation();
        Ok(Self { audit, log: dir.join("log"), journal: Vec::new(), history })
    }
}

/// The plan with another seed: a plan of its own, with its own digest.
fn reseeded(plan: &Plan, seed: u64) -> Result<Plan, Error> {
    let (old, new) = (format!("\nseed = {}\n", plan.seed_number()), format!("\nseed = {seed}\n"));
    let text = plan.to_toml().replacen(&old, &new, 1);
    Ok(Plan::parse(&text, &tacit_sim::registry()?)?)
}

pub fn main(args: Args) -> Result<Ending, Error> {
    let mut plan = read_plan(args.plan.as_deref())?;
    if let Some(seed) = args.seed {
        plan = reseeded(&plan, seed)?;
    }
    let dir = folder::choose(args.out, &plan)?;
    if plan.privacy().ledger.is_some() {
        let expected = "\"\", as a simulation enters nothing; `tacit run` keeps a ledger";
        return Err(Error::caller("privacy.ledger", expected, "a folder"));
    }
    let started_ms = SystemClock.now_ms();
    let federation = Federation::assemble(&plan)?;
    let mut recorder = Folder::open(&dir, &plan)?;
    recorder.audit.begin(federation.initial_model()?.digest(), plan.seed())?;
    let display = Display::new(&plan);
    let keys = FolderKeys(args.keys);
    let mut options = Options::new(&mut recorder);
    (options.threads, options.keys) = (args.threads, &keys);
    let outcome = simulate(&plan, &federation, options, &mut |report| {
        display.show(&Progress::Round(Box::new(report.clone())));
    })?;
    display.clear();
    let finish = outcome.finish.to_string();
    recorder.audit.end(&End {
        finish: finish.clone(),
        rounds: outcome.history.last().map_or(0, |last| last.round),
        released: outcome.history.iter().filter(|r| r.aborted.is_none()).count() as u32,
        model: outcome.model.digest(),
        evaluation: outcome.history.last().and_then(|last| last.evaluation.clone()),
        epsilon: outcome.history.last().and_then(|last| last.epsilon),
    })?;
    let log = recorder.audit.log()?;
    let ended = Ended {
        plan: &plan,
        model: &outcome.model,
        best: outcome.best.as_ref(),
        log: &log,
        finish: &finish,
        started_ms,
        finished_ms: SystemClock.now_ms(),
    };
    let (table, written) = folder::conclude(&dir, &ended, &outcome.history)?;
    println!("{table}\n");
    written.iter().for_each(|path| println!("wrote {}", path.display()));
    match outcome.finish {
        Finish::Failed(_) => Ok(Ending::RunFailed),
        Finish::BudgetSpent => Ok(Ending::BudgetSpent),
        _ => Ok(Ending::Done),
    }
}
