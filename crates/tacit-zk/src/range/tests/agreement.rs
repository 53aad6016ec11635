//! Fast and slow verifier of the same proofs: by honest provers and by liars, whole and with every
//! element changed; and of proofs that an independent program made (`vectors/zk/range.py`).

use super::reference::{Element, Statement};
use super::whole::{ann, judge, proved, terms};
use crate::pedersen::{self, Blindings};
use crate::range::bases::Bases;
use crate::range::bits::Bits;
use crate::range::equation::Equation;
use crate::range::interval::Span;
use crate::range::spoken::open;
use crate::range::squares::{Message, Squares};
use crate::range::terms::Terms;
use crate::range::update::STATEMENT;
use crate::range::weighted::Secret;
use crate::testing::Seeded;
use crate::transcript::Occasion;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use tacit_core::digest::Digest;
use tacit_core::error::Refusal;
use tari_merlin::Transcript;

fn test() -> Transcript {
    Transcript::new(b"test")
}

fn points(commitments: &[Element]) -> Result<Vec<RistrettoPoint>, Refusal> {
    commitments.iter().map(|element| open(&CompressedRistretto(*element))).collect()
}

/// What the fast verifier says.
fn fast(statement: Statement<'_>, bytes: &[u8]) -> Result<bool, Refusal> {
    let mut equation = Equation::default();
    let digits = match statement {
        Statement::Range { min, width, commitments, .. } => {
            let span = Span::new(min, width);
            let proof = Bits::read(bytes, span.digits(), commitments.len())?;
            let encoded: Vec<_> = commitments.iter().map(|c| CompressedRistretto(*c)).collect();
            let heard = proof.hear(&mut test(), &span, &encoded)?;
            proof.check(&heard, &span, &points(commitments)?, Scalar::ONE, &mut equation)?;
            span.digits()
        }
        Statement::Squares { digits, commitments } => {
            let proof = Squares::read(bytes, commitments.len())?;
            let heard = proof.hear(&mut test(), commitments.len())?;
            proof.check(&heard, &points(commitments)?, Scalar::ONE, &mut equation)?;
            digits
        }
    };
    Ok(equation.holds(&Bases::get(digits, 128)))
}

/// What both say.
fn agreed(statement: Statement<'_>, bytes: &[u8]) -> bool {
    let fast = fast(statement, bytes).unwrap_or(false);
    assert_eq!(fast, statement.holds(test(), bytes), "fast and slow verifier disagree");
    fast
}

/// Another name of the same scalar.
fn plus_order(element: &[u8]) -> Vec<u8> {
    let below = -Scalar::ONE;
    let mut carry = 1;
    let sum = element.iter().zip(below.as_bytes()).map(|(one, other)| {
        carry += u16::from(*one) + u16::from(*other);
        let byte = carry as u8;
        carry >>= 8;
        byte
    });
    sum.collect()
}

/// Every element of a proof in turn replaced: by another's, by what encodes nothing, by its
/// neighbours; and proofs that are longer and shorter.
fn changes(proof: &[u8], other: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![[proof, &[0]].concat(), [proof, &[0; 64]].concat()];
    all.extend([1, 32, 64].map(|less| proof[..proof.len() - less].to_vec()));
    for start in (0..proof.len()).step_by(32) {
        let (before, own, after) =
            (&proof[..start], &proof[start..start + 32], &proof[start + 32..]);
        let flipped = |byte: usize, bit: u8| {
            let mut element = own.to_vec();
            element[byte] ^= bit;
            element
        };
        let elements = [
            other[start..start + 32].to_vec(),
            vec![0; 32],
            vec![255; 32],
            plus_order(own),
            flipped(0, 1),
            flipped(0, 2),
            flipped(31, 128),
        ];
        all.extend(elements.map(|element| [before, &element, after].concat()));
    }
    all.retain(|changed| changed != proof);
    all
}

fn committed(values: &[i128]) -> (Vec<Element>, Blindings) {
    let blindings = Blindings::derive(&[7; 32], values.len());
    let pairs = values.iter().zip(blindings.0.iter());
    let commit = |(value, r)| pedersen::commit(&pedersen::scalar(value), r).compress().to_bytes();
    (pairs.map(|(value, r)| commit((*value, r))).collect(), blindings)
}

