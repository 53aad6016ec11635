//! What the papers and examples promise: plans are coherent, commands and options exist, links
//! lead somewhere, and the examples run.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TACIT: &str = env!("CARGO_BIN_EXE_tacit");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn tacit(arguments: &[&str], dir: &Path) -> Output {
    Command::new(TACIT).args(arguments).current_dir(dir).output().unwrap()
}

fn succeed(arguments: &[&str], dir: &Path) -> String {
    let output = tacit(arguments, dir);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tacit {}: {said}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

/// Files of these folders, and of what is in them, that end so.
fn files(folders: &[PathBuf], end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&[path], end));
        } else if path.to_str().unwrap().ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Every page that tells a reader what to type.
fn papers() -> Vec<PathBuf> {
    let root = root();
    let mut papers = files(&[root.join("docs"), root.join("examples")], ".md");
    let top = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    papers.extend(top.filter(|path| path.extension().is_some_and(|end| end == "md")));
    assert!(papers.len() >= 8, "{papers:?}");
    papers
}

#[test]
fn plans_are_coherent() {
    let plans = files(&[root().join("examples")], ".toml");
    assert!(plans.len() >= 4, "{plans:?}");
    for plan in plans {
        let canonical = succeed(&["plan", "check", plan.to_str().unwrap()], &root());
        assert!(canonical.contains("num_rounds = "), "{canonical}");
    }
}

/// What `tacit … --help` prints for these words, and the subcommands it lists.
fn help(words: &[&str]) -> (String, Vec<String>) {
    let mut arguments = words.to_vec();
    arguments.push("--help");
    let text = succeed(&arguments, &root());
    let commands = text.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| line.starts_with("  "));
    let names = commands.filter_map(|line| line.split_whitespace().next());
    let names = names.filter(|name| *name != "help").map(str::to_owned).collect();
    (text, names)
}

/// Help of every command by its words.
fn commands() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let (_, top) = help(&[]);
    for name in top {
        let (text, subcommands) = help(&[&name]);
        for sub in &subcommands {
            all.insert(format!("{name} {sub}"), help(&[&name, sub]).0);
        }
        all.insert(name, text);
    }
    all
}

/// Commands in a page: code in backquotes or in a block, from `tacit` on.
fn typed(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            block = !block && ["```sh", "```console"].contains(&line.trim());
            continue;
        }
        let pieces: Vec<&str> = match block {
            true => vec![line.split('#').next().unwrap_or_default()],
            false => line.split('`').skip(1).step_by(2).collect(),
        };
        for piece in pieces {
            let piece = piece.trim_start_matches("$ ").replace("cargo run --release -- ", "tacit ");
            let command = piece.split("&&").map(str::trim).find_map(|part| {
                let part = part.rsplit_once("$PATH ").map_or(part, |(_, command)| command);
                part.strip_prefix("tacit ").map(str::to_owned)
            });
            found.extend(command);
        }
    }
    found
}

#[test]
fn every_command_of_the_papers_exists() {
    let commands = commands();
    assert!(commands.len() >= 15, "{:?}", commands.keys());
    let mut checked = 0;
    for paper in papers() {
        for line in typed(&std::fs::read_to_string(&paper).unwrap()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let two = words.get(..2).map(|words| words.join(" "));
            let help = two.and_then(|two| commands.get(&two)).or_else(|| commands.get(words[0]));
            let help = help.unwrap_or_else(|| panic!("{}: tacit {line}", paper.display()));
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let known = help.split_whitespace().any(|word| word == *option);
                assert!(known, "{}: tacit {line}: {option}", paper.display());
            }
            checked += 1;
        }
    }
    assert!(checked >= 30, "only {checked} commands were found in the papers");
}

#[test]
fn links_lead_somewhere() {
    for paper in papers() {
        let text = std::fs::read_to_string(&paper).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let file = target.split('#').next().unwrap_or_default();
            let path = paper.parent().unwrap().join(file);
            assert!(path.exists(), "{}: {target}", paper.display());
        }
    }
}

