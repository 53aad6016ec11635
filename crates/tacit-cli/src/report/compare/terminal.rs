//! The table of series: for the page, as CSV, and in the terminal.

use super::Comparison;
use super::run::{Point, Run};
use super::series::{Series, Spread};
use crate::report::text::{NOTHING, bytes, duration, number, one_line, percent, shorten, whole};
use comfy_table::{ContentArrangement, Table, presets};

/// Longest name of a series in the terminal, in characters.
const NAME: usize = 48;

/// The head of the table; the last five need a target.
pub(super) const HEAD: [&str; 8] = [
    "series",
    "runs",
    "final accuracy",
    "best",
    "rounds to target",
    "up to target",
    "down to target",
    "time to target",
];

impl Comparison {
    /// Columns of the table: those that say something.
    pub(super) fn head(&self) -> &'static [&'static str] {
        if self.target.is_some() { &HEAD } else { &HEAD[..4] }
    }

    /// One row of cells for each series.
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        self.series.iter().map(|series| row(series, self.target)).collect()
    }

    /// What came of the runs, for a terminal: without colours or a final line break.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_BORDERS_ONLY);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header(self.head());
        for mut row in self.rows() {
            row[0] = shorten(&row[0], NAME);
            table.add_row(row.iter().map(|cell| one_line(cell).replace('\u{a0}', " ")));
        }
        let target = self.target.map(|target| format!("\ntarget: {}", percent(target)));
        let text = table.to_string() + &target.unwrap_or_default();
        text.replace('\u{a0}', " ")
    }
}

fn row(series: &Series, target: Option<f64>) -> Vec<String> {
    let last = series.spread(|run| run.last().map(|point| point.accuracy));
    let best = series.spread(|run| Some(run.best()));
    let share = |spread: Option<Spread>| spread.map_or_else(|| NOTHING.into(), accuracy);
    let mut row = vec![series.name.clone(), whole(series.runs.len() as u64)];
    row.extend([share(last), share(best)]);
    let Some(target) = target else { return row };
    let reached = series.runs.iter().filter(|run| run.reached(target).is_some()).count();
    let cell = |value: fn(&Point) -> f64, tell: fn(f64) -> String| {
        let spread = series.spread(|run: &Run| run.reached(target).map(value));
        spread.map_or_else(|| NOTHING.into(), |spread| range(spread, tell))
    };
    let mut rounds =
        cell(|point| f64::from(point.after), |x| number(x, usize::from(x.fract() != 0.0)));
    if reached < series.runs.len() {
        rounds += &format!(" ({reached} of {} runs)", series.runs.len());
    }
    row.push(rounds);
    row.push(cell(|point| point.up as f64, |x| bytes(x as u64)));
    row.push(cell(|point| point.down as f64, |x| bytes(x as u64)));
    let mut time = cell(|point| point.elapsed_ms as f64, |x| duration(x as u64));
    if reached > 0 && series.runs.iter().all(Run::is_virtual) {
        time += ", virtual";
    }
    row.push(time);
    row
}

/// `91.20 % ± 0.35`, the standard deviation over seeds in points.
fn accuracy(spread: Spread) -> String {
    match spread.low == spread.high {
        true => percent(spread.mean),
        false => {
            let mean = number(spread.mean * 100.0, 2);
            format!("{mean}\u{a0}±\u{a0}{}\u{a0}%", number(spread.deviation * 100.0, 2))
        }
    }
}

/// The mean, and the range where there is one.
fn range(spread: Spread, tell: fn(f64) -> String) -> String {
    match spread.low == spread.high {
        true => tell(spread.mean),
        false => format!("{} ({}–{})", tell(spread.mean), tell(spread.low), tell(spread.high)),
    }
}