fn range_proof(span: &Span, values: &[i128], seed: u64) -> (Vec<Element>, Vec<u8>) {
    let (commitments, blindings) = committed(values);
    let encoded: Vec<_> = commitments.iter().map(|c| CompressedRistretto(*c)).collect();
    let bases = Bases::get(span.digits(), 128);
    let (of, witness) = ((span, &*bases), (values, &blindings.0[..]));
    let proof = Bits::prove(&mut test(), of, &encoded, witness, &mut Seeded::new(seed)).unwrap();
    let mut bytes = Vec::new();
    proof.write(&mut bytes);
    (commitments, bytes)
}

#[test]
fn of_ranges() {
    for (min, width, values) in [
        (0, 1, vec![1]),
        (-3, 6, vec![3, -3]),
        (-10_000, 20_000, vec![-10_000]),
        (5, 254, vec![5, 259, 100]),
        (0, 1 << 62, vec![1 << 62]),
    ] {
        let span = Span::new(min, width);
        let (commitments, proof) = range_proof(&span, &values, 1);
        let other = range_proof(&span, &values, 2).1;
        let (bases, own) = (None, &commitments[..]);
        let of = |min, width| Statement::Range { min, width, commitments: own, bases };
        assert!(agreed(of(min, width), &proof) && agreed(of(min, width), &other));
        for (min, width) in [(min + 1, width), (min, width + 1), (min - 1, width + 1)] {
            assert!(!agreed(of(min, width), &proof));
        }
        for changed in changes(&proof, &other) {
            assert!(!agreed(of(min, width), &changed));
        }
        let more = [&commitments[..], &commitments[..1]].concat();
        for commitments in [&commitments[1..], &more] {
            assert!(!agreed(Statement::Range { min, width, commitments, bases }, &proof));
        }
    }
}

fn squares_proof(
    values: &[i128],
    (left, right): (&[i128], &[i128]),
    (sum, beside, seed): (i128, i128, u64),
) -> (Vec<Element>, Vec<u8>) {
    let (commitments, blindings) = committed(values);
    let vector = |all: &[i128]| Secret::new(all.iter().map(|x| pedersen::scalar(*x)).collect());
    let said = |left, right, value| Message {
        left: vector(left),
        right: vector(right),
        value: pedersen::scalar(value),
    };
    let messages = [said(left, right, beside), said(&[], &[], sum)];
    let (bases, entropy) = (Bases::get(3, 128), &mut Seeded::new(seed));
    let made = Squares::argue(&mut test(), &bases, messages, &blindings.0, entropy);
    let mut bytes = Vec::new();
    made.unwrap().0.write(&mut bytes);
    (commitments, bytes)
}

#[test]
fn of_norms() {
    for values in [vec![3, -4, 5, 0], vec![7], vec![0, 0], vec![1 << 40, -1 << 40]] {
        let honest = values.iter().map(|value| value * value).sum::<i128>();
        let proof = |left: &[i128], right: &[i128], sum, seed| {
            squares_proof(&values, (left, right), (sum, 0, seed))
        };
        let (commitments, own) = proof(&values, &values, honest, 1);
        let of = Statement::Squares { digits: 3, commitments: &commitments };
        let other = proof(&values, &values, honest, 2).1;
        assert!(agreed(of, &own) && agreed(of, &other));
        for changed in changes(&own, &other) {
            assert!(!agreed(of, &changed));
        }
        let others: Vec<i128> = values.iter().map(|value| value.abs() + 1).collect();
        let product = values.iter().zip(&others).map(|(one, other)| one * other).sum();
        for (left, right, sum) in [
            (&values, &values, honest - 1),
            (&values, &values, honest + 1),
            (&others, &others, others.iter().map(|value| value * value).sum()),
            (&values, &others, product),
            (&others, &values, product),
        ] {
            assert!(!agreed(of, &proof(left, right, sum, 1).1));
        }
        let beside = squares_proof(&values, (&values, &values), (honest + 1, -1, 1)).1;
        assert!(!agreed(of, &beside), "what the sum lacks stands beside the values");
    }
}

