//! Provers who do not keep to the protocol: they have our prover's code, and any values.

use super::whole::{ann, judge, terms};
use crate::pedersen::{self, Blindings};
use crate::range::bases::Bases;
use crate::range::bits::Bits;
use crate::range::equation::Equation;
use crate::range::interval::Span;
use crate::range::spoken::open;
use crate::range::squares::{Message, Squares};
use crate::range::update;
use crate::range::weighted::Secret;
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

/// What somebody says in one of two messages, of G, of H and of B.
type Said = ([i128; 4], [i128; 4], i128);

/// Three values, and a place of none.
fn squares_pass(values: [i128; 3], messages: [Said; 2]) -> bool {
    let (commitments, blindings) = committed(&values.map(pedersen::scalar));
    let bases = Bases::get(3, 8);
    let vector = |all: [i128; 4]| Secret::new(all.map(pedersen::scalar).to_vec());
    let messages = messages.map(|(left, right, value)| Message {
        left: vector(left),
        right: vector(right),
        value: pedersen::scalar(value),
    });
    let (mut transcript, entropy) = (Transcript::new(b"test"), &mut Seeded::new(3));
    let proof = Squares::argue(&mut transcript, &bases, messages, &blindings.0, entropy);
    let proof = proof.unwrap().0;
    let heard = proof.hear(&mut Transcript::new(b"test"), 3).unwrap();
    let points: Vec<_> = commitments.iter().map(|point| open(point).unwrap()).collect();
    let mut equation = Equation::default();
    proof.check(&heard, &points, Scalar::ONE, &mut equation).unwrap();
    equation.holds(&bases)
}

#[test]
fn squares_are_of_the_committed_values() {
    let (values, own, none) = ([3, -4, 5], [3, -4, 5, 0], [0; 4]);
    let pass = |left, right, sum| squares_pass(values, [(left, right, 0), (none, none, sum)]);
    assert!(pass(own, own, 50));
    for sum in [49, 51, 0, -50, i128::MAX] {
        assert!(!pass(own, own, sum), "{sum}");
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
        assert!(!pass(left, right, sum), "{left:?} {right:?} {sum}");
    }
}

/// Messages that are to more than a prover should have put there.
#[test]
fn no_message_makes_up_for_a_wrong_sum() {
    let (values, own, none) = ([3, -4, 5], [3, -4, 5, 0], [0; 4]);
    for messages in [
        // What the claimed sum lacks stands beside the values.
        [(own, own, 49), (none, none, 1)],
        [(own, own, 50), (none, none, 0)],
        [(own, own, -49), (none, none, 1)],
        // Vectors whose sums are the values, in either message and in both.
        [(none, none, 0), (own, own, 50)],
        [(none, none, 0), (own, own, 0)],
        [(none, own, 0), (own, none, 0)],
        [([3, 0, 0, 0], own, 0), ([0, -4, 5, 0], none, 9)],
        [(own, [3, 0, 0, 0], 0), (none, [0, -4, 5, 0], 9)],
        // ⟨v − d, d⟩ = 0: a product of the values and of less.
        [([0, 0, 5, 0], own, 0), (none, [3, -4, 0, 0], 25)],
        [(own, [0, 0, 5, 0], 0), ([3, -4, 0, 0], none, 25)],
        [([0, 0, 5, 0], [0, 0, 5, 0], 0), ([3, -4, 0, 0], [3, -4, 0, 0], 25)],
        // The place of no value.
        [(own, own, 0), ([0, 0, 0, 1], [0, 0, 0, -49], 1)],
        [([3, -4, 5, 7], own, 0), (none, [0, 0, 0, -7], 1)],
    ] {
        assert!(!squares_pass(values, messages), "{messages:?}");
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
