//! The offline auditor: reads a run's folder and says exactly what it proves.
//!
//! ```text
//! run/plan.toml            what was to be done
//! run/model.safetensors    what came out
//! run/log/                 the transparency log
//! run/log/rounds/NNNNNN.jsonl   each round's own log, bound by its record
//! ```

use crate::chain::Chain;
use crate::checkpoint::SignedCheckpoint;
use crate::error::AuditError;
use crate::evidence::Verified;
use crate::files::{Files, Folder, read_bounded};
use crate::key::VerifierKey;
use crate::layout::{self, Place};
use crate::log::{read, read_checkpoint, read_key, reading};
use crate::record::Record;
use crate::report::{ModelCheck, Report};
use crate::tree::Tree;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::limits;

/// One round's log in bytes: 100,000 signed contributions of 1 KiB, ten times over.
const ROUND_LOG_BYTES: u64 = 1 << 30;
/// Header of a safetensors file in bytes, as its specification bounds it.
const SAFETENSORS_HEADER_BYTES: u64 = 100_000_000;

/// What a replayed round log says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayFacts {
    /// Contributions in the aggregate.
    pub accepted: u64,
    /// How many of them carry a signature, which verified.
    pub signed: u64,
    /// Digest of the model that they were trained from; `None` without any.
    pub model_before: Option<Digest>,
    /// Digest of the released model; `None` when nothing was released.
    pub model_after: Option<Digest>,
    /// The proofs that contributions in the aggregate name.
    pub proofs: BTreeSet<Digest>,
    /// How far they were verified once more.
    pub verified: Verified,
}

/// Replays a round's log (its bytes) with the state machine that wrote it.
pub type Replay<'a> = &'a dyn Fn(&[u8]) -> Result<ReplayFacts, Error>;
/// Digest of a plan's text.
pub type PlanDigest<'a> = &'a dyn Fn(&[u8]) -> Result<Digest, Error>;
/// Digest of a model file's parameters.
pub type ModelDigest<'a> = &'a dyn Fn(&Path) -> Result<Digest, Error>;

/// What the caller knows or can compute; each field left out is a check not made, and the report
/// says so.
#[derive(Clone, Copy, Default)]
pub struct Checks<'a> {
    /// The log's key, had from elsewhere. Without it, the key beside the log is used, and a
    /// verified log proves only that it agrees with itself.
    pub key: Option<&'a VerifierKey>,
    /// Keys of the witnesses that count.
    pub witnesses: &'a [VerifierKey],
    /// How many of them must have co-signed.
    pub quorum: usize,
    /// Digest of `plan.toml`; by default of its bytes.
    pub plan_digest: Option<PlanDigest<'a>>,
    /// Digest of the parameters in `model.safetensors`; without it only its metadata is compared.
    pub model_digest: Option<ModelDigest<'a>>,
    /// Replays a round's log.
    pub replay: Option<Replay<'a>>,
}

/// Verifies a run's folder. The report says what was proved; the first thing that does not hold
/// is an error that names the file or entry.
pub fn verify_dir(dir: &Path, checks: &Checks<'_>) -> Result<Report, AuditError> {
    let files = Folder(dir.join("log"));
    let key = read_key(&files, checks.key)?;
    let signed = read_checkpoint(&files, &key)?;
    signed.verify_witnesses(checks.witnesses, checks.quorum)?;
    let mut report = Report::new(&key, checks.key.is_some(), &signed);
    report.witnesses =
        signed.cosigners(checks.witnesses).iter().map(|(key, _)| key.name().to_owned()).collect();
    report.unknown_signatures -= report.witnesses.len().min(report.unknown_signatures);
    let chain = verify_tree(&files, &signed, &mut report)?;
    report.files_beyond = files_beyond(&files, signed.checkpoint.size)?;
    verify_plan(dir, &chain, checks, &mut report)?;
    verify_rounds(&files, &chain, checks, &mut report)?;
    verify_model(dir, &chain, checks, &mut report)?;
    chain.describe(&mut report);
    Ok(report)
}

