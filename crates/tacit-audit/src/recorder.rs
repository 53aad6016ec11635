//! Writes what a run must leave behind: its plan, every round, its end. Each call may be repeated
//! after a crash and leaves one record.

mod proofs;

pub(crate) use proofs::PROOF;

use crate::aepiot::AepiotServices;
use crate::checkpoint::{CHECKPOINT_SIGNATURES, verify_checkpoint};
use crate::files::{Files, Folder, Unsynced};
use crate::key::{Role, SignerKey, VerifierKey};
use crate::log::{Log, reading};
use crate::record::{Record, scheme};
use crate::round_record::{PlanRecord, RoundRecord, RunEndRecord, Spent};
use crate::verify::round_log_path;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use tacit_core::account::Epsilon;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Checkpoint, Evaluation};
use tacit_core::plan::Plan;
use tacit_core::registry::Family;
use tacit_core::rng::Seed;
use tacit_core::round::{Entry, Outcome, Record as Fact, Summary, cohort_commitment};
use tacit_core::traits::Entropy;

/// A verifier key's file in bytes.
const KEY_BYTES: u64 = 1024;

/// Where the keys of witnesses are filed, below the log's folder.
const WITNESSES: &str = "witnesses";

/// Keys of the witnesses filed beside a log. They are the coordinator's word: who must know them
/// for sure asks the witnesses.
pub fn filed_witnesses(folder: &Path) -> Result<Vec<VerifierKey>, Error> {
    let files = Folder(folder.to_owned());
    let mut keys = Vec::new();
    for path in files.list(WITNESSES, false).map_err(reading(WITNESSES))? {
        let bytes = files.read(&path, KEY_BYTES).map_err(reading(&path))?.unwrap_or_default();
        keys.push(VerifierKey::parse(String::from_utf8_lossy(&bytes).trim_ascii())?);
    }
    Ok(keys)
}

/// Keeps the log of one run.
pub struct Recorder {
    log: crate::SharedLog,
    folder: PathBuf,
    files: Box<dyn Files>,
    rules: Rules,
}

/// What every record repeats of the plan.
struct Rules {
    run: String,
    plan: Digest,
    num_rounds: u32,
    aggregator: String,
    protection: String,
    strategy: String,
    /// The plan, which says what it promises.
    stated: Plan,
}

/// What the end of a run is.
#[derive(Clone, Debug)]
pub struct End {
    /// Why it ended.
    pub finish: String,
    /// The last round, released or not.
    pub rounds: u32,
    /// Rounds released.
    pub released: u32,
    /// The last released model.
    pub model: Digest,
    /// Its measure, where there is one.
    pub evaluation: Option<Evaluation>,
    /// What all releases cost together, where they have noise.
    pub epsilon: Option<Epsilon>,
}

