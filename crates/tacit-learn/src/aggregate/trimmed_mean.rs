//! Coordinate-wise β-trimmed mean (Yin, Chen, Kannan, Bartlett 2018, definition 2): of the n
//! values of a coordinate the ⌊βn⌋ smallest and the ⌊βn⌋ largest are left out, the plain mean of
//! the others is the result. β = 0 leaves out none. Withstands ⌊βn⌋ hostile rows, in the sense
//! that each coordinate stays within the honest values. Examples do not weigh.

use super::columns::{Columns, Lane, Reduction, mean};
use super::network::Wanted;
use tacit_core::error::Error;
use tacit_core::registry::{Default, Entry, Kind, Make, Parameter};

pub(super) const ENTRY: Entry = Entry {
    name: "trimmed-mean",
    help: "mean of each coordinate without its extremes; ignores weights (Yin et al. 2018)",
    parameters: &[Parameter {
        name: "trim_ratio",
        help: "part of the values left out at each end, rounded down; below 0.5",
        kind: Kind::Number { min: 0.0, max: 0.5 },
        default: Default::Number(0.2),
    }],
    make: Make::Aggregator(|arguments| {
        let trim_ratio = arguments.number("trim_ratio")?;
        if trim_ratio >= 0.5 {
            let (expected, found) = ("a number below 0.5", trim_ratio.to_string());
            return Err(Error::caller("trim_ratio", expected, found));
        }
        Ok(Box::new(Columns::new(TrimmedMean { trim_ratio })))
    }),
};

/// See the module.
#[derive(Debug)]
struct TrimmedMean {
    trim_ratio: f64,
}

/// ⌊βn⌋; the small addition makes 0.29 of 100 what the writer of the plan meant, 29.
fn trimmed(trim_ratio: f64, rows: usize) -> usize {
    let count = (trim_ratio * rows as f64 + 1e-9).floor() as usize;
    count.min(rows.saturating_sub(1) / 2)
}

impl Reduction for TrimmedMean {
    fn wanted(&self, rows: usize) -> Wanted {
        let count = trimmed(self.trim_ratio, rows);
        Wanted { places: count..rows - count, ordered: false }
    }

    #[inline(always)]
    fn reduce(&self, sorted: &[Lane]) -> Lane {
        let count = trimmed(self.trim_ratio, sorted.len());
        mean(&sorted[count..sorted.len() - count])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::registry::{Arguments, Value};

    #[test]
    fn counts_by_hand() {
        for (ratio, rows, expected) in
            [(0.0, 9, 0), (0.2, 4, 0), (0.2, 5, 1), (0.2, 9, 1), (0.29, 100, 29), (0.499, 3, 1)]
        {
            assert_eq!(trimmed(ratio, rows), expected, "{ratio} of {rows}");
        }
        assert_eq!(trimmed(0.499_999_999_9, 2), 0);
    }

    #[test]
    fn a_half_is_refused() {
        let Make::Aggregator(make) = ENTRY.make else { panic!() };
        let arguments = Arguments::default().with("trim_ratio", Value::Number(0.5));
        assert!(matches!(make(&arguments), Err(Error::Caller(_))));
    }
}
