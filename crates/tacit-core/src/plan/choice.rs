//! A rule chosen by the plan, with its arguments.

use crate::registry::{Arguments, Entry};

/// A rule chosen by the plan, with every argument checked.
#[derive(Clone, Debug)]
pub struct Choice {
    entry: Entry,
    arguments: Arguments,
}

impl Choice {
    pub(super) fn new(entry: Entry, arguments: Arguments) -> Self {
        Self { entry, arguments }
    }

    /// The registered rule.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.entry.name
    }

    /// Its arguments: one for every declared parameter.
    pub fn arguments(&self) -> &Arguments {
        &self.arguments
    }
}

/// The same rule with the same arguments; how it is made follows from its family and name.
impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        let name = |choice: &Self| (choice.entry.family(), choice.entry.name);
        name(self) == name(other) && self.arguments == other.arguments
    }
}
