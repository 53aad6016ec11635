//! 5 × 5 convolution with zero padding ("same"), ReLU and 2 × 2 maximum, computed directly. Meant
//! for a network's first layer: few channels come in, and no gradient goes out.

use super::aligned::Aligned;
use super::pool::{pool, unpool};
use super::product::{Gathered, Product};
use super::transform::{FILTER, TAPS};
use super::{Backward, Layer, ROWS, weight_and_bias};
use pulp::{Arch, Simd, WithSimd};
use tacit_core::params::Tensor;

/// Pictures come in channel by channel (`[channels, height, width]`) and leave pixel by pixel
/// (`[height / 2, width / 2, filters]`). Weights `[filters, channels, 5, 5]`, bias `[filters]`.
pub(super) struct FirstConvolution {
    name: &'static str,
    picture: [usize; 3],
    filters: usize,
    pub(super) arch: Arch,
    /// One picture with a border of two zeros.
    padded: Aligned,
    /// Offset in `padded` of every output's window: four neighbours after four neighbours.
    windows: Vec<u32>,
    /// Offset in a window of every weight of one filter.
    taps: Vec<u32>,
    /// Weights of one step, `taps × filters`.
    weights: Aligned,
    /// Their gradient.
    d_weights: Aligned,
    /// Outputs before pooling of one picture, or their gradients: `windows × filters`.
    outputs: Aligned,
    /// Which of four neighbours was the largest, for every output.
    choices: Aligned,
}

impl FirstConvolution {
    /// `picture` is `[channels, height, width]`, sides at least 2; `filters` a multiple of 16.
    pub fn new(name: &'static str, picture: [usize; 3], filters: usize) -> Self {
        let [channels, height, width] = picture;
        let (padded_height, padded_width) = (height + FILTER - 1, width + FILTER - 1);
        let offset = |channel: usize, row: usize, column: usize| {
            ((channel * padded_height + row) * padded_width + column) as u32
        };
        let (rows, columns) = (height / 2, width / 2);
        let windows: Vec<u32> = (0..rows * columns * 4)
            .map(|i| {
                let (tile, corner) = (i / 4, i % 4);
                offset(0, tile / columns * 2 + corner / 2, tile % columns * 2 + corner % 2)
            })
            .collect();
        let taps: Vec<u32> =
            (0..channels * TAPS).map(|i| offset(i / TAPS, i % TAPS / FILTER, i % FILTER)).collect();
        Self {
            name,
            picture,
            filters,
            arch: Arch::new(),
            padded: Aligned::zeros(channels * padded_height * padded_width),
            weights: Aligned::zeros(taps.len() * filters),
            d_weights: Aligned::zeros(taps.len() * filters),
            outputs: Aligned::zeros(windows.len() * filters),
            choices: Aligned::zeros(windows.len() / 4 * filters * ROWS),
            windows,
            taps,
        }
    }

    /// Copies one picture inside the border of zeros.
    fn pad(&mut self, picture: &[f32]) {
        let [_, height, width] = self.picture;
        let padded_width = width + FILTER - 1;
        let border = FILTER / 2;
        for (i, line) in picture.chunks_exact(width).enumerate() {
            let row = i / height * (height + FILTER - 1) + i % height + border;
            let start = row * padded_width + border;
            self.padded[start..start + width].copy_from_slice(line);
        }
    }
}

impl Layer for FirstConvolution {
    fn tensors(&self) -> Vec<Tensor> {
        weight_and_bias(self.name, vec![self.filters, self.picture[0], FILTER, FILTER])
    }

    fn inputs(&self) -> usize {
        self.picture.iter().product()
    }

    fn outputs(&self) -> usize {
        self.windows.len() / 4 * self.filters
    }

