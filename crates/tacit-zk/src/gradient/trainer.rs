//! The trainers whose integers are proved: `exact-linear` and `exact-logistic`. A round is one step
//! on one batch, and the update that a participant sends is the integers' own.

use super::spec::{Kind, Spec};
use super::terms::{Terms, check_order, draw};
use crate::curve::Curve;
use std::sync::Arc;
use tacit_core::data::{DataShape, Shard};
use tacit_core::error::Error;
use tacit_core::messages::{Evaluation, FitOrder};
use tacit_core::params::{Layout, Params, Tensor, Update};
use tacit_core::registry::{Arguments, Default, Entry, Kind as Takes, Make, Parameter};
use tacit_core::rng::Seed;
use tacit_core::traits::{Fitted, Trainer};

const PARAMETERS: &[Parameter] = &[
    Parameter {
        name: "feature_bits",
        help: "bits of a feature, with its sign",
        kind: Takes::Integer { min: 8, max: 16 },
        default: Default::Integer(8),
    },
    Parameter {
        name: "feature_fraction",
        help: "bits of a feature behind the point: 5 of 8 hold -4 to 4",
        kind: Takes::Integer { min: 0, max: 15 },
        default: Default::Integer(5),
    },
    Parameter {
        name: "weight_bits",
        help: "bits of a weight, with its sign; 12 of them are behind the point",
        kind: Takes::Integer { min: 14, max: 24 },
        default: Default::Integer(16),
    },
    Parameter {
        name: "depth",
        help: "a participant has at most 2 to this power batches",
        kind: Takes::Integer { min: 1, max: 16 },
        default: Default::Integer(8),
    },
    Parameter {
        name: "clip_norm",
        help: "L2 norm that an update is clipped to, in integers",
        kind: Takes::Number { min: 1e-3, max: 15.9 },
        default: Default::Number(8.0),
    },
];

/// Least squares in integers.
pub const LINEAR: Entry = Entry {
    name: "exact-linear",
    help: "least squares on class labels in integers, one step a round: what groth16 proves",
    parameters: PARAMETERS,
    make: Make::Trainer(|arguments, shape| ExactTrainer::boxed(Kind::Linear, arguments, shape)),
};

/// Logistic regression in integers.
pub const LOGISTIC: Entry = Entry {
    name: "exact-logistic",
    help: "logistic regression, one class against the rest, in integers, one step a round: what \
           groth16 proves",
    parameters: PARAMETERS,
    make: Make::Trainer(|arguments, shape| ExactTrainer::boxed(Kind::Logistic, arguments, shape)),
};

/// The computation that a trainer's arguments ask for, on batches of so many rows.
pub fn spec(
    kind: Kind,
    arguments: &Arguments,
    shape: &DataShape,
    batch: usize,
) -> Result<(Spec, f64), Error> {
    let integer = |name| arguments.integer(name).map(|x| x as u32);
    let outputs = if shape.classes == 2 { 1 } else { shape.classes };
    let spec = Spec {
        depth: integer("depth")?,
        feature_bits: integer("feature_bits")?,
        feature_fraction: integer("feature_fraction")?,
        weight_bits: integer("weight_bits")?,
        ..Spec::usual(kind, shape.width(), outputs, batch)
    };
    spec.check()?;
    Ok((spec, arguments.number("clip_norm")?))
}

/// Executes [`Spec`].
struct ExactTrainer {
    kind: Kind,
    arguments: Arguments,
    shape: DataShape,
    layout: Arc<Layout>,
}

impl ExactTrainer {
    fn boxed(
        kind: Kind,
        arguments: &Arguments,
        shape: &DataShape,
    ) -> Result<Box<dyn Trainer>, Error> {
        let (spec, _) = spec(kind, arguments, shape, 1)?;
        let tensor = |name: &str, shape| Tensor { name: name.into(), shape };
        let layout = Layout::new(vec![
            tensor("linear.weight", vec![spec.outputs, spec.features]),
            tensor("linear.bias", vec![spec.outputs]),
        ])?;
        let (arguments, shape) = (arguments.clone(), shape.clone());
        Ok(Box::new(Self { kind, arguments, shape, layout: Arc::new(layout) }))
    }

    fn terms(&self, batch: usize) -> Result<Terms, Error> {
        let (spec, clip_norm) = spec(self.kind, &self.arguments, &self.shape, batch)?;
        Ok(Terms { spec, curve: Curve::Bn254, clip_norm, hidden_weights: false })
    }

