//! Content-addressed files: a name is there only once all of its bytes are durable.

use crate::files::{self, Access};
use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use tacit_core::digest::Digest;
use tacit_core::error::Error;

pub(super) struct BlobDir(PathBuf);

impl BlobDir {
    pub(super) fn open(dir: &Path) -> Result<Self, Error> {
        files::make_dir(dir)?;
        files::sweep(dir)?;
        Ok(Self(dir.to_owned()))
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.0.join(digest.to_string())
    }

    pub(super) fn put(&self, bytes: &[u8]) -> Result<Digest, Error> {
        let digest = Digest::of_bytes(bytes);
        if self.size(digest)? != Some(bytes.len() as u64) {
            files::write_whole(&self.path(digest), bytes, Access::Shared)?;
        }
        Ok(digest)
    }

    pub(super) fn size(&self, digest: Digest) -> Result<Option<u64>, Error> {
        let path = self.path(digest);
        match std::fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(files::failed("look at", &path, error)),
        }
    }

    pub(super) fn read(&self, digest: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let path = self.path(digest);
        let read = File::open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(offset))?;
            file.read_exact(out)
        });
        read.map_err(|source| files::failed("read", &path, source))
    }

    pub(super) fn remove(&self, digest: Digest) -> Result<(), Error> {
        files::remove(&self.path(digest))
    }
}
