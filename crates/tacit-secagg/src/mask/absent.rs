//! No kernel of our own on this architecture: the crates' code is used.

use super::Sign;
use crate::ring::Word;

/// Never made.
pub(super) enum Kernel {}

impl Kernel {
    /// None.
    pub(super) fn new(_key: &[u8; 16]) -> Option<Self> {
        None
    }

    /// None.
    pub(super) fn every(_key: &[u8; 16]) -> Vec<(u32, Self)> {
        Vec::new()
    }

    /// Never called.
    pub(super) fn fold<W: Word>(&self, _words: &mut [W], _offset: u64, _sign: Sign) {
        match *self {}
    }
}
