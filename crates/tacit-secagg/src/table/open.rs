//! The secrets that open a sum, from the shares that members revealed.

use super::group::{Group, Known};
use crate::keys::{Secret, SecretKey};
use crate::mask::Sign;
use crate::messages::malformed;
use crate::opening::Sum;
use crate::rule::SecAgg;
use crate::shamir::{Combiner, Share};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use tacit_core::error::{Error, Refusal};
use zeroize::Zeroizing;

/// Lagrange weights by the holders that they are for: most owners have the same places of their
/// neighbours left, where all share with all.
type Combiners = BTreeMap<Vec<u32>, Combiner>;

impl Group {
    /// What must be taken off the sum of the contributions: the own mask of everybody who stayed,
    /// and of everybody who left after sharing the masks that nobody cancels.
    pub fn open(&self) -> Result<Sum, Error> {
        let known = self.known()?;
        let mut combiners = Combiners::new();
        let mut seeds = Vec::new();
        for owner in known.shared.iter() {
            let secret = known.combine(owner, &mut combiners)?;
            if known.roster.has(owner) {
                seeds.push((known.own_seed(owner, &secret)?, Sign::Minus));
            } else {
                known.pairwise_seeds(&self.rule, owner, &secret, &mut seeds)?;
            }
        }
        let roster = known.roster.iter().map(|member| known.session.names[member].clone());
        Ok(Sum { roster: roster.collect(), seeds })
    }
}

impl Known {
    fn combine(
        &self,
        owner: usize,
        combiners: &mut Combiners,
    ) -> Result<Zeroizing<[u8; 32]>, Error> {
        let threshold = self.session.topology.threshold;
        let holders = self.session.neighbours[owner].len();
        let revealed = self.revealed[owner].iter().take(threshold);
        let (places, shares): (Vec<u32>, Vec<&Share>) = revealed.unzip();
        if places.len() < threshold {
            let what = format!("shares of {}", self.session.names[owner]);
            let (expected, found) = (threshold as u64, places.len() as u64);
            return Err(Refusal::TooFew { what, expected, found }.into());
        }
        let combiner = match combiners.entry(places) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let combiner = Combiner::new(holders, entry.key())?;
                entry.insert(combiner)
            }
        };
        combiner.combine(&shares).map_err(|_| self.guilty(owner, "its shares do not fit together"))
    }

    /// All shares were those that the owner committed to: that they are wrong is its own doing.
    fn guilty(&self, owner: usize, what: &str) -> Error {
        let participant = self.session.names[owner].clone();
        Refusal::Inconsistent { participant, what: what.into() }.into()
    }

    fn own_seed(&self, owner: usize, own: &[u8; 32]) -> Result<Secret, Error> {
        let dealing = self.dealings[owner].as_ref().ok_or_else(|| malformed("shares"))?;
        if self.session.commit_seed(owner, own) != dealing.commitment {
            return Err(self.guilty(owner, "its shares are not of the seed it committed to"));
        }
        Ok(self.session.own_seed(owner, own))
    }

    fn pairwise_seeds(
        &self,
        rule: &SecAgg,
        owner: usize,
        seed: &[u8; 32],
        seeds: &mut Vec<(Secret, Sign)>,
    ) -> Result<(), Error> {
        let key = SecretKey::from_seed(seed)?;
        if key.public(rule.agreement) != self.adverts[owner].advert.mask {
            return Err(self.guilty(owner, "its shares are not of the key it showed"));
        }
        for other in self.session.among(owner, &self.roster) {
            let theirs = &self.adverts[other].advert.mask;
            let place = self.session.neighbours[other].binary_search(&(owner as u32));
            let handed = self.dealings[other].as_ref().zip(place.ok());
            let handed = handed.and_then(|(dealing, place)| dealing.handed.get(place));
            let ciphertext = handed.and_then(|handed| handed.mask_ciphertext.as_ref());
            let ciphertext = ciphertext.map(|blob| &blob.0[..]);
            // What the owner would have done with it cancels what the other one did.
            seeds.push(self.session.pairwise((owner, other), &key, theirs, ciphertext)?);
        }
        Ok(())
    }
}
