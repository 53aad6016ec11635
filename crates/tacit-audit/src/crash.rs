//! A disk in memory that dies between any two of its operations, and a log that must survive it.

use crate::checkpoint::verify_checkpoint;
use crate::entropy::OsEntropy;
use crate::error::AuditError;
use crate::files::Files;
use crate::key::{Role, SignerKey};
use crate::layout::Place;
use crate::log::Log;
use crate::tree::verify_consistency;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use tacit_core::messages::Checkpoint;

type Contents = BTreeMap<String, Vec<u8>>;

/// Performs `steps` more operations, then fails for ever.
#[derive(Clone)]
struct Disk {
    contents: Arc<Mutex<Contents>>,
    steps: Arc<Mutex<usize>>,
    backwards: bool,
}

impl Disk {
    fn new(contents: Contents, steps: usize) -> Self {
        let (contents, steps) = (Arc::new(Mutex::new(contents)), Arc::new(Mutex::new(steps)));
        Self { contents, steps, backwards: false }
    }

    fn step(&self, operation: impl FnOnce(&mut Contents)) -> io::Result<()> {
        let mut steps = self.steps.lock().unwrap();
        *steps = steps.checked_sub(1).ok_or(io::Error::other("crash"))?;
        operation(&mut self.contents.lock().unwrap());
        Ok(())
    }

    fn contents(&self) -> Contents {
        self.contents.lock().unwrap().clone()
    }
}

impl Files for Disk {
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = format!("{path}.tmp");
        // A torn temporary file, a whole one, and the rename.
        self.step(|files| drop(files.insert(temporary.clone(), bytes[..bytes.len() / 2].into())))?;
        self.step(|files| drop(files.insert(temporary.clone(), bytes.into())))?;
        self.step(|files| {
            let bytes = files.remove(&temporary).unwrap();
            files.insert(path.into(), bytes);
        })
    }

    /// In one of two orders: what lies on disk after a crash may be any of the files.
    fn write_all(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        let order: Vec<_> = match self.backwards {
            true => files.iter().rev().collect(),
            false => files.iter().collect(),
        };
        order.into_iter().try_for_each(|(path, bytes)| self.write(path, bytes))
    }

    fn read(&self, path: &str, _limit: u64) -> io::Result<Option<Vec<u8>>> {
        Ok(self.contents.lock().unwrap().get(path).cloned())
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.step(|files| drop(files.remove(path)))
    }

    fn list(&self, folder: &str, clean: bool) -> io::Result<Vec<String>> {
        let within = |path: &String| path.starts_with(&format!("{folder}/"));
        if clean {
            self.step(|files| files.retain(|path, _| !path.ends_with(".tmp")))?;
        }
        let files = self.contents.lock().unwrap();
        Ok(files.keys().filter(|p| within(p) && !p.ends_with(".tmp")).cloned().collect())
    }
}

fn leaf(index: u64) -> Vec<u8> {
    format!("leaf {index}").into_bytes()
}

/// Appends `batches` to the log on `disk`; how many entries were acknowledged, and the last
/// checkpoint that anybody can have seen.
fn work(disk: &Disk, key: &SignerKey, batches: &[u64], acknowledged: &mut Checkpoint) {
    let signer = SignerKey::parse(&key.to_text()).unwrap();
    let Ok(mut log) = Log::open_in(Box::new(disk.clone()), signer) else { return };
    *acknowledged = log.checkpoint().checkpoint;
    for batch in batches {
        let leaves: Vec<Vec<u8>> = (log.size()..log.size() + batch).map(leaf).collect();
        let leaves: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
        if log.append_all(&leaves).is_err() {
            assert!(matches!(log.append(b"more"), Err(AuditError::Broken)));
            // What is signed in memory is still readable and provable.
            let size = log.size();
            assert!(size == 0 || log.inclusion_proof(size - 1, size).is_ok());
            return;
        }
        *acknowledged = log.checkpoint().checkpoint;
    }
}

