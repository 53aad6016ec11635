//! One release in two neighbouring worlds, many times: with a participant's update and without it,
//! or with one update and its opposite where the neighbours are replaced examples.
//!
//! Everybody else sends zeros, which is a possible federation, and the tester knows it. The
//! participant's update is several times too long, so that its clipping is tested too.

use super::bound::{self, Trials};
use std::sync::Arc;
use tacit_core::account::{Sampled, Spent};
use tacit_core::bound::{Bound, Clip};
use tacit_core::error::Error;
use tacit_core::evidence::Clipped;
use tacit_core::params::{Layout, Update};
use tacit_core::plan::Plan;
use tacit_core::traits::{Calibration, Entropy, Mechanism, Opened, Party};

/// How many times a canary's update is longer than clipping allows.
pub(super) const TOO_LONG: f64 = 4.0;

/// A release of a mechanism.
#[derive(Clone, Copy)]
pub struct Release<'a> {
    /// The noise.
    pub mechanism: &'a dyn Mechanism,
    /// What it is measured by.
    pub of: Calibration,
}

/// What a tester found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tested {
    /// Its errors on outputs that it had not chosen its test by.
    pub trials: Trials,
    /// What they refute.
    pub lower: f64,
}

/// How surely, and at which δ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// The δ.
    pub delta: f64,
    /// Probability that a bound is above the true ε.
    pub error: f64,
}

impl Release<'_> {
    /// Whether neighbours differ by an update that is replaced, not by one that is left out.
    fn replaced(&self) -> bool {
        self.mechanism.by() == Party::Participant
    }

    /// How many canaries one release has room for. Noise of the coordinator is added once to
    /// everybody's updates, and what it adds to one value is not to depend on another's.
    pub fn canaries(&self) -> usize {
        match (self.mechanism.by(), self.of.bound) {
            (Party::Coordinator, Bound::L1 { .. } | Bound::L2 { .. }) => self.of.len,
            _ => 1,
        }
    }

    /// The update that shows most: all of its norm in one value, or the limit in each.
    fn canary(&self, number: usize, sign: f64) -> Vec<f32> {
        let limit = self.of.bound.limit().unwrap_or(0.0) * TOO_LONG * sign;
        let mut values = vec![0.0; self.of.len];
        match self.of.bound {
            Bound::Linf { .. } => values.fill(limit as f32),
            _ => values.iter_mut().skip(number).take(1).for_each(|x| *x = limit as f32),
        }
        values
    }

    /// What the tester sees of one release along each of its canaries, of which some are present.
    ///
    /// # Errors
    /// Those of the mechanism.
    pub fn play(&self, present: &[bool], entropy: &mut dyn Entropy) -> Result<Vec<f64>, Error> {
        let absent = if self.replaced() { -1.0 } else { 0.0 };
        let mut sum = vec![0.0; self.mechanism.sent(&self.of).0];
        let mut add = |values, entropy: &mut dyn Entropy| -> Result<(), Error> {
            let sent = self.shared(values, entropy)?;
            sum.iter_mut().zip(sent).for_each(|(sum, x)| *sum += f64::from(x));
            Ok(())
        };
        for (number, present) in present.iter().enumerate() {
            add(self.canary(number, if *present { 1.0 } else { absent }), entropy)?;
        }
        if self.mechanism.by() == Party::Cohort {
            for _ in 1..self.of.honest {
                add(self.canary(0, 0.0), entropy)?;
            }
        }
        let mut seen: Vec<f32> = sum.iter().map(|x| *x as f32).collect();
        if !self.replaced() {
            let mean = sum.iter().map(|x| (x / self.of.size as f64) as f32).collect();
            let mut opened = Opened { values: mean, count: 0.0 };
            self.mechanism.open(&self.of, &mut opened, entropy)?;
            seen = opened.values;
        }
        let along = |number| {
            let canary = self.canary(number, 1.0);
            seen.iter().zip(canary).map(|(x, v)| f64::from(*x) * f64::from(v)).sum()
        };
        Ok((0..present.len()).map(along).collect())
    }

    fn shared(&self, values: Vec<f32>, entropy: &mut dyn Entropy) -> Result<Vec<f32>, Error> {
        let layout = Arc::new(Layout::flat("canary", values.len())?);
        let update = Update::new(layout, values, 1)?;
        let (clipped, within) = Clipped::clip(update, &Clip::to(self.of.bound));
        let noised = clipped.noise(self.mechanism, &self.of, within, entropy)?;
        Ok(noised.into_inner().values().to_vec())
    }

    /// Plays releases until there are `trials` in each world: a test is chosen by the first half
    /// of them, its errors are counted on the other.
    ///
    /// # Errors
    /// Those of the mechanism.
    pub fn test(
        &self,
        trials: usize,
        level: Level,
        entropy: &mut dyn Entropy,
    ) -> Result<Tested, Error> {
        let mut play = |present: bool| -> Result<Vec<f64>, Error> {
            let mut scores = Vec::with_capacity(trials);
            while scores.len() < trials {
                scores.extend(self.play(&vec![present; self.canaries()], entropy)?);
            }
            Ok(scores)
        };
        let (inside, outside) = (play(true)?, play(false)?);
        Ok(tested(&inside, &outside, level))
    }
}

