//! `tacit audit`: look at a run's transparency log and check it, offline.

use super::ceremony::place::{Held, Place};
use super::{read_plan, read_text};
use crate::Ending;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tacit_audit::{
    BacklinkRequest, Checks, DEFAULT_BASE, Evidence, Record, Replayer, VerifierKey, backlink_url,
    filed_witnesses, prove, verify_dir, verify_proof,
};
use tacit_core::error::Error;
use tacit_core::params::{Layout, Params};
use tacit_core::plan::Plan;
use tacit_core::referee::Referee;
use tacit_core::traits::Keys;
use tacit_learn::train::safetensors;
use tacit_node::coordinator::{PROOFS, SystemClock};
use tacit_node::keys::FolderKeys;

/// Look at a run's transparency log, and check it offline.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Print the records of a run's log.
    Show {
        /// The run's folder, or a copy of it.
        dir: PathBuf,
    },
    /// Check signatures, the tree, the chain of models, every round's journal and every proof.
    Verify {
        /// The run's folder, or a copy of it.
        dir: PathBuf,
        /// The log's key, had from elsewhere: its text or a file.
        #[arg(long)]
        key: Option<String>,
        /// Witnesses that must have co-signed.
        #[arg(long, default_value_t = 0)]
        witnesses: usize,
        /// Folder with the verification keys of the plan's proof, in files that are named by their
        /// digests. Without it, proofs that need one are not verified again.
        #[arg(long)]
        keys: Option<PathBuf>,
        /// Folder of the ceremony that the verification key is said to be of: it must be one for
        /// the circuit of the plan's proofs, and have made that key.
        #[arg(long)]
        ceremony: Option<PathBuf>,
    },
    /// Print a self-contained proof that a record is in the log.
    Prove {
        /// The run's folder, or a copy of it.
        dir: PathBuf,
        /// Number of the record, from 0.
        index: u64,
    },
    /// Check a proof that `prove` printed.
    CheckProof {
        /// The proof.
        file: PathBuf,
        /// The log's key: its text or a file.
        #[arg(long)]
        key: String,
    },
    /// Print the aéPiot URL of a record. It proves nothing; the inclusion proof does.
    Url {
        /// The run's folder, or a copy of it.
        dir: PathBuf,
        /// Number of the record, from 0.
        index: u64,
        /// Base of the URL.
        #[arg(long, default_value = DEFAULT_BASE)]
        base: String,
    },
    /// Show records and check backlinks in a browser.
    Serve(super::audit_serve::Args),
}

pub fn main(args: Args) -> Result<Ending, Error> {
    match args.action {
        Action::Show { dir } => show(&dir),
        Action::Verify { dir, key, witnesses, keys, ceremony } => {
            verify(&dir, &Trusted { key: key.as_deref(), witnesses, keys, ceremony })
        }
        Action::Prove { dir, index } => {
            println!("{}", String::from_utf8_lossy(&prove(&dir, index)?));
            Ok(Ending::Done)
        }
        Action::CheckProof { file, key } => check_proof(&file, &key),
        Action::Url { dir, index, base } => url(&dir, index, &base),
        Action::Serve(args) => super::audit_serve::main(args),
    }
}

/// A key from its text or from a file.
pub fn read_key(text: &str) -> Result<VerifierKey, Error> {
    let path = Path::new(text);
    let text = if path.exists() { read_text(path, 1024)? } else { text.to_owned() };
    Ok(VerifierKey::parse(text.trim())?)
}

fn show(dir: &Path) -> Result<Ending, Error> {
    for (index, record) in tacit_audit::records(dir)?.iter().enumerate() {
        println!(
            "{index:>6}  {}\n        {}\n        {}",
            record.title, record.description, record.link
        );
    }
    Ok(Ending::Done)
}

/// What an auditor has from elsewhere.
#[derive(Default)]
pub struct Trusted<'a> {
    /// The log's key: its text or a file.
    pub key: Option<&'a str>,
    /// Witnesses that must have co-signed.
    pub witnesses: usize,
    /// Folder of verification keys.
    pub keys: Option<PathBuf>,
    /// Folder of the ceremony that made them.
    pub ceremony: Option<PathBuf>,
}

