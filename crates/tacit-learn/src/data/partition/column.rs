//! Natural participants: each holds what the source says is theirs (Caldas et al. 2018, "LEAF").

use crate::data::dataset::Dataset;
use tacit_core::error::Error;
use tacit_core::rng::Seed;

/// One group each in the order of the groups' names, if there are as many groups as participants;
/// if there are more groups, each goes whole to whoever has fewest rows, the largest groups first.
pub(super) fn deal(
    dataset: &Dataset,
    participants: usize,
    column: &str,
    seed: Seed,
) -> Result<Vec<Vec<u32>>, Error> {
    let Some(groups) = dataset.groups().filter(|groups| groups.column == column) else {
        let found = dataset.groups().map_or("none", |groups| &groups.column);
        let expected = format!("a data set with the group column {column:?}");
        return Err(Error::caller("partition by column", expected, found));
    };
    let mut members = vec![Vec::new(); groups.names.len()];
    for &row in dataset.train() {
        members[groups.of_row[row as usize] as usize].push(row);
    }
    // Groups of which every row was held out for testing have nothing to train on.
    members.retain(|rows| !rows.is_empty());
    if participants > members.len() {
        let expected = format!("1 to {}, the groups in column {column:?}", members.len());
        return Err(Error::caller("participants", expected, participants.to_string()));
    }
    if participants == members.len() {
        return Ok(members);
    }
    seed.derive("tacit/v1/partition/by-column", &[]).rng().shuffle(&mut members);
    members.sort_by_key(|rows| std::cmp::Reverse(rows.len()));
    let mut parts = vec![Vec::new(); participants];
    for rows in members {
        if let Some(smallest) = parts.iter_mut().min_by_key(|part| part.len()) {
            smallest.extend(rows);
        }
    }
    Ok(parts)
}
