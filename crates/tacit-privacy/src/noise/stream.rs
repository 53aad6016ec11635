//! The random bytes of all samplers: AES-256 in counter mode under a key from the operating system.

use aes::Aes256;
use ctr::Ctr64LE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use zeroize::Zeroizing;

/// A cryptographic generator. The only way to start one is 32 bytes of the operating system's
/// entropy; key and counter are erased when it is dropped.
///
/// AES runs on AES-NI or VAES where the processor has them, else bit-sliced; in constant time in
/// both cases.
pub struct Stream {
    cipher: Ctr64LE<Aes256>,
}

impl Stream {
    /// A generator under a fresh key.
    pub fn from_entropy(entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(&mut *key)?;
        Ok(Self::from_key(&key))
    }

    fn from_key(key: &[u8; 32]) -> Self {
        Self { cipher: Ctr64LE::new(key.into(), &[0; 16].into()) }
    }

    /// The same numbers every time; exists in this crate's own tests only.
    #[cfg(test)]
    pub(crate) fn for_test(number: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        Self::from_key(&key)
    }

    /// Fills `words` with independent uniform bits.
    pub(crate) fn fill(&mut self, words: &mut [u64]) {
        self.cipher.write_keystream(bytemuck::cast_slice_mut(words));
        words.iter_mut().for_each(|word| *word = u64::from_le(*word));
    }

    /// Uniform 64 bits.
    pub(crate) fn next_u64(&mut self) -> u64 {
        let mut word = [0];
        self.fill(&mut word);
        word[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
            match self.0 {
                0 => Err(Error::world("reading entropy", "closed")),
                byte => {
                    bytes.fill(byte);
                    Ok(())
                }
            }
        }
    }

    #[test]
    fn the_key_comes_from_the_port() {
        assert!(Stream::from_entropy(&mut Fixed(0)).is_err());
        let first = |byte| Stream::from_entropy(&mut Fixed(byte)).map(|mut s| s.next_u64()).ok();
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }

    /// AES-256 of the zero block under the zero key (NIST's known-answer test, AESAVS appendix
    /// B.1 gives the block cipher; this value is `openssl enc -aes-256-ctr` of zeros).
    #[test]
    fn is_aes_256_in_counter_mode() {
        let mut words = [0; 2];
        Stream::for_test(0).fill(&mut words);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(bytes[..8], [0xdc, 0x95, 0xc0, 0x78, 0xa2, 0x40, 0x89, 0x89]);
        assert_eq!(bytes[8..], [0xad, 0x48, 0xa2, 0x14, 0x92, 0x84, 0x20, 0x87]);
    }
}