/// `vectors/zk/range_slow.json`: proofs, true and false, of a program in another language.
#[test]
fn of_another_program() {
    #[derive(serde::Deserialize)]
    struct Vector {
        what: String,
        #[serde(default)]
        min: i64,
        #[serde(default)]
        max: i64,
        commitments: Vec<String>,
        proof: String,
        holds: bool,
    }
    #[derive(serde::Deserialize)]
    struct All {
        ranges: Vec<Vector>,
        squares: Vec<Vector>,
    }
    let bytes = |hex: &str| -> Vec<u8> {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16);
        hex.as_bytes().chunks(2).map(|pair| byte(pair).unwrap()).collect()
    };
    let text = include_str!("../../../../../vectors/zk/range_slow.json");
    let All { ranges, squares } = serde_json::from_str(text).unwrap();
    assert!(ranges.len() > 50 && squares.len() > 20);
    for (kind, vectors) in [ranges, squares].iter().enumerate() {
        assert!(vectors.iter().filter(|vector| vector.holds).count() >= 4);
        for Vector { what, min, max, commitments, proof, holds } in vectors {
            let element = |hex: &String| Element::try_from(&bytes(hex)[..]).unwrap();
            let commitments: Vec<Element> = commitments.iter().map(element).collect();
            let (min, width) = (i128::from(*min), u128::from(max.abs_diff(*min)));
            let statement = match kind {
                0 => Statement::Range { min, width, commitments: &commitments, bases: None },
                _ => Statement::Squares { digits: 3, commitments: &commitments },
            };
            assert_eq!(agreed(statement, &bytes(proof)), *holds, "{what}");
        }
    }
}

/// What the slow verifier says of a whole update with a bounded norm, in one chunk and one block.
fn whole(terms: &Terms, occasion: &Occasion<'_>, proof: &[u8]) -> Option<bool> {
    let count = terms.count();
    let (commitments, rest) = proof.split_at_checked(32 * count)?;
    let update = Digest::of_parts("tacit/v1/range/commitments", &[commitments]).0;
    let key = Digest::of_parts("tacit/v1/range/bases", &[b"ristretto255"]);
    let (statement, parameters) = (STATEMENT, &terms.parameters()[..]);
    let occasion =
        Occasion { statement, key, parameters, update: &update, ..occasion.clone() }.digest();
    let transcript = |part: &str| {
        let mut transcript = Transcript::new(b"tacit/v1/range");
        transcript.append_message(b"occasion", &occasion.0);
        transcript.append_message(b"part", part.as_bytes());
        transcript.append_u64(b"number", 0);
        transcript
    };
    let commitments = commitments.as_chunks::<32>().0;
    let (min, max) = (terms.interval().min(), terms.interval().max());
    let (min, width) = (min.into(), max.abs_diff(min).into());
    let (digits, bound) = (terms.interval().digits(), terms.squares()?);
    let elements = |places: usize| 6 + 2 * places.next_power_of_two().trailing_zeros() as usize;
    let (chunk, rest) = rest.split_at_checked(32 * elements(digits * count))?;
    let (block, sum) = rest.split_at_checked(32 * (1 + elements(count)))?;
    // all three parts share bases
    let (total, bases): (Element, _) = (*block.first_chunk()?, Some(digits));
    let parts = [
        Statement::Range { min, width, commitments, bases }.holds(transcript("chunk"), chunk),
        Statement::Squares { digits, commitments }.holds(transcript("block"), block),
        Statement::Range { min: 0, width: bound, commitments: &[total], bases }
            .holds(transcript("sum"), sum),
    ];
    Some(parts == [true; 3])
}

#[test]
fn of_whole_updates() {
    let of = terms(-10, 10, 3, Some(100));
    let (proof, other) = (proved(&of, &[1, -2, 3]), proved(&of, &[1, -2, 4]));
    let verdict = |of: &Terms, proof: &[u8]| {
        let fast = judge(of, &ann(), proof).is_ok();
        assert_eq!(fast, whole(of, &ann(), proof).unwrap_or(false));
        fast
    };
    assert!(verdict(&of, &proof) && verdict(&of, &other));
    for changed in changes(&proof, &other) {
        assert!(!verdict(&of, &changed));
    }
    for (min, max, bound) in [(-10, 10, 99), (-10, 11, 100), (-9, 10, 100), (-9, 11, 100)] {
        assert!(!verdict(&terms(min, max, 3, Some(bound)), &proof));
    }
}
