//! Noise: samplers whose distance to the ideal distribution is a number.
//!
//! Every sampler returns integers (or multiples of a power of two), so no low bit of a
//! floating-point number tells anything about the value below the noise (Mironov 2012). Magnitudes
//! come from tables of cumulative probabilities of 128 bits that are searched without a branch or
//! an address that depends on a secret; wide distributions are put together from narrow ones.
//! `total_variation` is what all of that costs per sample: table, cut tail and composition.
//!
//! Randomness is a [`Stream`], which nothing but the [`Entropy`](tacit_core::traits::Entropy) port
//! can start outside of this crate's own tests: the plan's seed cannot become noise.

mod discretise;
#[cfg(test)]
mod fit;
mod gaussian;
mod laplace;
mod lattice;
mod lookup;
mod priv_unit;
mod skellam;
mod stream;
mod table;
#[cfg(test)]
mod vectors;
mod wide;

pub use discretise::{Discretiser, Setting};
pub use gaussian::DiscreteGaussian;
pub use laplace::{DiscreteLaplace, LatticeLaplace};
pub use lattice::{Added, LatticeGaussian, rounding_distance};
pub use priv_unit::PrivUnit;
pub use skellam::Skellam;
pub use stream::Stream;
