//! Laws of rules that mix, alone and before every aggregator.

use crate::aggregate::ENTRIES as AGGREGATORS;
use crate::aggregate::laws::{Cohort, all, made, run};
use tacit_core::mix::Mixed;
use tacit_core::registry::{Arguments, Entry, Make, Value};
use tacit_core::rng::Seed;
use tacit_core::traits::{Aggregator, PreAggregator};

fn mixer(name: &str, parameter: &'static str, value: i64) -> Box<dyn PreAggregator> {
    let entry = super::ENTRIES.iter().find(|entry| entry.name == name).unwrap();
    let arguments = Arguments::defaults(entry.parameters).unwrap();
    let Make::PreAggregator(make) = entry.make else { panic!("{name} does not mix") };
    make(&arguments.with(parameter, Value::Integer(value))).unwrap()
}

fn bucketing(size: i64) -> Box<dyn PreAggregator> {
    mixer("bucketing", "bucket_size", size)
}

fn mixing(byzantine: i64) -> Box<dyn PreAggregator> {
    mixer("nearest-neighbour-mixing", "num_byzantine", byzantine)
}

fn behind(stages: Vec<Box<dyn PreAggregator>>, entry: &Entry) -> Mixed {
    Mixed::new(stages, made(entry, &Arguments::defaults(entry.parameters).unwrap()))
}

fn cohort(seed: u64, participants: usize, width: usize) -> Cohort {
    let mut rng = Seed::root(seed).rng();
    (0..participants)
        .map(|_| ((0..width).map(|_| rng.normal() as f32).collect(), 1 + rng.below(9)))
        .collect()
}

/// Every chain of mixers that is tested, by name.
fn chains() -> Vec<(&'static str, Vec<Box<dyn PreAggregator>>)> {
    vec![
        ("buckets of 2", vec![bucketing(2)]),
        ("buckets of 3", vec![bucketing(3)]),
        ("neighbours", vec![mixing(2)]),
        ("buckets, then neighbours", vec![bucketing(2), mixing(1)]),
        ("neighbours, then buckets", vec![mixing(3), bucketing(2)]),
        ("neighbours twice", vec![mixing(1), mixing(2)]),
    ]
}

/// Every rule behind every chain.
fn wrapped() -> Vec<(String, Mixed)> {
    let each = |entry: &'static Entry| {
        let chains = chains().into_iter();
        chains.map(move |(name, chain)| (format!("{name}, {}", entry.name), behind(chain, entry)))
    };
    AGGREGATORS.iter().flat_map(each).collect()
}

fn close(a: &[f32], b: &[f32], tolerance: f32) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

#[test]
fn streamed_equals_batch() {
    for (name, mut rule) in wrapped() {
        let cohort = cohort(1, 23, 40);
        let expected = all(&mut rule, &cohort);
        for chunk in [1, 7, 39] {
            assert_eq!(run(&mut rule, &cohort, chunk, 23), expected, "{name}");
        }
        assert_eq!(all(&mut rule, &cohort), expected, "{name} remembers the cohort before");
    }
}

#[test]
fn equal_inputs_come_back_and_the_rest_is_translated() {
    for (name, mut rule) in wrapped() {
        let row = cohort(2, 1, 30).remove(0).0;
        let equal = (0..23).map(|_| (row.clone(), 3)).collect();
        assert!(close(&all(&mut rule, &equal), &row, 1e-6), "{name}");
        if name.ends_with("clipping") || name.ends_with("bounded-mean") {
            continue;
        }
        let cohort = cohort(3, 23, 30);
        let moved = cohort.iter().map(|(r, w)| (r.iter().map(|x| x + 2.0).collect(), *w)).collect();
        let plain: Vec<f32> = all(&mut rule, &cohort).iter().map(|x| x + 2.0).collect();
        assert!(close(&all(&mut rule, &moved), &plain, 2e-6), "{name}");
    }
}

