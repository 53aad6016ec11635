//! The folder of a run, and what is written into it when the run is over.

use crate::report::{self, AuditFacts, Facts};
use std::path::{Path, PathBuf};
use tacit_audit::Log;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::history::RoundReport;
use tacit_core::params::Params;
use tacit_core::plan::Plan;
use tacit_learn::train::safetensors;

/// Where a run writes: the given folder, or the first unused `runs/NAME-N`.
pub fn choose(out: Option<PathBuf>, plan: &Plan) -> Result<PathBuf, Error> {
    let dir = match out {
        Some(dir) => dir,
        None => {
            let name = |n: u32| PathBuf::from("runs").join(format!("{}-{n}", plan.name()));
            let unused = (1..=1_000_000).map(name).find(|dir| !dir.exists());
            unused.ok_or_else(|| Error::caller("runs", "fewer than a million folders", "more"))?
        }
    };
    if dir.join("history.jsonl").exists() {
        let found = format!("a run in {}; `tacit resume` continues it", dir.display());
        return Err(Error::caller("output folder", "a folder without a run", found));
    }
    std::fs::create_dir_all(&dir)
        .map_err(|e| Error::world(format!("creating {}", dir.display()), e))?;
    Ok(dir)
}

/// How a run went, beside its history.
pub struct Ended<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The last released model.
    pub model: &'a Params,
    /// The released model that measured best, and its round.
    pub best: Option<&'a (u32, Params)>,
    /// The transparency log.
    pub log: &'a Log,
    /// Why it ended, as a clause.
    pub finish: &'a str,
    /// When it started, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// When it ended, in milliseconds since the Unix epoch.
    pub finished_ms: u64,
}

/// Writes model and reports; returns the table for the terminal and the paths written.
pub fn conclude(
    dir: &Path,
    ended: &Ended<'_>,
    history: &[RoundReport],
) -> Result<(String, Vec<PathBuf>), Error> {
    let digest = ended.model.digest();
    let checkpoint = ended.log.checkpoint();
    let audit = AuditFacts {
        origin: ended.log.verifier().name().to_owned(),
        size: checkpoint.checkpoint.size,
        root: checkpoint.checkpoint.root,
        checkpoint: String::from_utf8_lossy(&checkpoint.to_bytes()).into_owned(),
    };
    let facts = Facts {
        plan: ended.plan,
        history,
        audit: &audit,
        model_digest: digest,
        started_ms: ended.started_ms,
        finished_ms: ended.finished_ms,
        finish: ended.finish,
        machine: &machine(),
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("TACIT_COMMIT").unwrap_or_default(),
    };
    let model = safetensors::write(ended.model, &metadata(ended.plan, digest, history.len()))?;
    let json = format!("{:#}\n", report::json(&facts));
    // Where the last model is the best, it is there already.
    let best = ended.best.filter(|(_, best)| best.digest() != digest);
    let best = best.map(|(round, best)| {
        let bytes = safetensors::write(best, &metadata(ended.plan, best.digest(), *round as usize));
        Ok::<_, Error>(("best.safetensors", bytes?))
    });
    let files = [
        ("model.safetensors", model),
        ("report.html", report::html(&facts).into_bytes()),
        ("report.json", json.into_bytes()),
    ];
    let mut written = vec![dir.join("plan.toml"), dir.join("history.jsonl"), dir.join("log")];
    for (name, bytes) in files.into_iter().chain(best.transpose()?) {
        let path = dir.join(name);
        std::fs::write(&path, bytes)
            .map_err(|e| Error::world(format!("writing {}", path.display()), e))?;
        written.push(path);
    }
    Ok((report::summary_table(&facts), written))
}

/// What the model file says of itself: `model_hash` is what the log records.
fn metadata(plan: &Plan, digest: Digest, rounds: usize) -> Vec<(String, String)> {
    vec![
        ("format".into(), "pt".into()),
        ("model_hash".into(), digest.to_string()),
        ("plan_hash".into(), plan.digest().to_string()),
        ("run".into(), plan.name().to_owned()),
        ("rounds".into(), rounds.to_string()),
    ]
}

/// Processor and cores, as far as the system tells.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|rest| rest.split_once(':')).map_or("processor", |(_, m)| m.trim());
    format!("{model}, {cores} cores")
}
