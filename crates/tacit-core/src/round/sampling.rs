//! Who is in a round: drawn by a seed that the plan fixes, from a sorted roster, so that anybody
//! who has the plan and the roster can draw again.

use crate::digest::Digest;
use crate::ids::ParticipantId;
use crate::plan::{Cohort, Sampling};
use crate::rng::Seed;
use std::collections::BTreeSet;

/// Draws the cohort of a round; sorted.
pub fn draw(
    rules: &Cohort,
    roster: &BTreeSet<ParticipantId>,
    seed: &Seed,
    round: u32,
) -> Vec<ParticipantId> {
    let mut rng = seed.derive("tacit/v1/cohort", &[&round.to_le_bytes()]).rng();
    let mut names: Vec<ParticipantId> = roster.iter().cloned().collect();
    match rules.sampling {
        Sampling::Poisson => {
            let rate = rules.poisson_rate(names.len());
            names.retain(|_| rng.unit() < rate);
        }
        Sampling::Fixed => {
            let drawn = rules.invited().min(names.len());
            for i in 0..drawn {
                let j = i + rng.below((names.len() - i) as u64) as usize;
                names.swap(i, j);
            }
            names.truncate(drawn);
            names.sort();
        }
    }
    names
}

/// What the transparency log says of a cohort: binds the names, salted by a child of the plan's
/// seed, and names nobody.
pub fn cohort_commitment(cohort: &[ParticipantId], seed: &Seed, round: u32) -> Digest {
    let salt = seed.derive("tacit/v1/cohort-salt", &[&round.to_le_bytes()]).to_bytes();
    let mut parts: Vec<&[u8]> = vec![&salt];
    parts.extend(cohort.iter().map(|id| id.as_str().as_bytes()));
    Digest::of_parts("tacit/v1/cohort-commitment", &parts)
}

#[cfg(test)]
mod tests {
    use super::super::tests::rules;
    use super::*;

    fn roster(n: usize) -> BTreeSet<ParticipantId> {
        (0..n).map(|i| ParticipantId::numbered(i, n)).collect()
    }

    #[test]
    fn fixed_draws_are_uniform_without_replacement() {
        let rules = Cohort { size: 3, ..rules(10) };
        let mut counts = [0u32; 10];
        for round in 0..10_000 {
            let cohort = draw(&rules, &roster(10), &Seed::root(1), round);
            assert_eq!(cohort.len(), 3);
            assert!(cohort.is_sorted_by(|a, b| a < b));
            for id in cohort {
                counts[id.as_str()[1..].parse::<usize>().unwrap()] += 1;
            }
        }
        // each count is Binomial(10⁴, 0.3): standard deviation 46
        assert!(counts.iter().all(|&c| c.abs_diff(3000) < 230), "{counts:?}");
    }

    #[test]
    fn poisson_draws_independently() {
        let rules = Cohort { size: 3, sampling: Sampling::Poisson, ..rules(10) };
        let sizes: Vec<usize> =
            (0..10_000).map(|r| draw(&rules, &roster(10), &Seed::root(1), r).len()).collect();
        let mean = sizes.iter().sum::<usize>() as f64 / 1e4;
        let variance = sizes.iter().map(|&s| (s as f64 - mean).powi(2)).sum::<f64>() / 1e4;
        assert!((mean - 3.0).abs() < 0.07 && (variance - 2.1).abs() < 0.15, "{mean} {variance}");
    }

    #[test]
    fn over_selection_and_everybody() {
        let over = Cohort { size: 4, over_selection: 0.5, ..rules(10) };
        assert_eq!(draw(&over, &roster(10), &Seed::root(1), 1).len(), 6);
        assert_eq!(draw(&rules(10), &roster(10), &Seed::root(1), 1).len(), 10);
    }

    #[test]
    fn commitments_bind_names_and_round() {
        let cohort: Vec<_> = roster(3).into_iter().collect();
        let a = cohort_commitment(&cohort, &Seed::root(1), 1);
        assert_ne!(a, cohort_commitment(&cohort[1..], &Seed::root(1), 1));
        assert_ne!(a, cohort_commitment(&cohort, &Seed::root(1), 2));
    }
}
