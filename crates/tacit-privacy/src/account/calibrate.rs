//! How much noise a target needs.

use super::error::{AccountError, check_delta, check_times, positive};
use super::pld::Pld;
use super::rdp::Rdp;
use super::release::{Mechanism, Release, Sampling};

/// What is to hold after all rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// ε, at most.
    pub epsilon: f64,
    /// δ.
    pub delta: f64,
    /// Gaussian releases.
    pub rounds: u64,
    /// How each cohort is drawn.
    pub sampling: Sampling,
}

/// Largest multiplier that is tried.
const LARGEST: f64 = 1e6;

/// The smallest noise multiplier, to a thousandth, whose certified upper bound meets the target.
/// Cohorts of a fixed size are accounted by Rényi divergences, all others by loss distributions.
pub fn noise_multiplier(target: &Target) -> Result<f64, AccountError> {
    positive("epsilon", target.epsilon)?;
    check_delta(target.delta)?;
    check_times(target.rounds)?;
    let enough = |noise: f64| Ok(epsilon(target, noise)? <= target.epsilon);
    let (mut low, mut high) = (0.0, 1.0);
    while !enough(high)? {
        (low, high) = (high, 2.0 * high);
        if high > LARGEST {
            let Target { epsilon, delta, .. } = *target;
            return Err(AccountError::Unreachable { epsilon, delta, largest: LARGEST });
        }
    }
    // Below 1, halve until it is not enough: little noise is a legitimate answer to a large ε.
    while low == 0.0 {
        if high < 1e-2 || !enough(0.5 * high)? { low = 0.5 * high } else { high *= 0.5 }
    }
    while high - low > 5e-4 * high {
        let middle = 0.5 * (low + high);
        if enough(middle)? { high = middle } else { low = middle }
    }
    Ok(high)
}

fn epsilon(target: &Target, noise_multiplier: f64) -> Result<f64, AccountError> {
    let release = Release::new(Mechanism::Gaussian { noise_multiplier }, target.sampling);
    if matches!(target.sampling, Sampling::Fixed { .. }) && !release.is_full() {
        let mut spent = Rdp::new();
        spent.compose(release, target.rounds)?;
        return Ok(spent.epsilon(target.delta)?.value);
    }
    let mut spent = Pld::new();
    spent.compose(release, target.rounds)?;
    Ok(spent.epsilon(target.delta)?.upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_meets_its_target_and_hardly_more() {
        let samplings = [
            Sampling::None,
            Sampling::Poisson { rate: 0.01 },
            Sampling::Fixed { size: 10, of: 1000 },
        ];
        for sampling in samplings {
            let target = Target { epsilon: 2.0, delta: 1e-5, rounds: 500, sampling };
            let noise = noise_multiplier(&target).unwrap();
            assert!(epsilon(&target, noise).unwrap() <= 2.0);
            assert!(epsilon(&target, noise * 0.99).unwrap() > 2.0);
        }
    }

    #[test]
    fn impossible_targets_are_refused() {
        let target =
            Target { epsilon: 1e-9, delta: 1e-9, rounds: 1_000_000, sampling: Sampling::None };
        assert!(matches!(noise_multiplier(&target), Err(AccountError::Unreachable { .. })));
        for epsilon in [0.0, -1.0, f64::NAN] {
            assert!(noise_multiplier(&Target { epsilon, ..target }).is_err());
        }
        assert!(noise_multiplier(&Target { rounds: 0, ..target }).is_err());
        assert!(noise_multiplier(&Target { delta: 1.0, ..target }).is_err());
    }
}
