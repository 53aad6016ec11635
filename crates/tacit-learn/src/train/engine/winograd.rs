//! 5 × 5 convolution with zero padding ("same"), ReLU and 2 × 2 maximum, by minimal filtering: a
//! tile of the transform is exactly one pooled output, so the two are computed together.
//!
//! A block of tiles at a time is transformed, multiplied point by point (36 small products) and
//! transformed back, so that everything in between stays in the second-level cache.

use super::aligned::Aligned;
use super::lanes::Pattern;
use super::pool::{pool, unpool};
use super::product::{Product, Strided};
use super::transform::{self, FILTER, POINTS, TAPS, WINDOW};
use super::{Backward, Layer, ROWS, weight_and_bias};
use pulp::{Arch, Simd, WithSimd};
use tacit_core::params::Tensor;

/// Tiles in a block: a multiple of the rows that [`Product`] holds in registers.
const BLOCK: usize = 24;

/// Pictures come in and leave pixel by pixel (`[height, width, channels]` to `[height / 2,
/// width / 2, filters]`). Weights `[filters, channels, 5, 5]`, bias `[filters]`.
pub(super) struct Convolution {
    name: &'static str,
    shape: Shape,
    pub(super) arch: Arch,
    /// All pictures with borders of two zeros, and their gradients.
    padded: Aligned,
    d_padded: Aligned,
    /// Weights of one step, `channels × taps × filters` or `filters × taps × channels`.
    taps: Aligned,
    /// Transformed weights: `points × channels × filters`, `points × filters × channels`.
    weights: Aligned,
    transposed: Aligned,
    /// Gradient of the first.
    d_weights: Aligned,
    d_bias: Aligned,
    /// Transformed block of windows, `points × BLOCK × channels`, or its gradient.
    windows: Aligned,
    /// Transformed block of outputs, `points × BLOCK × filters`, or its gradient.
    products: Aligned,
    /// Which of four neighbours was the largest, for every output.
    choices: Aligned,
}

/// Values from one point of a transformed block to the next: a cache line more than a block holds,
/// since the points of one tile are used together and must not fall into the same few cache sets.
#[inline(always)]
fn apart(width: usize) -> usize {
    BLOCK * width + 16
}

/// Sizes of a [`Convolution`].
#[derive(Clone, Copy)]
struct Shape {
    height: usize,
    width: usize,
    channels: usize,
    filters: usize,
}

impl Shape {
    fn padded_width(&self) -> usize {
        self.width + FILTER - 1
    }

    /// Values of one picture with its border.
    fn padded(&self) -> usize {
        (self.height + FILTER - 1) * self.padded_width() * self.channels
    }

    /// Tiles of one picture.
    fn tiles(&self) -> usize {
        (self.height / 2) * (self.width / 2)
    }

    /// Where the window of a tile begins among the padded pictures.
    fn window(&self, tile: usize) -> usize {
        let (picture, tile) = (tile / self.tiles(), tile % self.tiles());
        let (row, column) = (tile / (self.width / 2) * 2, tile % (self.width / 2) * 2);
        picture * self.padded() + (row * self.padded_width() + column) * self.channels
    }

    /// The pixels of the window that begins at `first`.
    fn pixels(&self, first: usize) -> Pattern {
        Pattern { first, row: self.padded_width() * self.channels, column: self.channels }
    }
}

impl Convolution {
    /// `picture` is `[height, width, channels]`, sides at least 2; `channels` and `filters` are
    /// multiples of 16.
    pub fn new(name: &'static str, picture: [usize; 3], filters: usize) -> Self {
        let [height, width, channels] = picture;
        let shape = Shape { height, width, channels, filters };
        let matrix = channels * filters;
        Self {
            name,
            shape,
            arch: Arch::new(),
            padded: Aligned::zeros(shape.padded() * ROWS),
            d_padded: Aligned::zeros(shape.padded() * ROWS),
            taps: Aligned::zeros(TAPS * matrix),
            weights: Aligned::zeros(POINTS * matrix),
            transposed: Aligned::zeros(POINTS * matrix),
            d_weights: Aligned::zeros(POINTS * matrix),
            d_bias: Aligned::zeros(filters),
            windows: Aligned::zeros(POINTS * apart(channels)),
            products: Aligned::zeros(POINTS * apart(filters)),
            choices: Aligned::zeros(shape.tiles() * filters * ROWS),
        }
    }

