//! The store under kills, torn files, gaps and lies.
#![allow(clippy::unwrap_used)]

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_core::traits::{Blobs, Journal, Lease, Spool};
use tacit_node::store::{NodeStore, Transfer};

const BLOCK: usize = 16 * 1024;

fn name(text: &str) -> ParticipantId {
    ParticipantId::parse(text).unwrap()
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 31 % 251) as u8).collect()
}

fn transfer(round: u32, who: &str, payload: &[u8]) -> Transfer {
    let (participant, bytes) = (name(who), payload.len() as u64);
    Transfer { round, participant, payload: Digest::of_bytes(payload), bytes }
}

fn files_under(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_under(&path)) } else { found.push(path) }
    }
    found
}

fn is_part(path: &Path) -> bool {
    path.to_str().unwrap().contains('+')
}

#[test]
fn the_journal_survives_and_keeps_order() {
    let dir = tempfile::tempdir().unwrap();
    let record = |i: u32| i.to_le_bytes().to_vec();
    for start in [0, 10, 20] {
        let store = NodeStore::open(dir.path()).unwrap();
        store.hold().unwrap();
        assert_eq!(store.replay().unwrap(), (0..start).map(record).collect::<Vec<_>>());
        store.append(&(start..start + 7).map(record).collect::<Vec<_>>()).unwrap();
        store.append(&[]).unwrap();
        store.append(&(start + 7..start + 10).map(record).collect::<Vec<_>>()).unwrap();
    }
}

#[test]
fn one_coordinator_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = NodeStore::open(dir.path()).unwrap();
    assert!(matches!(NodeStore::open(dir.path()), Err(Error::Caller(_))));
    drop(first);
    NodeStore::open(dir.path()).unwrap();
}

#[test]
fn a_name_keeps_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    assert!(store.enrol(&name("p0"), &[1; 32]).unwrap());
    assert!(!store.enrol(&name("p0"), &[1; 32]).unwrap());
    let refused = store.enrol(&name("p0"), &[2; 32]).unwrap_err();
    assert!(matches!(refused, Error::Peer(Refusal::BadCertificate { .. })));
    drop(store);
    let store = NodeStore::open(dir.path()).unwrap();
    assert_eq!(store.enrolled_key(&name("p0")).unwrap(), Some([1; 32]));
    assert_eq!(store.enrolled().unwrap().len(), 1);
    store.unenrol(&name("p0")).unwrap();
    assert!(store.enrol(&name("p0"), &[2; 32]).unwrap());
}

#[test]
fn blobs_are_whole_or_absent() {
    let dir = tempfile::tempdir().unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    let digest = store.put(b"model").unwrap();
    assert_eq!(store.put(b"model").unwrap(), digest);
    let mut out = [0; 3];
    Blobs::read(&store, digest, 2, &mut out).unwrap();
    assert_eq!(&out, b"del");
    assert!(Blobs::read(&store, digest, 3, &mut out).is_err());
    let absent = Digest::of_bytes(b"absent");
    assert_eq!(store.size(absent).unwrap(), None);
    drop(store);

    // killed while writing: the temporary file is swept, the name never appears
    let torn = dir.path().join("blobs").join(format!("{absent}.1.2.tmp"));
    fs::write(&torn, b"abs").unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    assert!(!torn.exists());
    assert_eq!(store.size(absent).unwrap(), None);
    assert_eq!(store.size(digest).unwrap(), Some(5));
    store.remove(digest).unwrap();
    store.remove(digest).unwrap();
    assert_eq!(store.size(digest).unwrap(), None);
}

#[test]
fn concurrent_writers_of_one_blob_agree() {
    let dir = tempfile::tempdir().unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    let blob = bytes(300_000);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| store.put(&blob).unwrap());
        }
    });
    let mut out = vec![0; blob.len()];
    Blobs::read(&store, Digest::of_bytes(&blob), 0, &mut out).unwrap();
    assert_eq!(out, blob);
}

