//! From a constraint system to polynomials, as circom's tools do it, so that a key out of their
//! ceremony is a proving key here.
//!
//! Row i of the constraints belongs to the i-th power of a root of unity of order n. Below them
//! stands one row `wᵢ · 0 = 0` for the constant and every public wire, which keeps their columns
//! independent. The proof needs p(τ) for p = a·b − c, which vanishes on all n points; its degree is
//! below 2n, so p is given by its values at the other n points of the domain of twice the size (the
//! odd ones), and the key holds the Lagrange basis at those: nothing is divided by the vanishing
//! polynomial.

use crate::curve::root_of_unity;
use crate::r1cs::{R1cs, evaluate};
use ark_ff::PrimeField;
use ark_poly::{EvaluationDomain, Radix2EvaluationDomain};
use rayon::prelude::*;
use tacit_core::error::Error;
use zeroize::Zeroizing;

/// The domain of size 2^`log` over circom's root of unity.
pub(crate) fn domain<F: PrimeField>(log: u32) -> Result<Radix2EvaluationDomain<F>, Error> {
    let found = || Error::caller("domain", "a size that the field has", format!("2^{log}"));
    let size = 1_usize.checked_shl(log).ok_or_else(found)?;
    let domain = Radix2EvaluationDomain::new(size).ok_or_else(found)?;
    let root = root_of_unity::<F>(log).ok_or_else(found)?;
    let inverse = root.inverse().ok_or(Error::Bug("a root of unity is not zero"))?;
    Ok(Radix2EvaluationDomain { group_gen: root, group_gen_inv: inverse, ..domain })
}

/// The domain of size 2^`log`, moved to the odd points of the one twice its size.
pub(crate) fn odd_points<F: PrimeField>(log: u32) -> Result<Radix2EvaluationDomain<F>, Error> {
    let half = root_of_unity::<F>(log + 1)
        .ok_or_else(|| Error::caller("domain", "half its size", format!("2^{log}")))?;
    domain::<F>(log)?.get_coset(half).ok_or(Error::Bug("a root of unity is not zero"))
}

/// a·b − c at the odd points, for wires that satisfy the system. They tell the wires: all of it is
/// overwritten when it is dropped.
pub(crate) fn numerators<F: PrimeField>(
    r1cs: &R1cs<F>,
    witness: &[F],
) -> Result<Zeroizing<Vec<F>>, Error> {
    let even = domain::<F>(r1cs.log_domain())?;
    let odd = odd_points::<F>(r1cs.log_domain())?;
    let rows = r1cs.constraints();
    let side = |side: usize| -> Zeroizing<Vec<F>> {
        // as large as it gets, so that growing leaves no copy behind
        let mut values = Zeroizing::new(vec![F::ZERO; even.size()]);
        let pairs = values.par_iter_mut().zip(rows);
        pairs.for_each(|(value, row)| *value = evaluate(&row[side], witness));
        values
    };
    let (mut a, mut b) = (side(0), side(1));
    let public = &witness[..=r1cs.public()];
    a[rows.len()..][..public.len()].copy_from_slice(public);
    // where the system is satisfied c is the product of the others
    let mut c = Zeroizing::new(vec![F::ZERO; even.size()]);
    c.par_iter_mut().zip(&*a).zip(&*b).for_each(|((c, a), b)| *c = *a * b);
    for values in [&mut a, &mut b, &mut c] {
        even.ifft_in_place(values);
        odd.fft_in_place(values);
    }
    a.par_iter_mut().zip(&*b).zip(&*c).for_each(|((a, b), c)| *a = *a * b - c);
    Ok(a)
}
