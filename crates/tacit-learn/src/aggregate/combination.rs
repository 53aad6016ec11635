//! Rules whose result is a combination of the rows with coefficients that depend on distances
//! alone: the survey sums the distances over all chunks, then each chunk is combined.
//!
//! Coefficients are at least zero and sum to at most one. The combination is exact in units of
//! 2⁻³⁶, as [`Mean`]'s; a row chosen alone comes back unchanged, bit for bit.

use super::cohort;
use super::distances::Distances;
use super::mean::Mean;
use tacit_core::error::Error;
use tacit_core::traits::{Aggregator, Rows, View};

/// How one rule weighs rows.
pub(super) trait Weighing: Send {
    /// Its name in the plan.
    const NAME: &'static str;
    /// Whether rows of coefficient zero were left out on purpose.
    const SELECTS: bool = false;
    /// Whether distances are only compared, so that some parts in a million do not matter.
    const COMPARES: bool = false;
    /// Whether one more row is compared, after the last: what the round before released if the
    /// rule remembers it, else zeros.
    const ORIGIN: bool = false;
    /// Whether it remembers.
    fn remembers(&self) -> bool {
        false
    }
    /// Smallest cohort.
    fn minimum(&self) -> usize;
    /// Where the smallest cohort comes from, for the error.
    fn why(&self) -> String;
    /// A coefficient for every row, and for the one after them.
    fn coefficients(&self, distances: &Distances, weights: &[u64]) -> Vec<f64>;
}

/// The aggregator of a weighing.
#[derive(Debug)]
pub(super) struct Combination<W> {
    weighing: W,
    distances: Option<Distances>,
    coefficients: Option<Vec<f64>>,
    zeros: Vec<f32>,
    sum: Mean,
    alone: Vec<f32>,
}

impl<W: Weighing> Combination<W> {
    /// Has seen no rows.
    pub(super) fn new(weighing: W) -> Self {
        Self {
            weighing,
            distances: None,
            coefficients: None,
            zeros: Vec::new(),
            sum: Mean::new(),
            alone: Vec::new(),
        }
    }
}

impl<W: Weighing> Aggregator for Combination<W> {
    fn needs(&self) -> View {
        View::EachSealed
    }

    fn minimum(&self) -> usize {
        self.weighing.minimum()
    }

    fn remembers(&self) -> bool {
        self.weighing.remembers()
    }

    fn surveys(&self) -> usize {
        1
    }

    fn survey(&mut self, _pass: usize, rows: &Rows<'_>) -> Result<(), Error> {
        // The first chunk after a result belongs to the next cohort.
        if self.coefficients.take().is_some() {
            self.distances = None;
        }
        let count = rows.rows.len();
        cohort::check_size(W::NAME, self.minimum(), &self.weighing.why(), count)?;
        let distances = match &mut self.distances {
            Some(distances) => distances,
            none => {
                let rows = count + usize::from(W::ORIGIN);
                none.insert(match W::COMPARES {
                    true => Distances::new(W::NAME, rows)?,
                    false => Distances::precise(W::NAME, rows)?,
                })
            }
        };
        if !W::ORIGIN {
            return distances.add(rows.rows);
        }
        self.zeros.resize(cohort::width(rows.rows)?, 0.0);
        let mut with_origin = rows.rows.to_vec();
        with_origin.push(if rows.before.is_empty() { &self.zeros } else { rows.before });
        distances.add(&with_origin)
    }

    fn fold(&mut self, rows: &Rows<'_>) -> Result<(), Error> {
        let Some(distances) = &self.distances else {
            return Err(Error::Bug("a chunk was aggregated before the survey"));
        };
        if distances.rows() != rows.rows.len() + usize::from(W::ORIGIN) {
            return Err(Error::Bug("the number of rows changed after the survey"));
        }
        let weighing = &self.weighing;
        let coefficients =
            self.coefficients.get_or_insert_with(|| weighing.coefficients(distances, rows.weights));
        let mut all = rows.rows.to_vec();
        if W::ORIGIN && !rows.before.is_empty() {
            all.push(rows.before);
        }
        if let Some(only) = coefficients.iter().position(|&c| c == 1.0).and_then(|i| all.get(i)) {
            self.alone.extend_from_slice(only);
            return Ok(());
        }
        let used = all.iter().zip(&*coefficients).filter(|(_, c)| **c != 0.0);
        let (used, coefficients): (Vec<&[f32]>, Vec<f64>) = used.unzip();
        self.sum.combine(&used, &coefficients)
    }

    fn finish(&mut self, out: &mut [f32]) -> Result<(), Error> {
        if self.alone.is_empty() {
            return self.sum.finish(out);
        }
        if self.alone.len() != out.len() {
            return Err(Error::Bug("a chunk was finished that was not folded"));
        }
        out.copy_from_slice(&self.alone);
        self.alone.clear();
        Ok(())
    }

    fn selected(&self) -> Option<Vec<u32>> {
        let coefficients = self.coefficients.as_ref().filter(|_| W::SELECTS)?;
        let chosen = coefficients.iter().enumerate().filter(|(_, c)| **c != 0.0);
        Some(chosen.map(|(row, _)| row as u32).collect())
    }
}
