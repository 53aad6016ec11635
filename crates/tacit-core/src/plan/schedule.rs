//! How the participants' step size falls from round to round.

use super::sections::whole;
use crate::error::Error;
use crate::registry::Arguments;

/// A factor of the learning rate for every round, in the closed forms of
/// `torch.optim.lr_scheduler`, with rounds for epochs.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    shape: Shape,
    decay: f64,
    decay_rounds: u32,
    warmup_rounds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    Constant,
    Step,
    Exponential,
    InverseSqrt,
    Cosine,
}

impl Schedule {
    pub(super) fn new(of: &Arguments) -> Result<Self, Error> {
        let shape = match of.text("schedule")? {
            "step" => Shape::Step,
            "exponential" => Shape::Exponential,
            "inverse-sqrt" => Shape::InverseSqrt,
            "cosine" => Shape::Cosine,
            _ => Shape::Constant,
        };
        Ok(Self {
            shape,
            decay: of.number("decay")?,
            decay_rounds: whole(of, "decay_rounds")?,
            warmup_rounds: whole(of, "warmup_rounds")?,
        })
    }

    /// The factor in `round` (from 1) of `num_rounds`: above 0, at most 1.
    pub fn factor(&self, round: u32, num_rounds: u32) -> f64 {
        let passed = f64::from(round.saturating_sub(1));
        let periods = passed / f64::from(self.decay_rounds);
        let factor = match self.shape {
            Shape::Constant => 1.0,
            Shape::Step => self.decay.powf(periods.floor()),
            Shape::Exponential => self.decay.powf(periods),
            Shape::InverseSqrt => 1.0 / (1.0 + periods).sqrt(),
            Shape::Cosine => {
                let turn = std::f64::consts::PI * passed / f64::from(num_rounds.max(1));
                (1.0 + turn.cos()) / 2.0
            }
        };
        let warm = match self.warmup_rounds {
            0 => 1.0,
            rounds => (f64::from(round) / f64::from(rounds)).min(1.0),
        };
        // A step size of zero would train nothing and say so nowhere.
        (factor * warm).max(f64::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(shape: Shape, warmup_rounds: u32) -> Schedule {
        Schedule { shape, decay: 0.5, decay_rounds: 2, warmup_rounds }
    }

    #[test]
    fn closed_forms() {
        // StepLR(2, 0.5), ExponentialLR(sqrt 0.5), CosineAnnealingLR(4) of PyTorch.
        let cases = [
            (Shape::Constant, [1.0, 1.0, 1.0, 1.0]),
            (Shape::Step, [1.0, 1.0, 0.5, 0.5]),
            (Shape::Exponential, [1.0, 0.5f64.sqrt(), 0.5, 0.5f64.powf(1.5)]),
            (Shape::Cosine, [1.0, 0.853_553_390_593_273_8, 0.5, 0.146_446_609_406_726_24]),
            (Shape::InverseSqrt, [1.0, 1.5f64.powf(-0.5), 0.5f64.sqrt(), 2.5f64.powf(-0.5)]),
        ];
        for (shape, expected) in cases {
            for (round, expected) in (1..).zip(expected) {
                let found = schedule(shape, 0).factor(round, 4);
                assert!((found - expected).abs() < 1e-15, "{shape:?} {round}: {found}");
            }
        }
    }

    #[test]
    fn warm_up_rises_to_the_schedule() {
        let warm = schedule(Shape::Constant, 4);
        let found: Vec<f64> = (1..=6).map(|round| warm.factor(round, 6)).collect();
        assert_eq!(found, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn never_zero() {
        for shape in [Shape::Step, Shape::Exponential, Shape::Cosine] {
            assert!(schedule(shape, 0).factor(1_000_000, 1_000_000) > 0.0);
        }
    }
}
