//! The operating system's entropy.

use tacit_core::error::Error;
use tacit_core::traits::Entropy;

/// Bytes from the operating system (`getrandom(2)` and its like).
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        getrandom::fill(bytes).map_err(|e| Error::world("reading the system's entropy", e))
    }
}
