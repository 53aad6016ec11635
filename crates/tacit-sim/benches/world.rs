//! Seeded worlds per second, and how soon each mistake is found:
//! `cargo bench -p tacit-sim --bench world`, `TACIT_SEEDS` worlds (20,000 unless told).
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;
use tacit_sim::world::{Canary, Options, explore};

fn main() {
    let seeds = std::env::var("TACIT_SEEDS").ok().and_then(|text| text.parse().ok());
    let seeds: u64 = seeds.unwrap_or(20_000);
    for threads in [1, 0] {
        let options = Options { threads, ..Options::default() };
        let start = Instant::now();
        let report = explore(0..seeds, &options).unwrap();
        let rate = report.seeds as f64 / start.elapsed().as_secs_f64();
        let threads = if threads == 0 { "all cores".into() } else { format!("{threads} thread") };
        println!(
            "{} worlds, {:.0} per second on {threads}; {:.0} events and {:.2} releases each; \
             ends {:?}; violations {:?}",
            report.seeds,
            rate,
            report.steps as f64 / report.seeds as f64,
            report.released as f64 / report.seeds as f64,
            report.finishes,
            report.violations
        );
        if threads != "all cores" {
            println!("faults {:?}", report.faults);
        }
    }
    for canary in Canary::ALL {
        let options = Options { threads: 1, canary: Some(canary), violations: 1 };
        let report = explore(0..seeds, &options).unwrap();
        println!("{canary:?}: {:?} after {} worlds", report.violations.first(), report.seeds);
    }
}
