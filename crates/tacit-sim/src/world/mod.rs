//! Seeded worlds: a whole run among participants, a network, a disk and a clock that fail, driven
//! through the pure [`Run`] and the real pipeline, on models of three values.
//!
//! A seed fixes everything: `World::new(seed)?.run()` repeats a failure exactly. After every step
//! the world checks what must always hold (see `invariants`); faults stop after a while, and then
//! the run must finish. That the checks bite is checked too: a [`Canary`] is a mistake in the
//! driver, and every one of them must be found within a few hundred seeds.
//!
//! In some worlds only sums are opened: members agree on masks with the real cryptography of
//! `secagg`, through the same crashes, and what is opened must be the mean that the updates have.
//!
//! In others participants prove what they contribute, with a rule that costs nothing: some prove
//! another update than they send, or show somebody else's proof or an old one.
//!
//! Time is virtual, in milliseconds. Faults: messages dropped, duplicated, delayed, reordered;
//! groups of participants unreachable; the coordinator killed between any two actions or while
//! the disk works, with appended records lost, or a failing append; participants that crash and
//! remember only their name, decline, repeat old contributions, or send wrong ones; clocks that
//! jump both ways; timers that fire early; aggregation that fails.

mod coordinator;
mod disk;
mod effects;
mod events;
mod explore;
mod faults;
mod hostile;
mod invariants;
mod lab;
mod network;
mod oath;
mod participant;
mod seat;
mod sworn;
mod talk;

pub use explore::{Options, Report, Worlds, explore};
pub use faults::{Canary, FAULTS};

use coordinator::Coordinator;
use disk::Disk;
use events::{Queue, What};
use faults::{Faults, Partition};
use lab::{About, Lab};
use participant::Participant;
use std::collections::{BTreeMap, BTreeSet};
use sworn::Oaths;
use tacit_core::central::Centre;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::messages::SignedContribution;
use tacit_core::pipeline::Channel;
use tacit_core::plan::Plan;
use tacit_core::rng::{Random, Seed};
use tacit_core::run::{Course, Finish, Run};
use talk::Talk;

/// Events of one world; a few hundred are usual.
const MOST_STEPS: u64 = 100_000;

/// A promise of the system that does not hold in a world.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Violation(String);

impl From<Error> for Violation {
    fn from(error: Error) -> Self {
        Self(format!("unexpected error: {error}"))
    }
}

type Checked<T = ()> = Result<T, Violation>;

/// Fails the world unless `holds`.
fn require(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(Violation(what())) }
}

/// One seeded world.
pub struct World {
    canary: Option<Canary>,
    rng: Random,
    now: u64,
    /// The coordinator's clock less the true time.
    skew_ms: i64,
    queue: Queue,
    faults: Faults,
    counts: BTreeMap<&'static str, u64>,
    steps: u64,
    lab: &'static Lab,
    plan: &'static Plan,
    course: Course,
    /// Smallest number of contributions to release.
    quorum: usize,
    channel: Channel,
    centre: Centre,
    participants: Vec<Participant>,
    partitions: Vec<Partition>,
    disk: Disk,
    coordinator: Option<Coordinator>,
    incarnation: u64,
    /// Contributions that participants were told cannot be lost, by round.
    acknowledged: BTreeMap<u32, BTreeSet<Digest>>,
    /// What members say to each other, where only sums are opened.
    talk: Talk,
    /// What participants prove, if anything.
    oaths: Option<Oaths>,
    /// What was sent before, for those who repeat it.
    sent: Vec<(usize, SignedContribution, events::Payload)>,
}

/// What became of a world.
#[derive(Clone, Debug)]
pub struct Fate {
    /// Events that happened.
    pub steps: u64,
    /// Faults that happened, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Rounds released.
    pub released: u32,
    /// Why the run ended, if it did.
    pub finish: Option<Finish>,
    /// The first promise that did not hold.
    pub violation: Option<String>,
}

impl World {
    /// The world of a seed.
    ///
    /// # Errors
    /// Rules that cannot be made: never for the built-in ones.
    pub fn new(seed: u64) -> Result<Self, Error> {
        Self::with(seed, Worlds::Mixed, None)
    }

    /// The world of a seed whose coordinator's driver makes a mistake.
    ///
    /// # Errors
    /// As [`World::new`].
    pub fn broken(seed: u64, canary: Canary) -> Result<Self, Error> {
        Self::with(seed, canary.worlds(), Some(canary))
    }

