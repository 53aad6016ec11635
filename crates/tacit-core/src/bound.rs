//! What one participant can change: bounds on the norm of an update.

use crate::params;

/// The norm that clipping guarantees for one participant's contribution to a sum.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "norm", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Bound {
    /// No bound: the sum has unbounded sensitivity and no noise can make it private.
    None,
    /// Sum of magnitudes at most `limit`.
    L1 {
        /// The bound.
        limit: f64,
    },
    /// Euclidean norm at most `limit`.
    L2 {
        /// The bound.
        limit: f64,
    },
    /// Largest magnitude at most `limit`.
    Linf {
        /// The bound.
        limit: f64,
    },
}

impl Bound {
    /// The limit, in its own norm.
    pub fn limit(self) -> Option<f64> {
        match self {
            Bound::None => None,
            Bound::L1 { limit } | Bound::L2 { limit } | Bound::Linf { limit } => Some(limit),
        }
    }

    /// The same norm with another limit.
    pub fn with(self, limit: f64) -> Self {
        match self {
            Bound::None => Bound::None,
            Bound::L1 { .. } => Bound::L1 { limit },
            Bound::L2 { .. } => Bound::L2 { limit },
            Bound::Linf { .. } => Bound::Linf { limit },
        }
    }

    /// Largest Euclidean norm of `len` values within it: ‖x‖₂ ≤ ‖x‖₁ and ‖x‖₂ ≤ √n · ‖x‖∞.
    pub fn l2(self, len: usize) -> Option<f64> {
        match self {
            Bound::None => None,
            Bound::L1 { limit } | Bound::L2 { limit } => Some(limit),
            Bound::Linf { limit } => Some(limit * (len as f64).sqrt()),
        }
    }

    /// Largest sum of magnitudes of `len` values within it: ‖x‖₁ ≤ √n · ‖x‖₂ ≤ n · ‖x‖∞.
    pub fn l1(self, len: usize) -> Option<f64> {
        match self {
            Bound::None => None,
            Bound::L1 { limit } => Some(limit),
            Bound::L2 { limit } => Some(limit * (len as f64).sqrt()),
            Bound::Linf { limit } => Some(limit * len as f64),
        }
    }
}

/// The norms of values that stream by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Norms {
    total: f64,
    squares: f64,
    largest: f32,
}

impl Norms {
    /// Of a whole vector.
    pub fn of(values: &[f32]) -> Self {
        let mut norms = Self::default();
        norms.add(values, Bound::None);
        norms
    }

    /// Takes the next values, for the norm of `bound`; for every norm if there is none.
    pub fn add(&mut self, values: &[f32], bound: Bound) {
        if matches!(bound, Bound::L2 { .. } | Bound::None) {
            self.squares += params::sum_of_squares(values);
        }
        if matches!(bound, Bound::L1 { .. } | Bound::None) {
            self.total += values.iter().map(|x| f64::from(x.abs())).sum::<f64>();
        }
        if matches!(bound, Bound::Linf { .. } | Bound::None) {
            // NaN must not vanish in a maximum.
            let larger = |a: f32, b: &f32| if b.abs() <= a { a } else { b.abs() };
            self.largest = values.iter().fold(self.largest, larger);
        }
    }

    /// The norm that `bound` limits; zero where it limits none.
    pub fn norm(&self, bound: Bound) -> f64 {
        match bound {
            Bound::None => 0.0,
            Bound::L1 { .. } => self.total,
            Bound::L2 { .. } => self.squares.sqrt(),
            Bound::Linf { .. } => f64::from(self.largest),
        }
    }
}

/// How updates are brought within a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clip {
    /// The bound.
    pub bound: Bound,
    /// Whether each of a model's k tensors is brought within limit / √k by itself, so that the
    /// whole keeps the bound (McMahan et al. 2018, section 3.2); limit / k for the L1 norm.
    pub per_layer: bool,
    /// Updates longer than so many times the limit count as zero; none if not above 1.
    pub zero_above: f64,
}

impl Clip {
    /// Plain clipping into a bound.
    pub fn to(bound: Bound) -> Self {
        Self { bound, per_layer: false, zero_above: 0.0 }
    }

