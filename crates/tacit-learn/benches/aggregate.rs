//! Weighted mean of 50 updates of a million values, beside what this machine copies:
//! `cargo bench -p tacit-learn --bench aggregate`.
//!
//! Both are in gigabytes (10⁹) per second of CPU time of this thread, so that a busy machine does
//! not distort them, taken in turns, median of several runs. "Copied" counts each byte once, as
//! `memcpy` does: the memory carries twice as much, and three times where a write reads first.
//! "Folded" counts the updates' bytes; sums and result stay in the caches.
//! `bench/flower_aggregate.py` prints the same mean for Flower.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use tacit_core::limits;
use tacit_core::rng::Seed;
use tacit_core::traits::{Aggregator, Rows};
use tacit_learn::aggregate::Mean;

const RUNS: usize = 11;
const ROWS: usize = 50;
const VALUES: usize = 1_000_000;

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    // User and system time in clock ticks are too coarse; schedstat counts nanoseconds on the CPU.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = cpu_seconds();
    work();
    cpu_seconds() - start
}

/// Folds and finishes every chunk, in the groups in which a round reads them.
fn mean(rows: &[Vec<f32>], weights: &[u64], out: &mut [f32]) {
    let (mut rule, total_weight) = (Mean::new(), weights.iter().sum());
    for (number, out) in out.chunks_mut(limits::CHUNK_VALUES).enumerate() {
        let start = number * limits::CHUNK_VALUES;
        let groups = rows.chunks(limits::ROWS_PER_FOLD).zip(weights.chunks(limits::ROWS_PER_FOLD));
        for (rows, weights) in groups {
            let rows: Vec<&[f32]> = rows.iter().map(|r| &r[start..start + out.len()]).collect();
            rule.fold(&Rows { rows: &rows, weights, total_weight, before: &[] }).unwrap();
        }
        rule.finish(out).unwrap();
    }
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn main() {
    let mut rng = Seed::root(1).rng();
    let row = |_| (0..VALUES).map(|_| rng.normal() as f32 * 0.01).collect();
    let rows: Vec<Vec<f32>> = (0..ROWS).map(row).collect();
    let weights: Vec<u64> = (0..ROWS as u64).map(|i| 500 + 10 * i).collect();
    let mut out = vec![0.0; VALUES];
    // As many bytes as the updates have: far more than any cache holds.
    let from = vec![1u8; ROWS * VALUES * 4];
    let mut to = vec![2u8; from.len()];
    let (mut copied, mut folded) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        copied.push(timed(|| black_box(&mut to).copy_from_slice(black_box(&from))));
        folded.push(timed(|| mean(black_box(&rows), &weights, black_box(&mut out))));
    }
    let gigabytes = from.len() as f64 * 1e-9;
    let (copied, folded) = (median(copied), median(folded));
    println!("copied: {:.2} GB/s", gigabytes / copied);
    println!(
        "tacit mean of {ROWS} x {VALUES}: {folded:.4} s, folded: {:.2} GB/s",
        gigabytes / folded
    );
    println!("folded / copied: {:.2}", copied / folded);
}
