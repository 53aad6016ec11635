//! Many worlds.

use super::{Canary, World};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use tacit_core::error::Error;
use tacit_core::rng::Random;

/// So many mixed worlds have one of sums among them.
const ONE_IN: u64 = 40;

/// And so many have one in which contributions are proved.
const ONE_PROVED_IN: u64 = 8;

/// Which worlds to explore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Worlds {
    /// Mostly those in which contributions are seen: the others take far longer.
    #[default]
    Mixed,
    /// Those in which only sums are opened.
    Sums,
    /// Those in which participants prove what they contribute, and those of sums among them.
    Proved,
}

impl Worlds {
    /// Whether only sums are opened in the next one.
    pub(super) fn are_of_sums(self, rng: &mut Random) -> bool {
        let one_in = if self == Worlds::Proved { 4 } else { ONE_IN };
        rng.below(one_in) == 0 || self == Worlds::Sums
    }

    /// Whether contributions are proved in the next one.
    pub(super) fn are_proved(self, rng: &mut Random) -> bool {
        rng.below(ONE_PROVED_IN) == 0 || self == Worlds::Proved
    }
}

/// How to explore.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Worker threads; 0 means one per core.
    pub threads: usize,
    /// Which worlds.
    pub worlds: Worlds,
    /// A mistake that the worlds' driver makes; `None` to explore the real one.
    pub canary: Option<Canary>,
    /// Stop after so many violations.
    pub violations: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 0, worlds: Worlds::Mixed, canary: None, violations: 10 }
    }
}

/// What many worlds gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Worlds explored.
    pub seeds: u64,
    /// Events in all of them.
    pub steps: u64,
    /// Models released.
    pub released: u64,
    /// Faults that happened, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Ends of runs, by name.
    pub finishes: BTreeMap<&'static str, u64>,
    /// Seeds whose world broke a promise, and which.
    pub violations: Vec<(u64, String)>,
}

impl Report {
    fn merge(mut self, other: Report) -> Self {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.released += other.released;
        for (mine, theirs) in
            [(&mut self.faults, other.faults), (&mut self.finishes, other.finishes)]
        {
            theirs.into_iter().for_each(|(name, count)| *mine.entry(name).or_default() += count);
        }
        self.violations.extend(other.violations);
        self.violations.sort();
        self
    }

    fn add(&mut self, seed: u64, options: &Options) -> Result<(), Error> {
        let fate = World::with(seed, options.worlds, options.canary)?.run();
        self.seeds += 1;
        self.steps += fate.steps;
        self.released += u64::from(fate.released);
        for (name, count) in fate.faults {
            *self.faults.entry(name).or_default() += count;
        }
        if let Some(finish) = fate.finish {
            let name = match finish {
                tacit_core::run::Finish::Completed => "completed",
                tacit_core::run::Finish::TargetReached => "target-reached",
                tacit_core::run::Finish::BudgetSpent => "budget-spent",
                tacit_core::run::Finish::Failed(_) => "failed",
            };
            *self.finishes.entry(name).or_default() += 1;
        }
        self.violations.extend(fate.violation.map(|what| (seed, what)));
        Ok(())
    }
}

/// Lets the worlds of these seeds happen; the report is the same for any number of threads,
/// unless it stops early.
///
/// # Errors
/// As [`World::new`].
pub fn explore(seeds: Range<u64>, options: &Options) -> Result<Report, Error> {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    let threads = if options.threads == 0 { cores() } else { options.threads };
    let (next, found) = (AtomicU64::new(seeds.start), AtomicU64::new(0));
    let work = || -> Result<Report, Error> {
        let mut report = Report::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let enough = found.load(Ordering::Relaxed) >= options.violations as u64;
            if seed >= seeds.end || enough {
                return Ok(report);
            }
            let before = report.violations.len();
            report.add(seed, options)?;
            found.fetch_add((report.violations.len() - before) as u64, Ordering::Relaxed);
        }
    };
    let reports = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join()).collect::<Result<Vec<_>, _>>()
    });
    let reports = reports.map_err(|_| Error::Bug("a world panicked"))?;
    reports.into_iter().try_fold(Report::default(), |sum, report| Ok(sum.merge(report?)))
}
