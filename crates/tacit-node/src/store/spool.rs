//! Payloads on their way in: resumable, encrypted, gone with their round.
//!
//! `spool/ROUND/` holds `key`, a file `DIGEST-NAME` per finished payload and participant, and a
//! file `DIGEST+NAME` per participant that is still sending. What the latter holds is found again
//! after a crash by decrypting it: a torn block does not authenticate and is cut off. Equal
//! payloads of two participants are two files: neither is spared sending it, nor can one have the
//! other's deleted.

use super::seal::{BLOCK, RoundKey, SealedFile};
use crate::files;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use tacit_core::digest::{Digest, Hasher};
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;

/// Blocks hashed at a time when a transfer is resumed: 1 MiB.
const RESUME_BLOCKS: u64 = 64;

/// One participant's payload of one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Round, from 1.
    pub round: u32,
    /// Who sends.
    pub participant: ParticipantId,
    /// SHA-256 of the payload.
    pub payload: Digest,
    /// Size of the payload in bytes.
    pub bytes: u64,
}

pub(super) struct SpoolDir {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rounds: BTreeMap<u32, Arc<RoundSpool>>,
    forgotten: u32,
}

struct RoundSpool {
    dir: PathBuf,
    key: RoundKey,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// Who has sent each payload as a whole.
    finished: BTreeMap<Digest, BTreeSet<ParticipantId>>,
    sending: HashMap<ParticipantId, Arc<Mutex<Slot>>>,
}

/// One participant's unfinished transfer: one, so that what it may send bounds what we hold.
/// Locked before `Inner`, never after.
#[derive(Default)]
struct Slot {
    progress: Option<Progress>,
    /// Parts from before a restart.
    leftovers: Vec<PathBuf>,
}

struct Progress {
    transfer: Transfer,
    offset: u64,
    hasher: Hasher,
    finished: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>, Error> {
    mutex.lock().map_err(|_| Error::Bug("a thread panicked in the spool"))
}

impl SpoolDir {
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        files::make_dir(root)?;
        let mut state = State::default();
        for dir in files::list(root)? {
            let name = dir.file_name().and_then(|n| n.to_str());
            let Some(round) = name.and_then(|n| n.parse().ok()) else { continue };
            match RoundKey::load(&dir.join("key"))? {
                Some(key) => drop(state.rounds.insert(round, RoundSpool::load(dir, key)?)),
                // Died while forgetting the round, or before its first byte: finish the work.
                None => remove_dir(&dir)?,
            }
        }
        Ok(Self { root: root.to_owned(), state: Mutex::new(state) })
    }

    /// The round's spool; `create` makes one with a fresh key.
    fn round(&self, round: u32, create: bool) -> Result<Arc<RoundSpool>, Error> {
        let mut state = lock(&self.state)?;
        if let Some(found) = state.rounds.get(&round) {
            return Ok(found.clone());
        }
        if !create || round <= state.forgotten {
            return Err(Refusal::TooLate { round }.into());
        }
        let dir = self.root.join(round.to_string());
        files::make_dir(&dir)?;
        let key = RoundKey::create(&dir.join("key"))?;
        files::sync_dir(&self.root)?;
        let made = Arc::new(RoundSpool { dir, key, inner: Mutex::default() });
        state.rounds.insert(round, made.clone());
        Ok(made)
    }

    pub(super) fn start(&self, transfer: &Transfer) -> Result<u64, Error> {
        let round = self.round(transfer.round, true)?;
        round.with_progress(transfer, |progress| Ok(progress.offset))
    }

    pub(super) fn write(&self, transfer: &Transfer, at: u64, bytes: &[u8]) -> Result<u64, Error> {
        let round = self.round(transfer.round, true)?;
        round.with_progress(transfer, |progress| {
            if at == progress.offset && !progress.finished {
                round.append(progress, bytes)?;
            }
            Ok(progress.offset)
        })
    }

