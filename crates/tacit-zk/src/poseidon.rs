//! The hash function Poseidon (Grassi, Khovratovich, Rechberger, Roy, Schofnegger, USENIX Security
//! 2021) with the S-box x⁵, 8 full rounds and as many partial ones as circom has for its width;
//! over BN254's scalars it is circom's. The constants follow from the width and the field by the
//! paper's Grain generator (appendix E), so BLS12-381 has its own.
//!
//! In a witness and in a circuit it is one function, run by another [`Builder`]; `plain` has it
//! without either.

mod plain;

use crate::r1cs::builder::Builder;
use crate::r1cs::trace::Trace;
use ark_ff::{BigInteger, PrimeField};

/// Partial rounds for widths from 2 on: circom's, for primes of 254 to 256 bits and 128 bits of
/// security.
const PARTIAL: [usize; 12] = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65];
const FULL: usize = 8;

/// Width of the permutation in sponges.
pub const WIDE: usize = 13;

/// Width of the permutation in trees.
pub const NODE: usize = 3;

/// A permutation of `width` field elements.
#[derive(Clone, Debug)]
pub struct Poseidon<F> {
    width: usize,
    /// One for each lane and round.
    constants: Vec<F>,
    matrix: Vec<Vec<F>>,
    partial: Partial<F>,
    plain: Option<plain::Plain<F>>,
}

/// The partial rounds, in which but one lane has an S-box: all else is linear. With yᵢ what the
/// S-boxes of the last full round gave and zᵣ what that of partial round r gave, rows hold the
/// factors of y, then those of z.
#[derive(Clone, Debug, Default)]
struct Partial<F> {
    /// The S-box's input in every partial round, and a constant.
    inputs: Vec<(Vec<F>, F)>,
    /// The lanes after the last one.
    lanes: Vec<(Vec<F>, F)>,
}

impl<F: PrimeField> Poseidon<F> {
    /// The permutation of 2 to 13 elements; a width beyond is taken for the nearest.
    pub fn new(width: usize) -> Self {
        let width = width.clamp(2, PARTIAL.len() + 1);
        let rounds = PARTIAL[width - 2];
        let mut grain = Grain::new::<F>(width, rounds);
        let constants = (0..(FULL + rounds) * width).map(|_| grain.element(true)).collect();
        let mut draw = || (0..width).map(|_| grain.element(false)).collect();
        let (x, y): (Vec<F>, Vec<F>) = (draw(), draw());
        // a Cauchy matrix (section 2.3)
        let cell = |x: F, y: F| (x + y).inverse().unwrap_or_default();
        let matrix = x.iter().map(|x| y.iter().map(|y| cell(*x, *y)).collect()).collect();
        let partial = Partial::default();
        let mut poseidon = Self { width, constants, matrix, partial, plain: None };
        poseidon.partial = poseidon.compress(rounds);
        poseidon.plain = plain::Plain::new(&poseidon, rounds);
        poseidon
    }

    fn constant(&self, round: usize, lane: usize) -> F {
        self.constants.get(round * self.width + lane).copied().unwrap_or_default()
    }

    /// Follows every lane through the partial rounds as a row of factors.
    fn compress(&self, rounds: usize) -> Partial<F> {
        let mut lanes: Vec<(Vec<F>, F)> =
            self.matrix.iter().map(|row| (row.clone(), F::ZERO)).collect();
        let mut inputs = Vec::with_capacity(rounds);
        for round in 0..rounds {
            for (lane, (_, constant)) in lanes.iter_mut().enumerate() {
                *constant += self.constant(FULL / 2 + round, lane);
            }
            let mut unit = vec![F::ZERO; self.width + round];
            unit.push(F::ONE);
            inputs.push(std::mem::replace(&mut lanes[0], (unit, F::ZERO)));
            lanes = self.matrix.iter().map(|row| Self::blend(row, &lanes)).collect();
        }
        Partial { inputs, lanes }
    }

