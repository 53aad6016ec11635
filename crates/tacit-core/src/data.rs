//! Labelled examples and the part of them that one participant holds.

use crate::error::Error;
use crate::limits;
use std::sync::Arc;

/// Shape of one example and number of classes: what a trainer needs to size its layers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataShape {
    /// Dimensions of one example: `[64]`, or `[channels, height, width]` for pictures.
    pub features: Vec<usize>,
    /// Number of classes; labels are `0..classes`.
    pub classes: usize,
}

impl DataShape {
    /// Values per example.
    pub fn width(&self) -> usize {
        self.features.iter().product()
    }
}

/// A labelled data set in memory: `len × width` finite f32, row-major, and a label per row.
#[derive(Clone, Debug, PartialEq)]
pub struct Examples {
    shape: DataShape,
    features: Vec<f32>,
    labels: Vec<u32>,
}

impl Examples {
    /// Checks sizes, finiteness and labels.
    pub fn new(shape: DataShape, features: Vec<f32>, labels: Vec<u32>) -> Result<Self, Error> {
        let refuse = |expected: String, found: String| Error::caller("data set", expected, found);
        let width = shape.width();
        if width == 0 || width > limits::FEATURES {
            return Err(refuse("1 to 12582912 features".into(), width.to_string()));
        }
        if shape.classes < 2 || shape.classes > limits::CLASSES {
            return Err(refuse("2 to 65536 classes".into(), shape.classes.to_string()));
        }
        if labels.is_empty() || Some(features.len()) != labels.len().checked_mul(width) {
            let expected = format!("{} rows of {width} features", labels.len().max(1));
            return Err(refuse(expected, format!("{} values", features.len())));
        }
        if let Some(row) = features.iter().position(|x| !x.is_finite()) {
            return Err(refuse("finite features".into(), format!("row {}", row / width)));
        }
        if let Some(&label) = labels.iter().find(|&&l| l as usize >= shape.classes) {
            return Err(refuse(format!("labels below {}", shape.classes), label.to_string()));
        }
        Ok(Self { shape, features, labels })
    }

    /// Shape of one example and number of classes.
    pub fn shape(&self) -> &DataShape {
        &self.shape
    }

    /// Number of examples.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Features of one example.
    pub fn row(&self, index: usize) -> &[f32] {
        let width = self.shape.width();
        &self.features[index * width..(index + 1) * width]
    }

    /// Label of one example.
    pub fn label(&self, index: usize) -> u32 {
        self.labels[index]
    }

    /// All labels.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }
}

/// The part of a data set that one participant holds: shared by reference, never copied.
#[derive(Clone, Debug)]
pub struct Shard {
    examples: Arc<Examples>,
    rows: Vec<u32>,
}

impl Shard {
    /// Checks that every row exists.
    pub fn new(examples: Arc<Examples>, rows: Vec<u32>) -> Result<Self, Error> {
        if let Some(row) = rows.iter().find(|&&row| row as usize >= examples.len()) {
            let expected = format!("rows below {}", examples.len());
            return Err(Error::caller("shard", expected, row.to_string()));
        }
        Ok(Self { examples, rows })
    }

    /// The whole data set.
    pub fn all(examples: Arc<Examples>) -> Self {
        let rows = (0..examples.len() as u32).collect();
        Self { examples, rows }
    }

    /// Number of examples in the shard; may be zero.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the participant holds nothing.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Shape of one example and number of classes.
    pub fn shape(&self) -> &DataShape {
        self.examples.shape()
    }

    /// Features and label of the `i`th example of the shard.
    pub fn get(&self, i: usize) -> (&[f32], u32) {
        let row = self.rows[i] as usize;
        (self.examples.row(row), self.examples.label(row))
    }

    /// The underlying data set.
    pub fn examples(&self) -> &Arc<Examples> {
        &self.examples
    }

    /// Row numbers in the underlying data set.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// Examples per class.
    pub fn histogram(&self) -> Vec<u32> {
        let mut counts = vec![0; self.shape().classes];
        self.rows.iter().for_each(|&r| counts[self.examples.label(r as usize) as usize] += 1);
        counts
    }
}
