//! What terms promise, in plain words.

use crate::groups;
use crate::ring::Ring;
use crate::rule::SecAgg;
use tacit_core::error::Error;
use tacit_core::exchange::Terms;

/// Refuses terms under which sums would show single members, or would seldom be opened.
pub(crate) fn of(rule: &SecAgg, terms: &Terms) -> Result<String, Error> {
    Ring::new(terms.bits)?;
    let terms = groups::terms(rule, terms);
    let (size, colluders, leavers) = (terms.size, terms.colluders(), terms.leavers());
    let fewest = rule.fewest(&terms);
    let (of, s) = match rule.groups {
        1 => ("a cohort".into(), ""),
        groups => (format!("each of {groups} groups"), "s"),
    };
    if fewest > size {
        let expected = format!("{of} of at least {fewest}, of whom {colluders} may collude");
        return Err(Error::caller("cohort", expected, size.to_string()));
    }
    if fewest + leavers > size {
        let most = size - fewest;
        let share = (most as f64 / size as f64 * 1e4).floor() / 1e4;
        let expected = format!(
            "at most {share}, which is {most} of {of} of {size}: sums of fewer than {fewest} are \
             not opened"
        );
        return Err(Error::caller("adversary.dropping", expected, format!("{leavers} of {size}")));
    }
    let topology = rule.topology(&terms, size)?;
    let does = if rule.malicious { "does anything" } else { "follows the protocol" };
    Ok(format!(
        "the coordinator, which {does}, and {colluders} members of {of} of {size} that collude \
         with it see only the sum{s} of at least {fewest} members, but with probability below \
         2^-{:.0}; each member shares its secrets with {} others, of whom any {} give them back; \
         if at most {leavers} leave, a round fails with probability below 2^-{:.0}",
        topology.security_bits.floor().min(128.0),
        topology.degree,
        topology.threshold,
        topology.liveness_bits.floor().min(128.0),
    ))
}
