//! Bulyan of Krum (El Mhamdi, Guerraoui, Rouault 2018, section 4), n ≥ 4f + 3.
//!
//! First, θ = n − 2f rows are selected: the one of best Krum score among those that are left,
//! again and again. Then every coordinate is the plain mean of the β = θ − 2f selected values
//! nearest to their median; of two equally far ones the smaller stays. Examples do not weigh.
//!
//! # Discussion
//!
//! A Krum score among n' rows that are left sums n' − f − 2 distances, which reaches zero for
//! f = 1 at the last selection; at least one neighbour is always counted, so that the choice
//! then still depends on the rows.

use super::cohort::{self, NUM_BYZANTINE};
use super::columns::{self, Lane, Reduction, Sorter, middle};
use super::distances::Distances;
use super::network::Wanted;
use tacit_core::error::Error;
use tacit_core::registry::{Entry, Make};
use tacit_core::traits::{Aggregator, Rows, View};

const NAME: &str = "bulyan";

pub(super) const ENTRY: Entry = Entry {
    name: NAME,
    help: "values nearest to the median of updates that Krum selects; ignores weights \
           (El Mhamdi et al. 2018)",
    parameters: &[NUM_BYZANTINE],
    make: Make::Aggregator(|arguments| {
        let byzantine = cohort::count(arguments, NUM_BYZANTINE.name)?;
        Ok(Box::new(Bulyan {
            byzantine,
            distances: None,
            selected: Vec::new(),
            sorter: Sorter::default(),
            result: None,
        }))
    }),
};

/// See the module.
#[derive(Debug)]
struct Bulyan {
    byzantine: usize,
    distances: Option<Distances>,
    /// Rows in ascending order; empty until the first chunk is aggregated.
    selected: Vec<usize>,
    sorter: Sorter,
    result: Option<Vec<f32>>,
}

impl Aggregator for Bulyan {
    fn needs(&self) -> View {
        View::EachSealed
    }

    fn minimum(&self) -> usize {
        4 * self.byzantine + 3
    }

    fn surveys(&self) -> usize {
        1
    }

    fn survey(&mut self, _pass: usize, rows: &Rows<'_>) -> Result<(), Error> {
        // The first chunk after a result belongs to the next cohort.
        if !std::mem::take(&mut self.selected).is_empty() {
            self.distances = None;
        }
        let why = format!(" (4f + 3 for num_byzantine f = {})", self.byzantine);
        cohort::check_size(NAME, self.minimum(), &why, rows.rows.len())?;
        match &mut self.distances {
            Some(distances) => distances,
            none => none.insert(Distances::new(NAME, rows.rows.len())?),
        }
        .add(rows.rows)
    }

    fn fold(&mut self, rows: &Rows<'_>) -> Result<(), Error> {
        let width = cohort::width(rows.rows)?;
        let Some(distances) = &self.distances else {
            return Err(Error::Bug("a chunk was aggregated before the survey"));
        };
        if distances.rows() != rows.rows.len() {
            return Err(Error::Bug("the number of rows changed after the survey"));
        }
        if self.selected.is_empty() {
            self.selected = select(distances, self.byzantine);
        }
        let chosen: Vec<&[f32]> = self.selected.iter().map(|&row| rows.rows[row]).collect();
        let mut result = vec![0.0; width];
        let reduction = NearMedian { left_out: 2 * self.byzantine };
        self.sorter.reduce(&reduction, &chosen, &mut result);
        self.result = Some(result);
        Ok(())
    }

    fn finish(&mut self, out: &mut [f32]) -> Result<(), Error> {
        columns::write(self.result.take(), out)
    }

    fn selected(&self) -> Option<Vec<u32>> {
        let rows = self.selected.iter().map(|&row| row as u32).collect();
        Some(rows).filter(|rows: &Vec<u32>| !rows.is_empty())
    }
}

/// The θ = n − 2f rows that repeated Krum selects, in time n³ and memory 4n² bytes. Of equal scores
/// the first row's wins.
fn select(distances: &Distances, byzantine: usize) -> Vec<usize> {
    let n = distances.rows();
    let nearest_first = |row: usize| {
        let mut others: Vec<u32> = (0..n as u32).filter(|&other| other as usize != row).collect();
        let distance = |other: &u32| distances.squared(row, *other as usize);
        others.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
        others
    };
    let near: Vec<Vec<u32>> = (0..n).map(nearest_first).collect();
    let mut left = vec![true; n];
    for taken in 0..n - 2 * byzantine {
        let neighbours = (n - taken).saturating_sub(byzantine + 2).max(1);
        let score = |row: usize| -> f64 {
            let others = near[row].iter().map(|&other| other as usize).filter(|&o| left[o]);
            others.take(neighbours).map(|other| distances.squared(row, other)).sum()
        };
        let scored = (0..n).filter(|&row| left[row]).map(|row| (score(row), row));
        let best = scored.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        if let Some((_, row)) = best {
            left[row] = false;
        }
    }
    (0..n).filter(|&row| !left[row]).collect()
}

/// Mean of the values nearest to the median.
struct NearMedian {
    left_out: usize,
}

impl Reduction for NearMedian {
    fn wanted(&self, rows: usize) -> Wanted {
        Wanted { places: 0..rows, ordered: true }
    }

    #[inline(always)]
    fn reduce(&self, sorted: &[Lane]) -> Lane {
        let median = middle(sorted);
        let kept = sorted.len() - self.left_out;
        // The nearest values are neighbours in the order. As long as the value behind them is
        // nearer than the first of them, the window moves on: `first` counts how often.
        let mut first = [0u32; columns::LANES];
        for (low, high) in sorted.iter().zip(&sorted[kept..]) {
            for lane in 0..columns::LANES {
                let below = f64::from(median[lane]) - f64::from(low[lane]);
                let above = f64::from(high[lane]) - f64::from(median[lane]);
                first[lane] += u32::from(below > above);
            }
        }
        let mut sums = [0.0f64; columns::LANES];
        for (place, values) in sorted.iter().enumerate() {
            for lane in 0..columns::LANES {
                let within = (place as u32).wrapping_sub(first[lane]) < kept as u32;
                sums[lane] += if within { f64::from(values[lane]) } else { 0.0 };
            }
        }
        sums.map(|sum| (sum / kept as f64) as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_to_the_median_by_hand() {
        let sorted: Vec<Lane> = [0.0, 4.0, 5.0, 7.0, 11.0].map(|x| [x; columns::LANES]).to_vec();
        assert_eq!(NearMedian { left_out: 2 }.reduce(&sorted)[3], 16.0 / 3.0);
        assert_eq!(NearMedian { left_out: 4 }.reduce(&sorted)[0], 5.0);
        assert_eq!(NearMedian { left_out: 0 }.reduce(&sorted)[0], 5.4);
    }

    #[test]
    fn selects_all_but_the_outliers() {
        let values = [0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0, 1e4];
        let rows: Vec<&[f32]> = values.iter().map(std::slice::from_ref).collect();
        let mut distances = Distances::new("test", 7).unwrap();
        distances.add(&rows).unwrap();
        let selected = select(&distances, 1);
        assert!(selected.len() == 5 && !selected.contains(&6), "{selected:?}");
    }
}
