//! The circuit: that an update is what [`Spec`] makes of committed weights and of one block of
//! committed rows.

use super::arithmetic;
use super::commit::{LEAF, UPDATE, WEIGHTS};
use super::spec::{
    ERROR_BITS, Kind, LINE_BITS, RATE_BITS, SIGMOID_BITS, Spec, Step, Targets, UPDATE_BITS,
};
use crate::poseidon::Hashes;
use crate::r1cs::builder::Builder;
use crate::r1cs::gadgets::{decompose, equal, pack, private_bits, product, weigh};
use crate::r1cs::{R1cs, Shape};
use ark_ff::PrimeField;
use tacit_core::error::Error;
use tacit_core::limits::CIRCUIT_WIRES;
use zeroize::Zeroize;

/// The public inputs, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Public<F> {
    /// What the proof is bound to; no constraint names it.
    pub occasion: F,
    /// Root of the tree over the blocks of rows.
    pub root: F,
    /// Which block.
    pub block: u32,
    /// Rate and limit.
    pub rate: u32,
    /// See [`Step`].
    pub limit: u32,
    /// Commitment to the weights.
    pub weights: F,
    /// Commitment to the update.
    pub update: F,
}

impl<F: PrimeField> Public<F> {
    /// The step.
    pub fn step(&self) -> Step {
        Step { rate: self.rate, limit: self.limit }
    }

    /// All of them as field elements.
    pub fn elements(&self) -> Vec<F> {
        let [block, rate, limit] = [self.block, self.rate, self.limit].map(F::from);
        vec![self.occasion, self.root, block, rate, limit, self.weights, self.update]
    }
}

/// What only the prover knows; overwritten when it is dropped.
#[derive(Clone, Debug, Default)]
pub struct Private<F: PrimeField> {
    /// Bits of the block's rows.
    pub rows: Vec<bool>,
    /// Hides them.
    pub salt: F,
    /// Siblings from the block's leaf to the root.
    pub path: Vec<F>,
    /// Bits of the weights.
    pub weights: Vec<bool>,
    /// Hides them; zero where weights are public.
    pub weights_salt: F,
    /// Hides the update.
    pub update_salt: F,
}

impl<F: PrimeField> Drop for Private<F> {
    fn drop(&mut self) {
        self.rows.zeroize();
        self.weights.zeroize();
        self.path.zeroize();
        [&mut self.salt, &mut self.weights_salt, &mut self.update_salt]
            .into_iter()
            .for_each(Zeroize::zeroize);
    }
}

/// The rows of a block and the weights, as wires.
struct Data<W> {
    /// `batch` × `features`.
    features: Vec<Vec<W>>,
    /// `batch` × `outputs`.
    targets: Vec<Vec<W>>,
    /// `outputs` × `columns`: the constant is last.
    weights: Vec<Vec<W>>,
}

/// The constraints.
pub fn compile<F: PrimeField>(spec: &Spec, hashes: &Hashes<F>) -> Result<R1cs<F>, Error> {
    spec.check_circuit()?;
    let mut shape = Shape::default();
    describe(&mut shape, spec, hashes, &Public::default(), &Private::default());
    shape.finish()
}

/// What the circuit is about, as wires.
pub struct Wires<W> {
    /// Bits of the rows.
    pub rows: Vec<W>,
    /// Bits of the weights.
    pub weights: Vec<W>,
    /// Bits of the update.
    pub update: Vec<W>,
    /// Elements that nothing determines: salts of these three, and siblings.
    pub free: Vec<W>,
}

