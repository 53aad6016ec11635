//! Vectors of PyTorch: the same models, weights, examples and steps must give the same updates.
#![allow(clippy::unwrap_used)]

use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::messages::FitOrder;
use tacit_core::params::Params;
use tacit_core::registry::{Arguments, Make, Value};
use tacit_core::rng::Seed;
use tacit_core::traits::Trainer;
use tacit_learn::train::{self, safetensors};

/// Largest difference, relative to the largest value of the tensor's update.
const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    trainer: String,
    hidden: i64,
    shape: Vec<usize>,
    classes: usize,
    examples: usize,
    order: Order,
    losses: Vec<f64>,
    final_loss: f64,
    final_correct: u64,
    tensors: Vec<Update>,
}

#[derive(Deserialize)]
struct Order {
    steps: u32,
    learning_rate: f64,
    momentum: f64,
    weight_decay: f64,
    proximal_mu: f64,
}

#[derive(Deserialize)]
struct Update {
    name: String,
    shape: Vec<usize>,
    norm: f64,
    largest: f64,
    stride: usize,
    update: Vec<f64>,
}

fn vector(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors/train");
    std::fs::read(folder.join(name)).unwrap()
}

fn splitmix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// As in `bench/pytorch_vectors.py`.
fn uniform(stream: u64, count: usize) -> impl Iterator<Item = f64> {
    let bits = (0..count as u64).map(move |i| splitmix((stream << 32) + i) >> 40);
    bits.map(|bits| bits as f64 / f64::from(1 << 23) - 1.0)
}

impl Case {
    fn trainer(&self) -> Box<dyn Trainer> {
        let entry = train::TRAINERS.iter().find(|entry| entry.name == self.trainer).unwrap();
        let mut arguments = Arguments::defaults(entry.parameters).unwrap();
        if self.hidden > 0 {
            arguments = arguments.with("hidden", Value::Integer(self.hidden));
        }
        let Make::Trainer(make) = entry.make else { panic!("no trainer") };
        let shape = DataShape { features: self.shape.clone(), classes: self.classes };
        make(&arguments, &shape).unwrap()
    }

    fn shard(&self) -> Shard {
        let shape = DataShape { features: self.shape.clone(), classes: self.classes };
        let features = uniform(100, self.examples * shape.width()).map(|x| x as f32).collect();
        let labels = (0..self.examples as u64)
            .map(|i| (splitmix((101 << 32) + i) % self.classes as u64) as u32)
            .collect();
        Shard::all(Arc::new(Examples::new(shape, features, labels).unwrap()))
    }

    /// The trainer's layout with the vector's values.
    fn model(&self, trainer: &mut dyn Trainer) -> Params {
        let layout = trainer.initialise(Seed::root(0)).unwrap().layout().clone();
        let mut values = Vec::new();
        for (i, tensor) in layout.tensors().iter().enumerate() {
            let layer = tensor.name.split('.').next().unwrap();
            let weight = layout.tensors().iter().find(|t| t.name == format!("{layer}.weight"));
            let fan_in: usize = weight.unwrap().shape[1..].iter().product();
            let count = tensor.shape.iter().product();
            let scaled = uniform(i as u64, count).map(|x| (x / (fan_in as f64).sqrt()) as f32);
            values.extend(scaled);
        }
        Params::new(layout, values).unwrap()
    }

    fn order(&self) -> FitOrder {
        FitOrder {
            round: 1,
            local_epochs: self.order.steps,
            batch_size: 0,
            learning_rate: self.order.learning_rate,
            momentum: self.order.momentum,
            weight_decay: self.order.weight_decay,
            proximal_mu: self.order.proximal_mu,
            correction: None,
            seed: Seed::root(1),
        }
    }
}

