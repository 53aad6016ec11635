//! Files that are either there as a whole or not at all, whatever dies in between.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tacit_core::error::Error;

/// Who may read a new file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever the operating system's mask lets.
    Shared,
    /// The owner alone: keys.
    Owner,
}

pub(crate) fn failed(doing: &str, path: &Path, source: std::io::Error) -> Error {
    Error::world(format!("{doing} {}", path.display()), source)
}

/// Writes, syncs, renames, syncs the directory: `path` shows the old bytes or all of the new.
pub fn write_whole(path: &Path, bytes: &[u8], access: Access) -> Result<(), Error> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let parent = parent.unwrap_or(Path::new("."));
    let name = path.file_name().ok_or(Error::Bug("a file without a name was to be written"))?;
    let mut temporary = name.to_owned();
    // Unique: two writers of one blob must not share a half-written file.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    temporary.push(format!(".{}.{number}.tmp", std::process::id()));
    let temporary = parent.join(temporary);
    let write = || -> std::io::Result<()> {
        let mut file = create(&temporary, access)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| failed("write", path, source))?;
    sync_dir(parent)
}

/// Creates or empties a file.
pub(crate) fn create(path: &Path, access: Access) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if access == Access::Owner {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), Error> {
    let synced = File::open(path).and_then(|dir| dir.sync_all());
    synced.map_err(|source| failed("sync directory", path, source))
}

/// Creates a directory and its parents.
pub(crate) fn make_dir(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|source| failed("create directory", path, source))
}

/// Deletes a file; absent is fine.
pub fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(failed("delete", path, source)),
        _ => Ok(()),
    }
}

/// Deletes what [`write_whole`] left unfinished in a directory that nobody else writes.
pub(crate) fn sweep(dir: &Path) -> Result<(), Error> {
    for path in list(dir)? {
        if path.extension().is_some_and(|e| e == "tmp") {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Entries of a directory.
pub(crate) fn list(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(dir).and_then(|d| d.map(|e| Ok(e?.path())).collect());
    entries.map_err(|source| failed("list", dir, source))
}

/// Reads a file that must not be larger than `limit` bytes.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    read.map_err(|source| failed("read", path, source))?;
    if bytes.len() as u64 > limit {
        let found = format!("{} is larger", path.display());
        return Err(Error::caller("file", format!("at most {limit} bytes"), found));
    }
    Ok(bytes)
}
