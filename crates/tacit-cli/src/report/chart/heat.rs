//! Shares in a grid: the larger, the deeper the colour; every field holds its figure too.

use super::{Label, WIDTH, open};
use crate::report::text::{escape, shorten};
use std::fmt::Write as _;

/// One field.
#[derive(Clone, Debug)]
pub(in crate::report) struct Field {
    /// From 0 to 1; `None` where nothing was measured.
    pub(in crate::report) share: Option<f64>,
    /// What stands in it, at most five characters.
    pub(in crate::report) text: String,
    /// What it says when asked.
    pub(in crate::report) title: String,
}

/// A grid.
#[derive(Clone, Debug)]
pub(in crate::report) struct HeatMap {
    /// What it is called.
    pub(in crate::report) label: Label,
    /// Names above, of any length.
    pub(in crate::report) columns: Vec<String>,
    /// Names to the left with their fields, one for every column.
    pub(in crate::report) rows: Vec<(String, Vec<Field>)>,
}

const PITCH: f64 = 26.0;
const GAP: f64 = 2.0;

/// Longest name drawn.
const NAME: usize = 30;

/// Deepest colour: the figure on it stays readable.
const DEEPEST: f64 = 0.72;

/// About the width of a text at size 12.
fn width_of<'a>(names: impl Iterator<Item = &'a String>) -> f64 {
    7.4 * names.map(|name| name.chars().count().min(NAME)).max().unwrap_or(0) as f64
}

impl HeatMap {
    /// The picture; `None` without a field.
    pub(in crate::report) fn svg(&self) -> Option<String> {
        self.rows.first()?.1.first()?;
        let left = 10.0 + width_of(self.rows.iter().map(|(name, _)| name));
        let top = 12.0 + width_of(self.columns.iter());
        let pitch = ((WIDTH - left) / self.columns.len() as f64).min(64.0);
        let bottom = top + PITCH * self.rows.len() as f64;
        let mut out = open(&self.label, bottom + 34.0);
        for (index, name) in self.columns.iter().enumerate() {
            let (x, y) = (left + pitch * (index as f64 + 0.5) + 4.0, top - 8.0);
            let name = escape(&shorten(name, NAME));
            let _ = write!(
                out,
                "<text class=\"legend\" transform=\"translate({x:.1} {y:.1}) rotate(-90)\">{name}\
                 </text>"
            );
        }
        for (index, (name, fields)) in self.rows.iter().enumerate() {
            let y = top + PITCH * index as f64;
            let _ = write!(
                out,
                "<text class=\"legend end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                left - 8.0,
                y + PITCH / 2.0 + 4.0,
                escape(&shorten(name, NAME))
            );
            for (column, field) in fields.iter().enumerate() {
                draw(&mut out, field, (left + pitch * column as f64, y), pitch);
            }
        }
        scale(&mut out, left, bottom + 10.0);
        Some(out + "</svg>")
    }
}

fn rect(out: &mut String, (x, y): (f64, f64), (width, height): (f64, f64), share: Option<f64>) {
    let (class, opacity) = match share {
        Some(share) => ("heat", 0.04 + share.clamp(0.0, 1.0) * (DEEPEST - 0.04)),
        None => ("unmeasured", 1.0),
    };
    let _ = write!(
        out,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" \
         height=\"{height:.1}\" rx=\"2\" fill-opacity=\"{opacity:.3}\"/>"
    );
}

fn draw(out: &mut String, field: &Field, (x, y): (f64, f64), pitch: f64) {
    let _ = write!(out, "<g><title>{}</title>", escape(&field.title));
    rect(out, (x, y), (pitch - GAP, PITCH - GAP), field.share.filter(|share| share.is_finite()));
    let _ = write!(
        out,
        "<text class=\"legend middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
        x + (pitch - GAP) / 2.0,
        y + PITCH / 2.0 + 3.0,
        escape(&field.text)
    );
}

/// What the colours mean.
fn scale(out: &mut String, left: f64, y: f64) {
    for step in 0..=10 {
        let share = f64::from(step) / 10.0;
        rect(out, (left + 14.0 * f64::from(step), y), (14.0, 10.0), Some(share));
    }
    for (x, class, text) in [(left, "tick", "0\u{a0}%"), (left + 154.0, "tick end", "100\u{a0}%")] {
        let _ =
            write!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\">{text}</text>", y + 22.0);
    }
}
