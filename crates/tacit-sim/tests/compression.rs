//! Whole runs in which updates travel compressed.
#![allow(clippy::unwrap_used)]

use tacit_core::history::RoundReport;
use tacit_core::plan::Plan;
use tacit_learn::federation::Federation;
use tacit_sim::ports::VirtualClock;
use tacit_sim::simulate::{Options, SimOutcome, Unrecorded, simulate};

/// Every rule: how small a share of the raw bytes it must take, and how well it must learn.
const CHAINS: [(&str, f64, f64); 9] = [
    ("[]", 1.01, 0.85),
    ("[{ rule = 'top-k', fraction = 0.1 }]", 0.16, 0.80),
    ("[{ rule = 'random-k', fraction = 0.25 }]", 0.26, 0.70),
    ("[{ rule = 'quantise', bits = 4 }]", 0.15, 0.80),
    ("['rotate', { rule = 'quantise', bits = 1, levels = 'normal' }]", 0.07, 0.75),
    ("['rotate', { rule = 'quantise', bits = 4, levels = 'normal' }]", 0.22, 0.80),
    ("[{ rule = 'quantise', bits = 2, unbiased = false, error_feedback = true }]", 0.09, 0.70),
    ("[{ rule = 'quantise', bits = 8 }, 'entropy']", 0.26, 0.85),
    (
        "[{ rule = 'top-k', fraction = 0.1 }, { rule = 'quantise', bits = 4 }, 'entropy']",
        0.06,
        0.75,
    ),
];

fn run(chain: &str, threads: usize) -> SimOutcome {
    both_ways(chain, "[]", threads)
}

fn both_ways(up: &str, down: &str, threads: usize) -> SimOutcome {
    let text = format!(
        "participants = 8\ncompression = {up}\ndownlink = {down}\n[training]\nclip_norm = 2.0\n"
    );
    let plan = Plan::parse(&text, &tacit_learn::registry().unwrap()).unwrap();
    let federation = Federation::assemble(&plan).unwrap();
    let (clock, mut recorder) = (VirtualClock::new(1_000_000), Unrecorded::default());
    let options = Options { threads, clock: &clock, ..Options::new(&mut recorder) };
    simulate(&plan, &federation, options, &mut |_| {}).unwrap()
}

#[test]
fn every_chain_learns_in_its_share_of_bytes() {
    for (chain, share, accuracy) in CHAINS {
        let outcome = run(chain, 2);
        let raw = outcome.model.values().len() as f64 * 4.0 * 8.0;
        for round in &outcome.history {
            assert_eq!(round.contributions.len(), 8, "{chain}: {:?}", round.declined);
            let payloads: u64 = round.contributions.iter().map(|c| c.payload_bytes).sum();
            assert_eq!(round.bytes_up, payloads);
            assert!((payloads as f64) < raw * share, "{chain}: {payloads} of {raw}");
        }
        let found = outcome.history.iter().filter_map(RoundReport::accuracy).next_back().unwrap();
        assert!(found > accuracy, "{chain}: {found}");
    }
}

/// What top-k drops comes back: without it, values that are never the largest never travel.
#[test]
fn error_feedback_learns_what_is_dropped() {
    let loss = |feedback: bool| {
        let chain = format!("[{{ rule = 'top-k', fraction = 0.01, error_feedback = {feedback} }}]");
        let outcome = run(&chain, 2);
        let last = outcome.history.last().unwrap();
        last.evaluation.as_ref().unwrap().loss
    };
    let (with, without) = (loss(true), loss(false));
    assert!(with < 0.9 * without, "{with} with what was dropped, {without} without");
}

#[test]
fn steps_travel_down_in_fewer_bytes() {
    let chain = "[{ rule = 'top-k', fraction = 0.1 }, { rule = 'quantise', bits = 4 }, 'entropy']";
    for (down, share, accuracy) in [
        ("[{ rule = 'quantise', bits = 8 }]", 0.30, 0.85),
        ("[{ rule = 'top-k', fraction = 0.1 }, { rule = 'quantise', bits = 6 }]", 0.15, 0.80),
    ] {
        let outcome = both_ways(chain, down, 2);
        let whole = outcome.model.values().len() as u64 * 4 * 8;
        let bytes: Vec<u64> = outcome.history.iter().map(|round| round.bytes_down).collect();
        assert_eq!(bytes[0], whole, "nobody holds a model yet");
        assert!(bytes[1..].iter().all(|&b| b < (whole as f64 * share) as u64), "{bytes:?}");
        let found = outcome.history.iter().filter_map(RoundReport::accuracy).next_back().unwrap();
        assert!(found > accuracy, "{down}: {found}");
        let other = both_ways(chain, down, 1);
        assert_eq!((other.model, other.history), (outcome.model, outcome.history));
    }
}

#[test]
fn threads_change_no_bit() {
    for chain in ["[{ rule = 'quantise', bits = 2 }]", "['top-k', { rule = 'quantise', bits = 3 }]"]
    {
        let (one, other) = (run(chain, 1), run(chain, 3));
        assert_eq!((one.model, one.history), (other.model, other.history));
    }
}

#[test]
fn a_number_above_the_models_is_refused_before_the_first_round() {
    let text = "compression = [{ rule = 'top-k', k = 1_000_000 }]";
    let plan = Plan::parse(text, &tacit_learn::registry().unwrap()).unwrap();
    let federation = Federation::assemble(&plan).unwrap();
    let options = &mut Unrecorded::default();
    let error = simulate(&plan, &federation, Options::new(options), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "k: expected at most the 650 values of an update, found 1000000");
}
