//! Counters, gauges and histograms of one node: no global state, so that several nodes of one
//! process (tests, simulations) do not mix.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Series of one family: labels come from our own words, so more of them is a mistake, and a
/// mistake must not eat the memory.
const SERIES: usize = 1024;

/// Upper bounds of a histogram's buckets in seconds: from a heartbeat to a long poll.
const BUCKETS: [f64; 9] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0, 60.0];

/// What a family's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations sorted into buckets of seconds.
    Histogram,
}

/// Name, kind and explanation of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    name: &'static str,
    kind: Kind,
    help: &'static str,
}

impl Family {
    /// A number that only grows; its name ends with `_total`.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, help }
    }

    /// A number that goes up and down.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, help }
    }

    /// Durations; its name ends with `_seconds`.
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Histogram, help }
    }
}

/// Names and values of a series' labels, in the caller's order.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

#[derive(Default)]
struct Series {
    value: f64,
    /// Per bucket, not cumulated; the last is above all bounds.
    buckets: [u64; BUCKETS.len() + 1],
}

struct Values {
    family: Family,
    series: BTreeMap<String, Series>,
}

/// The metrics of one node.
#[derive(Default)]
pub struct Metrics(Mutex<BTreeMap<&'static str, Values>>);

impl Metrics {
    /// No metrics yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Values>> {
        // A count that another thread left half done is still a count.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, family: &Family, labels: Labels<'_>, change: impl FnOnce(&mut Series)) {
        let mut all = self.lock();
        let values = all.entry(family.name);
        let values = values.or_insert_with(|| Values { family: *family, series: BTreeMap::new() });
        let key = key(labels);
        if values.series.len() < SERIES || values.series.contains_key(&key) {
            change(values.series.entry(key).or_default());
        }
    }

    /// Adds to a counter or a gauge.
    pub fn add(&self, family: &Family, labels: Labels<'_>, amount: f64) {
        self.change(family, labels, |series| series.value += amount);
    }

    /// Sets a gauge.
    pub fn set(&self, family: &Family, labels: Labels<'_>, value: f64) {
        self.change(family, labels, |series| series.value = value);
    }

    /// Adds an observation to a histogram, in seconds.
    pub fn observe(&self, family: &Family, labels: Labels<'_>, seconds: f64) {
        self.change(family, labels, |series| {
            series.value += seconds;
            let bucket = BUCKETS.iter().position(|&bound| seconds <= bound);
            series.buckets[bucket.unwrap_or(BUCKETS.len())] += 1;
        });
    }

    /// Value of one series (for a histogram the sum of its observations); 0 if never touched.
    pub fn value(&self, family: &Family, labels: Labels<'_>) -> f64 {
        let all = self.lock();
        all.get(family.name).and_then(|v| v.series.get(&key(labels))).map_or(0.0, |s| s.value)
    }

    /// All metrics in the Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for Values { family: Family { name, kind, help }, series } in self.lock().values() {
            let word = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {word}");
            for (labels, series) in series {
                let _ = match kind {
                    Kind::Histogram => histogram(&mut text, name, labels, series),
                    _ if labels.is_empty() => writeln!(text, "{name} {}", series.value),
                    _ => writeln!(text, "{name}{{{labels}}} {}", series.value),
                };
            }
        }
        text
    }
}

fn histogram(text: &mut String, name: &str, labels: &str, series: &Series) -> std::fmt::Result {
    let comma = if labels.is_empty() { "" } else { "," };
    let mut count = 0;
    for (i, in_bucket) in series.buckets.iter().enumerate() {
        count += in_bucket;
        let bound = BUCKETS.get(i).map_or("+Inf".into(), f64::to_string);
        writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}")?;
    }
    let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    writeln!(text, "{name}_sum{braces} {}\n{name}_count{braces} {count}", series.value)
}

fn key(labels: Labels<'_>) -> String {
    let mut key = String::new();
    for (name, value) in labels {
        let comma = if key.is_empty() { "" } else { "," };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(key, "{comma}{name}=\"{value}\"");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: Family = Family::counter("a_total", "A.");
    const TIME: Family = Family::histogram("b_seconds", "B.");

    #[test]
    fn known_text() {
        let metrics = Metrics::new();
        metrics.add(&COUNT, &[("reason", "x\"y")], 2.0);
        metrics.add(&COUNT, &[("reason", "x\"y")], 1.0);
        metrics.add(&COUNT, &[], 1.0);
        metrics.observe(&TIME, &[("path", "p")], 0.05);
        metrics.observe(&TIME, &[("path", "p")], 100.0);
        let text = metrics.render();
        assert!(text.starts_with("# HELP a_total A.\n# TYPE a_total counter\na_total 1\n"));
        assert!(text.contains("a_total{reason=\"x\\\"y\"} 3\n"), "{text}");
        assert!(text.contains("b_seconds_bucket{path=\"p\",le=\"0.02\"} 0\n"));
        assert!(text.contains("b_seconds_bucket{path=\"p\",le=\"0.1\"} 1\n"));
        assert!(text.contains("b_seconds_bucket{path=\"p\",le=\"+Inf\"} 2\n"));
        assert!(text.contains("b_seconds_sum{path=\"p\"} 100.05\nb_seconds_count{path=\"p\"} 2\n"));
        assert_eq!(metrics.value(&COUNT, &[]), 1.0);
    }

    #[test]
    fn series_are_bounded() {
        let metrics = Metrics::new();
        for i in 0..2 * SERIES {
            metrics.add(&COUNT, &[("name", &i.to_string())], 1.0);
        }
        assert_eq!(metrics.render().lines().count(), SERIES + 2);
    }
}
