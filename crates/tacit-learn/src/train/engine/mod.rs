//! A small engine for feed-forward networks: f32, one thread (participants run in parallel, not
//! one participant's products), all memory taken before the first step.

mod gemm;
mod linear;
mod loss;
mod network;
mod sgd;

pub(super) use network::{Network, Run};
pub(super) use sgd::Sgd;

use sgd::Sink;
use tacit_core::params::Tensor;

/// One layer with a weight and a bias. Batches are row-major, one example after another.
trait Layer: Send {
    /// Weight, then bias.
    fn tensors(&self) -> [Tensor; 2];
    /// Inputs that one output depends on: the scale of initial weights.
    fn fan_in(&self) -> usize;
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
