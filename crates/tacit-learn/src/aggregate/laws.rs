//! Laws that every aggregator obeys, checked for each entry.

use tacit_core::limits;
use tacit_core::registry::{Arguments, Entry, Make};
use tacit_core::rng::Seed;
use tacit_core::traits::{Aggregator, Rows, View};

/// Rules whose result is bounded by a radius around zero.
const CLIPPING: [&str; 2] = ["centered-clipping", "norm-bounded-mean"];

/// Rows and their weights, in the order of names.
pub(crate) type Cohort = Vec<(Vec<f32>, u64)>;

/// A rule of this family.
pub(crate) fn made(entry: &Entry, arguments: &Arguments) -> Box<dyn Aggregator> {
    let Make::Aggregator(make) = entry.make else { panic!("{} is no aggregator", entry.name) };
    make(arguments).unwrap()
}

fn rules() -> Vec<(&'static str, Box<dyn Aggregator>)> {
    let defaults = |entry: &Entry| Arguments::defaults(entry.parameters).unwrap();
    super::ENTRIES.iter().map(|entry| (entry.name, made(entry, &defaults(entry)))).collect()
}

fn cohort(seed: u64, participants: usize, width: usize) -> Cohort {
    let mut rng = Seed::root(seed).rng();
    let mut row = || (0..width).map(|_| rng.normal() as f32).collect();
    (0..participants).map(|i| (row(), 1 + (i as u64 * 7) % 13)).collect()
}

fn rows_of(cohort: &[(Vec<f32>, u64)], range: std::ops::Range<usize>) -> (Vec<&[f32]>, Vec<u64>) {
    cohort.iter().map(|(row, weight)| (&row[range.clone()], *weight)).unzip()
}

/// Runs the rule as the pipeline does, in chunks of `chunk` and groups of `group`.
pub(crate) fn run(
    rule: &mut dyn Aggregator,
    cohort: &Cohort,
    chunk: usize,
    group: usize,
) -> Vec<f32> {
    run_after(rule, cohort, (chunk, group), &[])
}

/// The same after a round that released `before`.
pub(crate) fn run_after(
    rule: &mut dyn Aggregator,
    cohort: &Cohort,
    (chunk, group): (usize, usize),
    before: &[f32],
) -> Vec<f32> {
    let width = cohort[0].0.len();
    let total_weight = cohort.iter().map(|(_, w)| w).sum();
    let chunks: Vec<_> = (0..width).step_by(chunk).map(|s| s..(s + chunk).min(width)).collect();
    let before = |range: &std::ops::Range<usize>| before.get(range.clone()).unwrap_or_default();
    rule.begin(Seed::root(77));
    for pass in 0..rule.surveys() {
        for range in &chunks {
            let (rows, weights) = rows_of(cohort, range.clone());
            let (weights, before) = (&weights, before(range));
            rule.survey(pass, &Rows { rows: &rows, weights, total_weight, before }).unwrap();
        }
    }
    let mut out = vec![0.0; width];
    let group = if rule.needs() == View::Sum { group } else { cohort.len() };
    for range in chunks {
        for part in cohort.chunks(group) {
            let (rows, weights) = rows_of(part, range.clone());
            let (weights, before) = (&weights, before(&range));
            rule.fold(&Rows { rows: &rows, weights, total_weight, before }).unwrap();
        }
        rule.finish(&mut out[range]).unwrap();
    }
    out
}

/// Runs the rule in one chunk.
pub(crate) fn all(rule: &mut dyn Aggregator, cohort: &Cohort) -> Vec<f32> {
    run(rule, cohort, cohort[0].0.len(), cohort.len())
}

fn close(a: &[f32], b: &[f32], tolerance: f32) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

#[test]
fn permutation_changes_no_bit() {
    for (name, mut rule) in rules() {
        let mut cohort = cohort(1, 9, 50);
        let expected = all(&mut *rule, &cohort);
        Seed::root(2).rng().shuffle(&mut cohort);
        assert_eq!(all(&mut *rule, &cohort), expected, "{name}");
    }
}

#[test]
fn streamed_equals_batch() {
    for (name, mut rule) in rules() {
        let cohort = cohort(3, 9, 50);
        let expected = all(&mut *rule, &cohort);
        for (chunk, group) in [(1, 1), (7, 2), (49, 4), (50, 9)] {
            assert_eq!(run(&mut *rule, &cohort, chunk, group), expected, "{name}");
        }
    }
}

