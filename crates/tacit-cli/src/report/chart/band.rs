//! Mean curves with a band from the lowest to the highest, for several series.

use super::axis::{Axis, Unit};
use super::{Label, WIDTH, open};
use crate::report::sample::{even, m4};
use crate::report::text::escape;
use std::fmt::Write as _;

/// One place of a curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) struct Place {
    /// Across: a round, bytes or milliseconds.
    pub(in crate::report) x: f64,
    /// The mean, the lowest and the highest; finite.
    pub(in crate::report) mean: f64,
    /// The lowest.
    pub(in crate::report) low: f64,
    /// The highest.
    pub(in crate::report) high: f64,
}

/// One series; its place in the list decides its colour and dashes.
#[derive(Clone, Debug)]
pub(in crate::report) struct Banded {
    /// Name in the legend.
    pub(in crate::report) name: String,
    /// By ascending x.
    pub(in crate::report) places: Vec<Place>,
}

/// Several series in one picture.
#[derive(Clone, Debug)]
pub(in crate::report) struct BandChart {
    /// What it is called.
    pub(in crate::report) label: Label,
    /// Unit across, and what it counts.
    pub(in crate::report) across: (Unit, &'static str),
    /// Unit of the values.
    pub(in crate::report) unit: Unit,
    /// The series.
    pub(in crate::report) series: Vec<Banded>,
    /// A value drawn across the picture, with its name.
    pub(in crate::report) target: Option<(f64, String)>,
}

/// Height of the drawing, between the legend above and the names of the ticks below.
const DRAWING: f64 = 220.0;
const BELOW: f64 = 46.0;
const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH - 14.0;

/// Height of a line of the legend, and characters of a name in it.
const LEGEND_LINE: f64 = 19.0;
const LEGEND_NAME: usize = 42;

/// Columns into which a long curve is thinned; corners of a band.
const COLUMNS: usize = 110;
const CORNERS: usize = 220;

impl BandChart {
    /// The picture; `None` without a place.
    pub(in crate::report) fn svg(&self) -> Option<String> {
        let places = || self.series.iter().flat_map(|series| &series.places);
        places().next()?;
        let span = |values: &mut dyn Iterator<Item = f64>| {
            values.fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(x), high.max(x)))
        };
        let (first, last) = span(&mut places().map(|place| place.x));
        let target = self.target.iter().map(|target| target.0);
        let (low, high) = span(&mut places().flat_map(|p| [p.low, p.high]).chain(target));

        let legend = self.legend();
        let top = 18.0 + LEGEND_LINE * legend.lines as f64;
        let bottom = top + DRAWING;
        let x = Axis::exact(self.across.0, first, last, (LEFT, RIGHT));
        let y = Axis::extended(self.unit, low, high, (bottom, top));
        let mut out = open(&self.label, bottom + BELOW);
        out += &legend.drawn;
        y.draw_levels(&mut out, LEFT, RIGHT);
        x.draw_bottom(&mut out, bottom, self.across.1);
        self.draw_target(&mut out, &y);
        for (index, series) in self.series.iter().enumerate().rev() {
            draw_band(&mut out, index, series, &x, &y);
        }
        for (index, series) in self.series.iter().enumerate().rev() {
            draw_mean(&mut out, index, series, &x, &y);
        }
        Some(out + "</svg>")
    }

    /// Names behind samples of their lines, in as many lines as they need.
    fn legend(&self) -> Legend {
        let (mut drawn, mut x, mut line) = (String::new(), 0.0, 0);
        for (index, series) in self.series.iter().enumerate() {
            let name = crate::report::text::shorten(&series.name, LEGEND_NAME);
            // Texts are about 6.4 wide per character at size 12.
            let width = 32.0 + 6.4 * name.chars().count() as f64 + 22.0;
            if x > 0.0 && x + width > WIDTH + 22.0 {
                (x, line) = (0.0, line + 1);
            }
            let y = 16.0 + LEGEND_LINE * line as f64;
            let _ = write!(
                drawn,
                "<path class=\"{}\" d=\"M{x:.0} {:.1}h26\"/>\
                 <text class=\"legend\" x=\"{:.0}\" y=\"{y:.1}\">{}</text>",
                class(index),
                y - 4.0,
                x + 32.0,
                escape(&name)
            );
            x += width;
        }
        Legend { drawn, lines: line + 1 }
    }

    fn draw_target(&self, out: &mut String, axis: &Axis) {
        let Some((value, name)) = &self.target else { return };
        let y = axis.at(*value);
        let _ = write!(
            out,
            "<path class=\"target\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>\
             <text class=\"halo\" x=\"{}\" y=\"{:.1}\">{}</text>",
            LEFT + 6.0,
            y - 6.0,
            escape(name)
        );
    }
}

struct Legend {
    drawn: String,
    lines: usize,
}

/// How the series at a place of the list is drawn: eight colours, and dashes that differ where
/// colours repeat.
pub(in crate::report) fn class(index: usize) -> String {
    format!("line c{} d{}", index % 8, (index + index / 8) % 4)
}

fn draw_band(out: &mut String, index: usize, series: &Banded, x: &Axis, y: &Axis) {
    if series.places.iter().all(|place| place.low == place.high) {
        return;
    }
    let corners = even(&series.places, CORNERS);
    let upper = corners.iter().map(|place| (place.x, place.high));
    let lower = corners.iter().rev().map(|place| (place.x, place.low));
    let path = path(upper.chain(lower), x, y);
    let _ = write!(out, "<path class=\"band c{}\" d=\"{path}Z\"/>", index % 8);
}

fn draw_mean(out: &mut String, index: usize, series: &Banded, x: &Axis, y: &Axis) {
    let points: Vec<(f64, f64)> = series.places.iter().map(|p| (p.x, p.mean)).collect();
    if let [(at, mean)] = points[..] {
        let (at, mean, colour) = (x.at(at), y.at(mean), index % 8);
        let _ = write!(out, "<circle class=\"dot c{colour}\" cx=\"{at:.1}\" cy=\"{mean:.1}\"");
        *out += " r=\"3.5\"/>";
        return;
    }
    let path = path(m4(&points, COLUMNS).into_iter(), x, y);
    let _ = write!(out, "<path class=\"{}\" d=\"{path}\"/>", class(index));
}

fn path(points: impl Iterator<Item = (f64, f64)>, x: &Axis, y: &Axis) -> String {
    let mut path = String::new();
    for (step, point) in points.enumerate() {
        let letter = if step == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{:.1} {:.1}", x.at(point.0), y.at(point.1));
    }
    path
}
