//! A participant's side: its vector, frame by frame, as shares.

use super::expand::expand;
use super::matrix::{combine, lagrange};
use super::{Params, check};
use crate::field::Fp;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use zeroize::{Zeroize, Zeroizing};

/// Deals one vector. Everything random derives from seeds that are fresh for every dealer: frames
/// are numbered, and no number may be dealt twice with other integers.
pub struct Dealer {
    params: Params,
    /// Of the first `privacy` aggregators; then the dealer's own, for the rows of the check.
    seeds: Zeroizing<Vec<[u8; 32]>>,
    /// From the points of seeds and secrets to those of all other aggregators.
    weights: Vec<Vec<Fp>>,
    expanded: Vec<Vec<Fp>>,
    elements: Vec<Fp>,
}

impl Drop for Dealer {
    fn drop(&mut self) {
        self.expanded.zeroize();
        self.elements.zeroize();
    }
}

impl Dealer {
    /// Draws the seeds.
    pub fn new(params: Params, entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let mut seeds = Zeroizing::new(vec![[0; 32]; params.privacy + 1]);
        seeds.iter_mut().try_for_each(|seed| entropy.fill(seed))?;
        let sources: Vec<Fp> =
            (0..params.privacy).map(Params::point).chain(params.secrets()).collect();
        let targets: Vec<Fp> = (params.privacy..params.aggregators).map(Params::point).collect();
        let weights = lagrange(&sources, &targets);
        let expanded = vec![Vec::new(); params.privacy];
        Ok(Self { params, seeds, weights, expanded, elements: Vec::new() })
    }

    /// All that an aggregator needs, if it is one of the first `privacy`.
    pub fn seed(&self, aggregator: usize) -> Option<&[u8; 32]> {
        self.seeds.get(aggregator).filter(|_| aggregator < self.params.privacy)
    }

    /// Appends the shares of one frame: one vector of bytes for each aggregator after the first
    /// `privacy`. Integers are signed and count modulo 2 to [`Params::new`]'s bits.
    pub fn frame(
        &mut self,
        frame: u32,
        integers: &[u64],
        out: &mut [Vec<u8>],
    ) -> Result<(), Error> {
        if frame == check::FRAME {
            let expected = format!("a number below {}", check::FRAME);
            return Err(Error::caller("frame of a shared vector", expected, frame.to_string()));
        }
        self.elements.zeroize();
        let mut elements = std::mem::take(&mut self.elements);
        self.params.lay(integers, &mut elements);
        self.elements = elements;
        self.deal(frame, self.params.rows(integers.len()), out)
    }

    /// Appends the rows that hide what the [`check`] asks for: to be dealt once.
    pub fn checks(&mut self, out: &mut [Vec<u8>]) -> Result<(), Error> {
        let count = check::CHECKS * self.params.packing();
        expand(&self.seeds[self.params.privacy], check::FRAME, count, &mut self.elements);
        self.deal(check::FRAME, check::CHECKS, out)
    }

    fn deal(&mut self, frame: u32, rows: usize, out: &mut [Vec<u8>]) -> Result<(), Error> {
        if out.len() != self.weights.len() {
            let (expected, found) = (self.weights.len().to_string(), out.len().to_string());
            return Err(Error::caller("vectors of shares", expected, found));
        }
        self.elements.resize(rows * self.params.packing(), Fp::ZERO);
        for (seed, expanded) in self.seeds.iter().zip(&mut self.expanded) {
            expand(seed, frame, rows, expanded);
        }
        let secrets = self.elements.chunks_exact(rows.max(1));
        let sources: Vec<&[Fp]> = self.expanded.iter().map(Vec::as_slice).chain(secrets).collect();
        for (weights, bytes) in self.weights.iter().zip(out) {
            let start = bytes.len();
            bytes.resize(start + 8 * rows, 0);
            let words = bytes[start..].as_chunks_mut::<8>().0;
            combine(weights, &sources, words, |x| x.to_u64().to_le_bytes());
        }
        Ok(())
    }
}
