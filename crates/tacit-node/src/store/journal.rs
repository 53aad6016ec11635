//! Journal and enrolments in one redb file, and the lock that is the coordinator's lease.

use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::Path;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;

const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");
const ENROLMENTS: TableDefinition<'_, &str, [u8; 32]> = TableDefinition::new("enrolments");

/// Pages kept in memory, in bytes: the journal is written at its end and read once.
const CACHE_BYTES: usize = 16 << 20;

pub(super) struct StateFile {
    database: Database,
    /// Held as long as the database is: the lease.
    _lease: File,
}

fn failed<E: Into<redb::Error>>(source: E) -> Error {
    Error::world("use the state file", source.into())
}

impl StateFile {
    /// Opens or creates the state file of `dir` and takes its lease.
    pub(super) fn open(dir: &Path) -> Result<Self, Error> {
        let lease = take_lease(&dir.join("lease"))?;
        let path = dir.join("state.redb");
        if !path.exists() {
            // A crash while the database is created would leave a file that is none.
            let unfinished = dir.join("state.redb.new");
            let _ = std::fs::remove_file(&unfinished);
            prepare(&open_database(&unfinished)?)?;
            std::fs::rename(&unfinished, &path)
                .map_err(|e| Error::world(format!("create {}", path.display()), e))?;
            crate::files::sync_dir(dir)?;
        }
        Ok(Self { database: open_database(&path)?, _lease: lease })
    }

    pub(super) fn append(&self, records: &[Vec<u8>]) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let begun = self.database.begin_write().map_err(failed)?;
        {
            let mut table = begun.open_table(JOURNAL).map_err(failed)?;
            let last = table.last().map_err(failed)?.map(|(index, _)| index.value());
            let next = last.map_or(0, |last| last + 1);
            for (index, record) in (next..).zip(records) {
                table.insert(index, record.as_slice()).map_err(failed)?;
            }
        }
        begun.commit().map_err(failed)
    }

    pub(super) fn replay(&self) -> Result<Vec<Vec<u8>>, Error> {
        let table =
            self.database.begin_read().map_err(failed)?.open_table(JOURNAL).map_err(failed)?;
        let records = table.iter().map_err(failed)?;
        records.map(|entry| Ok(entry.map_err(failed)?.1.value().to_vec())).collect()
    }

    pub(super) fn enrol(&self, name: &ParticipantId, key: &[u8; 32]) -> Result<bool, Error> {
        let begun = self.database.begin_write().map_err(failed)?;
        let new = {
            let mut table = begun.open_table(ENROLMENTS).map_err(failed)?;
            let known = table.get(name.as_str()).map_err(failed)?.map(|key| key.value());
            match known {
                Some(known) if known != *key => {
                    let why = format!("{name} is enrolled with another key");
                    return Err(Refusal::BadCertificate { why }.into());
                }
                Some(_) => return Ok(false),
                None => table.insert(name.as_str(), key).map_err(failed)?.is_none(),
            }
        };
        begun.commit().map_err(failed)?;
        Ok(new)
    }

    pub(super) fn unenrol(&self, name: &ParticipantId) -> Result<(), Error> {
        let begun = self.database.begin_write().map_err(failed)?;
        begun.open_table(ENROLMENTS).map_err(failed)?.remove(name.as_str()).map_err(failed)?;
        begun.commit().map_err(failed)
    }

    pub(super) fn enrolled_key(&self, name: &ParticipantId) -> Result<Option<[u8; 32]>, Error> {
        let table =
            self.database.begin_read().map_err(failed)?.open_table(ENROLMENTS).map_err(failed)?;
        Ok(table.get(name.as_str()).map_err(failed)?.map(|key| key.value()))
    }

    pub(super) fn enrolled(&self) -> Result<BTreeMap<ParticipantId, [u8; 32]>, Error> {
        let table =
            self.database.begin_read().map_err(failed)?.open_table(ENROLMENTS).map_err(failed)?;
        let mut all = BTreeMap::new();
        for entry in table.iter().map_err(failed)? {
            let (name, key) = entry.map_err(failed)?;
            let name = ParticipantId::parse(name.value());
            let name = name.map_err(|_| Error::Bug("the state file holds a bad name"))?;
            all.insert(name, key.value());
        }
        Ok(all)
    }
}

fn open_database(path: &Path) -> Result<Database, Error> {
    let opened = Database::builder().set_cache_size(CACHE_BYTES).create(path);
    opened.map_err(|error| Error::world(format!("open {}", path.display()), error))
}

/// Makes the tables, so that reading an empty journal is no special case.
fn prepare(database: &Database) -> Result<(), Error> {
    let begun = database.begin_write().map_err(failed)?;
    begun.open_table(JOURNAL).map_err(failed)?;
    begun.open_table(ENROLMENTS).map_err(failed)?;
    begun.commit().map_err(failed)
}

/// A lock that ends with this process, however it ends.
fn take_lease(path: &Path) -> Result<File, Error> {
    let doing = || format!("lock {}", path.display());
    let file = File::options().create(true).append(true).open(path);
    let file = file.map_err(|e| Error::world(doing(), e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let found = format!("{} in use by another process", path.display());
            Err(Error::caller("state directory", "one that no coordinator uses", found))
        }
        Err(TryLockError::Error(e)) => Err(Error::world(doing(), e)),
    }
}
