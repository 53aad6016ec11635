//! Arbitrary bytes never panic, and what is accepted has one spelling.
#![allow(clippy::unwrap_used)]

mod common;

use common::signer;
use proptest::prelude::*;
use std::sync::LazyLock;
use tacit_audit::{
    BacklinkRequest, ConsistencyProof, DEFAULT_BASE, InclusionProof, PublishPolicy, Record,
    SignerKey, VerifierKey, backlink_url, verify_checkpoint, verify_consistency, verify_inclusion,
    verify_proof,
};
use tacit_core::digest::Digest;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::Checkpoint;

static KEY: LazyLock<SignerKey> = LazyLock::new(|| signer("tacit.local/demo"));

/// Sizes around the edges where tree mathematics goes wrong.
fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..20u64,
        Just(1 << 40),
        Just((1 << 40) + 1),
        Just(1 << 62),
        Just(1 << 63),
        Just(u64::MAX - 1),
        Just(u64::MAX),
        any::<u64>(),
    ]
}

fn hashes() -> impl Strategy<Value = Vec<Digest>> {
    prop::collection::vec(any::<[u8; 32]>().prop_map(Digest), 0..80)
}

/// Text that looks like a note, and text that does not.
fn note() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("tacit.local/demo".to_owned()),
        Just("— tacit.local/demo AAAAAAAA".to_owned()),
        Just("0".to_owned()),
        Just(String::new()),
        "\\PC{0,40}",
        "[0-9]{1,30}",
        "— [a-z]{1,5} [A-Za-z0-9+/]{0,12}={0,2}",
        "[A-Za-z0-9+/]{43}=",
    ];
    prop_oneof![
        prop::collection::vec(line, 0..10).prop_map(|lines| (lines.join("\n") + "\n").into_bytes()),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn settings() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn notes(note in note()) {
        prop_assert!(verify_checkpoint(&note, KEY.verifier()).is_err());
    }

    #[test]
    fn keys(text in "(PRIVATE\\+KEY\\+)?[a-z+]{0,8}\\+[0-9a-f]{8}\\+[A-Za-z0-9+/]{0,48}=?|\\PC{0,99}") {
        if let Ok(key) = VerifierKey::parse(&text) {
            prop_assert_eq!(key.to_string(), text.trim());
        }
        let _ = SignerKey::parse(&text);
    }

    #[test]
    fn proofs(a in size(), b in size(), root in any::<[u8; 32]>(), hashes in hashes()) {
        let checkpoint = |size| Checkpoint { size, root: Digest(root) };
        let (old, new) = (checkpoint(a), checkpoint(b));
        let proof = InclusionProof { index: a, size: b, hashes: hashes.clone() };
        // A leaf that is its own root is the one proof that arbitrary hashes can make.
        let leaf = Digest([1; 32]);
        prop_assert!(verify_inclusion(leaf, &proof, &new).is_err() || (b == 1 && root == [1; 32]));
        let same = a == b && hashes.is_empty() && a > 0 && a <= 1 << 40;
        prop_assert_eq!(verify_consistency(&old, &new, &hashes).is_ok(), same);
        let _ = ConsistencyProof { old: a, new: b, hashes };
    }

    #[test]
    fn records(bytes in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "\\{\"kind\":\"(round|x)\",\"title\":\"\",\"description\":\"\",\"link\":\"\",\"body\":[\\[\\]{}0-9e.,:\"a-z-]{0,30}\\}"
            .prop_map(String::into_bytes),
    ]) {
        if let Ok(record) = Record::from_leaf("x", &bytes) {
            prop_assert_eq!(record.to_leaf().unwrap(), bytes.clone());
            let _ = record.body("x");
        }
        prop_assert!(verify_proof(&bytes, KEY.verifier()).is_err());
    }

    #[test]
    fn urls(title in any::<String>(), description in any::<String>(), link in any::<String>()) {
        let roster = vec![ParticipantId::parse("p07").unwrap()];
        let request = BacklinkRequest { title, description, link };
        let url = backlink_url(DEFAULT_BASE, &request);
        prop_assert!(url.bytes().all(|b| b.is_ascii_graphic()));
        prop_assert_eq!(url.matches(['?', '&']).count(), 3);
        let policy = PublishPolicy::foreign(DEFAULT_BASE, roster).unwrap();
        let _ = policy.check(&url, &request);
    }

    #[test]
    fn no_wrapping_hides_a_name(before in "[ -~]{0,8}[ -/:-@\\[-`{-~\0ü¡]", after in "[ -$&-/:-@\\[-`{-~\u{200b}¡][ -~]{0,8}", times in 0..3usize) {
        let mut text = "p07".to_owned();
        for _ in 0..times {
            text = text.bytes().map(|b| match b { b'%' => "%25".into(), b => format!("%{b:02x}") }).collect();
        }
        let title = format!("{before}{text}{after}");
        let request = BacklinkRequest { title, description: String::new(), link: "round://x/1".into() };
        let policy = PublishPolicy::foreign(DEFAULT_BASE, vec![ParticipantId::parse("p07").unwrap()]).unwrap();
        prop_assert!(policy.check(&backlink_url(DEFAULT_BASE, &request), &request).is_err());
    }
}
