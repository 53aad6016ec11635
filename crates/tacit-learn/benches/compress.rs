//! Every stage of compression and the usual chains of them, on a normally distributed update of a
//! million values: `cargo bench -p tacit-learn --bench compress`.
//!
//! Speed is in gigabytes (10⁹) of f32 per second of CPU time of this thread, so that a busy machine
//! does not distort it; median of several runs. Error is E‖x − y‖² / E‖x‖² of one encoding; beside
//! it 2^(−2R) for the R bits per value that travelled: no code has less error at that rate
//! (Shannon 1959; Cover & Thomas 2006, theorem 10.3.2), and both in dB of error above the bound.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use tacit_core::compress::{Chain, Form, Seeds, Signal};
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::plan::Plan;
use tacit_core::rng::Seed;

const RUNS: usize = 5;
const VALUES: usize = 64 * limits::CHUNK_VALUES;

const CHAINS: &[&str] = &[
    "[]",
    "[{ rule = 'top-k', fraction = 0.01 }]",
    "[{ rule = 'top-k', fraction = 0.1 }]",
    "[{ rule = 'random-k', fraction = 0.01, unbiased = false }]",
    "[{ rule = 'quantise', bits = 8 }]",
    "[{ rule = 'quantise', bits = 8, unbiased = false }]",
    "[{ rule = 'quantise', bits = 4, unbiased = false }]",
    "[{ rule = 'quantise', bits = 1, unbiased = false }]",
    "['rotate']",
    "['rotate', { rule = 'quantise', bits = 1, levels = 'normal', unbiased = false }]",
    "['rotate', { rule = 'quantise', bits = 2, levels = 'normal', unbiased = false }]",
    "['rotate', { rule = 'quantise', bits = 4, levels = 'normal', unbiased = false }]",
    "['rotate', { rule = 'quantise', bits = 4, levels = 'normal' }]",
    "['rotate', { rule = 'quantise', bits = 8, levels = 'normal', unbiased = false }]",
    "[{ rule = 'quantise', bits = 4, unbiased = false }, 'entropy']",
    "[{ rule = 'quantise', bits = 6, unbiased = false }, 'entropy']",
    "[{ rule = 'quantise', bits = 8, unbiased = false }, 'entropy']",
    "[{ rule = 'top-k', fraction = 0.01 }, 'entropy']",
    "[{ rule = 'top-k', fraction = 0.01 }, { rule = 'quantise', bits = 4 }, 'entropy']",
    "[{ rule = 'top-k', fraction = 0.1 }, { rule = 'quantise', bits = 4 }, 'entropy']",
];

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    // User and system time in clock ticks are too coarse; schedstat counts nanoseconds on the CPU.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

/// Seconds of one call: the clock ticks every few milliseconds, so calls are timed together.
fn timed(mut work: impl FnMut()) -> f64 {
    let run = |_| {
        let (start, mut calls) = (cpu_seconds(), 0);
        loop {
            work();
            calls += 1;
            let seconds = cpu_seconds() - start;
            if seconds > 0.1 {
                return seconds / f64::from(calls);
            }
        }
    };
    let mut seconds: Vec<f64> = (0..RUNS).map(run).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[RUNS / 2]
}

fn squares(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum()
}

fn measure(text: &str, chain: &Chain, values: &[f32]) {
    let seeds = Seeds::of(Seed::root(1), 1, &ParticipantId::numbered(0, 1));
    let forms: Vec<Form> = (0..values.len())
        .step_by(limits::CHUNK_VALUES)
        .map(|start| Form::new(values.len(), start))
        .collect();
    let mut signal = Signal::default();
    let mut frames = vec![Vec::new(); forms.len()];
    let encoding = timed(|| {
        for (form, frame) in forms.iter().zip(&mut frames) {
            frame.clear();
            let chunk = &values[form.start..form.start + form.chunk];
            chain.encode(*form, seeds, black_box(chunk), &mut signal, frame).unwrap();
        }
    });
    let mut found = vec![0.0; values.len()];
    let decoding = timed(|| {
        for (form, frame) in forms.iter().zip(&frames) {
            let out = &mut found[form.start..form.start + form.chunk];
            chain.decode(*form, seeds, black_box(frame), &mut signal, out).unwrap();
        }
    });
    let gigabytes = values.len() as f64 * 4e-9;
    let rate = frames.iter().map(Vec::len).sum::<usize>() as f64 * 8.0 / values.len() as f64;
    let off = values.iter().zip(&found).map(|(x, y)| f64::from(*x) - f64::from(*y));
    let error = squares(off) / squares(values.iter().map(|x| f64::from(*x)));
    let bound = 2f64.powf(-2.0 * rate);
    let above = if error > 0.0 { 10.0 * (error / bound).log10() } else { 0.0 };
    println!(
        "| `{text}` | {:.2} | {:.2} | {rate:.3} | {error:.3e} | {bound:.3e} | {above:.1} |",
        gigabytes / encoding,
        gigabytes / decoding,
    );
}

fn main() {
    let mut rng = Seed::root(1).rng();
    let values: Vec<f32> = (0..VALUES).map(|_| rng.normal() as f32).collect();
    let registry = tacit_learn::registry().unwrap();
    println!("| chain | encode GB/s | decode GB/s | bits/value | error | bound | dB above |");
    println!("|---|---|---|---|---|---|---|");
    for text in CHAINS {
        let plan = Plan::parse(&format!("compression = {text}"), &registry).unwrap();
        measure(text, &plan.chain().unwrap(), &values);
    }
}