/// Checks everything that can be checked without the participants' data.
pub fn verify(dir: &Path, trusted: &Trusted<'_>) -> Result<Ending, Error> {
    let key = trusted.key.map(read_key).transpose()?;
    let filed = filed_witnesses(&dir.join("log"))?;
    let plan = read_plan(Some(&dir.join("plan.toml")))?;
    if let Some(Err(error)) = trusted.ceremony.as_ref().map(|of| check_ceremony(of, dir, &plan)) {
        println!("NOT verified: {error}");
        return Ok(Ending::AuditFailed);
    }
    let keys = FolderKeys(trusted.keys.clone());
    let keys = trusted.keys.as_ref().map(|_| &keys as &dyn Keys);
    let folder = dir.join("log").join(PROOFS);
    let (replayer, why) = match layout(dir, &plan, &folder)? {
        Ok(layout) => {
            // keys that do not serve are whose they are, not the run's fault
            keys.map_or(Ok(()), |keys| Referee::new(&plan, &layout, keys).map(drop))?;
            let (folder, clock) = (&folder, &SystemClock);
            let evidence = Evidence { folder, layout, keys, clock };
            (Replayer::new(&plan).with_evidence(evidence), None)
        }
        Err(why) => (Replayer::new(&plan), why),
    };
    let replay_round = |bytes: &[u8]| replayer.replay(bytes);
    let model_digest = |path: &Path| model_digest(path);
    let plan_digest = |bytes: &[u8]| plan_digest(bytes);
    let checks = Checks {
        key: key.as_ref(),
        witnesses: &filed,
        quorum: trusted.witnesses,
        plan_digest: Some(&plan_digest),
        model_digest: Some(&model_digest),
        replay: Some(&replay_round),
    };
    match verify_dir(dir, &checks) {
        Ok(report) => {
            println!("verified: {}", report.summary());
            let none = (report.proofs == 0).then_some("no round log tells of any");
            let proved = plan.proof()?.is_some();
            if let Some(why) = why.or(replayer.skips()).or(none).filter(|_| proved) {
                println!("proofs were not verified once more: {why}");
            }
            if trusted.ceremony.is_some() {
                println!("the verification key is of this ceremony and of this plan's circuit");
            }
            Ok(Ending::Done)
        }
        Err(error) => {
            println!("NOT verified: {error}");
            Ok(Ending::AuditFailed)
        }
    }
}

/// Refuses a ceremony that did not make the plan's keys.
fn check_ceremony(ceremony: &Path, dir: &Path, plan: &Plan) -> Result<(), Error> {
    let Held { transcript, file, .. } = Place::new(ceremony).read()?;
    let model = read_model(&dir.join("model.safetensors"))?;
    tacit_zk::gradient::check_ceremony(plan, model.layout(), &transcript, &file)
}

/// Names and shapes of the models, or why there is nothing to verify proofs by, if that is worth
/// a word: as round logs, proofs may be withheld as a whole.
fn layout(
    dir: &Path,
    plan: &Plan,
    folder: &Path,
) -> Result<Result<Arc<Layout>, Option<&'static str>>, Error> {
    let model = dir.join("model.safetensors");
    match (plan.proof()?, folder.exists(), model.exists()) {
        (None, _, _) => Ok(Err(None)),
        (_, false, _) => Ok(Err(Some("there is no folder log/proofs"))),
        (_, _, false) => Ok(Err(Some("there is no model.safetensors that tells their length"))),
        _ => Ok(Ok(read_model(&model)?.layout().clone())),
    }
}

fn plan_digest(bytes: &[u8]) -> Result<tacit_core::digest::Digest, Error> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::caller("plan", "text", "bytes"))?;
    Ok(Plan::parse(text, &tacit_sim::registry()?)?.digest())
}

fn model_digest(path: &Path) -> Result<tacit_core::digest::Digest, Error> {
    Ok(read_model(path)?.digest())
}

fn read_model(path: &Path) -> Result<Params, Error> {
    let doing = || format!("reading {}", path.display());
    let bytes = std::fs::read(path).map_err(|e| Error::world(doing(), e))?;
    Ok(safetensors::read(&bytes)?.0)
}

fn check_proof(file: &Path, key: &str) -> Result<Ending, Error> {
    let key = read_key(key)?;
    let text = read_text(file, 16 << 20)?;
    match verify_proof(text.trim_end().as_bytes(), &key) {
        Ok(proven) => {
            let Record { title, description, link, .. } = &proven.record;
            println!(
                "verified: record {} of {} in the log of {}\n  {title}\n  {description}\n  {link}",
                proven.index,
                proven.checkpoint.size,
                key.name()
            );
            Ok(Ending::Done)
        }
        Err(error) => {
            println!("NOT verified: {error}");
            Ok(Ending::AuditFailed)
        }
    }
}

fn url(dir: &Path, index: u64, base: &str) -> Result<Ending, Error> {
    let records = tacit_audit::records(dir)?;
    let record = usize::try_from(index).ok().and_then(|i| records.into_iter().nth(i));
    let Some(Record { title, description, link, .. }) = record else {
        return Err(Error::caller("record", "one that is in the log", index.to_string()));
    };
    println!("{}", backlink_url(base, &BacklinkRequest { title, description, link }));
    Ok(Ending::Done)
}
