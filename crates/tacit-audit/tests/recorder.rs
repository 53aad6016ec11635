//! A run driven by the real state machine, recorded, crashed, repeated, audited and replayed.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use tacit_audit::{Checks, End, OsEntropy, Recorder, Replayer, verify_dir};
use tacit_core::digest::Digest;
use tacit_core::evidence::Cost;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Contribution, Evaluation, SignedContribution};
use tacit_core::plan::Plan;
use tacit_core::round::{Action, Entry, Event, Kind, Outcome, Record, Summary};
use tacit_core::run::{Course, Run};

const PLAN: &str = "name = \"demo\"\nparticipants = 4\nnum_rounds = 3\n";

fn plan() -> Plan {
    Plan::parse(PLAN, &tacit_learn::registry().unwrap()).unwrap()
}

fn model(round: u32) -> Digest {
    Digest::of_bytes(format!("model {round}").as_bytes())
}

fn outcome(round: u32) -> Outcome {
    Outcome {
        verify_ms: None,
        sum: None,
        tally: None,
        round,
        model: model(round),
        slots: vec![],
        delta: None,
        cost: Cost::Unbounded,
        clip_norm: None,
        evaluation: Some(Evaluation { examples: 10, correct: 9, loss: 0.1, per_class: vec![] }),
        selected: None,
        turned_away: [("bad-certificate".into(), 2)].into(),
        bytes_up: 100,
        bytes_down: 200,
        aggregate_ms: 3,
    }
}

/// Runs the plan; every round that is over is recorded. Round 2 cannot be aggregated.
struct Driver {
    run: Run,
    journal: Vec<Entry>,
    over: Vec<(Summary, Vec<Entry>)>,
}

impl Driver {
    fn finished() -> Self {
        let run = Run::new(Course::new(&plan(), model(0), 7).unwrap());
        let mut driver = Self { run, journal: vec![], over: vec![] };
        for n in 0..4 {
            driver.on(Kind::Enrolled { participant: ParticipantId::numbered(n, 4), dataset: None });
        }
        assert!(driver.run.finish().is_some());
        driver
    }

    fn on(&mut self, kind: Kind) {
        let (run, actions) = self.run.clone().step(Event { at_ms: 1_000_000, kind });
        self.run = run;
        for action in actions {
            match action {
                Action::Persist(entry) => self.journal.push(entry),
                Action::Offer { task, to } => {
                    for participant in &to {
                        let (participant, round) = (participant.clone(), task.round);
                        self.on(Kind::Received { participant, round });
                    }
                    for participant in to {
                        self.on(Kind::Contributed(SignedContribution {
                            contribution: Contribution {
                                proof: None,
                                payload: Digest::of_bytes(participant.as_str().as_bytes()),
                                participant,
                                round: task.round,
                                plan: task.plan,
                                model: task.model,
                                payload_bytes: 28,
                                examples: 5,
                                loss: 0.5,
                                fit_ms: 1,
                                evaluation: None,
                                within: None,
                            },
                            key: String::new(),
                            signature: String::new(),
                        }));
                    }
                }
                Action::Aggregate { setup, .. } => match setup.round {
                    2 => self.on(Kind::AggregationFailed { round: 2, why: "no".into() }),
                    round => self.on(Kind::Aggregated(outcome(round))),
                },
                Action::Log(summary) => {
                    let round = summary.setup.round;
                    let of_round = self.journal.iter().filter(|e| e.round == round).cloned();
                    self.over.push((*summary, of_round.collect()));
                    self.on(Kind::Logged { round, index: 0 });
                }
                Action::Publish { round, .. } => self.on(Kind::Published { round }),
                _ => {}
            }
        }
    }
}

fn open(dir: &Path) -> Recorder {
    Recorder::open(&dir.join("log"), &dir.join("log.skey"), &plan(), &mut OsEntropy).unwrap()
}

