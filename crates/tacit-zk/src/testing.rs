//! What tests of this room share.

use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;

/// Bytes that follow from a seed.
pub struct Seeded(u64, u64);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(seed, 0)
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for chunk in bytes.chunks_mut(32) {
            let [seed, count] = [self.0, self.1].map(u64::to_le_bytes);
            let block = Digest::of_parts("test", &[&seed, &count]).0;
            self.1 += 1;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}
