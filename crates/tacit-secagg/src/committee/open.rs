//! The opener's side: which aggregators' sums are right, and what they open.
//!
//! A random combination of all rows of an aggregator's vector is wrong, but for a probability of
//! 1/p, if the vector is wrong in any row: so a single decoding, of one number of each aggregator,
//! finds the wrong vectors, and the others open every row. The combination must be unknown to those
//! who send the vectors: it is drawn when all of them are there.

use super::check::{Answer, Challenge};
use super::decode::decode_vartime;
use super::matrix::{combine, lagrange};
use super::sum::Shares;
use super::{Dispute, Params};
use crate::field::Fp;
use tacit_core::digest::Digest;

/// First pass over the vectors that aggregators sent.
pub struct Sifting {
    params: Params,
    challenge: Challenge,
    aggregators: Vec<usize>,
    combinations: Vec<Answer>,
}

impl Sifting {
    /// For the sums of these aggregators, by number; `drawn` was unknown when they were sent.
    pub fn new(params: Params, aggregators: &[usize], drawn: &Digest) -> Self {
        let combinations = vec![Answer::default(); aggregators.len()];
        let (aggregators, challenge) = (aggregators.to_vec(), Challenge::new(drawn));
        Self { params, challenge, aggregators, combinations }
    }

    /// Takes one frame of every vector, in the order of the aggregators.
    pub fn absorb(&mut self, frame: u32, sums: &[Shares]) {
        let rows = sums.iter().map(|sum| sum.0.len()).max().unwrap_or(0);
        let coefficients = self.challenge.frame(frame, rows);
        for (combination, sum) in self.combinations.iter_mut().zip(sums) {
            combination.absorb(&coefficients, sum);
        }
    }

    /// Tells right from wrong.
    pub fn decide(self) -> Result<Opening, Dispute> {
        let (needed, found) = (self.params.threshold, self.aggregators.len());
        if found < needed {
            return Err(Dispute::TooFew { needed, found });
        }
        let points: Vec<Fp> = self.aggregators.iter().map(|i| Params::point(*i)).collect();
        let mut wrong = vec![false; found];
        for check in 0..super::check::CHECKS {
            let values: Vec<Fp> = self.combinations.iter().map(|c| c.0[check]).collect();
            let (_, places) = decode_vartime(&points, &values, needed).ok_or(Dispute::Unnamed {
                needed,
                found,
                named: (found - needed) / 2,
            })?;
            places.iter().for_each(|place| wrong[*place] = true);
        }
        let (liars, right): (Vec<usize>, Vec<usize>) = (0..found).partition(|i| wrong[*i]);
        if right.len() < needed {
            return Err(Dispute::Unnamed { needed, found, named: (found - needed) / 2 });
        }
        let chosen = right[..needed].to_vec();
        let sources: Vec<Fp> = chosen.iter().map(|place| points[*place]).collect();
        let weights = lagrange(&sources, &self.params.secrets().collect::<Vec<_>>());
        let liars = liars.iter().map(|place| self.aggregators[*place]).collect();
        Ok(Opening { params: self.params, liars, chosen, weights })
    }
}

/// Second pass: the sums themselves.
pub struct Opening {
    params: Params,
    liars: Vec<usize>,
    /// Places of those whose vectors are used.
    chosen: Vec<usize>,
    weights: Vec<Vec<Fp>>,
}

impl Opening {
    /// The aggregators whose vectors were wrong, by number. With as many answers as the threshold
    /// none can be found.
    pub fn liars(&self) -> &[usize] {
        &self.liars
    }

    /// Appends the sums of a frame of `count` integers, modulo 2 to [`Params::new`]'s bits; takes
    /// the frames as [`Sifting::absorb`] did. Frames of another length are refused.
    pub fn frame(&self, sums: &[Shares], count: usize, out: &mut Vec<u64>) -> Result<(), Dispute> {
        let rows = self.params.rows(count);
        let used = self.chosen.iter().filter_map(|place| sums.get(*place));
        let sources: Vec<&[Fp]> =
            used.map(|sum| sum.0.as_slice()).filter(|rows_of| rows_of.len() == rows).collect();
        if sources.len() < self.params.threshold {
            let (needed, found) = (self.params.threshold, sources.len());
            return Err(Dispute::TooFew { needed, found });
        }
        let mut elements = vec![Fp::ZERO; rows * self.params.packing()];
        for (weights, part) in self.weights.iter().zip(elements.chunks_exact_mut(rows.max(1))) {
            combine(weights, &sources, part, |x| x);
        }
        self.params.take(&elements, count, out);
        Ok(())
    }
}
