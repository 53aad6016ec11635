//! Centered clipping (Karimireddy, He, Jaggi 2021, algorithm 2): from a centre v, repeat
//! v ← v + (1/n) Σᵢ (xᵢ − v) · min(1, τ / ‖xᵢ − v‖).
//!
//! The centre of the first iteration is what the round before released ("learning from history"),
//! or v = 0, "no update", in the first round and where the plan says so. The result is within
//! τ · iterations of it whatever rows say; each hostile row moves it by at most τ/n per iteration.
//! Updates that all lie farther away than that are followed over several rounds.
//!
//! With the centre as one more row, v is a combination of rows whose coefficients sum to one, and
//! the distances come from those of the rows (see `geometric_median`). Examples do not weigh.
//!
//! # Discussion
//!
//! In the paper, participants send momenta that they keep between rounds. Momentum here is
//! the trainer's own (`momentum` in `[training]`) and begins anew in every round, since a
//! participant that is not drawn cannot go on with its own.

use super::combination::{Combination, Weighing};
use super::distances::Distances;
use super::geometric_median::to_combination;
use tacit_core::registry::{Default, Entry, Kind, Make, Parameter};

pub(super) const ENTRY: Entry = Entry {
    name: CenteredClipping::NAME,
    help: "mean of updates clipped around the aggregate before; ignores weights \
           (Karimireddy et al. 2021)",
    parameters: &[
        Parameter {
            name: "clip_radius",
            help: "radius τ around the centre, in L2 norm of an update",
            kind: Kind::Number { min: 1e-6, max: 1e9 },
            default: Default::Number(10.0),
        },
        Parameter {
            name: "iterations",
            help: "number of times the centre moves",
            kind: Kind::Integer { min: 1, max: 1_000 },
            default: Default::Integer(3),
        },
        Parameter {
            name: "centre",
            help: "where the centre begins: at what the round before released, or at zero",
            kind: Kind::Word(&["before", "zero"]),
            default: Default::Text("before"),
        },
    ],
    make: Make::Aggregator(|arguments| {
        let clip_radius = arguments.number("clip_radius")?;
        let iterations = super::cohort::count(arguments, "iterations")?;
        let remembers = arguments.text("centre")? == "before";
        Ok(Box::new(Combination::new(CenteredClipping { clip_radius, iterations, remembers })))
    }),
};

/// See the module.
#[derive(Debug)]
struct CenteredClipping {
    clip_radius: f64,
    iterations: usize,
    remembers: bool,
}

impl Weighing for CenteredClipping {
    const NAME: &'static str = "centered-clipping";
    const ORIGIN: bool = true;

    fn remembers(&self) -> bool {
        self.remembers
    }

    fn minimum(&self) -> usize {
        1
    }

    fn why(&self) -> String {
        String::new()
    }

    fn coefficients(&self, distances: &Distances, _weights: &[u64]) -> Vec<f64> {
        let n = distances.rows() - 1;
        let mut centre = vec![0.0; n + 1];
        centre[n] = 1.0;
        for _ in 0..self.iterations {
            let far = to_combination(distances, &centre);
            let kept: Vec<f64> =
                far[..n].iter().map(|d| (self.clip_radius / d).min(1.0) / n as f64).collect();
            let stay = (1.0 - kept.iter().sum::<f64>()).max(0.0);
            centre.iter_mut().for_each(|c| *c *= stay);
            centre.iter_mut().zip(&kept).for_each(|(c, kept)| *c += kept);
        }
        centre
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_by_hand() {
        // τ = 1: 0 → (1 + 1 + 1)/3 = 1, then (0 + 1 + 1)/3 more.
        let rows: [&[f32]; 4] = [&[1.0], &[3.0], &[100.0], &[0.0]];
        let mut distances = Distances::precise("test", 4).unwrap();
        distances.add(&rows).unwrap();
        for (iterations, expected) in [(1, 1.0), (2, 1.0 + 2.0 / 3.0)] {
            let rule = CenteredClipping { clip_radius: 1.0, iterations, remembers: false };
            let c = rule.coefficients(&distances, &[]);
            let found = c[0] + 3.0 * c[1] + 100.0 * c[2];
            assert!((found - expected).abs() < 1e-9, "{found}");
        }
    }
}