#[test]
fn payloads_read_back_at_any_offset_and_are_unreadable_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    for count in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 77] {
        let payload = bytes(count);
        let t = transfer(1, "p0", &payload);
        assert_eq!(store.spool_write(&t, 0, &payload).unwrap(), count as u64);
        store.spool_finish(&t).unwrap();
        store.spool_finish(&t).unwrap();
        assert_eq!(store.spool_open(&t).unwrap(), count as u64);
        for start in [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 5, count.saturating_sub(1)] {
            let end = (start + BLOCK + 3).min(count);
            if start <= end {
                let mut out = vec![0; end - start];
                Spool::read(&store, t.payload, start as u64, &mut out).unwrap();
                assert_eq!(out, payload[start..end], "{count} {start}");
            }
        }
        let mut out = [0; 2];
        assert!(Spool::read(&store, t.payload, count.saturating_sub(1) as u64, &mut out).is_err());
        assert!(Spool::read(&store, t.payload, u64::MAX, &mut out).is_err());
    }
    for path in files_under(&dir.path().join("spool")) {
        let on_disk = fs::read(path).unwrap();
        assert!(!on_disk.windows(64).any(|w| w == &bytes(64)[..]));
    }
}

#[test]
fn a_transfer_resumes_after_a_kill_and_after_a_torn_block() {
    let dir = tempfile::tempdir().unwrap();
    let payload = bytes(10 * BLOCK + 5);
    let t = transfer(3, "p0", &payload);
    let store = NodeStore::open(dir.path()).unwrap();
    assert_eq!(store.spool_write(&t, 0, &payload[..6 * BLOCK]).unwrap(), 6 * BLOCK as u64);
    drop(store);
    let part = files_under(&dir.path().join("spool"));
    let part = part.iter().find(|p| is_part(p)).unwrap();
    let length = fs::metadata(part).unwrap().len();
    // power failed: the last block is half there
    OpenOptions::new().write(true).open(part).unwrap().set_len(length - 100).unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    assert_eq!(store.spool_open(&t).unwrap(), 5 * BLOCK as u64);
    drop(store);
    // a block in the middle never reached the disk
    let mut sealed = fs::read(part).unwrap();
    let block = BLOCK + 28;
    sealed[2 * block..3 * block].fill(0);
    fs::write(part, sealed).unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    assert_eq!(store.spool_open(&t).unwrap(), 2 * BLOCK as u64);
    assert!(matches!(store.spool_finish(&t), Err(Error::Peer(Refusal::Truncated { .. }))));
    store.spool_write(&t, 2 * BLOCK as u64, &payload[2 * BLOCK..]).unwrap();
    store.spool_finish(&t).unwrap();
    drop(store);
    let store = NodeStore::open(dir.path()).unwrap();
    let mut out = vec![0; payload.len()];
    Spool::read(&store, t.payload, 0, &mut out).unwrap();
    assert_eq!(out, payload);
}

#[test]
fn gaps_overruns_and_lies() {
    let dir = tempfile::tempdir().unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    let payload = bytes(2 * BLOCK);
    let t = transfer(1, "p0", &payload);
    // a gap, and a part of a block: answered with where to go on
    assert_eq!(store.spool_write(&t, BLOCK as u64, &payload[BLOCK..]).unwrap(), 0);
    assert_eq!(store.spool_write(&t, 0, &payload[..BLOCK + 9]).unwrap(), BLOCK as u64);
    assert_eq!(store.spool_write(&t, 0, &payload[..BLOCK]).unwrap(), BLOCK as u64);
    let over = store.spool_write(&t, BLOCK as u64, &payload).unwrap_err();
    assert!(matches!(over, Error::Peer(Refusal::TooLarge { .. })));
    // other bytes than announced: nothing is kept
    store.spool_write(&t, BLOCK as u64, &[7; BLOCK]).unwrap();
    assert!(matches!(store.spool_finish(&t), Err(Error::Peer(Refusal::HashMismatch { .. }))));
    assert_eq!(store.spool_open(&t).unwrap(), 0);
    // another length under the same digest is another transfer
    let longer = Transfer { bytes: t.bytes + 1, ..t.clone() };
    store.spool_write(&t, 0, &payload[..BLOCK]).unwrap();
    assert_eq!(store.spool_open(&longer).unwrap(), 0);
    let empty = Transfer { bytes: 0, ..t.clone() };
    assert!(store.spool_finish(&empty).is_err());
}

