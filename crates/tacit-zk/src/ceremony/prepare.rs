//! Powers of τ in Lagrange's basis: what the second phase puts a circuit's columns together from.

use super::ptau::{Lagrange, Ptau};
use super::ratio::Coins;
use crate::curve::Engine;
use crate::groth16::domain;
use ark_ec::{AffineRepr, CurveGroup, VariableBaseMSM};
use ark_ff::AdditiveGroup;
use ark_poly::EvaluationDomain;
use tacit_core::error::Error;

/// The basis of one domain; of twice the domain at its odd points as well.
pub(crate) struct Basis<E: Engine> {
    pub tau_g1: Vec<E::G1Affine>,
    pub odd_g1: Vec<E::G1Affine>,
    pub tau_g2: Vec<E::G2Affine>,
    pub alpha_g1: Vec<E::G1Affine>,
    pub beta_g1: Vec<E::G1Affine>,
}

/// Prepares every domain that circom's tools may ask for.
pub(crate) fn prepare<E: Engine>(powers: &Ptau<E>) -> Result<Lagrange<E>, Error> {
    fn every<G: Bases>(points: &[G::Affine], top: u32) -> Result<Vec<G::Affine>, Error> {
        let sizes: Result<Vec<_>, Error> =
            (0..=top).map(|log| transform::<G>(points, log)).collect();
        Ok(sizes?.concat())
    }
    Ok(Lagrange {
        tau_g1: every::<E::G1>(&powers.tau_g1, powers.power + 1)?,
        tau_g2: every::<E::G2>(&powers.tau_g2, powers.power)?,
        alpha_g1: every::<E::G1>(&powers.alpha_g1, powers.power)?,
        beta_g1: every::<E::G1>(&powers.beta_g1, powers.power)?,
    })
}

/// The basis for a domain of 2^`log`: from what is prepared, if that is right, else computed.
pub(crate) fn basis<E: Engine>(
    powers: &Ptau<E>,
    log: u32,
    coins: &mut Coins,
) -> Result<Basis<E>, Error> {
    if log > powers.power {
        let expected = format!("at least 2^{log}, as the circuit needs");
        return Err(Error::caller("powers of tau", expected, format!("2^{}", powers.power)));
    }
    let basis = match &powers.lagrange {
        None => [
            transform::<E::G1>(&powers.tau_g1, log)?,
            transform::<E::G1>(&powers.tau_g1, log + 1)?,
            transform::<E::G1>(&powers.alpha_g1, log)?,
            transform::<E::G1>(&powers.beta_g1, log)?,
        ],
        Some(prepared) => [
            part::<E::G1>(&powers.tau_g1, &prepared.tau_g1, log, coins)?,
            part::<E::G1>(&powers.tau_g1, &prepared.tau_g1, log + 1, coins)?,
            part::<E::G1>(&powers.alpha_g1, &prepared.alpha_g1, log, coins)?,
            part::<E::G1>(&powers.beta_g1, &prepared.beta_g1, log, coins)?,
        ],
    };
    let tau_g2 = match &powers.lagrange {
        None => transform::<E::G2>(&powers.tau_g2, log)?,
        Some(prepared) => part::<E::G2>(&powers.tau_g2, &prepared.tau_g2, log, coins)?,
    };
    let [tau_g1, twice, alpha_g1, beta_g1] = basis;
    let odd_g1 = twice.into_iter().skip(1).step_by(2).collect();
    Ok(Basis { tau_g1, odd_g1, tau_g2, alpha_g1, beta_g1 })
}

/// A group whose vectors a Fourier transform can be taken of.
trait Bases: CurveGroup + VariableBaseMSM<MulBase = Self::Affine> {}
impl<G: CurveGroup + VariableBaseMSM<MulBase = G::Affine>> Bases for G {}

/// The basis of 2^`log` points; a last power that is one too many for the file is zero.
fn transform<G: Bases>(points: &[G::Affine], log: u32) -> Result<Vec<G::Affine>, Error> {
    let size = 1 << log;
    let mut values: Vec<G> = points.iter().take(size).map(|point| point.into_group()).collect();
    values.resize(size, G::zero());
    domain::<G::ScalarField>(log)?.ifft_in_place(&mut values);
    Ok(G::normalize_batch(&values))
}

/// What is prepared for 2^`log`, checked: for random r, Σ rᵢτⁱ = Σ r̂ᵢLᵢ(τ) with r̂ the transform
/// of r.
fn part<G: Bases>(
    points: &[G::Affine],
    prepared: &[G::Affine],
    log: u32,
    coins: &mut Coins,
) -> Result<Vec<G::Affine>, Error> {
    let size = 1 << log;
    let prepared = prepared.get(size - 1..2 * size - 1);
    let prepared = prepared.ok_or(Error::Bug("a prepared file has every domain"))?;
    let count = points.len().min(size);
    let mut coins: Vec<G::ScalarField> = coins.take(count);
    let direct = G::msm_unchecked(&points[..count], &coins);
    coins.resize(size, G::ScalarField::ZERO);
    domain::<G::ScalarField>(log)?.fft_in_place(&mut coins);
    if direct != G::msm_unchecked(prepared, &coins) {
        let found = format!("another for the domain of 2^{log}");
        return Err(Error::caller("prepared ptau file", "Lagrange's basis of its powers", found));
    }
    Ok(prepared.to_vec())
}

/// Whether everything that is prepared is right.
pub(crate) fn verify<E: Engine>(powers: &Ptau<E>, coins: &mut Coins) -> Result<(), Error> {
    let Some(prepared) = &powers.lagrange else { return Ok(()) };
    for log in 0..=powers.power {
        part::<E::G1>(&powers.tau_g1, &prepared.tau_g1, log, coins)?;
        part::<E::G2>(&powers.tau_g2, &prepared.tau_g2, log, coins)?;
        part::<E::G1>(&powers.alpha_g1, &prepared.alpha_g1, log, coins)?;
        part::<E::G1>(&powers.beta_g1, &prepared.beta_g1, log, coins)?;
    }
    part::<E::G1>(&powers.tau_g1, &prepared.tau_g1, powers.power + 1, coins)?;
    Ok(())
}
