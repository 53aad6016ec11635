//! Multinomial logistic regression: logits = x · Wᵀ + b.

use super::classifier::Classifier;
use super::engine::Network;
use tacit_core::registry::{Entry, Make};

/// `linear.weight [classes, features]` and `linear.bias [classes]`.
pub const ENTRY: Entry = Entry {
    name: "logistic-regression",
    help: "softmax regression: one linear layer, cross-entropy",
    parameters: &[],
    make: Make::Trainer(|_, shape| {
        let network = Network::dense(&["linear"], &[shape.width(), shape.classes])?;
        Ok(Classifier::boxed(network, shape))
    }),
};
