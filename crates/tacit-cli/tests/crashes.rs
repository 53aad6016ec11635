//! Coordinator and participants are killed at random points of real runs; whatever happens, the
//! final model is, bit for bit, that of the undisturbed simulation.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tacit_core::rng::{Random, Seed};

const PATIENCE: Duration = Duration::from_secs(240);

struct Scene {
    dir: tempfile::TempDir,
    rng: Random,
}

/// A process that does not outlive its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    fn finished(&mut self) -> Option<bool> {
        self.0.try_wait().unwrap().map(|status| status.success())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn tacit(arguments: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tacit"));
    command.args(arguments).current_dir(dir).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Scene {
    fn new(seed: u64, plan: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("plan.toml"), plan).unwrap();
        let scene = Self { dir, rng: Seed::root(seed).rng() };
        scene.succeed(&["simulate", "plan.toml", "--out", "calm"]);
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&self, arguments: &[&str]) -> Process {
        Process(tacit(arguments, self.dir.path()).spawn().unwrap())
    }

    fn succeed(&self, arguments: &[&str]) {
        let status = tacit(arguments, self.dir.path()).stderr(Stdio::inherit()).status().unwrap();
        assert!(status.success(), "tacit {arguments:?}");
    }

    fn pause(&mut self, most_ms: u64) {
        sleep(Duration::from_millis(self.rng.below(most_ms)));
    }

    /// The stormy run ended as the calm one did, and its log verifies.
    fn compare(&self) {
        let read = |run: &str, file: &str| std::fs::read(self.path(run).join(file)).unwrap();
        assert_eq!(read("calm", "model.safetensors"), read("storm", "model.safetensors"));
        let lines = |run| read(run, "history.jsonl").iter().filter(|b| **b == b'\n').count();
        assert_eq!(lines("calm"), lines("storm"), "every round is reported once");
        self.succeed(&["audit", "verify", "storm"]);
    }
}

const PLAN: &str = r#"
name = "storm"
num_rounds = 12
participants = 6
strategy = "scaffold"
compression = [{ rule = "top-k", fraction = 0.3 }, { rule = "quantise", bits = 8 }, "entropy"]
[cohort]
size = 4
[training]
batch_size = 10
[evaluation]
on = ["coordinator", "participants"]
"#;

#[test]
fn a_killed_run_resumes_to_the_same_model() {
    storm(Scene::new(1, PLAN));
}

/// A participant of the process that cannot start ends it: rounds would wait for that one.
#[test]
fn a_run_ends_with_its_participants() {
    let plan = "name = \"storm\"\nnum_rounds = 2\nparticipants = 3\n[cohort]\nminimum = 3\n";
    let scene = Scene::new(6, plan);
    let participants = scene.path("storm").join("state").join("participants");
    std::fs::create_dir_all(&participants).unwrap();
    std::fs::write(participants.join("p1"), "no folder").unwrap();
    let mut run = scene.start(&["run", "plan.toml", "--out", "storm"]);
    let begin = Instant::now();
    let ended = std::iter::from_fn(|| {
        sleep(Duration::from_millis(50));
        (begin.elapsed() < PATIENCE).then(|| run.finished())
    });
    assert_eq!(ended.flatten().next(), Some(false));
}

/// What the aggregator remembers, which rows it mixes and whom it selects survive too.
#[test]
fn a_killed_run_of_robust_rules_resumes_to_the_same_model() {
    let rules = [
        r#"aggregator = { rule = "centered-clipping", clip_radius = 1.0 }"#,
        r#"aggregator = { rule = "multi-krum", num_byzantine = 0 }"#,
    ];
    for (seed, rule) in (3..).zip(rules) {
        let mixing = r#"pre_aggregation = [{ rule = "nearest-neighbour-mixing" }, "bucketing"]"#;
        let plan = PLAN.replace("[cohort]\nsize = 4", "[cohort]\nsize = 5\nminimum = 5");
        let plan = plan.replace("num_rounds = 12", "num_rounds = 8");
        storm(Scene::new(seed, &format!("{mixing}\n{rule}\n{plan}")));
    }
}