    pub(super) fn finish(&self, transfer: &Transfer) -> Result<(), Error> {
        let round = self.round(transfer.round, true)?;
        round.with_progress(transfer, |progress| match progress.finished {
            true => Ok(()),
            false => round.finish(progress),
        })
    }

    pub(super) fn discard(&self, transfer: &Transfer) -> Result<(), Error> {
        let round = lock(&self.state)?.rounds.get(&transfer.round).cloned();
        round.map_or(Ok(()), |round| round.discard(transfer))
    }

    pub(super) fn read(&self, payload: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let rounds: Vec<_> = lock(&self.state)?.rounds.values().rev().cloned().collect();
        for round in rounds {
            let inner = lock(&round.inner)?;
            let owner = inner.finished.get(&payload).and_then(BTreeSet::first).cloned();
            drop(inner);
            if let Some(owner) = owner {
                let path = round.path(payload, '-', &owner);
                return SealedFile::finished(&round.key, payload, &path)?.read(offset, out);
            }
        }
        let found = payload.to_string();
        Err(Error::caller("payload", "one of a contribution that was accepted", found))
    }

    pub(super) fn forget(&self, round: u32) -> Result<(), Error> {
        let mut state = lock(&self.state)?;
        state.rounds.remove(&round);
        state.forgotten = state.forgotten.max(round);
        let dir = self.root.join(round.to_string());
        if !dir.exists() {
            return Ok(());
        }
        RoundKey::destroy(&dir.join("key"))?;
        files::sync_dir(&dir)?;
        remove_dir(&dir)?;
        files::sync_dir(&self.root)
    }
}

fn remove_dir(dir: &Path) -> Result<(), Error> {
    std::fs::remove_dir_all(dir).map_err(|source| files::failed("delete", dir, source))
}

impl RoundSpool {
    fn load(dir: PathBuf, key: RoundKey) -> Result<Arc<Self>, Error> {
        let mut inner = Inner::default();
        for path in files::list(&dir)? {
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            let parts = name.split_at_checked(64).and_then(|(digest, rest)| {
                let (kind, owner) = rest.split_at_checked(1)?;
                Some((Digest::parse(digest)?, kind, ParticipantId::parse(owner).ok()?))
            });
            match parts {
                Some((payload, "-", owner)) => {
                    inner.finished.entry(payload).or_default().insert(owner);
                }
                Some((_, "+", owner)) => {
                    let slot = inner.sending.entry(owner).or_default().clone();
                    lock(&slot)?.leftovers.push(path);
                }
                _ if name != "key" => files::remove(&path)?,
                _ => {}
            }
        }
        Ok(Arc::new(Self { dir, key, inner: Mutex::new(inner) }))
    }

    fn path(&self, payload: Digest, kind: char, owner: &ParticipantId) -> PathBuf {
        self.dir.join(format!("{payload}{kind}{owner}"))
    }

    fn part(&self, transfer: &Transfer) -> PathBuf {
        self.path(transfer.payload, '+', &transfer.participant)
    }

    fn whole(&self, transfer: &Transfer) -> PathBuf {
        self.path(transfer.payload, '-', &transfer.participant)
    }

    /// Works on the state of a transfer; gives up another one of the same participant for it.
    fn with_progress<T>(
        &self,
        transfer: &Transfer,
        work: impl FnOnce(&mut Progress) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let slot =
            lock(&self.inner)?.sending.entry(transfer.participant.clone()).or_default().clone();
        let mut slot = lock(&slot)?;
        let usable = |p: &Progress| Ok::<_, Error>(!p.finished || self.holds(transfer)?);
        let current = match slot.progress.take() {
            Some(current) if current.transfer == *transfer && usable(&current)? => current,
            other => {
                let keep = self.part(transfer);
                let old = other.map(|p| self.part(&p.transfer));
                let leftovers = std::mem::take(&mut slot.leftovers);
                for path in leftovers.iter().chain(&old).filter(|path| **path != keep) {
                    files::remove(path)?;
                }
                self.resume(transfer)?
            }
        };
        work(slot.progress.insert(current))
    }

