//! Layers in a row over one flat parameter vector.

use super::aligned::Aligned;
use super::convolution::FirstConvolution;
use super::flatten::Flatten;
use super::linear::Linear;
use super::loss::{Outcome, cross_entropy};
use super::sgd::{Sgd, Sink};
use super::winograd::Convolution;
use super::{Backward, Layer, ROWS};
use std::ops::Range;
use std::sync::Arc;
use tacit_core::data::Shard;
use tacit_core::error::Error;
use tacit_core::params::{Layout, Params, Tensor};
use tacit_core::rng::Seed;

/// A feed-forward classifier with its scratch memory.
pub(crate) struct Network {
    layers: Vec<Box<dyn Layer>>,
    layout: Arc<Layout>,
    /// Where each layer's parameters lie.
    spans: Vec<Range<usize>>,
    /// Input of the network, then the output of each layer: `ROWS` examples each.
    activations: Vec<Aligned>,
    /// Gradients of a layer's output and input.
    d_output: Aligned,
    d_input: Aligned,
    labels: Vec<u32>,
    /// Velocity of momentum, or the sum of a batch's parts; empty until first needed.
    velocity: Vec<f32>,
}

/// The parameters in training, those that were received, and the rule between them.
pub(crate) struct Run<'a> {
    /// The rule.
    pub sgd: Sgd,
    /// Changed by every step.
    pub weights: &'a mut [f32],
    /// Where training began.
    pub global: &'a [f32],
    /// Added to every gradient; empty for nothing.
    pub correction: &'a [f32],
}