fn survives(disk: Contents, key: &SignerKey, acknowledged: &Checkpoint, most: u64) {
    let disk = Disk::new(disk, usize::MAX);
    let signer = SignerKey::parse(&key.to_text()).unwrap();
    let mut log = Log::open_in(Box::new(disk.clone()), signer).unwrap();
    let size = log.size();
    assert!((acknowledged.size..=most).contains(&size), "{size}, {acknowledged:?}");
    let now = log.checkpoint().checkpoint;
    let proof = log.consistency_proof(acknowledged.size, size).unwrap();
    verify_consistency(acknowledged, &now, &proof.hashes).unwrap();
    assert!((0..size).all(|index| log.entry(index).unwrap() == leaf(index)));
    // Nothing is left over, nothing is missing.
    let mut files: Vec<_> = disk.list("tile", false).unwrap();
    let mut expected: Vec<_> = Place::needed(0, size).map(|place| place.path()).collect();
    files.sort();
    expected.sort();
    assert_eq!(files, expected);
    // Resuming appends what is missing, once.
    for index in 0..most.min(size + 2) {
        assert_eq!(log.append_once(&leaf(index)).unwrap(), index);
    }
    let rest: Vec<Vec<u8>> = (log.size()..most).map(leaf).collect();
    log.append_all(&rest.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    assert_eq!(log.size(), most);
    verify_checkpoint(&log.checkpoint().to_bytes(), key.verifier()).unwrap();
}

fn crash_everywhere(before: u64, batches: &[u64]) {
    crash_in_order(before, batches, false);
    crash_in_order(before, batches, true);
}

fn crash_in_order(before: u64, batches: &[u64], backwards: bool) {
    let key = SignerKey::generate("tacit.local/crash", Role::Log, &mut OsEntropy).unwrap();
    let fresh = Disk::new(Contents::new(), usize::MAX);
    let signer = SignerKey::parse(&key.to_text()).unwrap();
    drop(Log::create_in(Box::new(fresh.clone()), signer).unwrap());
    let mut acknowledged = Checkpoint { size: 0, root: crate::tree::empty_root() };
    if before > 0 {
        work(&fresh, &key, &[before], &mut acknowledged);
    }
    let start = fresh.contents();
    let most = before + batches.iter().sum::<u64>();
    let first = acknowledged;
    for steps in 0.. {
        let disk = Disk { backwards, ..Disk::new(start.clone(), steps) };
        let mut acknowledged = first;
        work(&disk, &key, batches, &mut acknowledged);
        survives(disk.contents(), &key, &acknowledged, most);
        // And a second crash while the first is being repaired.
        for again in 0..12 {
            let twice = Disk::new(disk.contents(), again);
            work(&twice, &key, &[], &mut acknowledged.clone());
            survives(twice.contents(), &key, &acknowledged, most);
        }
        if *disk.steps.lock().unwrap() > 0 {
            return;
        }
    }
}

#[test]
fn a_small_log_survives_a_crash_at_every_write() {
    crash_everywhere(0, &[1, 1, 3, 1]);
}

#[test]
fn a_log_survives_a_crash_while_a_tile_fills() {
    crash_everywhere(254, &[1, 1, 1]);
    crash_everywhere(250, &[20]);
    crash_everywhere(3, &[600]);
}

#[test]
fn creation_survives_a_crash_at_every_write() {
    let key = SignerKey::generate("tacit.local/crash", Role::Log, &mut OsEntropy).unwrap();
    for steps in 0..8 {
        let disk = Disk::new(Contents::new(), steps);
        let signer = || SignerKey::parse(&key.to_text()).unwrap();
        let created = Log::create_in(Box::new(disk.clone()), signer()).is_ok();
        let after = Disk::new(disk.contents(), usize::MAX);
        let again = Log::create_in(Box::new(after.clone()), signer());
        // Either it was created, or it can be created now.
        match again {
            Ok(_) => assert!(!created),
            Err(_) => assert_eq!(Log::open_in(Box::new(after), signer()).unwrap().size(), 0),
        }
    }
}

#[test]
fn an_older_checkpoint_does_not_destroy_entries() {
    let key = SignerKey::generate("tacit.local/crash", Role::Log, &mut OsEntropy).unwrap();
    let signer = || SignerKey::parse(&key.to_text()).unwrap();
    let disk = Disk::new(Contents::new(), usize::MAX);
    let mut log = Log::create_in(Box::new(disk.clone()), signer()).unwrap();
    log.append(&leaf(0)).unwrap();
    let old = disk.contents()["checkpoint"].clone();
    let leaves: Vec<Vec<u8>> = (1..600).map(leaf).collect();
    log.append_all(&leaves.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    let (size, root) = (log.size(), log.root());
    disk.contents.lock().unwrap().insert("checkpoint".into(), old);
    let log = Log::open_in(Box::new(disk.clone()), signer()).unwrap();
    assert_eq!((log.size(), log.root()), (size, root));
    // A gap is for a person to look at.
    disk.contents.lock().unwrap().remove("tile/entries/000");
    assert!(matches!(
        Log::open_in(Box::new(disk), signer()),
        Err(AuditError::Mismatch { what: "entries on disk", .. })
    ));
}

#[test]
fn a_damaged_disk_is_an_error_and_not_a_new_history() {
    let key = SignerKey::generate("tacit.local/crash", Role::Log, &mut OsEntropy).unwrap();
    let signer = || SignerKey::parse(&key.to_text()).unwrap();
    let disk = Disk::new(Contents::new(), usize::MAX);
    let mut log = Log::create_in(Box::new(disk.clone()), signer()).unwrap();
    let leaves: Vec<Vec<u8>> = (0..300).map(leaf).collect();
    log.append_all(&leaves.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    let good = disk.contents();
    for path in ["checkpoint", "log.vkey", "tile/0/000", "tile/entries/001.p/44"] {
        for change in 0..3 {
            let mut bad = good.clone();
            let file = bad.get_mut(path).unwrap();
            match change {
                0 => file[7] ^= 1,
                1 => drop(file.pop()),
                _ => drop(bad.remove(path)),
            }
            let opened = Log::open_in(Box::new(Disk::new(bad, usize::MAX)), signer());
            // A tile that is gone can be had from its entries.
            let repaired = change == 2 && path == "tile/0/000";
            assert_eq!(opened.is_ok(), repaired, "{path} {change}");
        }
    }
    // A changed full bundle is noticed when it is read.
    let mut bad = good;
    bad.get_mut("tile/entries/000").unwrap()[3] ^= 1;
    let log = Log::open_in(Box::new(Disk::new(bad, usize::MAX)), signer()).unwrap();
    assert!(log.entry(0).is_err());
    assert!(log.entry(1).is_ok());
}
