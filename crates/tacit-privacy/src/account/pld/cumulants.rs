//! Cumulants of losses at a table of tilts, to choose grids and windows by. Nothing here is
//! certified: a bad choice makes bounds wide, not wrong.

use super::pair::Pair;
use std::sync::LazyLock;

/// Nodes of the quadrature.
const NODES: usize = 128;

/// What is beyond does not count for the choice.
const TAIL: f64 = 1e-20;

/// Tilts, increasing.
pub static TILTS: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let below = (0..24).rev().map(|k| -0.05 * f64::from(k).exp2());
    let above = (0..84).map(|k| 0.01 * 1.3f64.powi(k));
    below.chain([0.0]).chain(above).collect()
});

/// At each tilt λ: K(λ) = ln E[e^{λL}], and mean and variance of L after tilting.
#[derive(Clone, Debug)]
pub struct Cumulants {
    pub rows: Vec<Row>,
    /// Root mean square of one loss.
    pub size: f64,
}

/// One tilt.
#[derive(Clone, Copy, Debug, Default)]
pub struct Row {
    pub k: f64,
    pub mean: f64,
    pub variance: f64,
}

impl Cumulants {
    /// Nothing yet.
    pub fn zero() -> Self {
        Self { rows: vec![Row::default(); TILTS.len()], size: 0.0 }
    }

    /// Of N(s²/2, s²).
    pub fn gaussian(s: f64) -> Self {
        let v = s * s;
        let row = |&t: &f64| Row { k: 0.5 * t * (t + 1.0) * v, mean: (t + 0.5) * v, variance: v };
        Self { rows: TILTS.iter().map(row).collect(), size: (v + 0.25 * v * v).sqrt() }
    }

    /// Of one release.
    pub fn of(pair: &Pair) -> Self {
        let range = pair.range(TAIL);
        let mut points: Vec<(f64, f64)> = pair.atoms();
        let step = (range.high - range.low) / NODES as f64;
        if step > 0.0 {
            points.extend((0..NODES).map(|i| {
                let l = range.low + step * (i as f64 + 0.5);
                (pair.loss(l), step * pair.density(l, 0.0).0)
            }));
        }
        points.retain(|p| p.1 > 0.0);
        let points: Vec<_> = points.iter().map(|&(loss, mass)| (loss, mass.ln())).collect();
        let rows: Vec<Row> = TILTS.iter().map(|&tilt| row(&points, tilt)).collect();
        let square = |(l, ln): &(f64, f64)| l * l * ln.exp();
        Self { rows, size: points.iter().map(square).sum::<f64>().sqrt() }
    }

    /// Adds `times` of another's.
    pub fn add(&mut self, other: &Self, times: f64) {
        for (row, other) in self.rows.iter_mut().zip(&other.rows) {
            row.k += times * other.k;
            row.mean += times * other.mean;
            row.variance += times * other.variance;
        }
        self.size += times * other.size;
    }
}

fn row(points: &[(f64, f64)], tilt: f64) -> Row {
    let exponent = |&(l, ln): &(f64, f64)| ln + tilt * l;
    let high = points.iter().map(exponent).fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut first, mut second) = (0.0, 0.0, 0.0);
    for point in points {
        let difference = exponent(point) - high;
        if difference > -40.0 {
            let weight = difference.exp();
            sum += weight;
            first += weight * point.0;
            second += weight * point.0 * point.0;
        }
    }
    let mean = first / sum;
    Row { k: high + f64::ln(sum), mean, variance: (second / sum - mean * mean).max(0.0) }
}
