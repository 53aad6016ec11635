//! The few file operations of a log, so that a test can stop them between any two.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Suffix of a file that is being written. Files so named are never read.
const TEMPORARY: &str = ".tmp";

/// Files written at a time: a disk's journal commits those that wait together at once.
const WRITERS: usize = 8;

/// Files below one folder; paths use `/` and are relative to it.
pub(crate) trait Files: Send + Sync {
    /// Replaces a file as a whole: after a crash it has its old or its new contents, and the new
    /// ones once this returns.
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Replaces several files; after a crash, any of them. Faster than one by one where waiting
    /// for the disk is all there is to do.
    fn write_all(&self, files: &[(String, Vec<u8>)]) -> io::Result<()>;
    /// Contents, or `None` if absent; refuses files of more than `limit` bytes.
    fn read(&self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>>;
    /// Deletes a file; absent is fine.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Files below `folder`, in order of their names, without those half written; removes these
    /// where `clean` says so.
    fn list(&self, folder: &str, clean: bool) -> io::Result<Vec<String>>;
}

/// A folder on disk.
pub(crate) struct Folder(pub PathBuf);

impl Folder {
    fn at(&self, path: &str) -> PathBuf {
        path.split('/').fold(self.0.clone(), |at, part| at.join(part))
    }
}

/// A folder that is written without waiting for the disk: of a run that a crash ends anyway.
pub(crate) struct Unsynced(pub Folder);

impl Files for Unsynced {
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let target = self.0.at(path);
        fs::create_dir_all(target.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
        fs::write(target, bytes)
    }

    fn write_all(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        files.iter().try_for_each(|(path, bytes)| self.write(path, bytes))
    }

    fn read(&self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        self.0.read(path, limit)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.0.remove(path)
    }

    fn list(&self, folder: &str, clean: bool) -> io::Result<Vec<String>> {
        self.0.list(folder, clean)
    }
}

impl Files for Folder {
    fn write(&self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let target = self.at(path);
        let parent = target.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let fresh = !parent.is_dir();
        fs::create_dir_all(parent)?;
        let mut temporary = target.clone().into_os_string();
        temporary.push(TEMPORARY);
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &target)?;
        sync_folder(parent)?;
        // A new folder is durable only once its parents are.
        if fresh {
            let above = parent.ancestors().skip(1).take_while(|at| at.starts_with(&self.0));
            above.into_iter().try_for_each(sync_folder)?;
        }
        Ok(())
    }

    fn write_all(&self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        let share = files.len().div_ceil(WRITERS).max(1);
        std::thread::scope(|scope| {
            let mut shares = files.chunks(share);
            let mine = shares.next().unwrap_or_default();
            let write = |files: &[(String, Vec<u8>)]| {
                files.iter().try_for_each(|(path, bytes)| self.write(path, bytes))
            };
            let others: Vec<_> = shares.map(|files| scope.spawn(move || write(files))).collect();
            let mut done = vec![write(mine)];
            let died = |_| Err(io::Error::other("a writing thread died"));
            done.extend(others.into_iter().map(|thread| thread.join().unwrap_or_else(died)));
            done.into_iter().collect()
        })
    }

    fn read(&self, path: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        read_bounded(&self.at(path), limit)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        match fs::remove_file(self.at(path)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    fn list(&self, folder: &str, clean: bool) -> io::Result<Vec<String>> {
        let mut found = Vec::new();
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            let entries = match fs::read_dir(self.at(&folder)) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                // A name that is not UTF-8 is none of ours.
                let Some(name) = name.to_str() else { continue };
                let path = format!("{folder}/{name}");
                if entry.file_type()?.is_dir() {
                    waiting.push(path);
                } else if !name.ends_with(TEMPORARY) {
                    found.push(path);
                } else if clean {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// Contents of a file of at most `limit` bytes, `None` if absent.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let text = format!("longer than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(Some(bytes))
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file; renames are durable with the file.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
