//! y = x · Wᵀ + b, optionally followed by max(0, ·).

use super::product::{Dots, Product, Strided};
use super::{Backward, Layer, weight_and_bias};
use pulp::Arch;
use tacit_core::params::Tensor;

/// Largest batch whose gradients stay in the cache while the weights pass by.
const SMALL_BATCH: usize = 24;

/// A fully connected layer; weights `[outputs, inputs]`, then bias `[outputs]`.
pub(super) struct Linear {
    name: &'static str,
    inputs: usize,
    outputs: usize,
    relu: bool,
    arch: Arch,
}

impl Linear {
    /// `relu` applies max(0, ·) to the outputs.
    pub fn new(name: &'static str, inputs: usize, outputs: usize, relu: bool) -> Self {
        Self { name, inputs, outputs, relu, arch: Arch::new() }
    }
}

impl Layer for Linear {
    fn tensors(&self) -> Vec<Tensor> {
        weight_and_bias(self.name, vec![self.outputs, self.inputs])
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn forward(&mut self, rows: usize, params: &[f32], input: &[f32], output: &mut [f32]) {
        let (weight, bias) = params.split_at(self.inputs * self.outputs);
        output.chunks_exact_mut(self.outputs).for_each(|row| row.copy_from_slice(bias));
        let size = (rows, self.outputs, self.inputs);
        Dots { out: output, left: input, right: weight, size }.run(self.arch);
        if self.relu {
            output.iter_mut().for_each(|y| *y = y.max(0.0));
        }
    }

    fn backward(&mut self, mut pass: Backward<'_>) {
        let (rows, inputs, outputs) = (pass.rows, self.inputs, self.outputs);
        if self.relu {
            pass.d_output.iter_mut().zip(pass.output).for_each(|(d, &y)| {
                *d = if y > 0.0 { *d } else { 0.0 };
            });
        }
        // Some rows of the weights at a time, so that they are still in the cache when they change.
        let block = if rows <= SMALL_BATCH { 16 } else { 64 };
        let mut d_input = pass.d_input;
        for first in (0..outputs).step_by(block) {
            let count = block.min(outputs - first);
            let span = first * inputs..(first + count) * inputs;
            let data = &pass.d_output[first..];
            if let Some(out) = &mut d_input {
                let left = Strided { data, row_stride: outputs, column_stride: 1 };
                let right = &pass.sink.weights[span.clone()];
                let (size, add) = ((rows, inputs, count), first > 0);
                Product { out, left, right, size, add, scale: 1.0 }.run(self.arch);
            }
            let left = Strided { data, row_stride: 1, column_stride: outputs };
            let (out, scale) = pass.sink.target(span);
            let size = (count, inputs, rows);
            Product { out, left, right: pass.input, size, add: true, scale }.run(self.arch);
        }
        let (bias, scale) = pass.sink.target(inputs * outputs..(inputs + 1) * outputs);
        for row in pass.d_output.chunks_exact(outputs) {
            bias.iter_mut().zip(row).for_each(|(b, d)| *b += scale * d);
        }
    }
}
