//! Deals the training rows of a data set to participants, so that one machine can stand for a
//! federation with a known degree of heterogeneity.

mod column;
mod dirichlet;
mod iid;
mod shards;

use super::dataset::Dataset;
use tacit_core::error::Error;
use tacit_core::rng::Seed;

/// How rows are dealt.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Partition {
    /// Uniformly at random, in equal numbers.
    Iid,
    /// Sorted by label and cut into shards: few classes each (McMahan et al. 2017, section 3).
    Shards {
        /// Shards of each participant.
        #[serde(default = "two")]
        per_participant: usize,
    },
    /// Label shares drawn from a Dirichlet distribution (Hsu et al. 2019, Yurochkin et al. 2019).
    Dirichlet {
        /// Concentration: towards 0 each class goes to one participant, above 100 nearly iid.
        alpha: f64,
        /// Every participant has at least this many examples.
        #[serde(default = "one")]
        minimum: usize,
    },
    /// Natural participants: the groups of the data set, whole.
    ByColumn {
        /// Name of the group column.
        column: String,
    },
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

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
