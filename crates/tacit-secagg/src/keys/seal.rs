//! Messages for one holder's eyes: ChaCha20-Poly1305 (RFC 8439).
//!
//! The nonce is derived from the key and all that is sealed: a member that comes back from a crash
//! and seals something else under the same key does not repeat a nonce. Whoever sees two sealed
//! messages learns at most whether they are equal.

use super::{Secret, derive};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Nonce, Tag};
use tacit_core::digest::Digest;
use tacit_core::error::Refusal;
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// How much longer than the message its sealed form is.
pub const SEAL_BYTES: usize = NONCE_BYTES + TAG_BYTES;

fn cipher(key: &Secret) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(derive(key.as_bytes(), "seal", &[]).as_bytes().into())
}

/// Seals a message: nonce, ciphertext, tag. `context` is not sent, but must be the same at
/// [`unseal`]. A message beyond the cipher's limit of 256 GiB gives nothing, which nobody opens.
pub fn seal(key: &Secret, context: &[u8], message: &[u8]) -> Vec<u8> {
    let of = Digest::of_parts("tacit/v1/secagg/nonce", &[context, message]);
    let nonce = derive(key.as_bytes(), "nonce", &of.0);
    let (nonce, _) = nonce.as_bytes().as_chunks::<NONCE_BYTES>();
    let mut sealed = Vec::with_capacity(message.len() + SEAL_BYTES);
    sealed.extend(nonce[0]);
    sealed.extend(message);
    let body = (&mut sealed[NONCE_BYTES..]).into();
    match cipher(key).encrypt_inout_detached(&Nonce::from(nonce[0]), context, body) {
        Ok(tag) => sealed.extend(tag),
        Err(_) => sealed.clear(),
    }
    sealed
}

/// Opens what [`seal`] made under the same key and context; refuses everything else.
pub fn unseal(key: &Secret, context: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let refused = || Refusal::Malformed { what: "sealed message".into() };
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(refused)?;
    let (body, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or_else(refused)?;
    let mut message = Zeroizing::new(body.to_vec());
    cipher(key)
        .decrypt_inout_detached(
            &Nonce::from(*nonce),
            context,
            message.as_mut_slice().into(),
            &Tag::from(*tag),
        )
        .map_err(|_| refused())?;
    Ok(message)
}