    fn with(seed: u64, worlds: Worlds, canary: Option<Canary>) -> Result<Self, Error> {
        let mut rng = Seed::root(seed).derive("tacit/v1/world", &[]).rng();
        let lab = lab::shared()?;
        let mut faults = Faults::draw(&mut rng);
        let sums = worlds.are_of_sums(&mut rng);
        if sums {
            // Rounds have five stages more.
            faults.until *= 2;
        }
        let about = About { sums, proved: worlds.are_proved(&mut rng) };
        let mut scene = lab.scene(seed, about, &mut rng)?;
        let quorum = scene.course.cohort.minimum;
        if canary == Some(Canary::ReleaseBelowQuorum) {
            scene.course.cohort.minimum = 1;
        }
        let names = scene.participants;
        let partitions = faults.partitions(names, &mut rng);
        let disk = Disk::new(&scene.course, lab)?;
        let mut world = Self {
            canary,
            now: 0,
            skew_ms: 1_000_000,
            queue: Queue::default(),
            counts: BTreeMap::new(),
            steps: 0,
            lab,
            plan: scene.plan,
            talk: Talk::new(seed),
            oaths: scene.oaths,
            quorum,
            channel: scene.channel,
            centre: scene.centre,
            participants: (0..names).map(|n| Participant::new(n, names)).collect(),
            partitions,
            disk,
            coordinator: None,
            incarnation: 0,
            acknowledged: BTreeMap::new(),
            sent: Vec::new(),
            course: scene.course,
            faults,
            rng,
        };
        world.set_out();
        Ok(world)
    }

    /// Schedules the beginning of everything and the faults that come by themselves.
    fn set_out(&mut self) {
        let participants = self.participants.len();
        self.queue.push(0, What::Restart);
        for number in 0..participants {
            let late = number >= self.course.cohort.participants;
            let at = self.rng.below(if late { 3000 } else { 100 });
            self.queue.push(at, What::Wake { number, incarnation: 0 });
        }
        let until = self.faults.until;
        let faults = &self.faults;
        let spontaneous = [
            (faults.coordinator_kills, 0),
            (faults.participant_kills, 1),
            (faults.clock_jumps, 2),
            (faults.early_ticks, 3),
        ];
        for (times, kind) in spontaneous {
            for _ in 0..times {
                let what = match kind {
                    0 => What::KillCoordinator,
                    1 => What::KillParticipant(self.rng.below(participants as u64) as usize),
                    2 => What::ClockJump,
                    _ => What::EarlyTick,
                };
                self.queue.push(self.rng.below(until), what);
            }
        }
    }

    /// Lets the world happen to its end.
    pub fn run(mut self) -> Fate {
        let violation = self.happen().err().map(|Violation(what)| what);
        let run = self.coordinator.as_ref().map(|c| c.run());
        Fate {
            steps: self.steps,
            released: run.map_or(0, Run::released),
            finish: run.and_then(|run| run.finish().cloned()),
            faults: self.counts,
            violation,
        }
    }

    fn happen(&mut self) -> Checked {
        let bound = self.faults.until + self.patience();
        while let Some((at, what)) = self.queue.pop() {
            self.now = at;
            self.steps += 1;
            require(self.steps <= MOST_STEPS, || "the run goes in circles".into())?;
            require(at <= bound, || "the run does not finish though faults stopped".into())?;
            self.once(what)?;
            if self.coordinator.as_ref().is_some_and(Coordinator::is_done) {
                return self.check_end();
            }
        }
        Err(Violation("nothing happens any more".into()))
    }

    fn once(&mut self, what: What) -> Checked {
        match what {
            What::Restart => self.restart(),
            What::Wake { number, incarnation } => {
                self.wake(number, incarnation);
                Ok(())
            }
            What::Up { from, message } => self.receive(from, message),
            What::Down { to, message } => self.hear(to, message),
            What::Timer { incarnation, timer } => self.timer(incarnation, timer),
            What::Effect { incarnation, effect } => self.effect(incarnation, effect),
            What::KillCoordinator => self.kill(),
            What::KillParticipant(number) => {
                self.kill_participant(number);
                Ok(())
            }
            What::Return { number, incarnation } => {
                self.come_back(number, incarnation);
                Ok(())
            }
            What::ClockJump => {
                self.jump();
                Ok(())
            }
            What::EarlyTick => self.early_tick(),
        }
    }

    /// How long a run may take once faults have stopped, in milliseconds: every round may use
    /// every time-out, and wait for a timer that was set before the clock jumped.
    fn patience(&self) -> u64 {
        let rules = &self.course.cohort;
        let waits = rules.enrol_timeout_ms + rules.distribute_timeout_ms + rules.collect_timeout_ms;
        let waits = waits + u64::from(rules.stages.count()) * rules.stages.timeout_ms;
        u64::from(self.course.num_rounds) * (3 * waits + 1000) + 5000
    }

    fn jump(&mut self) {
        self.count("clock-jump");
        let far = [10, 1000, 100_000][self.rng.below(3) as usize];
        self.skew_ms += self.rng.below(2 * far) as i64 - far as i64;
    }

    /// The coordinator's clock.
    fn wall_ms(&self) -> u64 {
        (self.now as i64 + self.skew_ms).max(0) as u64
    }

    fn calm(&self) -> bool {
        self.now >= self.faults.until
    }

    /// Whether a fault of this probability strikes now; counts it.
    fn strikes(&mut self, probability: f64, name: &'static str) -> bool {
        let strikes = probability > 0.0 && !self.calm() && self.rng.unit() < probability;
        if strikes {
            self.count(name);
        }
        strikes
    }

    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }
}

#[cfg(test)]
mod tests;
