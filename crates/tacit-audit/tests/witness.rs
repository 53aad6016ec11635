//! Witnesses: cosignatures, quorums, and the alarm for two histories.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::fs;
use tacit_audit::{
    AuditError, CHECKPOINT_SIGNATURES, Checks, Log, VerifierKey, Witness, verify_checkpoint,
    verify_dir,
};
use tacit_core::digest::Digest;
use tacit_core::messages::Checkpoint;
use tacit_core::traits::{Clock, Witness as _};

struct Fixed;
impl Clock for Fixed {
    fn now_ms(&self) -> u64 {
        1_700_000_000_999
    }
}

fn watch(name: &str, log: &VerifierKey) -> Witness {
    Witness::in_memory(witness(name), log.clone(), Box::new(Fixed)).unwrap()
}

/// Shows the log to the witness as a coordinator would.
fn show(witness: &mut Witness, log: &Log) -> Result<Vec<u8>, AuditError> {
    let seen = witness.seen().size.min(log.size());
    let proof = log.consistency_proof(seen, log.size()).unwrap();
    witness.observe(&log.checkpoint().to_bytes(), &proof.hashes)
}

#[test]
fn a_growing_log_is_cosigned_and_a_quorum_can_be_demanded() {
    let dir = tempfile::tempdir().unwrap();
    let key = signer("tacit.local/demo");
    run(dir.path(), &key, &records());
    let mut log = Log::open(&dir.path().join("log"), again(&key)).unwrap();
    let mut witnesses: Vec<Witness> =
        ["w1", "w2", "w3"].iter().map(|name| watch(name, key.verifier())).collect();
    let keys: Vec<VerifierKey> = witnesses.iter().map(|w| w.verifier().clone()).collect();
    for witness in &mut witnesses[..2] {
        let line = show(witness, &log).unwrap();
        // The same state again is signed again and replaces the line.
        assert_eq!(show(witness, &log).unwrap(), line);
        log.add_cosignatures(&line).unwrap();
        log.add_cosignatures(&line).unwrap();
        log.keep_cosignatures().unwrap();
    }
    let signed = verify_checkpoint(&log.checkpoint().to_bytes(), key.verifier()).unwrap();
    assert_eq!(signed.signatures(), 3);
    let found: Vec<_> = signed.cosigners(&keys).iter().map(|(k, t)| (k.name(), *t)).collect();
    assert_eq!(found, [("w1", 1_700_000_000), ("w2", 1_700_000_000)]);
    signed.verify_witnesses(&keys, 2).unwrap();
    assert!(matches!(
        signed.verify_witnesses(&keys, 3),
        Err(AuditError::Quorum { needed: 3, found: 2 })
    ));
    // One key listed thrice, or under another name, is one witness.
    let thrice = vec![keys[0].clone(); 3];
    assert!(signed.verify_witnesses(&thrice, 2).is_err());
    drop(log);

    let quorum = |quorum| Checks { witnesses: &keys, quorum, ..checks() };
    let report = verify_dir(dir.path(), &quorum(2)).unwrap();
    assert_eq!((report.witnesses.len(), report.unknown_signatures), (2, 0));
    assert!(report.summary().contains("co-signed by w1, w2"));
    assert!(matches!(verify_dir(dir.path(), &quorum(3)), Err(AuditError::Quorum { .. })));
    let report = verify_dir(dir.path(), &checks()).unwrap();
    assert!(report.summary().contains("2 signatures belong to no key given"));

    // Growth drops the cosignatures of the former size; the witness follows with a proof.
    let mut log = Log::open(&dir.path().join("log"), again(&key)).unwrap();
    assert_eq!(log.checkpoint().cosigners(&keys).len(), 2);
    log.append(b"more").unwrap();
    assert_eq!(log.checkpoint().cosigners(&keys).len(), 0);
    let line = show(&mut witnesses[0], &log).unwrap();
    log.add_cosignatures(&line).unwrap();
    log.keep_cosignatures().unwrap();
    assert_eq!(log.checkpoint().cosigners(&keys).len(), 1);
}

#[test]
fn every_changed_byte_of_a_demanded_cosignature_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    let key = signer("tacit.local/demo");
    run(dir.path(), &key, &records());
    let mut witness = watch("w1", key.verifier());
    let mut log = Log::open(&dir.path().join("log"), again(&key)).unwrap();
    let line = show(&mut witness, &log).unwrap();
    log.add_cosignatures(&line).unwrap();
    log.keep_cosignatures().unwrap();
    drop(log);
    let keys = [witness.verifier().clone()];
    let checks = Checks { witnesses: &keys, quorum: 1, ..Checks::default() };
    verify_dir(dir.path(), &checks).unwrap();
    let path = dir.path().join("log/checkpoint");
    let good = fs::read(&path).unwrap();
    for (at, byte) in good.iter().enumerate() {
        for mask in [1, 0x20, 0x80] {
            poke(&path, at, byte ^ mask);
            assert!(verify_dir(dir.path(), &checks).is_err(), "byte {at}");
        }
        poke(&path, at, *byte);
    }
}

