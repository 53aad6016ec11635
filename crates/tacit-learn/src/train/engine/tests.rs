//! The convolutional layers beside plain loops in double precision, on every instruction set.

use super::convolution::FirstConvolution;
use super::sgd::{Sgd, Sink};
use super::winograd::Convolution;
use super::{Backward, Layer};
use pulp::Arch;
use tacit_core::messages::FitOrder;
use tacit_core::rng::Seed;

fn draw(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = Seed::root(seed).rng();
    (0..count).map(|_| rng.normal() as f32).collect()
}

/// A convolution as the literature writes it; pictures are `[row][column][channel]`.
struct Plain {
    height: usize,
    width: usize,
    channels: usize,
    filters: usize,
}

/// Outputs and the gradients of input, weight and bias.
struct Gradients {
    output: Vec<f64>,
    input: Vec<f64>,
    weight: Vec<f64>,
    bias: Vec<f64>,
}

impl Plain {
    /// Calls `each` with the indices of every product that enters one output before pooling:
    /// of the input and of the weight.
    fn products(
        &self,
        row: usize,
        column: usize,
        filter: usize,
        mut each: impl FnMut(usize, usize),
    ) {
        for (y, x) in (0..25).map(|tap| (tap / 5, tap % 5)) {
            let (r, c) = ((row + y).wrapping_sub(2), (column + x).wrapping_sub(2));
            if r < self.height && c < self.width {
                for channel in 0..self.channels {
                    let weight = (filter * self.channels + channel) * 25 + y * 5 + x;
                    each((r * self.width + c) * self.channels + channel, weight);
                }
            }
        }
    }

    fn run(&self, input: &[f32], params: &[f32], d_output: &[f32]) -> Gradients {
        let (weight, bias) = params.split_at(self.filters * self.channels * 25);
        let picture = self.height * self.width * self.channels;
        let (rows, columns) = (self.height / 2, self.width / 2);
        let mut all = Gradients {
            output: Vec::new(),
            input: vec![0.0; input.len()],
            weight: vec![0.0; weight.len()],
            bias: vec![0.0; bias.len()],
        };
        for (p, input) in input.chunks(picture).enumerate() {
            for i in 0..rows * columns * self.filters {
                let (tile, filter) = (i / self.filters, i % self.filters);
                let (mut best, mut place) = (f64::MIN, (0, 0));
                for corner in 0..4 {
                    let row = tile / columns * 2 + corner / 2;
                    let column = tile % columns * 2 + corner % 2;
                    let mut sum = f64::from(bias[filter]);
                    self.products(row, column, filter, |x, w| {
                        sum += f64::from(input[x]) * f64::from(weight[w]);
                    });
                    if sum > best {
                        (best, place) = (sum, (row, column));
                    }
                }
                all.output.push(best.max(0.0));
                if best > 0.0 {
                    let d = f64::from(d_output[p * rows * columns * self.filters + i]);
                    all.bias[filter] += d;
                    self.products(place.0, place.1, filter, |x, w| {
                        all.input[p * picture + x] += d * f64::from(weight[w]);
                        all.weight[w] += d * f64::from(input[x]);
                    });
                }
            }
        }
        all
    }
}

fn expect_close(what: &str, found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(*found) - expected).abs();
        assert!(difference < 1e-5 * largest, "{what} at {i}: {found} instead of {expected}");
    }
}

fn sgd() -> Sgd {
    let order = FitOrder {
        round: 1,
        local_epochs: 1,
        batch_size: 0,
        learning_rate: 1.0,
        momentum: 0.5,
        weight_decay: 0.0,
        proximal_mu: 0.0,
        correction: None,
        seed: Seed::root(1),
    };
    Sgd::new(&order).unwrap()
}

fn compare(layer: &mut dyn Layer, plain: &Plain, rows: usize, sends: bool, what: &str) {
    let picture = plain.height * plain.width * plain.channels;
    let input = draw(rows * picture, 1);
    let mut params = draw(plain.filters * (plain.channels * 25 + 1), 2);
    let outputs = rows * layer.outputs();
    let mut d_output = draw(outputs, 3);
    let expected = plain.run(&input, &params, &d_output);
    // The first convolution is given its pictures channel by channel.
    let given: Vec<f32> = if sends {
        input.clone()
    } else {
        let pixels = plain.height * plain.width;
        let at = |i: usize| i % picture % pixels * plain.channels + i % picture / pixels;
        (0..input.len()).map(|i| input[i / picture * picture + at(i)]).collect()
    };
    let mut output = vec![f32::NAN; outputs];
    layer.forward(rows, &params, &given, &mut output);
    expect_close(&format!("{what}: output"), &output, &expected.output);
    let mut d_input = vec![f32::NAN; input.len()];
    let mut velocity = vec![0.0; params.len()];
    let global = params.clone();
    layer.backward(Backward {
        rows,
        input: &given,
        output: &output,
        d_output: &mut d_output,
        d_input: sends.then_some(&mut d_input[..]),
        sink: Sink {
            weights: &mut params,
            velocity: Some(&mut velocity),
            global: &global,
            correction: &[],
            sgd: sgd(),
            rows: 1,
        },
    });
    let (weight, bias) = velocity.split_at(expected.weight.len());
    expect_close(&format!("{what}: weight"), weight, &expected.weight);
    expect_close(&format!("{what}: bias"), bias, &expected.bias);
    if sends {
        expect_close(&format!("{what}: input"), &d_input, &expected.input);
    }
}

fn architectures() -> Vec<Arch> {
    let mut all = vec![Arch::new(), Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    all.extend(pulp::x86::V3::try_new().map(Arch::V3));
    all
}

#[test]
fn convolutions_agree_with_plain_loops() {
    for (height, width, rows) in [(2, 2, 1), (6, 8, 5), (7, 5, 3)] {
        for (i, arch) in architectures().into_iter().enumerate() {
            let what = format!("{rows} of {height} x {width}, instruction set {i}");
            let plain = Plain { height, width, channels: 16, filters: 32 };
            let mut layer = Convolution::new("c", [height, width, 16], 32);
            layer.arch = arch;
            compare(&mut layer, &plain, rows, true, &what);
            // A second time, on scratch memory that is no longer zero.
            compare(&mut layer, &plain, rows, true, &what);
            let plain = Plain { height, width, channels: 3, filters: 16 };
            let mut layer = FirstConvolution::new("c", [3, height, width], 16);
            layer.arch = arch;
            compare(&mut layer, &plain, rows, false, &what);
            compare(&mut layer, &plain, rows, false, &what);
        }
    }
}
