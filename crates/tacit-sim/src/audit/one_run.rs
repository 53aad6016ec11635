//! Many canaries in one run (Steinke, Nasr & Jagielski 2023, algorithm 1): each of them is in or
//! out by its own fair coin, and what is released shows more or less well how the coins fell.
//!
//! Canaries are participants of the plan that send an update of their own: all that clipping
//! allows in one value, where nobody else's canary is, against zeros; or against its opposite,
//! where the plan's neighbours are replaced examples. Clipping, shares of noise, encoding, the
//! draw of cohorts, sums and noise are those of every run. The auditor sees what the plan lets an
//! adversary see: every released aggregate where the coordinator or the cohort adds the noise,
//! every contribution where each participant does.
//!
//! Several runs with canaries and cohorts of their own are one mechanism, each of whose coins
//! decides about one run: the theorem holds for all of their canaries together.
//!
//! # Discussion
//!
//! Strategies compute from what is already released, so that they change nothing about ε: they are
//! replaced by one that shows each aggregate as the difference of two models.

use super::bound::{self, Guesses};
use super::evidence::Evidence;
use super::game;
use super::two_worlds::TOO_LONG;
use std::collections::BTreeMap;
use tacit_core::account::Sampled;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::params::Params;
use tacit_core::plan::Plan;
use tacit_core::registry::{Family, Registry};
use tacit_core::rng::Seed;
use tacit_core::traits::Party;
use tacit_learn::federation::Federation;

use crate::simulate::Plants;

/// Shares of the canaries about which something is guessed: the surest ones. Which of them gives
/// the best bound is not known before, so each gets its part of the error probability.
const GUESSED: [f64; 3] = [1.0, 0.3, 0.1];

/// What to audit, and how.
#[derive(Clone, Copy)]
pub struct Audit<'a> {
    /// A plan with noise.
    pub plan: &'a Plan,
    /// Where its rules come from.
    pub registry: &'a Registry,
    /// Canaries, at least: as many runs as it takes.
    pub canaries: usize,
    /// Of the coins, and of the runs; the auditor's and not the plan's.
    pub seed: u64,
    /// Probability that the bound is above the true ε.
    pub error: f64,
}

/// What an audit found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Audited {
    /// ε of a run by the plan's accountant.
    pub claimed: f64,
    /// The δ at which it is stated.
    pub delta: f64,
    /// Runs.
    pub runs: u32,
    /// Releases of a run, at most.
    pub releases: u32,
    /// The guesses with the best bound.
    pub guesses: Guesses,
    /// ε is at least this.
    pub lower: f64,
}

impl Audited {
    /// Whether the claim is refuted.
    pub fn refutes(&self) -> bool {
        self.lower > self.claimed
    }
}

/// The canaries of one run.
pub(super) struct Canaries {
    places: BTreeMap<ParticipantId, Place>,
    /// What a canary sends in its place, before clipping.
    length: f32,
    replaced: bool,
}

/// Where a canary is, and how its coin fell.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub at: usize,
    pub inside: bool,
}

impl Canaries {
    /// Draws values and coins for as many of the participants as there are values.
    fn draw(plan: &Plan, federation: &Federation, len: usize, seed: Seed) -> Result<Self, Error> {
        let clip = plan.clip(None);
        let limit = clip.bound.limit();
        let limit = limit.ok_or(Error::Bug("noise was calibrated to no bound"))?;
        let too_long = if clip.zero_above > 1.0 { clip.zero_above * 0.99 } else { TOO_LONG };
        let mut rng = seed.rng();
        let mut values: Vec<usize> = (0..len).collect();
        rng.shuffle(&mut values);
        let names = federation.participants().iter().map(|(name, _)| name.clone());
        let mut place = |at| Place { at, inside: rng.below(2) == 1 };
        let places = names.zip(values).map(|(name, at)| (name, place(at))).collect();
        let length = (limit * too_long.min(TOO_LONG)) as f32;
        Ok(Self { places, length, replaced: replaced(plan) })
    }

    pub fn places(&self) -> &BTreeMap<ParticipantId, Place> {
        &self.places
    }

    /// What a canary is before clipping.
    pub fn length(&self) -> f32 {
        self.length
    }
}

