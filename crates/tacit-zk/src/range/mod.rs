//! Range proofs: that every coordinate of a committed update lies in an interval, and that its L2
//! norm is bounded, without showing any coordinate.
//!
//! Commitments are Pedersen's in ristretto255, one for each coordinate ([`crate::pedersen`]). The
//! proof is Bulletproofs+ (Chung et al. 2022) with digits of any weights ([`interval`]), so that
//! every interval takes one proof; on intervals of 2ⁿ integers and a power of two of coordinates it
//! is, byte for byte, a proof of `tari_bulletproofs_plus`, which the tests let verify ours and the
//! other way round. `docs/proofs/zk.md` has the statements and why they hold.

pub(crate) mod bases;
pub(crate) mod bits;
pub(crate) mod classes;
pub(crate) mod equation;
pub mod fixed;
pub mod interval;
pub(crate) mod parallel;
pub mod rule;
pub(crate) mod spoken;
pub(crate) mod squares;
pub(crate) mod sum;
pub mod terms;
pub mod update;
pub(crate) mod weighted;

pub use fixed::{
    FixedPoint, gradient_clipping_with_zk_proof, prove_gradient_in_range, verify_gradient_in_range,
};

#[cfg(test)]
mod tests;
