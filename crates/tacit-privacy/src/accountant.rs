//! The accountants that a plan can name: [`account`](crate::account) behind the core's seam.

use crate::account::{Mechanism, Pld, Rdp, Release, Sampling, Zcdp};
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
        make: Make::Accountant(|_| Ok(Box::new(ByPld))),
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

/// Composes anew for every question: what it answers must depend on nothing but the releases, as a
/// run that is resumed asks again and must hear the same.
struct ByPld;

impl Accountant for ByPld {
    fn epsilon(&self, spent: &[(Spent, u64)], delta: f64) -> Result<Epsilon, Error> {
        let mut account = Pld::new();
        for (spent, times) in spent {
            account.compose(release(spent)?, *times)?;
        }
        let found = account.epsilon(delta)?;
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
