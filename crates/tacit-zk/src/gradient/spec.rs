//! What is computed, exactly: one step of gradient descent on one batch, in integers. The trainers
//! execute these functions, and the circuit proves them; there is no second definition.
//!
//! With fractions of `feature_fraction` (fx), `weight_fraction` (fw) and `update_fraction` (fu)
//! bits, for every row i, output k and column j, where the last column of a row is 1:
//!
//! - score vᵢₖ = Σⱼ xᵢⱼ wₖⱼ, in units of 2^−(fx+fw), nothing rounded;
//! - error eᵢₖ of 17 bits with sign. Linear regression: v less the target, rounded to 2⁻¹² and
//!   saturated at ±16. Logistic: v is rounded to 2⁻⁸ and saturated at ±8, its sigmoid is read off
//!   32 straight lines between multiples of ½, exact in units of 2⁻¹⁶, and e is that less the
//!   label;
//! - gradient gₖⱼ = Σᵢ eᵢₖ xᵢⱼ, nothing rounded;
//! - n = ⌊√Σ g²⌋ + 1, which exceeds the norm; scale s = min(rate, ⌊limit · 2^shift / n⌋);
//! - update uₖⱼ = ⌊(−gₖⱼ s + 2^(shift−1)) / 2^shift⌋, in units of 2^−fu.
//!
//! Rounding each of D coordinates moves the norm by at most √D / 2 units, so with
//! `limit` = ⌊`clip_norm` · 2^fu − √D / 2⌋ the update's norm is at most `clip_norm`.

use tacit_core::error::Error;
use zeroize::Zeroize;

/// Rows of a batch.
pub const MOST_ROWS: usize = 1 << 12;
/// Bits of an error, with its sign.
pub const ERROR_BITS: u32 = 17;
/// Bits of the rate: the learning rate is a number of so many bits over a power of two.
pub const RATE_BITS: u32 = 14;
/// Logarithm of the learning rate below which a rate can be.
const LEARNING_RATE_LOG: u32 = 2;
/// An update in units of 2^−fu stays below 2 to this power, so that it is an f32 exactly.
pub const UPDATE_BITS: u32 = 24;
/// Fraction bits of what the sigmoid is taken of.
pub(super) const SIGMOID_FRACTION: u32 = 8;
/// Bits of that, with its sign: ±8.
pub(super) const SIGMOID_BITS: u32 = 12;
/// Its lowest bits, by which a line is followed; the others choose the line.
pub(super) const LINE_BITS: u32 = 7;
/// Fraction bits of the sigmoid at the ends of a line.
const KNOT_FRACTION: u32 = 9;

/// ⌊512 σ(z) + ½⌋ at z = −8, −7.5 … 8.
pub const KNOTS: [i64; 33] = [
    0, 0, 0, 1, 1, 2, 3, 6, 9, 15, 24, 39, 61, 93, 138, 193, 256, 319, 374, 419, 451, 473, 488,
    497, 503, 506, 509, 510, 511, 511, 512, 512, 512,
];

/// Which model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Least squares.
    Linear,
    /// Logistic regression, one output against the rest each.
    Logistic,
}

/// What a row's target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Targets {
    /// A class: of two, whether it is the second; of more, an output for each. Least squares has
    /// −1 and 1 for no and yes.
    Classes,
    /// For least squares, a number for each output, of so many bits with its sign, in units of
    /// 2^−`feature_fraction`.
    Numbers {
        /// Bits of a target.
        bits: u32,
    },
}

/// Sizes and widths of one computation: what a circuit, and so a key, is made for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Which model.
    pub kind: Kind,
    /// What the targets are.
    pub targets: Targets,
    /// Values of a row, without the constant.
    pub features: usize,
    /// Outputs: 1 for two classes, as many as there are for more.
    pub outputs: usize,
    /// Rows of a batch.
    pub batch: usize,
    /// Logarithm of how many batches a participant's data may have.
    pub depth: u32,
    /// Bits of a feature with its sign.
    pub feature_bits: u32,
    /// Bits of these behind the point.
    pub feature_fraction: u32,
    /// Bits of a weight with its sign.
    pub weight_bits: u32,
    /// Bits of these behind the point.
    pub weight_fraction: u32,
    /// Bits of an update behind the point.
    pub update_fraction: u32,
}

/// One batch in integers; overwritten when it is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// `batch` × `features`.
    pub features: Vec<i32>,
    /// `batch` × `outputs`: 0 or 1 for classes, else numbers.
    pub targets: Vec<i32>,
}

impl Drop for Rows {
    fn drop(&mut self) {
        self.features.zeroize();
        self.targets.zeroize();
    }
}

