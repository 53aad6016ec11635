//! What FedAdagrad, FedAdam and FedYogi share (Reddi et al. 2021, "Adaptive Federated
//! Optimization", algorithm 2), for every coordinate of the mean update Δ:
//! m ← β₁m + (1 − β₁)Δ, v ← each rule's own, x ← x + η · m / (√v + τ).
//!
//! As in the paper there is no bias correction: m starts at 0 and v at τ² (line 1). Slots start
//! at zero, so what is kept is v − τ²; a first round that is aborted then needs no special case.
//! Where v falls far below τ², rounding leaves it within τ² · 2⁻²³ of its value, whose root is
//! small beside the τ it is added to.

use tacit_core::error::Error;
use tacit_core::registry::{Arguments, Default, Kind, Parameter};

/// The server step size. The paper tunes η between 0.001 and 10 for each task; at 0.1 a coordinate
/// whose updates agree moves by at most about 0.1 a round.
pub(super) const LEARNING_RATE: Parameter = Parameter {
    name: "learning_rate",
    help: "server step size: about how far a coordinate whose updates agree moves in a round",
    kind: Kind::Number { min: 0.0, max: 1000.0 },
    default: Default::Number(0.1),
};

/// The decay of the first moment.
pub(super) const BETA1: Parameter = Parameter {
    name: "beta1",
    help: "share of the old first moment that is kept each round; 0 keeps none",
    kind: Kind::Number { min: 0.0, max: 0.999_999 },
    default: Default::Number(0.9),
};

/// The decay of the second moment.
pub(super) const BETA2: Parameter = Parameter {
    name: "beta2",
    help: "decay of the second moment",
    kind: Kind::Number { min: 0.0, max: 0.999_999 },
    default: Default::Number(0.99),
};

/// The adaptivity.
pub(super) const TAU: Parameter = Parameter {
    name: "tau",
    help: "degree of adaptivity: coordinates whose updates are below it are not scaled up",
    kind: Kind::Number { min: 1e-9, max: 1000.0 },
    default: Default::Number(1e-3),
};

/// The shared part of a rule.
#[derive(Clone, Debug)]
pub(super) struct Adaptive {
    learning_rate: f32,
    beta1: Decay,
    tau: f32,
    tau_squared: f32,
}

/// A decay β and 1 − β, each rounded once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decay {
    pub keep: f32,
    pub take: f32,
}

impl Decay {
    pub fn new(arguments: &Arguments, name: &str) -> Result<Self, Error> {
        let beta = arguments.number(name)?;
        Ok(Self { keep: beta as f32, take: (1.0 - beta) as f32 })
    }
}

impl Adaptive {
    pub fn new(arguments: &Arguments) -> Result<Self, Error> {
        let tau = arguments.number("tau")?;
        Ok(Self {
            learning_rate: arguments.number("learning_rate")? as f32,
            beta1: Decay::new(arguments, "beta1")?,
            tau: tau as f32,
            tau_squared: (tau * tau) as f32,
        })
    }

    /// τ², where v starts.
    pub fn tau_squared(&self) -> f32 {
        self.tau_squared
    }

    /// v − τ², and m unless β₁ = 0 makes it the update itself.
    pub fn slots(&self) -> usize {
        1 + usize::from(self.beta1.keep > 0.0)
    }

    /// One step. `second_moment` takes v − τ² and Δ² and gives the next v − τ².
    pub fn apply(
        &self,
        aggregate: &[f32],
        model: &mut [f32],
        slots: &mut [&mut [f32]],
        second_moment: impl Fn(f32, f32) -> f32,
    ) {
        match slots {
            [second, first] => {
                let state = second.iter_mut().zip(first.iter_mut());
                for ((x, (v, m)), delta) in model.iter_mut().zip(state).zip(aggregate) {
                    *m = self.beta1.keep * *m + self.beta1.take * delta;
                    *v = second_moment(*v, delta * delta);
                    *x += self.step(*m, *v);
                }
            }
            [second] => {
                for ((x, v), delta) in model.iter_mut().zip(second.iter_mut()).zip(aggregate) {
                    *v = second_moment(*v, delta * delta);
                    *x += self.step(*delta, *v);
                }
            }
            _ => {}
        }
    }

    fn step(&self, first: f32, offset: f32) -> f32 {
        // v is never negative; its sum with a rounded offset could be.
        let second = (offset + self.tau_squared).max(0.0);
        self.learning_rate * first / (second.sqrt() + self.tau)
    }
}

/// The recurrence of algorithm 2, in double precision and with v itself.
#[cfg(test)]
pub(super) mod reference {
    use super::*;
    use tacit_core::registry::{Entry, Make};
    use tacit_core::rng::Seed;

    /// v from the old v, Δ and β₂.
    pub type SecondMoment = fn(f64, f64, f64) -> f64;

    /// Runs `entry` beside the recurrence for 60 rounds of updates of many sizes.
    pub fn check(entry: &Entry, arguments: &Arguments, second_moment: SecondMoment) {
        let Make::Strategy(make) = entry.make else { panic!("not a strategy") };
        let rule = make(arguments).unwrap();
        let number = |name| arguments.number(name).unwrap();
        let (eta, beta1, tau) = (number("learning_rate"), number("beta1"), number("tau"));
        let beta2 = arguments.number("beta2").unwrap_or(0.0);

        let width = 40;
        let mut model = vec![0.0f32; width];
        let mut slots = vec![vec![0.0f32; width]; rule.slots()];
        let (mut x, mut m) = (vec![0.0f64; width], vec![0.0f64; width]);
        let mut v = vec![tau * tau; width];
        let mut rng = Seed::root(7).rng();
        for round in 1..=60 {
            // From far below τ to far above it, and nothing at all.
            let size = |i: usize| if i == 0 { 0.0 } else { 10f64.powf(i as f64 / 5.0 - 6.0) };
            let delta: Vec<f32> = (0..width).map(|i| (rng.normal() * size(i)) as f32).collect();
            let mut views: Vec<&mut [f32]> = slots.iter_mut().map(|s| &mut s[..]).collect();
            rule.apply(round, &delta, &mut model, &mut views);
            for i in 0..width {
                let delta = f64::from(delta[i]);
                m[i] = beta1 * m[i] + (1.0 - beta1) * delta;
                v[i] = second_moment(v[i], delta, beta2);
                x[i] += eta * m[i] / (v[i].sqrt() + tau);
                let error = (f64::from(model[i]) - x[i]).abs();
                let tolerance = 1e-5 * eta + 1e-6 * x[i].abs();
                assert!(error <= tolerance, "{} {i}: {} {}", entry.name, model[i], x[i]);
            }
        }
    }
}
