use super::*;
use std::collections::BTreeSet;

/// Worlds to explore: a few in every build, a million at night.
fn seeds() -> u64 {
    std::env::var("TACIT_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

/// Faults where members talk.
const TALKED: [&str; 3] = ["changed-letter", "old-letter", "wrong-stage"];

/// Faults where contributions are proved.
const SWORN: [&str; 6] =
    ["another-update", "broken-proof", "false-sum", "no-proof", "old-proof", "stolen-proof"];

#[test]
fn promises_hold_in_every_world() {
    let report = explore(0..seeds(), &Options::default()).unwrap();
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
    assert_eq!(report.seeds, seeds());
    let happened: BTreeSet<&str> = report.faults.keys().copied().collect();
    let seldom = |kind: &&str| TALKED.contains(kind) || SWORN.contains(kind);
    let usual: BTreeSet<&str> = FAULTS.into_iter().filter(|kind| !seldom(kind)).collect();
    assert!(happened.is_superset(&usual), "every kind of fault happens: {happened:?}");
    assert_eq!(report.finishes.len(), 3, "{:?}", report.finishes);
}

#[test]
fn promises_hold_where_only_sums_are_opened() {
    let seeds = seeds() / 2;
    let options = Options { worlds: Worlds::Sums, ..Options::default() };
    let report = explore(0..seeds, &options).unwrap();
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
    assert!(report.released > seeds, "most rounds are opened: {report:#?}");
    for kind in FAULTS.into_iter().filter(|kind| !SWORN.contains(kind)) {
        assert!(report.faults.contains_key(kind) || kind == "other-contribution", "{kind}");
    }
}

#[test]
fn promises_hold_where_contributions_are_proved() {
    let seeds = seeds() / 2;
    let options = Options { worlds: Worlds::Proved, ..Options::default() };
    let report = explore(0..seeds, &options).unwrap();
    assert!(report.violations.is_empty(), "{:#?}", report.violations);
    assert!(report.released > seeds, "most rounds are proved: {report:#?}");
    assert!(SWORN.iter().all(|kind| report.faults.contains_key(kind)), "{:?}", report.faults);
}

#[test]
fn every_mistake_is_found() {
    for canary in Canary::ALL {
        let options =
            Options { canary: Some(canary), violations: 1, worlds: canary.worlds(), threads: 0 };
        let report = explore(0..300, &options).unwrap();
        assert!(!report.violations.is_empty(), "{canary:?} was not found");
    }
}

#[test]
fn a_seed_fixes_everything() {
    for seed in 0..20 {
        let fate = |_| format!("{:?}", World::new(seed).unwrap().run());
        assert_eq!(fate(1), fate(2));
    }
    let one = explore(0..40, &Options { threads: 1, ..Options::default() }).unwrap();
    assert_eq!(one, explore(0..40, &Options { threads: 3, ..Options::default() }).unwrap());
}
