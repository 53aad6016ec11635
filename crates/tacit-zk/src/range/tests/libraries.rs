//! Against the libraries that prove the same.

use super::super::bases::Bases;
use super::super::bits::Bits;
use super::super::equation::Equation;
use super::super::interval::Span;
use super::super::spoken::{does_not_hold, open};
use crate::pedersen::{Blindings, commit, scalar};
use crate::testing::Seeded;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::scalar::Scalar;
use tacit_core::error::Refusal;
use tari_bulletproofs_plus::commitment_opening::CommitmentOpening;
use tari_bulletproofs_plus::generators::pedersen_gens::ExtensionDegree;
use tari_bulletproofs_plus::range_parameters::RangeParameters;
use tari_bulletproofs_plus::range_proof::VerifyAction;
use tari_bulletproofs_plus::range_statement::RangeStatement;
use tari_bulletproofs_plus::range_witness::RangeWitness;
use tari_bulletproofs_plus::ristretto::RistrettoRangeProof;
use tari_bulletproofs_plus::ristretto::create_pedersen_gens_with_extension_degree;
use tari_merlin::Transcript;

fn made(span: &Span, values: &[i128]) -> (Vec<CompressedRistretto>, Blindings, Bits) {
    let blindings = Blindings::derive(&[3; 32], values.len());
    let commitments: Vec<_> = values
        .iter()
        .zip(blindings.0.iter())
        .map(|(v, r)| commit(&scalar(*v), r).compress())
        .collect();
    let witness = (values, &blindings.0[..]);
    let mut transcript = Transcript::new(b"test");
    let bases = Bases::get(span.digits(), 1 << 10);
    let of = (span, &*bases);
    let proof =
        Bits::prove(&mut transcript, of, &commitments, witness, &mut Seeded::new(1)).unwrap();
    (commitments, blindings, proof)
}

fn verify(proof: &Bits, span: &Span, commitments: &[CompressedRistretto]) -> Result<(), Refusal> {
    let heard = proof.hear(&mut Transcript::new(b"test"), span, commitments)?;
    let points: Vec<_> = commitments.iter().map(open).collect::<Result<_, _>>()?;
    let mut equation = Equation::default();
    proof.check(&heard, span, &points, Scalar::ONE, &mut equation)?;
    match equation.holds(&Bases::get(span.digits(), 1 << 10)) {
        true => Ok(()),
        false => Err(does_not_hold()),
    }
}

#[test]
fn any_interval_and_any_number() {
    for (min, width) in [(0, 255), (-10_000, 20_000), (-3, 1), (5, 6), (-1, 65_536)] {
        for count in [1, 2, 3, 5, 8] {
            let span = Span::new(min, width);
            let values: Vec<i128> = (0..count)
                .map(|j| min + [0, width as i128, 1, width as i128 / 2, 1][j % 5])
                .collect();
            let (commitments, _, proof) = made(&span, &values);
            verify(&proof, &span, &commitments).unwrap();
            let wider = Span::new(min, width + 1);
            assert!(verify(&proof, &wider, &commitments).is_err());
            let other = Span::new(min + 1, width);
            assert!(verify(&proof, &other, &commitments).is_err());
        }
    }
}

#[test]
fn the_library_takes_ours_and_we_take_its() {
    for (digits, count) in [(8, 1), (16, 8), (64, 2), (1, 4)] {
        let span = Span::new(0, (1 << digits) - 1);
        let values: Vec<i128> =
            (0..count as i128).map(|j| (j * 91) & ((1 << digits) - 1)).collect();
        let (commitments, blindings, proof) = made(&span, &values);
        let pedersen = create_pedersen_gens_with_extension_degree(ExtensionDegree::DefaultPedersen);
        let parameters = RangeParameters::init(digits, count, pedersen).unwrap();
        let points = commitments.iter().map(|c| c.decompress().unwrap()).collect();
        let statement = RangeStatement::init(parameters, points, vec![None; count], None).unwrap();
        let mut bytes = vec![1];
        proof.write(&mut bytes);
        let theirs = RistrettoRangeProof::from_bytes(&bytes).unwrap();
        let check = |proof: RistrettoRangeProof| {
            RistrettoRangeProof::verify_batch(
                &mut [Transcript::new(b"test")],
                std::slice::from_ref(&statement),
                &[proof],
                VerifyAction::VerifyOnly,
            )
        };
        check(theirs).unwrap();
        let openings = values
            .iter()
            .zip(blindings.0.iter())
            .map(|(v, r)| CommitmentOpening::new(*v as u64, vec![*r]))
            .collect();
        let witness = RangeWitness::init(openings).unwrap();
        let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::from_seed([1; 32]);
        let mut transcript = Transcript::new(b"test");
        let theirs =
            RistrettoRangeProof::prove_with_rng(&mut transcript, &statement, &witness, &mut rng)
                .unwrap();
        let read = Bits::read(&theirs.to_bytes()[1..], digits, count).unwrap();
        verify(&read, &span, &commitments).unwrap();
    }
}