/// Noise is drawn anew, so models differ; what it cost does not: no release is forgotten, and
/// none is counted twice, in the history or in the ledger.
#[test]
fn a_killed_run_with_noise_spends_as_an_undisturbed_one() {
    let noise = r#"
name = "noise"
num_rounds = 25
participants = 6
mechanism = { rule = "gaussian", noise_multiplier = 3.0 }
accountant = "pld"
[training]
clip_norm = 1.0
clip_quantile = 0.5
[cohort]
weights = "equal"
[privacy]
delta = 1e-3
"#;
    let mut scene = Scene::new(5, noise);
    std::fs::write(scene.path("plan.toml"), format!("{noise}ledger = \"ledger\"\n")).unwrap();
    scene.weather();
    let spent = |run: &str| -> Vec<f64> {
        let history = std::fs::read_to_string(scene.path(run).join("history.jsonl")).unwrap();
        let of = |line: &str| {
            let round: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(round["aborted"].is_null(), "{line}");
            round["epsilon"]["upper"].as_f64().unwrap()
        };
        history.lines().map(of).collect()
    };
    let (calm, storm) = (spent("calm"), spent("storm"));
    assert_eq!(calm.len(), storm.len());
    // Costs differ in a digit that follows the clipping norm, and that the noise.
    assert!(calm.iter().zip(&storm).all(|(a, b)| (a / b - 1.0).abs() < 1e-4), "{calm:?} {storm:?}");
    scene.succeed(&["audit", "verify", "storm"]);
    let lie = format!("{noise}ledger = \"ledger\"\nspent = 0.1\n");
    std::fs::write(scene.path("lie.toml"), lie).unwrap();
    let mut liar = scene.start(&["run", "lie.toml", "--out", "liar"]);
    assert!(!liar.0.wait().unwrap().success(), "a plan may not state less than was spent");
}

/// Keys of a protection live in memory: a killed round is aborted, for nobody can open it, and the
/// next begins. Every round is reported once, and the log verifies.
#[test]
fn a_killed_run_of_sums_goes_on_with_the_next_round() {
    let sums = r#"
name = "sums"
num_rounds = 40
participants = 6
protection = { rule = "secagg", stage_timeout_s = 5 }
[training]
clip_norm = 2.0
[cohort]
minimum = 5
collect_timeout_s = 5
max_failed_rounds = 1000
"#;
    let mut scene = Scene::new(7, sums);
    scene.weather();
    let history = std::fs::read_to_string(scene.path("storm/history.jsonl")).unwrap();
    let rounds = history.lines().map(|line| serde_json::from_str(line).unwrap());
    let rounds: Vec<serde_json::Value> = rounds.collect();
    let numbers: Vec<u64> = rounds.iter().map(|round| round["round"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    let released = rounds.iter().filter(|round| round["aborted"].is_null()).count();
    assert!(released > 10, "{released} of 40 were released");
    scene.succeed(&["audit", "verify", "storm"]);
}

fn storm(mut scene: Scene) {
    scene.weather();
    scene.compare();
}

impl Scene {
    /// Runs to the end, killed again and again.
    fn weather(&mut self) {
        let scene = self;
        let begin = Instant::now();
        let mut kills = 0;
        let mut run = scene.start(&["run", "plan.toml", "--out", "storm"]);
        loop {
            // Short lives at first, then long enough to get to the end.
            scene.pause(150 + 60 * kills);
            match run.finished() {
                Some(true) => break,
                Some(false) => assert!(!scene.path("storm/plan.toml").exists(), "a run failed"),
                None => {
                    run.kill();
                    kills += 1;
                }
            }
            assert!(begin.elapsed() < PATIENCE, "the run never ended; {kills} kills");
            let again: &[&str] = match scene.path("storm/plan.toml").exists() {
                true => &["resume", "storm"],
                false => &["run", "plan.toml", "--out", "storm"],
            };
            run = scene.start(again);
        }
        assert!(kills > 0, "nothing was tested");
    }
}

#[test]
fn killed_coordinators_and_participants_return() {
    let mut scene = Scene::new(2, PLAN);
    scene.succeed(&["pki", "init"]);
    scene.succeed(&["pki", "issue", "coordinator", "--coordinator", "127.0.0.1"]);
    let names: Vec<String> = (0..6).map(|i| format!("p{i}")).collect();
    names.iter().for_each(|name| scene.succeed(&["pki", "issue", name]));
    // A free port, found by binding it once.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (listen, url) = (format!("127.0.0.1:{port}"), format!("https://127.0.0.1:{port}"));
    let serve = ["serve", "plan.toml", "--out", "storm", "--listen", &listen];
    let join = |scene: &Scene, i: usize| {
        let part = format!("{i}/6");
        let who = ["--name", &names[i], "--data", "digits", "--part", &part];
        scene.start(&[&["join", "--coordinator", &url][..], &who[..]].concat())
    };
    let mut coordinator = scene.start(&serve);
    let mut members: Vec<Process> = (0..6).map(|i| join(&scene, i)).collect();
    let begin = Instant::now();
    let mut kills = 0;
    loop {
        scene.pause(250 + 80 * kills);
        assert!(begin.elapsed() < PATIENCE, "the run never ended; {kills} kills");
        match coordinator.finished() {
            Some(success) => {
                assert!(success, "the coordinator failed");
                break;
            }
            None if kills < 12 => {
                kills += 1;
                let victim = scene.rng.below(8) as usize;
                if victim < 6 {
                    members[victim].kill();
                    members[victim] = join(&scene, victim);
                } else {
                    coordinator.kill();
                    coordinator = match scene.path("storm/plan.toml").exists() {
                        true => scene.start(&["resume", "storm"]),
                        false => scene.start(&serve),
                    };
                }
            }
            None => {}
        }
    }
    assert!(kills > 0, "nothing was tested");
    scene.compare();
}
