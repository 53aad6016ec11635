//! Geometric median by the smoothed Weiszfeld algorithm, as in robust federated aggregation
//! (Pillutla, Kakade, Harchaoui 2022, algorithm 2): vᵗ⁺¹ = Σ βᵢ xᵢ / Σ βᵢ with
//! βᵢ = αᵢ / max(ν, ‖vᵗ − xᵢ‖), from the mean with weights αᵢ.
//!
//! Every vᵗ is Σ cⱼ xⱼ with Σ cⱼ = 1, so that, exactly,
//! ‖v − xᵢ‖² = Σⱼ cⱼ Dᵢⱼ − ½ Σⱼₖ cⱼ cₖ Dⱼₖ with the squared distances D of the rows: one pass over
//! the updates is enough, and all iterations run on D.
//!
//! Withstands rows of less than half of the total of α. By default all α are equal; with
//! `weighted` they are examples, which participants claim about themselves.

use super::combination::{Combination, Weighing};
use super::distances::Distances;
use tacit_core::registry::{Default, Entry, Kind, Make, Parameter};

pub(super) const ENTRY: Entry = Entry {
    name: GeometricMedian::NAME,
    help: "point of least distance to all updates, by Weiszfeld's steps; weights only if told \
           (Pillutla et al. 2022)",
    parameters: &[
        Parameter {
            name: "iterations",
            help: "number of Weiszfeld steps",
            kind: Kind::Integer { min: 1, max: 1_000 },
            default: Default::Integer(50),
        },
        Parameter {
            name: "smoothing",
            help: "smallest distance that is divided by, in L2 norm of an update",
            kind: Kind::Number { min: 1e-12, max: 1e6 },
            default: Default::Number(1e-6),
        },
        Parameter {
            name: "weighted",
            help: "whether updates weigh by the examples that participants claim",
            kind: Kind::Flag,
            default: Default::Flag(false),
        },
    ],
    make: Make::Aggregator(|arguments| {
        let iterations = super::cohort::count(arguments, "iterations")?;
        let smoothing = arguments.number("smoothing")?;
        let weighted = arguments.flag("weighted")?;
        Ok(Box::new(Combination::new(GeometricMedian { iterations, smoothing, weighted })))
    }),
};

/// Distances of every row to Σ cⱼ xⱼ, where Σ cⱼ = 1.
pub(super) fn to_combination(distances: &Distances, coefficients: &[f64]) -> Vec<f64> {
    let n = distances.rows();
    let weighted = |i| (0..n).map(|j| coefficients[j] * distances.squared(i, j)).sum();
    let near: Vec<f64> = (0..n).map(weighted).collect();
    let spread = 0.5 * coefficients.iter().zip(&near).map(|(c, d)| c * d).sum::<f64>();
    near.into_iter().map(|d| (d - spread).max(0.0).sqrt()).collect()
}

/// See the module.
#[derive(Debug)]
struct GeometricMedian {
    iterations: usize,
    smoothing: f64,
    weighted: bool,
}

/// Divides by the sum, which is positive.
fn normalised(mut values: Vec<f64>) -> Vec<f64> {
    let sum: f64 = values.iter().sum();
    values.iter_mut().for_each(|x| *x /= sum);
    values
}

impl Weighing for GeometricMedian {
    const NAME: &'static str = "geometric-median";

    fn minimum(&self) -> usize {
        1
    }

    fn why(&self) -> String {
        String::new()
    }

    fn coefficients(&self, distances: &Distances, weights: &[u64]) -> Vec<f64> {
        let alpha = |w: &u64| if self.weighted { *w as f64 } else { 1.0 };
        let alphas: Vec<f64> = normalised(weights.iter().map(alpha).collect());
        (0..self.iterations).fold(alphas.clone(), |coefficients, _| {
            let far = to_combination(distances, &coefficients);
            let betas = alphas.iter().zip(far).map(|(a, d)| a / d.max(self.smoothing));
            normalised(betas.collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fermat_point_of_a_right_triangle() {
        // Legs of one: the point from which all corners are 120° apart is (x, x) with
        // x = (3 − √3) / 6.
        let rows: [&[f32]; 3] = [&[0.0, 0.0], &[1.0, 0.0], &[0.0, 1.0]];
        let mut distances = Distances::precise("test", 3).unwrap();
        distances.add(&rows).unwrap();
        let rule = GeometricMedian { iterations: 100, smoothing: 1e-9, weighted: false };
        let found = rule.coefficients(&distances, &[5, 1, 1]);
        let x = (3.0 - 3f64.sqrt()) / 6.0;
        assert!((found[1] - x).abs() < 1e-9 && (found[2] - x).abs() < 1e-9, "{found:?}");
        // With more than half of the weight, a corner is the median.
        let rule = GeometricMedian { weighted: true, ..rule };
        assert!(rule.coefficients(&distances, &[5, 1, 1])[0] > 0.999);
    }

    #[test]
    fn distances_to_a_combination_by_hand() {
        let rows: [&[f32]; 3] = [&[0.0], &[4.0], &[10.0]];
        let mut distances = Distances::precise("test", 3).unwrap();
        distances.add(&rows).unwrap();
        assert_eq!(to_combination(&distances, &[0.5, 0.5, 0.0]), [2.0, 2.0, 8.0]);
    }
}