    /// Σ factor · lane.
    fn blend(row: &[F], lanes: &[(Vec<F>, F)]) -> (Vec<F>, F) {
        let longest = lanes.iter().map(|(factors, _)| factors.len()).max().unwrap_or(0);
        let mut sum = (vec![F::ZERO; longest], F::ZERO);
        for (factor, (lane, constant)) in row.iter().zip(lanes) {
            sum.1 += *factor * constant;
            sum.0.iter_mut().zip(lane).for_each(|(sum, x)| *sum += *factor * x);
        }
        sum
    }

    /// The permutation: three constraints for each S-box.
    pub fn permute<B: Builder<F>>(&self, b: &mut B, mut lanes: Vec<B::Wire>) -> Vec<B::Wire> {
        let full = |b: &mut B, lanes: &[B::Wire], round: usize| -> Vec<B::Wire> {
            let keyed = lanes.iter().enumerate().map(|(lane, wire)| {
                let sum = b.mix(&[(F::ONE, wire)], self.constant(round, lane));
                fifth(b, &sum)
            });
            keyed.collect()
        };
        let mut powers = Vec::new();
        for round in 0..FULL / 2 {
            powers = full(b, &lanes, round);
            lanes = self.matrix.iter().map(|row| mix(b, row, &powers, F::ZERO)).collect();
        }
        for (factors, constant) in &self.partial.inputs {
            let input = mix(b, factors, &powers, *constant);
            powers.push(fifth(b, &input));
        }
        let last = self.partial.lanes.iter();
        lanes = last.map(|(factors, constant)| mix(b, factors, &powers, *constant)).collect();
        for round in 0..FULL / 2 {
            let round = FULL / 2 + self.partial.inputs.len() + round;
            powers = full(b, &lanes, round);
            lanes = self.matrix.iter().map(|row| mix(b, row, &powers, F::ZERO)).collect();
        }
        lanes
    }

    /// circom's hash of as many elements as the width less one.
    pub fn compress_to_one<B: Builder<F>>(&self, b: &mut B, inputs: &[B::Wire]) -> B::Wire {
        let mut lanes = vec![b.mix(&[], F::ZERO)];
        lanes.extend(inputs.iter().take(self.width - 1).cloned());
        while lanes.len() < self.width {
            lanes.push(b.mix(&[], F::ZERO));
        }
        let zero = lanes[0].clone();
        self.permute(b, lanes).into_iter().next().unwrap_or(zero)
    }

    /// A sponge with one lane of capacity, in which the purpose and the number of elements lie
    /// first: inputs of another length or purpose share no state with these.
    pub fn absorb<B: Builder<F>>(&self, b: &mut B, purpose: u64, inputs: &[B::Wire]) -> B::Wire {
        let mut lanes = vec![b.mix(&[], tag(purpose, inputs.len()))];
        lanes.resize_with(self.width, || b.mix(&[], F::ZERO));
        for chunk in inputs.chunks(self.width - 1) {
            for (lane, input) in lanes.iter_mut().skip(1).zip(chunk) {
                *lane = b.mix(&[(F::ONE, lane), (F::ONE, input)], F::ZERO);
            }
            lanes = self.permute(b, lanes);
        }
        lanes.swap_remove(1)
    }
}

/// What lies in a sponge before anything is absorbed.
fn tag<F: PrimeField>(purpose: u64, count: usize) -> F {
    F::from(purpose) * F::from(1_u128 << 64) + F::from(count as u64)
}

fn mix<F: PrimeField, B: Builder<F>>(
    b: &mut B,
    factors: &[F],
    wires: &[B::Wire],
    constant: F,
) -> B::Wire {
    let terms: Vec<_> = factors.iter().copied().zip(wires).collect();
    b.mix(&terms, constant)
}

/// x⁵ in three constraints.
fn fifth<F: PrimeField, B: Builder<F>>(b: &mut B, x: &B::Wire) -> B::Wire {
    let mut times = |left: &B::Wire, right: &B::Wire| {
        let value = b.value(left) * b.value(right);
        let wire = b.wire(None, || value);
        b.enforce(left, right, &wire);
        wire
    };
    let square = times(x, x);
    let fourth = times(&square, &square);
    times(&fourth, x)
}

/// The permutations that a tree and its leaves need.
#[derive(Clone, Debug)]
pub struct Hashes<F> {
    /// For sponges.
    pub wide: Poseidon<F>,
    /// For nodes of a tree.
    pub node: Poseidon<F>,
}