    /// Visits the lines of all pictures: where one begins among the pictures, and where among the
    /// padded ones.
    fn lines(&self, rows: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let shape = self.shape;
        let border = FILTER / 2;
        (0..rows * shape.height).map(move |i| {
            let (picture, row) = (i / shape.height, i % shape.height);
            let inside = ((row + border) * shape.padded_width() + border) * shape.channels;
            (i * shape.width * shape.channels, picture * shape.padded() + inside)
        })
    }
}

impl Layer for Convolution {
    fn tensors(&self) -> Vec<Tensor> {
        weight_and_bias(self.name, vec![self.shape.filters, self.shape.channels, FILTER, FILTER])
    }

    fn inputs(&self) -> usize {
        self.shape.height * self.shape.width * self.shape.channels
    }

    fn outputs(&self) -> usize {
        self.shape.tiles() * self.shape.filters
    }

    fn forward(&mut self, rows: usize, params: &[f32], input: &[f32], output: &mut [f32]) {
        let line = self.shape.width * self.shape.channels;
        for (from, to) in self.lines(rows) {
            self.padded[to..to + line].copy_from_slice(&input[from..from + line]);
        }
        let (weight, bias) = params.split_at(TAPS * self.shape.channels * self.shape.filters);
        let arch = self.arch;
        arch.dispatch(Forward { layer: self, rows, weight, bias, output });
    }

    fn backward(&mut self, mut pass: Backward<'_>) {
        let Shape { width, channels, filters, .. } = self.shape;
        let (matrix, rows) = (channels * filters, pass.rows);
        let weight = &pass.sink.weights[..TAPS * matrix];
        let sends = pass.d_input.is_some();
        let arch = self.arch;
        arch.dispatch(Return { layer: self, rows, weight, gradients: pass.d_output, sends });
        if let Some(d_input) = pass.d_input {
            for (to, from) in self.lines(rows) {
                let line = &self.d_padded[from..from + width * channels];
                d_input[to..to + width * channels].copy_from_slice(line);
            }
        }
        let (target, scale) = pass.sink.target(0..pass.sink.weights.len());
        let (weight, bias) = target.split_at_mut(TAPS * matrix);
        for (channel, from) in self.taps.chunks_exact(TAPS * filters).enumerate() {
            for filter in 0..filters {
                let to = &mut weight[(filter * channels + channel) * TAPS..][..TAPS];
                to.iter_mut()
                    .enumerate()
                    .for_each(|(tap, w)| *w += scale * from[tap * filters + filter]);
            }
        }
        bias.iter_mut().zip(self.d_bias.iter()).for_each(|(b, d)| *b += scale * d);
    }
}

#[inline(always)]
fn get<S: Simd>(from: &[f32], at: usize) -> S::f32s {
    S::as_simd_f32s(&from[at..at + S::F32_LANES]).0[0]
}

#[inline(always)]
fn put<S: Simd>(to: &mut [f32], at: usize, value: S::f32s) {
    S::as_mut_simd_f32s(&mut to[at..at + S::F32_LANES]).0[0] = value;
}

/// The transformed values of one place, `stride` apart.
#[inline(always)]
fn points(first: usize, stride: usize) -> Pattern {
    Pattern { first, row: WINDOW * stride, column: stride }
}

/// The weights of one filter and channel, `stride` apart.
#[inline(always)]
fn taps(first: usize, stride: usize) -> Pattern {
    Pattern { first, row: FILTER * stride, column: stride }
}