/// Copies an example to where its run may be written.
fn copy(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(root().join("examples").join(name)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[test]
fn own_data_is_learned_from() {
    let dir = copy("own_data");
    let shown = succeed(&["data", "show", "plan.toml"], dir.path());
    assert!(shown.contains("(north)"), "{shown}");
    let said = succeed(&["run", "plan.toml", "--out", "run"], dir.path());
    assert!(said.contains("Round 10 complete. Accuracy: 0.8"), "{said}");
    let verified = succeed(&["audit", "verify", "run"], dir.path());
    assert!(verified.contains("40 of 40 contributions signed"), "{verified}");
}

#[test]
fn aggregators_are_attacked() {
    let dir = copy("attack");
    let attack = "scaling:factor=-30,nan";
    let mut arguments = vec!["attack", "plan.toml", "--byzantine", "5", "--attack", attack];
    arguments.extend(["--aggregators", "mean,multi-krum,bulyan", "--out", "grid"]);
    let said = succeed(&arguments, dir.path());
    assert!(said.contains("bulyan: expected at least 23 contributions, found 20"), "{said}");
    let csv = std::fs::read_to_string(dir.path().join("grid/grid.csv")).unwrap();
    let accuracy = |line: &str| -> f64 {
        let found = csv.lines().find(|found| found.starts_with(line)).unwrap();
        found.split(',').nth(3).unwrap().parse().unwrap()
    };
    assert!(accuracy("mean,scaling,") < 0.5 && accuracy("multi-krum,scaling,") > 0.8, "{csv}");
    assert!(csv.contains(",100,0,\n"), "{csv}");
    let again = succeed(&arguments, dir.path());
    assert_eq!(said, again);
    for bad in [["--attack", "mimik"], ["--aggregators", "kram"], ["--byzantine", "21"]] {
        let usual = ["attack", "plan.toml", "--byzantine", "1"];
        let output = tacit(&[&usual, &bad[..]].concat(), dir.path());
        assert_eq!(output.status.code(), Some(2), "{bad:?}");
    }
}

#[test]
fn noise_is_audited() {
    let dir = copy("privacy");
    for plan in ["central.toml", "local.toml"] {
        let audit = ["privacy", "audit", plan, "--canaries", "40", "--rounds", "1"];
        let said = succeed(&audit, dir.path());
        assert_eq!(said.matches(": not refuted").count(), 2, "{said}");
        assert!(said.contains("40, each in or out by a coin, in 1 runs"), "{said}");
    }
    std::fs::write(dir.path().join("bare.toml"), "").unwrap();
    let output = tacit(&["privacy", "audit", "bare.toml"], dir.path());
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("mechanism of an audited plan: expected one with noise"), "{said}");
}

#[test]
fn a_program_in_plain_python_trains() {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("not checked: there is no python3 here");
        return;
    }
    let dir = copy("pytorch_trainer");
    let said = succeed(&["simulate", "plan_plain.toml", "--out", "run"], dir.path());
    assert!(said.contains("Round 2 complete. Accuracy: 0.8"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn three_machines_federate() {
    // Taken and given back: the script wants a port that is free.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dir = tempfile::tempdir().unwrap();
    let script = root().join("examples/three_machines/run.sh");
    let output = Command::new("timeout")
        .args(["300", "bash"])
        .arg(script)
        .arg(dir.path())
        .env("TACIT", TACIT)
        .env("PORT", port.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("(the key given); co-signed by hospital-a, hospital-b"), "{said}");
    assert!(said.contains("20 of 20 contributions signed"), "{said}");
}

#[test]
fn a_committee_runs_on_one_machine() {
    let dir = copy("committee");
    let verified = |run: &str| succeed(&["audit", "verify", run], dir.path());
    succeed(&["run", "plan.toml", "--out", "over-sockets"], dir.path());
    assert!(verified("over-sockets").contains("24 of 24 contributions signed"));
    succeed(&["simulate", "plan.toml", "--out", "simulated"], dir.path());
    let models = |run: &str| {
        let history = std::fs::read_to_string(dir.path().join(run).join("history.jsonl")).unwrap();
        let after = history.split("\"model_after\":").skip(1);
        after.map(|rest| rest[..66].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(models("over-sockets").len(), 6);
    assert_eq!(models("over-sockets"), models("simulated"));
}

/// A proof made by hand holds of what was asked, and of nothing else.
#[test]
fn a_gradient_is_clipped_with_a_proof() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("g.txt"), "12, -0.5 3.14159\n0.25").unwrap();
    let refused = tacit(&["prove", "range", "g.txt"], dir.path());
    assert_eq!(refused.status.code(), Some(2));
    let said = succeed(&["prove", "range", "g.txt", "--clipped", "c.txt"], dir.path());
    assert!(said.contains("4 coordinates"), "{said}");
    let clipped = std::fs::read_to_string(dir.path().join("c.txt")).unwrap();
    assert_eq!(clipped, "10\n-0.5\n3.141\n0.25\n");
    let verify = |rest: &[&str]| tacit(&[&["verify", "range"], rest].concat(), dir.path());
    assert!(verify(&[]).status.success());
    assert!(verify(&["--gradient", "c.txt", "--opening", "opening.hex"]).status.success());
    for wrong in [
        &["--gradient", "g.txt", "--opening", "opening.hex"][..],
        &["--max", "5"],
        &["--participant", "p1"],
        &["--round", "2"],
        &["--norm-l2", "20"],
    ] {
        assert!(!verify(wrong).status.success(), "{wrong:?}");
    }
    let shown = ["prove", "range", "c.txt", "--out"];
    let once_more = tacit(&[&shown[..], &["c.txt"]].concat(), dir.path());
    assert!(String::from_utf8_lossy(&once_more.stderr).contains("c.txt twice"));
}

/// Six ports in a row that are free now.
#[cfg(target_os = "linux")]
fn six_ports() -> u16 {
    let free = |port: &u16| {
        (*port..*port + 6).all(|port| std::net::TcpListener::bind(("127.0.0.1", port)).is_ok())
    };
    let first = 20_000 + (std::process::id() % 1_000) as u16 * 10;
    (first..30_000).step_by(10).find(free).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_committee_loses_two_aggregators() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new("timeout")
        .args(["300", "bash"])
        .arg(root().join("examples/committee/run.sh"))
        .arg(dir.path())
        .env("TACIT", TACIT)
        .env("PORT", six_ports().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains("two aggregators were killed"), "{said}");
    assert!(said.contains("24 of 24 contributions signed"), "{said}");
    assert!(said.contains("the model of ten processes is that of one"), "{said}");
}

/// A coordinator must not choose what runs on a participant's machine.
#[cfg(target_os = "linux")]
#[test]
fn a_program_needs_consent() {
    let dir = copy("pytorch_trainer");
    let at = |arguments: &[&str]| succeed(arguments, dir.path());
    at(&["pki", "init"]);
    at(&["pki", "issue", "coordinator", "--coordinator", "127.0.0.1"]);
    at(&["pki", "issue", "clinic"]);
    let plan = dir.path().join("plan.toml");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, text.replace("train.py", "train_plain.py")).unwrap();
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("not checked: there is no python3 here");
        return;
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut server = Command::new(TACIT)
        .args(["serve", "plan.toml", "--listen", &address, "--out", "run"])
        .current_dir(dir.path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let url = format!("https://{address}");
    let join = ["join", "--coordinator", &url, "--name", "clinic", "--data", "digits"];
    // A participant would wait a quarter of an hour for a coordinator that did not start.
    let patiently = |arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["60", TACIT]).args(arguments).current_dir(dir.path());
        command.output().unwrap()
    };
    let output = patiently(&join);
    let other = patiently(&[&join[..], &["--plan", "plan_plain.toml"]].concat());
    server.kill().unwrap();
    server.wait().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("since it runs a program here"), "{said}");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(said.contains("expected the agreed one"), "{said}");
    assert_eq!(other.status.code(), Some(2));
}
