//! Quantisation to 1–16 bits.
//!
//! **Uniform levels.** With b ≥ 2 bits and L = 2^(b−1) − 1 a value x becomes a whole number ℓ from
//! −L to L, and ℓ/L·s comes back: zero and ±s are levels, so zeros and constant chunks are exact.
//! The scale s is the largest magnitude (QSGD, Alistarh et al. 2017, §3.1, with the largest
//! magnitude in place of the norm as in §4) of the chunk, or of each block or tensor in it; or a
//! common one that the plan gives and that does not travel. One bit has the two levels ±s. Unbiased
//! rounding goes up with the probability of the fraction (ibid.), by draws of the participant's
//! own; else the nearest level is taken, with one bit at s = ‖x‖₁/d, the scale of least error
//! (Karimireddy et al. 2019, §3).
//!
//! **Normal levels**, after `rotate`: those of Lloyd and Max for normally distributed values, times
//! a scale. Unbiased is S = ‖x‖²/⟨x, q⟩ for the levels q that x became (EDEN, Vargaftik et al.
//! 2022, §3; with one bit DRIVE, Vargaftik et al. 2021, §4); of least error ⟨x, q⟩/‖q‖² (ibid.,
//! §3).

use super::lloyd_max::{Codebook, MOST_BITS};
use pulp::Arch;
use std::ops::Range;
use tacit_core::compress::{Form, Grid, Place, Signal};
use tacit_core::error::{Error, Refusal};
use tacit_core::limits;
use tacit_core::params;
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter};
use tacit_core::rng::Random;
use tacit_core::traits::Compressor;

pub(super) const ENTRY: Entry = Entry {
    name: "quantise",
    help: "values become levels of 1 to 16 bits (Alistarh et al. 2017; Vargaftik et al. 2022)",
    parameters: &[
        Parameter {
            name: "bits",
            help: "Bits of a level.",
            kind: Kind::Integer { min: 1, max: 16 },
            default: Default::Integer(8),
        },
        Parameter {
            name: "unbiased",
            help: "Whether the mean of encodings is right; else each has the least error.",
            kind: Kind::Flag,
            default: Default::Flag(true),
        },
        Parameter {
            name: "levels",
            help: "uniform = equally far apart; normal = for what a rotation gives, up to 8 bits.",
            kind: Kind::Word(&["uniform", "normal"]),
            default: Default::Text("uniform"),
        },
        Parameter {
            name: "scale",
            help: "chunk = of all values of a chunk; tensor = of those of each tensor in it.",
            kind: Kind::Word(&["chunk", "tensor"]),
            default: Default::Text("chunk"),
        },
        Parameter {
            name: "block",
            help: "Values that share a scale, with uniform levels; 0 = all of a chunk.",
            kind: Kind::Integer { min: 0, max: limits::CHUNK_VALUES as i64 },
            default: Default::Integer(0),
        },
        Parameter {
            name: "range",
            help: "Magnitude of the outermost level for every chunk; by default each has its own.",
            kind: Kind::Number { min: 0.0, max: limits::UPDATE_MAGNITUDE },
            default: Default::Absent,
        },
        Parameter {
            name: "error_feedback",
            help: "Whether the error is added to the next update; not with unbiased values.",
            kind: Kind::Flag,
            default: Default::Flag(false),
        },
    ],
    make: Make::Compressor(make),
};

struct Quantise {
    bits: u32,
    unbiased: bool,
    range: Option<f32>,
    block: usize,
    tensors: bool,
    normal: Option<Codebook>,
    feedback: bool,
}

fn make(arguments: &Arguments) -> Result<Box<dyn Compressor>, Error> {
    let bits = arguments.integer("bits")? as u32;
    let (unbiased, feedback) = (arguments.flag("unbiased")?, arguments.flag("error_feedback")?);
    let normal = arguments.text("levels")? == "normal";
    let range = if arguments.has("range") { Some(arguments.number("range")? as f32) } else { None };
    if normal && bits > MOST_BITS {
        let expected = format!("at most {MOST_BITS} with normal levels");
        return Err(Error::caller("bits", expected, bits.to_string()));
    }
    if normal && range.is_some() {
        return Err(Error::caller("range", "none with normal levels", "one"));
    }
    if range.is_some_and(|range| range <= 0.0) {
        return Err(Error::caller("range", "a number above 0.0", "0.0"));
    }
    if feedback && unbiased {
        let expected = "unbiased = false, which error feedback needs";
        return Err(Error::caller("error_feedback", expected, "both"));
    }
    let block = arguments.integer("block")? as usize;
    if block > 0 && (normal || range.is_some()) {
        let expected = "0 with normal levels and with a range";
        return Err(Error::caller("block", expected, block.to_string()));
    }
    let tensors = arguments.text("scale")? == "tensor";
    if tensors && (normal || range.is_some() || block > 0) {
        let expected = "chunk with a block, with a range, and with normal levels";
        return Err(Error::caller("scale", expected, "tensor"));
    }
    let normal = normal.then(|| Codebook::new(bits));
    Ok(Box::new(Quantise { bits, unbiased, range, block, tensors, normal, feedback }))
}

