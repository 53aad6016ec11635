//! Standing bars over rounds, their parts stacked.

use super::axis::{Axis, Unit};
use super::{LEGEND_Y, Label, WIDTH, legend, open};
use crate::report::text::escape;
use std::fmt::Write as _;

/// One bar.
#[derive(Clone, Debug)]
pub(in crate::report) struct Bar {
    /// First round it stands for.
    pub(in crate::report) first: u32,
    /// Last round it stands for.
    pub(in crate::report) last: u32,
    /// Its lower and its upper part.
    pub(in crate::report) parts: [f64; 2],
    /// What it says when pointed at.
    pub(in crate::report) note: String,
}

/// Standing bars over rounds.
#[derive(Clone, Debug)]
pub(in crate::report) struct BarChart {
    /// What it is called.
    pub(in crate::report) label: Label,
    /// Unit of the values.
    pub(in crate::report) unit: Unit,
    /// Names of the lower and the upper part.
    pub(in crate::report) names: [&'static str; 2],
    /// Bars by ascending round.
    pub(in crate::report) bars: Vec<Bar>,
}

const HEIGHT: f64 = 280.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = HEIGHT - 46.0;

/// Widest bar: a run of one round is no wall.
const WIDEST: f64 = 46.0;

impl BarChart {
    /// The picture; `None` without a bar.
    pub(in crate::report) fn svg(&self) -> Option<String> {
        let (first, last) = (self.bars.first()?.first, self.bars.last()?.last);
        let highest = self.bars.iter().map(|bar| bar.parts[0] + bar.parts[1]).fold(0.0, f64::max);
        let (first, last) = (f64::from(first) - 0.5, f64::from(last) + 0.5);
        let x = Axis::exact(Unit::Whole, first, last, (LEFT, RIGHT));
        let y = Axis::extended(self.unit, 0.0, highest, (BOTTOM, TOP));

        let mut out = open(&self.label, HEIGHT);
        let hatch = format!("{}-hatch", self.label.id);
        let _ = write!(
            out,
            "<defs><pattern id=\"{hatch}\" width=\"5\" height=\"5\" \
             patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
             <rect class=\"hatch-ground\" width=\"5\" height=\"5\"/>\
             <path class=\"hatch-line\" d=\"M1.2 0V5\"/></pattern></defs>"
        );
        legend(&mut out, &self.names, |out, index, x| {
            rect(out, index, &hatch, (x + 8.0, 18.0), (LEGEND_Y - 10.0, 12.0));
        });
        y.draw_levels(&mut out, LEFT, RIGHT);
        for bar in &self.bars {
            draw(&mut out, bar, &hatch, &x, &y);
        }
        x.draw_bottom(&mut out, BOTTOM, "round");
        Some(out + "</svg>")
    }
}

fn draw(out: &mut String, bar: &Bar, hatch: &str, x: &Axis, y: &Axis) {
    let (from, to) = (x.at(f64::from(bar.first) - 0.5), x.at(f64::from(bar.last) + 0.5));
    let width = ((to - from) * 0.8).clamp(0.4, WIDEST);
    let left = (from + to - width) / 2.0;
    let _ = write!(out, "<g><title>{}</title>", escape(&bar.note));
    let [lower, upper] = bar.parts;
    let (base, middle, top) = (y.at(0.0), y.at(lower), y.at(lower + upper));
    rect(out, 0, hatch, (left, width), (middle, base - middle));
    rect(out, 1, hatch, (left, width), (top, middle - top));
    *out += "</g>";
}

/// A part: full for the lower, hatched for the upper.
fn rect(out: &mut String, part: usize, hatch: &str, (x, w): (f64, f64), (y, h): (f64, f64)) {
    if h < 0.05 {
        return;
    }
    let fill = if part == 0 { String::new() } else { format!(" fill=\"url(#{hatch})\"") };
    let _ = write!(
        out,
        "<rect class=\"part{part}\"{fill} x=\"{x:.2}\" y=\"{y:.2}\" width=\"{w:.2}\" \
         height=\"{h:.2}\"/>"
    );
}
