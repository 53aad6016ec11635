//! Distributed Skellam noise (Agarwal, Kairouz & Liu 2021): as `discrete-gaussian`, with shares
//! that add up to Skellam noise exactly, so that nothing is lost to their sum.

use super::in_shares::{InShares, Share};
use super::shares::{PARAMETERS, Shares};
use crate::noise::{Skellam, Stream};
use tacit_core::error::Error;
use tacit_core::evidence::Noise;
use tacit_core::registry::{Entry, Make};

pub(super) const ENTRY: Entry = Entry {
    name: "skellam",
    help: "Skellam noise in shares of each participant (Agarwal et al. 2021)",
    parameters: PARAMETERS,
    make: Make::Mechanism(InShares::<Skellam>::boxed),
};

impl Share for Skellam {
    fn new(sigma: f64) -> Result<Self, Error> {
        Skellam::new(sigma * sigma)
    }

    fn fill(&self, out: &mut [i64], stream: &mut Stream) {
        self.fill(out, stream);
    }

    fn total_variation(&self) -> f64 {
        self.total_variation()
    }

    fn stated(&self, shares: &Shares) -> Result<Noise, Error> {
        let variance = self.variance() * shares.honest as f64;
        Ok(Noise::Skellam { l1: shares.norm_l1, l2: shares.norm_l2, variance })
    }
}