#[test]
fn buckets_of_one_and_neighbours_without_hostile_ones() {
    // The last rows that Bulyan selects are each other's neighbours: their order breaks the tie.
    for entry in AGGREGATORS.iter().filter(|entry| entry.name != "bulyan") {
        let mut weighing = cohort(4, 15, 30);
        weighing.iter_mut().for_each(|(_, weight)| *weight = 1);
        let plain = all(&mut behind(Vec::new(), entry), &weighing);
        let alone = all(&mut behind(vec![bucketing(1)], entry), &weighing);
        assert!(close(&alone, &plain, 1e-6), "{}: {alone:?} {plain:?}", entry.name);
        // With f = 0 every row becomes the mean of all.
        let mean = all(&mut crate::aggregate::Mean::new(), &weighing);
        let mixed = all(&mut behind(vec![mixing(0)], entry), &weighing);
        assert!(close(&mixed, &mean, 1e-6), "{}", entry.name);
    }
}

#[test]
fn the_order_of_rows_changes_nothing_for_neighbours_and_the_seed_all_for_buckets() {
    let entry = AGGREGATORS.iter().find(|entry| entry.name == "median").unwrap();
    let mut rows = cohort(5, 12, 20);
    let (mut mixed, mut grouped) =
        (behind(vec![mixing(3)], entry), behind(vec![bucketing(3)], entry));
    let (neighbours, buckets) = (all(&mut mixed, &rows), all(&mut grouped, &rows));
    Seed::root(6).rng().shuffle(&mut rows);
    assert_eq!(all(&mut mixed, &rows), neighbours);
    assert_ne!(all(&mut grouped, &rows), buckets);
}

#[test]
fn smallest_cohorts() {
    let krum = AGGREGATORS.iter().find(|entry| entry.name == "krum").unwrap();
    // f = 1 by default: Krum needs 5 rows.
    assert_eq!(behind(vec![bucketing(2)], krum).minimum(), 9);
    assert_eq!(behind(vec![bucketing(3)], krum).minimum(), 13);
    assert_eq!(behind(vec![mixing(4)], krum).minimum(), 9);
    assert_eq!(behind(vec![mixing(4), bucketing(2)], krum).minimum(), 9);
    assert_eq!(behind(vec![bucketing(2), mixing(4)], krum).minimum(), 17);
    for (stages, minimum) in [(vec![bucketing(2)], 9), (vec![mixing(4), bucketing(2)], 9)] {
        let mut rule = behind(stages, krum);
        assert_eq!(rule.minimum(), minimum);
        all(&mut rule, &cohort(7, minimum, 5));
    }
}

#[test]
fn the_selected_are_those_whose_updates_went_in() {
    let krum = AGGREGATORS.iter().find(|entry| entry.name == "krum").unwrap();
    let mut rows = cohort(8, 12, 20);
    rows[3].0 = vec![1e4; 20];
    for (chain, count) in [(vec![bucketing(2)], 2), (vec![mixing(2)], 10), (Vec::new(), 1)] {
        let mut rule = behind(chain, krum);
        let result = all(&mut rule, &rows);
        let selected = rule.selected().unwrap();
        assert_eq!(selected.len(), count, "{selected:?}");
        assert!(!selected.contains(&3));
        let mean = |column: usize| {
            let values = selected.iter().map(|&row| f64::from(rows[row as usize].0[column]));
            (values.sum::<f64>() / count as f64) as f32
        };
        let expected: Vec<f32> = (0..20).map(mean).collect();
        assert!(close(&result, &expected, 1e-6));
    }
    let median = AGGREGATORS.iter().find(|entry| entry.name == "median").unwrap();
    let mut rule = behind(vec![bucketing(2)], median);
    all(&mut rule, &rows);
    assert_eq!(rule.selected(), None);
}

#[test]
fn a_hostile_update_spoils_one_bucket() {
    let median = AGGREGATORS.iter().find(|entry| entry.name == "median").unwrap();
    let mut rows = cohort(9, 20, 15);
    rows[17].0 = vec![16_000.0; 15];
    rows[2].0 = vec![-16_000.0; 15];
    for chain in [vec![bucketing(2)], vec![mixing(2)], vec![bucketing(3)]] {
        let out = all(&mut behind(chain, median), &rows);
        assert!(out.iter().all(|x| x.abs() < 3.0), "{out:?}");
    }
}
