//! A key whose secrets one process knew: for tests and measurements.

use super::key::{ProvingKey, head_for_tests};
use super::prove::Keyed;
use super::qap::{domain, odd_points};
use crate::curve::scalar;
use crate::r1cs::R1cs;
use ark_ec::scalar_mul::BatchMulPreprocessing;
use ark_ec::{CurveGroup, PrimeGroup};
use ark_ff::Field;
use ark_groth16 as ark;
use ark_poly::EvaluationDomain;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;

/// The columns of a constraint system at a secret point: uᵢ(τ), vᵢ(τ), wᵢ(τ) of every wire.
struct Columns<F>([Vec<F>; 3]);

impl<F: ark_ff::PrimeField> Columns<F> {
    fn new(r1cs: &R1cs<F>, tau: F) -> Result<Self, Error> {
        let basis = domain::<F>(r1cs.log_domain())?.evaluate_all_lagrange_coefficients(tau);
        let mut columns = [0; 3].map(|_| vec![F::ZERO; r1cs.variables()]);
        for (row, at) in r1cs.constraints().iter().zip(&basis) {
            for (column, combination) in columns.iter_mut().zip(row) {
                for (wire, coefficient) in combination {
                    column[*wire as usize] += *coefficient * at;
                }
            }
        }
        let public = &mut columns[0][..=r1cs.public()];
        for (column, at) in public.iter_mut().zip(&basis[r1cs.constraints().len()..]) {
            *column += at;
        }
        Ok(Self(columns))
    }
}

/// Makes a key for a circuit. Whoever knows the entropy can prove anything under it. Nothing in a
/// key tells how it was made: its head, here [`head_for_tests`], is a label. Who relies on a key
/// verifies the ceremony that it is said to be of.
pub fn setup_for_tests<E: Keyed>(
    r1cs: &R1cs<E::ScalarField>,
    entropy: &mut dyn Entropy,
) -> Result<ProvingKey, Error> {
    let [tau, alpha, beta, delta] = [(); 4].map(|()| scalar::<E::ScalarField>(entropy));
    let (tau, alpha, beta, delta) = (tau?, alpha?, beta?, delta?);
    let over_delta = delta.inverse().ok_or(Error::Bug("delta is not zero"))?;
    let Columns([u, v, w]) = Columns::new(r1cs, tau)?;
    let public = r1cs.public() + 1;
    let combined: Vec<_> = (u.iter().zip(&v).zip(&w).enumerate())
        .map(|(wire, ((u, v), w))| {
            let sum = beta * u + alpha * v + w;
            if wire < public { sum } else { sum * over_delta }
        })
        .collect();
    let odd = odd_points::<E::ScalarField>(r1cs.log_domain())?;
    // the Lagrange basis of the odd points alone has to vanish on the even ones as well, where
    // the vanishing polynomial of the even points is −2 at every odd one
    let even = tau.pow([odd.size]) - E::ScalarField::ONE;
    let factor = over_delta * even / -E::ScalarField::from(2_u64);
    let basis = odd.evaluate_all_lagrange_coefficients(tau);
    let h: Vec<_> = basis.into_iter().map(|at| at * factor).collect();
    let [one, two] = [u.len() * 3 + h.len(), u.len()];
    let one = BatchMulPreprocessing::new(E::G1::generator(), one);
    let two = BatchMulPreprocessing::new(E::G2::generator(), two);
    let g1 = |scalar: E::ScalarField| (E::G1::generator() * scalar).into_affine();
    let g2 = |scalar: E::ScalarField| (E::G2::generator() * scalar).into_affine();
    let vk = ark::VerifyingKey {
        alpha_g1: g1(alpha),
        beta_g2: g2(beta),
        gamma_g2: g2(E::ScalarField::ONE),
        delta_g2: g2(delta),
        gamma_abc_g1: one.batch_mul(&combined[..public]),
    };
    let key = ark::ProvingKey {
        vk,
        beta_g1: g1(beta),
        delta_g1: g1(delta),
        a_query: one.batch_mul(&u),
        b_g1_query: one.batch_mul(&v),
        b_g2_query: two.batch_mul(&v),
        h_query: one.batch_mul(&h),
        l_query: one.batch_mul(&combined[public..]),
    };
    ProvingKey::new::<E>(key, head_for_tests())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::groth16::{VerifyingKey, prove, read_proof, verify, write_proof};
    use crate::r1cs::tests::{cubic, cubic_witness};
    use crate::testing::Seeded;
    use ark_bn254::Bn254;
    use ark_ec::AffineRepr;

    fn true_statements_only<E: Keyed>() {
        let mut entropy = Seeded::new(1);
        let cubic = cubic::<E::ScalarField>();
        let key = setup_for_tests::<E>(&cubic, &mut entropy).unwrap();
        let witness = cubic_witness::<E::ScalarField>(3);
        let proof = prove::<E>(&key, &cubic, &witness, &mut entropy).unwrap();
        let proof = read_proof::<E>(&write_proof(&proof)).unwrap();
        let public = |y: u64| [E::ScalarField::from(y)];
        let head = key.verifying().head();
        let written = key.verifying().write();
        let verifying = VerifyingKey::read(&written, head).unwrap();
        assert_eq!(verifying.digest(), key.verifying().digest());
        assert!(verify::<E>(&verifying, &public(35), &proof).unwrap());
        assert!(!verify::<E>(&verifying, &public(36), &proof).unwrap());
        assert!(verify::<E>(&verifying, &[], &proof).is_err());
        let mut wrong = witness.clone();
        wrong[2] += E::ScalarField::ONE;
        assert!(prove::<E>(&key, &cubic, &wrong, &mut entropy).is_err());
        assert!(VerifyingKey::read(&written, tacit_core::digest::Digest([1; 32])).is_err());
        for end in 0..written.len() {
            assert!(VerifyingKey::read(&written[..end], head).is_err(), "{end}");
        }
    }

    /// A key whose maker added points to those of private wires, to read these off a proof.
    #[test]
    fn a_doctored_key_gives_no_proof() {
        let mut entropy = Seeded::new(1);
        let cubic = cubic::<ark_bn254::Fr>();
        let key = setup_for_tests::<Bn254>(&cubic, &mut entropy).unwrap();
        let witness = cubic_witness::<ark_bn254::Fr>(3);
        let doctored = |change: &dyn Fn(&mut ark::ProvingKey<Bn254>)| {
            let mut points = Bn254::proving(&key).unwrap().clone();
            change(&mut points);
            ProvingKey::new::<Bn254>(points, head_for_tests()).unwrap()
        };
        let more = |point: &mut ark_bn254::G1Affine| {
            *point = (*point + ark_bn254::G1Affine::generator()).into_affine();
        };
        let keys = [
            doctored(&|points| more(&mut points.l_query[0])),
            doctored(&|points| more(&mut points.h_query[0])),
            doctored(&|points| more(&mut points.a_query[3])),
            doctored(&|points| more(&mut points.b_g1_query[3])),
        ];
        for (number, key) in keys.iter().enumerate() {
            let proved = prove::<Bn254>(key, &cubic, &witness, &mut entropy);
            assert!(proved.is_err_and(|error| error.to_string().contains("verify")), "{number}");
        }
        assert!(prove::<Bn254>(&key, &cubic, &witness, &mut entropy).is_ok());
    }

    #[test]
    fn proofs_of_true_statements_only() {
        true_statements_only::<ark_bn254::Bn254>();
        true_statements_only::<ark_bls12_381::Bls12_381>();
    }
}
