//! Proofs of a run, verified once more from its folder, offline; and everything that may be wrong
//! with them.
#![allow(clippy::unwrap_used)]

#[path = "../../tacit-sim/src/world/oath.rs"]
mod toy;

use std::path::Path;
use std::process::Command;
use tacit_audit::{Evidence, OsEntropy, Recorder as Audit, ReplayFacts, Replayer, round_log_path};
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::messages::SignedContribution;
use tacit_core::params::Layout;
use tacit_core::pipeline::RowSum;
use tacit_core::plan::Plan;
use tacit_core::proof::{NoKeys, Shown, Sizes, Statement, Summands, Unprovable};
use tacit_core::registry::{Arguments, Entry as Rule, Make, Registry};
use tacit_core::round::{Entry, Record, Summary};
use tacit_core::run::Finish;
use tacit_core::traits::{Keys, Proof, Prover, Verifier, View};
use tacit_learn::federation::Federation;
use tacit_node::coordinator::{PROOFS, SystemClock, proof_path};
use tacit_node::keys::FolderKeys;
use tacit_sim::simulate::{Options, Recorder, simulate};

/// The toy's proofs, by somebody who needs a key and the round's model to verify them.
const KEYED: Rule = Rule {
    name: "keyed",
    make: Make::Proof(|arguments| Ok(Box::new(Keyed(toy(arguments)?)))),
    ..toy::ENTRY
};

fn toy(arguments: &Arguments) -> Result<Box<dyn Proof>, Error> {
    match toy::ENTRY.make {
        Make::Proof(make) => make(arguments),
        _ => Err(Error::Bug("the toy is a proof")),
    }
}

struct Keyed(Box<dyn Proof>);

struct KeyedVerifier(Box<dyn Verifier>);

fn key() -> Digest {
    Digest::of_bytes(b"a key")
}

impl Proof for Keyed {
    fn needs(&self) -> View {
        View::Sum
    }
    fn check(&self, _: &Plan) -> Result<(), Unprovable> {
        Ok(())
    }
    fn sizes(&self, of: &Statement<'_>) -> Result<Sizes, Error> {
        Ok(Sizes { commits: false, model: true, ..self.0.sizes(of)? })
    }
    fn settle(&self, update: &mut [f32]) {
        self.0.settle(update);
    }
    fn prover(&self, of: &Statement<'_>, keys: &dyn Keys) -> Result<Box<dyn Prover>, Error> {
        self.0.prover(of, keys)
    }
    fn verifier(&self, of: &Statement<'_>, keys: &dyn Keys) -> Result<Box<dyn Verifier>, Error> {
        keys.read(key())?;
        Ok(Box::new(KeyedVerifier(self.0.verifier(of, keys)?)))
    }
}

impl Verifier for KeyedVerifier {
    fn verify(&self, shown: &[Shown<'_>]) -> Result<Vec<Result<(), Refusal>>, Error> {
        for one in shown {
            assert_eq!(one.model.unwrap().digest(), one.claim.context.model);
        }
        self.0.verify(shown)
    }
    fn verify_sum(&self, sum: &Summands<'_>) -> Result<(), Error> {
        self.0.verify_sum(sum)
    }
}

fn plan(proof: &str, more: &str) -> Plan {
    parsed(&text(proof, more))
}

fn parsed(text: &str) -> Plan {
    let own = [tacit_core::plain::ENTRIES, &[toy::ENTRY, KEYED], &[tacit_zk::range::rule::ENTRY]];
    let rooms = [&own[..], &tacit_learn::ROOMS, &tacit_privacy::ROOMS, &tacit_secagg::ROOMS];
    let registry = Registry::new(&rooms.concat()).unwrap();
    Plan::parse(text, &registry).unwrap_or_else(|errors| panic!("{errors}"))
}

fn text(proof: &str, more: &str) -> String {
    format!(
        "name = \"proved\"\nnum_rounds = 2\nparticipants = 4\nproof = {proof}\n{more}\n[training]\n\
         clip_norm = 1.0\n[cohort]\nweights = \"equal\"\nminimum = 2\nmax_failed_rounds = 1\n"
    )
}

/// Bounds that take few bits.
const RANGE: &str = "{ rule = \"range\", min = -1.0, max = 1.0, scale = 100 }";

const SECAGG: &str = "protection = \"secagg\"";

/// Leaves what a coordinator would.
struct Folder {
    audit: Audit,
    log: std::path::PathBuf,
    journal: Vec<Entry>,
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
        std::fs::write(proof_path(&self.log, Digest::of_bytes(evidence)), evidence).unwrap();
        Ok(())
    }
    fn log(&mut self, summary: &Summary) -> Result<u64, Error> {
        self.audit.round(summary, &self.journal)
    }
}

