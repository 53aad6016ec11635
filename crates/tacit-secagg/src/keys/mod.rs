//! Keys of one round: agreed between two members, derived from what they agreed, and what is
//! sealed with them.
//!
//! Everything secret is erased when it is dropped, lies on the heap so that moving it leaves no
//! copy, has no `Debug`, and is compared in constant time.

mod agreement;
mod kem;
mod seal;

pub use agreement::{Agreement, PublicKey, SecretKey, initiate, respond};
pub use seal::{SEAL_BYTES, seal, unseal};

use aws_lc_rs::{constant_time, hmac};
use zeroize::{Zeroize, Zeroizing};

/// What every derivation of this crate starts from.
const SALT: &[u8] = b"tacit/v1/secagg";

/// 32 secret bytes.
#[derive(Clone)]
pub struct Secret(Box<Zeroizing<[u8; 32]>>);

impl Secret {
    /// Takes a copy.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(Box::new(Zeroizing::new(*bytes)))
    }

    /// The bytes, for a cipher or another derivation.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0[..], &other.0[..]).is_ok()
    }
}

impl Eq for Secret {}

/// A secret for one purpose: HKDF-SHA256 (RFC 5869) of another. No two pairs of `label` and `info`
/// give the same, whatever they contain.
pub fn derive(secret: &[u8; 32], label: &str, info: &[u8]) -> Secret {
    let length = (label.len() as u64).to_le_bytes();
    hkdf(SALT, secret, &[&length, label.as_bytes(), info])
}

/// The first 32 bytes of HKDF-SHA256: extract (RFC 5869, section 2.2), and one block of expand
/// (section 2.3).
fn hkdf(salt: &[u8], input: &[u8], info: &[&[u8]]) -> Secret {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    let mut pseudorandom = [0; 32];
    pseudorandom.copy_from_slice(hmac::sign(&key, input).as_ref());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &pseudorandom);
    let mut context = hmac::Context::with_key(&key);
    info.iter().for_each(|part| context.update(part));
    context.update(&[1]);
    pseudorandom.copy_from_slice(context.sign().as_ref());
    let secret = Secret::new(&pseudorandom);
    pseudorandom.zeroize();
    secret
}

#[cfg(test)]
mod tests;
