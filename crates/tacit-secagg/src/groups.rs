//! Groups of a cohort, each with a sum of its own.

use crate::graph;
use crate::messages::malformed;
use crate::rule::SecAgg;
use tacit_core::digest::Digest;
use tacit_core::error::Refusal;
use tacit_core::exchange::Terms;
use tacit_core::ids::ParticipantId;
use tacit_core::rng::Seed;

/// The terms of one group: of the whole cohort, where it is the only one. Groups are drawn at
/// random, so a group may have more than its share of those who collude or leave: as many as none
/// has but with the probabilities that the plan allows.
pub(crate) fn terms(rule: &SecAgg, terms: &Terms) -> Terms {
    if rule.groups == 1 {
        return terms.clone();
    }
    let size = terms.size.div_ceil(rule.groups);
    let minimum = terms.minimum.div_ceil(rule.groups).max(2);
    let every = libm::log2(rule.groups as f64);
    let share = |of_cohort: usize, bits: f64| {
        let most = graph::most_marked(terms.size, of_cohort, size.min(terms.size), bits + every);
        // Half a member more, so that rounding gives back the very number.
        if most == 0 { 0.0 } else { (most as f64 + 0.5) / size as f64 }
    };
    let colluding = share(terms.colluders(), rule.security_bits);
    let dropping = share(terms.leavers(), rule.liveness_bits);
    Terms { size, minimum, colluding, dropping, ..terms.clone() }
}

/// The groups of a cohort, each sorted: everybody who knows the names knows the groups.
pub(crate) fn partition(
    rule: &SecAgg,
    terms: &Terms,
    cohort: &[ParticipantId],
) -> Vec<Vec<ParticipantId>> {
    let names: Vec<&[u8]> = cohort.iter().map(|name| name.as_str().as_bytes()).collect();
    let names = Digest::of_parts("tacit/v1/secagg/cohort", &names);
    let seed = Digest::of_parts("tacit/v1/secagg/groups", &[&terms.digest().0, &names.0]);
    let mut shuffled = cohort.to_vec();
    if rule.groups > 1 {
        Seed::from_bytes(seed.0).rng().shuffle(&mut shuffled);
    }
    let mut groups = vec![Vec::new(); rule.groups];
    for (place, name) in shuffled.into_iter().enumerate() {
        groups[place % rule.groups].push(name);
    }
    groups.iter_mut().for_each(|group| group.sort());
    groups
}

/// Refuses members that are in no or another group of the cohort.
pub(crate) fn check(
    rule: &SecAgg,
    terms: &Terms,
    group: u32,
    cohort: &[ParticipantId],
    members: &[(ParticipantId, Digest)],
) -> Result<(), Refusal> {
    let refused = Err(malformed("group of the cohort"));
    if rule.groups == 1 {
        return if group == 0 && cohort.is_empty() { Ok(()) } else { refused };
    }
    if cohort.len() > terms.size || !cohort.is_sorted_by(|a, b| a < b) {
        return refused;
    }
    let groups = partition(rule, terms, cohort);
    let Some(names) = groups.get(group as usize) else { return refused };
    let known = members.iter().all(|(name, _)| names.binary_search(name).is_ok());
    if known { Ok(()) } else { refused }
}