impl Plants for Canaries {
    fn update(&self, participant: &ParticipantId, model: &Params) -> Option<Vec<f32>> {
        let place = self.places.get(participant)?;
        let mut values = vec![0.0; model.layout().len()];
        values[place.at] = match (place.inside, self.replaced) {
            (true, _) => self.length,
            (false, true) => -self.length,
            (false, false) => 0.0,
        };
        Some(values)
    }
}

/// Whether the plan's ε is between federations in which a participant's examples are replaced.
pub(super) fn replaced(plan: &Plan) -> bool {
    let by = plan.mechanism().map_or(Party::Nobody, |mechanism| mechanism.by());
    let sampled = Sampled::of(plan.cohort(), plan.participants());
    by == Party::Participant || matches!(sampled, Sampled::Fixed { .. })
}

/// One run as the auditor saw it.
pub(super) struct Seen {
    /// ε of its releases.
    pub claimed: f64,
    /// Releases.
    pub releases: u32,
    /// By canary: how its coin fell, and the logarithm of how many times likelier what was seen
    /// is with it than without.
    pub scores: Vec<(bool, f64)>,
}

impl Audit<'_> {
    /// Plays the game; `observe` is told of every run that is over.
    ///
    /// # Errors
    /// A plan without noise, and failures of its runs.
    pub fn run(&self, observe: &mut dyn FnMut(u32)) -> Result<Audited, Error> {
        let by = self.plan.mechanism()?.by();
        if by == Party::Nobody {
            let found = self.plan.choice(Family::Mechanism).name();
            return Err(Error::caller("mechanism of an audited plan", "one with noise", found));
        }
        let root = Seed::root(self.seed);
        let (mut scores, mut claimed, mut releases, mut runs) = (Vec::new(), 0.0f64, 0, 0u32);
        while scores.len() < self.canaries.max(1) {
            runs += 1;
            let number = runs.to_le_bytes();
            let plan = self.audited(root.derive("tacit/v1/audit-run", &[&number]))?;
            let federation = Federation::assemble(&plan)?;
            let model = federation.initial_model()?;
            let coins = root.derive("tacit/v1/audit-coins", &[&number]);
            let canaries = Canaries::draw(&plan, &federation, model.layout().len(), coins)?;
            let evidence = Evidence::new(&plan, &canaries, model.layout())?;
            let game = game::Game { plan: &plan, federation: &federation, canaries, evidence };
            let seen = match by {
                Party::Participant => game.contributions(&model)?,
                _ => game.releases(&model)?,
            };
            claimed = claimed.max(seen.claimed);
            releases = releases.max(seen.releases);
            scores.extend(seen.scores);
            observe(runs);
        }
        let delta = self.plan.budget().delta;
        let (guesses, lower) = best(&mut scores, delta, self.error);
        Ok(Audited { claimed, delta, runs, releases, guesses, lower })
    }

    /// The plan with a seed of the auditor's, and nothing that does not change what is released.
    fn audited(&self, seed: Seed) -> Result<Plan, Error> {
        let seed = (seed.as_u64() >> 1).to_string();
        let changes = [
            ("seed", &*seed),
            ("strategy", "\"fedavg\""),
            ("downlink", "[]"),
            ("evaluation.on", "[]"),
            ("evaluation.target_accuracy", "0.0"),
        ];
        self.plan.with(&changes, self.registry).map_err(|errors| {
            Error::caller("plan to audit", "one that holds with fedavg", errors.to_string())
        })
    }
}

/// Guesses about the surest canaries, and the best bound of several such shares.
fn best(scores: &mut [(bool, f64)], delta: f64, error: f64) -> (Guesses, f64) {
    scores.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let of = |share: f64| {
        let guesses = (scores.len() as f64 * share).ceil() as usize;
        let right = scores[..guesses].iter().filter(|(inside, score)| *inside == (*score > 0.0));
        let guesses = Guesses { canaries: scores.len(), guesses, right: right.count() };
        (guesses, bound::one_run(guesses, delta, error / GUESSED.len() as f64))
    };
    let all = GUESSED.iter().map(|&share| of(share));
    let nothing = (Guesses { canaries: scores.len(), guesses: 0, right: 0 }, 0.0);
    all.fold(
        nothing,
        |best, found| if found.1 > best.1 || best.0.guesses == 0 { found } else { best },
    )
}
