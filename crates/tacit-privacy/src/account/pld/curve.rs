//! Reading bounds of δ and ε off a composed measure.

use super::track::Side;

/// A composed, tilted measure on a window of the grid, and how far it may be off.
#[derive(Clone, Debug)]
pub struct Curve {
    pub tilt: f64,
    pub h: f64,
    /// First grid point, without `anchor`.
    pub start: f64,
    /// Sum of the releases' anchors: losses are start + anchor + h·i.
    pub anchor: f64,
    /// Sums to about 1.
    pub masses: Vec<f64>,
    /// ln of what the tilted masses are to be multiplied by, after tilting back.
    pub ln_scale: f64,
    /// A larger tilt, and the logarithm of the measure's moment there.
    pub outer: f64,
    /// See `outer`.
    pub ln_outer: f64,
    /// Mass at infinity.
    pub infinity: f64,
    /// Bound of the Euclidean norm of the rounding of `masses`.
    pub rounding: f64,
    /// Bound of the error of losses.
    pub loss_slack: f64,
    pub side: Side,
}

/// Largest value of (1 − e^−x)e^{−λx}.
fn peak(tilt: f64) -> f64 {
    (tilt * (tilt / (1.0 + tilt)).ln()).exp() / (1.0 + tilt)
}

impl Curve {
    /// The least ε that is certainly enough for `delta` (upper), or the largest that is certainly
    /// not more than needed (lower). Infinite, or 0, where the window does not say.
    pub fn epsilon(&self, delta: f64) -> f64 {
        let reference = self.reference();
        let scale = (self.ln_scale - self.tilt * reference).exp();
        let target = (delta - self.infinity) / scale / (1.0 + self.sign() * self.relative());
        if target <= 0.0 || !scale.is_finite() || scale == 0.0 {
            return self.moment_epsilon(delta);
        }
        // Σ a over points above l, with a = mass·e^{−λ(l − ref)}, and Σ a·e^{−(their l − l)}. Each
        // step loses a rounding or two of what it carries on.
        let (mut above, mut discounted) = (0.0, 0.0);
        let step = (-self.h).exp();
        let drift = 4.0 * f64::EPSILON * (1.0 / self.h).min(self.masses.len() as f64);
        for i in (0..self.masses.len()).rev() {
            let l = self.start + i as f64 * self.h - reference;
            let error = self.error(l) + drift * above;
            let value = above - discounted + self.sign() * error;
            if value.is_nan() {
                break;
            }
            if value >= target {
                let solved = l + ((above + self.sign() * error - target) / discounted).ln();
                let solved = if solved.is_finite() { solved.clamp(l, l + self.h) } else { l };
                if self.side == Side::Upper && i + 1 == self.masses.len() {
                    break; // What lies above the window is not known well enough.
                }
                let epsilon = solved + reference + self.anchor + self.sign() * self.loss_slack;
                return epsilon.max(0.0);
            }
            let weighted = self.masses[i] * (-self.tilt * l).exp();
            above += weighted;
            discounted = (discounted + weighted) * step;
            if self.side == Side::Upper && l + reference + self.anchor + self.loss_slack <= 0.0 {
                return 0.0;
            }
        }
        self.moment_epsilon(delta)
    }

    /// A bound of δ at `epsilon`: not less (upper), not more (lower).
    pub fn delta(&self, epsilon: f64) -> f64 {
        let reference = self.reference();
        let at = epsilon - self.anchor - self.sign() * self.loss_slack;
        let x = at - reference;
        let scale = (self.ln_scale - self.tilt * reference).exp();
        let first = ((at - self.start) / self.h).floor() + 1.0;
        let inside = first >= 0.0 && first < self.masses.len() as f64;
        if !inside || !scale.is_finite() {
            if self.side == Side::Lower {
                return 0.0;
            }
            let ln = self.moments().map(|(tilt, ln)| ln - tilt * at).into_iter();
            return (ln.fold(0.0, f64::min).exp() + self.infinity).min(1.0);
        }
        let mut sum = 0.0;
        for i in first as usize..self.masses.len() {
            let l = self.start + i as f64 * self.h - reference;
            sum += self.masses[i] * (-self.tilt * l).exp() * -(x - l).exp_m1();
        }
        let sum = sum + self.sign() * self.error(x);
        if sum.is_nan() {
            return if self.side == Side::Upper { 1.0 } else { 0.0 };
        }
        let delta = sum * scale * (1.0 + self.sign() * self.relative()) + self.infinity;
        delta.clamp(0.0, 1.0)
    }

    /// Losses are measured from the middle of the window, so that weights stay within range.
    fn reference(&self) -> f64 {
        self.start + 0.5 * self.h * self.masses.len() as f64
    }

    fn sign(&self) -> f64 {
        if self.side == Side::Upper { 1.0 } else { -1.0 }
    }

    /// Tilts whose moments are known: e^{K(λ)} bounds the mass above ε by e^{K(λ) − λε}.
    fn moments(&self) -> [(f64, f64); 2] {
        [(self.tilt, self.ln_scale), (self.outer, self.ln_outer)]
    }

    /// What moments alone say where the window says nothing.
    fn moment_epsilon(&self, delta: f64) -> f64 {
        let left = delta - self.infinity;
        if self.side == Side::Lower {
            return 0.0;
        }
        if left <= 0.0 {
            return f64::INFINITY;
        }
        let bounds = self.moments().map(|(tilt, ln)| (ln - left.ln()) / tilt).into_iter();
        let least = bounds.fold(f64::INFINITY, f64::min) * (1.0 + 1e-12);
        (least + self.anchor + self.loss_slack).max(0.0)
    }

    /// Rounding of the scale.
    fn relative(&self) -> f64 {
        1e-14 * (1.0 + self.ln_scale.abs() + self.tilt * self.h * self.masses.len() as f64)
    }

    /// Bound of the error of Σ masses·e^{−λ(l − ref)}(1 − e^{ε − l})₊, at ε = `x` + ref.
    fn error(&self, x: f64) -> f64 {
        let (half, width) = (0.5 * self.tilt, self.h * self.masses.len() as f64);
        let reference = self.reference();
        // ‖(1 − e^−y)e^{−λy}‖₂ over the grid, by the peak of one half and the sum of the other.
        let count = self.masses.len() as f64;
        let norm = (-(-2.0 * half * self.h).exp_m1()).recip().min(count).sqrt() * peak(half);
        let rounding = self.rounding * norm * (-self.tilt * x).exp();
        // Everything below is a mass without tilt, divided by the scale.
        let ln_scale = self.ln_scale - self.tilt * reference;
        match self.side {
            // What is above the window counts at most its mass: e^{K(λ) − λ·top} at any tilt.
            // What wrapped around only adds.
            Side::Upper => {
                let top = self.start + width;
                let own = self.ln_scale - self.tilt * top;
                rounding + (own.min(self.ln_outer - self.outer * top) - ln_scale).exp()
            }
            // What wrapped around k times from below ε (its mass is at most 1) counts
            // e^{−λk·width}; from above, e^{λk·width}, but its mass is that above ε + k·width.
            Side::Lower => {
                let gain = self.outer - self.tilt;
                let below = -self.tilt * width;
                let above = self.ln_outer - self.outer * (x + reference) - gain * width;
                let wraps =
                    |ln: f64, ratio: f64| (ln - ln_scale).exp() / -(-ratio * width).exp_m1();
                rounding + wraps(below, self.tilt) + wraps(above, gain)
            }
        }
    }
}
