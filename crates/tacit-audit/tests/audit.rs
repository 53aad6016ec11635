//! The offline auditor against vandals, liars and gaps.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::fs;
use std::path::{Path, PathBuf};
use tacit_audit::{
    AuditError, Checks, Log, ModelCheck, Record, RoundRecord, VerifierKey, prove, round_log_path,
    verify_dir, verify_proof,
};
use tacit_core::digest::Digest;

/// Every file below `dir` but the lock, which holds nothing.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false if entry.file_name() == "lock" => {}
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}

#[test]
fn an_honest_run_is_proved_and_the_report_says_how_far() {
    let dir = tempfile::tempdir().unwrap();
    let key = signer("tacit.local/demo");
    run(dir.path(), &key, &records());
    let report = verify_dir(dir.path(), &checks()).unwrap();
    assert_eq!((report.size, report.rounds, report.released, report.gaps), (5, 3, 2, 0));
    assert_eq!((report.round_logs, report.replayed, report.files_beyond), (3, 3, 0));
    assert!(report.plan_checked && report.ended && !report.key_pinned);
    assert_eq!((report.model, report.last_model), (ModelCheck::Content, Some(model(3))));
    let summary = report.summary();
    for part in [
        "5 entries",
        "no proof of origin",
        "no witness",
        "3 rounds, 2 released",
        "3 of 3 match, 3 replayed",
        "plan.toml matches",
        "model.safetensors matches",
    ] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    assert!(!summary.contains('\n') && !summary.contains("metadata only"));

    let pinned = Checks { key: Some(key.verifier()), ..Checks::default() };
    let report = verify_dir(dir.path(), &pinned).unwrap();
    assert!(report.key_pinned && report.model == ModelCheck::Metadata && report.replayed == 0);
    assert!(report.summary().contains("metadata only"));
    let other = signer("tacit.local/demo");
    let pinned = Checks { key: Some(other.verifier()), ..Checks::default() };
    assert!(matches!(verify_dir(dir.path(), &pinned), Err(AuditError::Mismatch { .. })));
}

#[test]
fn every_changed_byte_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &signer("tacit.local/demo"), &records());
    let mut mutants = 0;
    for path in files(dir.path()) {
        let good = fs::read(&path).unwrap();
        // The length and braces of the toy model's header are read by the toy reader alone.
        let model = path.ends_with("model.safetensors");
        for (at, byte) in good.iter().enumerate() {
            for mask in [0x01, 0x20] {
                poke(&path, at, byte ^ mask);
                let found = match model {
                    true => {
                        verify_dir(dir.path(), &Checks::default()).is_err()
                            || model_digest_fails(&path)
                    }
                    false => verify_dir(dir.path(), &checks()).is_err(),
                };
                assert!(found, "{} byte {at} mask {mask:#x}", path.display());
                mutants += 1;
            }
            poke(&path, at, *byte);
        }
    }
    assert!(mutants > 8_000, "{mutants}");
    verify_dir(dir.path(), &checks()).unwrap();
}

/// Whether the parameters behind the header are no longer those of round 3.
fn model_digest_fails(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap();
    !bytes.ends_with(&parameters(3))
}

#[test]
fn every_cut_and_every_missing_file_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &signer("tacit.local/demo"), &records());
    for path in
        files(dir.path()).into_iter().filter(|path| path.starts_with(dir.path().join("log")))
    {
        let good = fs::read(&path).unwrap();
        for length in (0..good.len()).rev() {
            fs::File::options().write(true).open(&path).unwrap().set_len(length as u64).unwrap();
            assert!(verify_dir(dir.path(), &checks()).is_err(), "{} {length}", path.display());
        }
        fs::write(&path, [good.as_slice(), b"\n"].concat()).unwrap();
        assert!(verify_dir(dir.path(), &checks()).is_err(), "{} longer", path.display());
        fs::remove_file(&path).unwrap();
        assert!(verify_dir(dir.path(), &checks()).is_err(), "{} missing", path.display());
        fs::write(&path, good).unwrap();
    }
    // The round logs name participants and may be withheld, but only all of them.
    fs::remove_dir_all(dir.path().join("log/rounds")).unwrap();
    let report = verify_dir(dir.path(), &checks()).unwrap();
    assert!(report.summary().contains("round logs: 0 of 3 match"));
    fs::remove_file(dir.path().join("plan.toml")).unwrap();
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    let summary = verify_dir(dir.path(), &checks()).unwrap().summary();
    assert!(summary.contains("plan.toml not checked; model.safetensors not checked"), "{summary}");
}