impl Compressor for Quantise {
    fn form(&self, form: Form) -> Result<Form, Error> {
        if form.bits.is_some() || form.coded {
            return Err(Error::caller("rule", "values to quantise", form.describe()));
        }
        if self.normal.is_some() && !form.rotated {
            let found = form.describe();
            return Err(Error::caller("levels", "rotated values for normal levels", found));
        }
        let scales = match self.range {
            Some(_) => 0,
            None if !self.tensors => form.count.div_ceil(self.width(form.count)),
            None if form.rotated || (form.chosen && !form.positions) || form.tensors == 0 => {
                let found = form.describe();
                return Err(Error::caller("scale", "values whose tensors can be told", found));
            }
            None => form.tensors,
        };
        Ok(Form { bits: Some(self.bits), scales, ..form })
    }

    fn additive(&self) -> bool {
        // Levels of one scale are whole numbers of one unit.
        self.range.is_some()
    }

    fn grid(&self) -> Option<Grid> {
        let (range, most) = (f64::from(self.range?), i64::from(top(self.bits)));
        Some(Grid { origin: -range, step: 2.0 * range / most as f64, least: 0, most })
    }

    fn feedback(&self) -> bool {
        self.feedback
    }

    fn forward(&self, place: &Place, signal: &mut Signal) -> Result<(), Error> {
        let Signal { values, levels, scales, positions, .. } = signal;
        scales.clear();
        levels.clear();
        if let Some(book) = &self.normal {
            scales.push(normal(book, self.unbiased, values, levels));
            return Ok(());
        }
        let (top, mut rng) = (top(self.bits), place.own());
        for range in self.ranges(place, positions, values.len()) {
            let block = &values[range];
            let scale = self.range.unwrap_or_else(|| scale(block, self.bits, self.unbiased));
            match self.unbiased {
                true => stochastic(block, scale, top, &mut rng, levels),
                false => nearest(block, scale, top, levels),
            }
            if self.range.is_none() {
                scales.push(scale);
            }
        }
        Ok(())
    }

    fn backward(&self, place: &Place, signal: &mut Signal) -> Result<(), Refusal> {
        let refuse = || Refusal::Malformed { what: "levels of an update".into() };
        let Signal { values, levels, scales, positions, .. } = signal;
        if let Some(range) = self.range {
            scales.clear();
            scales.push(range);
        }
        // No sender has a scale that is negative or not finite.
        let sound = scales.iter().all(|scale| scale.is_finite() && *scale >= 0.0);
        let ranges = self.ranges(place, positions, place.form.count);
        let whole = levels.len() == place.form.count && ranges.len() == scales.len();
        let top = top(self.bits);
        let above = self.normal.is_none() && levels.iter().any(|&level| level > top);
        if !sound || !whole || above {
            return Err(refuse());
        }
        values.clear();
        let half = f32::from(top) * 0.5;
        for (levels, &scale) in ranges.into_iter().map(|range| &levels[range]).zip(&*scales) {
            match &self.normal {
                Some(book) => values.extend(levels.iter().map(|&level| book.value(level) * scale)),
                None => {
                    let value = |&level: &u16| (f32::from(level) - half) / half * scale;
                    Arch::new().dispatch(|| values.extend(levels.iter().map(value)));
                }
            }
        }
        Ok(())
    }
}

impl Quantise {
    /// Values that share a scale, of so many.
    fn width(&self, count: usize) -> usize {
        if self.block == 0 { count.max(1) } else { self.block }
    }

    /// Which values share a scale.
    fn ranges(&self, place: &Place, positions: &[u16], count: usize) -> Vec<Range<usize>> {
        if !self.tensors {
            let width = self.width(count);
            return (0..count).step_by(width).map(|at| at..(at + width).min(count)).collect();
        }
        let mut start = 0;
        let ends = place.cuts.iter().map(|&cut| match place.form.positions {
            true => positions.partition_point(|&position| usize::from(position) < cut),
            false => cut,
        });
        let range = |end: usize| std::mem::replace(&mut start, end)..end;
        ends.chain([count]).map(range).collect()
    }
}