impl Network {
    /// Fully connected layers of the given widths, ReLU between them; one name per layer.
    pub fn dense(names: &[&'static str], widths: &[usize]) -> Result<Self, Error> {
        let last = names.len().saturating_sub(1);
        let layer = |(i, (&name, pair)): (usize, (&&'static str, &[usize]))| {
            Box::new(Linear::new(name, pair[0], pair[1], i < last)) as Box<dyn Layer>
        };
        Self::new(names.iter().zip(widths.windows(2)).enumerate().map(layer).collect())
    }

    /// The convolutional network of McMahan et al. 2017, section 3, for `[channels, height, width]`
    /// pictures whose sides are at least 4.
    pub fn convolutional(picture: [usize; 3], classes: usize) -> Result<Self, Error> {
        let [_, height, width] = picture;
        let pixels = (height / 4) * (width / 4);
        Self::new(vec![
            Box::new(FirstConvolution::new("conv1", picture, 32)),
            Box::new(Convolution::new("conv2", [height / 2, width / 2, 32], 64)),
            Box::new(Flatten { pixels, channels: 64 }),
            Box::new(Linear::new("fc1", pixels * 64, 512, true)),
            Box::new(Linear::new("fc2", 512, classes, false)),
        ])
    }

    fn new(layers: Vec<Box<dyn Layer>>) -> Result<Self, Error> {
        let layout = Layout::new(layers.iter().flat_map(|layer| layer.tensors()).collect())?;
        let mut end = 0;
        let spans = layers.iter().map(|layer| {
            let size = |tensor: &Tensor| tensor.shape.iter().product::<usize>();
            let start = end;
            end += layer.tensors().iter().map(size).sum::<usize>();
            start..end
        });
        let spans = spans.collect();
        let mut widths: Vec<usize> = layers.iter().map(|layer| layer.outputs()).collect();
        widths.insert(0, layers.first().map_or(0, |layer| layer.inputs()));
        let widest = widths[1..].iter().max().map_or(0, |&width| width * ROWS);
        Ok(Self {
            layers,
            layout: Arc::new(layout),
            spans,
            activations: widths.iter().map(|width| Aligned::zeros(width * ROWS)).collect(),
            d_output: Aligned::zeros(widest),
            d_input: Aligned::zeros(widest),
            labels: vec![0; ROWS],
            velocity: Vec::new(),
        })
    }

    /// Names and shapes of the parameters.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Weights and biases uniform in ±1/√fan_in, as PyTorch draws them; every tensor from a
    /// stream of its own.
    pub fn initialise(&self, seed: Seed) -> Result<Params, Error> {
        let mut values = Vec::with_capacity(self.layout.len());
        for layer in &self.layers {
            let tensors = layer.tensors();
            let fan_in = tensors.first().map_or(1, |weight| weight.shape[1..].iter().product());
            let bound = 1.0 / f64::sqrt(fan_in as f64);
            for tensor in tensors {
                let mut rng = seed.derive("tacit/v1/initialise", &[tensor.name.as_bytes()]).rng();
                let size: usize = tensor.shape.iter().product();
                values.extend((0..size).map(|_| ((2.0 * rng.unit() - 1.0) * bound) as f32));
            }
        }
        Ok(Params::new(self.layout.clone(), values)?)
    }

    /// Begins local training: no velocity is left from before.
    pub fn reset(&mut self) {
        self.velocity.fill(0.0);
    }

    /// One step of gradient descent on the examples `batch` of `shard`; returns the loss in nats,
    /// summed over them, before the step.
    pub fn step(&mut self, run: &mut Run<'_>, shard: &Shard, batch: &[u32]) -> f64 {
        let direct = run.sgd.is_plain() && batch.len() <= ROWS;
        if !direct {
            self.velocity.resize(self.layout.len(), 0.0);
            run.sgd.begin(&mut self.velocity, run.weights, run.global);
            self.velocity.iter_mut().zip(run.correction).for_each(|(v, c)| *v += c);
        }
        let mut loss = 0.0;
        for part in batch.chunks(ROWS) {
            self.forward(run.weights, shard, part);
            self.outcomes(part.len(), |_, outcome| loss += outcome.loss);
            self.backward(run, part.len(), batch.len(), direct);
        }
        if !direct {
            run.sgd.end(&self.velocity, run.weights);
        }
        loss
    }

    /// Runs all of `shard` through the network; `each` is told label and outcome of every example.
    pub fn evaluate(&mut self, model: &Params, shard: &Shard, mut each: impl FnMut(u32, Outcome)) {
        let rows: Vec<u32> = (0..shard.len() as u32).collect();
        for part in rows.chunks(ROWS) {
            self.forward(model.values(), shard, part);
            self.outcomes(part.len(), &mut each);
        }
    }

    fn forward(&mut self, weights: &[f32], shard: &Shard, part: &[u32]) {
        let rows = part.len();
        let width = shard.shape().width();
        for ((&i, to), to_label) in
            part.iter().zip(self.activations[0].chunks_exact_mut(width)).zip(&mut self.labels)
        {
            let (features, label) = shard.get(i as usize);
            to.copy_from_slice(features);
            *to_label = label;
        }
        for (i, layer) in self.layers.iter_mut().enumerate() {
            let (before, after) = self.activations.split_at_mut(i + 1);
            let input = &before[i][..rows * layer.inputs()];
            let output = &mut after[0][..rows * layer.outputs()];
            layer.forward(rows, &weights[self.spans[i].clone()], input, output);
        }
    }

    /// Turns the logits of `rows` examples into the gradient of their summed loss.
    fn outcomes(&mut self, rows: usize, mut each: impl FnMut(u32, Outcome)) {
        let classes = self.layers.last().map_or(1, |layer| layer.outputs());
        let logits = self.activations.last().map_or(&[][..], |last| last);
        let gradient = &mut self.d_output[..rows * classes];
        gradient.copy_from_slice(&logits[..rows * classes]);
        for (row, &label) in gradient.chunks_exact_mut(classes).zip(&self.labels) {
            each(label, cross_entropy(row, label));
        }
    }

    fn backward(&mut self, run: &mut Run<'_>, rows: usize, step_rows: usize, direct: bool) {
        for (i, layer) in self.layers.iter_mut().enumerate().rev() {
            let span = self.spans[i].clone();
            let velocity = if direct { None } else { Some(&mut self.velocity[span.clone()]) };
            let inputs = rows * layer.inputs();
            layer.backward(Backward {
                rows,
                input: &self.activations[i][..inputs],
                output: &self.activations[i + 1][..rows * layer.outputs()],
                d_output: &mut self.d_output[..rows * layer.outputs()],
                d_input: if i > 0 { Some(&mut self.d_input[..inputs]) } else { None },
                sink: Sink {
                    weights: &mut run.weights[span.clone()],
                    velocity,
                    global: &run.global[span.clone()],
                    correction: run.correction.get(span).unwrap_or_default(),
                    sgd: run.sgd,
                    rows: step_rows,
                },
            });
            std::mem::swap(&mut self.d_output, &mut self.d_input);
        }
    }
}