#[test]
fn translation_and_scaling() {
    for (name, mut rule) in rules() {
        // A rule with a radius is bound to the origin and to its unit.
        if CLIPPING.contains(&name) {
            continue;
        }
        let cohort = cohort(4, 9, 50);
        let plain = all(&mut *rule, &cohort);
        let moved = |f: &dyn Fn(f32) -> f32| -> Cohort {
            cohort.iter().map(|(r, w)| (r.iter().map(|&x| f(x)).collect(), *w)).collect()
        };
        let shifted: Vec<f32> = plain.iter().map(|x| x + 2.5).collect();
        assert!(close(&all(&mut *rule, &moved(&|x| x + 2.5)), &shifted, 1e-6), "{name}");
        let scaled: Vec<f32> = plain.iter().map(|x| x * 4.0).collect();
        assert!(close(&all(&mut *rule, &moved(&|x| x * 4.0)), &scaled, 1e-6), "{name}");
    }
}

#[test]
fn equal_inputs_come_back() {
    for (name, mut rule) in rules() {
        let row: Vec<f32> = cohort(5, 1, 50).remove(0).0;
        let cohort = (0..9).map(|i| (row.clone(), 1 + i)).collect();
        assert!(close(&all(&mut *rule, &cohort), &row, 1e-6), "{name}");
    }
}

#[test]
fn finite_for_any_input_in_range() {
    let edge = limits::UPDATE_MAGNITUDE as f32;
    for (name, mut rule) in rules() {
        let cohort =
            (0..9).map(|i| (vec![if i % 2 == 0 { edge } else { -edge }; 5], 1 << i)).collect();
        let out = all(&mut *rule, &cohort);
        assert!(out.iter().all(|x| x.abs() <= edge), "{name}: {out:?}");
    }
}

#[test]
fn mean_is_the_weighted_mean() {
    let cohort = cohort(6, 40, 300);
    let total: f64 = cohort.iter().map(|(_, w)| *w as f64).sum();
    let expected: Vec<f32> = (0..300)
        .map(|i| cohort.iter().map(|(r, w)| f64::from(r[i]) * *w as f64).sum::<f64>() / total)
        .map(|x| x as f32)
        .collect();
    assert!(close(&all(&mut super::Mean::new(), &cohort), &expected, 1e-7));
}

#[test]
fn a_single_participant_and_a_single_value() {
    for (name, mut rule) in rules() {
        if rule.minimum() == 1 {
            assert_eq!(all(&mut *rule, &vec![(vec![0.25], 3)]), [0.25], "{name}");
        }
    }
}

#[test]
fn a_rule_forgets_the_cohort_before() {
    for (name, mut rule) in rules() {
        let expected = all(&mut *rule, &cohort(7, 9, 20));
        all(&mut *rule, &cohort(8, 12, 30));
        assert_eq!(all(&mut *rule, &cohort(7, 9, 20)), expected, "{name}");
    }
}

#[test]
fn what_was_released_before_counts_only_for_a_rule_that_remembers() {
    for (name, mut rule) in rules() {
        let cohort = cohort(11, 9, 20);
        let plain = all(&mut *rule, &cohort);
        let before = vec![300.0; 20];
        let after = run_after(&mut *rule, &cohort, (7, 9), &before);
        assert_eq!(after != plain, rule.remembers(), "{name}");
        // Clipped around a centre far from all rows, it moves from there by the radius at most.
        let moved = after.iter().map(|x| f64::from(x - 300.0).powi(2)).sum::<f64>().sqrt();
        assert_eq!(moved <= 30.0, rule.remembers(), "{name}");
        let zeros = run_after(&mut *rule, &cohort, (20, 9), &[0.0; 20]);
        assert_eq!(zeros, plain, "{name}: nothing before is the same as zero");
    }
}

#[test]
fn weights_count_only_where_the_rule_says_so() {
    for (name, mut rule) in rules() {
        let mut cohort = cohort(9, 9, 20);
        let before = all(&mut *rule, &cohort);
        cohort.iter_mut().rev().enumerate().for_each(|(i, (_, weight))| *weight = 1 + i as u64);
        let weighs = ["mean", "norm-bounded-mean"].contains(&name);
        assert_eq!(all(&mut *rule, &cohort) != before, weighs, "{name}");
    }
}

#[test]
fn a_common_factor_of_all_weights_changes_nothing() {
    for (name, mut rule) in rules() {
        let mut cohort = cohort(10, 9, 20);
        let before = all(&mut *rule, &cohort);
        cohort.iter_mut().for_each(|(_, weight)| *weight *= 1000);
        assert!(close(&all(&mut *rule, &cohort), &before, 1e-6), "{name}");
    }
}
