//! The settings of plans, and what plans differ in.

use super::Run;
use tacit_core::error::Error;
use tacit_core::plan::Plan;

/// Every setting of a plan but its name and seed, in canonical order: `cohort.size` and `10`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings(Vec<(String, String)>);

impl Settings {
    /// Reads the canonical text, which has one setting on each line.
    pub(super) fn of(plan: &Plan) -> Self {
        let (mut table, mut settings) = (String::new(), Vec::new());
        for line in plan.to_toml().lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                table = format!("{name}.");
            } else if let Some((key, value)) = line.split_once(" = ") {
                settings.push((format!("{table}{key}"), value.to_owned()));
            }
        }
        settings.retain(|(key, _)| key != "name" && key != "seed");
        Self(settings)
    }

    /// The value of a setting as the plan's text has it; empty where the plan has no such key.
    pub(super) fn value(&self, key: &str) -> &str {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map_or("", |(_, value)| value)
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

/// The keys in which not all agree, in canonical order.
pub(super) fn differing(all: &[&Settings]) -> Vec<String> {
    let mut keys: Vec<&str> = Vec::new();
    for key in all.iter().flat_map(|settings| settings.keys()) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let differs = |key: &&str| all.windows(2).any(|pair| pair[0].value(key) != pair[1].value(key));
    keys.into_iter().filter(differs).map(str::to_owned).collect()
}

/// What must agree for two accuracies to speak of the same examples. How the data is dealt to
/// participants may differ: that is what many comparisons are about.
const DATA: [&str; 6] = ["source", "test_source", "label", "ignore", "classes", "held_out"];

/// Refuses runs that were measured on other data.
pub(super) fn same_data(first: &Run, other: &Run) -> Result<(), Error> {
    let (a, b) = (Settings::of(&first.plan), Settings::of(&other.plan));
    for key in DATA.map(|key| format!("data.{key}")) {
        if a.value(&key) != b.value(&key) {
            let tell = |run: &Run, of: &Settings| format!("{} ({})", of.value(&key), run.folder);
            let expected = format!("one {key}: {}", tell(first, &a));
            return Err(Error::caller("data of the runs", expected, tell(other, &b)));
        }
    }
    Ok(())
}
