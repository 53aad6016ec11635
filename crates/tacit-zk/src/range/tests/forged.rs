//! Provers who do not keep to the protocol: they have our prover's code, and any values.

use super::whole::{ann, judge, terms};
use crate::pedersen::{self, Blindings};
use crate::range::bases::Bases;
use crate::range::bits::Bits;
use crate::range::equation::Equation;
use crate::range::interval::Span;
use crate::range::spoken::open;
use crate::range::squares::Squares;
use crate::range::update;
use crate::testing::Seeded;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::scalar::Scalar;
use tari_merlin::Transcript;

fn committed(values: &[Scalar]) -> (Vec<CompressedRistretto>, Blindings) {
    let blindings = Blindings::derive(&[7; 32], values.len());
    let pairs = values.iter().zip(blindings.0.iter());
    (pairs.map(|(value, r)| pedersen::commit(value, r).compress()).collect(), blindings)
}

/// Whether a proof passes whose prover put these in the place of digits, and of what they lack of
/// 1. The last two places belong to no value.
fn digits_pass(span: &Span, values: &[Scalar], left: [i128; 8], right: [i128; 8]) -> bool {
    let (commitments, blindings) = committed(values);
    let bases = Bases::get(span.digits(), 8);
    let vectors = [left, right].map(|all| all.map(pedersen::scalar).to_vec()).into();
    let witness = (&commitments[..], &blindings.0[..]);
    let mut said = Transcript::new(b"test");
    let proof = Bits::forge(&mut said, (span, &bases), witness, vectors, &mut Seeded::new(2));
    let heard = proof.hear(&mut Transcript::new(b"test"), span, &commitments).unwrap();
    let points: Vec<_> = commitments.iter().map(|point| open(point).unwrap()).collect();
    let mut equation = Equation::default();
    proof.check(&heard, span, &points, Scalar::ONE, &mut equation).unwrap();
    equation.holds(&bases)
}

/// Two values of three digits, of weights 1, 2 and 3: 0 to 6.
#[test]
fn digits_are_nought_or_one() {
    let span = Span::new(0, 6);
    let values = |one: i128, two: i128| [one, two].map(pedersen::scalar);
    let lacking = |digits: [i128; 8]| digits.map(|digit| digit - 1);
    let zeros = |mut all: [i128; 8]| {
        all[6..].fill(0);
        all
    };
    let honest = [0, 1, 1, 1, 0, 0, 0, 0];
    assert!(digits_pass(&span, &values(5, 1), honest, zeros(lacking(honest))));
    for (one, two, digits) in [
        // Digits 2, −1 and 7 give values within and without.
        (7, 1, [2, 1, 1, 1, 0, 0, 0, 0]),
        (4, 1, [2, 1, 0, 1, 0, 0, 0, 0]),
        (-1, 1, [-1, 0, 0, 1, 0, 0, 0, 0]),
        (21, 0, [0, 0, 7, 0, 0, 0, 0, 0]),
        // Digits of another value.
        (7, 1, [0, 1, 1, 1, 0, 0, 0, 0]),
        (1, 5, [0, 1, 1, 1, 0, 0, 0, 0]),
        (-1, 7, [0, 1, 1, 1, 0, 0, 0, 0]),
    ] {
        assert!(!digits_pass(&span, &values(one, two), digits, zeros(lacking(digits))));
    }
    // What a digit lacks is not 1 less.
    for place in 0..8 {
        for off in [-2, -1, 1, 2] {
            let mut right = zeros(lacking(honest));
            right[place] += off;
            let passes = digits_pass(&span, &values(5, 1), honest, right);
            // Behind the last value, one of both may be what it likes: their product is nought.
            assert_eq!(passes, place >= 6, "place {place} off by {off}");
        }
    }
}

/// Products behind the last value do not make up for a wrong sum.
#[test]
fn places_of_no_value_are_of_no_use() {
    let span = Span::new(0, 6);
    let values = [pedersen::scalar(7), pedersen::scalar(0)];
    for (one, other) in [(1, 1), (1, -1), (-1, 1), (3, -2), (1 << 60, 1 << 60)] {
        let left = [0, 1, 1, 0, 0, 0, one, 0];
        let right = [-1, 0, 0, -1, -1, -1, other, 0];
        assert!(!digits_pass(&span, &values, left, right));
    }
}

/// Three values, and a place of none.
fn squares_pass(values: [i128; 3], left: [i128; 4], right: [i128; 4], sum: i128) -> bool {
    let (commitments, blindings) = committed(&values.map(pedersen::scalar));
    let bases = Bases::get(3, 8);
    let vectors = [left, right].map(|all| all.map(pedersen::scalar).to_vec()).into();
    let witness = (sum, &blindings.0[..]);
    let proof = Squares::forge(
        &mut Transcript::new(b"test"),
        &bases,
        vectors,
        witness,
        &mut Seeded::new(3),
    );
    let heard = proof.hear(&mut Transcript::new(b"test"), 3).unwrap();
    let points: Vec<_> = commitments.iter().map(|point| open(point).unwrap()).collect();
    let mut equation = Equation::default();
    proof.check(&heard, &points, Scalar::ONE, &mut equation).unwrap();
    equation.holds(&bases)
}

#[test]
fn squares_are_of_the_committed_values() {
    let (values, own) = ([3, -4, 5], [3, -4, 5, 0]);
    assert!(squares_pass(values, own, own, 50));
    for sum in [49, 51, 0, -50, i128::MAX] {
        assert!(!squares_pass(values, own, own, sum), "{sum}");
    }
    for (left, right, sum) in [
        // Others' squares, and products of one with another.
        ([3, 4, 5, 0], [3, 4, 5, 0], 50),
        ([0, 0, 0, 0], [0, 0, 0, 0], 0),
        ([3, -4, 0, 0], [3, -4, 5, 0], 25),
        ([-4, 3, 5, 0], [3, -4, 5, 0], 1),
        // The place of no value, so as to take something away.
        ([3, -4, 5, 1], [3, -4, 5, -49], 1),
        ([3, -4, 5, 7], [3, -4, 5, -7], 1),
        ([3, -4, 5, 0], [3, -4, 5, -7], 50),
    ] {
        assert!(!squares_pass(values, left, right, sum), "{left:?} {right:?} {sum}");
    }
}

/// A value that is in the interval only modulo the group's order, or is another scalar's name: the
/// commitment to it is replaced in a proof about a value that is.
#[test]
fn what_wraps_around_the_order_is_no_value() {
    let of = terms(-10, 10, 2, Some(100));
    let blindings = Blindings::derive(&[9; 32], 2);
    let proof = update::prove(&of, (&[3, 4], &blindings), &ann(), &mut Seeded::new(1)).unwrap();
    let half = Scalar::from(2u8).invert();
    let forged = [
        // Half of an odd number, minus one half, the order minus eleven, and 2²⁵⁰.
        half * Scalar::from(3u8),
        -half,
        -Scalar::from(11u8),
        Scalar::from(1u128 << 125) * Scalar::from(1u128 << 125),
        // The same value: with another blinding, it is another commitment.
        Scalar::from(3u8),
    ];
    for value in forged {
        for blinding in [-blindings.0[0], Scalar::ZERO, blindings.0[0] + Scalar::ONE] {
            let mut bytes = proof.clone();
            let commitment = pedersen::commit(&value, &blinding).compress();
            bytes[..32].copy_from_slice(commitment.as_bytes());
            assert!(judge(&of, &ann(), &bytes).is_err());
        }
    }
}
