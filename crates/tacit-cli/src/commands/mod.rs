//! One file per command.

pub mod aggregator;
pub mod attack;
pub mod audit;
pub mod audit_serve;
pub mod bench;
pub mod ceremony;
pub mod compare;
pub mod data;
pub mod join;
pub mod pki;
pub mod plan;
pub mod privacy;
pub mod privacy_audit;
pub mod prove;
pub mod resume;
pub mod rules;
pub mod run;
pub mod serve;
pub mod simulate;
pub mod status;
pub mod verify;

use std::path::Path;
use tacit_core::error::Error;
use tacit_core::plan::Plan;

/// Reads a plan; without a file, the embedded default.
pub fn read_plan(file: Option<&Path>) -> Result<Plan, Error> {
    let text = match file {
        Some(path) => read_text(path, tacit_core::limits::PLAN_BYTES as u64)?,
        None => DEFAULT_PLAN.to_owned(),
    };
    let registry = tacit_sim::registry()?;
    let plan = Plan::parse(&text, &registry).map_err(|errors| {
        let name = file.map_or("plan.toml".into(), |path| path.display().to_string());
        let text = errors.to_string();
        let lines = text.lines().map(|line| match line.strip_prefix("plan.toml:") {
            Some(rest) => format!("\n  {name}:{rest}"),
            None => format!("\n  {line}"),
        });
        Error::caller("plan", "a coherent plan", lines.collect::<String>())
    })?;
    if let Some(warning) = privacy::warning(&plan) {
        eprintln!("warning: {warning}");
    }
    Ok(plan)
}

/// Refuses a plan whose devices only a simulation can play.
pub fn on_real_devices(plan: Plan) -> Result<Plan, Error> {
    match plan.devices() {
        None => Ok(plan),
        Some(_) => {
            let expected = "no section [devices] over a network, where devices are what they are";
            let found = "one; `tacit simulate` plays it";
            Err(Error::caller("plan", expected, found))
        }
    }
}

/// What `tacit run` runs without a plan: digits over twenty unequal participants.
pub const DEFAULT_PLAN: &str = include_str!("../../assets/digits.toml");

/// Reads a text file of at most `limit` bytes.
pub fn read_text(path: &Path, limit: u64) -> Result<String, Error> {
    let doing = || format!("reading {}", path.display());
    let size = std::fs::metadata(path).map_err(|e| Error::world(doing(), e))?.len();
    if size > limit {
        return Err(Error::caller("file", format!("at most {limit} bytes"), size.to_string()));
    }
    std::fs::read_to_string(path).map_err(|e| Error::world(doing(), e))
}
