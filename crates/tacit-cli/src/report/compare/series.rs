//! Runs of one plan under several seeds.

use super::run::{Point, Run};
use super::settings::Settings;
use crate::report::chart::Place;
use std::collections::BTreeMap;

/// Runs whose plans differ only in name and seed.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) settings: Settings,
    /// At least one, by seed.
    pub(super) runs: Vec<Run>,
}

/// A figure of several runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) mean: f64,
    /// Sample standard deviation; 0 for one run.
    pub(super) deviation: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Spread {
    /// Of at least one finite value.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        let deviation = if values.len() > 1 { (squares / (count - 1.0)).sqrt() } else { 0.0 };
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Self { mean, deviation, low, high })
    }
}

impl Series {
    pub(super) fn new(name: String, settings: Settings, mut runs: Vec<Run>) -> Self {
        runs.sort_by_key(|run| run.plan.seed_number());
        Self { name, settings, runs }
    }

    /// Over the runs, of the values that they have.
    pub(super) fn spread(&self, value: impl Fn(&Run) -> Option<f64>) -> Option<Spread> {
        let values: Vec<f64> = self.runs.iter().filter_map(value).collect();
        Spread::of(&values)
    }

    /// The rounds after which every run was measured: a mean over fewer would jump where one of
    /// them ends.
    fn together(&self) -> impl Iterator<Item = Vec<&Point>> {
        let mut rounds: BTreeMap<u32, Vec<&Point>> = BTreeMap::new();
        for point in self.runs.iter().flat_map(|run| &run.points) {
            rounds.entry(point.after).or_default().push(point);
        }
        let all = self.runs.len();
        rounds.into_values().filter(move |points| points.len() == all)
    }

    /// The mean of `value` over the mean of `across`, with its band.
    pub(super) fn curve(&self, across: fn(&Point) -> f64, value: fn(&Point) -> f64) -> Vec<Place> {
        let places = self.together().filter_map(|points| {
            let of = |f: fn(&Point) -> f64| -> Vec<f64> { points.iter().map(|p| f(p)).collect() };
            let spread = Spread::of(&of(value)).filter(|s| s.mean.is_finite())?;
            let Spread { mean, low, high, .. } = spread;
            Some(Place { x: Spread::of(&of(across))?.mean, mean, low, high })
        });
        places.collect()
    }
}

/// A name for each group: the plans' own where it tells the groups apart, else what they set
/// otherwise than the other groups.
pub(super) fn names(groups: &[(Settings, Vec<Run>)], differing: &[String]) -> Vec<String> {
    let own = |runs: &[Run]| {
        let first = runs.first()?.plan.name();
        runs.iter().all(|run| run.plan.name() == first).then(|| first.to_owned())
    };
    let names: Vec<Option<String>> = groups.iter().map(|(_, runs)| own(runs)).collect();
    let unique = |name: &Option<String>| {
        name.is_some() && names.iter().filter(|other| *other == name).count() == 1
    };
    if names.iter().all(unique) {
        return names.into_iter().flatten().collect();
    }
    let told = |settings: &Settings| {
        let values = differing.iter().map(|key| {
            let value = settings.value(key);
            let others = groups.iter().map(|(other, _)| other.value(key));
            told(key, value, others.filter(|other| *other != value))
        });
        values.collect::<Vec<_>>().join(", ")
    };
    groups.iter().map(|(settings, _)| told(settings)).collect()
}

/// A setting in a few words: a rule by its name, with its arguments where `others` have the same
/// rule; another key with its value.
fn told<'a>(key: &str, value: &str, mut others: impl Iterator<Item = &'a str>) -> String {
    let plain = |value: &str| value.replace('"', "");
    let rule = |value: &str| {
        let inner = value.strip_prefix("{ rule = ")?.strip_suffix(" }")?.replace('"', "");
        let name = inner.split(',').next().unwrap_or_default().to_owned();
        Some((name, inner.replace(" = ", " ")))
    };
    match (rule(value), key.rsplit_once('.')) {
        (Some((name, all)), _) => {
            let same = others.any(|other| rule(other).is_some_and(|(other, _)| other == name));
            if same { all } else { name }
        }
        (None, None) => plain(value),
        (None, Some((_, key))) => format!("{key} {}", plain(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_and_words() {
        assert_eq!(Spread::of(&[]), None);
        let one = Spread { mean: 2.0, deviation: 0.0, low: 2.0, high: 2.0 };
        assert_eq!(Spread::of(&[2.0]), Some(one));
        let of = Spread::of(&[1.0, 2.0, 3.0]).unwrap();
        assert_eq!((of.mean, of.deviation, of.low, of.high), (2.0, 1.0, 1.0, 3.0));
        let rule = "{ rule = \"fedprox\", mu = 0.01 }";
        let other = "{ rule = \"fedprox\", mu = 0.1 }";
        let told = |key, value, others: &[&'static str]| told(key, value, others.iter().copied());
        assert_eq!(told("strategy", rule, &[other]), "fedprox, mu 0.01");
        assert_eq!(told("strategy", rule, &["\"fedavg\""]), "fedprox");
        assert_eq!(told("aggregator", "\"mean\"", &[]), "mean");
        assert_eq!(told("data.alpha", "0.1", &["1.0"]), "alpha 0.1");
    }
}