/// A run that is over, in a folder.
struct Run {
    dir: tempfile::TempDir,
    plan: Plan,
    layout: std::sync::Arc<Layout>,
}

impl Run {
    fn of(plan: Plan, keys: &dyn Keys) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let federation = Federation::assemble(&plan).unwrap();
        let model = federation.initial_model().unwrap();
        let log = dir.path().join("log");
        let audit = Audit::simulated(&log, &dir.path().join("key"), &plan, &mut OsEntropy).unwrap();
        audit.begin(model.digest(), plan.seed()).unwrap();
        std::fs::create_dir_all(log.join(PROOFS)).unwrap();
        let mut recorder = Folder { audit, log, journal: Vec::new() };
        let mut options = Options::new(&mut recorder);
        options.keys = keys;
        let outcome = simulate(&plan, &federation, options, &mut |_| {}).unwrap();
        assert_eq!(outcome.finish, Finish::Completed);
        Self { dir, plan, layout: model.layout().clone() }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.dir.path().join("log").join(PROOFS)
    }

    fn log(&self, round: u32) -> Vec<Entry> {
        let path = self.dir.path().join("log").join(round_log_path(round));
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| codec::decode("log", line.as_bytes(), 1 << 20).unwrap()).collect()
    }

    /// What replaying both rounds says, after this was done to their logs.
    fn audited(
        &self,
        keys: Option<&dyn Keys>,
        change: impl Fn(&mut Vec<Entry>, &mut Vec<Entry>),
    ) -> Result<Vec<ReplayFacts>, Error> {
        let (mut first, mut second) = (self.log(1), self.log(2));
        change(&mut first, &mut second);
        let folder = &self.folder();
        let (layout, clock) = (self.layout.clone(), &SystemClock);
        let evidence = Evidence { folder, layout, keys, clock };
        let replayer = Replayer::new(&self.plan).with_evidence(evidence);
        let replay = |entries: &Vec<Entry>| {
            let lines = entries.iter().flat_map(|entry| [codec::encode(entry), b"\n".to_vec()]);
            replayer.replay(&lines.collect::<Vec<_>>().concat())
        };
        [&first, &second].into_iter().map(replay).collect()
    }

    fn refusal(&self, change: impl Fn(&mut Vec<Entry>, &mut Vec<Entry>)) -> String {
        self.audited(Some(&NoKeys), change).unwrap_err().to_string()
    }
}

fn accepted(log: &mut [Entry]) -> Vec<&mut SignedContribution> {
    let mut all: Vec<_> = log
        .iter_mut()
        .filter_map(|entry| match &mut entry.fact {
            Record::Accepted { signed } => Some(signed),
            _ => None,
        })
        .collect();
    all.sort_by_key(|signed| signed.contribution.participant.clone());
    all
}

fn same(_: &mut Vec<Entry>, _: &mut Vec<Entry>) {}

