//! Signatures of virtual participants: real ones, by keys that anybody can make from a name.

use ed25519_dalek::{Signature, Signer as _, SigningKey};
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::Refusal;
use tacit_core::exchange::{Letter, Message, SignedMessage};
use tacit_core::ids::ParticipantId;
use tacit_core::traits::{Exchange, Notary};

/// The notary of a virtual participant; a credential is the name's public key.
pub struct VirtualNotary {
    name: ParticipantId,
    key: SigningKey,
}

fn key_of(name: &ParticipantId) -> SigningKey {
    let seed = Digest::of_parts("tacit/v1/virtual-participant", &[name.as_str().as_bytes()]);
    SigningKey::from_bytes(&seed.0)
}

impl VirtualNotary {
    /// Of this name.
    pub fn new(name: ParticipantId) -> Self {
        Self { key: key_of(&name), name }
    }

    /// Signs a message.
    pub fn sign(&self, message: Message) -> SignedMessage {
        let signature = self.key.sign(&message.digest().0);
        SignedMessage {
            key: codec::hex(self.key.verifying_key().as_bytes()),
            signature: codec::hex(&signature.to_bytes()),
            message,
        }
    }
}

impl Notary for VirtualNotary {
    fn me(&self) -> &ParticipantId {
        &self.name
    }

    fn credential(&self) -> Vec<u8> {
        self.key.verifying_key().to_bytes().to_vec()
    }

    fn verify(&self, signed: &SignedMessage, credential: &[u8]) -> Result<(), Refusal> {
        let participant = &signed.message.participant;
        let bad = || Refusal::BadSignature { participant: participant.clone() };
        let key = key_of(participant).verifying_key();
        if credential != key.as_bytes() || signed.key != codec::hex(credential) {
            return Err(bad());
        }
        let signature = codec::unhex(&signed.signature).ok_or_else(bad)?;
        let signature = Signature::from_slice(&signature).map_err(|_| bad())?;
        key.verify_strict(&signed.message.digest().0, &signature).map_err(|_| bad())
    }
}

/// Refuses signatures and credentials of others, as whoever takes connections does.
pub(crate) fn credible(exchange: Option<&dyn Exchange>, letter: &Letter) -> Result<(), Refusal> {
    let notary = VirtualNotary::new(letter.sender().clone());
    let shown = exchange.map_or(Ok(None), |exchange| exchange.credential(letter))?;
    notary.verify(&letter.signed, &shown.unwrap_or_else(|| notary.credential()))
}
