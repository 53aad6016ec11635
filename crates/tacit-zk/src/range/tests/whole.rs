//! Proofs of whole updates, and what is done to them.

use crate::pedersen::Blindings;
use crate::range::interval::Interval;
use crate::range::spoken::ELEMENT;
use crate::range::terms::Terms;
use crate::range::update::{Shown, prove, verify};
use crate::range::{FixedPoint, prove_gradient_in_range, verify_gradient_in_range};
use crate::testing::Seeded;
use crate::transcript::Occasion;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_COMPRESSED;
use proptest::prelude::*;
use std::sync::LazyLock;
use tacit_core::digest::Digest;
use tacit_core::error::Refusal;
use tacit_core::ids::ParticipantId;
use tacit_core::proof::Secret;
use tacit_core::traits::Context;

static ANN: LazyLock<ParticipantId> = LazyLock::new(|| ParticipantId::parse("ann").unwrap());
static BOB: LazyLock<ParticipantId> = LazyLock::new(|| ParticipantId::parse("bob").unwrap());

pub(super) fn occasion(participant: &ParticipantId) -> Occasion<'_> {
    let digest = Digest([1; 32]);
    Occasion {
        statement: "",
        key: digest,
        context: Context { plan: digest, round: 1, model: digest },
        participant,
        signer: b"key",
        nonce: digest,
        parameters: b"",
        dataset: b"",
        update: b"",
    }
}

pub(in crate::range) fn ann() -> Occasion<'static> {
    occasion(&ANN)
}

pub(super) fn terms(min: i64, max: i64, count: usize, squares: Option<u128>) -> Terms {
    Terms::new(Interval::new(min, max).unwrap(), count, squares).unwrap()
}

pub(super) fn proved(terms: &Terms, values: &[i64]) -> Vec<u8> {
    let blindings = Blindings::derive(&[9; 32], values.len());
    prove(terms, (values, &blindings), &ann(), &mut Seeded::new(1)).unwrap()
}

pub(super) fn judge(terms: &Terms, occasion: &Occasion<'_>, proof: &[u8]) -> Result<(), Refusal> {
    let shown = Shown { occasion: occasion.clone(), proof, opening: None };
    verify(terms, &[shown]).remove(0)
}

/// Two chunks of digits and a bounded norm: 3 values above the first chunk of 256.
fn long() -> (Terms, Vec<i64>) {
    let wide = 1i64 << 40;
    (terms(-wide, wide, 259, Some(1 << 90)), (0..259).map(|v| (v - 128) << 32).collect())
}

#[test]
fn what_is_true_is_accepted() {
    for (of, values) in [
        (terms(-10_000, 10_000, 5, None), vec![-10_000, 10_000, 0, 1, -1]),
        (terms(-10_000, 10_000, 5, Some(250)), vec![15, 0, -4, 3, 0]),
        (terms(0, 1, 1, None), vec![1]),
        (terms(0, 1, 1, Some(1)), vec![1]),
        (terms(-3, 3, 2, Some(u128::MAX >> 3)), vec![-3, 3]),
        (terms(-(1 << 61), 1 << 61, 2, None), vec![-(1 << 61), 1 << 61]),
        long(),
    ] {
        let proof = proved(&of, &values);
        assert_eq!(proof.len(), of.bytes());
        judge(&of, &ann(), &proof).unwrap();
    }
}

#[test]
fn nobody_proves_what_is_false_by_accident() {
    let blindings = Blindings::derive(&[9; 32], 2);
    for (of, values) in [
        (terms(-3, 3, 2, None), [4, 0]),
        (terms(-3, 3, 2, None), [0, -4]),
        (terms(-3, 3, 2, None), [i64::MIN, i64::MAX]),
        (terms(-3, 3, 2, Some(17)), [3, 3]),
    ] {
        assert!(prove(&of, (&values, &blindings), &ann(), &mut Seeded::new(1)).is_err());
    }
    let few = terms(-3, 3, 3, None);
    assert!(prove(&few, (&[0, 0], &blindings), &ann(), &mut Seeded::new(1)).is_err());
}

