//! Whole runs on the embedded data.
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;
use tacit_core::error::Error;
use tacit_core::history::RoundReport;
use tacit_core::params::Params;
use tacit_core::plan::Plan;
use tacit_core::round::{Entry, Summary};
use tacit_core::run::{Course, Finish, Run};
use tacit_learn::federation::Federation;
use tacit_sim::ports::VirtualClock;
use tacit_sim::simulate::{Options, Recorder, SimOutcome, Unrecorded, simulate};

fn plan(text: &str) -> Plan {
    Plan::parse(text, &tacit_learn::registry().unwrap()).unwrap()
}

fn run(plan: &Plan, threads: usize, memory_bytes: u64) -> SimOutcome {
    let federation = Federation::assemble(plan).unwrap();
    let clock = VirtualClock::new(1_000_000);
    let mut recorder = Unrecorded::default();
    let options = Options { threads, memory_bytes, clock: &clock, ..Options::new(&mut recorder) };
    simulate(plan, &federation, options, &mut |_| {}).unwrap()
}

#[test]
fn it_learns() {
    let plan = plan("");
    let outcome = run(&plan, 0, 1 << 30);
    assert_eq!(outcome.finish, Finish::Completed);
    assert_eq!(outcome.history.len(), 30);
    let accuracies: Vec<f64> = outcome.history.iter().filter_map(RoundReport::accuracy).collect();
    assert!(accuracies[29] > 0.85, "{accuracies:?}");
    for pair in outcome.history.windows(2) {
        assert_eq!(pair[0].model_after, pair[1].model_before);
    }
    assert_eq!(outcome.history[29].model_after, outcome.model.digest());
}

#[test]
fn neither_threads_nor_spilling_change_a_bit() {
    let plan = plan(
        "num_rounds = 3\nparticipants = 30\n[cohort]\nsize = 8\nover_selection = 0.5\n\
         [data]\npartition = \"dirichlet\"\n",
    );
    let one = run(&plan, 1, 1 << 30);
    for (threads, memory_bytes) in [(2, 1 << 30), (5, 5000), (3, 0)] {
        let other = run(&plan, threads, memory_bytes);
        assert_eq!(one.model, other.model);
        assert_eq!(one.history, other.history);
    }
    assert!(one.history.iter().all(|r| r.cohort == 12 && r.contributions.len() == 8));
    let model_bytes = one.model.values().len() as u64 * 4;
    assert!(one.history.iter().all(|r| r.bytes_down == 12 * model_bytes));
}

#[test]
fn a_thousand_participants() {
    let plan = plan("num_rounds = 2\nparticipants = 1000\n[data]\nheld_out = 0.1\n");
    let outcome = run(&plan, 2, 1 << 30);
    assert_eq!(outcome.history[1].contributions.len(), 1000);
}

#[test]
fn poisson_cohorts_vary() {
    let text = "num_rounds = 6\n[cohort]\nsampling = \"poisson\"\nsize = 10\nminimum = 1\n";
    let outcome = run(&plan(text), 2, 1 << 30);
    let sizes: Vec<usize> = outcome.history.iter().map(|r| r.cohort).collect();
    assert!(sizes.iter().any(|&size| size != sizes[0]), "{sizes:?}");
    assert!(outcome.history.iter().all(|r| r.contributions.len() == r.cohort));
}

#[test]
fn target_accuracy_stops_early() {
    let outcome = run(&plan("[evaluation]\ntarget_accuracy = 0.5\n"), 2, 1 << 30);
    assert_eq!(outcome.finish, Finish::TargetReached);
    assert!(outcome.history.len() < 30);
}

#[test]
fn diverging_participants_decline_and_the_run_fails() {
    let plan = plan("[training]\nlearning_rate = 1e16\n[cohort]\nmax_failed_rounds = 2\n");
    let outcome = run(&plan, 2, 1 << 30);
    assert!(matches!(outcome.finish, Finish::Failed(_)), "{:?}", outcome.finish);
    assert_eq!(outcome.history.len(), 2);
    assert!(!outcome.history[0].declined.is_empty());
    assert!(outcome.history[0].aborted.is_some());
}

/// Keeps what a coordinator would write.
#[derive(Default)]
struct Kept {
    journal: Vec<Entry>,
    summaries: Vec<Summary>,
    models: Vec<Params>,
}

impl Recorder for Kept {
    fn persist(&mut self, entry: &Entry) -> Result<(), Error> {
        self.journal.push(entry.clone());
        Ok(())
    }

    fn log(&mut self, summary: &Summary) -> Result<u64, Error> {
        self.summaries.push(summary.clone());
        Ok(self.summaries.len() as u64)
    }

    fn publish(&mut self, _round: u32, model: &Params) -> Result<(), Error> {
        self.models.push(model.clone());
        Ok(())
    }
}

#[test]
fn the_recorder_gets_what_a_coordinator_writes() {
    let plan = plan("num_rounds = 3");
    let federation = Federation::assemble(&plan).unwrap();
    let (mut kept, seen) = (Kept::default(), RefCell::new(Vec::new()));
    let options = Options { threads: 2, ..Options::new(&mut kept) };
    let mut observe = |report: &RoundReport| seen.borrow_mut().push(report.round);
    let outcome = simulate(&plan, &federation, options, &mut observe).unwrap();
    assert_eq!(*seen.borrow(), [1, 2, 3]);
    assert_eq!(kept.summaries.len(), 3);
    assert_eq!(kept.models.last(), Some(&outcome.model));
    let initial = federation.initial_model().unwrap();
    let course = Course::new(&plan, initial.digest(), initial.values().len() as u64 * 4).unwrap();
    let replayed = Run::replay(course, &kept.journal).unwrap();
    assert_eq!(replayed.finish(), Some(&Finish::Completed));
    assert_eq!(replayed.model(), outcome.model.digest());
}

#[test]
fn a_failing_recorder_ends_the_run() {
    struct Full;
    impl Recorder for Full {
        fn log(&mut self, _: &Summary) -> Result<u64, Error> {
            Err(Error::world("writing the log", "disk full"))
        }
    }
    let plan = plan("num_rounds = 1");
    let federation = Federation::assemble(&plan).unwrap();
    let error = simulate(&plan, &federation, Options::new(&mut Full), &mut |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "writing the log: disk full");
}
