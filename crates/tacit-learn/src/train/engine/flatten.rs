//! From pixel by pixel to channel by channel: the order in which PyTorch flattens a picture, and
//! so the order of the weights that follow.

use super::{Backward, Layer};
use tacit_core::params::Tensor;

/// `[pixels, channels]` comes in, `[channels, pixels]` leaves. No parameters.
pub(super) struct Flatten {
    /// Pixels of one picture.
    pub pixels: usize,
    /// Channels of one pixel.
    pub channels: usize,
}

/// Transposes every `rows × columns` matrix of `from`.
fn transpose(from: &[f32], to: &mut [f32], rows: usize, columns: usize) {
    let matrix = rows * columns;
    for (from, to) in from.chunks_exact(matrix).zip(to.chunks_exact_mut(matrix)) {
        for (column, to) in to.chunks_exact_mut(rows).enumerate() {
            to.iter_mut().enumerate().for_each(|(row, x)| *x = from[row * columns + column]);
        }
    }
}

impl Layer for Flatten {
    fn tensors(&self) -> Vec<Tensor> {
        Vec::new()
    }

    fn inputs(&self) -> usize {
        self.pixels * self.channels
    }

    fn outputs(&self) -> usize {
        self.inputs()
    }

    fn forward(&mut self, _rows: usize, _params: &[f32], input: &[f32], output: &mut [f32]) {
        transpose(input, output, self.pixels, self.channels);
    }

    fn backward(&mut self, pass: Backward<'_>) {
        if let Some(d_input) = pass.d_input {
            transpose(pass.d_output, d_input, self.channels, self.pixels);
        }
    }
}
