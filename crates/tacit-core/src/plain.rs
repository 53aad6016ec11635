//! The rules that do nothing, said aloud in a plan: `protection = "plain"` and
//! `mechanism = "none"`.

use crate::error::Error;
use crate::evidence::{Cost, Summed};
use crate::registry::{Entry, Make};
use crate::traits::{Context, Entropy, Mechanism, Protection, View};

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
        help: "no noise: the release promises no differential privacy",
        parameters: &[],
        make: Make::Mechanism(|_| Ok(Box::new(NoNoise))),
    },
];

/// Mutual TLS protects the wire; the coordinator sees each update.
pub struct Plain;

impl Protection for Plain {
    fn reveals(&self) -> View {
        View::Each
    }

    fn protect(&self, _: &Context, _: u32, _: &mut Vec<u8>) -> Result<(), Error> {
        Ok(())
    }

    fn open(&self, _: &Context, _: u32, _: &mut Vec<Vec<u8>>) -> Result<(), Error> {
        Ok(())
    }
}

/// Releases the aggregate as it is.
pub struct NoNoise;

impl Mechanism for NoNoise {
    fn discrete(&self) -> bool {
        true
    }

    fn noise(&self, _: &mut Summed, _: &mut dyn Entropy) -> Result<Cost, Error> {
        Ok(Cost::Unbounded)
    }
}
