//! Convolution in one direction: each release's measures are transformed once, raised to the
//! number of times it was made, and multiplied; later releases multiply what is there.

use super::curve::Curve;
use super::lattice::{self, Measure};
use super::pair::Pair;
use super::settings::Settings;
use realfft::num_complex::Complex64;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::sync::Arc;

/// The bounds from below and from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Lower,
    Upper,
}

/// One release, and how often it was made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    pub pair: Pair,
    pub times: u64,
}

/// What a side knows besides its spectrum; sums over releases.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    /// ln of the masses' sum after tilting: K(λ) of the measure.
    k: f64,
    /// The same at the outer tilt.
    outer: f64,
    infinity: f64,
    anchor: f64,
    /// Euclidean norms of the tilted measures, for the rounding of transforms.
    norm: f64,
}

impl Totals {
    fn add(&mut self, other: &Totals, times: f64) {
        self.k += times * other.k;
        self.outer += times * other.outer;
        self.infinity += times * other.infinity;
        self.anchor += times * other.anchor;
        self.norm += times * other.norm;
    }
}

/// The transform of one release.
#[derive(Clone)]
struct Member {
    part: Part,
    loss_slack: f64,
    spectra: [Vec<Complex64>; 2],
    totals: [Totals; 2],
}

/// All releases so far, on one grid.
#[derive(Clone)]
pub struct Track {
    pub settings: Settings,
    members: Vec<Member>,
    products: [Vec<Complex64>; 2],
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
}

impl Track {
    /// An empty track.
    pub fn new(settings: Settings, parts: &[Part]) -> Self {
        let settings = align(settings, parts);
        let mut planner = RealFftPlanner::new();
        let one = vec![Complex64::new(1.0, 0.0); settings.size / 2 + 1];
        let mut track = Self {
            settings,
            members: Vec::new(),
            products: [one.clone(), one],
            forward: planner.plan_fft_forward(settings.size),
            inverse: planner.plan_fft_inverse(settings.size),
        };
        track.follow(parts);
        track
    }

    /// Multiplies in what `parts` has more than before. Parts only grow in number and times.
    pub fn follow(&mut self, parts: &[Part]) {
        for (i, part) in parts.iter().enumerate() {
            if i == self.members.len() {
                let mut member = self.member(part.pair);
                member.part.times = 0;
                self.members.push(member);
            }
            let member = &mut self.members[i];
            let more = part.times - member.part.times;
            member.part.times = part.times;
            if more > 0 {
                for (product, spectrum) in self.products.iter_mut().zip(&member.spectra) {
                    multiply(product, spectrum, more);
                }
            }
        }
    }

    /// The composed measure of a side, with `last` — made once — on top.
    pub fn curve(&self, side: Side, last: Option<Pair>) -> Curve {
        let which = side as usize;
        let (mut product, mut totals) = (self.products[which].clone(), Totals::default());
        let (mut slack, mut times) = (0.0, 0.0);
        let last = last.map(|pair| self.member(pair));
        if let Some(last) = &last {
            multiply(&mut product, &last.spectra[which], 1);
        }
        for member in self.members.iter().chain(&last) {
            let count = member.part.times as f64;
            totals.add(&member.totals[which], count);
            slack += count * member.loss_slack;
            times += count;
        }
        let (size, settings, anchor) = (self.settings.size, self.settings, totals.anchor);
        let start = ((settings.top - anchor) / settings.h).ceil() as i64 - size as i64;
        let mut masses = self.back(product);
        // Index j of the array is the grid point that is j modulo the size.
        masses.rotate_left(start.rem_euclid(size as i64) as usize);
        let edge = [start as f64 * settings.h, (start + size as i64) as f64 * settings.h];
        let norm = masses.iter().map(|m| m * m).sum::<f64>().sqrt();
        Curve {
            tilt: settings.tilt,
            h: settings.h,
            start: edge[0],
            anchor,
            masses,
            ln_scale: totals.k,
            outer: settings.outer,
            ln_outer: totals.outer,
            infinity: totals.infinity,
            // Per transform at most 8 rounding errors of a norm for each halving (Higham 2002,
            // theorem 24.2), two for what real transforms add; powers and products of c factors
            // lose 4c relative to their result.
            rounding: f64::EPSILON
                * (8.0 * ((size as f64).log2() + 2.0) * (totals.norm + norm) + 4.0 * times * norm),
            loss_slack: slack + 1e-15 * (anchor.abs() + edge[0].abs() + edge[1].abs()),
            side,
        }
    }