/// What a step is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The learning rate, over the batch, in the units of [`Spec::step`].
    pub rate: u32,
    /// The norm's limit in units of the update.
    pub limit: u32,
}

impl Spec {
    /// A computation with usual widths: features of 8 bits within ±4, weights of 16 bits within ±8,
    /// updates in units of 2⁻²⁰.
    pub fn usual(kind: Kind, features: usize, outputs: usize, batch: usize) -> Self {
        Self {
            kind,
            targets: Targets::Classes,
            features,
            outputs,
            batch,
            depth: 8,
            feature_bits: 8,
            feature_fraction: 5,
            weight_bits: 16,
            weight_fraction: 12,
            update_fraction: 20,
        }
    }

    /// Refuses sizes and widths that it is not made for.
    pub fn check(&self) -> Result<(), Error> {
        let within = |what, value: usize, low: usize, high: usize| match value {
            value if (low..=high).contains(&value) => Ok(()),
            value => Err(Error::caller(what, format!("{low} to {high}"), value.to_string())),
        };
        within("features", self.features, 1, 1 << 16)?;
        within("outputs", self.outputs, 1, 1 << 10)?;
        within("batch", self.batch, 1, MOST_ROWS)?;
        within("depth", self.depth as usize, 1, 24)?;
        within("feature_bits", self.feature_bits as usize, 2, 16)?;
        within("feature_fraction", self.feature_fraction as usize, 0, 16)?;
        within("weight_bits", self.weight_bits as usize, 2, 24)?;
        within("weight_fraction", self.weight_fraction as usize, 1, 22)?;
        within("update_fraction", self.update_fraction as usize, 1, 22)?;
        if let Targets::Numbers { bits } = self.targets {
            within("bits of a target", bits as usize, 2, 32)?;
            if self.kind != Kind::Linear {
                let expected = "classes for logistic regression";
                return Err(Error::caller("targets", expected, "numbers"));
            }
        }
        let (product, error) =
            (self.feature_fraction + self.weight_fraction, self.score_fraction());
        if product <= error {
            let expected = format!("more than {error} fraction bits of feature and weight");
            return Err(Error::caller("fractions", expected, product.to_string()));
        }
        // The shift of `rate` below must be positive, and a coordinate must fit 126 bits.
        within("shift of the rate", self.shift().max(0) as usize, 1, 38)?;
        within("values", self.coordinates(), 2, 1 << 22)
    }

    /// Columns of a row with the constant.
    pub fn columns(&self) -> usize {
        self.features + 1
    }

    /// Values of a model and of an update.
    pub fn coordinates(&self) -> usize {
        self.columns() * self.outputs
    }

    /// Fraction bits that a score is rounded to.
    pub(super) fn score_fraction(&self) -> u32 {
        match self.kind {
            Kind::Linear => 12,
            Kind::Logistic => SIGMOID_FRACTION,
        }
    }

    /// Bits that rounding a score drops.
    pub(super) fn score_shift(&self) -> u32 {
        self.feature_fraction + self.weight_fraction - self.score_fraction()
    }

    /// Fraction bits of an error.
    fn error_fraction(&self) -> u32 {
        match self.kind {
            Kind::Linear => 12,
            Kind::Logistic => KNOT_FRACTION + LINE_BITS,
        }
    }

    /// Bits that rounding an update drops: with [`RATE_BITS`] for the rate it holds learning rates
    /// up to 4.
    pub(super) fn shift(&self) -> i64 {
        let sum = |x: u32, y: u32| i64::from(x) + i64::from(y);
        sum(RATE_BITS, self.batch.max(1).ilog2())
            + sum(self.feature_fraction, self.error_fraction())
            - sum(self.update_fraction, LEARNING_RATE_LOG)
    }

    /// The target of a row and output in units of a score.
    pub(super) fn target_factor(&self) -> (i64, i64) {
        let one = 1 << (self.feature_fraction + self.weight_fraction);
        match (self.kind, self.targets) {
            (Kind::Linear, Targets::Classes) => (2 * one, -one),
            (Kind::Linear, Targets::Numbers { .. }) => (1 << self.weight_fraction, 0),
            (Kind::Logistic, _) => (one, 0),
        }
    }

    /// The lowest and the highest learning rate that a rate stands for. They depend on the batch
    /// and on fractions alone.
    pub fn learning_rates(&self) -> [f64; 2] {
        let unit = f64::from(
            self.update_fraction as i32 - (self.feature_fraction + self.error_fraction()) as i32
                + self.shift() as i32,
        )
        .exp2();
        [1, (1 << RATE_BITS) - 1].map(|rate| f64::from(rate) * self.batch as f64 / unit)
    }

