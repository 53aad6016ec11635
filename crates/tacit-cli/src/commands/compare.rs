//! `tacit compare`: several runs on one page.

use super::{read_plan, read_text};
use crate::Ending;
use crate::report::compare::{Comparison, Run};
use std::path::{Path, PathBuf};
use tacit_core::error::Error;
use tacit_core::history::RoundReport;

/// Put runs beside each other: curves with bands over seeds, rounds, bytes and time to a target.
///
/// Runs whose plans differ only in name and seed become one series.
#[derive(clap::Args)]
pub struct Args {
    /// Folders of runs.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Accuracy, 0 to 1, to which rounds, bytes and time are counted; by default that of the
    /// plans.
    #[arg(long)]
    target: Option<f64>,
    /// The page to write.
    #[arg(long, default_value = "compare.html")]
    out: PathBuf,
    /// Write every measured model of every run, one per line.
    #[arg(long)]
    csv: Option<PathBuf>,
    /// Write the table of series, with mean, deviation and range of each figure.
    #[arg(long)]
    csv_table: Option<PathBuf>,
}

/// Most runs of one comparison: beyond a thousand seeds a band says nothing more.
const RUNS: usize = 4_096;

/// A history in bytes: a million rounds of ten contributions.
const HISTORY_BYTES: u64 = 1 << 32;

/// A report in bytes: it has a line for every round and participant.
const REPORT_BYTES: u64 = 1 << 30;

pub fn main(args: Args) -> Result<Ending, Error> {
    if let Some(target) = args.target
        && !(target > 0.0 && target <= 1.0)
    {
        return Err(Error::caller("target", "an accuracy above 0, up to 1", target.to_string()));
    }
    if args.runs.len() > RUNS {
        let found = args.runs.len().to_string();
        return Err(Error::caller("runs", format!("at most {RUNS}"), found));
    }
    distinct(&args.runs)?;
    let runs = args.runs.iter().map(|dir| read(dir)).collect::<Result<_, _>>()?;
    let comparison = Comparison::new(runs, args.target)?;
    println!("{}\n", comparison.table());
    write(&args.out, &comparison.html(env!("CARGO_PKG_VERSION")))?;
    if let Some(path) = &args.csv {
        write(path, &comparison.points_csv())?;
    }
    if let Some(path) = &args.csv_table {
        write(path, &comparison.table_csv())?;
    }
    Ok(Ending::Done)
}

/// The same run twice would narrow its own band.
fn distinct(runs: &[PathBuf]) -> Result<(), Error> {
    let mut seen = std::collections::BTreeSet::new();
    for dir in runs {
        let place = dir.canonicalize().unwrap_or_else(|_| dir.clone());
        if !seen.insert(place) {
            let found = format!("{} twice", dir.display());
            return Err(Error::caller("runs", "each folder once", found));
        }
    }
    Ok(())
}

fn read(dir: &Path) -> Result<Run, Error> {
    let (plan, history) = (dir.join("plan.toml"), dir.join("history.jsonl"));
    if !plan.is_file() || !history.is_file() {
        let found = match dir.is_dir() {
            true => format!("{}, without them", dir.display()),
            false => format!("{}, which is no folder", dir.display()),
        };
        return Err(Error::caller("run", "a folder with plan.toml and history.jsonl", found));
    }
    let rounds = read_history(&history)?;
    let finish = read_finish(&dir.join("report.json"))?;
    Run::new(dir.display().to_string(), read_plan(Some(&plan))?, &rounds, finish)
}

/// The rounds of a run that may still go on: a last line without its end is not over.
fn read_history(path: &Path) -> Result<Vec<RoundReport>, Error> {
    let text = read_text(path, HISTORY_BYTES)?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut rounds: Vec<RoundReport> = Vec::new();
    for (number, line) in text[..whole].lines().enumerate() {
        let broken = |found: String| {
            let found = format!("{}, line {}: {found}", path.display(), number + 1);
            Error::caller("history", "one round per line, ascending", found)
        };
        let round: RoundReport =
            serde_json::from_str(line).map_err(|error| broken(error.to_string()))?;
        if rounds.last().is_some_and(|last| last.round >= round.round) {
            return Err(broken(format!("round {} once more", round.round)));
        }
        rounds.push(round);
    }
    Ok(rounds)
}

/// Why the run ended; `None` where it has not.
fn read_finish(path: &Path) -> Result<Option<String>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    let text = read_text(path, REPORT_BYTES)?;
    let report: serde_json::Value = serde_json::from_str(&text)
        .map_err(|e| Error::world(format!("reading {}", path.display()), e))?;
    Ok(report["finish"].as_str().map(str::to_owned))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text)
        .map_err(|e| Error::world(format!("writing {}", path.display()), e))?;
    println!("wrote {}", path.display());
    Ok(())
}