#[test]
fn it_holds_on_its_occasion_only() {
    let of = terms(-10, 10, 3, Some(100));
    let proof = proved(&of, &[1, -2, 3]);
    let (first, two) = (ann(), Digest([2; 32]));
    judge(&of, &first, &proof).unwrap();
    let Context { plan, model, .. } = first.context.clone();
    for other in [
        Occasion { participant: &BOB, ..first.clone() },
        Occasion { signer: b"kez", ..first.clone() },
        Occasion { nonce: two, ..first.clone() },
        Occasion { dataset: b"data", ..first.clone() },
        Occasion { context: Context { plan: two, round: 1, model }, ..first.clone() },
        Occasion { context: Context { plan, round: 2, model }, ..first.clone() },
        Occasion { context: Context { plan, round: 1, model: two }, ..first.clone() },
    ] {
        assert!(judge(&of, &other, &proof).is_err(), "{other:?}");
    }
}

/// Terms of the same length of proof, and of others.
#[test]
fn it_holds_for_its_bounds_only() {
    let of = terms(-10, 10, 3, Some(100));
    let proof = proved(&of, &[1, -2, 3]);
    for (min, max, count, squares) in [
        (-9, 10, 3, Some(100)),
        (-10, 9, 3, Some(100)),
        (-11, 10, 3, Some(100)),
        (-10, 11, 3, Some(100)),
        (-9, 11, 3, Some(100)),
        (-10, 10, 3, Some(99)),
        (-10, 10, 3, Some(101)),
        (-10, 10, 3, None),
        (-10, 10, 2, Some(100)),
        (-10, 10, 4, Some(100)),
        (-100, 100, 3, Some(100)),
    ] {
        assert!(judge(&terms(min, max, count, squares), &ann(), &proof).is_err());
    }
    // the same integers, standing for values half as large
    assert!(judge(&of.in_steps_of(0.5), &ann(), &proof).is_err());
}

/// ±10 in thousandths and ±5 in two-thousandths are the same integers.
#[test]
fn it_holds_in_its_scale_only() {
    let (one, other) = [(10.0, 1_000), (5.0, 2_000)]
        .map(|(max, scale)| FixedPoint::new(-max, max, scale, Some(max)).unwrap())
        .into();
    assert_eq!((one.interval(), one.squares()), (other.interval(), other.squares()));
    let (seed, gradient) = (Secret::from_bytes([3; 32]), [1.5, -2.0]);
    let proof =
        prove_gradient_in_range(&gradient, &one, &seed, &ann(), &mut Seeded::new(1)).unwrap();
    let verify = |fixed| verify_gradient_in_range((2, fixed), &ann(), &proof, None);
    verify(&one).unwrap();
    assert!(verify(&other).is_err());
}

/// Each element of a proof: another scalar, another point, none at all, one beyond the order.
#[test]
fn every_element_counts() {
    let of = terms(-10, 10, 3, Some(100));
    let (proof, other) = (proved(&of, &[1, -2, 3]), proved(&of, &[1, -2, 4]));
    let beyond = [&[0xed; 1][..], &[0xff; 30], &[0x7f]].concat();
    let mut order = [0u8; 32];
    order[..16]
        .copy_from_slice(&(27_742_317_777_372_353_535_851_937_790_883_648_493u128).to_le_bytes());
    order[31] = 0x10;
    for start in (0..proof.len()).step_by(ELEMENT) {
        let own = &proof[start..start + ELEMENT];
        let mut raised = own.to_vec();
        raised[0] = raised[0].wrapping_add(2);
        let base = RISTRETTO_BASEPOINT_COMPRESSED.to_bytes();
        for element in
            [&other[start..start + ELEMENT], &[0; 32], &[255; 32], &beyond, &order, &raised, &base]
        {
            let mut forged = proof.clone();
            forged[start..start + ELEMENT].copy_from_slice(element);
            if forged != proof {
                assert!(judge(&of, &ann(), &forged).is_err(), "element {}", start / ELEMENT);
            }
        }
    }
}

/// Chunks, blocks and commitments of one proof at each other's places, and of another's.
#[test]
fn parts_hold_at_their_places_only() {
    let of = terms(-(1 << 61), 1 << 61, 512, None);
    let values: Vec<i64> = (0..512).map(|v| v << 50).collect();
    let proof = proved(&of, &values);
    judge(&of, &ann(), &proof).unwrap();
    let (commitments, chunks) = proof.split_at(ELEMENT * 512);
    let (one, two) = chunks.split_at(chunks.len() / 2);
    let swapped_chunks = [commitments, two, one].concat();
    assert!(judge(&of, &ann(), &swapped_chunks).is_err());
    let (low, high) = commitments.split_at(commitments.len() / 2);
    assert!(judge(&of, &ann(), &[high, low, two, one].concat()).is_err());
    assert!(judge(&of, &ann(), &[high, low, one, two].concat()).is_err());
    let twice = [commitments, one, one].concat();
    assert!(judge(&of, &ann(), &twice).is_err());
}