    fn check(&self, shard: &Shard) -> Result<(), Error> {
        if shard.shape() != &self.shape {
            let describe = |shape: &DataShape| format!("{:?} in {}", shape.features, shape.classes);
            let (expected, found) = (describe(&self.shape), describe(shard.shape()));
            return Err(Error::caller("shape of the data and classes", expected, found));
        }
        Ok(())
    }
}

impl Trainer for ExactTrainer {
    fn initialise(&mut self, _: Seed) -> Result<Params, Error> {
        // convex: where it starts does not matter
        Ok(Params::new(self.layout.clone(), vec![0.0; self.layout.len()])?)
    }

    fn fit(&mut self, order: &FitOrder, model: &Params, shard: &Shard) -> Result<Fitted, Error> {
        self.check(shard)?;
        let terms = self.terms(order.batch_size.max(1))?;
        let spec = &terms.spec;
        check_order(spec, order)?;
        let (step, weights) = (terms.step(order)?, terms.weights(model)?);
        let blocks = spec.blocks(shard)?;
        let block = draw(order, model.digest(), blocks);
        let rows = spec.rows(shard, block)?;
        let mut errors = Vec::new();
        let update = spec.update(step, &spec.gradient(&weights, &rows, &mut errors));
        let examples = u64::from(blocks) * spec.batch as u64;
        let update = Update::new(self.layout.clone(), spec.floats(&update), examples)?;
        let loss = (0..spec.batch).map(|row| {
            let (features, label) = shard.get(block as usize * spec.batch + row);
            loss(self.kind, &outputs(model.values(), features), label)
        });
        Ok(Fitted { update, loss: loss.sum::<f64>() / spec.batch as f64, steps: 1 })
    }

    fn evaluate(&mut self, model: &Params, shard: &Shard) -> Result<Evaluation, Error> {
        self.check(shard)?;
        if shard.is_empty() {
            return Err(Error::caller("shard", "at least one example", "none"));
        }
        if model.layout() != &self.layout {
            let expected = format!("{} values", self.layout.len());
            return Err(Error::caller("model", expected, model.values().len().to_string()));
        }
        let mut evaluation = Evaluation {
            examples: shard.len() as u64,
            per_class: vec![(0, 0); self.shape.classes],
            ..Evaluation::default()
        };
        for row in 0..shard.len() {
            let (features, label) = shard.get(row);
            let scores = outputs(model.values(), features);
            let correct = u64::from(winner(&scores) == label);
            evaluation.correct += correct;
            evaluation.loss += loss(self.kind, &scores, label);
            let class = &mut evaluation.per_class[label as usize];
            *class = (class.0 + 1, class.1 + correct);
        }
        evaluation.loss /= evaluation.examples as f64;
        Ok(evaluation)
    }
}

/// Scores in floating point.
fn outputs(model: &[f32], features: &[f32]) -> Vec<f64> {
    let outputs = model.len() / (features.len() + 1);
    let (matrix, constants) = model.split_at(outputs * features.len());
    let dot = |(weights, constant): (&[f32], &f32)| {
        let products = weights.iter().zip(features).map(|(w, x)| f64::from(*w) * f64::from(*x));
        f64::from(*constant) + products.sum::<f64>()
    };
    matrix.chunks(features.len()).zip(constants).map(dot).collect()
}

fn winner(scores: &[f64]) -> u32 {
    match scores {
        [score] => u32::from(*score > 0.0),
        scores => {
            let best = scores.iter().enumerate().max_by(|x, y| x.1.total_cmp(y.1));
            best.map_or(0, |(class, _)| class as u32)
        }
    }
}

/// Mean over the outputs: half the squared error, or the cross-entropy in nats.
fn loss(kind: Kind, scores: &[f64], label: u32) -> f64 {
    let one = |(k, score): (usize, &f64)| {
        let yes = if scores.len() == 1 { label == 1 } else { label as usize == k };
        match kind {
            Kind::Linear => (score - if yes { 1.0 } else { -1.0 }).powi(2) / 2.0,
            // log(1 + e^−m) of the margin m
            Kind::Logistic => {
                let margin = if yes { *score } else { -score };
                (-margin).max(0.0) + (-margin.abs()).exp().ln_1p()
            }
        }
    };
    scores.iter().enumerate().map(one).sum::<f64>() / scores.len() as f64
}