#[test]
fn nobody_contributes_what_somebody_else_sent() {
    let dir = tempfile::tempdir().unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    let payload = bytes(BLOCK + 1);
    let first = transfer(1, "p0", &payload);
    store.spool_write(&first, 0, &payload).unwrap();
    store.spool_finish(&first).unwrap();
    let other = transfer(1, "p1", &payload);
    assert_eq!(store.spool_open(&other).unwrap(), 0);
    assert!(matches!(store.spool_finish(&other), Err(Error::Peer(Refusal::Truncated { .. }))));
    // it may send the same, but not have what the first one sent deleted
    store.spool_write(&other, 0, &payload).unwrap();
    store.spool_finish(&other).unwrap();
    store.spool_discard(&other).unwrap();
    let mut out = vec![0; payload.len()];
    Spool::read(&store, first.payload, 0, &mut out).unwrap();
    assert_eq!(out, payload);
}

#[test]
fn a_finished_payload_is_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let payload = bytes(BLOCK + 1);
    // names that look like our own temporary or unfinished files
    for who in ["p0", "a.tmp", "b.part", "-", "key"] {
        let store = NodeStore::open(dir.path()).unwrap();
        let t = transfer(1, who, &payload);
        store.spool_write(&t, 0, &payload).unwrap();
        store.spool_finish(&t).unwrap();
        drop(store);
        let store = NodeStore::open(dir.path()).unwrap();
        assert_eq!(store.spool_open(&t).unwrap(), t.bytes);
        store.spool_finish(&t).unwrap();
        let longer = Transfer { bytes: t.bytes + 1, ..t.clone() };
        assert_eq!(store.spool_open(&longer).unwrap(), 0);
    }
}

#[test]
fn one_unfinished_transfer_per_participant() {
    let dir = tempfile::tempdir().unwrap();
    let payloads: Vec<Vec<u8>> = (1..20).map(|i| bytes(2 * BLOCK + i)).collect();
    let store = NodeStore::open(dir.path()).unwrap();
    let part = |payload: &Vec<u8>| transfer(1, "p0", payload);
    store.spool_write(&transfer(1, "p", &payloads[0]), 0, &payloads[0][..BLOCK]).unwrap();
    for payload in &payloads {
        store.spool_write(&part(payload), 0, &payload[..BLOCK]).unwrap();
    }
    drop(store);
    let store = NodeStore::open(dir.path()).unwrap();
    store.spool_open(&part(&payloads[3])).unwrap();
    let parts = files_under(&dir.path().join("spool"));
    assert_eq!(parts.iter().filter(|p| is_part(p)).count(), 2, "{parts:?}");
    assert_eq!(store.spool_open(&transfer(1, "p", &payloads[0])).unwrap(), BLOCK as u64);
}

#[test]
fn a_discarded_payload_must_be_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    let t = transfer(1, "p0", &bytes(100));
    store.spool_write(&t, 0, &bytes(100)).unwrap();
    store.spool_finish(&t).unwrap();
    store.spool_discard(&t).unwrap();
    store.spool_discard(&t).unwrap();
    assert!(Spool::read(&store, t.payload, 0, &mut [0; 8]).is_err());
    assert_eq!(store.spool_open(&t).unwrap(), 0);
}

#[test]
fn a_forgotten_round_is_gone_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    let payload = bytes(BLOCK);
    for round in [1, 2] {
        let t = transfer(round, "p0", &payload);
        store.spool_write(&t, 0, &payload).unwrap();
        store.spool_finish(&t).unwrap();
    }
    let t = transfer(1, "p0", &payload);
    store.forget(1).unwrap();
    store.forget(1).unwrap();
    assert!(!dir.path().join("spool/1").exists());
    assert!(matches!(store.spool_open(&t), Err(Error::Peer(Refusal::TooLate { round: 1 }))));
    // the same payload of a later round is untouched
    Spool::read(&store, t.payload, 0, &mut [0; 8]).unwrap();
    drop(store);
    // killed while forgetting: key overwritten, files still there
    fs::write(dir.path().join("spool/2/key"), [0; 32]).unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    assert!(!dir.path().join("spool/2").exists());
    assert!(Spool::read(&store, t.payload, 0, &mut [0; 8]).is_err());
}

