//! The authority's book: one JSON line per certificate issued or revoked.

use crate::files;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;

/// The book in bytes: a million certificates.
const INDEX_BYTES: u64 = 256 << 20;

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Line {
    Issued { serial: String, name: ParticipantId, role: String },
    Revoked { serial: String, at: i64 },
}

/// The book, held by one process at a time.
pub(super) struct Index {
    path: PathBuf,
    file: File,
    /// Serial to name.
    issued: BTreeMap<String, ParticipantId>,
    /// Serial to time, in seconds since the Unix epoch.
    revoked: BTreeMap<String, i64>,
}

pub(super) fn now_seconds() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

impl Index {
    /// Waits for the lock and reads the book.
    pub(super) fn lock(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("index.jsonl");
        let fail = |source| files::failed("open", &path, source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(&path).map_err(fail)?;
        file.lock().map_err(fail)?;
        let mut index = Self { path, file, issued: BTreeMap::new(), revoked: BTreeMap::new() };
        index.read()?;
        Ok(index)
    }

    fn read(&mut self) -> Result<(), Error> {
        let mut text = String::new();
        let read = (&self.file).take(INDEX_BYTES).read_to_string(&mut text);
        read.map_err(|source| files::failed("read", &self.path, source))?;
        // A line without its end was being written when the process died: nothing followed it.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text[..whole].lines() {
            let line =
                serde_json::from_str(line).map_err(|source| Error::world("read index", source))?;
            self.take(line);
        }
        let cut = self.file.set_len(whole as u64).and_then(|()| self.file.seek(SeekFrom::End(0)));
        cut.map_err(|source| files::failed("repair", &self.path, source))?;
        Ok(())
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Issued { serial, name, .. } => drop(self.issued.insert(serial, name)),
            Line::Revoked { serial, at } => drop(self.revoked.insert(serial, at)),
        }
    }

    /// Writes a line; durable when it returns.
    pub(super) fn append(&mut self, line: Line) -> Result<(), Error> {
        let mut bytes = tacit_core::codec::encode(&line);
        bytes.push(b'\n');
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_all());
        written.map_err(|source| files::failed("append to", &self.path, source))?;
        self.take(line);
        Ok(())
    }

    /// Serials of `name` that are not revoked.
    pub(super) fn live(&self, name: &ParticipantId) -> impl Iterator<Item = &str> {
        let of_name = self.issued.iter().filter(move |(_, n)| *n == name);
        of_name.map(|(serial, _)| serial.as_str()).filter(|s| !self.revoked.contains_key(*s))
    }

    /// Whether anything was ever issued to `name`.
    pub(super) fn knows(&self, name: &ParticipantId) -> bool {
        self.issued.values().any(|n| n == name)
    }

    /// Serials and times of everything revoked.
    pub(super) fn revoked(&self) -> Vec<(String, i64)> {
        self.revoked.iter().map(|(serial, at)| (serial.clone(), *at)).collect()
    }
}
