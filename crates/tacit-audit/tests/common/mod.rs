//! A small run's folder, as a coordinator leaves it.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use tacit_audit::{
    Checks, Log, OsEntropy, PlanRecord, Record, ReplayFacts, Role, RoundRecord, RunEndRecord,
    SignerKey, Spent, round_log_path,
};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::evidence::Cost;

pub const PLAN: &[u8] = b"[run]\nname = \"demo\"\n";

pub fn signer(name: &str) -> SignerKey {
    SignerKey::generate(name, Role::Log, &mut OsEntropy).unwrap()
}

pub fn witness(name: &str) -> SignerKey {
    SignerKey::generate(name, Role::Witness, &mut OsEntropy).unwrap()
}

pub fn again(key: &SignerKey) -> SignerKey {
    SignerKey::parse(&key.to_text()).unwrap()
}

/// Stands for the parameters after a round.
pub fn parameters(round: u32) -> Vec<u8> {
    format!("parameters after round {round}").into_bytes()
}

pub fn model(round: u32) -> Digest {
    Digest::of_bytes(&parameters(round))
}

/// A model file: header, metadata, and the parameters as they are.
pub fn model_file(round: u32) -> Vec<u8> {
    let header = format!("{{\"__metadata__\":{{\"model_hash\":\"{}\"}}}}", model(round));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &parameters(round)].concat()
}

/// The real digest of that file's parameters. The rest of the header is metadata alone, and all
/// of the file counts: a reader of real files checks its tensors' names and shapes instead.
pub fn model_digest(path: &Path) -> Result<Digest, Error> {
    let bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    let found = Digest::of_bytes(&bytes[8 + length..]);
    assert!(header.starts_with("{\"__metadata__\""));
    Ok(found)
}

/// The toy round log says `<accepted> <round>`, or `<accepted> -` when nothing was released.
pub fn replay(bytes: &[u8]) -> Result<ReplayFacts, Error> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (accepted, round) = text.trim().split_once(' ').unwrap();
    let model_after = round.parse().ok().map(model);
    let accepted = accepted.parse().unwrap();
    Ok(ReplayFacts { accepted, model_after, ..ReplayFacts::default() })
}

pub fn checks<'a>() -> Checks<'a> {
    Checks { model_digest: Some(&model_digest), replay: Some(&replay), ..Checks::default() }
}

pub fn plan() -> PlanRecord {
    PlanRecord {
        run: "demo".into(),
        plan: Digest::of_bytes(PLAN),
        num_rounds: 4,
        model_initial: model(0),
        draws_commitment: Digest([0; 32]),
        aggregator: "mean".into(),
        protection: "plain".into(),
        strategy: "fed-avg".into(),
        privacy_guarantee: "none: the aggregator sees each update".into(),
    }
}

/// Round 2 is aborted.
pub fn round(round: u32) -> RoundRecord {
    let released = round != 2;
    let before = if round == 3 { 1 } else { round - 1 };
    RoundRecord {
        run: "demo".into(),
        round,
        plan: Digest::of_bytes(PLAN),
        cohort_commitment: Digest::of_bytes(&round.to_le_bytes()),
        cohort: 5,
        accepted: if released { 4 } else { 1 },
        missing: if released { 1 } else { 4 },
        refusals: BTreeMap::from([("norm-exceeded".into(), 1)]),
        model_before: model(before),
        model_after: released.then(|| model(round)),
        aggregator: "mean".into(),
        protection: "plain".into(),
        strategy: "fed-avg".into(),
        wire_bytes_up: 1000,
        wire_bytes_down: 1 << 60,
        accuracy: released.then_some(0.1 + 0.2),
        loss: None,
        spend: released.then_some(Spent { cost: Cost::Unbounded, epsilon: None, delta: None }),
        privacy_guarantee: "none".into(),
        round_log: Digest::of_bytes(&round_log(round)),
        aborted: (!released).then(|| "1 contributions, expected at least 3".into()),
    }
}

pub fn round_log(round: u32) -> Vec<u8> {
    if round == 2 { b"1 -\n".to_vec() } else { format!("4 {round}\n").into_bytes() }
}

pub fn end() -> RunEndRecord {
    RunEndRecord {
        run: "demo".into(),
        plan: Digest::of_bytes(PLAN),
        rounds: 3,
        released: 2,
        model_final: model(3),
        accuracy: Some(0.5),
        loss: Some(1.25),
        spend: None,
        privacy_guarantee: "none".into(),
        finish: "completed".into(),
    }
}

pub fn records() -> Vec<Record> {
    let mut records = vec![plan().to_record().unwrap()];
    records.extend((1..=3).map(|n| round(n).to_record().unwrap()));
    records.push(end().to_record().unwrap());
    records
}

/// Writes a run whose log holds `records`.
pub fn run(dir: &Path, key: &SignerKey, records: &[Record]) {
    let mut log = Log::create(&dir.join("log"), again(key)).unwrap();
    for record in records {
        log.append(&record.to_leaf().unwrap()).unwrap();
    }
    fs::write(dir.join("plan.toml"), PLAN).unwrap();
    fs::write(dir.join("model.safetensors"), model_file(3)).unwrap();
    fs::create_dir(dir.join("log/rounds")).unwrap();
    for round in 1..=3 {
        fs::write(dir.join("log").join(round_log_path(round)), round_log(round)).unwrap();
    }
}

/// Overwrites one byte in place: rewriting whole files waits for the disk each time.
pub fn poke(path: &Path, at: usize, byte: u8) {
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at as u64)).unwrap();
    file.write_all(&[byte]).unwrap();
}
