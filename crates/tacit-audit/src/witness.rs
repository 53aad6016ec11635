//! A witness: remembers the last checkpoint it co-signed and refuses a log that shows a history
//! which does not extend it. One honest witness that both sides ask is enough to expose a split.

use crate::checkpoint::{cosign, verify_checkpoint};
use crate::error::AuditError;
use crate::files::{Files, Folder};
use crate::key::{Role, SignerKey, VerifierKey};
use crate::tree::{empty_root, verify_consistency};
use std::path::Path;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::messages::Checkpoint;
use tacit_core::traits::{Clock, Witness as WitnessPort};

/// The state of one log in bytes.
const STATE_BYTES: u64 = 4096;
/// Name of the state file below the witness' folder.
const STATE: &str = "seen.json";

/// What a witness must not forget.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    /// Public key of the log.
    log: String,
    /// Last state co-signed.
    seen: Checkpoint,
}

/// Watches one log.
pub struct Witness {
    signer: SignerKey,
    log: VerifierKey,
    clock: Box<dyn Clock>,
    seen: Checkpoint,
    files: Option<Folder>,
}

impl Witness {
    /// A witness that remembers only as long as it lives.
    pub fn in_memory(
        signer: SignerKey,
        log: VerifierKey,
        clock: Box<dyn Clock>,
    ) -> Result<Self, AuditError> {
        if signer.verifier().role() != Role::Witness || log.role() != Role::Log {
            return Err(AuditError::Key { why: "expected a witness' signer and a log's key" });
        }
        let seen = Checkpoint { size: 0, root: empty_root() };
        Ok(Self { signer, log, clock, seen, files: None })
    }

    /// A witness that keeps what it saw in `folder`, one folder per log.
    pub fn open(
        folder: &Path,
        signer: SignerKey,
        log: VerifierKey,
        clock: Box<dyn Clock>,
    ) -> Result<Self, AuditError> {
        let mut witness = Self::in_memory(signer, log, clock)?;
        let files = Folder(folder.to_owned());
        if let Some(bytes) = files.read(STATE, STATE_BYTES).map_err(crate::log::reading(STATE))? {
            let state: State = codec::decode("witness state", &bytes, STATE_BYTES as usize)
                .map_err(|_| AuditError::malformed(STATE, "witness state"))?;
            if state.log != witness.log.to_string() {
                let (expected, found) = (&witness.log, state.log);
                return Err(AuditError::mismatch(STATE, "watched log", expected, found));
            }
            witness.seen = state.seen;
        }
        witness.files = Some(files);
        Ok(witness)
    }

    /// The key to check this witness' cosignatures with.
    pub fn verifier(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// The last state co-signed: what the next consistency proof must start from.
    pub fn seen(&self) -> Checkpoint {
        self.seen
    }

    /// Verifies the log's signature on `note` and that it extends what was seen, by a consistency
    /// proof from [`Witness::seen`]; remembers it and returns the signature line to add to it.
    ///
    /// # Errors
    /// [`AuditError::Split`] when the histories differ or the proof does not hold,
    /// [`AuditError::RolledBack`] when the log became shorter. Neither changes what was seen.
    pub fn observe(&mut self, note: &[u8], consistency: &[Digest]) -> Result<Vec<u8>, AuditError> {
        let signed = verify_checkpoint(note, &self.log)?;
        self.advance(signed.checkpoint, consistency)
    }

    fn advance(
        &mut self,
        shown: Checkpoint,
        consistency: &[Digest],
    ) -> Result<Vec<u8>, AuditError> {
        let seen = self.seen;
        if shown.size < seen.size {
            return Err(AuditError::RolledBack { seen, shown });
        }
        // An honest log can always prove that it extends what it signed before.
        verify_consistency(&seen, &shown, consistency)
            .map_err(|_| AuditError::Split { seen, shown })?;
        // Remember first: a crash in between costs a signature, not the memory of it.
        if let Some(files) = &self.files {
            let state = State { log: self.log.to_string(), seen: shown };
            let doing = AuditError::io(format!("writing {STATE}"));
            files.write(STATE, &codec::encode(&state)).map_err(doing)?;
        }
        self.seen = shown;
        cosign(&self.signer, self.log.name(), &shown, self.clock.now_ms() / 1000)
    }
}

impl WitnessPort for Witness {
    /// As [`Witness::observe`], for a checkpoint whose signature the caller verified.
    fn cosign(&mut self, next: &Checkpoint, consistency: &[Digest]) -> Result<Vec<u8>, Error> {
        Ok(self.advance(*next, consistency)?)
    }
}