impl<F: PrimeField> Default for Hashes<F> {
    fn default() -> Self {
        Self { wide: Poseidon::new(WIDE), node: Poseidon::new(NODE) }
    }
}

impl<F: PrimeField> Hashes<F> {
    /// The sponge of plain elements.
    pub fn sponge(&self, purpose: u64, inputs: &[F]) -> F {
        let plain = self.wide.absorb_plain(purpose, inputs);
        plain.unwrap_or_else(|| self.wide.absorb(&mut Trace::default(), purpose, inputs))
    }

    /// The parent of two nodes: circom's hash of two elements.
    pub fn parent(&self, left: F, right: F) -> F {
        let (nodes, trace) = ([left, right], &mut Trace::default());
        let plain = self.node.compress_plain(&nodes);
        plain.unwrap_or_else(|| self.node.compress_to_one(trace, &nodes))
    }
}

/// The Grain generator in self-shrinking mode (appendix E).
struct Grain {
    state: [bool; 80],
    head: usize,
}

impl Grain {
    fn new<F: PrimeField>(width: usize, partial: usize) -> Self {
        // field type 1 in two bits, S-box 0 in four, then the sizes, then ones
        let fields = [
            (2, 1),
            (4, 0),
            (12, F::MODULUS_BIT_SIZE as usize),
            (12, width),
            (10, FULL),
            (10, partial),
            (30, (1 << 30) - 1),
        ];
        let mut state = [false; 80];
        let digits = fields
            .iter()
            .flat_map(|&(bits, value)| (0..bits).rev().map(move |bit| value >> bit & 1 == 1));
        state.iter_mut().zip(digits).for_each(|(cell, digit)| *cell = digit);
        let mut grain = Self { state, head: 0 };
        for _ in 0..160 {
            grain.step();
        }
        grain
    }

    fn step(&mut self) -> bool {
        let taps = [62, 51, 38, 23, 13, 0].map(|tap| self.state[(self.head + tap) % 80]);
        let bit = taps.into_iter().fold(false, |sum, bit| sum ^ bit);
        self.state[self.head] = bit;
        self.head = (self.head + 1) % 80;
        bit
    }

    /// Of two bits the second, if the first is one.
    fn bit(&mut self) -> bool {
        loop {
            let (keep, bit) = (self.step(), self.step());
            if keep {
                return bit;
            }
        }
    }

    /// As many bits as the modulus has, the highest first: drawn anew if they exceed it, or
    /// reduced.
    fn element<F: PrimeField>(&mut self, reject: bool) -> F {
        loop {
            let bits: Vec<bool> = (0..F::MODULUS_BIT_SIZE).map(|_| self.bit()).collect();
            let number = F::BigInt::from_bits_be(&bits);
            match F::from_bigint(number) {
                Some(element) => return element,
                None if !reject => return F::from_le_bytes_mod_order(&number.to_bytes_le()),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fr;
    use light_poseidon::PoseidonHasher;

    /// Another implementation, with constants that circom published.
    #[test]
    fn hashes_as_circom_does() {
        for inputs in 1..=12 {
            let elements: Vec<Fr> = (0..inputs).map(|i| Fr::from(i as u64 * 7 + 1)).collect();
            let mut oracle = light_poseidon::Poseidon::<Fr>::new_circom(inputs).unwrap();
            let poseidon = Poseidon::new(inputs + 1);
            let hash = poseidon.compress_to_one(&mut Trace::default(), &elements);
            assert_eq!(hash, oracle.hash(&elements).unwrap(), "{inputs} inputs");
        }
    }

    #[test]
    fn sponges_differ_in_length_and_purpose() {
        fn check<F: PrimeField>() {
            let hashes = Hashes::<F>::default();
            let zeros = |count| vec![F::ZERO; count];
            let mut seen = std::collections::BTreeSet::new();
            for (purpose, count) in [(1, 1), (1, 2), (1, 12), (1, 13), (2, 1), (2, 13)] {
                assert!(seen.insert(hashes.sponge(purpose, &zeros(count))));
            }
        }
        check::<Fr>();
        check::<ark_bls12_381::Fr>();
    }
}
