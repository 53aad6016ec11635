//! Encryption of spooled payloads: AES-256-GCM per block of 16 KiB, under a key of the round
//! that is destroyed when the round is over.
//!
//! A sealed block is `nonce (12) ‖ ciphertext ‖ tag (16)`. Nonces are random: a block that is
//! received again after a crash never reuses one, and a round stays far below the 2³² blocks
//! (64 TiB) that NIST SP 800-38D, 8.3 allows. Digest, length and position of the payload are
//! authenticated, so blocks can be neither moved nor cut off.

use crate::files::{self, Access};
use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use zeroize::Zeroizing;

/// Plain bytes of a block: small, so that reading a frame decrypts little beyond it.
pub(super) const BLOCK: u64 = 16 * 1024;

const NONCE: usize = 12;
const TAG: usize = 16;
const SEALED: u64 = BLOCK + (NONCE + TAG) as u64;

/// The key of a round.
pub(super) struct RoundKey(RandomizedNonceKey);

/// A payload's file and what binds its blocks to it.
pub(super) struct SealedFile<'a> {
    key: &'a RoundKey,
    payload: Digest,
    total: u64,
    path: &'a Path,
    file: File,
}

impl RoundKey {
    /// Draws a key and makes it durable at `path`.
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut bytes[..]).map_err(|e| Error::world("draw a key", e))?;
        files::write_whole(path, &bytes[..], Access::Owner)?;
        Self::of(&bytes[..])
    }

    /// Reads the key of a round; `None` if it was destroyed.
    pub(super) fn load(path: &Path) -> Result<Option<Self>, Error> {
        if !path.exists() {
            return Ok(None);
        }
        let bytes = Zeroizing::new(files::read_limited(path, 32)?);
        if bytes.len() != 32 || bytes.iter().all(|b| *b == 0) {
            return Ok(None);
        }
        Self::of(&bytes).map(Some)
    }

    fn of(bytes: &[u8]) -> Result<Self, Error> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes);
        key.map(Self).map_err(|_| Error::Bug("a round's key has the wrong length"))
    }

    /// Overwrites the key's only copy and deletes it. A file system that keeps old blocks (a
    /// snapshot, a worn flash cell) may still hold it: full-disk encryption is the answer there.
    pub(super) fn destroy(path: &Path) -> Result<(), Error> {
        if path.exists() {
            let overwrite = || -> std::io::Result<()> {
                let mut file = OpenOptions::new().write(true).open(path)?;
                file.write_all(&[0; 32])?;
                file.sync_all()
            };
            overwrite().map_err(|source| files::failed("overwrite", path, source))?;
        }
        files::remove(path)
    }
}

