//! `cargo xtask test`: named steps, timed, all of them run even where one fails.

use crate::command::{self, Outcome, Workspace};
use crate::{deny, layers, sources};
use std::time::Instant;

/// One check.
pub struct Step {
    /// Its name, for `--only`.
    pub name: &'static str,
    help: &'static str,
    run: fn(&Workspace) -> Outcome,
}

/// Cheap ones first.
const STEPS: [Step; 8] = [
    Step { name: "fmt", help: "rustfmt agrees", run: |w| w.run("fmt --all --check") },
    Step { name: "sizes", help: "files and lines within the house's limits", run: sources::sizes },
    Step { name: "unsafe", help: "unsafe code in listed files only", run: sources::unsafety },
    Step { name: "deny", help: "lock file, licences, bans, sources", run: deny::check },
    Step { name: "layers", help: "dependencies point one way", run: layers::check },
    Step { name: "clippy", help: "no warning", run: clippy },
    Step { name: "test", help: "every test and documentation example", run: test },
    Step { name: "doc", help: "documentation without a broken link", run: doc },
];

fn clippy(workspace: &Workspace) -> Outcome {
    workspace
        .run("clippy --workspace --all-targets --locked -- -D warnings -D clippy::too_many_lines")
}

fn test(workspace: &Workspace) -> Outcome {
    let (outcome, tally) =
        command::tests(&mut workspace.cargo("test --workspace --locked --no-fail-fast"));
    let mut complaints = outcome.err().unwrap_or_default();
    if tally.ignored > 0 {
        complaints.push(format!("{} tests are ignored, expected none", tally.ignored));
    }
    let counts = format!("{} tests passed, {} failed", tally.passed, tally.failed);
    if complaints.is_empty() {
        return Ok(vec![counts]);
    }
    complaints.push(counts);
    Err(complaints)
}

fn doc(workspace: &Workspace) -> Outcome {
    let mut command = workspace.cargo("doc --workspace --no-deps --locked");
    command::finish(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// The steps that the options ask for: all, or those after each `--only`.
pub fn chosen(options: &[&str]) -> Result<Vec<&'static Step>, String> {
    if options.is_empty() {
        return Ok(STEPS.iter().collect());
    }
    let pairs = options.chunks(2).map(|pair| match pair {
        ["--only", name] => STEPS
            .iter()
            .find(|step| step.name == *name)
            .ok_or_else(|| format!("no step is named {name}; see cargo xtask steps")),
        _ => Err(format!("expected --only STEP, found {}", pair.join(" "))),
    });
    pairs.collect()
}

/// Prints the steps.
pub fn list() -> bool {
    STEPS.iter().for_each(|step| println!("{:8} {}", step.name, step.help));
    true
}

/// Runs the steps, then says how each went.
pub fn run(workspace: &Workspace, steps: &[&Step]) -> bool {
    let begin = Instant::now();
    let mut report = Vec::new();
    let mut failed = 0;
    for step in steps {
        println!("\n== {}: {}", step.name, step.help);
        let begin = Instant::now();
        let outcome = (step.run)(workspace);
        let seconds = begin.elapsed().as_secs_f64();
        let verdict = if outcome.is_ok() { "ok" } else { "FAILED" };
        failed += usize::from(outcome.is_err());
        report.push(format!("{:8} {verdict:6} {seconds:8.1} s", step.name));
        report.extend(outcome.unwrap_or_else(|complaints| complaints).into_iter().map(indented));
    }
    println!("\n{}", report.join("\n"));
    let (verdict, passed) = (if failed == 0 { "ok" } else { "FAILED" }, steps.len() - failed);
    let seconds = begin.elapsed().as_secs_f64();
    println!(
        "\nxtask result: {verdict}. {passed} steps passed; {failed} failed; \
         finished in {seconds:.1} s"
    );
    failed == 0
}

fn indented(line: String) -> String {
    format!("         {line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options() {
        let names = |options: &[&str]| {
            chosen(options).map(|steps| steps.iter().map(|s| s.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap().len(), STEPS.len());
        assert_eq!(names(&["--only", "deny", "--only", "fmt"]).unwrap(), ["deny", "fmt"]);
        assert!(names(&["--only"]).is_err());
        assert!(names(&["--only", "nothing"]).is_err());
        assert!(names(&["--quick"]).is_err());
    }

    #[test]
    fn every_step_is_tried_and_one_failure_fails_the_whole() {
        let workspace = Workspace::find();
        let good = Step { name: "good", help: "", run: |_| Ok(vec!["notice".into()]) };
        let bad = Step { name: "bad", help: "", run: |_| Err(vec!["complaint".into()]) };
        assert!(run(&workspace, &[&good, &good]));
        assert!(!run(&workspace, &[&bad, &good]));
    }
}
