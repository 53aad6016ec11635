//! A contributor's own Ed25519 key, where no certificate has one.

use ed25519_dalek::{Signer as _, SigningKey};
use tacit_core::digest::Digest;
use tacit_core::error::Error;

/// Signs contributions; gone when dropped.
pub struct Signer(SigningKey);

impl Signer {
    /// The key of 32 secret bytes.
    pub fn from_seed(seed: &[u8]) -> Result<Self, Error> {
        let seed = seed.try_into().map_err(|_| {
            Error::caller("contributor's key", "64 hexadecimal digits", "something else")
        })?;
        Ok(Self(SigningKey::from_bytes(seed)))
    }

    /// The public key.
    pub fn key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs a digest.
    pub fn sign(&self, digest: &Digest) -> Vec<u8> {
        self.0.sign(&digest.0).to_bytes().to_vec()
    }
}
