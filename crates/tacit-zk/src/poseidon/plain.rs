//! The permutation on plain elements, without a trace of its wires. A partial round's matrix is
//! cut into one that leaves lane 0 alone, which then commutes with that round's S-box and is merged
//! into the round before, and one with 2 · width − 1 cells that are not 0 or 1 (Grassi et al. 2021,
//! appendix B): 25 products for each round of 13 lanes, not 169.

use super::{FULL, Poseidon};
use ark_ff::PrimeField;
use zeroize::Zeroizing;

type Matrix<F> = Vec<Vec<F>>;

/// A partial round: of lanes (x, r), after the S-box on x, the lanes become
/// (corner · x + ⟨row, r⟩, r + column · x).
#[derive(Clone, Debug)]
struct Thin<F> {
    constant: F,
    corner: F,
    row: Vec<F>,
    column: Vec<F>,
}

/// All partial rounds, and what is left over at either end.
#[derive(Clone, Debug)]
pub(super) struct Plain<F> {
    /// In place of the matrix of the last full round before them.
    before: Matrix<F>,
    rounds: Vec<Thin<F>>,
    /// Joins the constants of the first full round after them.
    after: Vec<F>,
}

impl<F: PrimeField> Plain<F> {
    /// `None` if a matrix has no inverse: then nothing is gained, and nothing lost.
    pub fn new(poseidon: &Poseidon<F>, rounds: usize) -> Option<Self> {
        let (width, matrix) = (poseidon.width, &poseidon.matrix);
        // constants of lanes without an S-box pass through, and reach lane 0 of later rounds
        let mut after = vec![F::ZERO; width];
        let mut constants = Vec::with_capacity(rounds);
        for round in 0..rounds {
            for (lane, sum) in after.iter_mut().enumerate() {
                *sum += poseidon.constant(FULL / 2 + round, lane);
            }
            constants.push(std::mem::take(&mut after[0]));
            after = matrix.iter().map(|row| inner(row, &after)).collect();
        }
        // the last round first: each leaves to the one before it what commutes with its S-box
        let mut whole = matrix.clone();
        let mut thin = Vec::with_capacity(rounds);
        for constant in constants.into_iter().rev() {
            let rest: Matrix<F> = whole[1..].iter().map(|row| row[1..].to_vec()).collect();
            let inverse = invert(&rest)?;
            let (corner, top) = whole[0].split_first()?;
            let row =
                (0..rest.len()).map(|j| inverse.iter().zip(top).map(|(row, x)| row[j] * x).sum());
            let column = whole[1..].iter().map(|row| row[0]).collect();
            thin.push(Thin { constant, corner: *corner, row: row.collect(), column });
            let merged = rest.iter().map(|row| {
                let cell = |j: usize| row.iter().zip(&matrix[1..]).map(|(x, of)| *x * of[j]).sum();
                (0..width).map(cell).collect()
            });
            whole = std::iter::once(matrix[0].clone()).chain(merged).collect();
        }
        thin.reverse();
        Some(Self { before: whole, rounds: thin, after })
    }
}

impl<F: PrimeField> Poseidon<F> {
    /// The permutation of plain elements.
    fn shuffle(&self, plain: &Plain<F>, lanes: &mut Zeroizing<Vec<F>>) {
        let full = |lanes: &mut Zeroizing<Vec<F>>, round: usize, more: &[F], matrix: &Matrix<F>| {
            for (lane, x) in lanes.iter_mut().enumerate() {
                *x += self.constant(round, lane);
                *x += more.get(lane).copied().unwrap_or_default();
                fifth(x);
            }
            *lanes = Zeroizing::new(matrix.iter().map(|row| inner(row, lanes)).collect());
        };
        for round in 0..FULL / 2 {
            let last = round + 1 == FULL / 2;
            full(lanes, round, &[], if last { &plain.before } else { &self.matrix });
        }
        for Thin { constant, corner, row, column } in &plain.rounds {
            let (x, rest) = match lanes.split_first_mut() {
                Some(split) => split,
                None => return,
            };
            *x += constant;
            fifth(x);
            let sum = *corner * *x + inner(row, rest);
            rest.iter_mut().zip(column).for_each(|(lane, factor)| *lane += *factor * *x);
            *x = sum;
        }
        for round in 0..FULL / 2 {
            let more: &[F] = if round == 0 { &plain.after } else { &[] };
            full(lanes, FULL / 2 + plain.rounds.len() + round, more, &self.matrix);
        }
    }