/// The same commitments, proved and verified by the `bulletproofs` crate: what is true is so for
/// both, what is false for neither.
#[test]
fn the_other_library_says_the_same_of_the_same_commitments() {
    use bulletproofs::{BulletproofGens, PedersenGens, RangeProof};
    use curve25519_dalek_4::ristretto::CompressedRistretto as Point;
    use curve25519_dalek_4::scalar::Scalar as Theirs;

    let point = |bytes| Point(bytes).decompress().unwrap();
    let pedersen = PedersenGens {
        B: point(crate::pedersen::value_base().compress().to_bytes()),
        B_blinding: point(crate::pedersen::blinding_base().compress().to_bytes()),
    };
    for (digits, count) in [(8, 2), (16, 4), (32, 1)] {
        let span = Span::new(0, (1 << digits) - 1);
        let values: Vec<i128> = (0..count as i128).map(|j| (j * 91 + 3) & 0xff).collect();
        let (commitments, blindings, proof) = made(&span, &values);
        verify(&proof, &span, &commitments).unwrap();
        let bases = BulletproofGens::new(digits, count);
        let blinding = |r: &Scalar| {
            Option::<Theirs>::from(Theirs::from_canonical_bytes(r.to_bytes())).unwrap()
        };
        let blindings: Vec<Theirs> = blindings.0.iter().map(blinding).collect();
        let (theirs, committed) = RangeProof::prove_multiple(
            &bases,
            &pedersen,
            &mut merlin::Transcript::new(b"test"),
            &values.iter().map(|value| *value as u64).collect::<Vec<_>>(),
            &blindings,
            digits,
        )
        .unwrap();
        let same = committed.iter().zip(&commitments).all(|(t, o)| t.to_bytes() == o.to_bytes());
        assert!(same, "commitments differ");
        let holds = |committed: &[Point]| {
            let mut transcript = merlin::Transcript::new(b"test");
            theirs.verify_multiple(&bases, &pedersen, &mut transcript, committed, digits).is_ok()
        };
        assert!(holds(&committed));
        let (mut ours, mut others) = (commitments.clone(), committed.clone());
        ours[0] = commit(&scalar(1 << digits), &Scalar::ONE).compress();
        others[0] = Point(ours[0].to_bytes());
        assert!(verify(&proof, &span, &ours).is_err());
        assert!(!holds(&others));
    }
}

/// `vectors/zk/range.json`: proofs of `tari_bulletproofs_plus`, good and bad.
#[test]
fn known_proofs_have_known_verdicts() {
    #[derive(serde::Deserialize)]
    struct Vector {
        what: String,
        digits: usize,
        commitments: Vec<String>,
        proof: String,
        holds: bool,
    }
    let text = include_str!("../../../../../vectors/zk/range.json");
    let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
    assert!(vectors.iter().filter(|vector| vector.holds).count() >= 4);
    let bytes = |hex: &String| -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    };
    for Vector { what, digits, commitments, proof, holds } in &vectors {
        let span = Span::new(0, u128::MAX >> (128 - digits));
        let point = |hex: &String| CompressedRistretto(bytes(hex).try_into().unwrap());
        let commitments: Vec<_> = commitments.iter().map(point).collect();
        let verdict = Bits::read(&bytes(proof), *digits, commitments.len())
            .and_then(|proof| verify(&proof, &span, &commitments));
        assert_eq!(verdict.is_ok(), *holds, "{what}");
    }
}
