//! The accountants that a plan can name: [`account`](crate::account) behind the core's seam.

use crate::account::{Mechanism, Pld, Rdp, Release, Sampling, Zcdp};
use std::sync::Mutex;
use tacit_core::account::{Epsilon, Sampled, Spent};
use tacit_core::error::Error;
use tacit_core::evidence::{Cost, Noise};
use tacit_core::registry::{Entry, Make};
use tacit_core::traits::Accountant;

/// Every accountant.
pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        name: "pld",
        help: "privacy loss distributions, certified from both sides (Doroshenko et al. 2022)",
        parameters: &[],
        make: Make::Accountant(|_| Ok(Box::new(ByPld::default()))),
    },
    Entry {
        name: "rdp",
        help: "Renyi differential privacy, for every noise and sampling (Mironov 2017)",
        parameters: &[],
        make: Make::Accountant(|_| Ok(Box::new(ByRdp))),
    },
    Entry {
        name: "zcdp",
        help: "zero-concentrated differential privacy, without sampling (Bun & Steinke 2016)",
        parameters: &[],
        make: Make::Accountant(|_| Ok(Box::new(ByZcdp))),
    },
];

/// A release as accountants know it. Noise is stated for a participant that comes or goes; under
/// sampling of a fixed size neighbours differ by one that is replaced, which changes twice as
/// much. A randomiser that is private for any two inputs is so for these too.
fn release(spent: &Spent) -> Result<Release, Error> {
    let Cost::Bounded { noise, total_variation } = spent.cost else {
        return Err(Error::caller("privacy accounting", "noise", "a release without"));
    };
    let (sampling, change) = match spent.sampled {
        Sampled::Everybody => (Sampling::None, 1.0),
        Sampled::Poisson { rate } => (Sampling::Poisson { rate }, 1.0),
        Sampled::Fixed { size, of } => (Sampling::Fixed { size, of }, 2.0),
    };
    let mechanism = match noise {
        Noise::Gaussian { noise_multiplier } => {
            Mechanism::Gaussian { noise_multiplier: noise_multiplier / change }
        }
        Noise::Laplace { noise_multiplier } => {
            Mechanism::Laplace { scale: noise_multiplier / change }
        }
        Noise::Pure { epsilon } => Mechanism::Pure { epsilon },
        Noise::Concentrated { rho } => Mechanism::Concentrated { rho: rho * change * change },
        Noise::Skellam { l1, l2, variance } => {
            Mechanism::Skellam { l1: l1 * change, l2: l2 * change, mu: variance }
        }
    };
    Ok(Release { mechanism, sampling, total_variation })
}

/// Keeps what it composed last: a run asks after every round, and one more release is one product.
#[derive(Default)]
struct ByPld {
    last: Mutex<Option<Kept>>,
}

/// Releases, and what they compose to.
type Kept = (Vec<(Spent, u64)>, Pld);

/// What must be added to `before` to have `now`; `None` where it has something that `now` has not.
fn added(before: &[(Spent, u64)], now: &[(Spent, u64)]) -> Option<Vec<(Spent, u64)>> {
    let times = |all: &[(Spent, u64)], of: &Spent| {
        all.iter().filter(|(spent, _)| spent == of).map(|(_, times)| times).sum::<u64>()
    };
    if before.iter().any(|(spent, _)| times(now, spent) < times(before, spent)) {
        return None;
    }
    let more = now.iter().map(|(spent, count)| (*spent, count - times(before, spent).min(*count)));
    Some(more.filter(|(_, count)| *count > 0).collect())
}

impl Accountant for ByPld {
    fn epsilon(&self, spent: &[(Spent, u64)], delta: f64) -> Result<Epsilon, Error> {
        let mut last = self.last.lock().map_err(|_| Error::Bug("an accountant died"))?;
        let (mut account, more) = match &*last {
            Some((before, account)) => match added(before, spent) {
                Some(more) => (account.clone(), more),
                None => (Pld::new(), spent.to_vec()),
            },
            None => (Pld::new(), spent.to_vec()),
        };
        for (spent, times) in &more {
            account.compose(release(spent)?, *times)?;
        }
        let found = account.epsilon(delta)?;
        // Looking far ahead is a question, not the way the run goes.
        if more.iter().map(|(_, times)| times).sum::<u64>() == 1 || last.is_none() {
            *last = Some((spent.to_vec(), account));
        }
        Ok(Epsilon { lower: found.lower, upper: found.upper, delta })
    }
}

struct ByRdp;

impl Accountant for ByRdp {
    fn epsilon(&self, spent: &[(Spent, u64)], delta: f64) -> Result<Epsilon, Error> {
        let mut account = Rdp::new();
        for (spent, times) in spent {
            account.compose(release(spent)?, *times)?;
        }
        Ok(Epsilon { lower: 0.0, upper: account.epsilon(delta)?.value, delta })
    }
}

struct ByZcdp;

impl Accountant for ByZcdp {
    fn epsilon(&self, spent: &[(Spent, u64)], delta: f64) -> Result<Epsilon, Error> {
        let mut account = Zcdp::new();
        for (spent, times) in spent {
            account.compose(release(spent)?, *times)?;
        }
        Ok(Epsilon { lower: 0.0, upper: account.epsilon(delta)?, delta })
    }
}
