//! An aggregator's side: shares as they travel, and their sum.

use super::expand::expand;
use crate::field::Fp;
use tacit_core::error::Refusal;
use zeroize::Zeroize;

/// One aggregator's share of a frame; erased when dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Shares(pub(super) Vec<Fp>);

impl Drop for Shares {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Shares {
    /// Replaces them by what was dealt; refuses another length and numbers that are no elements.
    pub fn read(&mut self, bytes: &[u8], rows: usize) -> Result<(), Refusal> {
        let (words, rest) = bytes.as_chunks::<8>();
        if words.len() != rows || !rest.is_empty() {
            let (expected, found) = (rows as u64 * 8, bytes.len() as u64);
            return Err(Refusal::Truncated { expected, found });
        }
        self.0.resize(rows, Fp::ZERO);
        if Fp::fill_canonical(&mut self.0, words.iter().map(|word| u64::from_le_bytes(*word))) {
            return Ok(());
        }
        Err(Refusal::Malformed { what: "share: a number that is no field element".into() })
    }

    /// Replaces them by what the seed of one of the first `privacy` aggregators stands for.
    pub fn expand(&mut self, seed: &[u8; 32], frame: u32, rows: usize) {
        expand(seed, frame, rows, &mut self.0);
    }

    /// The shares as they travel.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.0.iter().flat_map(|x| x.to_u64().to_le_bytes()));
    }

    /// Begins a sum of frames of so many rows.
    pub fn zero(rows: usize) -> Self {
        Self(vec![Fp::ZERO; rows])
    }

    /// Adds the share of another vector; refuses another length.
    pub fn add(&mut self, other: &Self) -> Result<(), Refusal> {
        if self.0.len() != other.0.len() {
            let (expected, found) = (self.0.len() as u64, other.0.len() as u64);
            return Err(Refusal::WrongShape { expected, found });
        }
        self.0.iter_mut().zip(&other.0).for_each(|(sum, x)| *sum += *x);
        Ok(())
    }
}
