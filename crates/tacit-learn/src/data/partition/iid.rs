//! Uniformly at random, in numbers that differ by one at most.

use crate::data::dataset::Dataset;
use tacit_core::rng::Seed;

pub(super) fn deal(dataset: &Dataset, participants: usize, seed: Seed) -> Vec<Vec<u32>> {
    let mut rows = dataset.train().to_vec();
    seed.derive("tacit/v1/partition/iid", &[]).rng().shuffle(&mut rows);
    super::cut(&rows, participants).map(<[u32]>::to_vec).collect()
}
