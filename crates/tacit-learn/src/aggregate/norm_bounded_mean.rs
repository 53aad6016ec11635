//! Mean of updates whose norm is bounded at the server (Sun, Kairouz, Suresh, McMahan 2019,
//! section 4): Σᵢ (wᵢ / W) · xᵢ · min(1, B / ‖xᵢ‖) with W = Σᵢ wᵢ.
//!
//! Weights are examples. The result is within B of zero whatever rows say; a hostile row of
//! weight w moves it by at most B·w/W, and it claims w itself.

use super::cohort;
use super::mean::Mean;
use tacit_core::error::Error;
use tacit_core::params::sum_of_squares;
use tacit_core::registry::{Default, Entry, Kind, Make, Parameter};
use tacit_core::traits::{Aggregator, Rows, View};

pub(super) const ENTRY: Entry = Entry {
    name: "norm-bounded-mean",
    help: "mean weighted by examples of updates scaled into a ball (Sun et al. 2019)",
    parameters: &[Parameter {
        name: "bound_l2",
        help: "largest L2 norm of an update that is not scaled down",
        kind: Kind::Number { min: 1e-6, max: 1e9 },
        default: Default::Number(10.0),
    }],
    make: Make::Aggregator(|arguments| {
        let bound_l2 = arguments.number("bound_l2")?;
        Ok(Box::new(NormBoundedMean {
            bound_l2,
            squares: Vec::new(),
            done: false,
            sum: Mean::new(),
        }))
    }),
};

/// See the module.
#[derive(Debug)]
struct NormBoundedMean {
    bound_l2: f64,
    /// Squared norm of each row.
    squares: Vec<f64>,
    /// Whether a chunk of this cohort was aggregated.
    done: bool,
    sum: Mean,
}

impl Aggregator for NormBoundedMean {
    fn needs(&self) -> View {
        View::EachSealed
    }

    fn surveys(&self) -> usize {
        1
    }

    fn survey(&mut self, _pass: usize, rows: &Rows<'_>) -> Result<(), Error> {
        cohort::width(rows.rows)?;
        if std::mem::take(&mut self.done) {
            self.squares.clear();
        }
        if self.squares.is_empty() {
            self.squares.resize(rows.rows.len(), 0.0);
        }
        if self.squares.len() != rows.rows.len() {
            return Err(Error::Bug("the number of rows changed between chunks"));
        }
        self.squares.iter_mut().zip(rows.rows).for_each(|(sum, row)| *sum += sum_of_squares(row));
        Ok(())
    }

    fn fold(&mut self, rows: &Rows<'_>) -> Result<(), Error> {
        if self.squares.len() != rows.rows.len() {
            return Err(Error::Bug("a chunk was aggregated before the survey"));
        }
        self.done = true;
        let total = rows.total_weight.max(1) as f64;
        let scale = |(square, w): (&f64, &u64)| {
            (self.bound_l2 / square.sqrt()).min(1.0) * (*w as f64 / total)
        };
        let coefficients: Vec<f64> = self.squares.iter().zip(rows.weights).map(scale).collect();
        self.sum.combine(rows.rows, &coefficients)
    }

    fn finish(&mut self, out: &mut [f32]) -> Result<(), Error> {
        self.sum.finish(out)
    }
}
