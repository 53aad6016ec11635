//! Everybody enrolled.

use crate::ids::ParticipantId;
use crate::proof::Dataset;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::Arc;

/// A set of names that many states and summaries share: a clone costs nothing, and what was
/// cloned does not change when somebody enrols later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    names: Arc<BTreeSet<ParticipantId>>,
    datasets: Arc<BTreeMap<ParticipantId, Dataset>>,
}

impl Roster {
    /// A roster with nobody on it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name; false if it was there.
    pub fn insert(&mut self, participant: ParticipantId) -> bool {
        self.enrol(participant, None)
    }

    /// Adds a name with the commitment to its data, if it has one; false if the name was there,
    /// and whatever it committed to first stays.
    pub fn enrol(&mut self, participant: ParticipantId, dataset: Option<Dataset>) -> bool {
        if self.names.contains(&participant) {
            return false;
        }
        if let Some(dataset) = dataset {
            Arc::make_mut(&mut self.datasets).insert(participant.clone(), dataset);
        }
        Arc::make_mut(&mut self.names).insert(participant)
    }

    /// The commitment to a participant's data.
    pub fn dataset(&self, participant: &ParticipantId) -> Option<&Dataset> {
        self.datasets.get(participant)
    }
}

impl Deref for Roster {
    type Target = BTreeSet<ParticipantId>;
    fn deref(&self) -> &Self::Target {
        &self.names
    }
}

impl FromIterator<ParticipantId> for Roster {
    fn from_iter<I: IntoIterator<Item = ParticipantId>>(names: I) -> Self {
        Self { names: Arc::new(names.into_iter().collect()), datasets: Arc::default() }
    }
}