    /// The rate that is nearest to a learning rate, if there is one.
    pub fn rate(&self, learning_rate: f64) -> Option<u32> {
        let [lowest, _] = self.learning_rates();
        let rate = (learning_rate / lowest).round();
        (rate >= 1.0 && rate < f64::from(1 << RATE_BITS)).then_some(rate as u32)
    }

    /// Rate and limit for a learning rate and a norm, as near as they come; refuses what is beyond.
    pub fn step(&self, learning_rate: f64, clip_norm: f64) -> Result<Step, Error> {
        let rate = self.rate(learning_rate).ok_or_else(|| {
            let [lowest, highest] = self.learning_rates();
            let expected = format!("{lowest:.1e} to {highest:.2}");
            Error::caller("learning_rate", expected, learning_rate.to_string())
        })?;
        let units = f64::from(self.update_fraction).exp2();
        let limit = (clip_norm * units - (self.coordinates() as f64).sqrt() / 2.0).floor();
        if !(limit >= 1.0 && limit < f64::from((1 << UPDATE_BITS) - 1)) {
            let largest = f64::from((1 << UPDATE_BITS) - 1) / units;
            let expected = format!("above rounding and below {largest}");
            return Err(Error::caller("clip_norm", expected, clip_norm.to_string()));
        }
        Ok(Step { rate, limit: limit as u32 })
    }

    /// A feature, rounded and saturated.
    pub fn feature(&self, value: f32) -> i32 {
        quantise(value, self.feature_fraction, self.feature_bits)
    }

    /// A weight, rounded and saturated.
    pub fn weight(&self, value: f32) -> i32 {
        quantise(value, self.weight_fraction, self.weight_bits)
    }

    /// The targets of a class.
    pub fn class(&self, label: u32) -> impl Iterator<Item = i32> {
        let outputs = self.outputs as u32;
        (0..outputs).map(move |k| i32::from(if outputs == 1 { label == 1 } else { label == k }))
    }

    /// Scores of a row under weights `outputs` × `features`, then a constant for each output.
    pub fn scores(&self, weights: &[i32], row: &[i32]) -> Vec<i64> {
        let (matrix, constants) = weights.split_at(self.features * self.outputs);
        let rows = matrix.chunks(self.features).zip(constants);
        let dot = |(weights, constant): (&[i32], &i32)| {
            let products = weights.iter().zip(row).map(|(w, x)| i64::from(*w) * i64::from(*x));
            products.sum::<i64>() + (i64::from(*constant) << self.feature_fraction)
        };
        rows.map(dot).collect()
    }

    /// The error of an output.
    pub fn error(&self, score: i64, target: i32) -> i64 {
        let (factor, constant) = self.target_factor();
        let target = factor * i64::from(target) + constant;
        match self.kind {
            Kind::Linear => saturate(score - target, self.score_shift(), ERROR_BITS),
            Kind::Logistic => {
                let z = saturate(score, self.score_shift(), SIGMOID_BITS);
                let place = z + (1 << (SIGMOID_BITS - 1));
                let (line, along) = ((place >> LINE_BITS) as usize, place & ((1 << LINE_BITS) - 1));
                let (from, to) = (KNOTS[line], KNOTS[line + 1]);
                (from << LINE_BITS) + (to - from) * along
                    - (i64::from(target != 0) << self.error_fraction())
            }
        }
    }

