//! Coordinate-wise median (Yin, Chen, Kannan, Bartlett 2018, definition 1): for an even number of
//! rows the mean of the two middle values. Withstands any minority of hostile rows, in the sense
//! that each coordinate stays within the honest values. Examples do not weigh.

use super::columns::{Columns, Lane, Reduction, middle};
use super::network::Wanted;
use tacit_core::registry::{Entry, Make};

pub(super) const ENTRY: Entry = Entry {
    name: "median",
    help: "median of each coordinate; ignores weights (Yin et al. 2018)",
    parameters: &[],
    make: Make::Aggregator(|_| Ok(Box::new(Columns::new(Median)))),
};

/// See the module.
#[derive(Debug)]
struct Median;

impl Reduction for Median {
    fn wanted(&self, rows: usize) -> Wanted {
        // The sum of the two middle values does not depend on their order.
        Wanted { places: (rows - 1) / 2..rows / 2 + 1, ordered: false }
    }

    #[inline(always)]
    fn reduce(&self, sorted: &[Lane]) -> Lane {
        middle(sorted)
    }
}
