//! Smoke tests of zero knowledge: proofs from one witness, from another witness of the same
//! statement, and from a simulator that knows none, all look alike. They cannot show that nothing
//! leaks (docs/proofs/zk.md has the reason); they show when something plain does.

use super::reference::{Challenges, Element, Proof, Statement, point};
use crate::pedersen::{self, Blindings};
use crate::range::bases::Bases;
use crate::range::bits::Bits;
use crate::range::interval::Span;
use crate::testing::Seeded;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use tacit_core::traits::Entropy;
use tari_merlin::Transcript;

/// Proofs of each kind.
const SAMPLES: u64 = 400;

/// χ² with 7 degrees of freedom exceeds this once in 10⁶ times, and with 15 the next.
const LIMIT: f64 = 41.0;
const PAIRED: f64 = 56.5;

/// Values 0 to 6 in digits that weigh 1, 2 and 3.
fn span() -> Span {
    Span::new(0, 6)
}

fn statement() -> (Element, Blindings) {
    let blindings = Blindings::derive(&[7; 32], 1);
    let commitment = pedersen::commit(&Scalar::from(3u8), &blindings.0[0]).compress();
    (commitment.to_bytes(), blindings)
}

/// A proof for the commitment to 3, of which 1 + 2 and 3 are two witnesses: its elements but for
/// the commitment.
fn proof(digits: [i128; 3], seed: u64) -> Vec<Element> {
    let (commitment, blindings) = statement();
    let vectors = [0, 1].map(|less| {
        let digits = digits.iter().map(|digit| pedersen::scalar(digit - less));
        digits.chain([Scalar::ZERO]).collect()
    });
    let (span, bases) = (span(), Bases::get(3, 4));
    let encoded = [CompressedRistretto(commitment)];
    let witness = (&encoded[..], &blindings.0[..]);
    let (mut transcript, entropy) = (Transcript::new(b"test"), &mut Seeded::new(seed));
    let proof = Bits::forge(&mut transcript, (&span, &bases), witness, vectors.into(), entropy);
    let mut bytes = Vec::new();
    proof.write(&mut bytes);
    let of = Statement::Range { min: 0, width: 6, commitments: &[commitment], bases: None };
    // the slow verifier is asked about the first ones only
    assert!(seed > 4 || of.holds(Transcript::new(b"test"), &bytes));
    bytes.as_chunks().0.to_vec()
}

/// What an interactive verifier who is honest could have written down himself: challenges and
/// responses first, every point but the last at random, the last such that the equation holds.
fn simulated(seed: u64) -> Vec<Element> {
    let mut entropy = Seeded::new(1_000_000 + seed);
    let mut wide = || {
        let mut wide = [0; 64];
        entropy.fill(&mut wide).unwrap();
        wide
    };
    let mut scalar = || Scalar::from_bytes_mod_order_wide(&wide());
    let of =
        Challenges { y: scalar(), z: scalar(), rounds: vec![scalar(), scalar()], last: scalar() };
    let [r1, s1, d1] = [scalar(), scalar(), scalar()];
    let mut any = || RistrettoPoint::from_uniform_bytes(&wide()).compress().to_bytes();
    let mut proof = Proof {
        sum: None,
        a: any(),
        a1: any(),
        b: [0; 32],
        r1,
        s1,
        d1,
        rounds: vec![[any(), any()], [any(), any()]],
    };
    let commitments = [statement().0];
    let statement = Statement::Range { min: 0, width: 6, commitments: &commitments, bases: None };
    let [left, right] = statement.sides(&proof, &of).unwrap();
    proof.b = (right - left).compress().to_bytes();
    let [left, right] = statement.sides(&proof, &of).unwrap();
    assert!(left + point(&proof.b).unwrap() == right);
    let scalars = [d1, r1, s1].map(|scalar| scalar.to_bytes());
    let mut all = vec![scalars[0], proof.a, proof.a1, proof.b, scalars[1], scalars[2]];
    all.extend(proof.rounds.as_flattened());
    all
}

/// χ² of counts against equal shares.
fn against_uniform(counts: &[f64]) -> f64 {
    let mean = counts.iter().sum::<f64>() / counts.len() as f64;
    counts.iter().map(|count| (count - mean).powi(2) / mean).sum()
}

/// χ² of whether two lists of counts, of as many samples, are drawn from one distribution.
fn against_each_other(one: &[f64], other: &[f64]) -> f64 {
    let term = |(one, other): (&f64, &f64)| (one - other).powi(2) / (one + other).max(1.0);
    one.iter().zip(other).map(term).sum()
}

/// How often each of eight values is what an element's second byte ends in; the first bit of a
/// point is always 0.
fn counts(proofs: &[Vec<Element>], element: usize) -> Vec<f64> {
    let mut counts = vec![0.0; 8];
    proofs.iter().for_each(|proof| counts[usize::from(proof[element][1] & 7)] += 1.0);
    counts
}

/// The same of two bits each of two elements.
fn paired(proofs: &[Vec<Element>], one: usize, other: usize) -> Vec<f64> {
    let mut counts = vec![0.0; 16];
    for proof in proofs {
        counts[usize::from((proof[one][1] & 3) << 2 | proof[other][1] & 3)] += 1.0;
    }
    counts
}

fn all(one: impl Fn(u64) -> Vec<Element>) -> Vec<Vec<Element>> {
    (0..SAMPLES).map(one).collect()
}

#[test]
fn witnesses_and_a_simulator_are_not_told_apart() {
    let sources =
        [all(|seed| proof([1, 1, 0], seed)), all(|seed| proof([0, 0, 1], seed)), all(simulated)];
    for element in 0..sources[0][0].len() {
        let counted = sources.each_ref().map(|proofs| counts(proofs, element));
        for (source, counts) in counted.iter().enumerate() {
            let found = against_uniform(counts);
            assert!(found < LIMIT, "source {source}, element {element}: {found}");
        }
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let found = against_each_other(&counted[one], &counted[other]);
            assert!(found < LIMIT, "sources {one} and {other}, element {element}: {found}");
        }
        for other in 0..element {
            for (source, proofs) in sources.iter().enumerate() {
                let found = against_uniform(&paired(proofs, element, other));
                assert!(found < PAIRED, "source {source}, {element} with {other}: {found}");
            }
        }
    }
}

/// The test has teeth: nonces that repeat are found.
#[test]
fn what_leaks_is_told_apart() {
    let [one, other] = [[1, 1, 0], [0, 0, 1]].map(|digits| all(|_| proof(digits, 5)));
    for element in 0..one[0].len() {
        assert!(against_uniform(&counts(&one, element)) > LIMIT);
    }
    assert!(against_each_other(&counts(&one, 0), &counts(&other, 0)) > LIMIT);
}
