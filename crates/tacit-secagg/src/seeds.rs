//! What masks are made from: by the member that masks, and by the coordinator that knows a secret
//! of its.

use crate::keys::{self, Agreement, PublicKey, Secret, SecretKey};
use crate::mask::Sign;
use crate::messages::{Advert, Blob, CIPHERTEXT_BYTES, Handed, malformed};
use crate::session::Session;
use tacit_core::error::Refusal;
use tacit_core::limits;

impl Session {
    /// The seed of a member's own mask.
    pub fn own_seed(&self, me: usize, own: &[u8; 32]) -> Secret {
        keys::derive(own, "tacit/v1/secagg/own", &self.info("own", me, me))
    }

    /// The seed of the mask of two members, and what the first of them did with it. The one whose
    /// name is smaller encapsulates, and adds.
    pub fn pairwise(
        &self,
        (me, other): (usize, usize),
        mine: &SecretKey,
        theirs: &PublicKey,
        ciphertext: Option<&[u8]>,
    ) -> Result<(Secret, Sign), Refusal> {
        let info = self.info("mask", me.min(other), me.max(other));
        let (secret, sign) = if me < other {
            (keys::initiate(mine, theirs, &info)?.0, Sign::Plus)
        } else {
            (keys::respond(mine, theirs, ciphertext, &info)?, Sign::Minus)
        };
        Ok((keys::derive(secret.as_bytes(), "tacit/v1/secagg/pairwise", &info), sign))
    }
}

impl Advert {
    /// Refuses keys of another agreement than the plan's, and a credential without bound.
    pub fn check(&self, agreement: Agreement) -> Result<(), Refusal> {
        let (limit, found) = (limits::CREDENTIAL_BYTES as u64, self.credential.0.len() as u64);
        if found > limit {
            return Err(Refusal::TooLarge { what: "credential".into(), limit, found });
        }
        let fits = [&self.mask, &self.share].iter().all(|key| key.agreement() == agreement);
        if fits { Ok(()) } else { Err(malformed("keys: they are of another agreement")) }
    }
}

impl Handed {
    /// Refuses ciphertexts where none belong, and none where they do.
    pub fn check(&self, agreement: Agreement, first: bool) -> Result<(), Refusal> {
        let length = match agreement {
            Agreement::X25519 => 0,
            Agreement::X25519MlKem768 => CIPHERTEXT_BYTES,
        };
        let fits = |blob: &Option<Blob>, length| match blob {
            Some(blob) => blob.0.len() == length && length > 0,
            None => length == 0,
        };
        let mask = if first { length } else { 0 };
        if fits(&self.seal_ciphertext, length) && fits(&self.mask_ciphertext, mask) {
            Ok(())
        } else {
            Err(malformed("share: its ciphertexts are not those of the plan"))
        }
    }
}
