//! The rules that do nothing, said aloud in a plan: `protection = "plain"`, `proof = "none"`,
//! `mechanism = "none"` and `accountant = "none"`.

use crate::account::{Epsilon, Spent};
use crate::error::Error;
use crate::evidence::Cost;
use crate::plan::Plan;
use crate::proof::{Sizes, Statement, Unprovable};
use crate::registry::{Entry, Make};
use crate::traits::{
    Accountant, Calibration, Keys, Mechanism, Party, Proof, Protection, Prover, Verifier, View,
};

/// The entries of this file.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "plain",
        help: "no protection beyond TLS: the coordinator sees each update",
        parameters: &[],
        make: Make::Protection(|_| Ok(Box::new(Plain))),
    },
    Entry {
        name: "none",
        help: "no proof: what participants contribute is taken on their word",
        parameters: &[],
        make: Make::Proof(|_| Ok(Box::new(NoProof))),
    },
    Entry {
        name: "none",
        help: "no noise: the release promises no differential privacy",
        parameters: &[],
        make: Make::Mechanism(|_| Ok(Box::new(NoNoise))),
    },
    Entry {
        name: "none",
        help: "no account: no epsilon is claimed",
        parameters: &[],
        make: Make::Accountant(|_| Ok(Box::new(NoAccount))),
    },
];

/// Mutual TLS protects the wire; the coordinator sees each update.
pub struct Plain;

impl Protection for Plain {
    fn reveals(&self) -> View {
        View::Each
    }
}

/// Proves nothing: a plan that names it has no proof, so nobody asks it for one.
pub struct NoProof;

const NOTHING: Error = Error::Bug("a plan without a proof was asked for one");

impl Proof for NoProof {
    fn needs(&self) -> View {
        View::Sum
    }

    fn check(&self, _: &Plan) -> Result<(), Unprovable> {
        Ok(())
    }

    fn sizes(&self, _: &Statement<'_>) -> Result<Sizes, Error> {
        Ok(Sizes { proof_bytes: 0, blindings: 0, commits: false, model: false })
    }

    fn prover(&self, _: &Statement<'_>, _: &dyn Keys) -> Result<Box<dyn Prover>, Error> {
        Err(NOTHING)
    }

    fn verifier(&self, _: &Statement<'_>, _: &dyn Keys) -> Result<Box<dyn Verifier>, Error> {
        Err(NOTHING)
    }
}

/// Releases the aggregate as it is.
pub struct NoNoise;

impl Mechanism for NoNoise {
    fn by(&self) -> Party {
        Party::Nobody
    }

    fn discrete(&self) -> bool {
        true
    }

    fn cost(&self, _: &Calibration) -> Result<Cost, Error> {
        Ok(Cost::Unbounded)
    }
}

/// Bounds nothing.
pub struct NoAccount;

impl Accountant for NoAccount {
    fn epsilon(&self, _: &[(Spent, u64)], _: f64) -> Result<Epsilon, Error> {
        Err(Error::caller("accountant", "one that bounds epsilon", "\"none\""))
    }
}
