//! 5 × 5 convolution with zero padding ("same"), ReLU and 2 × 2 maximum, by minimal filtering: a
//! tile of the transform is exactly one pooled output, so the two are computed together.
//!
//! A block of tiles at a time is transformed, multiplied point by point (36 small products) and
//! transformed back, so that everything in between stays in the second-level cache.

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
    arch: Arch,
    /// All pictures with borders of two zeros, and their gradients.
    padded: Vec<f32>,
    d_padded: Vec<f32>,
    /// Weights of one step, `channels × taps × filters` or `filters × taps × channels`.
    taps: Vec<f32>,
    /// Transformed weights: `points × channels × filters`, `points × filters × channels`.
    weights: Vec<f32>,
    transposed: Vec<f32>,
    /// Gradient of the first.
    d_weights: Vec<f32>,
    d_bias: Vec<f32>,
    /// Transformed block of windows, `points × BLOCK × channels`, or its gradient.
    windows: Vec<f32>,
    /// Transformed block of outputs, `points × BLOCK × filters`, or its gradient.
    products: Vec<f32>,
    /// Which of four neighbours was the largest, for every output.
    choices: Vec<f32>,
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

    /// Offset of position `i` of a window.
    fn position(&self, i: usize) -> usize {
        (i / WINDOW * self.padded_width() + i % WINDOW) * self.channels
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
            padded: vec![0.0; shape.padded() * ROWS],
            d_padded: vec![0.0; shape.padded() * ROWS],
            taps: vec![0.0; TAPS * matrix],
            weights: vec![0.0; POINTS * matrix],
            transposed: vec![0.0; POINTS * matrix],
            d_weights: vec![0.0; POINTS * matrix],
            d_bias: vec![0.0; filters],
            windows: vec![0.0; POINTS * BLOCK * channels],
            products: vec![0.0; POINTS * BLOCK * filters],
            choices: vec![0.0; shape.tiles() * filters * ROWS],
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
        let (target, scale) = pass.sink.target();
        let (weight, bias) = target.split_at_mut(TAPS * matrix);
        for (channel, from) in self.taps.chunks_exact(TAPS * filters).enumerate() {
            for filter in 0..filters {
                let to = &mut weight[(filter * channels + channel) * TAPS..][..TAPS];
                to.iter_mut()
                    .enumerate()
                    .for_each(|(tap, w)| *w += scale * from[tap * filters + filter]);
            }
        }
        bias.iter_mut().zip(&self.d_bias).for_each(|(b, d)| *b += scale * d);
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

/// An array of what `each` gives for every index, inlined as `std::array::from_fn` need not be.
#[inline(always)]
fn gather<V: Copy, const N: usize>(each: impl Fn(usize) -> V) -> [V; N] {
    let mut all = [each(0); N];
    for i in 1..N {
        all[i] = each(i);
    }
    all
}

impl Convolution {
    /// Transforms weights given as `outer × taps × inner` to `points × outer × inner`.
    #[inline(always)]
    fn transform_weights<S: Simd>(simd: S, taps: &[f32], out: &mut [f32], inner: usize) {
        let outer = taps.len() / (TAPS * inner);
        for o in 0..outer {
            for i in (0..inner).step_by(S::F32_LANES) {
                let filter = gather(
                    #[inline(always)]
                    |t| get::<S>(taps, (o * TAPS + t) * inner + i),
                );
                for (p, u) in transform::filter(simd, filter).into_iter().enumerate() {
                    put::<S>(out, (p * outer + o) * inner + i, u);
                }
            }
        }
    }

    #[inline(always)]
    fn transform_windows<S: Simd>(&mut self, simd: S, first: usize, count: usize) {
        let channels = self.shape.channels;
        for tile in 0..count {
            let window = self.shape.window(first + tile);
            for c in (0..channels).step_by(S::F32_LANES) {
                let d = gather(
                    #[inline(always)]
                    |i| get::<S>(&self.padded, window + self.shape.position(i) + c),
                );
                for (p, v) in transform::window(simd, d).into_iter().enumerate() {
                    put::<S>(&mut self.windows, (p * BLOCK + tile) * channels + c, v);
                }
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
                let data = &layer.windows[p * BLOCK * channels..];
                Product {
                    out: &mut layer.products[p * BLOCK * filters..][..count * filters],
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
                    let m = gather(
                        #[inline(always)]
                        |p| get::<S>(&layer.products, (p * BLOCK + tile) * filters + f),
                    );
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
                for (p, m) in transform::output_adjoint(simd, four).into_iter().enumerate() {
                    put::<S>(&mut layer.products, (p * BLOCK + tile) * filters + f, m);
                }
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
            let windows = &mut layer.windows[p * BLOCK * channels..][..count * channels];
            let products = &layer.products[p * BLOCK * filters..][..count * filters];
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
                let v = gather(
                    #[inline(always)]
                    |p| get::<S>(&layer.windows, (p * BLOCK + tile) * channels + c),
                );
                for (i, d) in transform::window_adjoint(simd, v).into_iter().enumerate() {
                    let at = window + layer.shape.position(i) + c;
                    let sum = simd.add_f32s(get::<S>(&layer.d_padded, at), d);
                    put::<S>(&mut layer.d_padded, at, sum);
                }
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
                let u = gather(
                    #[inline(always)]
                    |p| get::<S>(&layer.d_weights, (p * channels + channel) * filters + f),
                );
                for (t, g) in transform::filter_adjoint(simd, u).into_iter().enumerate() {
                    put::<S>(&mut layer.taps, (channel * TAPS + t) * filters + f, g);
                }
            }
        }
    }
}
