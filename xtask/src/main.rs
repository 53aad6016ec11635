//! Chores of the repository: `cargo xtask test` runs every check, `cargo xtask fuzz` the fuzzers.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command line tool")]

mod command;
mod deny;
mod fuzz;
mod layers;
mod metadata;
mod sources;
mod steps;

use command::Workspace;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask test [--only STEP]...    every check, or only these steps
       cargo xtask steps                    what the steps are
       cargo xtask fuzz [SECONDS [TARGET]]  every fuzz target, or one, for so long each (20 s)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let workspace = Workspace::find();
    let done = match arguments.as_slice() {
        ["test", options @ ..] => match steps::chosen(options) {
            Ok(steps) => steps::run(&workspace, &steps),
            Err(complaint) => usage(&complaint),
        },
        ["steps"] => steps::list(),
        ["fuzz", rest @ ..] => match fuzz::Order::parse(rest) {
            Ok(order) => fuzz::run(&workspace, &order),
            Err(complaint) => usage(&complaint),
        },
        _ => usage("expected a command"),
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage(complaint: &str) -> bool {
    println!("{complaint}\n{USAGE}");
    false
}