/// The highest level, counted from 0: an even number, so that zero is a level, unless there are
/// only two.
pub(super) fn top(bits: u32) -> u16 {
    match bits {
        1 => 1,
        bits => ((1u32 << bits) - 2) as u16,
    }
}

/// The scale of a chunk's own.
pub(super) fn scale(values: &[f32], bits: u32, unbiased: bool) -> f32 {
    if bits > 1 || unbiased {
        return largest(values);
    }
    (in_lanes(values, |x, _| f64::from(x.abs())) / values.len().max(1) as f64) as f32
}

/// The largest magnitude.
fn largest(values: &[f32]) -> f32 {
    let (lanes, rest) = values.as_chunks::<16>();
    let mut most = [0.0f32; 16];
    for lane in lanes {
        most.iter_mut().zip(lane).for_each(|(most, x)| *most = most.max(x.abs()));
    }
    most.iter().copied().chain(rest.iter().map(|x| x.abs())).fold(0.0, f32::max)
}

/// Adds what `term` makes of each value and its place, in lanes of a fixed order.
#[inline(always)]
fn in_lanes(values: &[f32], term: impl Fn(f32, usize) -> f64) -> f64 {
    let (lanes, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (number, lane) in lanes.iter().enumerate() {
        for (place, (sum, &x)) in sums.iter_mut().zip(lane).enumerate() {
            *sum += term(x, number * 8 + place);
        }
    }
    let behind = values.len() - rest.len();
    let rest = rest.iter().enumerate().map(|(place, &x)| term(x, behind + place));
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

/// A value in units of levels, from 0 to `top`: ends and middle are exact.
#[inline(always)]
fn place_of(x: f32, scale: f32, half: f32) -> f32 {
    // Division first: x = ±scale gives ±1 exactly. Where the scale is zero, all values are.
    let ratio = if scale > 0.0 { (x / scale).clamp(-1.0, 1.0) } else { 0.0 };
    ratio * half + half
}

/// The nearest level of each value.
pub(super) fn nearest(values: &[f32], scale: f32, top: u16, levels: &mut Vec<u16>) {
    let half = f32::from(top) * 0.5;
    let level = |&x: &f32| place_of(x, scale, half).round_ties_even() as i32 as u16;
    Arch::new().dispatch(|| levels.extend(values.iter().map(level)));
}

/// The level below or above each value, with the probability that makes the mean right.
pub(super) fn stochastic(
    values: &[f32],
    scale: f32,
    top: u16,
    rng: &mut Random,
    levels: &mut Vec<u16>,
) {
    let half = f32::from(top) * 0.5;
    let mut draws = [[0u32; 2]; 256];
    for values in values.chunks(512) {
        for pair in draws.iter_mut().take(values.len().div_ceil(2)) {
            let draw = rng.next_u64();
            *pair = [draw as u32, (draw >> 32) as u32];
        }
        let level = |(&x, &draw): (&f32, &u32)| {
            let place = place_of(x, scale, half);
            let below = place.floor();
            // Both are multiples of 2⁻²⁴ below 1: compared exactly.
            let coin = (draw >> 8) as f32 * (1.0 / (1 << 24) as f32);
            (below as i32 + i32::from(coin < place - below)) as u16
        };
        let draws = draws.as_flattened();
        Arch::new().dispatch(|| levels.extend(values.iter().zip(draws).map(level)));
    }
}

/// The nearest normal level of each value, and the scale that they are to be multiplied by.
pub(super) fn normal(
    book: &Codebook,
    unbiased: bool,
    values: &[f32],
    levels: &mut Vec<u16>,
) -> f32 {
    let squares = params::sum_of_squares(values);
    let unit = ((values.len() as f64).sqrt() / squares.sqrt()) as f32;
    if !unit.is_finite() {
        levels.resize(values.len(), 0);
        return 0.0;
    }
    levels.extend(values.iter().map(|&x| book.nearest(x * unit)));
    let q = |place: usize| f64::from(book.value(levels.get(place).copied().unwrap_or_default()));
    let along = in_lanes(values, |x, place| f64::from(x) * q(place));
    let scale = match unbiased {
        true => squares / along,
        false => along / in_lanes(values, |_, place| q(place) * q(place)),
    };
    scale as f32
}