/// Describes the circuit to a builder.
pub fn describe<F: PrimeField, B: Builder<F>>(
    b: &mut B,
    spec: &Spec,
    hashes: &Hashes<F>,
    public: &Public<F>,
    private: &Private<F>,
) -> Wires<B::Wire> {
    b.public(None, || public.occasion);
    let root = b.public(None, || public.root);
    let block = b.public(Some((0, (1 << spec.depth) - 1)), || F::from(public.block));
    let rate = b.public(Some((0, (1 << RATE_BITS) - 1)), || F::from(public.rate));
    let limit = b.public(Some((0, (1 << UPDATE_BITS) - 1)), || F::from(public.limit));
    let weights = b.public(None, || public.weights);
    let update = b.public(None, || public.update);

    let bits = |bits: &[bool], at: usize| bits.get(at).copied().unwrap_or_default();
    let width = spec.batch * spec.row_width();
    let rows = private_bits(b, width, |i| bits(&private.rows, i));
    let salt = b.wire(None, || private.salt);
    let leaf = salted(b, hashes, LEAF, &salt, &rows);
    let mut free = climb(b, spec, hashes, (leaf, &block, &root), &private.path);
    free.push(salt);
    let width = spec.coordinates() * spec.weight_bits as usize;
    let weight_bits = private_bits(b, width, |i| bits(&private.weights, i));
    let salt = b.wire(None, || private.weights_salt);
    let commitment = salted(b, hashes, WEIGHTS, &salt, &weight_bits);
    free.push(salt);
    equal(b, &commitment, &weights);

    let data = read(b, spec, &rows, &weight_bits);
    let gradient = gradient(b, spec, &data);
    let scale = arithmetic::scale(b, spec, &gradient, (&rate, &limit));
    let update_bits = arithmetic::updates(b, spec, &gradient, &scale);
    let salt = b.wire(None, || private.update_salt);
    let commitment = salted(b, hashes, UPDATE, &salt, &update_bits);
    free.push(salt);
    equal(b, &commitment, &update);
    Wires { rows, weights: weight_bits, update: update_bits, free }
}

impl Spec {
    /// Refuses a computation whose circuit is too large, before any of it is in memory.
    pub fn check_circuit(&self) -> Result<(), Error> {
        self.check()?;
        let (found, most) = (self.least_wires(), CIRCUIT_WIRES as u64);
        if found > most {
            let (expected, found) =
                (format!("at most {most} wires"), format!("at least {found} wires"));
            return Err(Error::caller("circuit", expected, found));
        }
        Ok(())
    }

    /// Wires that the circuit surely has: bits of rows, weights and updates, products, and what
    /// rounds each score. Hashes come on top of that, and what depends on the reach of a score.
    pub(super) fn least_wires(&self) -> u64 {
        let [batch, features, outputs] =
            [self.batch, self.features, self.outputs].map(|count| count as u64);
        let rounding = self.score_shift()
            + match self.kind {
                Kind::Linear => ERROR_BITS,
                // bits, which of them are kept, subsets of those that choose a line
                Kind::Logistic => 2 * SIGMOID_BITS + (1 << (SIGMOID_BITS - LINE_BITS)) - 6,
            };
        let row = self.row_width() as u64 + outputs * (2 * features + u64::from(rounding));
        let coordinate = self.weight_bits + UPDATE_BITS + self.shift() as u32 + 2;
        batch * row + self.coordinates() as u64 * u64::from(coordinate)
    }

    /// Bits of a row.
    pub(super) fn row_width(&self) -> usize {
        self.features * self.feature_bits as usize + self.outputs * self.target_bits() as usize
    }
}

/// The sponge of a salt and packed bits.
fn salted<F: PrimeField, B: Builder<F>>(
    b: &mut B,
    hashes: &Hashes<F>,
    purpose: u64,
    salt: &B::Wire,
    bits: &[B::Wire],
) -> B::Wire {
    let mut inputs = vec![salt.clone()];
    inputs.extend(pack(b, bits));
    hashes.wide.absorb(b, purpose, &inputs)
}

/// Climbs from a leaf to the root, to the left or right as the bits of the block's number say.
/// Gives the siblings.
fn climb<F: PrimeField, B: Builder<F>>(
    b: &mut B,
    spec: &Spec,
    hashes: &Hashes<F>,
    (leaf, block, root): (B::Wire, &B::Wire, &B::Wire),
    path: &[F],
) -> Vec<B::Wire> {
    let turns = decompose(b, block, spec.depth);
    let (mut node, mut siblings) = (leaf, Vec::new());
    for (level, right) in turns.iter().enumerate() {
        let sibling = b.wire(None, || path.get(level).copied().unwrap_or_default());
        let difference = b.mix(&[(F::ONE, &sibling), (-F::ONE, &node)], F::ZERO);
        let moved = product(b, right, &difference);
        let first = b.mix(&[(F::ONE, &node), (F::ONE, &moved)], F::ZERO);
        let second = b.mix(&[(F::ONE, &sibling), (-F::ONE, &moved)], F::ZERO);
        node = hashes.node.compress_to_one(b, &[first, second]);
        siblings.push(sibling);
    }
    equal(b, &node, root);
    siblings
}

