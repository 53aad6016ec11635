//! The pathological partition of McMahan et al. 2017 ("Communication-efficient learning of deep
//! networks from decentralized data", section 3): "first sort the data by digit label, divide it
//! into 200 shards of size 300, and assign each of 100 clients 2 shards". So a participant sees
//! about as many classes as it has shards.

use crate::data::dataset::Dataset;
use tacit_core::error::Error;
use tacit_core::rng::Seed;

pub(super) fn deal(
    dataset: &Dataset,
    participants: usize,
    per_participant: usize,
    seed: Seed,
) -> Result<Vec<Vec<u32>>, Error> {
    let mut rows = dataset.train().to_vec();
    let most = rows.len() / participants;
    if per_participant == 0 || per_participant > most {
        let expected = format!("1 to {most} with {participants} participants");
        return Err(Error::caller("shards per participant", expected, per_participant.to_string()));
    }
    let mut rng = seed.derive("tacit/v1/partition/shards", &[]).rng();
    rng.shuffle(&mut rows);
    rows.sort_by_key(|&row| dataset.examples().label(row as usize));
    let mut shards: Vec<&[u32]> = super::cut(&rows, participants * per_participant).collect();
    rng.shuffle(&mut shards);
    Ok(shards.chunks(per_participant).map(<[&[u32]]>::concat).collect())
}
