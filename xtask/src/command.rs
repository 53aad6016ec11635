//! Runs cargo, passes its output through, and counts the tests it reports.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a step found: notices, or complaints that make it fail.
pub type Outcome = Result<Vec<String>, Vec<String>>;

/// Where we are and which cargo runs us.
pub struct Workspace {
    /// The directory of the workspace's manifest.
    pub root: PathBuf,
    cargo: String,
}

impl Workspace {
    /// `cargo run` tells us both; without it, the current directory and the `cargo` of the path.
    pub fn find() -> Self {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let root = manifest.and_then(|path| path.parent().map(PathBuf::from));
        Self {
            root: root.unwrap_or_else(|| PathBuf::from(".")),
            cargo: std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()),
        }
    }

    /// A cargo command in the root; arguments are split at spaces.
    pub fn cargo(&self, arguments: &str) -> Command {
        let mut command = Command::new(&self.cargo);
        command.args(arguments.split_whitespace()).current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// Runs a cargo command to its end.
    pub fn run(&self, arguments: &str) -> Outcome {
        finish(&mut self.cargo(arguments))
    }
}

/// Runs a command to its end with its output passed through.
pub fn finish(command: &mut Command) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Ok(Vec::new()),
        Ok(status) => Err(vec![format!("{}: {status}", words(command))]),
        Err(error) => Err(vec![format!("{}: {error}", words(command))]),
    }
}

/// Runs a command to its end and returns what it wrote to its standard output.
pub fn output(command: &mut Command) -> Result<Vec<u8>, Vec<String>> {
    let name = words(command);
    let fail = |why: String| Err(vec![format!("{name}: {why}")]);
    match command.stderr(Stdio::inherit()).output() {
        Ok(output) if output.status.success() => Ok(output.stdout),
        Ok(output) => fail(output.status.to_string()),
        Err(error) => fail(error.to_string()),
    }
}

fn words(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Sums of the closing lines of `cargo test`.
#[derive(Debug, Default, PartialEq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that were not run.
    pub ignored: u64,
}

impl Tally {
    /// Adds one line of output if it is a closing line.
    pub fn add(&mut self, line: &str) {
        let Some(result) = line.trim_start().strip_prefix("test result: ") else { return };
        let counts = result.split_once(". ").map_or("", |(_, counts)| counts);
        for part in counts.split("; ") {
            let Some((count, what)) = part.split_once(' ') else { continue };
            let count = count.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => (),
            }
        }
    }
}

/// Runs a test command, passes its output through and sums up its results.
pub fn tests(command: &mut Command) -> (Outcome, Tally) {
    let mut tally = Tally::default();
    let name = words(command);
    let fail = |why: String| Err(vec![format!("{name}: {why}")]);
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return (fail(error.to_string()), tally),
    };
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            tally.add(&line);
        }
    }
    let outcome = match child.wait() {
        Ok(status) if status.success() => Ok(Vec::new()),
        Ok(status) => fail(status.to_string()),
        Err(error) => fail(error.to_string()),
    };
    (outcome, tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_summed() {
        let mut tally = Tally::default();
        tally.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out");
        tally.add("test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured");
        tally.add("test result_of_something ... ok");
        tally.add("test result: what");
        assert_eq!(tally, Tally { passed: 16, failed: 2, ignored: 1 });
    }
}
