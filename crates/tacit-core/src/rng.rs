//! Seeds: every random choice that must be repeatable derives from the plan's seed by a label.
//! Noise and keys never do: they come from the [`Entropy`](crate::traits::Entropy) port.

use crate::digest::Digest;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};

/// A 256-bit seed with a tree of independent children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The root of a plan.
    pub fn root(seed: u64) -> Self {
        Self(Digest::of_parts("tacit/v1/seed", &[&seed.to_le_bytes()]).0)
    }

    /// Rebuilds a seed that was sent as bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to send them.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The child for one purpose; `parts` are length-prefixed, so no two purposes collide.
    pub fn derive(&self, label: &str, parts: &[&[u8]]) -> Self {
        let mut all: Vec<&[u8]> = vec![&self.0];
        all.extend(parts);
        Self(Digest::of_parts(label, &all).0)
    }

    /// A generator (ChaCha12) that starts at this seed.
    pub fn rng(&self) -> Random {
        Random(ChaCha12Rng::from_seed(self.0))
    }

    /// 64 bits of the seed, for foreign programs that take a number.
    pub fn as_u64(&self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|i| self.0[i]))
    }
}

/// A repeatable stream of random numbers; the same on every machine.
pub struct Random(ChaCha12Rng);

impl Random {
    /// Uniform 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `0..bound` without bias (Lemire 2019); 0 for an empty range.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Standard normal (Box–Muller): for initial weights and simulated data, never for privacy.
    pub fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }

    /// Puts the items into uniform random order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_differ_and_repeat() {
        let root = Seed::root(1);
        assert_eq!(root.derive("a", &[b"x"]), Seed::root(1).derive("a", &[b"x"]));
        assert_ne!(root.derive("a", &[b"x"]), root.derive("a", &[b"y"]));
        assert_ne!(root.derive("a", &[]), root.derive("b", &[]));
    }

    #[test]
    fn below_is_uniform() {
        let mut rng = Seed::root(3).rng();
        let mut counts = [0u32; 6];
        (0..60_000).for_each(|_| counts[rng.below(6) as usize] += 1);
        // chi-squared with 5 degrees of freedom: 99.99 % quantile is 25.7
        let chi: f64 = counts.iter().map(|&c| (f64::from(c) - 1e4).powi(2) / 1e4).sum();
        assert!(chi < 25.7, "{counts:?}");
    }
}
