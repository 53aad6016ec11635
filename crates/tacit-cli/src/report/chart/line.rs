//! Curves over rounds.

use super::axis::{Axis, Unit};
use super::{LEGEND_Y, Label, WIDTH, cross, legend, open};
use crate::report::sample::{even, m4};
use crate::report::text::escape;
use std::fmt::Write as _;

/// One curve; its place in the list decides its colour, dashes and marker.
#[derive(Clone, Debug)]
pub(in crate::report) struct Series {
    /// Name in the legend.
    pub(in crate::report) name: &'static str,
    /// Finite points by ascending round.
    pub(in crate::report) points: Vec<(f64, f64)>,
}

/// Curves over rounds.
#[derive(Clone, Debug)]
pub(in crate::report) struct LineChart {
    /// What it is called.
    pub(in crate::report) label: Label,
    /// Unit of the values.
    pub(in crate::report) unit: Unit,
    /// At most three curves.
    pub(in crate::report) series: Vec<Series>,
    /// Rounds marked on the bottom line as aborted.
    pub(in crate::report) aborted: Vec<f64>,
    /// A value drawn across the picture, with its name.
    pub(in crate::report) target: Option<(f64, String)>,
}

const HEIGHT: f64 = 280.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = HEIGHT - 46.0;

/// Curves with more points than this are drawn without a marker at each.
const MARKED: usize = 40;

/// Columns into which a long curve is thinned: about four points for four units of width.
const COLUMNS: usize = 110;

/// Aborted rounds drawn as crosses; more are strokes, and no more than there is width for.
const CROSSES: usize = 40;
const STROKES: usize = 110;

impl LineChart {
    /// The picture; `None` without a point.
    pub(in crate::report) fn svg(&self) -> Option<String> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        points().next()?;
        let span = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)))
        };
        let (first, last) = span(&mut points().map(|p| p.0).chain(self.aborted.iter().copied()));
        let target = self.target.iter().map(|target| target.0);
        let (low, high) = span(&mut points().map(|p| p.1).chain(target));
        let x = Axis::exact(Unit::Whole, first, last, (LEFT, RIGHT));
        let y = Axis::extended(self.unit, low, high, (BOTTOM, TOP));

        let mut out = open(&self.label, HEIGHT);
        self.draw_legend(&mut out);
        y.draw_levels(&mut out, LEFT, RIGHT);
        x.draw_bottom(&mut out, BOTTOM, "round");
        self.draw_target(&mut out, &y);
        for (index, series) in self.series.iter().enumerate().rev() {
            draw_series(&mut out, index, series, &x, &y);
        }
        for round in even(&self.aborted, STROKES) {
            self.draw_aborted(&mut out, x.at(round), BOTTOM);
        }
        Some(out + "</svg>")
    }

    fn draw_legend(&self, out: &mut String) {
        let mut names: Vec<&str> = self.series.iter().map(|series| series.name).collect();
        let curves = names.len();
        if !self.aborted.is_empty() {
            names.push("aborted round");
        }
        legend(out, &names, |out, index, x| {
            let y = LEGEND_Y - 4.0;
            if index == curves {
                return self.draw_aborted(out, x + 18.0, y);
            }
            let _ = write!(out, "<path class=\"line s{index}\" d=\"M{x} {y}h26\"/>");
            marker(out, index, x + 13.0, y);
        });
    }

    fn draw_aborted(&self, out: &mut String, x: f64, y: f64) {
        if self.aborted.len() <= CROSSES {
            return cross(out, x, y);
        }
        let _ = write!(out, "<path class=\"stroke\" d=\"M{x:.1} {:.1}v7\"/>", y - 3.5);
    }

    fn draw_target(&self, out: &mut String, axis: &Axis) {
        let Some((value, name)) = &self.target else { return };
        let y = axis.at(*value);
        let _ = write!(
            out,
            "<path class=\"target\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>\
             <text class=\"halo\" x=\"{}\" y=\"{:.1}\">{}</text>",
            LEFT + 6.0,
            y + 14.0,
            escape(name)
        );
    }
}

fn draw_series(out: &mut String, index: usize, series: &Series, x: &Axis, y: &Axis) {
    let points = m4(&series.points, COLUMNS);
    let mut path = String::new();
    for (step, point) in points.iter().enumerate() {
        let letter = if step == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{:.1} {:.1}", x.at(point.0), y.at(point.1));
    }
    let _ = write!(out, "<path class=\"line s{index}\" d=\"{path}\"/>");
    if points.len() <= MARKED {
        points.iter().for_each(|point| marker(out, index, x.at(point.0), y.at(point.1)));
    }
}

/// A disc, a square or a triangle.
fn marker(out: &mut String, index: usize, x: f64, y: f64) {
    let _ = match index {
        0 => write!(out, "<circle class=\"mark s0\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"),
        1 => write!(
            out,
            "<rect class=\"mark s1\" x=\"{:.1}\" y=\"{:.1}\" width=\"6\" height=\"6\"/>",
            x - 3.0,
            y - 3.0
        ),
        _ => write!(out, "<path class=\"mark s2\" d=\"M{x:.1} {:.1}l3.8 6.6h-7.6z\"/>", y - 4.2),
    };
}
