//! Journal and enrolments in one redb file. Its exclusive lock is the coordinator's lease.

use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use std::collections::BTreeMap;
use std::path::Path;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;

const JOURNAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");
const ENROLMENTS: TableDefinition<'_, &str, [u8; 32]> = TableDefinition::new("enrolments");

/// Pages kept in memory, in bytes: the journal is written at its end and read once.
const CACHE_BYTES: usize = 16 << 20;

pub(super) struct StateFile(Database);

fn failed<E: Into<redb::Error>>(source: E) -> Error {
    Error::world("use the state file", source.into())
}

impl StateFile {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let opened = Database::builder().set_cache_size(CACHE_BYTES).create(path);
        let database = opened.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                let found = format!("{} in use by another process", path.display());
                Error::caller("state directory", "one that no coordinator uses", found)
            }
            other => Error::world(format!("open {}", path.display()), other),
        })?;
        let begun = database.begin_write().map_err(failed)?;
        begun.open_table(JOURNAL).map_err(failed)?;
        begun.open_table(ENROLMENTS).map_err(failed)?;
        begun.commit().map_err(failed)?;
        Ok(Self(database))
    }

    pub(super) fn append(&self, records: &[Vec<u8>]) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let begun = self.0.begin_write().map_err(failed)?;
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
        let table = self.0.begin_read().map_err(failed)?.open_table(JOURNAL).map_err(failed)?;
        let records = table.iter().map_err(failed)?;
        records.map(|entry| Ok(entry.map_err(failed)?.1.value().to_vec())).collect()
    }

    pub(super) fn enrol(&self, name: &ParticipantId, key: &[u8; 32]) -> Result<bool, Error> {
        let begun = self.0.begin_write().map_err(failed)?;
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
        let begun = self.0.begin_write().map_err(failed)?;
        begun.open_table(ENROLMENTS).map_err(failed)?.remove(name.as_str()).map_err(failed)?;
        begun.commit().map_err(failed)
    }

    pub(super) fn enrolled_key(&self, name: &ParticipantId) -> Result<Option<[u8; 32]>, Error> {
        let table = self.0.begin_read().map_err(failed)?.open_table(ENROLMENTS).map_err(failed)?;
        Ok(table.get(name.as_str()).map_err(failed)?.map(|key| key.value()))
    }

    pub(super) fn enrolled(&self) -> Result<BTreeMap<ParticipantId, [u8; 32]>, Error> {
        let table = self.0.begin_read().map_err(failed)?.open_table(ENROLMENTS).map_err(failed)?;
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