/// Bits as numbers. That a row is of one class is a constraint.
fn read<F: PrimeField, B: Builder<F>>(
    b: &mut B,
    spec: &Spec,
    rows: &[B::Wire],
    weights: &[B::Wire],
) -> Data<B::Wire> {
    let lift = 1_i128 << (spec.feature_bits - 1);
    let mut data = Data { features: Vec::new(), targets: Vec::new(), weights: Vec::new() };
    for row in rows.chunks(spec.row_width()) {
        let (features, targets) = row.split_at(spec.features * spec.feature_bits as usize);
        let features = features.chunks(spec.feature_bits as usize);
        data.features.push(features.map(|bits| weigh(b, bits, -lift)).collect());
        let targets = targets.chunks(spec.target_bits() as usize);
        let offset = -i128::from(spec.target_offset());
        let targets: Vec<_> = targets.map(|bits| weigh(b, bits, offset)).collect();
        if spec.targets == Targets::Classes && spec.outputs > 1 {
            let terms: Vec<_> = targets.iter().map(|target| (1, target)).collect();
            let (classes, one) = (b.sum(&terms, 0), b.integer(1));
            equal(b, &classes, &one);
        }
        data.targets.push(targets);
    }
    let lift = 1_i128 << (spec.weight_bits - 1);
    let weights = weights.chunks(spec.weight_bits as usize);
    let weights: Vec<_> = weights.map(|bits| weigh(b, bits, -lift)).collect();
    let (matrix, constants) = weights.split_at(spec.features * spec.outputs);
    for (row, constant) in matrix.chunks(spec.features).zip(constants) {
        data.weights.push(row.iter().chain([constant]).cloned().collect());
    }
    data
}

/// The gradient, in the order of the model.
fn gradient<F: PrimeField, B: Builder<F>>(
    b: &mut B,
    spec: &Spec,
    data: &Data<B::Wire>,
) -> Vec<B::Wire> {
    let constant = 1_i128 << spec.feature_fraction;
    let (mut matrix, mut constants) = (Vec::new(), Vec::new());
    for (output, weights) in data.weights.iter().enumerate() {
        let mut sums = vec![Vec::with_capacity(spec.batch); spec.features];
        let mut errors = Vec::with_capacity(spec.batch);
        for (row, targets) in data.features.iter().zip(&data.targets) {
            let products: Vec<_> = row.iter().zip(weights).map(|(x, w)| product(b, x, w)).collect();
            let mut terms: Vec<_> = products.iter().map(|product| (1, product)).collect();
            terms.push((constant, &weights[spec.features]));
            let score = b.sum(&terms, 0);
            let error = arithmetic::error(b, spec, &score, &targets[output]);
            for (sum, x) in sums.iter_mut().zip(row) {
                sum.push(product(b, x, &error));
            }
            errors.push(error);
        }
        for sum in sums {
            let terms: Vec<_> = sum.iter().map(|term| (1, term)).collect();
            matrix.push(b.sum(&terms, 0));
        }
        let terms: Vec<_> = errors.iter().map(|error| (constant, error)).collect();
        constants.push(b.sum(&terms, 0));
    }
    matrix.append(&mut constants);
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_bn254::Fr;

    #[test]
    fn what_is_counted_beforehand_is_there() {
        let spec =
            |kind, features, outputs| Spec { depth: 1, ..Spec::usual(kind, features, outputs, 2) };
        let wide = Spec { feature_bits: 16, weight_bits: 24, ..spec(Kind::Logistic, 3, 1) };
        let targets = Targets::Numbers { bits: 32 };
        let numbers = Spec { targets, batch: 16, ..spec(Kind::Linear, 1, 4) };
        let low = Spec { feature_fraction: 1, ..spec(Kind::Linear, 1, 1) };
        let usual = [spec(Kind::Linear, 9, 1), spec(Kind::Logistic, 2, 3)];
        for spec in usual.into_iter().chain([wide, numbers, low]) {
            let wires = compile::<Fr>(&spec, &Hashes::default()).unwrap().variables() as u64;
            let hashes = 5_000;
            let counted = spec.least_wires();
            assert!(counted < wires && wires < 2 * counted + hashes, "{spec:?}: {counted} {wires}");
        }
    }

    #[test]
    fn what_is_too_large_is_not_compiled() {
        let spec = Spec::usual(Kind::Logistic, 784, 1, 4096);
        // 2³² + 4,096 bits of rows
        let wraps = Spec { feature_bits: 16, ..Spec::usual(Kind::Linear, 1 << 16, 1, 4096) };
        for spec in [spec, wraps] {
            spec.check().unwrap();
            let refused = compile::<Fr>(&spec, &Hashes::default()).unwrap_err().to_string();
            assert!(refused.contains("expected at most 16777216 wires"), "{refused}");
        }
    }
}
