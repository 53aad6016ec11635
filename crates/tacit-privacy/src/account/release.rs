//! What can be composed.

use super::error::{AccountError, check, positive};
use std::fmt;

/// Two federations that must be hard to tell apart differ in one participant: how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Neighbours {
    /// One takes part in one of them only; the sensitivity is the largest norm of one
    /// contribution: the clipping norm C.
    AddRemove,
    /// One contributes otherwise, their number is public; the sensitivity is the largest norm of
    /// the difference of two contributions: 2C for a sum of contributions clipped to C.
    ReplaceOne,
}

impl fmt::Display for Neighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Neighbours::AddRemove => "add/remove",
            Neighbours::ReplaceOne => "replace-one",
        })
    }
}

/// How noise was added. Noise is stated over the sensitivity, and the sensitivity belongs to the
/// neighbours: see [`Neighbours`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mechanism {
    /// Gaussian noise.
    Gaussian {
        /// Standard deviation over L2 sensitivity.
        noise_multiplier: f64,
    },
    /// Laplace noise.
    Laplace {
        /// Scale b over L1 sensitivity: one release is 1/b-differentially private.
        scale: f64,
    },
    /// Anything that is (ε, 0)-differentially private, as a local randomiser is.
    Pure {
        /// Its ε.
        epsilon: f64,
    },
    /// Anything that is ρ-zero-concentrated, as (distributed) discrete Gaussian noise is.
    Concentrated {
        /// Its ρ.
        rho: f64,
    },
    /// Skellam noise: the difference of two Poisson variables, on integers.
    Skellam {
        /// L1 sensitivity, in units of the integers.
        l1: f64,
        /// L2 sensitivity, in units of the integers.
        l2: f64,
        /// Variance of the noise of one coordinate of the sum: that of all participants.
        mu: f64,
    },
}

/// Who took part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sampling {
    /// Everybody: no amplification, and either kind of neighbours.
    None,
    /// Each participant by an own coin that falls `rate` of the time; for add/remove neighbours.
    Poisson {
        /// Probability, in (0, 1].
        rate: f64,
    },
    /// A uniformly random cohort without replacement; for replace-one neighbours.
    Fixed {
        /// Participants drawn.
        size: u64,
        /// Participants to draw from.
        of: u64,
    },
}

impl Sampling {
    /// The neighbours for which this kind of sampling amplifies; `None` where either will do.
    pub fn neighbours(&self) -> Option<Neighbours> {
        match self {
            Sampling::None => None,
            Sampling::Poisson { .. } => Some(Neighbours::AddRemove),
            Sampling::Fixed { .. } => Some(Neighbours::ReplaceOne),
        }
    }

    /// The share of participants who take part.
    pub fn rate(&self) -> f64 {
        match *self {
            Sampling::None => 1.0,
            Sampling::Poisson { rate } => rate,
            Sampling::Fixed { size, of } => size as f64 / of as f64,
        }
    }
}

/// One release: noise that was added to what a cohort contributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Release {
    /// How noise was added.
    pub mechanism: Mechanism,
    /// Who took part.
    pub sampling: Sampling,
    /// Largest total-variation distance between the noise that was drawn and the noise that
    /// `mechanism` states; 0 for exact samplers. It adds (1 + e^ε) times itself to δ: once for
    /// each of the two neighbours.
    pub total_variation: f64,
}

impl Release {
    /// A release of exactly this noise.
    pub fn new(mechanism: Mechanism, sampling: Sampling) -> Self {
        Self { mechanism, sampling, total_variation: 0.0 }
    }

    /// Refuses numbers outside their range.
    pub fn check(&self) -> Result<(), AccountError> {
        match self.mechanism {
            Mechanism::Gaussian { noise_multiplier } => {
                positive("noise multiplier", noise_multiplier)?;
            }
            Mechanism::Laplace { scale } => positive("scale", scale)?,
            Mechanism::Pure { epsilon } => positive("epsilon of the randomiser", epsilon)?,
            Mechanism::Concentrated { rho } => positive("rho", rho)?,
            Mechanism::Skellam { l1, l2, mu } => {
                positive("l1 sensitivity", l1)?;
                positive("l2 sensitivity", l2)?;
                positive("variance of the noise", mu)?;
            }
        }
        match self.sampling {
            Sampling::None => {}
            Sampling::Poisson { rate } => {
                let holds = rate > 0.0 && rate <= 1.0;
                check("sampling rate", "a number above 0, at most 1", rate, holds)?;
            }
            Sampling::Fixed { size, of } => {
                if size == 0 || size > of {
                    return Err(AccountError::Cohort { size, of });
                }
            }
        }
        let (distance, expected) = (self.total_variation, "a number from 0, below 1");
        check("total variation", expected, distance, (0.0..1.0).contains(&distance))
    }

    /// Whether everybody takes part, so that nothing is amplified.
    pub fn is_full(&self) -> bool {
        self.sampling.rate() >= 1.0
    }
}

/// Remembers for which neighbours releases were composed, and how far samplers were off.
#[derive(Clone, Debug, Default)]
pub(crate) struct Composed {
    neighbours: Option<Neighbours>,
    total_variation: f64,
}

impl Composed {
    /// Checks a release and adds it.
    pub fn add(&mut self, release: &Release, times: u64) -> Result<(), AccountError> {
        release.check()?;
        super::error::check_times(times)?;
        let found = release.sampling.neighbours();
        if let (Some(expected), Some(found)) = (self.neighbours, found)
            && expected != found
        {
            return Err(AccountError::Neighbours { expected, found });
        }
        self.neighbours = self.neighbours.or(found);
        self.total_variation += release.total_variation * times as f64;
        Ok(())
    }

    /// What inexact samplers add to δ at `epsilon`.
    pub fn slack(&self, epsilon: f64) -> f64 {
        if self.total_variation > 0.0 { self.total_variation * (1.0 + epsilon.exp()) } else { 0.0 }
    }

    /// The least ε with ε ≥ `epsilon_of(delta − slack(ε))`: iterated from below, where each step
    /// can only grow; infinite where the slack uses up δ.
    pub fn fold(&self, delta: f64, mut epsilon_of: impl FnMut(f64) -> f64) -> f64 {
        let mut epsilon = 0.0;
        for _ in 0..100 {
            let left = delta - self.slack(epsilon);
            if left <= 0.0 {
                return f64::INFINITY;
            }
            let next = epsilon_of(left);
            if self.total_variation == 0.0 || next <= epsilon {
                return next;
            }
            // A little above, so that the iteration ends on the safe side.
            epsilon = next * (1.0 + 1e-12);
        }
        f64::INFINITY
    }
}