    /// The gradient of a batch, summed over its rows; `errors` gets `batch` × `outputs`.
    pub fn gradient(&self, weights: &[i32], rows: &Rows, errors: &mut Vec<i64>) -> Vec<i64> {
        let mut gradient = vec![0; self.coordinates()];
        errors.clear();
        let targets = rows.targets.chunks(self.outputs);
        for (row, targets) in rows.features.chunks(self.features).zip(targets) {
            let (matrix, constants) = gradient.split_at_mut(self.features * self.outputs);
            let scores = self.scores(weights, row);
            for (k, (score, target)) in scores.into_iter().zip(targets).enumerate() {
                let error = self.error(score, *target);
                errors.push(error);
                let sums = &mut matrix[k * self.features..(k + 1) * self.features];
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += error * i64::from(*x));
                constants[k] += error << self.feature_fraction;
            }
        }
        gradient
    }

    /// The factor of the gradient, over 2^shift.
    pub fn scale(&self, step: Step, gradient: &[i64]) -> i64 {
        let squares: i128 = gradient.iter().map(|g| i128::from(*g).pow(2)).sum();
        let norm = squares.isqrt() + 1;
        let most = (i128::from(step.limit) << self.shift()) / norm;
        i128::from(step.rate).min(most) as i64
    }

    /// The update, in units of 2^−`update_fraction`.
    pub fn update(&self, step: Step, gradient: &[i64]) -> Vec<i32> {
        let (scale, shift) = (i128::from(self.scale(step, gradient)), self.shift());
        let half = 1_i128 << (shift - 1);
        gradient.iter().map(|g| ((-i128::from(*g) * scale + half) >> shift) as i32).collect()
    }

    /// The update as it travels: every integer is an f32 exactly.
    pub fn floats(&self, update: &[i32]) -> Vec<f32> {
        let unit = (-f64::from(self.update_fraction)).exp2();
        update.iter().map(|u| (f64::from(*u) * unit) as f32).collect()
    }

    /// The integers of an update that travelled; `None` if it is none of ours.
    pub fn integers(&self, update: &[f32]) -> Option<Vec<i32>> {
        let (unit, limit) = (f64::from(self.update_fraction).exp2(), f64::from(1 << UPDATE_BITS));
        let integer = |value: &f32| {
            let scaled = f64::from(*value) * unit;
            (scaled.abs() < limit && scaled.fract() == 0.0).then_some(scaled as i32)
        };
        update.iter().map(integer).collect()
    }
}

/// clamp(⌊x / 2^shift + ½⌋) to `bits` bits with sign.
fn saturate(x: i64, shift: u32, bits: u32) -> i64 {
    let rounded = (x + (1 << (shift - 1))) >> shift;
    rounded.clamp(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
}

fn quantise(value: f32, fraction: u32, bits: u32) -> i32 {
    let scaled = (f64::from(value) * f64::from(fraction).exp2()).round();
    let limit = f64::from(1_i32 << (bits - 1));
    scaled.clamp(-limit, limit - 1.0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knots_are_the_sigmoid() {
        for (line, knot) in KNOTS.iter().enumerate() {
            let z = line as f64 / 2.0 - 8.0;
            assert_eq!(*knot, (512.0 / (1.0 + (-z).exp())).round() as i64, "{z}");
        }
    }

    #[test]
    fn the_sigmoid_is_near() {
        let spec = Spec::usual(Kind::Logistic, 1, 1, 1);
        for step in -1200..1200 {
            let z = f64::from(step) / 100.0;
            let error = spec.error((z * 131_072.0) as i64, 0) as f64 / 65_536.0;
            let exact = 1.0 / (1.0 + (-z).exp());
            assert!((error - exact).abs() < 0.0041, "{z}: {error} {exact}");
        }
    }

    #[test]
    fn one_step_by_hand() {
        let mut spec = Spec::usual(Kind::Linear, 1, 1, 2);
        spec.targets = Targets::Numbers { bits: 12 };
        // rows x = 1, 2 with targets 1, 3; weight 1, constant 0: errors 0 and −1
        let rows = Rows { features: vec![32, 64], targets: vec![32, 96] };
        let mut errors = Vec::new();
        let gradient = spec.gradient(&[4096, 0], &rows, &mut errors);
        assert_eq!(errors, [0, -4096]);
        assert_eq!(gradient, [-4096 * 64, -4096 * 32]);
        // learning rate ½ over two rows: ¼ · 2 and ¼ · 1
        let step = spec.step(0.5, 8.0).unwrap();
        let update = spec.update(step, &gradient);
        assert_eq!(spec.floats(&update), [0.5, 0.25]);
        // a norm of √5/4 ≈ 0.559 clipped to 0.25
        let clipped = spec.floats(&spec.update(spec.step(0.5, 0.25).unwrap(), &gradient));
        let norm = f64::from(clipped[0]).hypot(f64::from(clipped[1]));
        assert!(norm <= 0.25 && norm > 0.2497, "{norm}");
        assert_eq!(spec.integers(&spec.floats(&update)), Some(update));
        assert_eq!(spec.integers(&[1e-9]), None);
    }

    #[test]
    fn what_is_out_of_range_saturates() {
        let mut spec = Spec::usual(Kind::Linear, 1, 1, 1);
        spec.targets = Targets::Numbers { bits: 12 };
        assert_eq!(spec.error(i64::from(i32::MAX), 0), 65_535);
        assert_eq!(spec.error(-i64::from(i32::MAX), 0), -65_536);
        assert_eq!([spec.feature(1e9), spec.feature(-1e9)], [127, -128]);
        assert!(spec.step(f64::NAN, 1.0).is_err() && spec.step(0.1, 0.0).is_err());
        assert!(spec.step(4.1, 1.0).is_err() && spec.step(0.1, 16.0).is_err());
    }
}