#[test]
fn two_histories_raise_the_alarm() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = signer("tacit.local/demo");
    let mut log = Log::create(one.path(), again(&key)).unwrap();
    let mut fork = Log::create(two.path(), again(&key)).unwrap();
    for log in [&mut log, &mut fork] {
        log.append(b"common").unwrap();
    }
    let mut witness = watch("w1", key.verifier());
    show(&mut witness, &log).unwrap();
    log.append(b"to the bank").unwrap();
    fork.append(b"to the hospital").unwrap();
    show(&mut witness, &log).unwrap();
    let seen = witness.seen();
    // The same size with another root.
    let split = |error: AuditError, expected: Checkpoint| match error {
        AuditError::Split { seen: then, shown } => assert_eq!((then, shown), (seen, expected)),
        other => panic!("{other}"),
    };
    split(show(&mut witness, &fork).unwrap_err(), fork.checkpoint().checkpoint);
    // A larger size that cannot be proved to extend what was seen.
    fork.append(b"more").unwrap();
    split(show(&mut witness, &fork).unwrap_err(), fork.checkpoint().checkpoint);
    for proof in [vec![], vec![seen.root], vec![Digest([0; 32]); 100]] {
        let error = witness.observe(&fork.checkpoint().to_bytes(), &proof).unwrap_err();
        assert!(matches!(error, AuditError::Split { .. }));
    }
    // The alarm changes nothing: the first history goes on.
    assert_eq!(witness.seen(), seen);
    log.append(b"more").unwrap();
    show(&mut witness, &log).unwrap();
    assert_eq!(witness.seen().size, 3);
}

#[test]
fn a_log_that_became_shorter_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let key = signer("tacit.local/demo");
    let mut log = Log::create(dir.path(), again(&key)).unwrap();
    log.append(b"1").unwrap();
    let old = log.checkpoint().checkpoint;
    log.append(b"2").unwrap();
    let mut witness = watch("w1", key.verifier());
    show(&mut witness, &log).unwrap();
    assert!(matches!(witness.cosign(&old, &[]), Err(tacit_core::error::Error::World(_))));
    let note_of_old = {
        let other = tempfile::tempdir().unwrap();
        let mut log = Log::create(other.path(), again(&key)).unwrap();
        log.append(b"1").unwrap();
        log.checkpoint().to_bytes()
    };
    assert!(matches!(
        witness.observe(&note_of_old, &[]),
        Err(AuditError::RolledBack { seen, shown }) if (seen.size, shown.size) == (2, 1)
    ));
}

#[test]
fn a_witness_remembers_across_restarts() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (key, secret) = (signer("tacit.local/demo"), witness("w1"));
    let open = |log: &VerifierKey| {
        Witness::open(state.path(), again(&secret), log.clone(), Box::new(Fixed))
    };
    let mut log = Log::create(dir.path(), again(&key)).unwrap();
    log.append(b"1").unwrap();
    show(&mut open(key.verifier()).unwrap(), &log).unwrap();
    let mut later = open(key.verifier()).unwrap();
    assert_eq!(later.seen(), log.checkpoint().checkpoint);
    log.append(b"2").unwrap();
    show(&mut later, &log).unwrap();
    // It watches one log.
    let other = signer("tacit.local/other");
    assert!(matches!(open(other.verifier()), Err(AuditError::Mismatch { .. })));
    let path = state.path().join("seen.json");
    let good = fs::read(&path).unwrap();
    fs::write(&path, &good[..good.len() - 1]).unwrap();
    assert!(matches!(open(key.verifier()), Err(AuditError::Malformed { .. })));
}

#[test]
fn lines_that_are_no_cosignatures_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let key = signer("tacit.local/demo");
    let mut log = Log::create(dir.path(), again(&key)).unwrap();
    let note = String::from_utf8(log.checkpoint().to_bytes()).unwrap();
    let own = note.lines().last().unwrap();
    let many: String = (0..100).map(|n| format!("— w{n} AAAAAAAA\n")).collect();
    for bad in [
        "",
        "\n",
        "— w1 AAAAAAAA",
        "— w1 !\n",
        "w1 AAAAAAAA\n",
        "— w1 AAAA\n",
        "— w1 AAAAAAAA\n\n",
        &format!("{own}\n"),
        &many,
    ] {
        assert!(log.add_cosignatures(bad.as_bytes()).is_err(), "{bad:?}");
        assert_eq!(log.checkpoint().to_bytes(), note.as_bytes());
    }
    // A signature of the right form by nobody counts for nothing.
    log.add_cosignatures("— w1 AAAAAAAA\n".as_bytes()).unwrap();
    let w1 = witness("w1");
    assert!(log.checkpoint().cosigners(&[w1.verifier().clone()]).is_empty());
    // The limit on signatures is the note format's readers'.
    let most: String = (1..CHECKPOINT_SIGNATURES).map(|n| format!("— w{n} AAAAAAAA\n")).collect();
    log.add_cosignatures(most.as_bytes()).unwrap();
    log.keep_cosignatures().unwrap();
    assert_eq!(log.checkpoint().signatures(), CHECKPOINT_SIGNATURES);
    assert!(log.add_cosignatures("— one-more AAAAAAAA\n".as_bytes()).is_err());
    assert!(Witness::in_memory(again(&key), key.verifier().clone(), Box::new(Fixed)).is_err());
}
