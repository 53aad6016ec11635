//! Seeded worlds per second, and how soon each mistake is found:
//! `cargo bench -p tacit-sim --bench world`, `TACIT_SEEDS` worlds (20,000 unless told).
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::time::Instant;
use tacit_sim::world::{Canary, Options, World, explore};

/// CPU time of the calling thread in seconds, so that a busy machine does not distort the rate.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

fn main() {
    let seeds = std::env::var("TACIT_SEEDS").ok().and_then(|text| text.parse().ok());
    let seeds: u64 = seeds.unwrap_or(20_000);
    let start = cpu_seconds();
    let few = seeds.div_ceil(10);
    let steps: u64 = (0..few).map(|seed| World::new(seed).unwrap().run().steps).sum();
    let seconds = cpu_seconds() - start;
    println!(
        "one thread: {:.0} worlds or {:.0} events per second of CPU time",
        few as f64 / seconds,
        steps as f64 / seconds
    );
    let start = Instant::now();
    let report = explore(0..seeds, &Options::default()).unwrap();
    println!(
        "all cores: {} worlds, {:.0} per second; {:.2} releases each; ends {:?}; violations {:?}",
        report.seeds,
        report.seeds as f64 / start.elapsed().as_secs_f64(),
        report.released as f64 / report.seeds as f64,
        report.finishes,
        report.violations
    );
    println!("faults {:?}", report.faults);
    for canary in Canary::ALL {
        let options =
            Options { threads: 1, worlds: canary.worlds(), canary: Some(canary), violations: 1 };
        let report = explore(0..seeds, &options).unwrap();
        println!("{canary:?}: {:?} after {} worlds", report.violations.first(), report.seeds);
    }
}
