//! Charts as SVG: colours come from the page's style sheet, so that one picture serves light,
//! dark and paper; series also differ in dashes, markers or hatching, for grey and for eyes that
//! tell few colours apart.

mod axis;
mod band;
mod bar;
mod heat;
mod line;
mod rows;

pub(super) use axis::Unit;
pub(super) use band::{BandChart, Banded, Place, class};
pub(super) use bar::{Bar, BarChart};
pub(super) use heat::{Field, HeatMap};
pub(super) use line::{LineChart, Series};
pub(super) use rows::{Row, RowChart};

use super::text::escape;
use std::fmt::Write as _;

/// Width of every chart, in the user units in which texts are 12 high.
const WIDTH: f64 = 540.0;

/// Where a legend's text stands.
const LEGEND_Y: f64 = 16.0;

/// What a chart is called and what it says to those who do not see it.
#[derive(Clone, Debug)]
pub(in crate::report) struct Label {
    /// Prefix of the identifiers in the picture: letters.
    pub(in crate::report) id: &'static str,
    /// Name.
    pub(in crate::report) title: String,
    /// What there is to see, in words.
    pub(in crate::report) description: String,
}

fn open(label: &Label, height: f64) -> String {
    let (id, title, description) = (label.id, escape(&label.title), escape(&label.description));
    format!(
        "<svg class=\"chart\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-labelledby=\"{id}-title\" aria-describedby=\"{id}-desc\">\
         <title id=\"{id}-title\">{title}</title><desc id=\"{id}-desc\">{description}</desc>"
    )
}

/// Texts in a row, each behind a sample that `draw` adds at an x in a box 26 wide.
fn legend(out: &mut String, names: &[&str], mut draw: impl FnMut(&mut String, usize, f64)) {
    let mut x = 0.0;
    for (index, name) in names.iter().enumerate() {
        draw(out, index, x);
        let _ = write!(
            out,
            "<text class=\"legend\" x=\"{:.0}\" y=\"{LEGEND_Y}\">{}</text>",
            x + 32.0,
            escape(name)
        );
        // Texts are about 6.4 wide per character at size 12.
        x += 32.0 + 6.4 * name.chars().count() as f64 + 22.0;
    }
}

/// A small cross with its centre at a place: an aborted round.
fn cross(out: &mut String, x: f64, y: f64) {
    let (left, right, top, bottom) = (x - 3.5, x + 3.5, y - 3.5, y + 3.5);
    let _ = write!(
        out,
        "<path class=\"cross\" d=\"M{left:.1} {top:.1}L{right:.1} {bottom:.1}\
         M{left:.1} {bottom:.1}L{right:.1} {top:.1}\"/>"
    );
}