    /// [`Poseidon::absorb`] of plain elements.
    pub(super) fn absorb_plain(&self, purpose: u64, inputs: &[F]) -> Option<F> {
        let plain = self.plain.as_ref()?;
        let mut lanes = Zeroizing::new(vec![F::ZERO; self.width]);
        lanes[0] = super::tag(purpose, inputs.len());
        for chunk in inputs.chunks(self.width - 1) {
            lanes[1..].iter_mut().zip(chunk).for_each(|(lane, input)| *lane += input);
            self.shuffle(plain, &mut lanes);
        }
        Some(lanes[1])
    }

    /// [`Poseidon::compress_to_one`] of plain elements.
    pub(super) fn compress_plain(&self, inputs: &[F]) -> Option<F> {
        let plain = self.plain.as_ref()?;
        let mut lanes = Zeroizing::new(vec![F::ZERO; self.width]);
        lanes[1..].copy_from_slice(inputs.get(..self.width - 1)?);
        self.shuffle(plain, &mut lanes);
        Some(lanes[0])
    }
}

fn fifth<F: PrimeField>(x: &mut F) {
    let mut fourth = x.square();
    fourth.square_in_place();
    *x *= fourth;
    fourth.zeroize();
}

/// Σ aᵢ bᵢ, with one reduction for every two products.
fn inner<F: PrimeField>(a: &[F], b: &[F]) -> F {
    let ((pairs, last), (others, end)) = (a.as_chunks::<2>(), b.as_chunks::<2>());
    let sum: F = pairs.iter().zip(others).map(|(a, b)| F::sum_of_products(a, b)).sum();
    last.iter().zip(end).fold(sum, |sum, (a, b)| sum + *a * b)
}

/// By Gauss and Jordan; `None` if there is none.
fn invert<F: PrimeField>(matrix: &Matrix<F>) -> Option<Matrix<F>> {
    let size = matrix.len();
    let mut rows: Matrix<F> = matrix.clone();
    for (i, row) in rows.iter_mut().enumerate() {
        row.extend((0..size).map(|j| if i == j { F::ONE } else { F::ZERO }));
    }
    for place in 0..size {
        let pivot = (place..size).find(|row| !rows[*row][place].is_zero())?;
        rows.swap(place, pivot);
        let factor = rows[place][place].inverse()?;
        rows[place].iter_mut().for_each(|cell| *cell *= factor);
        let own = rows[place].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != place) {
            let factor = row[place];
            row.iter_mut().zip(&own).for_each(|(cell, x)| *cell -= factor * x);
        }
    }
    Some(rows.into_iter().map(|row| row[size..].to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::r1cs::trace::Trace;

    /// At every width, of one, several and many elements.
    fn it_is_the_traced_permutation<F: PrimeField>() {
        for width in 3..=13 {
            let poseidon = Poseidon::<F>::new(width);
            let elements: Vec<F> = (0..30).map(|i| F::from(i * i + 5u64).square()).collect();
            for count in [0, 1, width - 1, width, 30] {
                let inputs = &elements[..count];
                let traced = poseidon.absorb(&mut Trace::default(), 7, inputs);
                assert_eq!(poseidon.absorb_plain(7, inputs), Some(traced), "{width} {count}");
            }
            let inputs = &elements[..width - 1];
            let traced = poseidon.compress_to_one(&mut Trace::default(), inputs);
            assert_eq!(poseidon.compress_plain(inputs), Some(traced));
            assert_eq!(poseidon.compress_plain(&elements[..width - 2]), None);
        }
    }

    #[test]
    fn plain_and_traced_are_one_function() {
        it_is_the_traced_permutation::<ark_bn254::Fr>();
        it_is_the_traced_permutation::<ark_bls12_381::Fr>();
    }

    #[test]
    fn inverses_are_inverses() {
        type F = ark_bn254::Fr;
        let matrix: Matrix<F> =
            [[0u64, 2, 1], [3, 1, 4], [1, 5, 9]].map(|row| row.map(F::from).to_vec()).to_vec();
        let inverse = invert(&matrix).unwrap();
        for (i, row) in matrix.iter().enumerate() {
            for j in 0..3 {
                let column: Vec<F> = inverse.iter().map(|row| row[j]).collect();
                assert_eq!(inner(row, &column), F::from(u64::from(i == j)));
            }
        }
        assert!(
            invert(&[[1u64, 2], [2, 4]].map(|row| row.map(F::from).to_vec()).to_vec()).is_none()
        );
    }
}
