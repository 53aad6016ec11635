//! Signed checkpoints: C2SP tlog-checkpoint in a C2SP signed note, and the cosignatures on them.

use crate::error::AuditError;
use crate::key::{Role, SignerKey, VerifierKey};
use crate::tree::LOG_ENTRIES;
use signed_note::{Note, Signature};
use tacit_core::digest::Digest;
use tacit_core::messages::Checkpoint;
use tlog_tiles::Hash;

/// A checkpoint note in bytes: three short lines and a hundred signatures are below it.
pub const CHECKPOINT_BYTES: usize = 64 * 1024;

/// Signatures on one checkpoint: readers of signed notes refuse more.
pub const CHECKPOINT_SIGNATURES: usize = 100;

/// A checkpoint whose log's signature was verified.
#[derive(Debug)]
pub struct SignedCheckpoint {
    /// Size and root.
    pub checkpoint: Checkpoint,
    log: VerifierKey,
    note: Note,
    signatures: Vec<Signature>,
}

/// Signs a state of the log named by `signer`; the note's bytes.
pub(crate) fn sign(signer: &SignerKey, checkpoint: &Checkpoint) -> Result<Vec<u8>, AuditError> {
    let key = signer.verifier();
    let text = text(key.name(), checkpoint)?;
    let signature = signature(key, signer.sign(&text).to_vec())?;
    Ok(Note::new(&text, &[signature]).map_err(|_| malformed())?.to_bytes())
}

/// Parses a note and verifies the signature of the log that `key` names. The note's origin must
/// be the key's name; extension lines and notes in any spelling but our own are refused.
pub fn verify_checkpoint(note: &[u8], key: &VerifierKey) -> Result<SignedCheckpoint, AuditError> {
    let unsigned = || AuditError::Signature { file: "checkpoint".into(), key: key.to_string() };
    if note.len() > CHECKPOINT_BYTES {
        let (limit, found) = (CHECKPOINT_BYTES as u64, note.len() as u64);
        return Err(AuditError::TooLarge { what: "checkpoint", limit, found });
    }
    if key.role() != Role::Log {
        return Err(AuditError::Key { why: "a witness' key cannot verify a log's checkpoint" });
    }
    let parsed = Note::from_bytes(note).map_err(|_| malformed())?;
    if parsed.to_bytes() != note {
        return Err(malformed());
    }
    let signatures = signatures(&parsed)?;
    let mine = signatures.iter().find(|s| s.name() == key.name() && s.id() == key.id());
    if !mine.is_some_and(|s| key.verify(parsed.text(), s.signature())) {
        return Err(unsigned());
    }
    let tree = tlog_tiles::Checkpoint::from_bytes(parsed.text()).map_err(|_| malformed())?;
    if tree.origin() != key.name() {
        return Err(AuditError::mismatch("checkpoint", "origin", key.name(), tree.origin()));
    }
    let checkpoint = Checkpoint { size: tree.size(), root: Digest(tree.hash().0) };
    if checkpoint.size > LOG_ENTRIES || parsed.text() != text(key.name(), &checkpoint)? {
        return Err(malformed());
    }
    Ok(SignedCheckpoint { checkpoint, log: key.clone(), note: parsed, signatures })
}