#[test]
fn swapped_entries_are_detected() {
    let dir = tempfile::tempdir().unwrap();
    let same = |n: u64| Record {
        kind: "backlink".into(),
        title: format!("{n}"),
        description: String::new(),
        link: String::new(),
        body: serde_json::Value::Null,
    };
    run(dir.path(), &signer("tacit.local/demo"), &[same(1), same(2), same(3)]);
    fs::remove_dir_all(dir.path().join("log/rounds")).unwrap();
    verify_dir(dir.path(), &checks()).unwrap();
    let bundle = dir.path().join("log/tile/entries/000.p/3");
    let tile = dir.path().join("log/tile/0/000.p/3");
    let mut bytes = fs::read(&bundle).unwrap();
    let third = bytes.len() / 3;
    bytes[..2 * third].rotate_left(third);
    fs::write(&bundle, bytes).unwrap();
    let error = verify_dir(dir.path(), &checks()).unwrap_err();
    assert!(error.to_string().starts_with("entry 0: leaf hash: expected "), "{error}");
    // Also when the tile is changed with them.
    let mut hashes = fs::read(&tile).unwrap();
    hashes[..64].rotate_left(32);
    fs::write(&tile, hashes).unwrap();
    let error = verify_dir(dir.path(), &checks()).unwrap_err();
    assert!(error.to_string().starts_with("checkpoint: root of the entries"), "{error}");
}

#[test]
fn files_beyond_the_checkpoint_are_reported() {
    let dir = tempfile::tempdir().unwrap();
    let key = signer("tacit.local/demo");
    run(dir.path(), &key, &records());
    let old = fs::read(dir.path().join("log/checkpoint")).unwrap();
    let kept = dir.path().join("log/tile/entries/000.p/5");
    let (bundle, tile) = (fs::read(&kept).unwrap(), dir.path().join("log/tile/0/000.p/5"));
    let hashes = fs::read(&tile).unwrap();
    let mut log = Log::open(&dir.path().join("log"), key).unwrap();
    log.append(b"more").unwrap();
    drop(log);
    fs::write(dir.path().join("log/checkpoint"), old).unwrap();
    fs::write(kept, bundle).unwrap();
    fs::write(tile, hashes).unwrap();
    let report = verify_dir(dir.path(), &checks()).unwrap();
    assert_eq!(report.files_beyond, 2);
    assert!(report.summary().contains("2 files are beyond the checkpoint"));
}

/// What the auditor says of a log that holds `records`.
fn verdict(records: &[Record]) -> String {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &signer("tacit.local/demo"), records);
    verify_dir(dir.path(), &checks()).unwrap_err().to_string()
}

fn changed(number: u32, change: impl Fn(&mut RoundRecord)) -> Vec<Record> {
    let mut record = round(number);
    change(&mut record);
    let mut all = records();
    all[number as usize] = record.to_record().unwrap();
    all
}