    /// Brings `values`, whose tensors have these lengths, within the bound. Returns whether they
    /// were within it.
    pub fn apply(&self, values: &mut [f32], tensors: impl Iterator<Item = usize> + Clone) -> bool {
        let Some(limit) = self.bound.limit() else { return true };
        let norm = Norms::of(values).norm(self.bound);
        if self.zero_above > 1.0 && (norm.is_nan() || norm > self.zero_above * limit) {
            values.fill(0.0);
            return false;
        }
        let within = norm <= limit;
        if !self.per_layer {
            shrink(values, self.bound, norm);
            return within;
        }
        let count = tensors.clone().count().max(1) as f64;
        let share = self.bound.with(match self.bound {
            Bound::L1 { .. } => limit / count,
            _ => limit / count.sqrt(),
        });
        let mut rest = values;
        for len in tensors {
            let (tensor, later) = rest.split_at_mut(len.min(rest.len()));
            shrink(tensor, share, Norms::of(tensor).norm(share));
            rest = later;
        }
        within
    }
}

fn shrink(values: &mut [f32], bound: Bound, norm: f64) {
    let Some(limit) = bound.limit().filter(|&limit| norm > limit) else { return };
    if let Bound::Linf { .. } = bound {
        // The largest f32 that is not above the limit.
        let limit = match limit as f32 {
            nearest if f64::from(nearest) > limit => nearest.next_down(),
            nearest => nearest,
        };
        return values.iter_mut().for_each(|x| *x = x.clamp(-limit, limit));
    }
    // Rounding to f32 may exceed the bound by one part in 2²³ per value: stay below.
    let factor = limit / norm * (1.0 - f64::from(f32::EPSILON));
    values.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn clipped(clip: Clip, values: &[f32], tensors: &[usize]) -> Vec<f32> {
        let mut values = values.to_vec();
        clip.apply(&mut values, tensors.iter().copied());
        values
    }

    #[test]
    fn every_norm_holds_and_direction_is_kept() {
        let mut rng = Seed::root(4).rng();
        let values: Vec<f32> = (0..500).map(|_| rng.normal() as f32).collect();
        for bound in
            [Bound::L1 { limit: 0.3 }, Bound::L2 { limit: 0.7 }, Bound::Linf { limit: 0.1 }]
        {
            let found = clipped(Clip::to(bound), &values, &[500]);
            assert!(Norms::of(&found).norm(bound) <= bound.limit().unwrap(), "{bound:?}");
            assert!(found.iter().zip(&values).all(|(a, b)| a * b >= 0.0 && a.abs() <= b.abs()));
            let small: Vec<f32> = values.iter().map(|x| x * 1e-4).collect();
            assert_eq!(clipped(Clip::to(bound), &small, &[500]), small);
            // What the other norms can be at the most.
            assert!(Norms::of(&found).norm(Bound::L2 { limit: 0.0 }) <= bound.l2(500).unwrap());
            assert!(Norms::of(&found).norm(Bound::L1 { limit: 0.0 }) <= bound.l1(500).unwrap());
        }
    }

    #[test]
    fn layers_share_the_bound() {
        let clip = Clip { per_layer: true, ..Clip::to(Bound::L2 { limit: 2.0 }) };
        let found = clipped(clip, &[3.0, 4.0, 0.1, 0.0], &[2, 2]);
        let share = 2.0 / 2f32.sqrt();
        assert!((found[0] - 0.6 * share).abs() < 1e-6 && (found[1] - 0.8 * share).abs() < 1e-6);
        assert_eq!(found[2..], [0.1, 0.0]);
        for bound in [Bound::L1 { limit: 1.0 }, Bound::Linf { limit: 1.0 }] {
            let clip = Clip { per_layer: true, ..Clip::to(bound) };
            let found = clipped(clip, &[3.0, 4.0, -5.0, 6.0], &[1, 2, 1]);
            assert!(Norms::of(&found).norm(bound) <= 1.0, "{bound:?}");
        }
    }

    #[test]
    fn absurd_updates_count_as_zero() {
        let clip = Clip { zero_above: 10.0, ..Clip::to(Bound::L2 { limit: 1.0 }) };
        assert_eq!(clipped(clip, &[0.0, 11.0], &[2]), [0.0, 0.0]);
        assert_ne!(clipped(clip, &[0.0, 9.0], &[2]), [0.0, 0.0]);
        let off = Clip { zero_above: 0.0, ..clip };
        assert_ne!(clipped(off, &[0.0, 1e6], &[2]), [0.0, 0.0]);
    }

    #[test]
    fn streamed_norms_are_those_of_the_whole_and_see_nan() {
        let bound = Bound::Linf { limit: 1.0 };
        let mut norms = Norms::default();
        for part in [&[0.5f32, -3.0][..], &[2.0]] {
            norms.add(part, Bound::None);
        }
        assert_eq!(norms, Norms::of(&[0.5, -3.0, 2.0]));
        assert!(Norms::of(&[f32::NAN]).norm(bound).is_nan());
    }
}
