//! Krum and Multi-Krum (Blanchard, El Mhamdi, Guerraoui, Stainer 2017, section 4).
//!
//! The score of a row is the sum of squared Euclidean distances to its n − f − 2 nearest other
//! rows, for n rows of which f are hostile. Krum is the row of the smallest score; Multi-Krum is
//! the plain mean of the m rows of smallest score. n ≥ 2f + 3 (proposition 4.2). Of equal scores
//! the row that comes first wins: rows are in the order of participants' names.
//!
//! Examples do not weigh: what a participant claims about itself must not help it.

use super::cohort::{NUM_BYZANTINE, count};
use super::combination::{Combination, Weighing};
use super::distances::Distances;
use tacit_core::limits;
use tacit_core::registry::{Default, Entry, Kind, Make, Parameter};

pub(super) const KRUM: Entry = Entry {
    name: Krum::NAME,
    help: "the update nearest to its n-f-2 neighbours; ignores weights (Blanchard et al. 2017)",
    parameters: &[NUM_BYZANTINE],
    make: Make::Aggregator(|arguments| {
        let byzantine = count(arguments, NUM_BYZANTINE.name)?;
        Ok(Box::new(Combination::new(Krum { byzantine })))
    }),
};

pub(super) const MULTI_KRUM: Entry = Entry {
    name: MultiKrum::NAME,
    help: "plain mean of the updates of best Krum score; ignores weights (Blanchard et al. 2017)",
    parameters: &[
        NUM_BYZANTINE,
        Parameter {
            name: "num_selected",
            help: "number of updates averaged, at most n-f-2; 0 means n-f-2",
            kind: Kind::Integer { min: 0, max: limits::COHORT as i64 },
            default: Default::Integer(0),
        },
    ],
    make: Make::Aggregator(|arguments| {
        let byzantine = count(arguments, NUM_BYZANTINE.name)?;
        let selected = count(arguments, "num_selected")?;
        Ok(Box::new(Combination::new(MultiKrum { byzantine, selected })))
    }),
};

/// Rows by ascending score, of equal scores the first row first. The score sums the `neighbours`
/// smallest squared distances to other rows.
fn ranking(distances: &Distances, neighbours: usize) -> Vec<usize> {
    let n = distances.rows();
    let mut near = Vec::with_capacity(n);
    let mut scored: Vec<(f64, usize)> = (0..n)
        .map(|row| {
            near.clear();
            near.extend((0..n).filter(|&o| o != row).map(|o| distances.squared(row, o)));
            // Sorted before they are added, so that the order of rows changes no bit.
            near.sort_unstable_by(f64::total_cmp);
            (near.iter().take(neighbours).sum(), row)
        })
        .collect();
    scored.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    scored.into_iter().map(|(_, row)| row).collect()
}

fn best(distances: &Distances, byzantine: usize, selected: usize) -> Vec<f64> {
    let n = distances.rows();
    let mut coefficients = vec![0.0; n];
    for row in ranking(distances, n - byzantine - 2).into_iter().take(selected) {
        coefficients[row] = 1.0 / selected as f64;
    }
    coefficients
}

/// See the module.
#[derive(Debug)]
struct Krum {
    byzantine: usize,
}

impl Weighing for Krum {
    const NAME: &'static str = "krum";
    const SELECTS: bool = true;
    const COMPARES: bool = true;

    fn minimum(&self) -> usize {
        2 * self.byzantine + 3
    }

    fn why(&self) -> String {
        format!(" (2f + 3 for num_byzantine f = {})", self.byzantine)
    }

    fn coefficients(&self, distances: &Distances, _weights: &[u64]) -> Vec<f64> {
        best(distances, self.byzantine, 1)
    }
}

/// See the module.
#[derive(Debug)]
struct MultiKrum {
    byzantine: usize,
    /// Zero: n − f − 2.
    selected: usize,
}

impl Weighing for MultiKrum {
    const NAME: &'static str = "multi-krum";
    const SELECTS: bool = true;
    const COMPARES: bool = true;

    fn minimum(&self) -> usize {
        (2 * self.byzantine + 3).max(self.byzantine + self.selected + 2)
    }

    fn why(&self) -> String {
        let (f, m) = (self.byzantine, self.selected);
        format!(" (2f + 3 and f + m + 2 for num_byzantine f = {f} and num_selected m = {m})")
    }

    fn coefficients(&self, distances: &Distances, _weights: &[u64]) -> Vec<f64> {
        let most = distances.rows() - self.byzantine - 2;
        let selected = if self.selected == 0 { most } else { self.selected };
        best(distances, self.byzantine, selected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f32]) -> Distances {
        let rows: Vec<&[f32]> = values.iter().map(std::slice::from_ref).collect();
        let mut distances = Distances::new("test", rows.len()).unwrap();
        distances.add(&rows).unwrap();
        distances
    }

    #[test]
    fn scores_by_hand() {
        // f = 1, two neighbours: scores 1+9, 1+4, 4+9, 49+81, 2401+2500 (of 0, 1, 3, 10, 59..).
        let distances = points(&[0.0, 1.0, 3.0, 10.0, 60.0]);
        assert_eq!(ranking(&distances, 2), [1, 0, 2, 3, 4]);
        assert_eq!(Krum { byzantine: 1 }.coefficients(&distances, &[]), [0., 1., 0., 0., 0.]);
        let multi = MultiKrum { byzantine: 1, selected: 0 };
        assert_eq!(multi.coefficients(&distances, &[]), [0.5, 0.5, 0., 0., 0.]);
    }

    #[test]
    fn the_first_of_equals_wins() {
        let distances = points(&[5.0, -1.0, 1.0, 0.0, -5.0, 0.0]);
        assert_eq!(ranking(&distances, 1), [3, 5, 1, 2, 0, 4]);
    }
}
