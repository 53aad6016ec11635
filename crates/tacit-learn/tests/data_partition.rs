//! Laws of every way to deal rows, and what each promises about labels.
#![allow(clippy::unwrap_used)]

use tacit_core::data::{DataShape, Examples};
use tacit_core::error::{Error, Fault};
use tacit_core::rng::Seed;
use tacit_learn::data::{Dataset, Partition, embedded, partition};

/// `rows` examples of one feature, labels in turn.
fn toy(rows: usize, classes: usize) -> Dataset {
    let labels = (0..rows).map(|row| (row % classes) as u32).collect();
    let features = (0..rows).map(|row| row as f32).collect();
    let examples = Examples::new(DataShape { features: vec![1], classes }, features, labels);
    Dataset::new(examples.unwrap(), (0..classes).map(|c| c.to_string()).collect()).unwrap()
}

fn specs() -> Vec<Partition> {
    vec![
        Partition::Iid,
        Partition::Shards { per_participant: 1 },
        Partition::Shards { per_participant: 2 },
        Partition::Dirichlet { alpha: 1e-6, minimum: 1 },
        Partition::Dirichlet { alpha: 0.1, minimum: 3 },
        Partition::Dirichlet { alpha: 100.0, minimum: 1 },
    ]
}

/// Share of the most frequent class, averaged over participants.
fn dominance(dataset: &Dataset, parts: &[Vec<u32>]) -> f64 {
    let shares = parts.iter().map(|part| {
        let counts = dataset.shard(part.clone()).unwrap().histogram();
        f64::from(*counts.iter().max().unwrap()) / part.len() as f64
    });
    shares.sum::<f64>() / parts.len() as f64
}

#[test]
fn every_training_row_is_dealt_exactly_once_and_nobody_is_left_out() {
    let digits = embedded::digits().unwrap().hold_out(0.2, Seed::root(1)).unwrap();
    for dataset in [digits, toy(60, 3), toy(61, 2)] {
        for spec in specs() {
            for participants in [1, 2, 7, 20] {
                let parts = partition(&spec, &dataset, participants, Seed::root(9)).unwrap();
                assert_eq!(parts.len(), participants);
                assert!(parts.iter().all(|part| !part.is_empty()), "{spec:?}");
                assert!(parts.iter().all(|part| part.is_sorted()), "{spec:?}");
                let mut all = parts.concat();
                all.sort_unstable();
                assert_eq!(all, dataset.train(), "{spec:?}, {participants}");
            }
        }
    }
}

#[test]
fn one_seed_gives_one_partition_and_another_seed_another() {
    let dataset = toy(300, 3);
    for spec in specs() {
        let with = |seed| partition(&spec, &dataset, 5, Seed::root(seed)).unwrap();
        assert_eq!(with(4), with(4), "{spec:?}");
        assert_ne!(with(4), with(5), "{spec:?}");
    }
}

#[test]
fn iid_parts_are_equal_in_size_and_even_in_labels() {
    let dataset = toy(10_003, 10);
    let parts = partition(&Partition::Iid, &dataset, 10, Seed::root(2)).unwrap();
    let sizes: Vec<usize> = parts.iter().map(Vec::len).collect();
    assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
    assert!(dominance(&dataset, &parts) < 0.15);
}

#[test]
fn a_participant_sees_hardly_more_classes_than_it_has_shards() {
    // 100 participants with 2 shards of 30 rows, 600 rows a class: no shard straddles a border.
    let dataset = toy(6_000, 10);
    let spec = Partition::Shards { per_participant: 2 };
    for part in partition(&spec, &dataset, 100, Seed::root(3)).unwrap() {
        assert_eq!(part.len(), 60);
        let counts = dataset.shard(part).unwrap().histogram();
        assert!(counts.iter().filter(|&&c| c > 0).count() <= 2);
    }
}

#[test]
fn dirichlet_alpha_sets_the_skew() {
    let dataset = toy(20_000, 10);
    let skew = |alpha| {
        let spec = Partition::Dirichlet { alpha, minimum: 10 };
        let parts = partition(&spec, &dataset, 20, Seed::root(4)).unwrap();
        assert!(parts.iter().all(|part| part.len() >= 10));
        dominance(&dataset, &parts)
    };
    let (strong, middle, weak) = (skew(0.05), skew(1.0), skew(1e5));
    assert!(strong > 0.7, "{strong}");
    assert!(strong > middle && middle > weak, "{strong} {middle} {weak}");
    assert!(weak < 0.12, "{weak}");
}

#[test]
fn what_cannot_be_dealt_is_refused() {
    let dataset = toy(10, 2);
    let refused = |spec: Partition, participants: usize| {
        let error: Error = partition(&spec, &dataset, participants, Seed::root(1)).unwrap_err();
        assert_eq!(error.fault(), Fault::Caller, "{error}");
        error.to_string()
    };
    let text = refused(Partition::Iid, 11);
    assert_eq!(text, "participants: expected 1 to 10, one for each training row at most, found 11");
    refused(Partition::Iid, 0);
    refused(Partition::Shards { per_participant: 0 }, 2);
    refused(Partition::Shards { per_participant: 6 }, 2);
    refused(Partition::Shards { per_participant: usize::MAX }, 2);
    refused(Partition::Dirichlet { alpha: 1.0, minimum: 6 }, 2);
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refused(Partition::Dirichlet { alpha, minimum: 1 }, 2);
    }
}

#[test]
fn one_participant_per_row_works_everywhere() {
    let dataset = toy(12, 3);
    for spec in [
        Partition::Iid,
        Partition::Shards { per_participant: 1 },
        Partition::Dirichlet { alpha: 0.01, minimum: 1 },
    ] {
        let parts = partition(&spec, &dataset, 12, Seed::root(8)).unwrap();
        assert!(parts.iter().all(|part| part.len() == 1), "{spec:?}");
    }
}
