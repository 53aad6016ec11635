//! A store in memory: the coordinator's ports without a disk. Payloads beyond a limit go to an
//! anonymous file that the operating system deletes with the process.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, MutexGuard};
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::traits::{Blobs, Journal, Lease, Spool};

/// Everything a coordinator must not lose, for as long as this value lives.
#[derive(Debug)]
pub struct MemoryStore {
    memory_bytes: u64,
    journal: Mutex<Vec<Vec<u8>>>,
    blobs: Mutex<BTreeMap<Digest, Arc<[u8]>>>,
    spool: Mutex<Rounds>,
}

#[derive(Debug, Default)]
struct Rounds {
    open: BTreeMap<u32, Payloads>,
    forgotten: u32,
}

/// The payloads of one round.
#[derive(Debug, Default)]
struct Payloads {
    places: HashMap<Digest, Place>,
    in_memory: u64,
    file: Option<File>,
    in_file: u64,
}

#[derive(Debug)]
enum Place {
    Memory(Vec<u8>),
    File { offset: u64, bytes: u64 },
}

fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, Error> {
    mutex.lock().map_err(|_| Error::Bug("a thread panicked in the memory store"))
}

fn spilling(source: std::io::Error) -> Error {
    Error::world("keeping payloads in a temporary file", source)
}

fn missing(what: &'static str, digest: Digest) -> Error {
    Error::caller(what, "one that is stored", digest.to_string())
}

/// Copies `out.len()` bytes from `offset`.
fn copy(what: &'static str, bytes: &[u8], offset: u64, out: &mut [u8]) -> Result<(), Error> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let found = start.checked_add(out.len()).and_then(|end| bytes.get(start..end));
    let Some(found) = found else {
        let (expected, found) = (format!("a range within {} bytes", bytes.len()), offset);
        return Err(Error::caller(what, expected, format!("{} bytes at {found}", out.len())));
    };
    out.copy_from_slice(found);
    Ok(())
}

impl MemoryStore {
    /// An empty store that keeps at most `memory_bytes` of a round's payloads in memory.
    pub fn new(memory_bytes: u64) -> Self {
        Self {
            memory_bytes,
            journal: Mutex::default(),
            blobs: Mutex::default(),
            spool: Mutex::default(),
        }
    }

    /// Keeps a payload until its round is forgotten; keeping it twice is fine.
    ///
    /// # Errors
    /// [`Refusal::TooLate`] for a forgotten round; a failure of the temporary file.
    pub fn keep(&self, round: u32, payload: Digest, bytes: Vec<u8>) -> Result<(), Error> {
        let mut rounds = lock(&self.spool)?;
        if round <= rounds.forgotten {
            return Err(Refusal::TooLate { round }.into());
        }
        rounds.open.entry(round).or_default().keep(payload, bytes, self.memory_bytes)
    }

    /// Deletes a payload that does not count after all; absent is fine.
    pub fn discard(&self, round: u32, payload: Digest) -> Result<(), Error> {
        if let Some(open) = lock(&self.spool)?.open.get_mut(&round)
            && let Some(Place::Memory(bytes)) = open.places.remove(&payload)
        {
            open.in_memory -= bytes.len() as u64;
        }
        Ok(())
    }

    /// Whether a payload is there.
    pub fn keeps(&self, round: u32, payload: Digest) -> Result<bool, Error> {
        let rounds = lock(&self.spool)?;
        Ok(rounds.open.get(&round).is_some_and(|open| open.places.contains_key(&payload)))
    }

    /// Rounds whose payloads are still there, ascending.
    pub fn spooled_rounds(&self) -> Result<Vec<u32>, Error> {
        Ok(lock(&self.spool)?.open.keys().copied().collect())
    }
}

impl Payloads {
    fn keep(&mut self, payload: Digest, bytes: Vec<u8>, limit: u64) -> Result<(), Error> {
        if self.places.contains_key(&payload) {
            return Ok(());
        }
        let len = bytes.len() as u64;
        let place = if self.in_memory + len <= limit {
            self.in_memory += len;
            Place::Memory(bytes)
        } else {
            let offset = self.in_file;
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(tempfile::tempfile().map_err(spilling)?),
            };
            file.seek(SeekFrom::Start(offset)).map_err(spilling)?;
            file.write_all(&bytes).map_err(spilling)?;
            self.in_file += len;
            Place::File { offset, bytes: len }
        };
        self.places.insert(payload, place);
        Ok(())
    }

    fn read(&mut self, payload: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let (start, bytes) = match self.places.get(&payload) {
            Some(Place::Memory(bytes)) => return copy("payload", bytes, offset, out),
            Some(Place::File { offset, bytes }) => (*offset, *bytes),
            None => return Err(missing("payload", payload)),
        };
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > bytes) {
            let found = format!("{} bytes at {offset}", out.len());
            return Err(Error::caller("payload", format!("a range within {bytes} bytes"), found));
        }
        let file = self.file.as_mut().ok_or(Error::Bug("a payload's file is gone"))?;
        file.seek(SeekFrom::Start(start + offset)).map_err(spilling)?;
        file.read_exact(out).map_err(spilling)
    }
}