    /// Whether this participant has sent this payload as a whole.
    fn holds(&self, transfer: &Transfer) -> Result<bool, Error> {
        let inner = lock(&self.inner)?;
        let owners = inner.finished.get(&transfer.payload);
        Ok(owners.is_some_and(|owners| owners.contains(&transfer.participant)))
    }

    fn discard(&self, transfer: &Transfer) -> Result<(), Error> {
        let mut inner = lock(&self.inner)?;
        if let Some(owners) = inner.finished.get_mut(&transfer.payload) {
            owners.remove(&transfer.participant);
        }
        files::remove(&self.whole(transfer))
    }

    /// Reads what an unfinished transfer holds; cuts off what did not survive.
    fn resume(&self, transfer: &Transfer) -> Result<Progress, Error> {
        if self.holds(transfer)? {
            let path = self.whole(transfer);
            let total = SealedFile::finished(&self.key, transfer.payload, &path)?.total();
            if total == transfer.bytes {
                let (transfer, hasher) = (transfer.clone(), Hasher::new());
                return Ok(Progress { transfer, offset: total, hasher, finished: true });
            }
        }
        let path = self.part(transfer);
        let mut file = SealedFile::append(&self.key, transfer.payload, transfer.bytes, &path)?;
        let (mut offset, mut hasher) = (0, Hasher::new());
        while offset < transfer.bytes {
            let first = offset / BLOCK;
            let plain = match file.blocks(first, first + RESUME_BLOCKS)? {
                Some(plain) => plain,
                // One of them is torn: take those before it one by one.
                None => file.blocks(first, first + 1)?.unwrap_or_default(),
            };
            if plain.is_empty() {
                break;
            }
            hasher.update(&plain);
            offset += plain.len() as u64;
        }
        file.truncate(offset)?;
        Ok(Progress { transfer: transfer.clone(), offset, hasher, finished: false })
    }

    fn append(&self, progress: &mut Progress, bytes: &[u8]) -> Result<(), Error> {
        let transfer = &progress.transfer;
        let end = progress.offset.saturating_add(bytes.len() as u64);
        if end > transfer.bytes {
            let (what, limit) = ("payload".into(), transfer.bytes);
            return Err(Refusal::TooLarge { what, limit, found: end }.into());
        }
        // Whole blocks only, up to the last: a block is sealed once.
        let whole =
            if end == transfer.bytes { bytes.len() } else { bytes.len() & !(BLOCK as usize - 1) };
        let bytes = bytes.get(..whole).unwrap_or_default();
        let path = self.part(transfer);
        let mut file = SealedFile::append(&self.key, transfer.payload, transfer.bytes, &path)?;
        file.write(progress.offset, bytes)?;
        progress.hasher.update(bytes);
        progress.offset += bytes.len() as u64;
        Ok(())
    }

    fn finish(&self, progress: &mut Progress) -> Result<(), Error> {
        let transfer = &progress.transfer;
        if progress.offset != transfer.bytes {
            let (expected, found) = (transfer.bytes, progress.offset);
            return Err(Refusal::Truncated { expected, found }.into());
        }
        let part = self.part(transfer);
        let found = progress.hasher.clone().finish();
        if found != transfer.payload {
            let expected = transfer.payload;
            files::remove(&part)?;
            (progress.offset, progress.hasher) = (0, Hasher::new());
            return Err(Refusal::HashMismatch { expected, found }.into());
        }
        SealedFile::append(&self.key, transfer.payload, transfer.bytes, &part)?.sync()?;
        let renamed = std::fs::rename(&part, self.whole(transfer));
        renamed.map_err(|source| files::failed("rename", &part, source))?;
        files::sync_dir(&self.dir)?;
        let owner = transfer.participant.clone();
        lock(&self.inner)?.finished.entry(transfer.payload).or_default().insert(owner);
        progress.finished = true;
        Ok(())
    }
}
