//! y = x · Wᵀ + b, optionally followed by max(0, ·).

use super::gemm::{Mat, product};
use super::{Backward, Layer};
use tacit_core::params::Tensor;

/// A fully connected layer; weights `[outputs, inputs]`, then bias `[outputs]`.
pub(super) struct Linear {
    name: &'static str,
    inputs: usize,
    outputs: usize,
    relu: bool,
}

impl Linear {
    /// `relu` applies max(0, ·) to the outputs.
    pub fn new(name: &'static str, inputs: usize, outputs: usize, relu: bool) -> Self {
        Self { name, inputs, outputs, relu }
    }
}

impl Layer for Linear {
    fn tensors(&self) -> [Tensor; 2] {
        [
            Tensor {
                name: format!("{}.weight", self.name),
                shape: vec![self.outputs, self.inputs],
            },
            Tensor { name: format!("{}.bias", self.name), shape: vec![self.outputs] },
        ]
    }

    fn fan_in(&self) -> usize {
        self.inputs
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
        let x = Mat::rows(input, rows, self.inputs);
        let w = Mat::rows(weight, self.outputs, self.inputs);
        product(output, 1.0, 1.0, x, w.t());
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
        let d_output = Mat::rows(pass.d_output, rows, outputs);
        if let Some(d_input) = pass.d_input {
            let weight = Mat::rows(&pass.sink.weights[..inputs * outputs], outputs, inputs);
            product(d_input, 0.0, 1.0, d_output, weight);
        }
        let (target, scale) = pass.sink.target();
        let (weight, bias) = target.split_at_mut(inputs * outputs);
        product(weight, 1.0, scale, d_output.t(), Mat::rows(pass.input, rows, inputs));
        for row in pass.d_output.chunks_exact(outputs) {
            bias.iter_mut().zip(row).for_each(|(b, d)| *b += scale * d);
        }
    }
}
