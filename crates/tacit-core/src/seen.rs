//! What rules are given and may see; part of the vocabulary of [`traits`](crate::traits).

use crate::bound::Bound;
use crate::digest::Digest;
use crate::params::Update;
use crate::rng::Seed;

/// What a rule must see, and what a protection lets the aggregator see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// Only the (weighted) sum of the cohort's updates.
    Sum,
    /// Only the (weighted) sums of groups of the cohort.
    Groups,
    /// Each update, inside a sealed environment that shows it to nobody.
    EachSealed,
    /// Each update.
    Each,
}

/// What one participant's training gave.
#[derive(Debug)]
pub struct Fitted {
    /// Local minus global parameters.
    pub update: Update,
    /// Mean training loss over the last local epoch.
    pub loss: f64,
    /// Optimiser steps that were taken; 0 where a trainer does not tell.
    pub steps: u64,
}

/// The same chunk of several participants' updates, in the order of their names.
#[derive(Debug)]
pub struct Rows<'a> {
    /// One row per participant, all of one length.
    pub rows: &'a [&'a [f32]],
    /// Weight of each row (examples), positive.
    pub weights: &'a [u64],
    /// Sum of the weights of the whole cohort, of which this may be a part.
    pub total_weight: u64,
    /// This chunk of what the round before released, for a rule that
    /// [`remembers`](crate::traits::Aggregator::remembers); else empty, as in the first round.
    pub before: &'a [f32],
}

/// What binds masks, keys and proofs to one round.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    /// Digest of the plan.
    pub plan: Digest,
    /// Round, from 1.
    pub round: u32,
    /// Digest of the model trained from.
    pub model: Digest,
}

/// Who adds a mechanism's noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// Nobody.
    Nobody,
    /// The coordinator, to the aggregate.
    Coordinator,
    /// Each participant, enough for itself alone.
    Participant,
    /// Each participant a share: what a sum needs.
    Cohort,
}

/// What a mechanism makes ready for release.
#[derive(Debug)]
pub struct Opened {
    /// The mean of what travelled; then the aggregate.
    pub values: Vec<f32>,
    /// Updates within the clipping norm less those that were not, halved.
    pub count: f64,
}

/// What noise is measured by.
#[derive(Clone, Copy, Debug)]
pub struct Calibration {
    /// Round, from 1.
    pub round: u32,
    /// Bound of one participant's update after clipping.
    pub bound: Bound,
    /// Values of an update.
    pub len: usize,
    /// What sums are divided by: the planned size of a cohort, whoever came.
    pub size: usize,
    /// Fewest honest contributions of a release.
    pub honest: usize,
    /// Most contributions of a release.
    pub largest: usize,
    /// Whether a release also tells how many updates were within the bound.
    pub counted: bool,
    /// The plan's seed: for rotations that everybody knows, never for noise.
    pub seed: Seed,
}