impl Convolution {
    /// Transforms weights given as `outer × taps × inner` to `points × outer × inner`.
    #[inline(always)]
    fn transform_weights<S: Simd>(simd: S, weights: &[f32], out: &mut [f32], inner: usize) {
        let outer = weights.len() / (TAPS * inner);
        for o in 0..outer {
            for i in (0..inner).step_by(S::F32_LANES) {
                let filter =
                    taps(o * TAPS * inner + i, inner).get::<S, FILTER, TAPS>(simd, weights);
                let u = transform::filter(simd, filter);
                points(o * inner + i, outer * inner).put::<S, WINDOW, POINTS>(out, u);
            }
        }
    }

    #[inline(always)]
    fn transform_windows<S: Simd>(&mut self, simd: S, first: usize, count: usize) {
        let channels = self.shape.channels;
        for tile in 0..count {
            let window = self.shape.window(first + tile);
            for c in (0..channels).step_by(S::F32_LANES) {
                let d = self.shape.pixels(window + c).get::<S, WINDOW, POINTS>(simd, &self.padded);
                let v = transform::window(simd, d);
                let to = points(tile * channels + c, apart(channels));
                to.put::<S, WINDOW, POINTS>(&mut self.windows, v);
            }
        }
    }
}

/// The forward pass on padded pictures.
struct Forward<'a> {
    layer: &'a mut Convolution,
    rows: usize,
    weight: &'a [f32],
    bias: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let layer = self.layer;
        let Shape { channels, filters, .. } = layer.shape;
        for (channel, to) in layer.taps.chunks_exact_mut(TAPS * filters).enumerate() {
            for filter in 0..filters {
                let from = &self.weight[(filter * channels + channel) * TAPS..][..TAPS];
                from.iter().enumerate().for_each(|(tap, w)| to[tap * filters + filter] = *w);
            }
        }
        Convolution::transform_weights(simd, &layer.taps, &mut layer.weights, filters);
        let tiles = self.rows * layer.shape.tiles();
        for first in (0..tiles).step_by(BLOCK) {
            let count = BLOCK.min(tiles - first);
            layer.transform_windows(simd, first, count);
            for p in 0..POINTS {
                let data = &layer.windows[p * apart(channels)..];
                Product {
                    out: &mut layer.products[p * apart(filters)..][..count * filters],
                    left: Strided { data, row_stride: channels, column_stride: 1 },
                    right: &layer.weights[p * channels * filters..],
                    size: (count, filters, channels),
                    add: false,
                    scale: 1.0,
                }
                .run(layer.arch);
            }
            for tile in 0..count {
                for f in (0..filters).step_by(S::F32_LANES) {
                    let from = points(tile * filters + f, apart(filters));
                    let m = from.get::<S, WINDOW, POINTS>(simd, &layer.products);
                    let four = transform::output(simd, m);
                    let (value, choice) = pool(simd, four, get::<S>(self.bias, f));
                    put::<S>(self.output, (first + tile) * filters + f, value);
                    put::<S>(&mut layer.choices, (first + tile) * filters + f, choice);
                }
            }
        }
    }
}

/// The backward pass: leaves gradients in `taps`, `d_bias` and, where asked for, `d_padded`.
struct Return<'a> {
    layer: &'a mut Convolution,
    rows: usize,
    weight: &'a [f32],
    gradients: &'a [f32],
    sends: bool,
}

