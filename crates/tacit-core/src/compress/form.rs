//! What travels of one chunk, between two stages of a chain.

use crate::ids::ParticipantId;
use crate::limits;
use crate::rng::{Random, Seed};

/// How much of what travels of one chunk: known from the plan and the model's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Values of the whole update.
    pub total: usize,
    /// Where the chunk begins in it.
    pub start: usize,
    /// Values of the chunk.
    pub chunk: usize,
    /// Tensors that have values in the chunk; 0 where nobody told.
    pub tensors: usize,
    /// Values or levels that travel.
    pub count: usize,
    /// Whether they were chosen from the chunk.
    pub chosen: bool,
    /// Whether each of them travels with its position, ascending within the chunk.
    pub positions: bool,
    /// Bits of a level; `None` while values are f32.
    pub bits: Option<u32>,
    /// Scales that the levels need, each an f32.
    pub scales: usize,
    /// Whether the values were rotated, so that they look normally distributed.
    pub rotated: bool,
    /// Whether a stage has written bytes of its own: nothing can follow.
    pub coded: bool,
}

impl Form {
    /// A chunk of an update of `total` values, as f32, before the first stage.
    pub fn new(total: usize, start: usize) -> Self {
        let chunk = total.saturating_sub(start).min(limits::CHUNK_VALUES);
        Self {
            total,
            start,
            chunk,
            tensors: 0,
            count: chunk,
            chosen: false,
            positions: false,
            bits: None,
            scales: 0,
            rotated: false,
            coded: false,
        }
    }

    /// Whether all values of the chunk travel as f32, one after the other.
    pub fn is_whole(&self) -> bool {
        self.bits.is_none() && !self.chosen && !self.positions && !self.coded
    }

    /// What it is, in words, for errors.
    pub fn describe(&self) -> &'static str {
        match self {
            Form { coded: true, .. } => "bytes that are already coded",
            Form { bits: Some(_), .. } => "values that are already quantised",
            Form { rotated: true, .. } => "values that are already rotated",
            Form { chosen: true, .. } => "values that were already chosen",
            _ => "raw values",
        }
    }
}

/// Levels that a whole cohort shares: `level` stands for `origin + level · step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// What level 0 stands for.
    pub origin: f64,
    /// From one level to the next.
    pub step: f64,
    /// Lowest level.
    pub least: i64,
    /// Highest level.
    pub most: i64,
}

impl Grid {
    /// Signed levels of so many bits for values up to `range`: the outermost are ±range.
    pub fn signed(range: f64, bits: u32) -> Self {
        let most = (1i64 << (bits - 1)) - 1;
        Self { origin: 0.0, step: range / most as f64, least: -most, most }
    }

    /// The nearest level.
    pub fn level(&self, value: f32) -> i64 {
        let level = ((f64::from(value) - self.origin) / self.step).round();
        level.clamp(self.least as f64, self.most as f64) as i64
    }
}

/// What travels of one chunk. Only the fields that its [`Form`] names are in use.
#[derive(Clone, Debug, Default)]
pub struct Signal {
    /// Values, until they are quantised.
    pub values: Vec<f32>,
    /// What values are quantised to.
    pub levels: Vec<u16>,
    /// Positions within the chunk, ascending.
    pub positions: Vec<u16>,
    /// Scales of the levels.
    pub scales: Vec<f32>,
    /// Scratch memory of whichever stage is at work.
    pub spare: Vec<f32>,
}

/// Roots of what a stage draws: one that the whole cohort shares, and one of the sender's own.
/// Both follow from the plan's seed, so that whoever decodes can draw again.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    shared: Seed,
    own: Seed,
}

impl Seeds {
    /// Of a participant's payload in a round.
    pub fn of(plan: Seed, round: u32, sender: &ParticipantId) -> Self {
        let shared = Self::everybody(plan, round).shared;
        Self { shared, own: shared.derive("tacit/v1/sender", &[sender.as_str().as_bytes()]) }
    }

    /// Of what belongs to nobody alone, such as a sum that masks protect.
    pub fn everybody(plan: Seed, round: u32) -> Self {
        let shared = plan.derive("tacit/v1/compression", &[&round.to_le_bytes()]);
        Self { shared, own: shared }
    }
}

/// Where a stage works.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Where in the chunk another tensor begins, ascending.
    pub cuts: &'a [usize],
    /// Roots of what is drawn.
    pub seeds: Seeds,
    /// Number of the stage in its chain, from 0.
    pub stage: u32,
    /// Form of what the stage is given, and gives back.
    pub form: Form,
}

impl Place<'_> {
    /// Draws that are the same for everybody in the round.
    pub fn shared(&self) -> Random {
        self.draw(self.seeds.shared)
    }

    /// Draws of this sender alone.
    pub fn own(&self) -> Random {
        self.draw(self.seeds.own)
    }

    fn draw(&self, seed: Seed) -> Random {
        let start = (self.form.start as u64).to_le_bytes();
        seed.derive("tacit/v1/stage", &[&self.stage.to_le_bytes(), &start]).rng()
    }
}
