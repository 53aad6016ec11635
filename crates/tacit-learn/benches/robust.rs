//! Every aggregator on updates in memory, chunk by chunk as in a round, on one thread:
//!
//! `cargo bench -p tacit-learn --bench robust -- ROWS VALUES [RULE…]`
//!
//! One line of JSON per rule: seconds of processor and of wall time, median of several runs, and
//! bytes of memory beyond the updates at the peak of the first run. `bench/aggregators.py` runs
//! it beside Flower and ByzFL and prints the ratios.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;
use tacit_core::limits;
use tacit_core::registry::{Arguments, Entry, Make, Value};
use tacit_core::rng::Seed;
use tacit_core::traits::{Aggregator, Rows, View};
use tacit_learn::aggregate::ENTRIES;

const RUNS: usize = 5;

/// Processor time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

/// Resident bytes: now, and at the most since the peak was forgotten.
fn resident() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    };
    (field("VmRSS:"), field("VmHWM:"))
}

fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Hostile updates that a rule is told of: as many as Krum and Bulyan allow, as Flower does it.
fn byzantine(rule: &str, rows: usize) -> usize {
    let most = rows.saturating_sub(3);
    if rule == "bulyan" { most / 4 } else { (rows / 4).min(most / 2) }.max(1)
}

fn made(entry: &Entry, rows: usize) -> Box<dyn Aggregator> {
    let Make::Aggregator(make) = entry.make else { panic!("{} is no aggregator", entry.name) };
    let mut arguments = Arguments::defaults(entry.parameters).unwrap();
    if entry.parameters.iter().any(|parameter| parameter.name == "num_byzantine") {
        let value = Value::Integer(byzantine(entry.name, rows) as i64);
        arguments = arguments.with("num_byzantine", value);
    }
    make(&arguments).unwrap()
}

fn aggregate(rule: &mut dyn Aggregator, rows: &[Vec<f32>], weights: &[u64]) -> Vec<f32> {
    let len = rows[0].len();
    let total_weight = weights.iter().sum();
    let chunks = || (0..len).step_by(limits::CHUNK_VALUES);
    let at = |start: usize| -> Vec<&[f32]> {
        let end = (start + limits::CHUNK_VALUES).min(len);
        rows.iter().map(|row| &row[start..end]).collect()
    };
    rule.begin(Seed::root(1));
    for pass in 0..rule.surveys() {
        for start in chunks() {
            rule.survey(pass, &Rows { rows: &at(start), weights, total_weight, before: &[] })
                .unwrap();
        }
    }
    let group = if rule.needs() == View::Sum { limits::ROWS_PER_FOLD } else { rows.len() };
    let mut out = vec![0.0; len];
    for start in chunks() {
        for (rows, weights) in at(start).chunks(group).zip(weights.chunks(group)) {
            rule.fold(&Rows { rows, weights, total_weight, before: &[] }).unwrap();
        }
        let end = (start + limits::CHUNK_VALUES).min(len);
        rule.finish(&mut out[start..end]).unwrap();
    }
    out
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let number = |place: usize, default| words.get(place).map_or(default, |w| w.parse().unwrap());
    let (count, len): (usize, usize) = (number(0, 50), number(1, 1_000_000));
    let mut rng = Seed::root(1).rng();
    let mut row = || (0..len).map(|_| ((rng.unit() + rng.unit() - 1.0) * 0.02) as f32).collect();
    let rows: Vec<Vec<f32>> = (0..count).map(|_| row()).collect();
    let weights: Vec<u64> = (0..count as u64).map(|i| 500 + 10 * i).collect();
    for entry in
        ENTRIES.iter().filter(|e| words.len() < 3 || words[2..].iter().any(|w| w == e.name))
    {
        let (mut cpu, mut wall) = (Vec::new(), Vec::new());
        forget_peak();
        let before = resident().0;
        let mut peak = 0;
        for run in 0..RUNS {
            let mut rule = made(entry, count);
            let (start, begin) = (cpu_seconds(), Instant::now());
            black_box(aggregate(&mut *rule, black_box(&rows), &weights));
            cpu.push(cpu_seconds() - start);
            wall.push(begin.elapsed().as_secs_f64());
            if run == 0 {
                peak = resident().1.saturating_sub(before);
            }
        }
        println!(
            "{{\"rule\": {:?}, \"rows\": {count}, \"values\": {len}, \"cpu_s\": {:.5}, \
             \"wall_s\": {:.5}, \"extra_bytes\": {peak}}}",
            entry.name,
            median(cpu),
            median(wall)
        );
    }
}
