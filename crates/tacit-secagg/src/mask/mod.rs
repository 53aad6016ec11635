//! Masks: keystreams that are added to a vector in the ring, or subtracted from it.
//!
//! A member of a cohort adds one mask for every neighbour, and whoever opens a sum removes as
//! many: hundreds of keystreams for one vector. So the vector is worked on in blocks that stay in
//! the first cache while every mask passes over them, and a keystream never reaches memory.
//!
//! Word `i` of a mask is word `i` of the keystream, little-endian: of AES-128 in counter mode
//! (NIST SP 800-38A, section 6.5) with a big-endian counter of 128 bits from zero, or of ChaCha20
//! with a counter of 64 bits and a nonce of 64 bits, both from zero (Bernstein 2008; up to 256 GiB
//! the same bytes as RFC 8439 with a zero nonce). A key is used for one mask of one round, so
//! there is nothing for a nonce to distinguish.

#[cfg_attr(target_arch = "x86_64", path = "kernel.rs")]
#[cfg_attr(not(target_arch = "x86_64"), path = "absent.rs")]
mod kernel;
#[cfg(target_arch = "x86_64")]
mod narrow;
mod portable;

use crate::ring::Word;
use aes::Aes128;
use chacha20::ChaCha20Legacy;
use ctr::cipher::{InnerIvInit, KeyInit, KeyIvInit};
use ctr::{Ctr128BE, CtrCore};
use kernel::Kernel;
use zeroize::Zeroizing;

/// Bytes of the vector that every mask passes over before the next are touched: half of the
/// smallest first-level data cache in use.
const BLOCK_BYTES: usize = 16 * 1024;

/// What makes the keystream. Named by the plan, never chosen by what a machine is good at: masks
/// cancel only where all members use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prg {
    /// AES-128 in counter mode: the fastest where the processor has AES.
    #[serde(rename = "aes-128-ctr")]
    Aes128Ctr,
    /// ChaCha20: the fastest where it has not; 256-bit keys.
    #[serde(rename = "chacha20")]
    ChaCha20,
}

/// Whether a mask is added or subtracted: of two neighbours one does either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Added.
    Plus,
    /// Subtracted.
    Minus,
}

/// The expanded key of one mask; erased when dropped. It lies on the heap, so that a mask that is
/// moved leaves no copy behind.
pub struct Mask(Engine);

enum Engine {
    Kernel(Kernel),
    Aes(Box<Aes128>),
    ChaCha(Box<Zeroizing<[u8; 32]>>),
}

impl Mask {
    /// The mask of a seed that is used for nothing else; AES-128 takes its first 16 bytes.
    pub fn new(prg: Prg, seed: &[u8; 32]) -> Self {
        match prg {
            Prg::Aes128Ctr => {
                Kernel::new(first_half(seed)).map_or_else(|| Self::portable(prg, seed), Self::fast)
            }
            Prg::ChaCha20 => Self::portable(prg, seed),
        }
    }

    /// The same mask by portable code alone: what every other way is compared with.
    pub fn portable(prg: Prg, seed: &[u8; 32]) -> Self {
        Self(match prg {
            Prg::Aes128Ctr => Engine::Aes(Box::new(Aes128::new(first_half(seed).into()))),
            Prg::ChaCha20 => Engine::ChaCha(Box::new(Zeroizing::new(*seed))),
        })
    }

    /// The same mask of AES-128 in counter mode by every kernel that this processor has
    /// instructions for, with the bits of its vectors: for tests and benchmarks.
    pub fn every(seed: &[u8; 32]) -> Vec<(u32, Self)> {
        let every = Kernel::every(first_half(seed)).into_iter();
        every.map(|(bits, kernel)| (bits, Self::fast(kernel))).collect()
    }

    fn fast(kernel: Kernel) -> Self {
        Self(Engine::Kernel(kernel))
    }

    fn fold<W: Word>(&self, words: &mut [W], offset: u64, sign: Sign) {
        match &self.0 {
            Engine::Kernel(kernel) => kernel.fold(words, offset, sign),
            Engine::Aes(cipher) => portable::fold(counting(cipher), words, offset, sign),
            Engine::ChaCha(key) => portable::fold(chacha(key), words, offset, sign),
        }
    }
}

/// Counter mode from a counter of zero.
fn counting(cipher: &Aes128) -> Ctr128BE<&Aes128> {
    Ctr128BE::from_core(CtrCore::inner_iv_init(cipher, &[0; 16].into()))
}

/// ChaCha20 from a counter of zero under a nonce of zero.
fn chacha(key: &[u8; 32]) -> ChaCha20Legacy {
    ChaCha20Legacy::new(key.into(), &[0; 8].into())
}

fn first_half(seed: &[u8; 32]) -> &[u8; 16] {
    let (halves, _) = seed.as_chunks::<16>();
    &halves[0]
}

/// Adds to `words[i]` word `offset + i` of every mask, with its sign. Words of a vector that is
/// longer than 2⁶⁴ words do not exist.
pub fn apply<W: Word>(words: &mut [W], offset: u64, masks: &[(&Mask, Sign)]) {
    let per_block = BLOCK_BYTES / size_of::<W>();
    let (mut rest, mut at) = (words, offset);
    while !rest.is_empty() {
        let to_edge = per_block - (at % per_block as u64) as usize;
        let (block, others) = rest.split_at_mut(to_edge.min(rest.len()));
        for (mask, sign) in masks {
            mask.fold(block, at, *sign);
        }
        at = at.wrapping_add(block.len() as u64);
        rest = others;
    }
}

#[cfg(test)]
mod tests;
