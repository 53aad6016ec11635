//! ML-KEM-768 (FIPS 203), with all of its randomness handed in.

use ml_kem::kem::{Decapsulate, Key, KeyExport};
use ml_kem::ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey};
use ml_kem::{B32, Seed};
use zeroize::{Zeroize, Zeroizing};

/// Bytes of an encapsulation key.
pub(super) const KEY_BYTES: usize = 1184;

/// Bytes of a ciphertext.
pub(super) const CIPHERTEXT_BYTES: usize = 1088;

/// Coefficients are below this, and 768 of them lie before the 32 bytes of a seed.
const MODULUS: u16 = 3329;

/// A pair of keys.
pub(super) struct Pair(Box<DecapsulationKey>);

impl Pair {
    /// From the seeds d and z of FIPS 203, algorithm 16.
    pub(super) fn new(d: &[u8; 32], z: &[u8; 32]) -> Self {
        let mut seed = Seed::default();
        seed[..32].copy_from_slice(d);
        seed[32..].copy_from_slice(z);
        let key = Box::new(DecapsulationKey::from_seed(seed));
        seed.zeroize();
        Self(key)
    }

    /// The encapsulation key.
    pub(super) fn public(&self) -> [u8; KEY_BYTES] {
        self.0.encapsulation_key().to_bytes().into()
    }

    /// FIPS 203, algorithm 18: what another encapsulated, or another secret; `None` for bytes of
    /// another length.
    pub(super) fn decapsulate(&self, ciphertext: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let ciphertext: [u8; CIPHERTEXT_BYTES] = ciphertext.try_into().ok()?;
        let shared = self.0.decapsulate(&Ciphertext::from(ciphertext));
        Some(Zeroizing::new(shared.into()))
    }
}

/// FIPS 203, algorithm 17, with `m` as randomness; `None` where the key is none.
pub(super) fn encapsulate(
    key: &[u8; KEY_BYTES],
    m: &[u8; 32],
) -> Option<(Vec<u8>, Zeroizing<[u8; 32]>)> {
    let key = EncapsulationKey::new(&Key::<EncapsulationKey>::from(*key)).ok()?;
    let (ciphertext, shared) = key.encapsulate_deterministic(&B32::from(*m));
    Some((ciphertext.to_vec(), Zeroizing::new(shared.into())))
}

/// The check of FIPS 203, section 7.2: every coefficient is reduced.
pub(super) fn is_reduced(key: &[u8; KEY_BYTES]) -> bool {
    let (triples, _) = key[..KEY_BYTES - 32].as_chunks::<3>();
    triples.iter().all(|[a, b, c]| {
        let low = u16::from(*a) | u16::from(b & 15) << 8;
        let high = u16::from(b >> 4) | u16::from(*c) << 4;
        low < MODULUS && high < MODULUS
    })
}