/// What is wrong is told with the round and, where it is one participant's, with its name.
fn everything_wrong_is_found(run: &Run) {
    let facts = run.audited(Some(&NoKeys), same).unwrap();
    for facts in &facts {
        assert_eq!((facts.verified.rounds, facts.verified.proofs, facts.proofs.len()), (1, 4, 4));
    }
    // Somebody else's proof, and one of the round before.
    let swapped = run.refusal(|first, _| {
        let mut all = accepted(first);
        let proofs = [0, 1].map(|place| all[place].contribution.proof);
        (all[0].contribution.proof, all[1].contribution.proof) = (proofs[1], proofs[0]);
    });
    assert!(swapped.contains("one of p0 in round 1 that holds"), "{swapped}");
    let replayed = run.refusal(|first, second| {
        accepted(second)[2].contribution.proof = accepted(first)[2].contribution.proof;
    });
    assert!(replayed.contains("one of p2 in round 2 that holds"), "{replayed}");
    let none = run.refusal(|_, second| accepted(second)[3].contribution.proof = None);
    assert!(none.contains("round 2 cannot take the record accepted"), "{none}");
    let nonce = run.refusal(|first, _| {
        for entry in first {
            if let Record::Opened { nonce, .. } = &mut entry.fact {
                *nonce = Some(Digest::of_bytes(b"another"));
            }
        }
    });
    assert!(nonce.contains("in round 1 that holds"), "{nonce}");

    let digest = accepted(&mut run.log(2))[1].contribution.proof.unwrap().digest;
    let path = run.folder().join(digest.to_string());
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[7] ^= 1;
    let named = format!("the file proofs/{digest} of the proof of p1 in round 2");
    for (bytes, found) in [(&bad[..], "bytes with sha256"), (&[&good[..], b"x"].concat(), "more")] {
        std::fs::write(&path, bytes).unwrap();
        let error = run.refusal(same);
        assert!(error.contains(&named) && error.contains(found), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    let error = run.refusal(same);
    assert!(error.contains(&named) && error.ends_with("found none"), "{error}");
    std::fs::write(&path, good).unwrap();
    run.audited(Some(&NoKeys), same).unwrap();
}

/// The sum that a round keeps: its digest and itself.
fn sum(run: &Run, log: &mut [Entry]) -> (Digest, RowSum) {
    let outcome = log.iter().find_map(|entry| match &entry.fact {
        Record::Aggregated { outcome } => outcome.sum,
        _ => None,
    });
    let bytes = std::fs::read(run.folder().join(outcome.unwrap().to_string())).unwrap();
    (outcome.unwrap(), codec::decode("sum", &bytes, 1 << 24).unwrap())
}

/// Another sum than was opened, with a file and a digest of its own.
fn everything_wrong_with_sums_is_found(run: &Run) {
    let facts = run.audited(Some(&NoKeys), same).unwrap();
    assert!(facts.iter().all(|facts| facts.verified.sums == 1));
    let (digest, good) = sum(run, &mut run.log(2));
    let changes: [fn(&mut RowSum); 6] = [
        |sum| sum.levels[5] += 1,
        |sum| sum.blindings[0] += 1,
        |sum| sum.members.truncate(3),
        |sum| sum.members.swap(0, 1),
        |sum| sum.members.push(4),
        |sum| sum.levels.truncate(9),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut other = good.clone();
        change(&mut other);
        let bytes = codec::encode(&other);
        let named = Digest::of_bytes(&bytes);
        std::fs::write(run.folder().join(named.to_string()), &bytes).unwrap();
        let error = run.refusal(|_, second| {
            for entry in second {
                if let Record::Aggregated { outcome } = &mut entry.fact {
                    outcome.sum = Some(named);
                }
            }
        });
        let told = error.contains("the sum of what was proved in round 2");
        assert!(told, "{number}: {error}");
    }
    std::fs::remove_file(run.folder().join(digest.to_string())).unwrap();
    let error = run.refusal(same);
    assert!(error.contains("of the opened sum of round 2, found none"), "{error}");
}

#[test]
fn ranges_of_single_updates() {
    everything_wrong_is_found(&Run::of(plan(RANGE, ""), &NoKeys));
}

#[test]
fn ranges_of_summed_updates() {
    let run = Run::of(plan(RANGE, SECAGG), &NoKeys);
    everything_wrong_is_found(&run);
    everything_wrong_with_sums_is_found(&run);
}

#[test]
fn another_rules_proofs_of_summed_updates() {
    let run = Run::of(plan("\"toy\"", SECAGG), &NoKeys);
    everything_wrong_is_found(&run);
    everything_wrong_with_sums_is_found(&run);
}

#[test]
fn sums_that_tell_more_than_a_release_are_not_kept() {
    let noise = "mechanism = { rule = \"gaussian\", noise_multiplier = 1.0 }\naccountant = \"rdp\"";
    let groups = "protection = { rule = \"secagg\", groups = 2 }\naggregator = \"median\"";
    let noised = text("\"toy\"", &format!("{SECAGG}\n{noise}"));
    let mut plans = vec![parsed(&format!("{noised}[privacy]\ntrusted_with_sums = true\n"))];
    let grouped = text("\"toy\"", groups).replace("participants = 4", "participants = 6");
    plans.push(parsed(&grouped));
    for plan in plans {
        let run = Run::of(plan, &NoKeys);
        for facts in run.audited(Some(&NoKeys), same).unwrap() {
            assert_eq!((facts.verified.rounds, facts.verified.sums), (1, 0));
        }
    }
}

#[test]
fn keys_and_models_that_proofs_need() {
    let keys = tempfile::tempdir().unwrap();
    std::fs::write(keys.path().join(key().to_string()), b"a key").unwrap();
    let keys = FolderKeys(Some(keys.path().to_owned()));
    let run = Run::of(plan("\"keyed\"", SECAGG), &keys);
    let facts = run.audited(Some(&keys), same).unwrap();
    assert!(facts.iter().all(|facts| facts.verified.proofs == 4));
    // Nobody offered a key: what was not verified is told. A folder without it is a mistake.
    let facts = run.audited(None, same).unwrap();
    assert!(facts.iter().all(|facts| facts.verified.proofs == 0 && facts.proofs.len() == 4));
    let empty = FolderKeys(Some(run.folder()));
    let error = run.audited(Some(&empty), same).unwrap_err().to_string();
    let named = format!("with the file {}", key());
    assert!(error.contains("those of round 1") && error.contains(&named), "{error}");
    let model = run.log(2).iter().find_map(|entry| match &entry.fact {
        Record::Accepted { signed } => Some(signed.contribution.model),
        _ => None,
    });
    std::fs::remove_file(run.folder().join(model.unwrap().to_string())).unwrap();
    let error = run.audited(Some(&keys), same).unwrap_err().to_string();
    assert!(error.contains("of the model before round 2, found none"), "{error}");
}

/// Prints what the command said; whether it ended so.
fn tacit(arguments: &[&str], dir: &Path, code: i32) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tacit"))
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "tacit {arguments:?}: {said}{wrong}");
    said
}