#[test]
fn altered_bytes_on_disk_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    let payload = bytes(2 * BLOCK);
    let t = transfer(1, "p0", &payload);
    store.spool_write(&t, 0, &payload).unwrap();
    store.spool_finish(&t).unwrap();
    let path = dir.path().join("spool/1").join(format!("{}-p0", t.payload));
    let sealed = fs::read(&path).unwrap();
    let block = BLOCK + 28;
    let swapped = [&sealed[block..], &sealed[..block]].concat();
    let mut flipped = sealed.clone();
    flipped[20] ^= 1;
    for bad in [&swapped, &flipped, &sealed[..block].to_vec(), &sealed[..block + 5].to_vec()] {
        fs::write(&path, bad).unwrap();
        assert!(Spool::read(&store, t.payload, 0, &mut [0; 8]).is_err());
    }
}

#[test]
fn transfers_of_many_participants_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    std::thread::scope(|scope| {
        for i in 0..16usize {
            let store = &store;
            scope.spawn(move || {
                let payload = bytes(5 * BLOCK + i);
                let t = transfer(1, &format!("p{i}"), &payload);
                for (n, chunk) in payload.chunks(2 * BLOCK).enumerate() {
                    store.spool_write(&t, (n * 2 * BLOCK) as u64, chunk).unwrap();
                }
                store.spool_finish(&t).unwrap();
            });
        }
    });
    for i in 0..16usize {
        let payload = bytes(5 * BLOCK + i);
        let mut out = vec![0; payload.len()];
        Spool::read(&store, Digest::of_bytes(&payload), 0, &mut out).unwrap();
        assert_eq!(out, payload);
    }
}

/// Not a test of its own: the process that [`what_was_acknowledged_survives_sigkill`] kills.
#[test]
fn child_that_writes_until_killed() {
    let Some(dir) = std::env::var_os("TACIT_STORE_OF_CHILD") else { return };
    let store = NodeStore::open(Path::new(&dir)).unwrap();
    for i in store.replay().unwrap().len().. {
        let payload = bytes(3 * BLOCK + i);
        let t = transfer(1, "p0", &payload);
        store.spool_write(&t, 0, &payload[..BLOCK]).unwrap();
        store.spool_write(&t, BLOCK as u64, &payload[BLOCK..]).unwrap();
        store.spool_finish(&t).unwrap();
        let blob = store.put(&payload[..i + 1]).unwrap();
        store.append(&[blob.0.to_vec()]).unwrap();
        println!("\nacknowledged {i}");
    }
}

#[test]
fn what_was_acknowledged_survives_sigkill() {
    let dir = tempfile::tempdir().unwrap();
    for kills in 0..5usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_writes_until_killed", "--exact", "--nocapture"])
            .env("TACIT_STORE_OF_CHILD", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let acknowledged =
            lines.filter_map(|line| line.unwrap().strip_prefix("acknowledged ")?.parse().ok());
        let last: usize = acknowledged.take(5 + 7 * kills).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();

        let store = NodeStore::open(dir.path()).unwrap();
        let records = store.replay().unwrap();
        assert!(records.len() > last, "{} records, {last} acknowledged", records.len());
        for (i, record) in records.iter().enumerate() {
            let payload = bytes(3 * BLOCK + i);
            let blob = Digest::of_bytes(&payload[..i + 1]);
            assert_eq!(record, &blob.0);
            let mut out = vec![0; i + 1];
            Blobs::read(&store, blob, 0, &mut out).unwrap();
            assert_eq!(out, payload[..i + 1]);
            let mut out = vec![0; payload.len()];
            Spool::read(&store, Digest::of_bytes(&payload), 0, &mut out).unwrap();
            assert_eq!(out, payload);
        }
    }
}
