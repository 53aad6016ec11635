//! Scales with ticks at round numbers.

use super::WIDTH;
use crate::report::text::{BYTE_UNITS, byte_power, escape, number};
use std::fmt::Write as _;

/// What an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Unit {
    /// Whole things, such as rounds.
    Whole,
    /// Plain numbers.
    Number,
    /// Shares, told as percentages.
    Percent,
    /// Sizes in bytes.
    Bytes,
    /// Times in milliseconds.
    Milliseconds,
}

impl Unit {
    /// What values up to `largest` are divided by, and the unit that gives.
    fn told(self, largest: f64) -> (f64, &'static str) {
        match self {
            Unit::Whole | Unit::Number => (1.0, ""),
            Unit::Percent => (0.01, "\u{a0}%"),
            Unit::Bytes => {
                let power = byte_power(largest);
                (1024f64.powi(power as i32), BYTE_UNITS[power])
            }
            Unit::Milliseconds if largest < 2e3 => (1.0, "ms"),
            Unit::Milliseconds if largest < 180e3 => (1e3, "s"),
            Unit::Milliseconds if largest < 10_800e3 => (60e3, "min"),
            Unit::Milliseconds => (3_600e3, "h"),
        }
    }
}

/// A linear scale from values to places in the picture.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    step: f64,
    divisor: f64,
    suffix: &'static str,
}

/// Room for a tick's text: across, and from line to line.
const TICK_ROOM: (f64, f64) = (80.0, 33.0);

/// Values beyond this are drawn at the edge: differences of any two stay finite.
const LARGEST: f64 = 1e300;

impl Axis {
    /// From `low` to `high` and on to the next ticks, drawn between two places.
    pub(super) fn extended(unit: Unit, low: f64, high: f64, place: (f64, f64)) -> Self {
        let mut axis = Self::exact(unit, low, high, place);
        axis.low = (axis.low / axis.step).floor() * axis.step;
        axis.high = (axis.high / axis.step).ceil() * axis.step;
        if unit == Unit::Percent && high <= 1.0 {
            axis.high = axis.high.min(1.0);
        }
        axis
    }

    /// From `low` to `high`, drawn between two places.
    pub(super) fn exact(unit: Unit, low: f64, high: f64, place: (f64, f64)) -> Self {
        let bounded = |x: f64| if x.is_finite() { x.clamp(-LARGEST, LARGEST) } else { 0.0 };
        let (low, high) = widen(unit, bounded(low), bounded(high));
        let (divisor, suffix) = unit.told(high.abs().max(low.abs()));
        // Upright axes run from the bottom, which is the larger number.
        let room = if place.0 > place.1 { TICK_ROOM.1 } else { TICK_ROOM.0 };
        let wanted = ((place.1 - place.0).abs() / room).max(2.0);
        let mut step = nice((high - low) / divisor / wanted) * divisor;
        if unit == Unit::Whole {
            step = step.max(1.0);
        }
        Self { low, high, from: place.0, to: place.1, step, divisor, suffix }
    }

    /// The place of a value, within the axis.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        self.from + share * (self.to - self.from)
    }

    /// Values at round distances with their texts.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let decimals = decimals(self.step / self.divisor);
        let first = (self.low / self.step - 1e-9).ceil();
        let last = (self.high / self.step + 1e-9).floor();
        let count = (last - first).clamp(0.0, 40.0) as u32;
        let tick = |index: u32| {
            let value = (first + f64::from(index)) * self.step;
            let text = number(value / self.divisor, decimals);
            let gap = if matches!(self.suffix, "" | "\u{a0}%") { "" } else { "\u{a0}" };
            (value, format!("{text}{gap}{}", self.suffix))
        };
        (0..=count).map(tick).collect()
    }

    /// Horizontal lines across the picture with texts to their left.
    pub(super) fn draw_levels(&self, out: &mut String, left: f64, right: f64) {
        for (value, text) in self.ticks() {
            let y = self.at(value);
            let class = if value == 0.0 { "base" } else { "grid" };
            let _ = write!(
                out,
                "<path class=\"{class}\" d=\"M{left} {y:.1}H{right}\"/>\
                 <text class=\"tick end\" x=\"{}\" y=\"{:.1}\">{}</text>",
                left - 8.0,
                y + 4.0,
                escape(&text)
            );
        }
    }

    /// The bottom of the picture: ticks with texts below, and what they count.
    pub(super) fn draw_bottom(&self, out: &mut String, y: f64, name: &str) {
        let _ = write!(out, "<path class=\"base\" d=\"M{} {y}H{}\"/>", self.from, self.to);
        for (value, text) in self.ticks() {
            let x = self.at(value);
            let _ = write!(
                out,
                "<path class=\"base\" d=\"M{x:.1} {y}v5\"/>\
                 <text class=\"tick middle\" x=\"{:.1}\" y=\"{}\">{}</text>",
                inside(x, &text),
                y + 18.0,
                escape(&text)
            );
        }
        let (x, y) = ((self.from + self.to) / 2.0, y + 35.0);
        let _ = write!(
            out,
            "<text class=\"name middle\" x=\"{x:.1}\" y=\"{y}\">{}</text>",
            escape(name)
        );
    }

    /// Vertical lines down the picture with texts below.
    pub(super) fn draw_columns(&self, out: &mut String, top: f64, bottom: f64) {
        for (value, text) in self.ticks() {
            let x = self.at(value);
            let class = if value == 0.0 { "base" } else { "grid" };
            let _ = write!(
                out,
                "<path class=\"{class}\" d=\"M{x:.1} {top}V{bottom}\"/>\
                 <text class=\"tick middle\" x=\"{:.1}\" y=\"{}\">{}</text>",
                inside(x, &text),
                bottom + 16.0,
                escape(&text)
            );
        }
    }
}

