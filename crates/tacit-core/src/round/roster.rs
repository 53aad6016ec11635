//! Everybody enrolled.

use crate::ids::ParticipantId;
use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

/// A set of names that many states and summaries share: a clone costs nothing, and what was
/// cloned does not change when somebody enrols later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster(Arc<BTreeSet<ParticipantId>>);

impl Roster {
    /// A roster with nobody on it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name; false if it was there.
    pub fn insert(&mut self, participant: ParticipantId) -> bool {
        if self.0.contains(&participant) {
            return false;
        }
        Arc::make_mut(&mut self.0).insert(participant)
    }
}

impl Deref for Roster {
    type Target = BTreeSet<ParticipantId>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl FromIterator<ParticipantId> for Roster {
    fn from_iter<I: IntoIterator<Item = ParticipantId>>(names: I) -> Self {
        Self(Arc::new(names.into_iter().collect()))
    }
}
