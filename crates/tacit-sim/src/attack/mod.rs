//! What hostile participants do. One rule per file, with documented parameters, as elsewhere; a
//! plan does not name them, since nobody plans to be attacked.
//!
//! An adversary holds some participants, whose data and updates it may change. It knows the plan,
//! so what it sends gets in at the door: clipped to the plan's bound and within the range of
//! sums, unless being refused is its point. It does not forge names, weights or signatures.
//!
//! # Discussion
//!
//! Attacks are no family of the registry: its families are the keys of a plan. They are the
//! simulator's own, with the same parameters and arguments.

mod a_little_is_enough;
mod adversary;
mod backdoor;
mod chosen;
mod crowd;
mod gaussian;
pub mod grid;
mod inner_product_manipulation;
mod label_flip;
mod mimic;
mod nan;
mod scaling;
mod sign_flip;

pub use adversary::Adversary;
pub(crate) use adversary::Field;
pub use chosen::Chosen;

use tacit_core::data::Shard;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::registry::{Arguments, Parameter};
use tacit_core::rng::{Random, Seed};

/// Every attack.
pub const ENTRIES: &[Entry] = &[
    sign_flip::ENTRY,
    scaling::ENTRY,
    label_flip::ENTRY,
    gaussian::ENTRY,
    nan::ENTRY,
    a_little_is_enough::ENTRY,
    inner_product_manipulation::ENTRY,
    mimic::ENTRY,
    backdoor::ENTRY,
];

/// One attack.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// One sentence, with its source.
    pub help: &'static str,
    /// What it can be told.
    pub parameters: &'static [Parameter],
    /// Its constructor.
    pub make: fn(&Arguments) -> Result<Box<dyn Attack>, Error>,
}

/// How hostile updates come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Training on poisoned examples; updates are sent as they come.
    Data,
    /// Changing what was trained, each for itself: [`Attack::alter`].
    Own,
    /// All send one vector, made from the honest updates of the round: [`Attack::collude`].
    Honest,
}

/// Who meets in a round.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    /// Round, from 1.
    pub round: u32,
    /// Contributions, n.
    pub participants: usize,
    /// Hostile ones among them, f.
    pub hostile: usize,
}

/// One chunk of every honest update of a round, in the order of names.
#[derive(Clone, Copy, Debug)]
pub struct Honest<'a> {
    /// Whose they are.
    pub names: &'a [ParticipantId],
    /// The updates, as decoded from what travels; at least one, all of one length.
    pub rows: &'a [&'a [f32]],
}

/// What an adversary does with the participants that it holds.
pub trait Attack: Send {
    /// How.
    fn means(&self) -> Means;
    /// What a hostile participant trains on in the place of its examples.
    fn poison(&self, _mine: &Shard, _seed: Seed) -> Result<Option<Shard>, Error> {
        Ok(None)
    }
    /// Changes one chunk of what a hostile participant trained.
    fn alter(&mut self, _scene: &Scene, _own: &mut [f32], _random: &mut Random) {}
    /// Whether [`Attack::survey`] must see every chunk of a round first.
    fn surveys(&self) -> bool {
        false
    }
    /// First pass over the honest updates of a round.
    fn survey(&mut self, _scene: &Scene, _honest: &Honest<'_>) {}
    /// Writes one chunk of what every hostile participant sends.
    fn collude(&mut self, _scene: &Scene, _honest: &Honest<'_>, _out: &mut [f32]) {}
    /// Test examples labelled as the adversary wants them answered, if it wants a certain answer.
    fn goal(&self, _test: &Shard) -> Result<Option<Shard>, Error> {
        Ok(None)
    }
}

/// One attack by its name.
pub fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