impl Recorder {
    /// Opens the log in `folder` or begins it; its key is kept in the file `key`, which must not
    /// lie in `folder`: the folder is for everybody.
    pub fn open(
        folder: &Path,
        key: &Path,
        plan: &Plan,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Error> {
        let signer = signer(key, &format!("tacit.local/{}", plan.name()), entropy)?;
        let log = Log::open_or_create(folder, signer)?;
        let files = Box::new(Folder(folder.to_owned()));
        Ok(Self::new(log, folder, files, plan))
    }

    /// Begins the log of a simulation: as [`Recorder::open`], without waiting for the disk, since
    /// a simulation that a crash ends is run again.
    pub fn simulated(
        folder: &Path,
        key: &Path,
        plan: &Plan,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Error> {
        let signer = signer(key, &format!("tacit.local/{}", plan.name()), entropy)?;
        let log = Log::simulated(folder, signer)?;
        let files = Box::new(Unsynced(Folder(folder.to_owned())));
        Ok(Self::new(log, folder, files, plan))
    }

    fn new(log: Log, folder: &Path, files: Box<dyn Files>, plan: &Plan) -> Self {
        let name = |family| plan.choice(family).entry().name.to_owned();
        let rules = Rules {
            run: plan.name().to_owned(),
            plan: plan.digest(),
            num_rounds: plan.num_rounds(),
            aggregator: name(Family::Aggregator),
            protection: name(Family::Protection),
            strategy: name(Family::Strategy),
            stated: plan.clone(),
        };
        Self { log: Arc::new(Mutex::new(log)), folder: folder.to_owned(), files, rules }
    }

    /// The log itself, for checkpoints, proofs and backlinks.
    pub fn log(&self) -> Result<MutexGuard<'_, Log>, Error> {
        self.log.lock().map_err(|_| Error::Bug("a thread died holding the log"))
    }

    /// `aepiotServices` over this log.
    pub fn services(&self, base: &str) -> Result<AepiotServices, Error> {
        Ok(AepiotServices::new(self.log.clone(), base)?)
    }

    /// Records the plan, and binds the seed that cohorts will be drawn from before anybody is on
    /// the roster.
    pub fn begin(&self, model_initial: Digest, draws: Seed) -> Result<u64, Error> {
        let rules = &self.rules;
        let record = PlanRecord {
            run: rules.run.clone(),
            plan: rules.plan,
            num_rounds: rules.num_rounds,
            model_initial,
            draws_commitment: draws_commitment(draws),
            aggregator: rules.aggregator.clone(),
            protection: rules.protection.clone(),
            strategy: rules.strategy.clone(),
            privacy_guarantee: self.rules.stated.guarantee(None),
        };
        Ok(self.log()?.append_once(&record.to_record()?.to_leaf()?)?)
    }

    /// Records a round that is over: exports its journal to `rounds/NNNNNN.jsonl`, then appends
    /// how the model was distributed, what the release costs, what was proved, and the round
    /// itself. Returns the index of the last.
    pub fn round(&self, summary: &Summary, journal: &[Entry]) -> Result<u64, Error> {
        let mut export = Vec::new();
        for entry in until_result(journal) {
            export.extend(codec::encode(entry));
            export.push(b'\n');
        }
        let path = round_log_path(summary.setup.round);
        self.files.write(&path, &export).map_err(reading(&path))?;
        let round = self.round_record(summary, Digest::of_bytes(&export));
        let mut records = vec![self.distribution(&round, summary)?];
        if let Ok(outcome) = &summary.result {
            records.push(self.privacy_audit(&round));
            records.extend(aggregate(&round, outcome.selected.as_deref()));
        }
        records.extend(proofs::records(&self.rules.stated, &round, summary));
        records.push(round.to_record()?);
        let leaves = records.iter().map(Record::to_leaf).collect::<Result<Vec<_>, _>>()?;
        let mut log = self.log()?;
        let missing: Vec<&[u8]> =
            leaves.iter().map(Vec::as_slice).filter(|leaf| log.find(leaf).is_none()).collect();
        log.append_all(&missing)?;
        leaves
            .last()
            .and_then(|leaf| log.find(leaf))
            .ok_or(Error::Bug("an appended record is not in the log"))
    }

    /// Records the end of the run.
    pub fn end(&self, end: &End) -> Result<u64, Error> {
        let rules = &self.rules;
        let record = RunEndRecord {
            run: rules.run.clone(),
            plan: rules.plan,
            rounds: end.rounds,
            released: end.released,
            model_final: end.model,
            accuracy: end.evaluation.as_ref().map(Evaluation::accuracy),
            loss: end.evaluation.as_ref().map(|e| e.loss),
            spend: end.epsilon,
            privacy_guarantee: self.rules.stated.guarantee(end.epsilon),
            finish: end.finish.clone(),
        };
        Ok(self.log()?.append_once(&record.to_record()?.to_leaf()?)?)
    }

    /// Adds a participant's cosignature, one line, to the checkpoint if `current` says that it is
    /// for the state the log is in, and files the key to check it with under the participant's
    /// name.
    pub fn cosign(
        &self,
        participant: &ParticipantId,
        key: &str,
        signature: &[u8],
        current: impl FnOnce(&Checkpoint) -> bool,
    ) -> Result<(), Error> {
        let malformed = |what: &str| Refusal::Malformed { what: what.into() };
        let key = VerifierKey::parse(key).map_err(|_| malformed("witness key"))?;
        // Of several lines, others could replace or crowd out those of other witnesses.
        let ends = signature.iter().filter(|byte| **byte == b'\n').count();
        if ends != 1 || !signature.ends_with(b"\n") {
            return Err(malformed("cosignature: expected one line").into());
        }
        let mut log = self.log()?;
        if key.role() != Role::Witness || key.name() != participant.as_str() {
            let what = format!("witness key named {}", key.name());
            return Err(Refusal::Malformed { what }.into());
        }
        // A full note has witnesses enough; the cosignature is not the participant's to lose.
        if !current(&log.checkpoint().checkpoint)
            || !log.checkpoint().cosigners(std::slice::from_ref(&key)).is_empty()
            || log.checkpoint().signatures() >= CHECKPOINT_SIGNATURES
        {
            return Ok(());
        }
        let mut signed = verify_checkpoint(&log.checkpoint().to_bytes(), log.verifier())?;
        signed.add_cosignatures(signature).map_err(|_| malformed("cosignature"))?;
        if signed.cosigners(std::slice::from_ref(&key)).is_empty() {
            return Err(Refusal::BadSignature { participant: participant.clone() }.into());
        }
        let path = format!("{WITNESSES}/{participant}.vkey");
        let folder = Folder(self.folder.clone());
        let filed = folder.read(&path, KEY_BYTES).map_err(reading(&path))?;
        let line = format!("{key}\n").into_bytes();
        match filed {
            Some(filed) if filed == line => {}
            // One key per witness: another one would let a stolen certificate speak for it.
            Some(_) => {
                return Err(Refusal::BadSignature { participant: participant.clone() }.into());
            }
            None => folder.write(&path, &line).map_err(reading(&path))?,
        }
        Ok(log.add_cosignatures(signature)?)
    }

    fn round_record(&self, summary: &Summary, round_log: Digest) -> RoundRecord {
        let (rules, setup) = (&self.rules, &summary.setup);
        let outcome = summary.result.as_ref().ok();
        let evaluation = outcome.and_then(|o| o.evaluation.as_ref());
        let epsilon = summary.epsilon();
        let spend = |o: &Outcome| Spent {
            cost: o.cost,
            epsilon: epsilon.map(|e| e.upper),
            delta: epsilon.map(|e| e.delta),
        };
        let mut refusals = summary.refusals.clone();
        for (reason, count) in outcome.iter().flat_map(|o| &o.turned_away) {
            *refusals.entry(reason.clone()).or_default() += count;
        }
        let (cohort, accepted) = (summary.cohort.len() as u64, summary.accepted.len() as u64);
        RoundRecord {
            run: rules.run.clone(),
            round: setup.round,
            plan: setup.plan,
            cohort_commitment: cohort_commitment(&summary.cohort, &setup.seed, setup.round),
            cohort,
            accepted,
            missing: cohort - accepted,
            refusals,
            model_before: setup.model,
            model_after: outcome.map(|o| o.model),
            aggregator: rules.aggregator.clone(),
            protection: rules.protection.clone(),
            strategy: rules.strategy.clone(),
            wire_bytes_up: outcome.map_or(0, |o| o.bytes_up),
            wire_bytes_down: outcome.map_or(0, |o| o.bytes_down),
            accuracy: evaluation.map(Evaluation::accuracy),
            loss: evaluation.map(|e| e.loss),
            spend: outcome.map(spend),
            privacy_guarantee: rules.stated.guarantee(epsilon),
            round_log,
            aborted: summary.result.as_ref().err().map(ToString::to_string),
        }
    }

    /// How the model went out: the source document's distribution record, with its three names.
    fn distribution(&self, round: &RoundRecord, summary: &Summary) -> Result<Record, Error> {
        let seed = Digest::of_parts(
            "tacit/v1/subdomains",
            &[&round.plan.0, &round.round.to_le_bytes(), &round.model_before.0],
        );
        // From the round itself, so that repeating the record after a crash repeats the names.
        let entropy = Repeatable(Seed::from_bytes(seed.0));
        let services =
            AepiotServices::with_entropy(self.log.clone(), crate::DEFAULT_BASE, Box::new(entropy))?;
        let subdomains = services.random_subdomain.generate(3, "model_distribution")?;
        Ok(Record {
            kind: "model-distribution".into(),
            title: format!("Model of round {} of run {}", round.round, round.run),
            description: format!(
                "model sha256 {} of {} bytes offered to {} participants",
                round.model_before, summary.setup.model_bytes, round.cohort
            ),
            link: round.step_link(scheme::MODEL_DISTRIBUTION),
            body: json!({ "purpose": "model_distribution", "subdomains": subdomains }),
        })
    }

    fn privacy_audit(&self, round: &RoundRecord) -> Record {
        Record {
            kind: "privacy-audit".into(),
            title: format!("Privacy of round {} of run {}", round.round, round.run),
            description: round.privacy_guarantee.clone(),
            link: round.step_link(scheme::PRIVACY_AUDIT),
            body: json!({ "privacy_guarantee": round.privacy_guarantee }),
        }
    }
}

/// Binds the seed of a run's draws without telling it; names the run where seeds are secret.
pub fn draws_commitment(draws: Seed) -> Digest {
    Digest::of_parts("tacit/v1/draws", &[&draws.to_bytes()])
}

/// How a robust rule aggregated, for rules that the source document records. Names stand in the
/// body alone, which is in no URL, and only of those whom the rule selected in the open.
fn aggregate(round: &RoundRecord, selected: Option<&[ParticipantId]>) -> Option<Record> {
    let scheme = match round.aggregator.as_str() {
        "krum" | "multi-krum" | "bulyan" => scheme::KRUM_AGGREGATE,
        "trimmed-mean" => scheme::TRIMMED_MEAN,
        "median" => scheme::MEDIAN_AGGREGATE,
        _ => return None,
    };
    let count = selected.map(|names| format!(", of which {} were selected", names.len()));
    Some(Record {
        kind: "aggregate".into(),
        title: format!("Aggregate of round {} of run {}", round.round, round.run),
        description: format!(
            "{} of {} contributions{}",
            round.aggregator,
            round.accepted,
            count.unwrap_or_default()
        ),
        link: round.step_link(scheme),
        body: json!({ "aggregator": round.aggregator, "selected": selected }),
    })
}

/// The journal up to the round's result. Who enrols later, before a crash and the repetition of
/// what it interrupted, must not change the exported bytes and with them the record.
fn until_result(journal: &[Entry]) -> &[Entry] {
    let result =
        |entry: &Entry| matches!(entry.fact, Fact::Aggregated { .. } | Fact::Aborted { .. });
    let end = journal.iter().position(result).map_or(journal.len(), |at| at + 1);
    journal.get(..end).unwrap_or(journal)
}

/// Entropy for names that prove nothing and must repeat.
struct Repeatable(Seed);

impl Entropy for Repeatable {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        let mut rng = self.0.rng();
        bytes.iter_mut().for_each(|byte| *byte = rng.next_u64() as u8);
        Ok(())
    }
}

/// Reads the log's key, or makes one that only its owner may read.
pub fn signer(path: &Path, origin: &str, entropy: &mut dyn Entropy) -> Result<SignerKey, Error> {
    let doing = || format!("reading the log's key {}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let text = zeroize::Zeroizing::new(text);
            return Ok(SignerKey::parse(&text)?);
        }
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::world(doing(), e)),
        Err(_) => {}
    }
    let signer = SignerKey::generate(origin, Role::Log, entropy)?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|e| Error::world(doing(), e))?;
    std::io::Write::write_all(&mut file, signer.to_text().as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|e| Error::world(doing(), e))?;
    Ok(signer)
}
