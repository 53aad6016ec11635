//! Contributions per second of simulated federations on the embedded digits:
//! `cargo bench -p tacit-sim --bench simulate`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;
use tacit_core::plan::Plan;
use tacit_learn::federation::Federation;
use tacit_sim::simulate::{Options, Unrecorded, simulate};

fn main() {
    let registry = tacit_learn::registry().unwrap();
    for (participants, size, trainer) in [
        (20, 20, "logistic-regression"),
        (1000, 1000, "logistic-regression"),
        (1000, 100, "2nn"),
        (1000, 1000, "2nn"),
    ] {
        let text = format!(
            "num_rounds = 10\nparticipants = {participants}\ntrainer = \"{trainer}\"\n\
             [cohort]\nsize = {size}\n"
        );
        let plan = Plan::parse(&text, &registry).unwrap();
        let federation = Federation::assemble(&plan).unwrap();
        for threads in [1, 0] {
            let (start, mut recorder) = (Instant::now(), Unrecorded::default());
            let options = Options { threads, ..Options::new(&mut recorder) };
            let outcome = simulate(&plan, &federation, options, &mut |_| {}).unwrap();
            let contributions: usize = outcome.history.iter().map(|r| r.contributions.len()).sum();
            let (bytes, seconds): (u64, f64) =
                (outcome.history.iter().map(|r| r.bytes_up).sum(), start.elapsed().as_secs_f64());
            println!(
                "{trainer}, {size} of {participants}, {}: {:.2} s per round, {:.0} contributions \
                 and {:.0} MB per second",
                if threads == 0 { "all cores" } else { "one thread" },
                seconds / 10.0,
                contributions as f64 / seconds,
                bytes as f64 / 1e6 / seconds
            );
        }
    }
}