/// Recomputes the tree from the entries, compares root and tiles, and follows the records.
fn verify_tree(
    files: &dyn Files,
    signed: &SignedCheckpoint,
    report: &mut Report,
) -> Result<Chain, AuditError> {
    let size = signed.checkpoint.size;
    let mut tree = Tree::default();
    let mut records = Vec::new();
    let mut chain = Chain::default();
    for place in Place::needed(0, size).take_while(|place| place.level.is_none()) {
        let path = place.path();
        let bytes = read(files, &path, layout::BUNDLE_BYTES)?;
        for entry in layout::entries(&path, &bytes, place.width)? {
            tree.push(tlog_tiles::record_hash(entry));
            records.push(entry.to_vec());
        }
        compare_leaf_tile(files, &tree, &place)?;
        // Parsed only once their hashes are those of the tile, so that a changed entry is
        // reported as such and not as whatever it now reads like.
        for record in records.drain(..) {
            let index = chain.entries();
            let name = format!("entry {index}");
            let record = Record::from_leaf(&name, &record)?;
            *report.records.entry(record.kind.clone()).or_default() += 1;
            chain.take(&name, &record)?;
        }
    }
    let (expected, found) = (signed.checkpoint.root, tree.root(size)?);
    if expected != found {
        return Err(AuditError::mismatch("checkpoint", "root of the entries", expected, found));
    }
    for place in Place::needed(0, size) {
        if let Some(level @ 1..) = place.level {
            compare_tile(files, &tree, level, &place)?;
        }
    }
    Ok(chain)
}

