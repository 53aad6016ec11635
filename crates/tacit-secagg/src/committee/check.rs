//! Whether a dealer's shares lie on polynomials of low degree: a random combination of them must.
//!
//! Once every share is fixed, a challenge stands for uniform coefficients c, one for each row of a
//! vector. For each dealer an aggregator answers with Σ c·share + the share of one more row, which
//! the dealer dealt of random elements: so what all answers together open is uniform, whatever the
//! vector.
//!
//! # Soundness
//!
//! If some row's shares, to the aggregators that answer, lie on no polynomial of degree below
//! `threshold`, a parity of the code is not zero for it, and the same parity of the answers is
//! uniform: it vanishes with probability 1/p (the test of interleaved codes of Ligero, Ames et al.
//! 2017, section 4.1). There are [`CHECKS`] independent challenges, so that a dealer passes with
//! probability p⁻² < 2⁻¹²⁷, also where the challenge is a hash of all shares, as long as far fewer
//! than 2¹²⁷ hashes can be tried.
//!
//! # One answer
//!
//! Two answers for one dealer and different challenges differ by a combination of its shares
//! without anything random in it. An aggregator must answer once.
//!
//! # Whom to believe
//!
//! Where a dealer's answers lie on no polynomial, it dealt wrongly or an aggregator answers
//! wrongly. An aggregator that stands against the others about more than half of the dealers is
//! named, with its answers; of the rest, every dealer about whom there is disagreement is named.
//! Where that would be more than half of the dealers, too many aggregators lie, and nobody is.

use super::decode::decode_vartime;
use super::expand::expand;
use super::sum::Shares;
use super::{Dispute, Params};
use crate::field::{Fp, Products};
use tacit_core::digest::Digest;
use tacit_core::error::Refusal;

/// Challenges, and rows that hide the answers.
pub const CHECKS: usize = 2;

/// The number under which these rows are dealt: no vector has so many frames.
pub const FRAME: u32 = u32::MAX;

/// Length of an [`Answer`] in bytes.
pub const ANSWER_BYTES: usize = 8 * CHECKS;

/// Coefficients that nobody knew when shares were fixed.
pub struct Challenge {
    seeds: [[u8; 32]; CHECKS],
}

impl Challenge {
    /// The challenge that `fixed` stands for: a digest of all that was dealt, or of a number that
    /// was drawn when it was.
    pub fn new(fixed: &Digest) -> Self {
        let seed =
            |i: usize| Digest::of_parts("tacit/v1/committee/check", &[&fixed.0, &[i as u8]]).0;
        Self { seeds: std::array::from_fn(seed) }
    }

    /// The coefficients of one frame: they serve all dealers.
    pub fn frame(&self, frame: u32, rows: usize) -> Coefficients {
        Coefficients(self.seeds.map(|seed| {
            let mut out = Vec::new();
            expand(&seed, frame, rows, &mut out);
            out
        }))
    }
}

/// The coefficients of one frame.
pub struct Coefficients([Vec<Fp>; CHECKS]);

/// What one aggregator says of one dealer.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub struct Answer(pub(super) [Fp; CHECKS]);

impl Answer {
    /// Adds the combination of one frame.
    pub fn absorb(&mut self, coefficients: &Coefficients, shares: &Shares) {
        for (sum, coefficients) in self.0.iter_mut().zip(&coefficients.0) {
            *sum += Products::of(coefficients, &shares.0);
        }
    }

    /// Adds the rows that hide it: the shares of frame [`FRAME`].
    pub fn hide(&mut self, shares: &Shares) {
        self.0.iter_mut().zip(&shares.0).for_each(|(sum, x)| *sum += *x);
    }

    /// The answer as it travels.
    pub fn to_bytes(self) -> [u8; ANSWER_BYTES] {
        let mut bytes = [0; ANSWER_BYTES];
        for (word, x) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0) {
            *word = x.to_u64().to_le_bytes();
        }
        bytes
    }

    /// Reads an answer; refuses numbers that are no elements.
    pub fn from_bytes(bytes: &[u8; ANSWER_BYTES]) -> Result<Self, Refusal> {
        let mut answer = Self::default();
        let words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        if Fp::fill_canonical(&mut answer.0, words) {
            return Ok(answer);
        }
        Err(Refusal::Malformed { what: "answer to a check".into() })
    }
}

/// Who is not to be believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Numbers of aggregators.
    pub aggregators: Vec<usize>,
    /// Places of dealers in the roster.
    pub dealers: Vec<usize>,
}

/// What the answers of these aggregators, by number and each about `dealers` in order, say. With
/// no more answers than the threshold nobody can be contradicted, and nobody is named.
pub fn judge(
    params: &Params,
    answers: &[(usize, Vec<Answer>)],
    dealers: usize,
) -> Result<Verdict, Dispute> {
    let whole = |answers: &&(usize, Vec<Answer>)| answers.1.len() == dealers;
    let mut against = vec![0; answers.len()];
    let mut doubtful = Vec::new();
    let believed: Vec<_> = answers.iter().filter(whole).collect();
    let (needed, found) = (params.threshold, believed.len());
    if found < needed {
        return Err(Dispute::TooFew { needed, found });
    }
    for dealer in 0..dealers {
        match disagreeing(params, &believed, dealer) {
            Some(wrong) if wrong.is_empty() => {}
            Some(wrong) => {
                wrong.iter().for_each(|place| against[*place] += 1);
                doubtful.push(dealer);
            }
            None => doubtful.push(dealer),
        }
    }
    let mut verdict = Verdict::default();
    let (liars, others): (Vec<_>, Vec<_>) =
        believed.into_iter().zip(against).partition(|(_, against)| 2 * against > dealers);
    verdict.aggregators = liars.iter().map(|(answers, _)| answers.0).collect();
    let others: Vec<_> = others.into_iter().map(|(answers, _)| answers).collect();
    let still = |dealer: &usize| {
        disagreeing(params, &others, *dealer).is_none_or(|wrong| !wrong.is_empty())
    };
    verdict.dealers = doubtful.into_iter().filter(still).collect();
    if 2 * verdict.dealers.len() > dealers {
        return Err(Dispute::Unnamed { needed, found, named: (found - needed) / 2 });
    }
    Ok(verdict)
}

/// The places whose answers about a dealer are not those of a majority; `None` if there is none.
fn disagreeing(
    params: &Params,
    answers: &[&(usize, Vec<Answer>)],
    dealer: usize,
) -> Option<Vec<usize>> {
    let points: Vec<Fp> =
        answers.iter().map(|(aggregator, _)| Params::point(*aggregator)).collect();
    let mut all = Vec::new();
    for check in 0..CHECKS {
        let values: Vec<Fp> = answers.iter().map(|(_, of)| of[dealer].0[check]).collect();
        all.extend(decode_vartime(&points, &values, params.threshold)?.1);
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}
