//! The auditor on a whole run's folder: a log of hostile entries, signed by the log itself, and an
//! honest folder with one file changed, which must not go unnoticed.

use crate::audit::LOG_KEY;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tacit_audit::{
    Checks, Log, PlanRecord, RoundRecord, RunEndRecord, SignerKey, round_log_path, verify_dir,
};
use tacit_core::digest::Digest;
use tempfile::TempDir;

const PLAN: &[u8] = b"[run]\nname = \"demo\"\n";
const ROUND_LOG: &[u8] = b"1 -\n";
const ENTRIES: usize = 300;

thread_local! {
    static HONEST: OnceCell<Honest> = const { OnceCell::new() };
}

/// The first byte chooses.
pub fn run(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    if choice & 1 == 0 {
        return hostile(data);
    }
    HONEST.with(|honest| honest.get_or_init(Honest::new).changed(usize::from(choice >> 1), data));
}

fn signer() -> SignerKey {
    SignerKey::parse(LOG_KEY).expect("a key")
}

/// A log whose entries are the lines of the bytes.
fn hostile(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a directory");
    let mut log = Log::create(&folder.path().join("log"), signer()).expect("a log");
    let entries: Vec<&[u8]> = data.split(|byte| *byte == b'\n').take(ENTRIES).collect();
    if log.append_all(&entries).is_ok() {
        let _ = verify_dir(folder.path(), &Checks::default());
    }
}

/// A run's folder that verifies, and its files.
struct Honest {
    folder: TempDir,
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Honest {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        write(folder.path());
        verify_dir(folder.path(), &Checks::default()).expect("an honest folder");
        let mut files = Vec::new();
        collect(folder.path(), &mut files);
        files.retain(|(path, _)| !path.ends_with("log/lock"));
        files.sort();
        Self { folder, files }
    }

    /// Replaces a file, or adds one where there is none.
    fn changed(&self, choice: usize, data: &[u8]) {
        let (path, before) = &self.files[choice % self.files.len()];
        std::fs::write(path, data).expect("a file is written");
        let found = verify_dir(self.folder.path(), &Checks::default());
        std::fs::write(path, before).expect("a file is written");
        // Of the checkpoint, other signatures than the log's may change; of a model, what a reader
        // of models checks.
        let name = path.file_name().unwrap_or_default();
        let loose = name == "checkpoint" || name == "model.safetensors" || name == "key.pub";
        assert!(found.is_err() || data == before || loose, "{} was changed", path.display());
    }
}

fn collect(folder: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let bytes = std::fs::read(&path).expect("a file");
            files.push((path, bytes));
        }
    }
}

fn model(round: u32) -> Digest {
    Digest::of_bytes(&round.to_le_bytes())
}

/// One aborted round.
fn write(dir: &Path) {
    let plan = PlanRecord {
        run: "demo".into(),
        plan: Digest::of_bytes(PLAN),
        num_rounds: 1,
        model_initial: model(0),
        draws_commitment: Digest([0; 32]),
        aggregator: "mean".into(),
        protection: "plain".into(),
        strategy: "fed-avg".into(),
        privacy_guarantee: "none".into(),
    };
    let round = RoundRecord {
        run: "demo".into(),
        round: 1,
        plan: plan.plan,
        cohort_commitment: model(9),
        cohort: 3,
        accepted: 1,
        missing: 2,
        refusals: BTreeMap::new(),
        model_before: model(0),
        model_after: None,
        aggregator: "mean".into(),
        protection: "plain".into(),
        strategy: "fed-avg".into(),
        wire_bytes_up: 1,
        wire_bytes_down: 2,
        accuracy: None,
        loss: None,
        spend: None,
        privacy_guarantee: "none".into(),
        round_log: Digest::of_bytes(ROUND_LOG),
        aborted: Some("1 contributions, expected at least 2".into()),
    };
    let end = RunEndRecord {
        run: "demo".into(),
        plan: plan.plan,
        rounds: 1,
        released: 0,
        model_final: model(0),
        accuracy: None,
        loss: None,
        spend: None,
        privacy_guarantee: "none".into(),
        finish: "completed".into(),
    };
    let mut log = Log::create(&dir.join("log"), signer()).expect("a log");
    for record in [plan.to_record(), round.to_record(), end.to_record()] {
        log.append(&record.expect("a record").to_leaf().expect("a leaf")).expect("appended");
    }
    let header = format!("{{\"__metadata__\":{{\"model_hash\":\"{}\"}}}}", model(0));
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    std::fs::create_dir_all(dir.join("log/rounds")).expect("a directory");
    for (name, bytes) in [
        ("plan.toml".to_owned(), PLAN),
        ("model.safetensors".to_owned(), &file),
        (format!("log/{}", round_log_path(1)), ROUND_LOG),
    ] {
        std::fs::write(dir.join(name), bytes).expect("a file is written");
    }
}
