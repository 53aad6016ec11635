//! What a mechanism adds to a round, for a model of a million values:
//! `cargo bench -p tacit-privacy --bench mechanism`.
//!
//! Milliseconds of CPU time of this thread, so that a busy machine does not distort it; best and
//! median of several runs. Of PrivUnit one share takes as many tries as chance has it.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use tacit_core::bound::Bound;
use tacit_core::error::Error;
use tacit_core::registry::{Arguments, Family, Make, Registry, Value};
use tacit_core::rng::{Random, Seed};
use tacit_core::traits::{Calibration, Entropy, Mechanism, Opened};

const RUNS: usize = 9;
const VALUES: usize = 1_000_000;

/// Repeatable: timing needs no secret.
struct Draws(Random);

impl Entropy for Draws {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.iter_mut().for_each(|byte| *byte = self.0.below(256) as u8);
        Ok(())
    }
}

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

/// Prints the milliseconds of one call; the clock ticks every few, so calls are timed together.
fn timed(name: &str, mut work: impl FnMut()) {
    let run = |_| {
        let (start, mut calls) = (cpu_seconds(), 0);
        loop {
            work();
            calls += 1;
            let seconds = cpu_seconds() - start;
            if seconds > 0.1 {
                return 1e3 * seconds / f64::from(calls);
            }
        }
    };
    let mut times: Vec<f64> = (0..RUNS).map(run).collect();
    times.sort_by(f64::total_cmp);
    println!("{name:<44} {:>8.2} {:>8.2}", times[0], times[RUNS / 2]);
}

fn made(name: &str, arguments: &[(&'static str, Value)]) -> Box<dyn Mechanism> {
    let registry = Registry::new(&tacit_privacy::ROOMS).unwrap();
    let entry = registry.find(Family::Mechanism, name).unwrap();
    let defaults = Arguments::defaults(entry.parameters).unwrap();
    let given = arguments.iter().cloned();
    let arguments = given.fold(defaults, |all, (name, value)| all.with(name, value));
    let Make::Mechanism(make) = entry.make else { panic!("{name} is no mechanism") };
    make(&arguments).unwrap()
}

fn main() {
    println!("{:<44} {:>8} {:>8}", "1,000,000 values, ms", "best", "median");
    let draws = &mut Draws(Seed::root(1).rng());
    let bound = Bound::L2 { limit: 1.0 };
    let (len, seed) = (VALUES, Seed::root(2));
    let of = Calibration {
        round: 1,
        bound,
        len,
        size: 100,
        honest: 90,
        largest: 1_000,
        counted: false,
        seed,
    };
    let update = vec![1e-3f32; VALUES];
    let mut values = update.clone();

    for name in ["gaussian", "laplace"] {
        let mechanism = made(name, &[]);
        timed(&format!("{name}, coordinator"), || {
            let mut opened = Opened { values: update.clone(), count: 0.0 };
            mechanism.open(&of, &mut opened, draws).unwrap();
        });
        timed(&format!("{name}, cost"), || {
            black_box(mechanism.cost(&of).unwrap());
        });
    }
    let local = made("local-gaussian", &[]);
    timed("local-gaussian, participant", || {
        values.copy_from_slice(&update);
        local.share(&of, &mut values, true, draws).unwrap();
    });
    let unit = made("priv-unit", &[("epsilon", Value::Number(1.0))]);
    timed("priv-unit at epsilon 1, participant", || {
        values.clone_from(&update);
        unit.share(&of, &mut values, true, draws).unwrap();
    });
    for name in ["discrete-gaussian", "skellam"] {
        let mechanism = made(name, &[("bits", Value::Integer(16))]);
        timed(&format!("{name}, 16 bits, participant"), || {
            values.clone_from(&update);
            mechanism.share(&of, &mut values, true, draws).unwrap();
        });
        timed(&format!("{name}, bound of what is sent"), || {
            black_box(mechanism.sent(&of));
        });
        timed(&format!("{name}, cost"), || {
            black_box(mechanism.cost(&of).unwrap());
        });
        let mut sent = update.clone();
        mechanism.share(&of, &mut sent, true, draws).unwrap();
        sent.iter_mut().for_each(|x| *x /= of.size as f32);
        timed(&format!("{name}, coordinator"), || {
            let mut opened = Opened { values: sent.clone(), count: 0.0 };
            mechanism.open(&of, &mut opened, draws).unwrap();
        });
    }
}
