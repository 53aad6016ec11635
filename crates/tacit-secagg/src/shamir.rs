//! Secrets of 32 bytes in shares (Shamir 1979): any `threshold` give the secret back, fewer are
//! uniformly random whatever it is.
//!
//! Holder i of n has the point ωⁱ, where ω is a root of unity of the smallest order N = 2^l ≥ n:
//! 0, where the secret lies, is no power of it. Making all shares is then one
//! [`Transform`], N log N instead of n·threshold products, and the Lagrange weights at 0 of a set
//! S of holders follow from the polynomial C that vanishes at the powers outside S: with A the one
//! that vanishes in S, A·C = x^N − 1, so A′(x) = N·x⁻¹ / C(x) for x in S, and
//!
//! ```text
//! L_x(0) = A(0) / ((0 − x)·A′(x)) = −A(0)·C(x) / N = C(x) / (N·C(0)).
//! ```
//!
//! So a set's weights cost a product tree, one transform and a single inversion, and serve every
//! secret that these holders give back.

use crate::field::{Fp, Products};
use crate::ntt::{Transform, vanishing};
use tacit_core::error::{Error, Refusal};
use tacit_core::limits;
use tacit_core::traits::Entropy;
use zeroize::{Zeroize, Zeroizing};

/// Elements per secret: four of seven bytes and one of four.
const LIMBS: usize = 5;

/// Bytes of one element of a secret; all but the last.
const LIMB_BYTES: usize = 7;

/// Length of a share in bytes.
pub const SHARE_BYTES: usize = LIMBS * 8;

/// One holder's share of one secret. Erased when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Share([Fp; LIMBS]);

impl Drop for Share {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Share {
    /// The share as it travels.
    pub fn to_bytes(&self) -> Zeroizing<[u8; SHARE_BYTES]> {
        let mut bytes = Zeroizing::new([0; SHARE_BYTES]);
        for (word, x) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(&self.0) {
            *word = x.to_u64().to_le_bytes();
        }
        bytes
    }

    /// Reads a share; refuses another length and numbers that are no field elements.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let (words, rest) = bytes.as_chunks::<8>();
        if words.len() != LIMBS || !rest.is_empty() {
            return Err(malformed("share"));
        }
        let mut share = Self([Fp::ZERO; LIMBS]);
        for (x, word) in share.0.iter_mut().zip(words) {
            *x = Fp::from_canonical(u64::from_le_bytes(*word)).ok_or_else(|| malformed("share"))?;
        }
        Ok(share)
    }
}

fn malformed(what: &str) -> Refusal {
    Refusal::Malformed { what: what.into() }
}

/// Shares a secret among `holders`, of whom any `threshold` can give it back.
pub fn share(
    secret: &[u8; 32],
    threshold: usize,
    holders: usize,
    entropy: &mut dyn Entropy,
) -> Result<Vec<Share>, Error> {
    let transform = transform(holders)?;
    if threshold == 0 || threshold > holders {
        let (expected, found) = (format!("1 to {holders}"), threshold.to_string());
        return Err(Error::caller("threshold of shares", expected, found));
    }
    let mut shares = vec![Share([Fp::ZERO; LIMBS]); holders];
    let mut values = Zeroizing::new(vec![Fp::ZERO; transform.size()]);
    for (limb, bytes) in secret.chunks(LIMB_BYTES).enumerate() {
        values[0] = limb_of(bytes);
        Fp::fill_random(&mut values[1..threshold], entropy)?;
        values[threshold..].fill(Fp::ZERO);
        transform.forward(&mut values);
        for (share, value) in shares.iter_mut().zip(values.iter()) {
            share.0[limb] = *value;
        }
    }
    Ok(shares)
}

fn transform(holders: usize) -> Result<Transform, Error> {
    Some(holders)
        .filter(|holders| (1..=limits::COHORT).contains(holders))
        .and_then(Transform::of)
        .ok_or_else(|| {
            let expected = format!("1 to {}", limits::COHORT);
            Error::caller("holders of shares", expected, holders.to_string())
        })
}

fn limb_of(bytes: &[u8]) -> Fp {
    Fp::reduced(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Gives secrets back from the shares of one set of holders.
pub struct Combiner {
    /// Lagrange weights at 0, in the order in which the holders were named.
    weights: Vec<Fp>,
}

impl Combiner {
    /// For the holders with these numbers, from 0, of `holders` in all. Which ones is no secret.
    pub fn new(holders: usize, indices: &[u32]) -> Result<Self, Error> {
        let transform = transform(holders)?;
        let mut inside = vec![false; transform.size()];
        for index in indices {
            match inside.get_mut(*index as usize).filter(|_| (*index as usize) < holders) {
                Some(place) if !*place => *place = true,
                _ => {
                    let expected = format!("distinct numbers below {holders}");
                    return Err(Error::caller("holders of shares", expected, index.to_string()));
                }
            }
        }
        if indices.is_empty() {
            return Err(Error::caller("holders of shares", "at least one", "none"));
        }
        let outside = (0..transform.size()).filter(|i| !inside[*i]).map(|i| transform.power(i));
        let mut others = vanishing(&outside.collect::<Vec<_>>());
        let factor = (Fp::reduced(transform.size() as u64) * others[0]).inverse();
        others.resize(transform.size(), Fp::ZERO);
        transform.forward(&mut others);
        Ok(Self { weights: indices.iter().map(|i| others[*i as usize] * factor).collect() })
    }

    /// The secret of these shares, one of each holder in the order of [`Combiner::new`]. Shares
    /// that are too few or not of one secret give another one, or none: that is refused.
    pub fn combine(&self, shares: &[&Share]) -> Result<Zeroizing<[u8; 32]>, Refusal> {
        if shares.len() != self.weights.len() {
            let (expected, found) = (self.weights.len() as u64, shares.len() as u64);
            return Err(Refusal::WrongShape { expected, found });
        }
        let mut secret = Zeroizing::new([0; 32]);
        let mut excess = 0;
        for (limb, bytes) in secret.chunks_mut(LIMB_BYTES).enumerate() {
            let mut sum = Zeroizing::new(Products::default());
            self.weights.iter().zip(shares).for_each(|(w, share)| sum.add(*w, share.0[limb]));
            let number = Zeroizing::new(sum.total().to_u64());
            excess |= *number >> (8 * bytes.len());
            bytes.copy_from_slice(&number.to_le_bytes()[..bytes.len()]);
        }
        if excess == 0 {
            Ok(secret)
        } else {
            Err(malformed("secret: its shares do not belong together"))
        }
    }
}

#[cfg(test)]
mod tests;
