//! Lying bars, one under the other, each with its name and its value.

use super::axis::{Axis, Unit};
use super::{Label, WIDTH, open};
use crate::report::text::{escape, shorten};
use std::fmt::Write as _;

/// One bar.
#[derive(Clone, Debug)]
pub(in crate::report) struct Row {
    /// Its name, of any length.
    pub(in crate::report) name: String,
    /// Its length; `None` where there is nothing to measure.
    pub(in crate::report) value: Option<f64>,
    /// The value in words, to the right of the bar.
    pub(in crate::report) text: String,
    /// Whether it stands for many.
    pub(in crate::report) group: bool,
}

/// Lying bars.
#[derive(Clone, Debug)]
pub(in crate::report) struct RowChart {
    /// What it is called.
    pub(in crate::report) label: Label,
    /// Unit of the values.
    pub(in crate::report) unit: Unit,
    /// End of the axis, if it is further than the longest bar.
    pub(in crate::report) full: f64,
    /// The bars, from the top.
    pub(in crate::report) rows: Vec<Row>,
}

/// Room for names and for values at most.
const LEFTMOST: f64 = 136.0;
const RIGHTMOST: f64 = 230.0;
const TOP: f64 = 6.0;
const PITCH: f64 = 21.0;
const THICKNESS: f64 = 13.0;

/// Longest name that fits to the left of a bar.
const NAME: usize = 18;

impl RowChart {
    /// The picture; `None` without a row.
    pub(in crate::report) fn svg(&self) -> Option<String> {
        self.rows.first()?;
        let longest = self.rows.iter().filter_map(|row| row.value).fold(self.full, f64::max);
        let left = (10.0 + self.width_of(|row| &row.name)).min(LEFTMOST);
        let right = WIDTH - (8.0 + self.width_of(|row| &row.text)).min(RIGHTMOST);
        let axis = Axis::extended(self.unit, 0.0, longest, (left, right));
        let bottom = TOP + PITCH * self.rows.len() as f64;

        let mut out = open(&self.label, bottom + 24.0);
        axis.draw_columns(&mut out, TOP, bottom);
        for (index, row) in self.rows.iter().enumerate() {
            draw(&mut out, row, (left, TOP + PITCH * index as f64), &axis);
        }
        Some(out + "</svg>")
    }

    /// About the width of the longest text: 7 per character at size 12.
    fn width_of(&self, text: fn(&Row) -> &str) -> f64 {
        let longest = self.rows.iter().map(|row| text(row).chars().count()).max();
        7.0 * longest.unwrap_or(0) as f64
    }
}

fn draw(out: &mut String, row: &Row, (left, top): (f64, f64), axis: &Axis) {
    let text_y = top + PITCH / 2.0 + 4.0;
    let _ = write!(
        out,
        "<g><title>{}: {}</title><text class=\"legend end\" x=\"{}\" y=\"{text_y:.1}\">{}</text>",
        escape(&row.name),
        escape(&row.text),
        left - 8.0,
        escape(&shorten(&row.name, NAME))
    );
    let end = axis.at(row.value.unwrap_or(0.0));
    if end - left >= 0.05 {
        let _ = write!(
            out,
            "<rect class=\"{}\" x=\"{left}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{THICKNESS}\"/>",
            if row.group { "group" } else { "part0" },
            top + (PITCH - THICKNESS) / 2.0,
            end - left
        );
    }
    let _ = write!(
        out,
        "<text class=\"halo\" x=\"{:.1}\" y=\"{text_y:.1}\">{}</text></g>",
        end + 7.0,
        escape(&row.text)
    );
}
