//! Held-out rows and the embedded data sets.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use tacit_core::rng::Seed;
use tacit_learn::data::embedded;

#[test]
fn digits_are_what_uci_published() {
    let digits = embedded::digits().unwrap();
    let examples = digits.examples();
    assert_eq!((examples.len(), digits.shape().features.as_slice()), (1797, &[1, 8, 8][..]));
    // Class counts of scikit-learn's documentation of the same file.
    let counts = digits.shard(digits.train().to_vec()).unwrap().histogram();
    assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    let values = (0..1797).flat_map(|row| examples.row(row));
    assert!(values.clone().all(|x| (0.0..=1.0).contains(x)));
    assert_eq!(examples.row(0)[..4], [0.0, 0.0, 5.0 / 16.0, 13.0 / 16.0]);
    assert_eq!(values.fold(0.0, |sum, &x| sum + f64::from(x) * 16.0), 561_718.0);
}

#[test]
fn breast_cancer_is_standardised() {
    let set = embedded::breast_cancer().unwrap();
    assert_eq!((set.examples().len(), set.shape().width()), (569, 30));
    assert_eq!(set.shard(set.train().to_vec()).unwrap().histogram(), [212, 357]);
    assert_eq!(set.features()[20], "worst radius");
    for feature in 0..30 {
        let column = || (0..569).map(|row| f64::from(set.examples().row(row)[feature]));
        let mean = column().sum::<f64>() / 569.0;
        let variance = column().map(|x| (x - mean).powi(2)).sum::<f64>() / 569.0;
        assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{feature}");
    }
}

#[test]
fn test_rows_are_never_training_rows() {
    for fraction in [0.0, 0.0001, 0.2, 0.5, 0.9999] {
        let whole = embedded::digits().unwrap();
        let split = whole.clone().hold_out(fraction, Seed::root(7)).unwrap();
        let train: BTreeSet<u32> = split.train().iter().copied().collect();
        let test: BTreeSet<u32> = split.test().iter().copied().collect();
        assert!(train.is_disjoint(&test));
        assert_eq!(train.len() + test.len(), 1797);
        assert!(!train.is_empty() && (fraction == 0.0) == test.is_empty(), "{fraction}");
        assert_eq!(split, whole.clone().hold_out(fraction, Seed::root(7)).unwrap());
        // A second split must not move training rows of the first into a new test set.
        assert_eq!(
            split.clone().hold_out(0.5, Seed::root(8)).unwrap().test().len(),
            match test.len() {
                0 => 899,
                held => held,
            }
        );
    }
    let other = |seed| embedded::digits().unwrap().hold_out(0.2, Seed::root(seed)).unwrap();
    assert_eq!(other(7).test().len(), 359);
    assert_ne!(other(7), other(8));
}

#[test]
fn absurd_fractions_are_refused() {
    for fraction in [-0.1, 1.0, f64::NAN] {
        assert!(embedded::digits().unwrap().hold_out(fraction, Seed::root(1)).is_err());
    }
}

#[test]
fn standardising_uses_the_training_rows_only() {
    let set = embedded::digits().unwrap().hold_out(0.3, Seed::root(1)).unwrap();
    let set = set.standardise().unwrap();
    for feature in 0..64 {
        let of = |rows: &[u32]| {
            let sum: f64 =
                rows.iter().map(|&r| f64::from(set.examples().row(r as usize)[feature])).sum();
            sum / rows.len() as f64
        };
        assert!(of(set.train()).abs() < 1e-5, "{feature}");
    }
    // The first pixel is blank in every picture: a constant stays finite.
    assert!(set.train().iter().all(|&r| set.examples().row(r as usize)[0] == 0.0));
}
