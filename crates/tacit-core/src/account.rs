//! What releases cost one participant, and whether the next one is still within the budget.

use crate::error::Error;
use crate::evidence::Cost;
use crate::plan::{Cohort, Sampling};
use crate::traits::Accountant;
use std::fmt;
use std::sync::Arc;

/// How the cohort of a release was drawn, by the round that drew it.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "sampling", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sampled {
    /// Everybody, or in a way that hides nobody: nothing is amplified.
    Everybody,
    /// Each participant by an own coin.
    Poisson {
        /// Probability, in (0, 1].
        rate: f64,
    },
    /// A uniform set without replacement.
    Fixed {
        /// Drawn.
        size: u64,
        /// Of so many.
        of: u64,
    },
}

impl Sampled {
    /// How `rules` draw from a roster of so many.
    pub fn of(rules: &Cohort, roster: usize) -> Self {
        match rules.sampling {
            Sampling::Poisson => Sampled::Poisson { rate: rules.poisson_rate(roster) },
            Sampling::Fixed if rules.invited() >= roster => Sampled::Everybody,
            Sampling::Fixed => Sampled::Fixed { size: rules.invited() as u64, of: roster as u64 },
        }
    }
}

/// One release: what it costs whoever was in the cohort, and how that was drawn.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// The mechanism's cost.
    pub cost: Cost,
    /// The draw.
    pub sampled: Sampled,
}

/// ε at a stated δ, between certified bounds where the accountant has both.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epsilon {
    /// No claim below this can be true; 0 where the accountant has no lower bound.
    pub lower: f64,
    /// What is claimed.
    pub upper: f64,
    /// The δ.
    pub delta: f64,
}

/// What a plan allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// Largest ε; `None` for no limit.
    pub epsilon: Option<f64>,
    /// The δ at which ε is stated.
    pub delta: f64,
}

/// Releases so far, composed by the plan's accountant.
#[derive(Clone)]
pub struct Account {
    accountant: Arc<dyn Accountant>,
    budget: Budget,
    planned: Cost,
    /// Whether the draw of cohorts hides who took part from those who see the noise.
    amplified: bool,
    /// Whether what participants send has cost them something before anything is released.
    by_participants: bool,
    spent: Vec<(Spent, u64)>,
    /// A release, and how many more of it are known to be within the budget.
    known: Option<(Spent, u64)>,
}

impl Account {
    /// Nothing is spent yet; every release will cost `planned`.
    pub fn new(accountant: Arc<dyn Accountant>, budget: Budget, planned: Cost) -> Self {
        Self {
            accountant,
            budget,
            planned,
            amplified: true,
            by_participants: false,
            spent: Vec::new(),
            known: None,
        }
    }

    /// Noise is added by each participant, whose contribution the coordinator sees: who took part
    /// is no secret, and a contribution costs also where its round is aborted.
    pub fn by_participants(self) -> Self {
        Self { amplified: false, by_participants: true, ..self }
    }

    /// The same account, stated at another δ.
    pub fn at(self, delta: f64) -> Self {
        Self { budget: Budget { delta, ..self.budget }, known: None, ..self }
    }

    /// As those see it who know who was drawn: nothing is amplified.
    pub fn seen_by_who_knows(self) -> Self {
        Self { amplified: false, known: None, ..self }
    }

    /// ε after so many more planned releases of cohorts drawn from a roster of so many.
    pub fn ahead(
        &self,
        rules: &Cohort,
        roster: usize,
        rounds: u64,
    ) -> Result<Option<Epsilon>, Error> {
        self.epsilon_with(Some((self.release(self.planned, rules, roster), rounds)))
    }

    /// What every release costs.
    pub fn planned(&self) -> Cost {
        self.planned
    }

    /// The δ, and the limit.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// Every kind of release, and how many of it.
    pub fn spent(&self) -> &[(Spent, u64)] {
        &self.spent
    }

    /// A release of a cohort drawn by `rules` from a roster of so many.
    pub fn release(&self, cost: Cost, rules: &Cohort, roster: usize) -> Spent {
        let sampled = if self.amplified { Sampled::of(rules, roster) } else { Sampled::Everybody };
        Spent { cost, sampled }
    }