impl Lease for MemoryStore {
    fn hold(&self) -> Result<(), Error> {
        // Nobody outside this process can reach its memory.
        Ok(())
    }
}

impl Journal for MemoryStore {
    fn append(&self, records: &[Vec<u8>]) -> Result<(), Error> {
        lock(&self.journal)?.extend_from_slice(records);
        Ok(())
    }

    fn replay(&self) -> Result<Vec<Vec<u8>>, Error> {
        Ok(lock(&self.journal)?.clone())
    }
}

impl Blobs for MemoryStore {
    fn put(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of_bytes(bytes);
        lock(&self.blobs)?.entry(digest).or_insert_with(|| bytes.into());
        Ok(digest)
    }

    fn size(&self, digest: Digest) -> Result<Option<u64>, Error> {
        Ok(lock(&self.blobs)?.get(&digest).map(|bytes| bytes.len() as u64))
    }

    fn read(&self, digest: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let found = lock(&self.blobs)?.get(&digest).cloned();
        copy("blob", &found.ok_or_else(|| missing("blob", digest))?, offset, out)
    }

    fn remove(&self, digest: Digest) -> Result<(), Error> {
        lock(&self.blobs)?.remove(&digest);
        Ok(())
    }
}

impl Spool for MemoryStore {
    fn read(&self, payload: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let mut rounds = lock(&self.spool)?;
        let holder = rounds.open.values_mut().rev().find(|r| r.places.contains_key(&payload));
        holder.ok_or_else(|| missing("payload", payload))?.read(payload, offset, out)
    }

    fn forget(&self, round: u32) -> Result<(), Error> {
        let mut rounds = lock(&self.spool)?;
        rounds.open.remove(&round);
        rounds.forgotten = rounds.forgotten.max(round);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(store: &MemoryStore, payload: Digest, offset: u64, len: usize) -> Option<Vec<u8>> {
        let mut out = vec![0; len];
        Spool::read(store, payload, offset, &mut out).ok().map(|()| out)
    }

    #[test]
    fn payloads_in_memory_and_in_the_file_read_alike() {
        let store = MemoryStore::new(10);
        let payloads: Vec<Vec<u8>> = (0..4).map(|i| vec![i; 6]).collect();
        let names: Vec<Digest> = payloads.iter().map(|p| Digest::of_bytes(p)).collect();
        for (name, bytes) in names.iter().zip(&payloads) {
            store.keep(2, *name, bytes.clone()).unwrap();
            store.keep(2, *name, bytes.clone()).unwrap();
        }
        for (name, bytes) in names.iter().zip(&payloads) {
            assert_eq!(read(&store, *name, 2, 4), Some(bytes[2..].to_vec()));
            assert_eq!(read(&store, *name, 3, 4), None);
            assert_eq!(read(&store, *name, u64::MAX, 4), None);
        }
        assert_eq!(store.spooled_rounds().unwrap(), [2]);
        store.forget(2).unwrap();
        assert_eq!(read(&store, names[0], 0, 1), None);
        assert!(!store.keeps(2, names[0]).unwrap());
        let late = store.keep(2, names[0], payloads[0].clone()).unwrap_err();
        assert!(matches!(late, Error::Peer(Refusal::TooLate { round: 2 })));
    }

    #[test]
    fn blobs_and_journal() {
        let store = MemoryStore::new(0);
        store.hold().unwrap();
        let blob = store.put(b"model").unwrap();
        let mut out = [0; 3];
        Blobs::read(&store, blob, 2, &mut out).unwrap();
        assert_eq!((&out, store.size(blob).unwrap()), (b"del", Some(5)));
        store.remove(blob).unwrap();
        assert!(Blobs::read(&store, blob, 0, &mut out).is_err());
        store.append(&[vec![1], vec![2]]).unwrap();
        assert_eq!(store.replay().unwrap(), [vec![1], vec![2]]);
    }
}