    fn forward(&mut self, _rows: usize, params: &[f32], input: &[f32], output: &mut [f32]) {
        let (filters, taps) = (self.filters, self.taps.len());
        let (weight, bias) = params.split_at(taps * filters);
        for (filter, from) in weight.chunks_exact(taps).enumerate() {
            for (tap, w) in from.iter().enumerate() {
                self.weights[tap * filters + filter] = *w;
            }
        }
        let (inputs, outputs) = (self.inputs(), self.outputs());
        for (i, (picture, out)) in
            input.chunks_exact(inputs).zip(output.chunks_exact_mut(outputs)).enumerate()
        {
            self.pad(picture);
            Product {
                out: &mut self.outputs,
                left: Gathered { data: &self.padded, rows: &self.windows, columns: &self.taps },
                right: &self.weights,
                size: (self.windows.len(), filters, taps),
                add: false,
                scale: 1.0,
            }
            .run(self.arch);
            let choices = &mut self.choices[i * outputs..(i + 1) * outputs];
            self.arch.dispatch(Pool { from: &self.outputs, bias, out, choices });
        }
    }

    fn backward(&mut self, mut pass: Backward<'_>) {
        debug_assert!(pass.d_input.is_none(), "a first layer has nothing before it");
        let (filters, taps) = (self.filters, self.taps.len());
        let (inputs, outputs) = (self.inputs(), self.outputs());
        self.d_weights.fill(0.0);
        let (target, scale) = pass.sink.target(0..pass.sink.weights.len());
        let (weight, bias) = target.split_at_mut(taps * filters);
        for (i, picture) in pass.input.chunks_exact(inputs).enumerate() {
            self.pad(picture);
            let own = i * outputs..(i + 1) * outputs;
            let (gradients, choices) = (&pass.d_output[own.clone()], &self.choices[own]);
            let out = &mut self.outputs;
            self.arch.dispatch(Unpool { gradients, choices, out, filters, bias, scale });
            Product {
                out: &mut self.d_weights,
                left: Gathered { data: &self.padded, rows: &self.taps, columns: &self.windows },
                right: &self.outputs,
                size: (taps, filters, self.windows.len()),
                add: true,
                scale: 1.0,
            }
            .run(self.arch);
        }
        for (filter, to) in weight.chunks_exact_mut(taps).enumerate() {
            for (tap, w) in to.iter_mut().enumerate() {
                *w += scale * self.d_weights[tap * filters + filter];
            }
        }
    }
}

/// Pools one picture: `from` is `outputs × 4 × filters`.
struct Pool<'a> {
    from: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [f32],
    choices: &'a mut [f32],
}

impl WithSimd for Pool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let filters = self.bias.len();
        let bias = S::as_simd_f32s(self.bias).0;
        let outs = self.out.chunks_exact_mut(filters).zip(self.choices.chunks_exact_mut(filters));
        for (from, (out, choices)) in self.from.chunks_exact(4 * filters).zip(outs) {
            let lines: [&[S::f32s]; 4] =
                std::array::from_fn(|i| S::as_simd_f32s(&from[i * filters..(i + 1) * filters]).0);
            let (out, choices) = (S::as_mut_simd_f32s(out).0, S::as_mut_simd_f32s(choices).0);
            for v in 0..bias.len() {
                (out[v], choices[v]) = pool(simd, lines.map(|line| line[v]), bias[v]);
            }
        }
    }
}

/// Spreads the gradients of one picture's pooled outputs over the outputs before pooling, and
/// adds them to the bias.
struct Unpool<'a> {
    gradients: &'a [f32],
    choices: &'a [f32],
    out: &'a mut [f32],
    filters: usize,
    bias: &'a mut [f32],
    scale: f32,
}

impl WithSimd for Unpool<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let filters = self.filters;
        let bias = S::as_mut_simd_f32s(self.bias).0;
        let scale = simd.splat_f32s(self.scale);
        let pairs = self.gradients.chunks_exact(filters).zip(self.choices.chunks_exact(filters));
        for (to, (gradients, choices)) in self.out.chunks_exact_mut(4 * filters).zip(pairs) {
            let (gradients, choices) = (S::as_simd_f32s(gradients).0, S::as_simd_f32s(choices).0);
            let to = S::as_mut_simd_f32s(to).0;
            let vectors = bias.len();
            for v in 0..vectors {
                let four = unpool(simd, gradients[v], choices[v]);
                let pairs = (simd.add_f32s(four[0], four[1]), simd.add_f32s(four[2], four[3]));
                let sum = simd.add_f32s(pairs.0, pairs.1);
                bias[v] = simd.mul_add_e_f32s(scale, sum, bias[v]);
                for (i, part) in four.into_iter().enumerate() {
                    to[i * vectors + v] = part;
                }
            }
        }
    }
}
