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