impl Return<'_> {
    /// Transformed gradients of a block's outputs.
    #[inline(always)]
    fn transform_outputs<S: Simd>(&mut self, simd: S, first: usize, count: usize) {
        let layer = &mut *self.layer;
        let filters = layer.shape.filters;
        for tile in 0..count {
            for f in (0..filters).step_by(S::F32_LANES) {
                let gradient = get::<S>(self.gradients, (first + tile) * filters + f);
                let choice = get::<S>(&layer.choices, (first + tile) * filters + f);
                let four = unpool(simd, gradient, choice);
                let pairs = (simd.add_f32s(four[0], four[1]), simd.add_f32s(four[2], four[3]));
                let bias =
                    simd.add_f32s(get::<S>(&layer.d_bias, f), simd.add_f32s(pairs.0, pairs.1));
                put::<S>(&mut layer.d_bias, f, bias);
                let m = transform::output_adjoint(simd, four);
                let to = points(tile * filters + f, apart(filters));
                to.put::<S, WINDOW, POINTS>(&mut layer.products, m);
            }
        }
    }

    /// Products with the block's windows (for the weights) and with the weights (for the input).
    #[inline(always)]
    fn multiply(&mut self, count: usize) {
        let layer = &mut *self.layer;
        let Shape { channels, filters, .. } = layer.shape;
        let matrix = channels * filters;
        for p in 0..POINTS {
            let windows = &mut layer.windows[p * apart(channels)..][..count * channels];
            let products = &layer.products[p * apart(filters)..][..count * filters];
            Product {
                out: &mut layer.d_weights[p * matrix..(p + 1) * matrix],
                left: Strided { data: windows, row_stride: 1, column_stride: channels },
                right: products,
                size: (channels, filters, count),
                add: true,
                scale: 1.0,
            }
            .run(layer.arch);
            if self.sends {
                Product {
                    out: windows,
                    left: Strided { data: products, row_stride: filters, column_stride: 1 },
                    right: &layer.transposed[p * matrix..],
                    size: (count, channels, filters),
                    add: false,
                    scale: 1.0,
                }
                .run(layer.arch);
            }
        }
    }

    /// Adds the gradients of a block's windows, which overlap, to those of the pictures.
    #[inline(always)]
    fn send<S: Simd>(&mut self, simd: S, first: usize, count: usize) {
        let layer = &mut *self.layer;
        let channels = layer.shape.channels;
        for tile in 0..count {
            let window = layer.shape.window(first + tile);
            for c in (0..channels).step_by(S::F32_LANES) {
                let from = points(tile * channels + c, apart(channels));
                let v = from.get::<S, WINDOW, POINTS>(simd, &layer.windows);
                let pixels = layer.shape.pixels(window + c);
                let mut sums = pixels.get::<S, WINDOW, POINTS>(simd, &layer.d_padded);
                for (sum, d) in sums.iter_mut().zip(transform::window_adjoint(simd, v)) {
                    *sum = simd.add_f32s(*sum, d);
                }
                pixels.put::<S, WINDOW, POINTS>(&mut layer.d_padded, sums);
            }
        }
    }
}

impl WithSimd for Return<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let shape = self.layer.shape;
        let Shape { channels, filters, .. } = shape;
        self.layer.d_weights.fill(0.0);
        self.layer.d_bias.fill(0.0);
        if self.sends {
            let layer = &mut *self.layer;
            let pairs = layer.taps.chunks_exact_mut(TAPS * channels);
            for (to, from) in pairs.zip(self.weight.chunks_exact(TAPS * channels)) {
                for (channel, from) in from.chunks_exact(TAPS).enumerate() {
                    from.iter().enumerate().for_each(|(t, w)| to[t * channels + channel] = *w);
                }
            }
            Convolution::transform_weights(simd, &layer.taps, &mut layer.transposed, channels);
            layer.d_padded[..self.rows * shape.padded()].fill(0.0);
        }
        let tiles = self.rows * shape.tiles();
        for first in (0..tiles).step_by(BLOCK) {
            let count = BLOCK.min(tiles - first);
            self.layer.transform_windows(simd, first, count);
            self.transform_outputs(simd, first, count);
            self.multiply(count);
            if self.sends {
                self.send(simd, first, count);
            }
        }
        let layer = self.layer;
        for channel in 0..channels {
            for f in (0..filters).step_by(S::F32_LANES) {
                let from = points(channel * filters + f, channels * filters);
                let u = from.get::<S, WINDOW, POINTS>(simd, &layer.d_weights);
                let g = transform::filter_adjoint(simd, u);
                let to = taps(channel * TAPS * filters + f, filters);
                to.put::<S, FILTER, TAPS>(&mut layer.taps, g);
            }
        }
    }
}