/// Values of the model in the test of a plan's mechanism: noise of one does not depend on others.
const VALUES: usize = 128;

/// What a tester of one release of a plan found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneRelease {
    /// ε of the release for whoever is in its cohort, by the plan's accountant.
    pub claimed: f64,
    /// The tester's errors, and what they refute.
    pub tested: Tested,
}

impl OneRelease {
    /// Tests the plan's mechanism on models of at most `len` values. As many trials as take some
    /// seconds: shares of noise come from tables that are made anew for each.
    ///
    /// # Errors
    /// Those of the mechanism and of the accountant.
    pub fn of(
        plan: &Plan,
        len: usize,
        error: f64,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Error> {
        let mechanism = plan.mechanism()?;
        let of = plan.calibration(1, len.min(VALUES), None);
        let of = Calibration { counted: false, ..of };
        let (of, trials) = match mechanism.by() {
            // One share hides one update as the sum of many shares hides one of many.
            Party::Cohort => (Calibration { size: 1, honest: 1, largest: 1, ..of }, 400),
            Party::Participant => (of, 4_000),
            Party::Coordinator | Party::Nobody => (of, 40_000),
        };
        let level = Level { delta: plan.budget().delta, error };
        let spent = Spent { cost: mechanism.cost(&of)?, sampled: Sampled::Everybody };
        let claimed = plan.accountant()?.epsilon(&[(spent, 1)], level.delta)?.upper;
        let tested = Release { mechanism: &*mechanism, of }.test(trials, level, entropy)?;
        Ok(Self { claimed, tested })
    }

    /// Whether the claim is refuted.
    pub fn refutes(&self) -> bool {
        self.tested.lower > self.claimed
    }
}

/// What scores of outputs with and without the participant refute. The test is a threshold; it is
/// chosen by the first half of each.
pub fn tested(inside: &[f64], outside: &[f64], level: Level) -> Tested {
    let half = inside.len().min(outside.len()) / 2;
    let threshold = best_threshold(&inside[..half], &outside[..half], level);
    let (inside, outside) = (&inside[half..2 * half], &outside[half..2 * half]);
    let trials = Trials {
        trials: half,
        false_alarms: outside.iter().filter(|&&score| score > threshold).count(),
        misses: inside.iter().filter(|&&score| score <= threshold).count(),
    };
    Tested { trials, lower: bound::two_worlds(trials, level.delta, level.error) }
}

fn best_threshold(inside: &[f64], outside: &[f64], level: Level) -> f64 {
    let sorted = |scores: &[f64]| {
        let mut scores = scores.to_vec();
        scores.sort_unstable_by(f64::total_cmp);
        scores
    };
    let (inside, outside) = (sorted(inside), sorted(outside));
    let trials = inside.len() as f64;
    // What Clopper and Pearson's limits are about, for a tail of this probability.
    let spread = -level.error.ln();
    let about = |count: usize| {
        let count = count as f64;
        (count + spread + (2.0 * spread * count).sqrt()) / trials
    };
    let (mut best, mut threshold) = (0.0, f64::INFINITY);
    for &candidate in inside.iter().chain(&outside) {
        let misses = inside.partition_point(|&score| score <= candidate);
        let false_alarms = outside.len() - outside.partition_point(|&score| score <= candidate);
        let found = bound::ratio(about(false_alarms), about(misses), level.delta);
        if found > best {
            (best, threshold) = (found, candidate);
        }
    }
    threshold
}
