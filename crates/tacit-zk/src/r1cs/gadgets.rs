//! Integer arithmetic in a circuit. Each function enforces what its name says; bounds of wires
//! that it makes are those that its own constraints enforce.

use super::builder::{Builder, PACKED_BITS};
use ark_ff::PrimeField;

/// A product, one constraint.
pub fn product<F: PrimeField, B: Builder<F>>(b: &mut B, x: &B::Wire, y: &B::Wire) -> B::Wire {
    let (value, bounds) = (b.value(x) * b.value(y), b.product_bounds(x, y));
    let product = b.wire(bounds, || value);
    b.enforce(x, y, &product);
    product
}

/// `x = y`, one constraint.
pub fn equal<F: PrimeField, B: Builder<F>>(b: &mut B, x: &B::Wire, y: &B::Wire) {
    let one = b.integer(1);
    b.enforce(x, &one, y);
}

/// A wire that is 0 or 1: x · (x − 1) = 0.
pub fn bit<F: PrimeField, B: Builder<F>>(b: &mut B, value: impl FnOnce() -> F) -> B::Wire {
    let bit = b.wire(Some((0, 1)), value);
    let less = b.sum(&[(1, &bit)], -1);
    let zero = b.integer(0);
    b.enforce(&bit, &less, &zero);
    bit
}

/// The bits of a private number, lowest first: it is what its bits say, so it is within its width.
pub fn private_bits<F: PrimeField, B: Builder<F>>(
    b: &mut B,
    width: usize,
    value: impl Fn(usize) -> bool,
) -> Vec<B::Wire> {
    (0..width).map(|i| bit(b, || F::from(value(i)))).collect()
}

/// Σ 2ⁱ · bitᵢ + constant.
pub fn weigh<F: PrimeField, B: Builder<F>>(b: &mut B, bits: &[B::Wire], constant: i128) -> B::Wire {
    let terms: Vec<_> = bits.iter().enumerate().map(|(i, bit)| (1_i128 << i, bit)).collect();
    b.sum(&terms, constant)
}

/// The bits of an integer, lowest first; enforces that it is within 0..2^`width`.
pub fn decompose<F: PrimeField, B: Builder<F>>(b: &mut B, x: &B::Wire, width: u32) -> Vec<B::Wire> {
    let value = b.value(x);
    let digits = b.digits(value, width);
    let digit = |i: u32| digits.get(i as usize).copied().unwrap_or_default();
    let bits: Vec<_> = (0..width).map(|i| bit(b, || digit(i))).collect();
    let sum = weigh(b, &bits, 0);
    equal(b, &sum, x);
    bits
}

/// Bits that hold any integer of 0..=`largest`.
pub fn width(largest: i128) -> u32 {
    i128::BITS - largest.max(0).leading_zeros()
}

/// Bits as elements of the field, [`PACKED_BITS`] in each, the last one perhaps fewer.
pub fn pack<F: PrimeField, B: Builder<F>>(b: &mut B, bits: &[B::Wire]) -> Vec<B::Wire> {
    let two = F::from(2_u64);
    let mut packed = Vec::with_capacity(bits.len().div_ceil(PACKED_BITS));
    for chunk in bits.chunks(PACKED_BITS) {
        let mut factor = F::ONE;
        let mut terms = Vec::with_capacity(chunk.len());
        for bit in chunk {
            terms.push((factor, bit));
            factor *= two;
        }
        packed.push(b.mix(&terms, F::ZERO));
    }
    packed
}

/// How an integer is rounded and saturated.
#[derive(Clone, Copy, Debug)]
pub struct Saturation {
    /// Bits that rounding drops, at least one: ties go up.
    pub shift: u32,
    /// Bits of the result.
    pub bits: u32,
    /// The integer lies in ±2^`reach`.
    pub reach: u32,
}

