//! Deals the training rows of a data set to participants, so that one machine can stand for a
//! federation with a known degree of heterogeneity.

mod column;
mod dirichlet;
mod iid;
mod shards;

pub use tacit_core::plan::Partition;

use super::dataset::Dataset;
use tacit_core::error::Error;
use tacit_core::rng::Seed;

/// Deals the training rows of `dataset`: one ascending list of rows per participant, none empty,
/// every training row in exactly one. The same for the same `seed`. Fails if there are no
/// participants, more participants than rows, or a parameter is out of range.
pub fn partition(
    spec: &Partition,
    dataset: &Dataset,
    participants: usize,
    seed: Seed,
) -> Result<Vec<Vec<u32>>, Error> {
    let rows = dataset.train().len();
    if participants == 0 || participants > rows {
        let expected = format!("1 to {rows}, one for each training row at most");
        return Err(Error::caller("participants", expected, participants.to_string()));
    }
    let mut parts = match spec {
        Partition::Iid => iid::deal(dataset, participants, seed),
        Partition::Shards { per_participant } => {
            shards::deal(dataset, participants, *per_participant, seed)?
        }
        Partition::Dirichlet { alpha, minimum } => {
            dirichlet::deal(dataset, participants, *alpha, *minimum, seed)?
        }
        Partition::ByColumn { column } => column::deal(dataset, participants, column, seed)?,
    };
    parts.iter_mut().for_each(|part| part.sort_unstable());
    Ok(parts)
}

/// Cuts `rows` into `count` runs whose lengths differ by one at most.
fn cut(rows: &[u32], count: usize) -> impl Iterator<Item = &[u32]> {
    let at = move |i: usize| (i as u128 * rows.len() as u128 / count as u128) as usize;
    (0..count).map(move |i| &rows[at(i)..at(i + 1)])
}
