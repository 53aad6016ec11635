//! Errors of a plan file: where, which key, what was expected, what would work.

use crate::error::Error;
use crate::limits;
use std::fmt;

/// The other setting of a contradiction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// The setting as the plan has it: `protection = "secagg"`.
    pub setting: String,
    /// Its line, from 1; `None` where the plan leaves it to its default.
    pub line: Option<u32>,
}

/// One thing wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// Line in the file, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The offending key with its table: `cohort.size`, or `compression[2].bits` for the second
    /// rule of a list; empty for a syntax error.
    pub key: String,
    /// What can stand there.
    pub expected: String,
    /// What stands there, shortened.
    pub found: String,
    /// The setting that makes this one unsound, if the error is a contradiction.
    pub because: Option<Because>,
    /// What would work, as it can be written into the plan.
    pub alternatives: Vec<String>,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "expected {}", self.expected)?;
        if let Some(because) = &self.because {
            write!(f, " because of {}", because.setting)?;
            match because.line {
                Some(line) => write!(f, " (line {line})")?,
                None => write!(f, " (the default)")?,
            }
        }
        write!(f, ", found {}", self.found)?;
        if !self.alternatives.is_empty() {
            write!(f, "; would work: {}", self.alternatives.join(", "))?;
        }
        Ok(())
    }
}

/// Everything wrong with a plan, in the order of its lines: never empty, at most
/// [`limits::PLAN_ERRORS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanErrors {
    file: String,
    errors: Vec<PlanError>,
}

impl PlanErrors {
    pub(super) fn new(mut errors: Vec<PlanError>) -> Self {
        errors.sort_by_key(|error| (error.line, error.column));
        errors.truncate(limits::PLAN_ERRORS);
        Self { file: "plan.toml".into(), errors }
    }

    /// Names the file that was read, for messages.
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = file.into();
        self
    }

    /// The errors.
    pub fn errors(&self) -> &[PlanError] {
        &self.errors
    }
}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.errors.iter().enumerate() {
            let end = if i == 0 { "" } else { "\n" };
            write!(f, "{end}{}:{}: {error}", self.file, error.line)?;
        }
        Ok(())
    }
}

impl std::error::Error for PlanErrors {}

impl From<PlanErrors> for Error {
    fn from(errors: PlanErrors) -> Self {
        let count = errors.errors.len();
        Error::caller("plan", "a sound plan", format!("{count} errors:\n{errors}"))
    }
}

/// Byte offsets to lines and columns.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let after = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        Self { text, starts: std::iter::once(0).chain(after).collect() }
    }

    /// Line and column of an offset, both from 1.
    pub(super) fn position(&self, offset: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|&start| start <= offset).max(1);
        let before = self.text.get(self.starts[line - 1]..offset);
        let column = before.map_or(0, |before| before.chars().count()) + 1;
        (line as u32, column as u32)
    }
}

/// Text as it may stand in an error: one line, at most 60 characters.
pub(super) fn shorten(text: &str) -> String {
    let line: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() { line + "…" } else { line }
}

/// A text of the plan as it may stand in an error.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shorten(text))
}

/// The candidates that `name` was probably meant to be, nearest first.
pub(super) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Vec<&'c str> {
    if name.len() > limits::NAME_BYTES {
        return Vec::new();
    }
    let mut near: Vec<(usize, &str)> = candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .collect();
    near.sort();
    near.into_iter().map(|(_, candidate)| candidate).take(3).collect()
}

/// Edits (insert, delete, replace, swap of neighbours) from one word to another, ignoring case
/// and taking `-` and `_` for the same (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| -> Vec<char> {
        text.chars().map(|c| if c == '_' { '-' } else { c.to_ascii_lowercase() }).collect()
    };
    let (a, b) = (letters(a), letters(b));
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probable_meanings() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("fde_avg", "fed-avg"), 1);
        assert_eq!(nearest("num_round", ["name", "num_rounds"].into_iter()), ["num_rounds"]);
        assert!(nearest(&"x".repeat(1000), ["x"].into_iter()).is_empty());
        assert!(nearest("zzz", ["mean"].into_iter()).is_empty());
    }

    #[test]
    fn positions() {
        let lines = Lines::new("a\né = 1\n");
        assert_eq!(lines.position(0), (1, 1));
        assert_eq!(lines.position(5), (2, 3));
        assert_eq!(lines.position(999), (3, 1));
    }
}