/// clamp(⌊x / 2^shift + ½⌋, −2^(bits−1), 2^(bits−1) − 1) + 2^(bits−1): rounded and saturated, as a
/// number of `bits` bits without sign.
#[derive(Debug)]
pub struct Saturated<W> {
    inside: W,
    above: W,
    low: Vec<W>,
}

/// Rounds and saturates.
pub fn saturate<F: PrimeField, B: Builder<F>>(
    b: &mut B,
    x: &B::Wire,
    of: Saturation,
) -> Saturated<B::Wire> {
    let Saturation { shift, bits, reach } = of;
    // y = x + ½ + 2^(shift+bits−1), where |y| < 2^top: in y + 2^top the digit at `top` tells the
    // sign of y, and those below it whether ⌊y / 2^shift⌋ fits into `bits`.
    let top = reach.max(shift + bits) + 1;
    let offset = (1_i128 << top) + (1 << (shift + bits - 1)) + (1 << (shift - 1));
    let lifted = b.sum(&[(1, x)], offset);
    let mut digits = decompose(b, &lifted, top + 1);
    let mut inside = digits[top as usize].clone();
    for digit in &digits[(shift + bits) as usize..top as usize] {
        let none = b.sum(&[(-1, digit)], 1);
        inside = product(b, &inside, &none);
    }
    let above = b.sum(&[(1, &digits[top as usize]), (-1, &inside)], 0);
    // `inside` is a product of which that digit is a factor
    let above = b.promise(&above, (0, 1));
    digits.truncate((shift + bits) as usize);
    Saturated { inside, above, low: digits.split_off(shift as usize) }
}

impl<W: Clone> Saturated<W> {
    /// The number, one constraint.
    pub fn number<F: PrimeField, B: Builder<F, Wire = W>>(&self, b: &mut B) -> W {
        let low = weigh(b, &self.low, 0);
        let kept = product(b, &self.inside, &low);
        let most = (1 << self.low.len()) - 1;
        let number = b.sum(&[(1, &kept), (most, &self.above)], 0);
        // `inside` and `above` are never both one
        b.promise(&number, (0, most))
    }

    /// Its bits, lowest first, a constraint each.
    pub fn bits<F: PrimeField, B: Builder<F, Wire = W>>(&self, b: &mut B) -> Vec<W> {
        let mut bits = Vec::with_capacity(self.low.len());
        for digit in &self.low {
            let kept = product(b, &self.inside, digit);
            let bit = b.sum(&[(1, &kept), (1, &self.above)], 0);
            bits.push(b.promise(&bit, (0, 1)));
        }
        bits
    }
}

/// A function of a few bits, by its values.
#[derive(Debug)]
pub struct Table<W>(Vec<W>);

impl<W: Clone> Table<W> {
    /// The products of all subsets of the bits: a constraint for each of more than one.
    pub fn new<F: PrimeField, B: Builder<F, Wire = W>>(b: &mut B, bits: &[W]) -> Self {
        let mut products = vec![b.integer(1)];
        for bit in bits {
            let mut with = vec![bit.clone()];
            for other in products.iter().skip(1) {
                with.push(product(b, other, bit));
            }
            products.append(&mut with);
        }
        Self(products)
    }

    /// The value at the number that the bits are: a polynomial in which each has degree one.
    pub fn look_up<F: PrimeField, B: Builder<F, Wire = W>>(&self, b: &mut B, at: &[i64]) -> W {
        let mut factors: Vec<i128> = at.iter().copied().map(i128::from).collect();
        let mut step = 1;
        while step < factors.len() {
            for i in (0..factors.len()).filter(|i| i & step != 0) {
                factors[i] -= factors[i - step];
            }
            step *= 2;
        }
        let terms: Vec<_> = factors.into_iter().zip(&self.0).collect();
        let value = b.sum(&terms, 0);
        // at bits it is one of the values
        let ends = (at.iter().min().copied(), at.iter().max().copied());
        let (low, high) = (ends.0.unwrap_or(0), ends.1.unwrap_or(0));
        b.promise(&value, (low.into(), high.into()))
    }
}
