//! `cargo xtask fuzz`: builds the fuzz targets with libFuzzer on the stable compiler and runs each
//! for a while. The same targets run under `cargo fuzz`, with its sanitisers, where that and a
//! nightly compiler are installed.

use crate::command::{self, Outcome, Workspace};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What cargo-fuzz passes too, without a sanitiser: counters on every edge, and comparisons.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cdebug-assertions -Ccodegen-units=1";

/// Which target, and for how long.
#[derive(Debug, PartialEq)]
pub struct Order {
    seconds: u32,
    target: Option<String>,
}

impl Order {
    /// `[SECONDS [TARGET]]`
    pub fn parse(arguments: &[&str]) -> Result<Self, String> {
        let (seconds, target) = match arguments {
            [] => ("20", None),
            [seconds] => (*seconds, None),
            [seconds, target] => (*seconds, Some((*target).to_owned())),
            _ => return Err("expected SECONDS and TARGET only".into()),
        };
        let seconds = seconds.parse().map_err(|_| format!("expected seconds, found {seconds}"))?;
        Ok(Self { seconds, target })
    }
}

/// Runs the targets one after the other; true if none found anything.
pub fn run(workspace: &Workspace, order: &Order) -> bool {
    let targets = match prepare(workspace, order) {
        Ok(targets) => targets,
        Err(complaints) => return fail(&complaints),
    };
    let runs = targets.iter().filter_map(|target| target.run(workspace, order.seconds).err());
    let complaints: Vec<String> = runs.flatten().collect();
    if !complaints.is_empty() {
        return fail(&complaints);
    }
    println!("fuzz result: ok. {} targets, {} s each", targets.len(), order.seconds);
    true
}

fn fail(complaints: &[String]) -> bool {
    println!("fuzz result: FAILED.\n{}", complaints.join("\n"));
    false
}

/// One built target.
struct Target {
    name: String,
    program: PathBuf,
}

/// Builds what the order asks for.
fn prepare(workspace: &Workspace, order: &Order) -> Result<Vec<Target>, Vec<String>> {
    let names = names(&workspace.root.join("fuzz/targets"))?;
    let chosen: Vec<String> = match &order.target {
        Some(name) if !names.contains(name) => {
            return Err(vec![format!("no target {name}, expected one of {}", names.join(", "))]);
        }
        Some(name) => vec![name.clone()],
        None => names,
    };
    let host = host()?;
    // A directory of its own, for these flags would throw away what other builds left; and an
    // explicit target, so that they do not reach build scripts.
    let folder = workspace.root.join("target/fuzz");
    let mut build = workspace.cargo("build --release --locked -p tacit-fuzz --features libfuzzer");
    build.args(["--target", &host]).arg("--target-dir").arg(&folder).env("RUSTFLAGS", FLAGS);
    chosen.iter().for_each(|name| _ = build.args(["--bin", name]));
    command::finish(&mut build)?;
    let programs = folder.join(host).join("release");
    let target = |name: String| Target { program: programs.join(&name), name };
    Ok(chosen.into_iter().map(target).collect())
}

impl Target {
    fn run(&self, workspace: &Workspace, seconds: u32) -> Outcome {
        println!("\n== {}", self.name);
        let place = |folder: &str| workspace.root.join(folder).join(&self.name);
        let (found, seeds) = (place("target/fuzz/corpus"), place("fuzz/corpus"));
        let crashes = place("target/fuzz/crashes");
        for folder in [&found, &seeds, &crashes] {
            std::fs::create_dir_all(folder)
                .map_err(|error| vec![format!("{}: {error}", folder.display())])?;
        }
        let mut command = Command::new(&self.program);
        // New inputs go to the first directory; the committed seeds are only read.
        command.arg(found).arg(seeds).arg(format!("-max_total_time={seconds}"));
        command.args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=65536"]);
        command.args(["-verbosity=0", "-print_final_stats=1"]);
        // The readers of data read files: in memory, where the system has such a directory.
        if Path::new("/dev/shm").is_dir() {
            command.env("TMPDIR", "/dev/shm");
        }
        command.arg(format!("-artifact_prefix={}/", crashes.display()));
        command::finish(&mut command)
    }
}

/// Names of the targets: one file each.
fn names(folder: &Path) -> Result<Vec<String>, Vec<String>> {
    let fail = |error: std::io::Error| vec![format!("{}: {error}", folder.display())];
    let entries = std::fs::read_dir(folder).map_err(fail)?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(fail)?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// The compiler's own platform.
fn host() -> Result<String, Vec<String>> {
    let version = command::output(Command::new("rustc").arg("-vV"))?;
    let version = String::from_utf8_lossy(&version).into_owned();
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| vec!["rustc -vV names no host".into()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders() {
        let parse = |arguments: &[&str]| Order::parse(arguments);
        assert_eq!(parse(&[]), Ok(Order { seconds: 20, target: None }));
        let one = Order { seconds: 5, target: Some("codec".into()) };
        assert_eq!(parse(&["5", "codec"]), Ok(one));
        assert!(parse(&["codec"]).is_err());
        assert!(parse(&["1", "2", "3"]).is_err());
    }
}
