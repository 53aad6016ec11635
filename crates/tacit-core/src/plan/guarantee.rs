//! What a plan promises of one participant's update, in plain words: the `privacy_guarantee` of
//! reports and records.

use super::{Plan, Sampling};
use crate::account::Epsilon;
use crate::error::Error;
use crate::registry::Family;
use crate::traits::Party;

/// What no noise of a model covers.
const FIGURES: &str = "losses, counts and accuracies in reports have no noise";

impl Plan {
    /// One sentence; `spent` is ε of the releases so far, `None` before the first.
    pub fn guarantee(&self, spent: Option<Epsilon>) -> String {
        let by = self.mechanism().map_or(Party::Nobody, |mechanism| mechanism.by());
        let seen = match self.choice(Family::Protection).name() {
            "plain" => "the coordinator sees each update; others on the wire see none",
            _ if self.promise().is_ok_and(|promise| promise.is_some()) => {
                "nobody sees a single update, only sums are opened"
            }
            _ => "single updates are protected as the plan's protection says",
        };
        let privacy = match spent {
            Some(Epsilon { upper, delta, .. }) => {
                format!("({}, {delta:e})-differential privacy", short(upper))
            }
            None => "differential privacy".into(),
        };
        let rule = self.choice(Family::Mechanism).name();
        match by {
            Party::Nobody => format!("{seen}; no differential privacy"),
            Party::Coordinator => format!(
                "{seen}; {rule} noise of the coordinator gives each participant {privacy} against \
                 whoever sees the models{}, if the coordinator is honest; {FIGURES}",
                self.hidden()
            ),
            Party::Participant => format!(
                "{rule} noise of each participant gives it {privacy} against everybody else, the \
                 coordinator included; neighbours: its examples replaced by any others"
            ),
            Party::Cohort => format!(
                "{seen}, with a share of the noise; {rule} noise of at least {} participants \
                 gives each {privacy} against whoever sees the models{}, if so many are honest; \
                 {FIGURES}",
                self.cohort().minimum,
                self.hidden()
            ),
        }
    }

    /// What the protection promises against the plan's adversary, in plain words; `None` where
    /// single updates are not hidden.
    pub fn promise(&self) -> Result<Option<String>, Error> {
        let protection = self.protection()?;
        let terms = self.terms(&self.nowhere(), 32);
        protection.exchange().map(|exchange| exchange.promise(&terms)).transpose()
    }

    /// What the ε of sampled cohorts rests on, and between which federations.
    fn hidden(&self) -> &'static str {
        let cohort = self.cohort();
        let shares = self.mechanism().is_ok_and(|mechanism| mechanism.by() == Party::Cohort);
        match cohort.sampling {
            Sampling::Poisson => {
                " and neither who nor how many were drawn; neighbours: the participant present or \
                 absent"
            }
            Sampling::Fixed if cohort.invited() >= self.participants() && shares => {
                "; neighbours: the participant's update, or zero with its share of the noise"
            }
            Sampling::Fixed if cohort.invited() >= self.participants() => {
                "; neighbours: the participant present or absent"
            }
            Sampling::Fixed => {
                " and not who was drawn; neighbours: the participant's examples replaced"
            }
        }
    }
}

/// Four significant digits, rounded up: a smaller ε would be a stronger claim.
fn short(epsilon: f64) -> String {
    if !epsilon.is_finite() || epsilon <= 0.0 {
        return format!("{epsilon}");
    }
    let unit = 10f64.powi(3 - epsilon.log10().floor() as i32);
    format!("{}", (epsilon * unit).ceil() / unit)
}

#[cfg(test)]
mod tests {
    #[test]
    fn epsilon_is_never_rounded_down() {
        assert_eq!(super::short(1.828_24), "1.829");
        assert_eq!(super::short(29.104_01), "29.11");
        assert_eq!(super::short(0.0), "0");
        assert_eq!(super::short(f64::INFINITY), "inf");
    }
}
