//! What a comparison keeps of one run.

use crate::report::figures::{Judge, evaluation, is_released, judge, round_ms};
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

/// One measured model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// The round after which it stood; 0 for the initial model.
    pub(super) after: u32,
    pub(super) accuracy: f64,
    pub(super) loss: f64,
    /// Bytes from participants until then.
    pub(super) up: u64,
    /// Bytes to participants until then.
    pub(super) down: u64,
    /// Milliseconds since the first cohort was drawn, by the coordinator's clock.
    pub(super) elapsed_ms: u64,
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
        let Some(first) = history.first() else {
            return refuse("where no round is over");
        };
        let Some(judge) = judge(history) else {
            return refuse("whose models nobody measured");
        };
        let (mut up, mut down, mut points) = (0_u64, 0_u64, Vec::new());
        for round in history {
            let opened = round.opened_ms.saturating_sub(first.opened_ms);
            let before = (up, down);
            up = up.saturating_add(round.bytes_up);
            down = down.saturating_add(round.bytes_down);
            let Some(found) = evaluation(round, judge) else { continue };
            // Participants measure the model that they are sent: that of the round before.
            let (after, (up, down), elapsed_ms) = match judge {
                Judge::Coordinator => (round.round, (up, down), opened + round_ms(round)),
                Judge::Participants => (round.round.saturating_sub(1), before, opened),
            };
            let (accuracy, loss) = (found.accuracy(), found.loss);
            points.push(Point { after, accuracy, loss, up, down, elapsed_ms });
        }
        let released = history.iter().filter(|round| is_released(round)).count();
        let aborted = history.len() - released;
        Ok(Self { folder, plan, finish, judge, released, aborted, points })
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
        self.points.iter().find(|point| point.accuracy >= target)
    }
}