impl SignedCheckpoint {
    /// The note, with every signature on it.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.note.to_bytes()
    }

    /// What the log signed: origin, size, root.
    pub fn text(&self) -> &[u8] {
        self.note.text()
    }

    /// Signatures on the note, the log's own among them.
    pub fn signatures(&self) -> usize {
        self.signatures.len()
    }

    /// Which of `witnesses` co-signed, and when (seconds since the Unix epoch, by their clocks).
    /// A signature that does not verify counts for nothing, and so does a key given twice.
    pub fn cosigners<'a>(&self, witnesses: &'a [VerifierKey]) -> Vec<(&'a VerifierKey, u64)> {
        let mut found: Vec<(&VerifierKey, u64)> = Vec::new();
        for witness in witnesses.iter().filter(|key| key.role() == Role::Witness) {
            let mine = |s: &&Signature| s.name() == witness.name() && s.id() == witness.id();
            let time = self.signatures.iter().find(mine).and_then(|signature| {
                let (time, signature) = signature.signature().split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                witness.verify(&cosigned(time, self.text()), signature).then_some(time)
            });
            // Two names for one key are one witness.
            let new = found.iter().all(|(key, _)| !key.same_key(witness));
            if let (Some(time), true) = (time, new) {
                found.push((witness, time));
            }
        }
        found
    }

    /// Demands cosignatures of at least `needed` of `witnesses`.
    pub fn verify_witnesses(
        &self,
        witnesses: &[VerifierKey],
        needed: usize,
    ) -> Result<(), AuditError> {
        match self.cosigners(witnesses).len() {
            found if found < needed => Err(AuditError::Quorum { needed, found }),
            _ => Ok(()),
        }
    }

    /// Adds what a witness returned: one or more signature lines. A line of a key that already
    /// signed replaces the older one; the log's own signature cannot be replaced.
    pub fn add_cosignatures(&mut self, lines: &[u8]) -> Result<(), AuditError> {
        let bad = || AuditError::malformed("cosignature", "signature line");
        let lines = lines.strip_suffix(b"\n").ok_or_else(bad)?;
        let mut signatures = self.signatures.clone();
        for line in lines.split(|byte| *byte == b'\n') {
            let new = Signature::from_bytes(line).map_err(|_| bad())?;
            if new.name() == self.log.name() && new.id() == self.log.id() {
                return Err(bad());
            }
            signatures.retain(|s| s.name() != new.name() || s.id() != new.id());
            signatures.push(new);
        }
        let note = Note::new(self.note.text(), &signatures).map_err(|_| bad())?;
        // Through the parser again: it holds the limits on number and size.
        self.note = Note::from_bytes(&note.to_bytes()).map_err(|_| bad())?;
        self.signatures = signatures;
        Ok(())
    }
}

/// A witness' signature line for `checkpoint` of the log called `origin`, made at `time_s` (C2SP
/// tlog-cosignature: the timestamp is part of the signed message and of the signature).
pub(crate) fn cosign(
    signer: &SignerKey,
    origin: &str,
    checkpoint: &Checkpoint,
    time_s: u64,
) -> Result<Vec<u8>, AuditError> {
    let message = cosigned(time_s, &text(origin, checkpoint)?);
    let bytes = [time_s.to_be_bytes().as_slice(), &signer.sign(&message)].concat();
    Ok(signature(signer.verifier(), bytes)?.to_bytes())
}

fn cosigned(time_s: u64, text: &[u8]) -> Vec<u8> {
    [format!("cosignature/v1\ntime {time_s}\n").as_bytes(), text].concat()
}

fn text(origin: &str, checkpoint: &Checkpoint) -> Result<Vec<u8>, AuditError> {
    let root = Hash(checkpoint.root.0);
    tlog_tiles::Checkpoint::new(origin, checkpoint.size, root, "")
        .map(|tree| tree.to_bytes())
        .map_err(|_| malformed())
}

fn signature(key: &VerifierKey, bytes: Vec<u8>) -> Result<Signature, AuditError> {
    Signature::new(key.name().into(), key.id(), bytes).map_err(|_| malformed())
}

/// `signed_note` does not show a note's signatures unverified, so they are read from its bytes.
fn signatures(note: &Note) -> Result<Vec<Signature>, AuditError> {
    let bytes = note.to_bytes();
    let block = bytes.get(note.text().len() + 1..).and_then(|b| b.strip_suffix(b"\n"));
    block
        .ok_or_else(malformed)?
        .split(|byte| *byte == b'\n')
        .map(|line| Signature::from_bytes(line).map_err(|_| malformed()))
        .collect()
}

fn malformed() -> AuditError {
    AuditError::malformed("checkpoint", "signed note")
}
