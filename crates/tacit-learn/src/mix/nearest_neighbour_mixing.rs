//! Nearest-neighbour mixing (Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan 2023,
//! algorithm 2): every update is replaced by the mean of the n − f nearest to it, of which it is
//! one itself. Hostile rows are drawn among the honest ones, and the variance that a robust rule
//! meets falls by the order of f/n. Of equally near updates the first is taken.
//!
//! n ≥ 2f + 1. Takes one pass of its own for the distances.

use crate::aggregate::{Distances, Mean, NUM_BYZANTINE, count};
use tacit_core::error::Error;
use tacit_core::registry::{Entry, Make};
use tacit_core::rng::Seed;
use tacit_core::traits::{Aggregator, PreAggregator};

const NAME: &str = "nearest-neighbour-mixing";

pub(super) const ENTRY: Entry = Entry {
    name: NAME,
    help: "every update replaced by the mean of its n-f nearest (Allouah et al. 2023)",
    parameters: &[NUM_BYZANTINE],
    make: Make::PreAggregator(|arguments| {
        let byzantine = count(arguments, NUM_BYZANTINE.name)?;
        Ok(Box::new(Mixing {
            byzantine,
            distances: None,
            neighbours: Vec::new(),
            sum: Mean::new(),
        }))
    }),
};

/// See the module.
#[derive(Debug)]
struct Mixing {
    byzantine: usize,
    distances: Option<Distances>,
    /// For every row, the rows whose mean it becomes; empty until the first chunk is mixed.
    neighbours: Vec<Vec<u32>>,
    sum: Mean,
}

impl PreAggregator for Mixing {
    fn rows(&self, rows: usize) -> usize {
        rows
    }

    fn minimum(&self, rows: usize) -> usize {
        rows.max(2 * self.byzantine + 1)
    }

    fn passes(&self) -> usize {
        1
    }

    fn begin(&mut self, _seed: Seed) {
        (self.distances, self.neighbours) = (None, Vec::new());
    }

    fn survey(&mut self, _pass: usize, rows: &[&[f32]]) -> Result<(), Error> {
        let minimum = 2 * self.byzantine + 1;
        if rows.len() < minimum {
            let why = format!("(2f + 1 for num_byzantine f = {})", self.byzantine);
            let expected = format!("at least {minimum} updates {why}");
            return Err(Error::caller(NAME, expected, format!("{} updates", rows.len())));
        }
        match &mut self.distances {
            Some(distances) => distances,
            none => none.insert(Distances::new(NAME, rows.len())?),
        }
        .add(rows)
    }

    fn mix(&mut self, rows: &[&[f32]], out: &mut [Vec<f32>]) -> Result<(), Error> {
        let Some(distances) = self.distances.as_ref().filter(|d| d.rows() == rows.len()) else {
            return Err(Error::Bug("a chunk was mixed before the survey"));
        };
        if self.neighbours.is_empty() {
            let kept = rows.len() - self.byzantine;
            self.neighbours = (0..rows.len()).map(|row| nearest(distances, row, kept)).collect();
        }
        let coefficients = vec![1.0 / (rows.len() - self.byzantine) as f64; rows.len()];
        for (near, out) in self.neighbours.iter().zip(out) {
            let near: Vec<&[f32]> = near.iter().map(|&row| rows[row as usize]).collect();
            self.sum.combine(&near, &coefficients[..near.len()])?;
            self.sum.finish(out)?;
        }
        Ok(())
    }

    fn sources(&self, row: u32) -> Vec<u32> {
        self.neighbours.get(row as usize).cloned().unwrap_or_default()
    }
}

/// The `kept` rows nearest to `row`, itself first.
fn nearest(distances: &Distances, row: usize, kept: usize) -> Vec<u32> {
    let mut rows: Vec<usize> = (0..distances.rows()).filter(|&other| other != row).collect();
    // Stable: of equally near rows the first stays first.
    rows.sort_by(|&a, &b| distances.squared(row, a).total_cmp(&distances.squared(row, b)));
    std::iter::once(row).chain(rows).take(kept).map(|row| row as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_by_hand() {
        let values = [0.0f32, 1.0, 3.0, 3.5, 90.0];
        let rows: Vec<&[f32]> = values.iter().map(std::slice::from_ref).collect();
        let mut mixing =
            Mixing { byzantine: 2, distances: None, neighbours: Vec::new(), sum: Mean::new() };
        mixing.survey(0, &rows).unwrap();
        let mut out = vec![vec![0.0]; 5];
        mixing.mix(&rows, &mut out).unwrap();
        let expected = [4.0 / 3.0, 4.0 / 3.0, 2.5, 2.5, 96.5 / 3.0];
        for (found, expected) in out.concat().iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{out:?}");
        }
        assert_eq!(mixing.sources(4), [4, 3, 2]);
        assert_eq!(mixing.minimum(3), 5);
        mixing.begin(Seed::root(0));
        assert!(mixing.mix(&rows, &mut out).is_err());
        let error = mixing.survey(0, &rows[..4]).unwrap_err().to_string();
        assert!(error.contains("at least 5 updates (2f + 1 for num_byzantine f = 2)"), "{error}");
    }
}
