//! The two distributions that dominate a release, and the privacy loss between them.
//!
//! Without sampling, a release is dominated by a pair (P, Q): with and without the participant.
//! Under Poisson sampling of rate q it is dominated by ((1−q)Q + qP, Q) where the participant is
//! removed and by (Q, (1−q)Q + qP) where they are added (Zhu, Dong & Wang 2022, theorem 11).
//! Everything is written in the loss l = ln(P/Q) of the pair without sampling.

use crate::account::release::{Mechanism, Release};

/// Whether the participant is in the first or in the second of the two federations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Remove,
    Add,
}

/// A mechanism without sampling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Base {
    /// l is N(−s²/2, s²) under Q and N(s²/2, s²) under P.
    Gaussian { s: f64 },
    /// l is ±e, and in between has the density ¼e^{−(l+e)/2} under Q.
    Laplace { e: f64 },
    /// Randomised response: l is ±e.
    Pure { e: f64 },
}

/// A base, sampled, in one direction: the loss L and its distribution under the first of the two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub base: Base,
    pub rate: f64,
    pub direction: Direction,
}

/// Where something sits, in l.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

impl Base {
    /// The pair of a release, where one is known.
    pub fn of(release: &Release) -> Option<Self> {
        match release.mechanism {
            Mechanism::Gaussian { noise_multiplier } => {
                Some(Base::Gaussian { s: 1.0 / noise_multiplier })
            }
            Mechanism::Laplace { scale } => Some(Base::Laplace { e: 1.0 / scale }),
            Mechanism::Pure { epsilon } => Some(Base::Pure { e: epsilon }),
            Mechanism::Concentrated { .. } | Mechanism::Skellam { .. } => None,
        }
    }
}

impl Pair {
    /// L as a function of l: ±ln(1 − q + qe^l).
    pub fn loss(&self, l: f64) -> f64 {
        let q = self.rate;
        let loss = if q >= 1.0 {
            l
        } else if l < 30.0 {
            (q * l.exp_m1()).ln_1p()
        } else {
            l + (q + (1.0 - q) * (-l).exp()).ln()
        };
        match self.direction {
            Direction::Remove => loss,
            Direction::Add => -loss,
        }
    }

    /// l as a function of L; infinite outside of L's range.
    pub fn invert(&self, loss: f64) -> f64 {
        let q = self.rate;
        let loss = match self.direction {
            Direction::Remove => loss,
            Direction::Add => -loss,
        };
        if q >= 1.0 {
            return loss;
        }
        if loss > 30.0 {
            return loss - q.ln() + (-(1.0 - q) * (-loss).exp()).ln_1p();
        }
        let above = loss.exp_m1() / q;
        if above > -1.0 { above.ln_1p() } else { f64::NEG_INFINITY }
    }

    /// The end of L's range, near which losses of a small rate gather.
    pub fn end(&self) -> Option<f64> {
        let bounded = matches!(self.base, Base::Gaussian { .. }) && self.rate < 1.0;
        let end = (-self.rate).ln_1p();
        bounded.then_some(if self.direction == Direction::Remove { end } else { -end })
    }

    /// A loss on which the grid should stand: the end of L's range, or its lower atom.
    pub fn anchor(&self) -> f64 {
        let (Base::Laplace { e } | Base::Pure { e }) = self.base else {
            return self.end().unwrap_or(0.0);
        };
        self.loss(-e).min(self.loss(e))
    }

    /// Distance of the two atoms, on which the grid should stand too.
    pub fn atom_gap(&self) -> Option<f64> {
        match self.base {
            Base::Gaussian { .. } => None,
            Base::Laplace { e } | Base::Pure { e } => Some((self.loss(e) - self.loss(-e)).abs()),
        }
    }

    /// Atoms: L and mass under the first distribution.
    pub fn atoms(&self) -> Vec<(f64, f64)> {
        // Masses under Q and P of −e, then of e.
        let (e, q, p) = match self.base {
            Base::Gaussian { .. } => return Vec::new(),
            Base::Laplace { e } => {
                let small = 0.5 * (-e).exp();
                (e, [0.5, small], [small, 0.5])
            }
            Base::Pure { e } => {
                let large = 1.0 / (1.0 + (-e).exp());
                let small = (-e).exp() * large;
                (e, [large, small], [small, large])
            }
        };
        let mass = |i: usize| match self.direction {
            Direction::Remove => (1.0 - self.rate) * q[i] + self.rate * p[i],
            Direction::Add => q[i],
        };
        vec![(self.loss(-e), mass(0)), (self.loss(e), mass(1))]
    }

    /// Values of l outside of which each side has at most `tail` of the first distribution.
    pub fn range(&self, tail: f64) -> Range {
        match self.base {
            Base::Gaussian { s } => {
                // 1 − Φ(u) ≤ ½e^{−u²/2}.
                let reach = |mass: f64| s * (-2.0 * mass.min(1.0).ln()).sqrt();
                let (m, q) = (0.5 * s * s, self.rate);
                let mut range = Range { low: -m - reach(tail), high: -m + reach(tail) };
                if self.direction == Direction::Remove {
                    range.high = range.high.max(m + reach(tail / q));
                    if q >= 1.0 {
                        range.low = m - reach(tail);
                    }
                }
                range
            }
            Base::Laplace { e } => Range { low: -e, high: e },
            Base::Pure { .. } => Range { low: 0.0, high: 0.0 },
        }
    }

    /// Density of l under the first distribution, and that times 1 − e^{at − L}, without
    /// overflow or cancellation beyond rounding of the parts.
    pub fn density(&self, l: f64, at: f64) -> (f64, f64) {
        let q = self.rate;
        let (under_q, under_p) = match self.base {
            Base::Gaussian { s } => {
                let density = |x: f64| 0.398_942_280_401_432_7 / s * (-0.5 * x * x / s / s).exp();
                let m = 0.5 * s * s;
                // Only one is needed: the other follows from it by e^l, where that is not large.
                if l > 0.0 && self.direction == Direction::Remove {
                    (0.0, density(l - m))
                } else {
                    (density(l + m), 0.0)
                }
            }
            Base::Laplace { e } => (0.25 * (-0.5 * (l + e)).exp(), 0.25 * (0.5 * (l - e)).exp()),
            Base::Pure { .. } => return (0.0, 0.0),
        };
        match self.direction {
            Direction::Add => {
                let ratio = q * l.exp_m1();
                (under_q, -under_q * at.exp() * (ratio - (-at).exp_m1()))
            }
            Direction::Remove if l <= 0.0 => {
                let ratio = q * l.exp_m1();
                (under_q * (1.0 + ratio), under_q * (ratio - at.exp_m1()))
            }
            Direction::Remove => {
                let down = (-l).exp();
                let share = q + (1.0 - q) * down;
                let excess = if l < 30.0 {
                    down * (q * l.exp_m1() - at.exp_m1())
                } else {
                    share - (at - l).exp()
                };
                (under_p * share, under_p * excess)
            }
        }
    }

    /// How fast the logarithms of the densities at l change, per unit of l.
    pub fn steepness(&self, l: f64) -> f64 {
        match self.base {
            Base::Gaussian { s } => {
                let m = 0.5 * s * s;
                let slope = ((l.abs() + m) / s / s).max(2.0 / s);
                slope.max(1.0)
            }
            Base::Laplace { .. } | Base::Pure { .. } => 1.0,
        }
    }
}