    /// What is spent before the first round: by other plans on the same data.
    pub fn carry(&mut self, earlier: &[(Spent, u64)]) {
        for (spent, times) in earlier {
            self.take(*spent, *times);
        }
        self.known = None;
    }

    /// Adds a release.
    pub fn add(&mut self, release: Spent) {
        self.take(release, 1);
        self.known = match self.known {
            Some((known, left)) if known == release && left > 0 => Some((known, left - 1)),
            _ => None,
        };
    }

    fn take(&mut self, release: Spent, times: u64) {
        match self.spent.iter_mut().find(|(spent, _)| *spent == release) {
            Some((_, count)) => *count += times,
            None => self.spent.push((release, times)),
        }
    }

    /// What an aborted round with so many contributions spends.
    pub fn aborted(&self, rules: &Cohort, roster: usize, contributions: usize) -> Option<Spent> {
        let sent = self.by_participants && contributions > 0;
        sent.then(|| self.release(self.planned, rules, roster))
    }

    /// ε of everything so far; `None` where a release had no noise, or where the accountant bounds
    /// it by nothing finite.
    pub fn epsilon(&self) -> Result<Option<Epsilon>, Error> {
        Ok(self.epsilon_with(None)?.filter(|epsilon| epsilon.upper.is_finite()))
    }

    fn epsilon_with(&self, more: Option<(Spent, u64)>) -> Result<Option<Epsilon>, Error> {
        let mut all = self.clone();
        if let Some((release, times)) = more {
            all.take(release, times);
        }
        let delta = self.budget.delta;
        if all.spent.is_empty() {
            return Ok(Some(Epsilon { lower: 0.0, upper: 0.0, delta }));
        }
        if all.spent.iter().any(|(spent, _)| spent.cost == Cost::Unbounded) {
            return Ok(None);
        }
        self.accountant.epsilon(&all.spent, delta).map(Some)
    }

    /// Whether one release of this cost stays within the budget, of a cohort drawn from no more
    /// than a full roster.
    pub fn allows(&self, cost: Cost, rules: &Cohort) -> Result<bool, Error> {
        let Some(limit) = self.budget.epsilon else { return Ok(true) };
        let release = self.release(cost, rules, rules.participants);
        let epsilon = self.epsilon_with(Some((release, 1)))?;
        Ok(epsilon.is_some_and(|epsilon| epsilon.upper <= limit))
    }

    /// Whether one more planned release stays within the budget. Looks further ahead than it
    /// must, so that a long run asks the accountant a few times only.
    pub fn allows_next(&mut self, rules: &Cohort, roster: usize) -> Result<bool, Error> {
        let Some(limit) = self.budget.epsilon else { return Ok(true) };
        let next = self.release(self.planned, rules, roster);
        if let Some((known, left)) = self.known
            && known == next
            && left > 0
        {
            return Ok(true);
        }
        let fits = |times: u64| -> Result<bool, Error> {
            let epsilon = self.epsilon_with(Some((next, times)))?;
            Ok(epsilon.is_some_and(|epsilon| epsilon.upper <= limit))
        };
        if !fits(1)? {
            return Ok(false);
        }
        let ahead = if fits(64)? { 64 } else { 1 };
        self.known = Some((next, ahead));
        Ok(true)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { budget, planned, spent, .. } = self;
        f.debug_struct("Account")
            .field("budget", budget)
            .field("planned", planned)
            .field("spent", spent)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Noise;

    /// Bounds every account by infinity.
    struct Endless;

    impl Accountant for Endless {
        fn epsilon(&self, _: &[(Spent, u64)], delta: f64) -> Result<Epsilon, Error> {
            Ok(Epsilon { lower: 1.0, upper: f64::INFINITY, delta })
        }
    }

    #[test]
    fn what_nothing_finite_bounds_is_not_stated() {
        let noise = Noise::Gaussian { noise_multiplier: 1.0 };
        let cost = Cost::Bounded { noise, total_variation: 1e-9 };
        let budget = Budget { epsilon: None, delta: 1e-5 };
        let mut account = Account::new(Arc::new(Endless), budget, cost);
        assert_eq!(account.epsilon().unwrap().map(|epsilon| epsilon.upper), Some(0.0));
        account.add(Spent { cost, sampled: Sampled::Everybody });
        assert_eq!(account.epsilon().unwrap(), None);
    }
}
