//! The known answers of `vectors/audit`, good and bad: the files that the Python side reads too.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use tacit_audit::{
    BacklinkRequest, InclusionProof, PublishPolicy, PublishRefusal, Record, SignerKey, VerifierKey,
    backlink_url, leaf_hash, verify_checkpoint, verify_consistency, verify_inclusion, verify_proof,
};
use tacit_core::codec::unhex;
use tacit_core::digest::Digest;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::Checkpoint;

fn vectors(name: &str) -> Value {
    let path = format!("{}/../../vectors/audit/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn cases(value: &Value) -> &[Value] {
    let cases = value.as_array().unwrap();
    assert!(!cases.is_empty());
    cases
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

fn digest(case: &Value, field: &str) -> Digest {
    Digest::parse(text(case, field)).unwrap()
}

fn digests(case: &Value) -> Vec<Digest> {
    serde_json::from_value(case["hashes"].clone()).unwrap()
}

#[test]
fn inclusion() {
    for case in cases(&vectors("inclusion")["cases"]) {
        let (index, size) = (case["index"].as_u64().unwrap(), case["size"].as_u64().unwrap());
        let proof = InclusionProof { index, size, hashes: digests(case) };
        let leaf = leaf_hash(&unhex(text(case, "leaf")).unwrap());
        let checkpoint = Checkpoint { size, root: digest(case, "root") };
        assert_eq!(verify_inclusion(leaf, &proof, &checkpoint).is_ok(), case["valid"], "{case}");
    }
}

#[test]
fn consistency() {
    for case in cases(&vectors("consistency")["cases"]) {
        let size = |field: &str| case[field].as_u64().unwrap();
        let old = Checkpoint { size: size("old"), root: digest(case, "old_root") };
        let new = Checkpoint { size: size("new"), root: digest(case, "new_root") };
        assert_eq!(verify_consistency(&old, &new, &digests(case)).is_ok(), case["valid"], "{case}");
    }
}

#[test]
fn checkpoints() {
    let vectors = vectors("checkpoints");
    let key = VerifierKey::parse(text(&vectors, "key")).unwrap();
    let witnesses: Vec<VerifierKey> = cases(&vectors["witnesses"])
        .iter()
        .map(|key| VerifierKey::parse(key.as_str().unwrap()).unwrap())
        .collect();
    for case in cases(&vectors["cases"]) {
        let found = verify_checkpoint(text(case, "note").as_bytes(), &key);
        assert_eq!(found.is_ok(), case["valid"], "{case}");
        if let Ok(signed) = found {
            let Checkpoint { size, root } = signed.checkpoint;
            assert_eq!((size, root), (case["size"].as_u64().unwrap(), digest(case, "root")));
            let cosigners = signed.cosigners(&witnesses).len() as u64;
            assert_eq!(cosigners, case["cosigners"], "{case}");
        }
    }
}

#[test]
fn keys() {
    let vectors = vectors("keys");
    for case in cases(&vectors["verifiers"]) {
        assert_eq!(VerifierKey::parse(text(case, "key")).is_ok(), case["valid"], "{case}");
    }
    for case in cases(&vectors["signers"]) {
        assert_eq!(SignerKey::parse(text(case, "key")).is_ok(), case["valid"], "{case}");
    }
}

#[test]
fn proofs() {
    let vectors = vectors("proofs");
    let key = VerifierKey::parse(text(&vectors, "key")).unwrap();
    for case in cases(&vectors["cases"]) {
        let found = verify_proof(text(case, "proof").as_bytes(), &key);
        assert_eq!(found.is_ok(), case["valid"], "{case}");
    }
}

#[test]
fn records() {
    for case in cases(&vectors("records")["cases"]) {
        let leaf = text(case, "leaf").as_bytes();
        let record = Record::from_leaf("leaf", leaf);
        let found = record.and_then(|record| record.body("leaf").map(|_| record));
        assert_eq!(found.is_ok(), case["valid"], "{case}");
        if let Ok(record) = found {
            assert_eq!(record.to_leaf().unwrap(), leaf);
        }
    }
}

fn request(case: &Value) -> BacklinkRequest {
    let field = |name| text(case, name).to_owned();
    BacklinkRequest {
        title: field("title"),
        description: field("description"),
        link: field("link"),
    }
}

#[test]
fn urls() {
    for case in cases(&vectors("urls")["cases"]) {
        assert_eq!(backlink_url(text(case, "base"), &request(case)), text(case, "url"));
    }
}

#[test]
fn publishing() {
    let vectors = vectors("publish");
    let base = text(&vectors, "base");
    let roster = cases(&vectors["roster"])
        .iter()
        .map(|name| ParticipantId::parse(name.as_str().unwrap()).unwrap())
        .collect();
    let policy = PublishPolicy::foreign(base, roster).unwrap();
    for case in cases(&vectors["cases"]) {
        let request = request(case);
        let verdict = match policy.check(&backlink_url(base, &request), &request) {
            Ok(()) => "ok",
            Err(PublishRefusal::Participant { .. }) => "participant",
            Err(PublishRefusal::Address { .. }) => "address",
            Err(PublishRefusal::Scheme) => "scheme",
            Err(PublishRefusal::TooLong { .. }) => "too-long",
            Err(PublishRefusal::Off | PublishRefusal::WrongUrl { .. }) => "misconfigured",
        };
        assert_eq!(verdict, text(case, "verdict"), "{case}");
    }
}
