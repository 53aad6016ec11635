//! What a run had cost when its model was first as accurate as a target.

use super::Facts;
use super::figures::{Judge, evaluation, judge, round_ms};
use super::table::Table;
use super::text::{bytes, duration, percent, whole};
use tacit_core::history::RoundReport;

/// Accuracies that runs are compared at, besides the plan's own target.
const TARGETS: [f64; 8] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99];

/// One measured model, and what it had cost by then.
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

/// Every model that `judge` measured, by ascending round.
pub(super) fn points(history: &[RoundReport], judge: Judge) -> Vec<Point> {
    let start = history.first().map_or(0, |round| round.opened_ms);
    let (mut up, mut down, mut points) = (0_u64, 0_u64, Vec::new());
    for round in history {
        let opened = round.opened_ms.saturating_sub(start);
        let before = (up, down);
        up = up.saturating_add(round.bytes_up);
        down = down.saturating_add(round.bytes_down);
        let Some(found) = evaluation(round, judge) else { continue };
        // Participants measure the model that they are sent: that of the round before.
        let (after, (up, down), elapsed_ms) = match judge {
            Judge::Coordinator => (round.round, (up, down), opened.saturating_add(round_ms(round))),
            Judge::Participants => (round.round.saturating_sub(1), before, opened),
        };
        let (accuracy, loss) = (found.accuracy(), found.loss);
        points.push(Point { after, accuracy, loss, up, down, elapsed_ms });
    }
    points
}

/// The first model as accurate as `target`.
pub(super) fn reached(points: &[Point], target: f64) -> Option<&Point> {
    points.iter().find(|point| point.accuracy >= target)
}

/// Every target that the run reached, ascending.
pub(super) fn all(facts: &Facts<'_>) -> Vec<(f64, Point)> {
    let Some(judge) = judge(facts.history) else { return Vec::new() };
    let points = points(facts.history, judge);
    let mut targets: Vec<f64> = TARGETS.into();
    targets.extend(facts.plan.evaluation().target_accuracy);
    targets.sort_by(f64::total_cmp);
    targets.dedup();
    let reached = |target: f64| Some((target, *reached(&points, target)?));
    targets.into_iter().filter_map(reached).collect()
}

/// What each target had cost, as HTML; empty where none was reached.
pub(super) fn html(facts: &Facts<'_>) -> String {
    let row = |(target, point): &(f64, Point)| {
        let after = whole(point.after.into());
        let (up, down) = (bytes(point.up), bytes(point.down));
        vec![percent(*target), after, up, down, duration(point.elapsed_ms)]
    };
    let rows: Vec<Vec<String>> = all(facts).iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let table = Table {
        caption: "Bytes of updates and models until the model was first so accurate".into(),
        head: vec!["Accuracy", "After round", "Bytes up", "Bytes down", "Time"],
        rows,
    };
    format!("<section>\n<h2>Cost of an accuracy</h2>\n{}\n</section>\n", table.html())
}