/// The middle of a text that should be at `x` and must not leave the picture.
fn inside(x: f64, text: &str) -> f64 {
    x.min(WIDTH - 3.5 * text.chars().count() as f64)
}

/// A range that is not empty: around a single value.
fn widen(unit: Unit, low: f64, high: f64) -> (f64, f64) {
    let (low, high) = if low <= high { (low, high) } else { (high, low) };
    if high - low > high.abs().max(low.abs()) * 1e-9 {
        return (low, high);
    }
    match unit {
        Unit::Whole => (low - 0.5, high + 0.5),
        Unit::Percent => ((low - 0.05).max(0.0), (high + 0.05).min(low.max(1.0))),
        _ if low == 0.0 => (0.0, 1.0),
        _ => (low - low.abs() * 0.1, high + high.abs() * 0.1),
    }
}

/// The next of 1, 2, 5 times a power of ten.
fn nice(rough: f64) -> f64 {
    if !(rough.is_finite() && rough > f64::MIN_POSITIVE) {
        return 1.0;
    }
    let power = 10f64.powf(rough.log10().floor());
    let digit = rough / power;
    let digits = [1.0, 2.0, 5.0, 10.0];
    power * digits.into_iter().find(|d| digit <= d * 1.0001).unwrap_or(10.0)
}

/// Decimals that tell multiples of a step apart.
fn decimals(step: f64) -> usize {
    (-(step.log10() + 1e-9).floor()).clamp(0.0, 6.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(unit: Unit, low: f64, high: f64) -> Vec<String> {
        let axis = Axis::extended(unit, low, high, (198.0, 0.0));
        axis.ticks().into_iter().map(|(_, text)| text.replace('\u{a0}', " ")).collect()
    }

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        assert_eq!(texts(Unit::Number, 0.13, 2.2), ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]);
        assert_eq!(texts(Unit::Percent, 0.31, 0.97), ["20 %", "40 %", "60 %", "80 %", "100 %"]);
        assert_eq!(
            texts(Unit::Bytes, 0.0, 1.4 * 1048576.0),
            ["0.0 MiB", "0.5 MiB", "1.0 MiB", "1.5 MiB"]
        );
        assert_eq!(texts(Unit::Milliseconds, 0.0, 4_000.0), ["0 s", "1 s", "2 s", "3 s", "4 s"]);
        assert_eq!(texts(Unit::Whole, 0.0, 2.0), ["0", "1", "2"]);
    }

    #[test]
    fn any_range_gives_finite_places() {
        let values = [0.0, -1.0, 1.0, f64::NAN, f64::INFINITY, -1e308, 1e308, 1e-308, 0.1 + 0.2];
        for unit in [Unit::Whole, Unit::Number, Unit::Percent, Unit::Bytes, Unit::Milliseconds] {
            for (low, high) in values.iter().flat_map(|a| values.iter().map(move |b| (*a, *b))) {
                for axis in [Axis::extended, Axis::exact].map(|f| f(unit, low, high, (0.0, 9.0))) {
                    let ticks = axis.ticks();
                    assert!(!ticks.is_empty() && ticks.len() < 50, "{unit:?} {low} {high}");
                    assert!(values.iter().all(|v| (0.0..=9.0).contains(&axis.at(*v))));
                    assert!(ticks.iter().all(|t| t.0.is_finite() && !t.1.contains("NaN")));
                }
            }
        }
    }
}
