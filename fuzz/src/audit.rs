//! The offline auditor's parsers and proofs, also on what a lying log has signed.

use crate::rules::registry;
use arbitrary::{Result, Unstructured};
use base64::prelude::*;
use ed25519_dalek::{Signer, SigningKey};
use std::sync::OnceLock;
use tacit_audit::{
    InclusionProof, Record, Replayer, SignerKey, VerifierKey, leaf_hash, verify_checkpoint,
    verify_consistency, verify_inclusion, verify_proof,
};
use tacit_core::digest::Digest;
use tacit_core::messages::Checkpoint;
use tacit_core::plan::Plan;

/// The key of `vectors/audit`.
pub const LOG_KEY: &str =
    "PRIVATE+KEY+tacit.local/vectors+727f9048+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const SEED: [u8; 32] = [7; 32];

/// Every parser reads the same bytes.
pub fn run(data: &[u8]) {
    let key = log_key();
    checkpoint(data, key);
    checkpoint(&sign(data, key), key);
    record(data);
    let _ = verify_proof(data, key);
    let _ = Replayer::new(plan()).replay(data);
    if let Ok(text) = std::str::from_utf8(data) {
        keys(text);
    }
    let _ = trees(&mut Unstructured::new(data));
}

fn log_key() -> &'static VerifierKey {
    static KEY: OnceLock<VerifierKey> = OnceLock::new();
    KEY.get_or_init(|| SignerKey::parse(LOG_KEY).expect("a key").verifier().clone())
}

fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| Plan::parse("", registry()).expect("the default plan"))
}

/// A note with this text, signed by the log (C2SP signed-note).
fn sign(text: &[u8], key: &VerifierKey) -> Vec<u8> {
    let text = [text, b"\n"].concat();
    let signature = SigningKey::from_bytes(&SEED).sign(&text).to_bytes();
    let signature = BASE64_STANDARD.encode([&key.id().to_be_bytes()[..], &signature].concat());
    [text, format!("\n\u{2014} {} {signature}\n", key.name()).into_bytes()].concat()
}

fn checkpoint(note: &[u8], key: &VerifierKey) {
    let Ok(mut signed) = verify_checkpoint(note, key) else { return };
    let again = verify_checkpoint(&signed.to_bytes(), key).expect("its own bytes are signed");
    assert_eq!(again.checkpoint, signed.checkpoint);
    let lines = note.rsplit(|byte| *byte == b'\n').nth(1).unwrap_or_default();
    let _ = signed.add_cosignatures(lines);
}

fn record(leaf: &[u8]) {
    if let Ok(record) = Record::from_leaf("entry 0", leaf) {
        assert_eq!(record.to_leaf().expect("it was a leaf"), leaf);
    }
}

fn keys(text: &str) {
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text.trim_ascii());
    }
    if let Ok(key) = SignerKey::parse(text) {
        assert_eq!(*key.to_text(), text.trim_ascii());
    }
}

/// Proofs of any shape; one that holds is about its own leaf only.
fn trees(bytes: &mut Unstructured<'_>) -> Result<()> {
    let digest = |bytes: &mut Unstructured<'_>| Ok(Digest([bytes.arbitrary()?; 32]));
    let (index, size) = (bytes.arbitrary()?, bytes.arbitrary()?);
    let tree = Checkpoint { size: bytes.arbitrary()?, root: digest(bytes)? };
    let old = Checkpoint { size: bytes.arbitrary()?, root: digest(bytes)? };
    let mut hashes = Vec::new();
    while !bytes.is_empty() {
        hashes.push(digest(bytes)?);
    }
    let _ = verify_consistency(&old, &tree, &hashes);
    let proof = InclusionProof { index, size, hashes };
    assert!(verify_inclusion(leaf_hash(b"leaf"), &proof, &tree).is_err(), "a forged proof");
    Ok(())
}
