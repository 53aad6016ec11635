//! The circuit's arithmetic, function for function that of [`Spec`].

use super::spec::{ERROR_BITS, KNOTS, Kind, LINE_BITS, RATE_BITS, SIGMOID_BITS, Spec, UPDATE_BITS};
use crate::r1cs::builder::{Builder, signed};
use crate::r1cs::gadgets::{Saturation, Table, bit, decompose, product, saturate, weigh, width};
use ark_ff::PrimeField;

/// [`Spec::error`].
pub fn error<F: PrimeField, B: Builder<F>>(
    b: &mut B,
    spec: &Spec,
    score: &B::Wire,
    target: &B::Wire,
) -> B::Wire {
    let (factor, constant) = spec.target_factor();
    let (factor, constant) = (i128::from(factor), i128::from(constant));
    let reach = spec.reach();
    let shift = spec.score_shift();
    match spec.kind {
        Kind::Linear => {
            let miss = b.sum(&[(1, score), (-factor, target)], -constant);
            let of = Saturation { shift, bits: ERROR_BITS, reach };
            let number = saturate(b, &miss, of).number(b);
            b.sum(&[(1, &number)], -(1 << (ERROR_BITS - 1)))
        }
        Kind::Logistic => {
            let of = Saturation { shift, bits: SIGMOID_BITS, reach };
            let place = saturate(b, score, of).bits(b);
            let (along, line) = place.split_at(LINE_BITS as usize);
            let along = weigh(b, along, 0);
            let table = Table::new(b, line);
            let from = table.look_up(b, &KNOTS[..32]);
            let rises: Vec<i64> = KNOTS.windows(2).map(|ends| ends[1] - ends[0]).collect();
            let rise = table.look_up(b, &rises);
            // σ − target = from + rise · along − target, and 0 ≤ σ ≤ 1
            let one = 1_i128 << (ERROR_BITS - 1);
            let rest = b.sum(&[(1 << LINE_BITS, &from), (-one, target)], 0);
            let value = b.value(&rise) * b.value(&along) + b.value(&rest);
            let error = b.wire(Some((-one, one)), || value);
            let risen = b.sum(&[(1, &error), (-1, &rest)], 0);
            b.enforce(&rise, &along, &risen);
            error
        }
    }
}

impl Spec {
    /// A score less its target is within ±2 to this power.
    fn reach(&self) -> u32 {
        let product = self.feature_bits + self.weight_bits - 2;
        let constant = self.feature_fraction + self.weight_bits - 1;
        let columns = usize::BITS - self.features.leading_zeros();
        let scores = product.max(constant) + columns + 1;
        let target = self.target_bits() + self.feature_fraction.max(1) + self.weight_fraction;
        scores.max(target) + 1
    }
}

/// [`Spec::scale`], for a rate and a limit.
pub fn scale<F: PrimeField, B: Builder<F>>(
    b: &mut B,
    spec: &Spec,
    gradient: &[B::Wire],
    (rate, limit): (&B::Wire, &B::Wire),
) -> B::Wire {
    let squares: Vec<_> = gradient.iter().map(|g| product(b, g, g)).collect();
    let terms: Vec<_> = squares.iter().map(|square| (1, square)).collect();
    let squares = b.sum(&terms, 0);
    // m = ⌊√Σ⌋: with r = Σ − m² and t = 2m − r within 0..2^(bits+1), 2m = r + t is an integer, and
    // even, as (r + t)² = 4 (Σ − r); so no bit of m is needed.
    let bits = spec.norm_bits();
    let root = signed(b.value(&squares)).max(0).isqrt();
    let root = b.wire(Some((0, 1 << (bits + 1))), || F::from(root));
    let square = product(b, &root, &root);
    let rest = b.sum(&[(1, &squares), (-1, &square)], 0);
    decompose(b, &rest, bits + 1);
    let room = b.sum(&[(2, &root), (-1, &rest)], 0);
    decompose(b, &room, bits + 1);
    // q = ⌊limit · 2^shift / (m + 1)⌋: 0 ≤ limit · 2^shift − q (m + 1) ≤ m. The comparison below
    // shows q to be an integer within these bounds.
    let shift = spec.shift() as u32;
    let (norm, whole) = (b.sum(&[(1, &root)], 1), b.sum(&[(1 << shift, limit)], 0));
    let quotient = signed(b.value(&whole)) / signed(b.value(&norm)).max(1);
    let reach = 1_i128 << (UPDATE_BITS + shift);
    let within = (-reach, reach + (1 << RATE_BITS));
    let quotient = b.wire(Some(within), || F::from(quotient));
    let taken = product(b, &quotient, &norm);
    let rest = b.sum(&[(1, &whole), (-1, &taken)], 0);
    decompose(b, &rest, bits);
    let room = b.sum(&[(1, &root), (-1, &rest)], 0);
    decompose(b, &room, bits);
    // the smaller of the two
    let bits = UPDATE_BITS + shift;
    let ahead = b.sum(&[(1, &quotient), (-1, rate)], 1 << bits);
    let enough = decompose(b, &ahead, bits + 1);
    let back = b.sum(&[(1, rate), (-1, &quotient)], 0);
    let back = product(b, &enough[bits as usize], &back);
    let scale = b.sum(&[(1, &quotient), (1, &back)], 0);
    b.promise(&scale, (0, (1 << RATE_BITS) - 1))
}

impl Spec {
    /// The norm of a gradient is below 2 to this power.
    fn norm_bits(&self) -> u32 {
        let column = (ERROR_BITS - 1) + (self.feature_bits - 1).max(self.feature_fraction);
        let sum = column + width(self.batch as i128 - 1);
        sum + width(self.coordinates() as i128 - 1).div_ceil(2) + 1
    }
}

/// The bits of [`Spec::update`], as they are committed to. One constraint and
/// [`UPDATE_BITS`] + shift + 1 bits for each coordinate.
pub fn updates<F: PrimeField, B: Builder<F>>(
    b: &mut B,
    spec: &Spec,
    gradient: &[B::Wire],
    scale: &B::Wire,
) -> Vec<B::Wire> {
    let shift = spec.shift() as u32;
    let lift = (1_i128 << (shift - 1)) + (1 << (UPDATE_BITS + shift));
    let mut updates = Vec::with_capacity(gradient.len() * (UPDATE_BITS as usize + 1));
    for g in gradient {
        let down = b.sum(&[(-1, g)], 0);
        // keeps the compiler's eye on a product that has no wire of its own
        b.product_bounds(&down, scale);
        let value = b.value(&down) * b.value(scale) + F::from(lift);
        let digits = b.digits(value, UPDATE_BITS + 1 + shift);
        let mut bits: Vec<_> = digits.into_iter().map(|digit| bit(b, || digit)).collect();
        let lowered = weigh(b, &bits, -lift);
        b.enforce(&down, scale, &lowered);
        updates.extend(bits.drain(shift as usize..));
    }
    updates
}
