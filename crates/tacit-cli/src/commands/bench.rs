//! `tacit bench`: what a round costs on this machine. `docs/benchmarks.md` says what the figures
//! mean and how rivals do in the same run.

mod echo;
mod federation;
mod kernels;
mod meter;
mod proofs;

use crate::{Ending, folder};
use comfy_table::{Table, presets};
use federation::{Measured, Spec};
use tacit_core::error::Error;

/// Measure what a round costs on this machine.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Time, processor time and bytes of a round without training.
    Round {
        /// Participants, each a process of its own.
        #[arg(long, value_delimiter = ',', default_values_t = ROUND.0)]
        participants: Vec<usize>,
        /// Values of the model.
        #[arg(long, default_value_t = ROUND.1)]
        values: usize,
        /// Rounds that are measured.
        #[arg(long, default_value_t = ROUND.2)]
        rounds: u32,
    },
    /// Peak memory of the coordinator.
    Memory {
        /// Participants, each a process of its own.
        #[arg(long, value_delimiter = ',', default_values_t = MEMORY.0)]
        participants: Vec<usize>,
        /// Values of the model.
        #[arg(long, default_value_t = MEMORY.1)]
        values: usize,
        /// Rounds that are measured.
        #[arg(long, default_value_t = MEMORY.2)]
        rounds: u32,
    },
    /// The weighted mean of 50 updates of a million values, beside copying memory.
    Aggregate,
    /// Pictures that the built-in trainers learn from, per second and processor.
    Train,
    /// Proofs that updates are gradients of committed data and within bounds, and verification.
    Proofs,
    #[command(hide = true)]
    Coordinator(federation::Node),
    #[command(hide = true)]
    Participant(federation::Node),
}

const ROUND: ([usize; 2], usize, u32) = ([2, 4], 1_000_000, 20);
const MEMORY: ([usize; 3], usize, u32) = ([2, 4, 8], 25_000_000, 3);

/// One line of the table: what was measured, under which circumstances, the figure.
type Row = [String; 3];

pub fn main(args: Args) -> Result<Ending, Error> {
    let rows = match args.what {
        Some(What::Coordinator(node)) => return federation::coordinator(&node),
        Some(What::Participant(node)) => return federation::participant(&node),
        Some(What::Round { participants, values, rounds }) => {
            federations(&participants, values, rounds, round)?
        }
        Some(What::Memory { participants, values, rounds }) => {
            federations(&participants, values, rounds, memory)?
        }
        Some(What::Aggregate) => kernels::aggregate()?,
        Some(What::Train) => kernels::train()?,
        Some(What::Proofs) => proofs::all()?,
        None => {
            let mut rows = federations(&ROUND.0, ROUND.1, ROUND.2, round)?;
            rows.extend(federations(&MEMORY.0, MEMORY.1, MEMORY.2, memory)?);
            rows.extend(kernels::aggregate()?);
            rows.extend(kernels::train()?);
            rows.extend(proofs::all()?);
            rows
        }
    };
    let commit = option_env!("TACIT_COMMIT").map(|commit| format!(", commit {commit}"));
    let commit = commit.unwrap_or_default();
    println!("tacit {}{commit}; {}", env!("CARGO_PKG_VERSION"), folder::machine());
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(["measure", "set-up", "figure"]).add_rows(rows);
    println!("{table}");
    Ok(Ending::Done)
}

fn federations(
    participants: &[usize],
    values: usize,
    rounds: u32,
    show: fn(&Spec, &Measured) -> Vec<Row>,
) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for &participants in participants {
        let spec = Spec { participants, values, rounds };
        let measured = federation::measure(&spec)?;
        rows.extend(show(&spec, &measured));
    }
    Ok(rows)
}

fn setup(spec: &Spec) -> String {
    let (values, participants) = (spec.values as f64 / 1e6, spec.participants);
    format!("{values} M values, {participants} participants, {} rounds", spec.rounds)
}

fn round(spec: &Spec, of: &Measured) -> Vec<Row> {
    let row = |measure: &str, figure| [measure.to_owned(), setup(spec), figure];
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 * 1e-6);
    let (fastest, slowest) = of
        .round_seconds
        .iter()
        .fold((f64::MAX, 0.0_f64), |(low, high), &s| (low.min(s), high.max(s)));
    let median = meter::median(of.round_seconds.clone());
    vec![
        row(
            "round, median",
            format!("{:.1} ms ({:.1} to {:.1})", median * 1e3, fastest * 1e3, slowest * 1e3),
        ),
        row("round, coordinator's processor time", format!("{:.1} ms", of.cpu_seconds * 1e3)),
        row(
            "round, a participant's processor time",
            format!("{:.1} ms", of.participant_cpu_seconds * 1e3),
        ),
        row(
            "round, payload bytes up + down",
            format!("{} + {}", megabytes(of.bytes_up), megabytes(of.bytes_down)),
        ),
        row("round, bytes on loopback, everything", megabytes(of.loopback_bytes)),
    ]
}

fn memory(spec: &Spec, of: &Measured) -> Vec<Row> {
    let model = spec.values as f64 * 4.0;
    let figure = |bytes: u64| {
        format!("{:.1} MiB, {:.2} models", bytes as f64 / 1048576.0, bytes as f64 / model)
    };
    let row = |measure: &str, bytes| [measure.to_owned(), setup(spec), figure(bytes)];
    vec![
        row("memory, coordinator before the run", of.base_bytes),
        row("memory, coordinator's peak", of.peak_bytes),
        row("memory, a participant's peak", of.participant_peak_bytes),
    ]
}
