//! A labelled data set with the names of what is in it, and its split into train and test.

use std::sync::Arc;
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::error::Error;
use tacit_core::rng::Seed;

/// The column that says whom each example belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Groups {
    /// Name of the column.
    pub column: String,
    /// Distinct values, sorted.
    pub names: Vec<String>,
    /// Index into `names` for each example.
    pub of_row: Vec<u32>,
}

/// A labelled data set in memory. Every example is either a training row or a test row.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    examples: Arc<Examples>,
    classes: Vec<String>,
    features: Vec<String>,
    groups: Option<Groups>,
    train: Vec<u32>,
    test: Vec<u32>,
}

impl Dataset {
    /// Names the classes of `examples`; all rows are training rows, features are unnamed.
    pub fn new(examples: Examples, classes: Vec<String>) -> Result<Self, Error> {
        if classes.len() != examples.shape().classes {
            let expected = format!("{} class names", examples.shape().classes);
            return Err(Error::caller("data set", expected, classes.len().to_string()));
        }
        let train = (0..examples.len() as u32).collect();
        let examples = Arc::new(examples);
        Ok(Self { examples, classes, features: Vec::new(), groups: None, train, test: Vec::new() })
    }

    /// Names the features: one name per value of an example.
    pub fn with_features(mut self, features: Vec<String>) -> Result<Self, Error> {
        let width = self.shape().width();
        if features.len() != width {
            let expected = format!("{width} feature names");
            return Err(Error::caller("data set", expected, features.len().to_string()));
        }
        self.features = features;
        Ok(self)
    }

    /// Says whom each example belongs to.
    pub fn with_groups(mut self, groups: Groups) -> Result<Self, Error> {
        let refuse = |expected, found| Err(Error::caller("group column", expected, found));
        if groups.of_row.len() != self.examples.len() {
            let expected = format!("{} values", self.examples.len());
            return refuse(expected, groups.of_row.len().to_string());
        }
        if let Some(bad) = groups.of_row.iter().find(|&&g| g as usize >= groups.names.len()) {
            return refuse(format!("groups below {}", groups.names.len()), bad.to_string());
        }
        self.groups = Some(groups);
        Ok(self)
    }

    /// Declares the rows from `first` on to be the test rows: for data that comes already split.
    pub fn with_test_from(mut self, first: usize) -> Result<Self, Error> {
        let rows = self.examples.len();
        if first == 0 || first >= rows {
            let expected = format!("between 1 and {} training rows", rows.saturating_sub(1));
            return Err(Error::caller("test rows", expected, first.to_string()));
        }
        self.train = (0..first as u32).collect();
        self.test = (first as u32..rows as u32).collect();
        Ok(self)
    }

    /// Moves a random `fraction` (0 to 1, exclusive of 1) of the training rows to the test rows:
    /// at least one if `fraction` is positive, never all. Data that came already split keeps its
    /// own test rows.
    pub fn hold_out(mut self, fraction: f64, seed: Seed) -> Result<Self, Error> {
        if !(0.0..1.0).contains(&fraction) {
            return Err(Error::caller("held-out fraction", "0 to below 1", fraction.to_string()));
        }
        if !self.test.is_empty() || fraction == 0.0 {
            return Ok(self);
        }
        let rows = self.train.len();
        if rows < 2 {
            return Err(Error::caller("held-out rows", "at least 2 examples", rows.to_string()));
        }
        let held = ((rows as f64 * fraction).round() as usize).clamp(1, rows - 1);
        seed.derive("tacit/v1/data/hold-out", &[]).rng().shuffle(&mut self.train);
        self.test = self.train.split_off(rows - held);
        self.train.sort_unstable();
        self.test.sort_unstable();
        Ok(self)
    }

    /// Shifts and scales each feature to mean 0 and standard deviation 1 over the training rows;
    /// a constant feature becomes 0. The test rows take the training rows' shift and scale.
    pub fn standardise(mut self) -> Result<Self, Error> {
        let width = self.shape().width();
        let count = self.train.len().max(1) as f64;
        let mut mean = vec![0.0f64; width];
        for &row in &self.train {
            mean.iter_mut().zip(self.row(row)).for_each(|(m, &x)| *m += f64::from(x) / count);
        }
        let mut variance = vec![0.0f64; width];
        for &row in &self.train {
            for ((v, m), &x) in variance.iter_mut().zip(&mean).zip(self.row(row)) {
                *v += (f64::from(x) - m).powi(2) / count;
            }
        }
        // What rounding leaves of a constant feature is below one part in 2²⁰ of its mean.
        let scale = mean.iter().zip(&variance).map(|(m, v)| match v.sqrt() {
            deviation if deviation > m.abs() * 1e-6 => 1.0 / deviation,
            _ => 0.0,
        });
        let scale: Vec<f64> = scale.collect();
        let mut values = Vec::with_capacity(self.examples.len() * width);
        for row in 0..self.examples.len() as u32 {
            let scaled = self.row(row).iter().zip(mean.iter().zip(&scale));
            values.extend(scaled.map(|(&x, (m, s))| ((f64::from(x) - m) * s) as f32));
        }
        let labels = self.examples.labels().to_vec();
        self.examples = Arc::new(Examples::new(self.shape().clone(), values, labels)?);
        Ok(self)
    }

    fn row(&self, row: u32) -> &[f32] {
        self.examples.row(row as usize)
    }

    /// All examples, training and test.
    pub fn examples(&self) -> &Arc<Examples> {
        &self.examples
    }

    /// Shape of one example and number of classes.
    pub fn shape(&self) -> &DataShape {
        self.examples.shape()
    }

    /// Name of each class.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Name of each feature; empty for pictures.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// Whom each example belongs to, if the source says so.
    pub fn groups(&self) -> Option<&Groups> {
        self.groups.as_ref()
    }

    /// Training rows, ascending: what [`partition`](super::partition()) deals out.
    pub fn train(&self) -> &[u32] {
        &self.train
    }

    /// Test rows, ascending; empty until [`Dataset::hold_out`].
    pub fn test(&self) -> &[u32] {
        &self.test
    }

    /// The part of the data that holds `rows`, sharing the examples.
    pub fn shard(&self, rows: Vec<u32>) -> Result<Shard, Error> {
        Shard::new(self.examples.clone(), rows)
    }

    /// The test rows.
    pub fn test_shard(&self) -> Result<Shard, Error> {
        self.shard(self.test.clone())
    }
}