#[test]
fn steps_agree_with_pytorch() {
    let vectors: Vectors = serde_json::from_slice(&vector("pytorch.json")).unwrap();
    assert_eq!(vectors.cases.len(), 8);
    for case in &vectors.cases {
        let label = format!("{} {:?}", case.trainer, case.shape);
        let (mut trainer, shard) = (case.trainer(), case.shard());
        let model = case.model(trainer.as_mut());
        let before = trainer.evaluate(&model, &shard).unwrap();
        assert!((before.loss - case.losses[0]).abs() < 1e-6 * case.losses[0], "{label}");
        let fitted = trainer.fit(&case.order(), &model, &shard).unwrap();
        let last = case.losses[case.losses.len() - 1];
        assert!((fitted.loss - last).abs() < TOLERANCE * last, "{label}: {}", fitted.loss);
        let update = Params::new(model.layout().clone(), fitted.update.values().to_vec()).unwrap();
        assert_eq!(model.layout().tensors().len(), case.tensors.len());
        for (own, expected) in model.layout().tensors().iter().zip(&case.tensors) {
            assert_eq!((&own.name, &own.shape), (&expected.name, &expected.shape), "{label}");
            let values = update.tensor(&own.name).unwrap();
            let norm = values.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            let name = format!("{label} {}", own.name);
            assert!((norm - expected.norm).abs() < TOLERANCE * expected.norm, "{name}: {norm}");
            for (found, expected_value) in
                values.iter().step_by(expected.stride).zip(&expected.update)
            {
                let difference = (f64::from(*found) - expected_value).abs();
                assert!(difference < TOLERANCE * expected.largest, "{name}: {difference}");
            }
        }
        let sums = model.values().iter().zip(fitted.update.values()).map(|(w, d)| w + d);
        let after = Params::new(model.layout().clone(), sums.collect()).unwrap();
        let after = trainer.evaluate(&after, &shard).unwrap();
        assert!((after.loss - case.final_loss).abs() < TOLERANCE * case.final_loss, "{label}");
        assert_eq!(after.correct, case.final_correct, "{label}");
    }
}

/// The gradient of one plain step is the derivative of the loss that `evaluate` measures.
#[test]
fn gradients_agree_with_finite_differences() {
    let vectors: Vectors = serde_json::from_slice(&vector("pytorch.json")).unwrap();
    for case in &vectors.cases {
        let (mut trainer, shard) = (case.trainer(), case.shard());
        let model = case.model(trainer.as_mut());
        let order = FitOrder {
            local_epochs: 1,
            learning_rate: 1.0,
            momentum: 0.0,
            weight_decay: 0.0,
            proximal_mu: 0.0,
            ..case.order()
        };
        let gradient: Vec<f64> = trainer
            .fit(&order, &model, &shard)
            .unwrap()
            .update
            .values()
            .iter()
            .map(|&x| -f64::from(x))
            .collect();
        let mut start = 0;
        for tensor in model.layout().tensors() {
            let span = start..start + tensor.shape.iter().product::<usize>();
            start = span.end;
            let norm = gradient[span.clone()].iter().map(|g| g * g).sum::<f64>().sqrt();
            // Along the tensor's own gradient the loss changes by its norm.
            let mut loss = |step: f64| {
                let mut values = model.values().to_vec();
                for i in span.clone() {
                    values[i] += (step * gradient[i] / norm) as f32;
                }
                let moved = Params::new(model.layout().clone(), values).unwrap();
                trainer.evaluate(&moved, &shard).unwrap().loss
            };
            let step = 5e-4;
            let slope = (loss(step) - loss(-step)) / (2.0 * step);
            let (name, trainer) = (&tensor.name, &case.trainer);
            assert!((slope - norm).abs() < 0.02 * norm + 2e-4, "{trainer} {name}: {slope} {norm}");
        }
    }
}

#[test]
fn files_of_pytorch() {
    let (params, metadata) = safetensors::read(&vector("pytorch-f32.safetensors")).unwrap();
    assert_eq!(metadata["format"], "pt");
    assert_eq!(params.tensor("fc.bias").unwrap(), [0.5, -1.0, 2.0]);
    let weight: Vec<f32> = uniform(7, 12).map(|x| x as f32).collect();
    assert_eq!(params.tensor("fc.weight").unwrap(), weight);
    let weight = params.layout().tensors().iter().find(|t| t.name == "fc.weight").unwrap();
    assert_eq!(weight.shape, [3, 4]);
    for (file, why) in [
        ("pytorch-f16.safetensors", "expected tensors of type F32, found F16 in fc.weight"),
        ("pytorch-nan.safetensors", "expected finite values, found value 6"),
    ] {
        let text = safetensors::read(&vector(file)).unwrap_err().to_string();
        assert!(text.contains(why), "{text}");
    }
}
