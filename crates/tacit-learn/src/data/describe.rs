//! What each participant holds, in numbers.

use super::dataset::Dataset;
use tacit_core::ids::ParticipantId;

/// One participant's part of a data set.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct PartSummary {
    /// The participant's name: `p07` of 20.
    pub name: String,
    /// The group whose rows these are, if they are all of one group.
    pub group: Option<String>,
    /// Number of examples.
    pub examples: u64,
    /// Examples per class, by class number.
    pub histogram: Vec<u32>,
    /// Share of the most frequent class, 0 to 1; 0 without examples.
    pub dominant: f64,
}

/// Counts what [`partition`](super::partition()) dealt; rows that `dataset` does not have are not
/// counted.
pub fn describe(dataset: &Dataset, parts: &[Vec<u32>]) -> Vec<PartSummary> {
    let labels = dataset.examples().labels();
    let summary = |(number, rows): (usize, &Vec<u32>)| {
        let mut histogram = vec![0u32; dataset.shape().classes];
        let known = rows.iter().filter_map(|&row| labels.get(row as usize));
        known.for_each(|&label| histogram[label as usize] += 1);
        let examples = histogram.iter().map(|&count| u64::from(count)).sum();
        let largest = histogram.iter().copied().max().unwrap_or(0);
        let dominant = f64::from(largest) / (examples as f64).max(1.0);
        let name = ParticipantId::numbered(number, parts.len()).to_string();
        PartSummary { name, group: group(dataset, rows), examples, histogram, dominant }
    };
    parts.iter().enumerate().map(summary).collect()
}

/// The group that all of `rows` are of.
fn group(dataset: &Dataset, rows: &[u32]) -> Option<String> {
    let groups = dataset.groups()?;
    let first = *groups.of_row.get(*rows.first()? as usize)?;
    let same = rows.iter().all(|&row| groups.of_row.get(row as usize) == Some(&first));
    if same { groups.names.get(first as usize).cloned() } else { None }
}
