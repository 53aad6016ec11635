//! Runs in virtual time.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use tacit_core::error::Error;
use tacit_core::history::RoundReport;
use tacit_core::plan::Plan;
use tacit_core::run::Finish;
use tacit_learn::federation::Federation;
use tacit_sim::simulate::{Options, SimOutcome, Unrecorded, simulate};

fn attempt(text: &str, threads: usize) -> Result<SimOutcome, Error> {
    let plan = Plan::parse(text, &tacit_learn::registry().unwrap()).unwrap();
    let federation = Federation::assemble(&plan).unwrap();
    let mut recorder = Unrecorded::default();
    let options = Options { threads, ..Options::new(&mut recorder) };
    simulate(&plan, &federation, options, &mut |_| {})
}

fn run(text: &str, threads: usize) -> SimOutcome {
    attempt(text, threads).unwrap()
}

/// Participants that contributed to a round.
fn who(round: &RoundReport) -> Vec<&str> {
    round.contributions.iter().map(|c| c.participant.as_str()).collect()
}

/// A trace in a file that lives as long as the value, and the plan's section for it.
fn trace(lines: &str) -> (tempfile::NamedTempFile, String) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(lines.as_bytes()).unwrap();
    let section = format!("[devices]\nkind = \"trace\"\ntrace = {:?}\n", file.path());
    (file, section)
}

const GENERATED: &str = "num_rounds = 4\nparticipants = 40\n\
     [cohort]\nsize = 8\nover_selection = 0.5\nminimum = 3\n\
     [training]\nlocal_epochs = 2\n\
     [devices]\nkind = \"generated\"\nspeed_spread = 1.0\navailability = 0.8\n";

#[test]
fn threads_do_not_change_a_bit() {
    let one = run(GENERATED, 1);
    for threads in [2, 5] {
        let other = run(GENERATED, threads);
        assert_eq!((&one.model, &one.history), (&other.model, &other.history));
    }
    let other = run(&GENERATED.replace("num_rounds", "seed = 2\nnum_rounds"), 1);
    assert_ne!(one.history[0].collect_ms, other.history[0].collect_ms);
    assert!(one.history.iter().all(|round| round.cohort == 12));
}

#[test]
fn time_is_that_of_the_devices() {
    // 1,437 training examples over 20 participants: 71 or 72 each, in two passes.
    let text = "num_rounds = 2\n[training]\nlocal_epochs = 2\n\
         [devices]\nkind = \"generated\"\nexamples_per_s = 10\nspeed_spread = 0\n\
         megabits_per_s = 0.008\nbandwidth_spread = 0\n";
    let outcome = run(text, 2);
    let [first, second] = &outcome.history[..] else { panic!("two rounds") };
    assert_eq!(first.opened_ms, 0);
    let most = first.contributions.iter().max_by_key(|c| c.examples).unwrap();
    assert_eq!(most.fit_ms, most.examples * 2 * 100);
    // One byte each millisecond.
    let model_bytes = outcome.model.values().len() as u64 * 4;
    let expected = model_bytes + most.fit_ms + most.payload_bytes;
    assert_eq!(first.collect_ms, expected);
    assert_eq!((second.opened_ms, first.aggregate_ms), (expected, 0));
    assert_eq!(first.bytes_down, 20 * model_bytes);
}

#[test]
fn devices_that_everybody_answers_with_give_the_same_model() {
    let plain = run("num_rounds = 3\n", 2);
    let played = run("num_rounds = 3\n[devices]\nkind = \"generated\"\n", 2);
    assert_eq!(plain.model, played.model);
}

#[test]
fn over_selection_leaves_the_slowest_out() {
    let lines: Vec<String> =
        (0..6).map(|i| format!("p{i},{}", [50, 40, 5, 30, 20, 1][i])).collect();
    let (_file, section) = trace(&format!("participant,examples_per_s\n{}\n", lines.join("\n")));
    let plan =
        |over| format!("num_rounds = 1\nparticipants = 6\n[cohort]\nsize = 4\n{over}{section}");
    let outcome = run(&plan("over_selection = 0.5\n"), 2);
    assert_eq!(who(&outcome.history[0]), ["p0", "p1", "p3", "p4"]);
    assert_eq!(outcome.history[0].cohort, 6);
}

#[test]
fn the_deadline_ends_a_round_with_stragglers() {
    // 240 examples each: 24 s, and 2,400 s for one of them.
    let lines = "participant,examples_per_s\np0,10\np1,10\np2,10\np3,0.1\np4,10\np5,10\n";
    let (_file, section) = trace(lines);
    let text =
        format!("num_rounds = 2\nparticipants = 6\n[cohort]\ncollect_timeout_s = 60\n{section}");
    let outcome = run(&text, 2);
    let first = &outcome.history[0];
    assert_eq!(who(first), ["p0", "p1", "p2", "p4", "p5"]);
    // Collecting begins when everybody has the model, which takes less than a millisecond.
    assert!((60_000..60_010).contains(&first.collect_ms), "{}", first.collect_ms);
    assert!(first.declined.is_empty());
}

#[test]
fn windows_delay_and_interrupt() {
    let lines = "participant,examples_per_s,windows_s\n\
         p0,10,\np1,10,100-200\np2,10,0-1\np3,10,0-5 40-1000\n";
    let (_file, section) = trace(lines);
    // 359 or 360 examples each: 36 s. p2 is gone before it is done; so is p3, for this round.
    let text = format!(
        "num_rounds = 2\nparticipants = 4\n\
         [cohort]\nminimum = 1\ncollect_timeout_s = 300\ndistribute_timeout_s = 50\n{section}"
    );
    let outcome = run(&text, 2);
    assert_eq!(who(&outcome.history[0]), ["p0", "p1"]);
    assert_eq!(who(&outcome.history[1]), ["p0", "p3"]);
}

#[test]
fn devices_that_never_answer_fail_the_run() {
    let text = "[cohort]\nmax_failed_rounds = 2\n\
         [devices]\nkind = \"generated\"\navailability = 0\n";
    let outcome = run(text, 2);
    assert!(matches!(outcome.finish, Finish::Failed(_)));
    // Nobody fetches the model, then nobody contributes.
    assert_eq!(outcome.history[1].opened_ms, 900_000);
    assert!(outcome.history.iter().all(|round| round.aborted.is_some()));
}

#[test]
fn partly_available_fleets_answer_in_part() {
    let text = "num_rounds = 3\nparticipants = 100\n[cohort]\nminimum = 1\n\
         [devices]\nkind = \"generated\"\navailability = 0.3\n";
    let outcome = run(text, 2);
    let counts: Vec<usize> = outcome.history.iter().map(|r| r.contributions.len()).collect();
    // Binomial(100, 0.3): standard deviation 4.6.
    assert!(counts.iter().all(|count| (12..=48).contains(count)), "{counts:?}");
    assert!(counts.windows(2).any(|pair| pair[0] != pair[1]), "{counts:?}");
    let (down, models) = (outcome.history[0].bytes_down, counts[0] as u64);
    assert_eq!(down, models * outcome.model.values().len() as u64 * 4);
}

#[test]
fn a_trace_that_does_not_fit_is_refused() {
    let (_file, section) = trace("participant,examples_per_s\np0,1\n");
    let error = attempt(&format!("participants = 2\n{section}"), 1).unwrap_err().to_string();
    assert!(error.contains("a line for the participant p1"), "{error}");
    let section = "[devices]\nkind = \"trace\"\ntrace = \"no/such/file.csv\"\n";
    let error = attempt(section, 1).unwrap_err().to_string();
    assert!(error.contains("reading no/such/file.csv"), "{error}");
}
