//! The trainer that every built-in network shares.

use super::engine::{Network, Run, Sgd};
use tacit_core::data::{DataShape, Shard};
use tacit_core::error::Error;
use tacit_core::messages::{Evaluation, FitOrder};
use tacit_core::params::{Params, Update};
use tacit_core::rng::Seed;
use tacit_core::traits::{Fitted, Trainer};

/// Minibatch gradient descent on a network's cross-entropy (McMahan et al. 2017, algorithm 1,
/// `ClientUpdate`).
pub(super) struct Classifier {
    network: Network,
    shape: DataShape,
}

impl Classifier {
    /// A trainer of `network` for data of `shape`.
    pub fn boxed(network: Network, shape: &DataShape) -> Box<dyn Trainer> {
        Box::new(Self { network, shape: shape.clone() })
    }

    fn check(&self, model: &Params, shard: &Shard) -> Result<(), Error> {
        let describe = |shape: &DataShape| format!("{:?} in {}", shape.features, shape.classes);
        if shard.shape() != &self.shape {
            let (expected, found) = (describe(&self.shape), describe(shard.shape()));
            return Err(Error::caller("shape of the data and classes", expected, found));
        }
        if shard.is_empty() {
            return Err(Error::caller("shard", "at least one example", "none"));
        }
        check_layout(model, self.network.layout())
    }
}

/// Refuses a model of other tensors.
pub(super) fn check_layout(
    model: &Params,
    expected: &tacit_core::params::Layout,
) -> Result<(), Error> {
    let found = model.layout().as_ref();
    if found == expected {
        return Ok(());
    }
    let pairs = expected.tensors().iter().zip(found.tensors());
    let differing = pairs.clone().find(|(e, f)| e != f);
    let describe =
        |tensor: &tacit_core::params::Tensor| format!("{} {:?}", tensor.name, tensor.shape);
    let (expected, found) = match differing {
        Some((expected, found)) => (describe(expected), describe(found)),
        None => {
            (format!("{} tensors", expected.tensors().len()), format!("{}", found.tensors().len()))
        }
    };
    Err(Error::caller("tensors of the model", expected, found))
}

impl Trainer for Classifier {
    fn initialise(&mut self, seed: Seed) -> Result<Params, Error> {
        self.network.initialise(seed)
    }

    fn fit(&mut self, order: &FitOrder, model: &Params, shard: &Shard) -> Result<Fitted, Error> {
        self.check(model, shard)?;
        if order.local_epochs == 0 {
            return Err(Error::caller("local_epochs", "at least 1", "0"));
        }
        let sgd = Sgd::new(order)?;
        let mut weights = model.values().to_vec();
        let correction = order.correction.as_deref().unwrap_or_default();
        if ![0, weights.len()].contains(&correction.len()) {
            let (expected, found) = (weights.len().to_string(), correction.len().to_string());
            return Err(Error::caller("length of the correction", expected, found));
        }
        let mut run = Run { sgd, weights: &mut weights, global: model.values(), correction };
        let mut indices: Vec<u32> = (0..shard.len() as u32).collect();
        let batch_size = if order.batch_size == 0 { shard.len() } else { order.batch_size };
        let (mut loss, mut steps) = (0.0, 0);
        self.network.reset();
        for epoch in 0..order.local_epochs {
            order
                .seed
                .derive("tacit/v1/epoch", &[&epoch.to_le_bytes()])
                .rng()
                .shuffle(&mut indices);
            let batches = indices.chunks(batch_size);
            steps += batches.len() as u64;
            loss = batches.map(|batch| self.network.step(&mut run, shard, batch)).sum::<f64>()
                / shard.len() as f64;
            if !loss.is_finite() {
                let found = format!("loss {loss} in local epoch {}", epoch + 1);
                return Err(Error::caller("training", "a learning rate that converges", found));
            }
        }
        let update = Update::between(model, weights, shard.len() as u64).map_err(|refusal| {
            Error::caller("training", "a learning rate that converges", refusal.to_string())
        })?;
        Ok(Fitted { update, loss, steps })
    }

    fn evaluate(&mut self, model: &Params, shard: &Shard) -> Result<Evaluation, Error> {
        self.check(model, shard)?;
        let mut evaluation = Evaluation {
            examples: shard.len() as u64,
            per_class: vec![(0, 0); self.shape.classes],
            ..Evaluation::default()
        };
        self.network.evaluate(model, shard, |label, outcome| {
            let correct = u64::from(outcome.correct);
            evaluation.loss += outcome.loss;
            evaluation.correct += correct;
            let class = &mut evaluation.per_class[label as usize];
            *class = (class.0 + 1, class.1 + correct);
        });
        evaluation.loss /= evaluation.examples as f64;
        if !evaluation.loss.is_finite() {
            let found = format!("loss {}", evaluation.loss);
            return Err(Error::caller("model", "weights whose outputs are finite", found));
        }
        Ok(evaluation)
    }
}
