//! Every participant is a witness of its coordinator's transparency log.

use crate::client::LogWatch;
use crate::coordinator::SystemClock;
use crate::wire::{self, Cosign, TaskOffer};
use std::path::Path;
use tacit_audit::{OsEntropy, Role, SignerKey, VerifierKey, Witness};
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;

/// Verifies and co-signs the checkpoints that come with tasks; an offer whose log does not extend
/// what was seen before is an error that ends the participant.
pub struct LogWitness {
    witness: Witness,
}

impl LogWitness {
    /// Watches the log of `log_key`. What was seen, and the witness' own key, are kept in
    /// `folder`; without one, in memory.
    pub fn open(name: &ParticipantId, log_key: &str, folder: Option<&Path>) -> Result<Self, Error> {
        let log = VerifierKey::parse(log_key)?;
        let clock = Box::new(SystemClock);
        let Some(folder) = folder else {
            let signer = SignerKey::generate(name.as_str(), Role::Witness, &mut OsEntropy)?;
            return Ok(Self { witness: Witness::in_memory(signer, log, clock)? });
        };
        crate::files::make_dir(folder)?;
        let path = folder.join("witness.key");
        let signer = if path.exists() {
            let bytes = zeroize::Zeroizing::new(crate::files::read_limited(&path, 4096)?);
            let text = std::str::from_utf8(&bytes);
            SignerKey::parse(text.map_err(|_| Error::caller("witness key", "text", "bytes"))?)?
        } else {
            let signer = SignerKey::generate(name.as_str(), Role::Witness, &mut OsEntropy)?;
            let text = signer.to_text();
            crate::files::write_whole(&path, text.as_bytes(), crate::files::Access::Owner)?;
            signer
        };
        Ok(Self { witness: Witness::open(folder, signer, log, clock)? })
    }
}

impl LogWatch for LogWitness {
    fn seen(&self) -> u64 {
        self.witness.seen().size
    }

    fn observe(&mut self, offer: &TaskOffer) -> Result<Option<Cosign>, Error> {
        let proof = offer.consistency.iter().map(|d| wire::digest("consistency proof", d));
        let proof = proof.collect::<Result<Vec<_>, _>>()?;
        let signature = self.witness.observe(offer.checkpoint.as_bytes(), &proof)?;
        let seen = self.witness.seen();
        Ok(Some(Cosign {
            size: seen.size,
            root: wire::digest_bytes(seen.root),
            signature: signature.into(),
            key: self.witness.verifier().to_string(),
        }))
    }
}
