//! The `tacit` command.
//!
//! Exit codes: 0 done; 1 the world failed or a bug; 2 the command or its files cannot be used;
//! 3 an audit found something wrong; 4 the run ended without reaching its end; 5 it ended because
//! the next round could pass the privacy budget.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its terminal")]

mod commands;
mod folder;
mod local;
mod progress;
mod report;
mod stop;

use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::process::ExitCode;
use tacit_core::error::{Error, Fault};

/// Federated learning among parties who need not trust one another.
#[derive(Parser)]
#[command(name = "tacit", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// What to log on standard error, such as `info` or `tacit_node=debug`.
    #[arg(long, global = true, env = "TACIT_LOG", default_value = "warn")]
    log: String,
    /// Log one JSON object per line.
    #[arg(long, global = true)]
    log_json: bool,
}

fn start_log(cli: &Cli) -> Result<(), Error> {
    let filter = tracing_subscriber::EnvFilter::try_new(&cli.log)
        .map_err(|e| Error::caller("log filter", "a level or target=level", e.to_string()))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_ansi(std::io::stderr().is_terminal());
    match cli.log_json {
        true => log.json().init(),
        false => log.init(),
    }
    Ok(())
}

#[derive(Subcommand)]
enum Command {
    Run(commands::run::Args),
    Serve(commands::serve::Args),
    Join(commands::join::Args),
    Aggregator(commands::aggregator::Args),
    Resume(commands::resume::Args),
    Status(commands::status::Args),
    Simulate(commands::simulate::Args),
    Compare(commands::compare::Args),
    Attack(commands::attack::Args),
    Audit(commands::audit::Args),
    Plan(commands::plan::Args),
    Privacy(commands::privacy::Args),
    Prove(commands::prove::Args),
    Verify(commands::verify::Args),
    Rules(commands::rules::Args),
    Data(commands::data::Args),
    Pki(commands::pki::Args),
    Ceremony(commands::ceremony::Args),
    Bench(commands::bench::Args),
}

/// How a command ended without an error.
enum Ending {
    Done,
    AuditFailed,
    RunFailed,
    BudgetSpent,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    end_quietly_with_the_reader();
    let outcome = start_log(&cli).and_then(|()| run(cli.command));
    match outcome {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::AuditFailed) => ExitCode::from(3),
        Ok(Ending::RunFailed) => ExitCode::from(4),
        Ok(Ending::BudgetSpent) => ExitCode::from(5),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(match error.fault() {
                Fault::Caller | Fault::Peer => 2,
                Fault::World | Fault::Bug => 1,
            })
        }
    }
}

/// `tacit … | head` ends when `head` does, without a word: printing to a closed pipe panics.
fn end_quietly_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or_default();
        if text.starts_with("failed printing to stdout") {
            std::process::exit(0);
        }
        usual(panic);
    }));
}

fn run(command: Command) -> Result<Ending, Error> {
    match command {
        Command::Run(args) => commands::run::main(args),
        Command::Serve(args) => commands::serve::main(args),
        Command::Join(args) => commands::join::main(args),
        Command::Aggregator(args) => commands::aggregator::main(args),
        Command::Resume(args) => commands::resume::main(args),
        Command::Status(args) => commands::status::main(args),
        Command::Simulate(args) => commands::simulate::main(args),
        Command::Compare(args) => commands::compare::main(args),
        Command::Attack(args) => commands::attack::main(args),
        Command::Audit(args) => commands::audit::main(args),
        Command::Plan(args) => commands::plan::main(args),
        Command::Privacy(args) => commands::privacy::main(args),
        Command::Prove(args) => commands::prove::main(args),
        Command::Verify(args) => commands::verify::main(args),
        Command::Rules(args) => commands::rules::main(args),
        Command::Data(args) => commands::data::main(args),
        Command::Pki(args) => commands::pki::main(args),
        Command::Ceremony(args) => commands::ceremony::main(args),
        Command::Bench(args) => commands::bench::main(args),
    }
}
