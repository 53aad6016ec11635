//! The choice of tilt, grid and window: by saddlepoint estimates, certified by nothing.

use super::cumulants::{Cumulants, Row, TILTS};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Question {
    /// The ε of this δ.
    Delta(f64),
    /// The δ of this ε.
    Epsilon(f64),
}

/// How releases are convolved.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Losses are weighted by e^{λl} before they are convolved, and back after, so that what wraps
    /// around the window from below counts e^{−λ·width}, and rounding as little.
    pub tilt: f64,
    /// A larger tilt, which bounds what lies far above.
    pub outer: f64,
    /// Step of the grid.
    pub h: f64,
    /// Number of grid points of the window, a power of two.
    pub size: usize,
    /// Upper end of the window.
    pub top: f64,
    /// Mass of one release that is cut off at either end.
    pub tail: f64,
}

impl Settings {
    /// Whether every figure is a number that grid points can be counted with.
    pub fn is_finite(&self) -> bool {
        let steps = (self.top / self.h).abs();
        [self.tilt, self.outer, self.h, self.top].iter().all(|x| x.is_finite())
            && self.h > 0.0
            && steps < 2f64.powi(52)
    }
}

/// Largest and smallest window, in grid points.
const SIZES: [usize; 2] = [1 << 18, 1 << 9];

/// −ln of what each approximation may add to δ, relative to it.
const FAINT: f64 = 13.0;

/// Chooses so that bounds are `tolerance` apart, relative to ε (to `enough`, if that is more), or
/// so.
pub fn choose(
    total: &Cumulants,
    times: f64,
    question: Question,
    tolerance: f64,
    enough: f64,
) -> Settings {
    let (star, at, estimate) = tilt_of(total, question);
    let (epsilon, ln_delta) = match question {
        Question::Epsilon(epsilon) => (epsilon, estimate),
        Question::Delta(delta) => (at.mean, delta.ln()),
    };
    let rounding = (1e-14 * (times + 20.0)).ln();
    let mut best: Option<(f64, Window)> = None;
    for (i, (&tilt, row)) in TILTS.iter().zip(&total.rows).enumerate() {
        let drowned = row.k - tilt * epsilon - ln_delta + rounding > -0.7 * FAINT;
        if tilt <= 0.0 || tilt > 1.3 * star || (drowned && tilt < 0.75 * star) {
            continue;
        }
        let window = window(total, i, epsilon, ln_delta);
        if best.as_ref().is_none_or(|(_, best)| window.width < best.width) {
            best = Some((tilt, window));
        }
    }
    let fallback =
        || (star, Window { width: at.variance.sqrt() * 40.0, top: 0.0, outer: 2.0 * star });
    let (tilt, window) = best.unwrap_or_else(fallback);
    let width = window.width * 1.1 + 1e-300;
    let wanted = tolerance * epsilon.max(0.5 * enough).max(1e-5 * width);
    // Splitting adds about h²/8 to the variance of each loss at most, and no more than its size
    // times h/2; that moves ε by (λ + 1)/2 as much, and the lower bound by a little more.
    let smooth = (4.0 * wanted / (times * (star + 1.0))).sqrt();
    let h = smooth.max(wanted / total.size / (star + 1.0));
    let h = h.clamp(width / SIZES[0] as f64, width / SIZES[1] as f64);
    let size = ((width / h).ceil() as usize + 8).next_power_of_two().min(SIZES[0]);
    Settings {
        tilt,
        outer: window.outer,
        h,
        size,
        top: window.top + 0.3 * (size as f64 * h - window.width).max(0.0),
        tail: (ln_delta - FAINT).exp().clamp(1e-280, 1e-6) / times,
    }
}

struct Window {
    width: f64,
    top: f64,
    outer: f64,
}

/// The window that the tilt of row `i` needs: see [`super::curve`] for what must be faint.
fn window(total: &Cumulants, i: usize, epsilon: f64, ln_delta: f64) -> Window {
    let tilt = TILTS[i];
    let mut best = Window { width: f64::INFINITY, top: f64::INFINITY, outer: 2.0 * tilt };
    for (&outer, row) in TILTS.iter().zip(&total.rows).skip(i + 1) {
        let above = row.k - outer * epsilon - ln_delta + FAINT;
        let width = above / (outer - tilt);
        // A step of the grid must not count for much at the outer tilt.
        if width < best.width && outer * width.max(0.1 * epsilon.abs()) < 0.5 * SIZES[1] as f64 {
            best = Window { width, top: epsilon + above / outer, outer };
        }
    }
    let own = (total.rows[i].k - ln_delta + FAINT) / tilt;
    best.top = best.top.min(own).max(epsilon);
    let below = (FAINT - ln_delta) / tilt;
    // Some room below the answer, which is not known exactly.
    let room = (best.top - epsilon) * 1.2 + 0.1 * epsilon.abs();
    best.width = best.width.max(below).max(room);
    best
}

/// The tilt under which the answer is a typical loss, the cumulants there, and ln δ.
fn tilt_of(total: &Cumulants, question: Question) -> (f64, Row, f64) {
    let zero = TILTS.iter().position(|&t| t >= 0.0).unwrap_or(0);
    let mut before: Option<(f64, f64, Row)> = None;
    for (&tilt, row) in TILTS.iter().zip(&total.rows).skip(zero) {
        let ln_delta = ln_delta_at(tilt, row);
        // Decreasing in the tilt, and zero at the answer.
        let miss = match question {
            Question::Delta(delta) => ln_delta - delta.ln(),
            Question::Epsilon(epsilon) => epsilon - row.mean,
        };
        if miss <= 0.0 {
            let Some((tilt_before, miss_before, row_before)) = before else {
                return (tilt, *row, ln_delta);
            };
            let share = if miss_before > miss { miss_before / (miss_before - miss) } else { 1.0 };
            let mix = |a: f64, b: f64| a + share * (b - a);
            let row = Row {
                k: mix(row_before.k, row.k),
                mean: mix(row_before.mean, row.mean),
                variance: mix(row_before.variance, row.variance),
            };
            let tilt = mix(tilt_before, tilt);
            return (tilt, row, ln_delta_at(tilt, &row));
        }
        before = Some((tilt, miss, *row));
    }
    let (tilt, _, row) = before.unwrap_or((1.0, 0.0, Row::default()));
    (tilt, row, ln_delta_at(tilt, &row))
}

/// ln of the saddlepoint estimate of δ at ε = mean: e^{K − λε} times what 1 − e^{ε−l} weighs.
fn ln_delta_at(tilt: f64, row: &Row) -> f64 {
    let spread = (tilt * (2.0 * std::f64::consts::PI * row.variance).sqrt()).max(1.0);
    row.k - tilt * row.mean - (1.0 + tilt).ln() - spread.ln()
}