#[test]
fn a_recorded_run_is_audited_and_replayed_and_repeating_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let driver = Driver::finished();
    assert_eq!(driver.over.len(), 3);
    let mut indexes = Vec::new();
    for _ in 0..2 {
        // The second time is a coordinator that came back and knows nothing of the first.
        let recorder = open(dir.path());
        let mut found = vec![recorder.begin(model(0), plan().seed()).unwrap()];
        for (summary, journal) in &driver.over {
            found.push(recorder.round(summary, journal).unwrap());
            // Who enrols between a crash and the repetition does not change the record.
            let mut later = journal.clone();
            let participant = ParticipantId::parse("latecomer").unwrap();
            let round = summary.setup.round;
            later.push(Entry { round, fact: Record::Enrolled { participant, dataset: None } });
            assert_eq!(recorder.round(summary, &later).unwrap(), *found.last().unwrap());
        }
        let finish = "completed".to_owned();
        let evaluation = outcome(3).evaluation;
        let end =
            End { finish, rounds: 3, released: 2, model: model(3), evaluation, epsilon: None };
        found.push(recorder.end(&end).unwrap());
        indexes.push(found);
    }
    assert_eq!(indexes[0], indexes[1]);

    let plan = plan();
    fs::write(dir.path().join("plan.toml"), PLAN).unwrap();
    let digest = |_: &[u8]| Ok(plan.digest());
    let replayer = Replayer::new(&plan);
    let facts = |bytes: &[u8]| replayer.replay(bytes);
    let checks = Checks { plan_digest: Some(&digest), replay: Some(&facts), ..Checks::default() };
    let report = verify_dir(dir.path(), &checks).unwrap();
    assert_eq!((report.rounds, report.released, report.replayed), (3, 2, 3));
    assert!(report.ended && report.plan_checked && report.last_model == Some(model(3)));
    let kinds: Vec<_> = report.records.iter().map(|(kind, n)| (kind.as_str(), *n)).collect();
    let expected = [
        ("model-distribution", 3),
        ("plan", 1),
        ("privacy-audit", 2),
        ("round", 3),
        ("run-end", 1),
    ];
    assert_eq!(kinds, expected);

    // A round log that the state machine cannot have written.
    let path = dir.path().join("log/rounds/000001.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let without = |what: &str| -> String {
        text.split_inclusive('\n').filter(|line| !line.contains(what)).collect()
    };
    assert!(replayer.replay(text.as_bytes()).is_ok());
    for bad in [
        text.replace("\"round\":1", "\"round\":9").replacen("\"round\":9", "\"round\":1", 1),
        text.replacen("accepted", "declined", 1),
        format!("{text}{text}"),
        format!("{text}\n"),
        text[..text.len() - 2].to_owned(),
        without("\"opened\""),
        without("\"closed\""),
    ] {
        assert!(replayer.replay(bad.as_bytes()).is_err(), "{bad}");
    }
    assert!(replayer.replay(&[0xff]).is_err());
}

#[cfg(unix)]
#[test]
fn the_logs_key_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let mode = fs::metadata(dir.path().join("log.skey")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The folder for everybody holds only the public half.
    let secret = fs::read_to_string(dir.path().join("log.skey")).unwrap();
    let public = fs::read_to_string(dir.path().join("log/log.vkey")).unwrap();
    assert!(secret.starts_with("PRIVATE+KEY+tacit.local/demo+"));
    assert!(public.starts_with("tacit.local/demo+"));
}

#[test]
fn a_simulation_leaves_the_same_log_without_waiting_for_the_disk() {
    let driver = Driver::finished();
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = other.path().join("log.skey");
    let record = |recorder: &Recorder| {
        recorder.begin(model(0), plan().seed()).unwrap();
        for (summary, journal) in &driver.over {
            recorder.round(summary, journal).unwrap();
        }
        recorder.log().unwrap().checkpoint().to_bytes()
    };
    let open = |simulated: bool, dir: &Path| {
        let make = if simulated { Recorder::simulated } else { Recorder::open };
        make(&dir.join("log"), &key, &plan(), &mut OsEntropy).unwrap()
    };
    let durable = record(&open(false, other.path()));
    assert_eq!(record(&open(true, dir.path())), durable);
    // A second one in the same folder goes on where the first stopped.
    assert_eq!(record(&open(true, dir.path())), durable);
}