    fn member(&self, pair: Pair) -> Member {
        let settings = &self.settings;
        let bracket = lattice::bracket(&pair, settings.h, settings.tail);
        let (lower, low) = self.transform(&bracket.lower);
        let (upper, up) = self.transform(&bracket.upper);
        Member {
            part: Part { pair, times: 1 },
            loss_slack: bracket.loss_slack,
            spectra: [lower, upper],
            totals: [low, up],
        }
    }

    /// Tilts, normalises and transforms a measure.
    fn transform(&self, measure: &Measure) -> (Vec<Complex64>, Totals) {
        let Settings { h, tilt, outer, size, .. } = self.settings;
        let loss = |i: usize| (measure.first + i as i64) as f64 * h;
        let sum = |tilt: f64| ln_tilted(measure, tilt, h);
        let k = sum(tilt);
        let mut masses = vec![0.0; size];
        for (i, &mass) in measure.masses.iter().enumerate() {
            let at = (measure.first + i as i64).rem_euclid(size as i64) as usize;
            masses[at] += mass * (tilt * loss(i) - k).exp();
        }
        let norm = masses.iter().map(|m| m * m).sum::<f64>().sqrt();
        let mut spectrum = self.forward.make_output_vec();
        // Fails only for buffers of the wrong length, which these are not; an empty spectrum
        // makes bounds wide, not wrong.
        if self.forward.process(&mut masses, &mut spectrum).is_err() {
            spectrum.fill(Complex64::default());
        }
        let outer = sum(outer);
        (spectrum, Totals { k, outer, infinity: measure.infinity, anchor: measure.anchor, norm })
    }

    fn back(&self, mut product: Vec<Complex64>) -> Vec<f64> {
        let mut masses = self.inverse.make_output_vec();
        // The transform of real values is real at both ends; what rounding left there goes.
        if let Some(first) = product.first_mut() {
            first.im = 0.0;
        }
        if let Some(last) = product.last_mut() {
            last.im = 0.0;
        }
        if self.inverse.process(&mut product, &mut masses).is_err() {
            masses.fill(0.0);
        }
        let scale = 1.0 / masses.len() as f64;
        masses.iter_mut().for_each(|m| *m *= scale);
        masses
    }
}

/// ln Σ μ_i e^{λ h i}.
fn ln_tilted(measure: &Measure, tilt: f64, h: f64) -> f64 {
    let exponent = |i: usize| tilt * (measure.first + i as i64) as f64 * h;
    let high = exponent(0).max(exponent(measure.masses.len() - 1));
    let sum = |high: f64| {
        let term = |(i, &mass): (usize, &f64)| mass * (exponent(i) - high).exp();
        measure.masses.iter().enumerate().map(term).sum::<f64>()
    };
    let first = sum(high);
    if first > 1e-200 {
        return high + first.ln();
    }
    // All mass is far from that end: scale by the largest term instead.
    let terms = measure.masses.iter().enumerate().filter(|(_, m)| **m > 0.0);
    let high = terms.map(|(i, m)| exponent(i) + m.ln()).fold(f64::NEG_INFINITY, f64::max);
    high + sum(high).ln()
}

fn multiply(product: &mut [Complex64], spectrum: &[Complex64], times: u64) {
    for (product, factor) in product.iter_mut().zip(spectrum) {
        *product *= power(*factor, times);
    }
}

/// By squaring: no functions whose rounding depends on the platform.
fn power(mut base: Complex64, mut times: u64) -> Complex64 {
    let mut result = Complex64::new(1.0, 0.0);
    loop {
        if times & 1 == 1 {
            result *= base;
        }
        times >>= 1;
        if times == 0 {
            return result;
        }
        base *= base;
    }
}

/// Largest number of cells of one release.
const CELLS: f64 = 262_144.0;

/// Makes both atoms of the most frequent release that has some stand on the grid.
fn align(mut settings: Settings, parts: &[Part]) -> Settings {
    for part in parts {
        let range = part.pair.range(settings.tail);
        let span = (part.pair.loss(range.high) - part.pair.loss(range.low)).abs();
        settings.h = settings.h.max(span / CELLS);
    }
    let atomic = parts.iter().filter(|part| part.pair.atom_gap().is_some());
    if let Some(gap) = atomic.max_by_key(|part| part.times).and_then(|part| part.pair.atom_gap()) {
        let steps = (gap / settings.h).ceil().max(1.0);
        settings.h = gap / steps;
    }
    settings
}
