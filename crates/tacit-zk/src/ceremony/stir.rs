//! Entropy of a contributor: the system's and whatever the contributor adds. Secrets are
//! unpredictable if either is.

use super::blake::Blake2b;
use super::derive::Stream;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use zeroize::Zeroizing;

/// A stream out of both.
pub struct Stirred(Stream);

impl Stirred {
    /// Mixes 64 bytes of the system's with what the contributor typed or read from a file.
    pub fn new(system: &mut dyn Entropy, added: &[u8]) -> Result<Self, Error> {
        let mut drawn = Zeroizing::new([0; 64]);
        system.fill(&mut drawn[..])?;
        // our own hash, as it erases what it saw
        let mut hash = Blake2b::new();
        hash.update(b"tacit/v1/ceremony-entropy");
        hash.update(&drawn[..]);
        hash.update(added);
        let mut seed = Zeroizing::new([0; 64]);
        hash.finish_into(&mut seed);
        Ok(Self(Stream::new(&seed[..])))
    }
}

impl Entropy for Stirred {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for chunk in bytes.chunks_mut(4) {
            let word = Zeroizing::new(self.0.word().to_le_bytes());
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    /// Whatever has seen the entropy erases it, and gives nothing else on.
    #[test]
    fn entropy_is_erased() {
        fn erased<T: zeroize::ZeroizeOnDrop>() {}
        erased::<Stream>();
        erased::<Blake2b>();
        let stirred = Stirred::new(&mut Seeded::new(1), b"dice").unwrap();
        let at = stirred.0.place();
        assert_eq!(Box::new(stirred).0.place(), at, "it moved");
    }

    #[test]
    fn both_count() {
        let first = |seed, added: &[u8]| {
            let mut bytes = [0; 16];
            Stirred::new(&mut Seeded::new(seed), added).unwrap().fill(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(first(1, b"a"), first(1, b"a"));
        assert_ne!(first(1, b"a"), first(1, b"b"));
        assert_ne!(first(1, b"a"), first(2, b"a"));
    }
}
