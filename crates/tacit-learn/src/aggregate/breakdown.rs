//! How many hostile rows each rule withstands, and how many break it. Hostile rows are equal and
//! as far away as an update may be, or as far away as hides them best.

use super::laws::{Cohort, all, made};
use tacit_core::error::Error;
use tacit_core::limits;
use tacit_core::registry::{Arguments, Value};
use tacit_core::rng::Seed;
use tacit_core::traits::{Aggregator, Rows};

const WIDTH: usize = 20;

fn rule(name: &str, byzantine: Option<i64>) -> Box<dyn Aggregator> {
    let entry = super::ENTRIES.iter().find(|entry| entry.name == name).unwrap();
    let mut arguments = Arguments::defaults(entry.parameters).unwrap();
    if let Some(byzantine) = byzantine {
        arguments = arguments.with("num_byzantine", Value::Integer(byzantine));
    }
    made(entry, &arguments)
}

/// `n` rows of which the last `hostile` hold `value` everywhere.
fn attacked(seed: u64, n: usize, hostile: usize, value: f32) -> Cohort {
    let mut rng = Seed::root(seed).rng();
    let mut row = |i| match i + hostile < n {
        true => (0..WIDTH).map(|_| rng.normal() as f32).collect(),
        false => vec![value; WIDTH],
    };
    (0..n).map(|i| (row(i), 1)).collect()
}

fn norm(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt()
}

const EDGE: f32 = limits::UPDATE_MAGNITUDE as f32;

/// Rule, `num_byzantine`, rows, hostile rows withstood, equal hostile rows that break it.
///
/// Krum's f is what is proved; equal rows need n − f − 1, when all their neighbours are their own.
/// Bulyan's four of nine make half of what repeated Krum selects.
const CASES: [(&str, Option<i64>, usize, usize, usize); 6] = [
    ("krum", Some(3), 9, 3, 5),
    ("multi-krum", Some(3), 9, 3, 5),
    ("trimmed-mean", None, 9, 1, 2),
    ("median", None, 9, 4, 5),
    ("geometric-median", None, 9, 4, 5),
    ("bulyan", Some(1), 9, 1, 4),
];

#[test]
fn stays_with_the_honest_up_to_the_stated_number() {
    for (name, byzantine, n, withstood, _) in CASES {
        for (seed, value) in (0..5).flat_map(|s| [(s, EDGE), (s, -EDGE), (s, 3.0), (s, 50.0)]) {
            let cohort = attacked(seed, n, withstood, value);
            let out = all(&mut *rule(name, byzantine), &cohort);
            let honest = &cohort[..n - withstood];
            if name == "geometric-median" {
                // Lemma: ‖z‖ ≤ 2(n − f)/(n − 2f) · max ‖honest‖ (Minsker 2015, lemma 2.1).
                let most = honest.iter().map(|(row, _)| norm(row.iter().copied()));
                let factor = 2.0 * (n - withstood) as f64 / (n - 2 * withstood) as f64;
                let bound = factor * most.fold(0.0, f64::max);
                assert!(norm(out.into_iter()) <= bound, "{name} {seed} {value}");
                continue;
            }
            for (i, x) in out.iter().enumerate() {
                let column = || honest.iter().map(|(row, _)| row[i]);
                let low = column().fold(f32::MAX, f32::min);
                let high = column().fold(f32::MIN, f32::max);
                // Selected hostile rows are as near as honest ones, not within their hull.
                let slack = if name.ends_with("krum") { 4.0 } else { 0.0 };
                assert!((low - slack..=high + slack).contains(x), "{name} {seed} {value}: {x}");
            }
        }
    }
}

#[test]
fn breaks_beyond_it() {
    for (name, byzantine, n, _, breaking) in CASES {
        let out = all(&mut *rule(name, byzantine), &attacked(7, n, breaking, EDGE));
        assert!(norm(out.into_iter()) > 1000.0, "{name}");
    }
    assert!(norm(all(&mut *rule("mean", None), &attacked(7, 9, 1, EDGE)).into_iter()) > 1000.0);
}

#[test]
fn clipping_rules_are_bounded_whoever_is_hostile() {
    for (name, bound) in [("centered-clipping", 30.0), ("norm-bounded-mean", 10.0)] {
        for hostile in 0..=9 {
            let out = all(&mut *rule(name, None), &attacked(8, 9, hostile, EDGE));
            assert!(norm(out.into_iter()) <= bound + 1e-5, "{name} {hostile}");
        }
    }
}

#[test]
fn one_hostile_row_moves_a_clipping_rule_by_its_share() {
    for (name, share) in
        [("centered-clipping", 3.0 * 20.0 / 9.0), ("norm-bounded-mean", 20.0 / 9.0)]
    {
        let honest = all(&mut *rule(name, None), &attacked(9, 9, 0, 0.0));
        let out = all(&mut *rule(name, None), &attacked(9, 9, 1, EDGE));
        let moved = norm(out.iter().zip(&honest).map(|(a, b)| a - b));
        assert!(moved > 0.1 && moved <= share, "{name}: {moved}");
    }
}

#[test]
fn a_cohort_too_small_is_the_callers_error_and_says_why() {
    for (name, byzantine, minimum) in [("krum", 2, 7), ("multi-krum", 2, 7), ("bulyan", 2, 11)] {
        let mut rule = rule(name, Some(byzantine));
        assert_eq!(rule.minimum(), minimum);
        let row: &[f32] = &[1.0];
        let (rows, weights) = (vec![row; minimum - 1], vec![1; minimum - 1]);
        let rows = Rows { rows: &rows, weights: &weights, total_weight: 0, before: &[] };
        let Err(Error::Caller(error)) = rule.survey(0, &rows) else { panic!("{name}") };
        let text = error.to_string();
        for part in [name, &format!("at least {minimum}"), "f = 2", &format!("{}", minimum - 1)] {
            assert!(text.contains(part), "{text}: {part}");
        }
    }
}

#[test]
fn misuse_is_a_typed_error() {
    for entry in super::ENTRIES {
        let mut rule = made(entry, &Arguments::defaults(entry.parameters).unwrap());
        assert!(rule.finish(&mut [0.0]).is_err(), "{}", entry.name);
        let rows: [&[f32]; 2] = [&[1.0, 2.0], &[1.0]];
        let rows = Rows { rows: &rows, weights: &[1, 1], total_weight: 2, before: &[] };
        assert!(rule.survey(0, &rows).and_then(|()| rule.fold(&rows)).is_err(), "{}", entry.name);
    }
}

#[test]
fn trimming_nothing_is_the_plain_mean() {
    let entry = super::ENTRIES.iter().find(|entry| entry.name == "trimmed-mean").unwrap();
    let arguments = Arguments::default().with("trim_ratio", Value::Number(0.0));
    let cohort = attacked(10, 9, 1, 5.0);
    let trimmed = all(&mut *made(entry, &arguments), &cohort);
    let mut mean = rule("mean", None);
    for (a, b) in trimmed.iter().zip(all(&mut *mean, &cohort)) {
        assert!((a - b).abs() <= 1e-6);
    }
}