impl<'a> SealedFile<'a> {
    /// Opens an unfinished payload of `total` bytes, creating it if need be.
    pub(super) fn append(
        key: &'a RoundKey,
        payload: Digest,
        total: u64,
        path: &'a Path,
    ) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        let opened = options.read(true).write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(|source| files::failed("open", path, source))?;
        Ok(Self { key, payload, total, path, file })
    }

    /// Opens a finished payload; its length follows from the file's.
    pub(super) fn finished(
        key: &'a RoundKey,
        payload: Digest,
        path: &'a Path,
    ) -> Result<Self, Error> {
        let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = opened.map_err(|source| files::failed("open", path, source))?;
        let total = length.saturating_sub(length.div_ceil(SEALED) * (NONCE + TAG) as u64);
        Ok(Self { key, payload, total, path, file })
    }

    /// Length of the plain payload in bytes.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    fn aad(&self, block: u64) -> Aad<[u8; 48]> {
        let mut aad = [0; 48];
        aad[..32].copy_from_slice(&self.payload.0);
        aad[32..40].copy_from_slice(&self.total.to_le_bytes());
        aad[40..].copy_from_slice(&block.to_le_bytes());
        Aad::from(aad)
    }

    fn failed(&self, doing: &str, source: std::io::Error) -> Error {
        files::failed(doing, self.path, source)
    }

    /// Seals `bytes` at the block boundary `offset`; all but the payload's last block are whole.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let mut sealed = Vec::with_capacity(bytes.len() + bytes.len() / 512 + 64);
        for (block, plain) in (offset / BLOCK..).zip(bytes.chunks(BLOCK as usize)) {
            let start = sealed.len();
            sealed.extend_from_slice(&[0; NONCE]);
            sealed.extend_from_slice(plain);
            let body = sealed.get_mut(start + NONCE..).unwrap_or_default();
            let made = self.key.0.seal_in_place_separate_tag(self.aad(block), body);
            let (nonce, tag) = made.map_err(|_| Error::Bug("a block could not be encrypted"))?;
            sealed[start..start + NONCE].copy_from_slice(nonce.as_ref());
            sealed.extend_from_slice(tag.as_ref());
        }
        let start = offset / BLOCK * SEALED;
        let written = self.file.seek(SeekFrom::Start(start));
        let written = written.and_then(|_| self.file.write_all(&sealed));
        written.map_err(|source| self.failed("write", source))
    }

    /// Reads whole blocks: the plain bytes of `first..last`, fewer at the payload's end.
    /// `None` where a block is missing or does not authenticate.
    pub(super) fn blocks(&mut self, first: u64, last: u64) -> Result<Option<Vec<u8>>, Error> {
        let mut plain = Vec::with_capacity((last.saturating_sub(first) * BLOCK) as usize);
        let whole = self.open_each(first, last, |block| plain.extend_from_slice(block))?;
        Ok(whole.then_some(plain))
    }

    /// Fills `out` from `offset`.
    pub(super) fn read(&mut self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let end = offset.checked_add(out.len() as u64).filter(|end| *end <= self.total);
        let end = end.ok_or_else(|| {
            let found = format!("{} bytes from {offset}", out.len());
            Error::caller("range of a payload", format!("at most {} bytes", self.total), found)
        })?;
        let first = offset / BLOCK;
        let (mut skip, mut done) = ((offset - first * BLOCK) as usize, 0);
        let whole = self.open_each(first, end.div_ceil(BLOCK), |block| {
            let wanted = block.get(skip..).unwrap_or_default();
            let rest = out.get_mut(done..).unwrap_or_default();
            let count = wanted.len().min(rest.len());
            rest[..count].copy_from_slice(&wanted[..count]);
            (skip, done) = (0, done + count);
        })?;
        match whole && done == out.len() {
            true => Ok(()),
            false => Err(self.failed("decrypt", std::io::ErrorKind::InvalidData.into())),
        }
    }

    /// Decrypts the blocks `first..last`, as many as there are, and shows each; false where a
    /// block does not authenticate.
    fn open_each(
        &mut self,
        first: u64,
        last: u64,
        mut show: impl FnMut(&[u8]),
    ) -> Result<bool, Error> {
        let mut sealed = vec![0; (last.saturating_sub(first) * SEALED) as usize];
        let read = self.file.seek(SeekFrom::Start(first.saturating_mul(SEALED)));
        let read = read.and_then(|_| fill(&mut self.file, &mut sealed));
        let found = read.map_err(|source| self.failed("read", source))?;
        for (block, bytes) in (first..).zip(sealed[..found].chunks_mut(SEALED as usize)) {
            let Some((nonce, body)) = bytes.split_at_mut_checked(NONCE) else { return Ok(false) };
            let expected = self.total.saturating_sub(block.saturating_mul(BLOCK)).min(BLOCK);
            let nonce = Nonce::try_assume_unique_for_key(nonce);
            let opened = nonce.and_then(|n| self.key.0.open_in_place(n, self.aad(block), body));
            match opened {
                Ok(opened) if opened.len() as u64 == expected => show(opened),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Cuts off everything after the first `bytes` plain bytes, which end with a block.
    pub(super) fn truncate(&self, bytes: u64) -> Result<(), Error> {
        let sealed = bytes + bytes.div_ceil(BLOCK) * (NONCE + TAG) as u64;
        self.file.set_len(sealed).map_err(|source| self.failed("truncate", source))
    }

    /// Makes the bytes durable.
    pub(super) fn sync(&self) -> Result<(), Error> {
        self.file.sync_all().map_err(|source| self.failed("sync", source))
    }
}

/// Reads up to the end of the file or of `out`; says how much.
fn fill(file: &mut File, out: &mut [u8]) -> std::io::Result<usize> {
    let mut done = 0;
    while done < out.len() {
        match file.read(&mut out[done..]) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}