#[test]
fn a_batch_names_who_is_to_blame() {
    let of = terms(-10, 10, 3, Some(100));
    let proofs: Vec<Vec<u8>> = (0..7)
        .map(|seed| {
            let blindings = Blindings::derive(&[seed; 32], 3);
            let values = [i64::from(seed), -2, 3];
            prove(&of, (&values, &blindings), &ann(), &mut Seeded::new(1)).unwrap()
        })
        .collect();
    let mut bad = proofs[0].clone();
    bad[ELEMENT * 4] ^= 1;
    let mixed: Vec<&[u8]> = vec![&proofs[0], &bad, &proofs[2], b"", &proofs[4], &bad, &proofs[6]];
    let shown: Vec<Shown<'_>> =
        mixed.iter().map(|proof| Shown { occasion: ann(), proof, opening: None }).collect();
    let verdicts: Vec<bool> = verify(&of, &shown).iter().map(Result::is_ok).collect();
    assert_eq!(verdicts, [true, false, true, false, true, false, true]);
    assert!(verify(&of, &[]).is_empty());
}

/// Who was given the update and its blindings is not shown another one's commitments.
#[test]
fn an_opening_is_checked() {
    let of = terms(-10, 10, 3, None);
    let proof = proved(&of, &[1, -2, 3]);
    let judge = |values: &[i64], seed: u8, count: usize| {
        let blindings = Blindings::derive(&[seed; 32], count);
        let opening = Some((values, &blindings));
        verify(&of, &[Shown { occasion: ann(), proof: &proof, opening }]).remove(0)
    };
    judge(&[1, -2, 3], 9, 3).unwrap();
    for values in [[1, -2, 4], [-2, 1, 3], [2, -3, 3]] {
        assert!(judge(&values, 9, 3).is_err());
    }
    assert!(judge(&[1, -2, 3], 8, 3).is_err());
    assert!(judge(&[1, -2], 9, 3).is_err());
    assert!(judge(&[1, -2, 3], 9, 2).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Any bounds: values on them are proved, values one beyond them are not, and a proof for
    /// bounds one wider does not pass for these.
    #[test]
    fn one_beyond_either_bound(min in -(1i64 << 40)..1 << 40, width in 1i64..1 << 41) {
        let max = min + width;
        let of = terms(min, max, 2, None);
        judge(&of, &ann(), &proved(&of, &[min, max])).unwrap();
        let blindings = Blindings::derive(&[9; 32], 2);
        for (outside, wider) in [
            ([min - 1, min], terms(min - 1, max, 2, None)),
            ([max, max + 1], terms(min, max + 1, 2, None)),
            ([min - 1, min], terms(min - 1, max - 1, 2, None)),
            ([max, max + 1], terms(min + 1, max + 1, 2, None)),
        ] {
            prop_assert!(prove(&of, (&outside, &blindings), &ann(), &mut Seeded::new(1)).is_err());
            let proof = proved(&wider, &outside);
            prop_assert!(judge(&of, &ann(), &proof).is_err());
        }
    }

    /// Bytes of anybody's: refused, without a panic.
    #[test]
    fn other_bytes_are_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..4_000),
        cut in 0usize..4_000,
        at in 0usize..4_000,
    ) {
        let of = terms(-10, 10, 3, Some(100));
        let proof = proved(&of, &[1, -2, 3]);
        prop_assert!(judge(&of, &ann(), &bytes).is_err());
        let cut = cut % proof.len();
        prop_assert!(judge(&of, &ann(), &proof[..cut]).is_err());
        prop_assert!(judge(&of, &ann(), &[&proof[..], &[0]].concat()).is_err());
        let mut forged = proof.clone();
        let at = at % proof.len();
        forged[at] ^= 1 << (cut % 8);
        prop_assert!(judge(&of, &ann(), &forged).is_err(), "byte {}", at);
    }
}
