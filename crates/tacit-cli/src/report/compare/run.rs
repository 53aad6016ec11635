//! What a comparison keeps of one run.

use crate::report::figures::{Judge, is_released, judge};
use crate::report::targets;
pub(super) use crate::report::targets::Point;
use tacit_core::error::Error;
use tacit_core::history::RoundReport;
use tacit_core::plan::Plan;

/// One run, condensed: its measured models and what each had cost by then.
#[derive(Debug)]
pub struct Run {
    /// The folder, as it was named.
    pub(super) folder: String,
    pub(super) plan: Plan,
    /// Why it ended; `None` where it has not.
    pub(super) finish: Option<String>,
    pub(super) judge: Judge,
    pub(super) released: usize,
    pub(super) aborted: usize,
    /// At least one, by ascending round.
    pub(super) points: Vec<Point>,
}

impl Run {
    /// Condenses a history.
    ///
    /// # Errors
    /// A history in which no model was measured.
    pub fn new(
        folder: String,
        plan: Plan,
        history: &[RoundReport],
        finish: Option<String>,
    ) -> Result<Self, Error> {
        let refuse = |found: &str| {
            let found = format!("{folder}, {found}");
            Err(Error::caller("run", "a history with measured models", found))
        };
        if history.is_empty() {
            return refuse("where no round is over");
        }
        let Some(judge) = judge(history) else {
            return refuse("whose models nobody measured");
        };
        let points = targets::points(history, judge);
        let released = history.iter().filter(|round| is_released(round)).count();
        let aborted = history.len() - released;
        Ok(Self { folder, plan, finish, judge, released, aborted, points })
    }

    /// Whether its time is that of simulated devices.
    pub(super) fn is_virtual(&self) -> bool {
        self.plan.devices().is_some()
    }

    /// The last measured model.
    pub(super) fn last(&self) -> Option<&Point> {
        self.points.last()
    }

    /// Highest accuracy.
    pub(super) fn best(&self) -> f64 {
        self.points.iter().map(|point| point.accuracy).fold(0.0, f64::max)
    }

    /// The first model as accurate as `target`.
    pub(super) fn reached(&self, target: f64) -> Option<&Point> {
        targets::reached(&self.points, target)
    }
}