#[test]
fn a_story_that_does_not_hold_together_is_refused() {
    let zero = Digest([0; 32]);
    let cases: Vec<(Vec<Record>, &str)> = vec![
        (changed(1, |r| r.model_before = zero), "entry 1: model before the round"),
        (changed(1, |r| r.model_after = Some(zero)), "entry 2: model before the round"),
        (changed(3, |r| r.model_after = Some(zero)), "entry 4: final model"),
        (changed(3, |r| r.plan = zero), "entry 3: plan"),
        (changed(3, |r| r.run = "other".into()), "entry 3: run"),
        (changed(3, |r| r.round = 2), "entry 3: round: expected more than 2, found 2"),
        (changed(3, |r| r.round = 5), "entry 3: round: expected at most 4, found 5"),
        (changed(2, |r| r.model_after = Some(zero)), "entry 2: outcome"),
        (changed(2, |r| r.aborted = None), "entry 2: outcome"),
        (changed(1, |r| r.missing = 0), "entry 1: cohort"),
        (changed(1, |r| r.missing = u64::MAX), "entry 1: cohort"),
        (changed(1, |r| r.round_log = zero), "rounds/000001.jsonl: sha256 of the round log"),
        (
            changed(1, |r| (r.accepted, r.missing) = (3, 2)),
            "rounds/000001.jsonl: replayed contributions: expected 3, found 4",
        ),
        (changed(1, |r| (r.accepted, r.missing) = (0, 5)), "entry 1: contributions"),
        (records()[1..].to_vec(), "entry 0: record: expected the plan first"),
        ([&records()[..1], &records()].concat(), "entry 1: record: expected no second plan"),
        ([&records()[..], &records()[4..]].concat(), "entry 5: record: expected nothing after"),
        (records()[..2].to_vec(), "rounds/000003.jsonl: malformed folder: no record binds"),
    ];
    for (records, expected) in cases {
        let found = verdict(&records);
        assert!(found.starts_with(expected), "{expected}: {found}");
    }
    let mut all = records();
    let mut last = end();
    last.released = 3;
    all[4] = last.to_record().unwrap();
    assert!(verdict(&all).starts_with("entry 4: released rounds: expected 2, found 3"));
    let mut all = records();
    all[1].link = "round://demo/2".into();
    assert!(verdict(&all).starts_with("entry 1: link"));
    let mut all = records();
    all[1].body["participant"] = "p07".into();
    assert!(verdict(&all).starts_with("entry 1: malformed round record"));
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &signer("tacit.local/demo"), &records());
    fs::write(dir.path().join("model.safetensors"), model_file(1)).unwrap();
    let error = verify_dir(dir.path(), &checks()).unwrap_err().to_string();
    let (expected, found) = (model(3), model(1));
    let text = "model.safetensors: model_hash in its metadata";
    assert_eq!(error, format!("{text}: expected {expected}, found {found}"));
}

#[test]
fn round_logs_that_nobody_recorded() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &signer("tacit.local/demo"), &records());
    let next = dir.path().join("log").join(round_log_path(4));
    fs::write(&next, "under way").unwrap();
    verify_dir(dir.path(), &checks()).unwrap();
    fs::rename(next, dir.path().join("log").join(round_log_path(5))).unwrap();
    let error = verify_dir(dir.path(), &checks()).unwrap_err().to_string();
    assert_eq!(error, "rounds/000005.jsonl: malformed folder: no record binds this file");
}

#[test]
fn figures_that_json_cannot_hold_are_refused() {
    let mut bad = round(1);
    bad.loss = Some(f64::NAN);
    assert!(bad.to_record().is_err());
    bad.loss = Some(f64::INFINITY);
    assert!(bad.to_record().is_err());
}

#[test]
fn a_proof_file_stands_alone() {
    let dir = tempfile::tempdir().unwrap();
    let key = signer("tacit.local/demo");
    run(dir.path(), &key, &records());
    for (index, record) in (0..).zip(records()) {
        let proof = prove(dir.path(), index).unwrap();
        let proven = verify_proof(&proof, key.verifier()).unwrap();
        assert_eq!((proven.index, proven.record), (index, record));
        assert!(verify_proof(&proof, signer("tacit.local/demo").verifier()).is_err());
    }
    assert!(matches!(prove(dir.path(), 5), Err(AuditError::OutOfRange { index: 5, size: 5 })));
    let proof = prove(dir.path(), 2).unwrap();
    for at in 0..proof.len() {
        for mask in [0x01, 0x20, 0x80] {
            let mut bad = proof.clone();
            bad[at] ^= mask;
            assert!(verify_proof(&bad, key.verifier()).is_err(), "byte {at}");
        }
        assert!(verify_proof(&proof[..at], key.verifier()).is_err());
    }
    // A damaged log gives no proof.
    let bundle = dir.path().join("log/tile/entries/000.p/5");
    let mut bytes = fs::read(&bundle).unwrap();
    bytes[5] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    assert!(prove(dir.path(), 0).is_err());
}

#[test]
fn a_key_that_is_not_a_logs_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &signer("tacit.local/demo"), &records());
    let witness = witness("tacit.local/demo");
    fs::write(dir.path().join("log/log.vkey"), format!("{}\n", witness.verifier())).unwrap();
    assert!(matches!(verify_dir(dir.path(), &checks()), Err(AuditError::Key { .. })));
    assert!(VerifierKey::parse("").is_err());
}