fn compare_leaf_tile(files: &dyn Files, tree: &Tree, bundle: &Place) -> Result<(), AuditError> {
    let tile = Place { level: Some(0), ..*bundle };
    let path = tile.path();
    let bytes = read(files, &path, layout::TILE_BYTES)?;
    let hashes = &tree.leaves()[(tile.number * crate::tree::TILE_WIDTH) as usize..];
    let (found, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || found.len() != hashes.len() {
        return Err(AuditError::malformed(path, format!("tile: not {} hashes", hashes.len())));
    }
    for (at, (tile_hash, hash)) in found.iter().zip(hashes).enumerate() {
        if *tile_hash != hash.0 {
            let place = format!("entry {}", tile.number * crate::tree::TILE_WIDTH + at as u64);
            let (expected, found) = (Digest(*tile_hash), Digest(hash.0));
            return Err(AuditError::mismatch(place, "leaf hash", expected, found));
        }
    }
    Ok(())
}

fn compare_tile(
    files: &dyn Files,
    tree: &Tree,
    level: u8,
    place: &Place,
) -> Result<(), AuditError> {
    let path = place.path();
    let found = read(files, &path, layout::TILE_BYTES)?;
    let expected = tree.tile(level, place.number, place.width).unwrap_or_default();
    if found != expected {
        let (expected, found) = (Digest::of_bytes(&expected), Digest::of_bytes(&found));
        return Err(AuditError::mismatch(path, "sha256 of the tile", expected, found));
    }
    Ok(())
}

/// Files of the tree that the checkpoint does not cover: what a crash leaves, or a rollback.
fn files_beyond(files: &dyn Files, size: u64) -> Result<u64, AuditError> {
    let found = files.list(layout::TILES, false).map_err(reading(layout::TILES))?;
    let beyond = |path: &&String| Place::parse(path).is_none_or(|place| !place.is_needed(size));
    Ok(found.iter().filter(beyond).count() as u64)
}

fn verify_plan(
    dir: &Path,
    chain: &Chain,
    checks: &Checks<'_>,
    report: &mut Report,
) -> Result<(), AuditError> {
    const FILE: &str = "plan.toml";
    let Some(expected) = chain.plan() else { return Ok(()) };
    let bytes = read_bounded(&dir.join(FILE), limits::PLAN_BYTES as u64).map_err(reading(FILE))?;
    let Some(bytes) = bytes else { return Ok(()) };
    let found = match checks.plan_digest {
        Some(digest) => digest(&bytes).map_err(failed(FILE))?,
        None => Digest::of_bytes(&bytes),
    };
    if found != expected {
        return Err(AuditError::mismatch(FILE, "digest of the plan", expected, found));
    }
    report.plan_checked = true;
    Ok(())
}

/// Every round's log against its record. A folder of them may be withheld as a whole: they name
/// participants.
fn verify_rounds(
    files: &dyn Files,
    chain: &Chain,
    checks: &Checks<'_>,
    report: &mut Report,
) -> Result<(), AuditError> {
    const FOLDER: &str = "rounds";
    let mut on_disk: BTreeSet<String> =
        files.list(FOLDER, false).map_err(reading(FOLDER))?.into_iter().collect();
    if on_disk.is_empty() {
        return Ok(());
    }
    for round in chain.rounds() {
        let path = round_log_path(round.round);
        on_disk.remove(&path);
        let bytes = read(files, &path, ROUND_LOG_BYTES)?;
        let found = Digest::of_bytes(&bytes);
        if found != round.log {
            return Err(AuditError::mismatch(path, "sha256 of the round log", round.log, found));
        }
        report.round_logs += 1;
        let Some(replay) = checks.replay else { continue };
        let facts = replay(&bytes).map_err(failed(&path))?;
        if facts.accepted != round.accepted {
            let (expected, found) = (round.accepted, facts.accepted);
            return Err(AuditError::mismatch(path, "replayed contributions", expected, found));
        }
        if facts.model_before.is_some_and(|model| model != round.model_before) {
            let (expected, found) = (round.model_before, facts.model_before.unwrap_or_default());
            return Err(AuditError::mismatch(path, "model trained from", expected, found));
        }
        if facts.proofs != round.proofs {
            let differ = facts.proofs.symmetric_difference(&round.proofs).count();
            let expected = format!("the {} of round {}", round.proofs.len(), round.round);
            let found = format!("{differ} that differ");
            return Err(AuditError::mismatch(path, "recorded proofs", expected, found));
        }
        report.proofs += facts.proofs.len() as u64;
        report.verified.add(&facts.verified);
        report.signed += facts.signed;
        report.contributions += facts.accepted;
        if facts.model_after != round.model_after {
            let name = |model: Option<Digest>| model.map_or("none".into(), |m| m.to_string());
            let (expected, found) = (name(round.model_after), name(facts.model_after));
            return Err(AuditError::mismatch(path, "replayed model", expected, found));
        }
        report.replayed += 1;
    }
    // The log of the round after the last record is that of a round under way.
    on_disk.remove(&round_log_path(chain.last_round() + 1));
    match on_disk.pop_first() {
        Some(file) => Err(AuditError::malformed(file, "folder: no record binds this file")),
        None => Ok(()),
    }
}

/// Where the log of a round lies, below the log's folder.
pub fn round_log_path(round: u32) -> String {
    format!("rounds/{round:06}.jsonl")
}

fn verify_model(
    dir: &Path,
    chain: &Chain,
    checks: &Checks<'_>,
    report: &mut Report,
) -> Result<(), AuditError> {
    const FILE: &str = "model.safetensors";
    let path = dir.join(FILE);
    let Some(expected) = chain.model() else { return Ok(()) };
    if !path.exists() {
        return Ok(());
    }
    let named = model_hash(&path)?;
    if named != expected {
        return Err(AuditError::mismatch(FILE, "model_hash in its metadata", expected, named));
    }
    report.model = ModelCheck::Metadata;
    if let Some(digest) = checks.model_digest {
        let found = digest(&path).map_err(failed(FILE))?;
        if found != expected {
            return Err(AuditError::mismatch(FILE, "digest of its parameters", expected, found));
        }
        report.model = ModelCheck::Content;
    }
    Ok(())
}

/// `model_hash` of a safetensors file's metadata: the header is its length in eight bytes,
/// little-endian, and JSON.
fn model_hash(path: &PathBuf) -> Result<Digest, AuditError> {
    const FILE: &str = "model.safetensors";
    #[derive(serde::Deserialize)]
    struct Header {
        __metadata__: Option<std::collections::BTreeMap<String, String>>,
    }
    let malformed = |what: &str| AuditError::malformed(FILE, what);
    let mut file = std::fs::File::open(path).map_err(reading(FILE))?;
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| malformed("header: shorter than eight bytes"))?;
    let length = u64::from_le_bytes(length);
    if length > SAFETENSORS_HEADER_BYTES {
        return Err(malformed("header: longer than the format allows"));
    }
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(reading(FILE))?;
    if bytes.len() as u64 != length {
        return Err(malformed("header: cut off"));
    }
    let header: Header = serde_json::from_slice(&bytes).map_err(|_| malformed("header"))?;
    let hash = header.__metadata__.as_ref().and_then(|pairs| pairs.get("model_hash"));
    let hash = hash.ok_or_else(|| malformed("metadata: no model_hash"))?;
    // One spelling: lower case.
    Digest::parse(hash)
        .filter(|digest| digest.to_string() == *hash)
        .ok_or_else(|| malformed("metadata: model_hash is no digest"))
}

fn failed(place: &str) -> impl FnOnce(Error) -> AuditError + use<> {
    let place = place.to_owned();
    move |source| AuditError::Check { place, source: Box::new(source) }
}
