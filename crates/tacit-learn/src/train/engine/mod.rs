//! A small engine for feed-forward networks: f32, one thread (participants run in parallel, not
//! one participant's products), all memory taken before the first step. One seed gives one result
//! on one instruction set; AVX-512 and AVX2 sum in different orders and differ in the last bits.

#![allow(clippy::needless_range_loop, reason = "kernels index several arrays by one number")]

mod aligned;
mod convolution;
mod flatten;
mod lanes;
mod linear;
mod loss;
mod network;
mod pool;
mod product;
mod sgd;
mod transform;
mod winograd;

pub(super) use network::{Network, Run};
pub(super) use sgd::Sgd;

use sgd::Sink;
use tacit_core::params::Tensor;

/// Examples that go through the layers at a time. Larger batches are summed in parts, so that a
/// step on all examples needs no more memory than this.
const ROWS: usize = 128;

/// Weight and bias of the layer `name`; a weight's first dimension is its outputs, the others are
/// what one output depends on.
fn weight_and_bias(name: &str, weight: Vec<usize>) -> Vec<Tensor> {
    let outputs = weight[..1].to_vec();
    vec![
        Tensor { name: format!("{name}.weight"), shape: weight },
        Tensor { name: format!("{name}.bias"), shape: outputs },
    ]
}

/// One layer. Batches are row-major, one example after another.
trait Layer: Send {
    /// Weight, then bias; nothing for a layer without parameters.
    fn tensors(&self) -> Vec<Tensor>;
    /// Values per example that come in.
    fn inputs(&self) -> usize;
    /// Values per example that go out.
    fn outputs(&self) -> usize;
    /// Computes `output` (`rows × outputs`) from `input` (`rows × inputs`).
    fn forward(&mut self, rows: usize, params: &[f32], input: &[f32], output: &mut [f32]);
    /// Sends the gradient back through the layer and into its parameters.
    fn backward(&mut self, pass: Backward<'_>);
}

/// Everything a layer needs to send a gradient back.
struct Backward<'a> {
    /// Examples.
    rows: usize,
    /// What came in.
    input: &'a [f32],
    /// What went out.
    output: &'a [f32],
    /// Gradient of what went out; may be overwritten.
    d_output: &'a mut [f32],
    /// Where the gradient of what came in goes; nothing for the first layer.
    d_input: Option<&'a mut [f32]>,
    /// Where the gradient of the parameters goes.
    sink: Sink<'a>,
}

#[cfg(test)]
mod tests;
