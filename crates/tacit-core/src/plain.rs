//! The rules that do nothing, said aloud in a plan: `protection = "plain"`, `mechanism = "none"`
//! and `compression = []`.

use crate::error::{Error, Refusal};
use crate::evidence::{Cost, Summed};
use crate::params;
use crate::registry::{Entry, Make};
use crate::traits::{Compressor, Context, Entropy, Mechanism, Protection, View};

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
    Entry {
        name: "none",
        help: "raw little-endian f32, 4 bytes per value",
        parameters: &[],
        make: Make::Compressor(|_| Ok(Box::new(Raw))),
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

/// Little-endian f32.
pub struct Raw;

impl Compressor for Raw {
    fn additive(&self) -> bool {
        true
    }

    fn compress(&mut self, values: &[f32], out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend(values.iter().flat_map(|x| x.to_le_bytes()));
        Ok(())
    }

    fn decompress(&self, bytes: &[u8], out: &mut [f32]) -> Result<(), Refusal> {
        if bytes.len() != out.len() * 4 {
            let (expected, found) = (out.len() as u64, bytes.len() as u64 / 4);
            return Err(Refusal::WrongShape { expected, found });
        }
        out.iter_mut().zip(params::values_of(bytes)).for_each(|(x, value)| *x = value);
        Ok(())
    }

    fn max_bytes(&self, values: usize) -> usize {
        values * 4
    }
}