/// Over sockets, with signatures; then with the command that anybody has.
#[test]
fn anybody_verifies_a_run_over_sockets() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("plan.toml"), text(RANGE, "")).unwrap();
    tacit(&["run", "plan.toml", "--out", "run"], dir.path(), 0);
    let said = tacit(&["audit", "verify", "run"], dir.path(), 0);
    assert!(said.contains("8 of 8 proofs of 2 rounds verified once more"), "{said}");
    assert!(said.contains("8 of 8 contributions signed"), "{said}");
    let records = tacit(&["audit", "show", "run"], dir.path(), 0);
    assert_eq!(records.matches("range-proof://proved/").count(), 8);
    assert_eq!(records.matches("zk-aggregate://proved/").count(), 2);
    let report = std::fs::read_to_string(dir.path().join("run/report.html")).unwrap();
    assert!(report.contains("Time of proofs per round"));

    let folder = dir.path().join("run/log").join(PROOFS);
    let any = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(any).unwrap();
    let said = tacit(&["audit", "verify", "run"], dir.path(), 3);
    assert!(said.contains("NOT verified: rounds/00000") && said.contains("in round"), "{said}");
    std::fs::remove_dir_all(folder).unwrap();
    let said = tacit(&["audit", "verify", "run"], dir.path(), 0);
    assert!(said.contains("none of 8 proofs was verified once more"), "{said}");
    assert!(said.contains("there is no folder log/proofs"), "{said}");
    std::fs::remove_dir_all(dir.path().join("run/log/rounds")).unwrap();
    let said = tacit(&["audit", "verify", "run"], dir.path(), 0);
    assert!(said.contains("proofs were not verified once more"), "{said}");
}
