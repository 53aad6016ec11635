//! The folder of a ceremony: its transcript, the current file, and the log of both.
//!
//! `ceremony.json` names the current file by its digest, and is replaced in one step, after the
//! file is durable: whatever dies in between, the folder is as it was before or after. What is
//! noted only then, the log's record, and what is deleted, the last file, is made up for by
//! whoever writes next.

use std::fs::{File, TryLockError};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use tacit_audit::{Log, OsEntropy, Record as Entry, records, scheme, signer};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::limits;
use tacit_node::files::{Access, read_limited, remove, write_whole};
use tacit_zk::ceremony::{By, Phase, Record, State, Transcript};

/// The folder, for whoever reads it.
pub struct Place(PathBuf);

/// The folder, for the one program that writes it until this is dropped.
pub struct Owned {
    place: Place,
    _lock: File,
}

/// What is in it.
pub struct Held {
    pub transcript: Transcript,
    /// The current file.
    pub file: Vec<u8>,
    /// The state before anybody contributed.
    pub first: State,
}

const TRANSCRIPT: &str = "ceremony.json";
/// Before anybody contributed to a circuit's key; powers begin with ones.
const FIRST: &str = "first.zkey";

impl Place {
    pub fn new(dir: &Path) -> Self {
        Self(dir.to_owned())
    }

    /// Reads everything; the transcript's chain and signatures and the file's digest are checked.
    pub fn read(&self) -> Result<Held, Error> {
        let json = read_limited(&self.0.join(TRANSCRIPT), limits::TRANSCRIPT_BYTES as u64)?;
        let transcript = Transcript::read(&json)?;
        let bytes = |path: &Path| read_limited(path, limits::CIRCUIT_BYTES as u64);
        let file = bytes(&self.file(&transcript))?;
        let first = match transcript.opening.phase {
            Phase::Powers { power } => State::begin_powers(transcript.opening.curve, power)?,
            Phase::Circuit { .. } => State::read(&bytes(&self.0.join(FIRST))?)?,
        };
        Ok(Held { transcript, file, first })
    }

    /// Where the current file of a transcript is.
    pub fn file(&self, transcript: &Transcript) -> PathBuf {
        let ending = match transcript.opening.phase {
            Phase::Powers { .. } => "ptau",
            Phase::Circuit { .. } => "zkey",
        };
        self.0.join(format!("{}.{ending}", transcript.file()))
    }

    /// Refuses a log that does not have exactly what the transcript has, in its order.
    pub fn check_log(&self, transcript: &Transcript) -> Result<usize, Error> {
        let found = records(&self.0)?;
        let expected = entries(transcript)?;
        if found != expected {
            let expected = format!("the {} records of the transcript", expected.len());
            return Err(Error::caller("transparency log", expected, format!("{}", found.len())));
        }
        Ok(found.len())
    }
}

impl Deref for Owned {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

impl Owned {
    /// Refuses a folder that another program writes; a dead one's lock is gone with it.
    fn lock(dir: &Path) -> Result<Self, Error> {
        let state = dir.join("state");
        let failed = |e| Error::world(format!("locking {}", dir.display()), e);
        std::fs::create_dir_all(&state).map_err(failed)?;
        let lock = File::options().create(true).append(true).open(state.join("lock"));
        let lock = lock.map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { place: Place::new(dir), _lock: lock }),
            Err(TryLockError::Error(e)) => Err(failed(e)),
            Err(TryLockError::WouldBlock) => {
                let found = format!("one in {}", dir.display());
                Err(Error::caller("folder", "no other program that writes it", found))
            }
        }
    }

    /// Begins a ceremony in a folder that has none.
    pub fn begin(dir: &Path, transcript: &Transcript, first: &State) -> Result<(), Error> {
        let owned = Self::lock(dir)?;
        if dir.join(TRANSCRIPT).exists() {
            let found = format!("one in {}", dir.display());
            return Err(Error::caller("folder", "no ceremony yet", found));
        }
        let file = first.write();
        if matches!(transcript.opening.phase, Phase::Circuit { .. }) {
            write_whole(&dir.join(FIRST), &file, Access::Shared)?;
        }
        owned.store(transcript, &file)
    }

    /// Reads everything in order to write, and finishes what a program that died began.
    pub fn open(dir: &Path) -> Result<(Self, Held), Error> {
        if !dir.join(TRANSCRIPT).exists() {
            return Err(Error::caller(
                "folder",
                "a ceremony",
                format!("none in {}", dir.display()),
            ));
        }
        let owned = Self::lock(dir)?;
        let held = owned.read()?;
        owned.log(&held.transcript)?;
        owned.sweep(&held.transcript)?;
        Ok((owned, held))
    }

    /// Makes a longer transcript and its file the current ones, then notes them in the log.
    pub fn advance(&self, next: &Transcript, file: &[u8]) -> Result<(), Error> {
        self.store(next, file)?;
        self.sweep(next)
    }

    fn store(&self, transcript: &Transcript, file: &[u8]) -> Result<(), Error> {
        if file.len() > limits::CIRCUIT_BYTES {
            let expected = format!("at most {} bytes", limits::CIRCUIT_BYTES);
            return Err(Error::caller("ceremony file", expected, file.len().to_string()));
        }
        write_whole(&self.file(transcript), file, Access::Shared)?;
        write_whole(&self.0.join(TRANSCRIPT), &transcript.write(), Access::Shared)?;
        self.log(transcript)
    }

    /// Appends what the transparency log does not have yet of the transcript.
    fn log(&self, transcript: &Transcript) -> Result<(), Error> {
        let expected = entries(transcript)?;
        // a log that cannot be read is refused when it is opened
        let found = records(&self.0).unwrap_or_default();
        if found == expected {
            return Ok(());
        }
        let key = self.0.join("state").join("log.key");
        let signer = signer(&key, "tacit.local/ceremony", &mut OsEntropy)?;
        let mut log = Log::open_or_create(&self.0.join("log"), signer)?;
        for entry in expected {
            log.append_once(&entry.to_leaf()?)?;
        }
        Ok(())
    }

    /// Deletes states that are not the current one, and halves of them.
    fn sweep(&self, transcript: &Transcript) -> Result<(), Error> {
        let current = self.file(transcript);
        let failed = |e| Error::world(format!("listing {}", self.0.display()), e);
        for entry in std::fs::read_dir(&self.0).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let (digits, ending) = name.and_then(|name| name.split_once('.')).unwrap_or_default();
            let state = ending.starts_with("ptau") || ending.starts_with("zkey");
            if state && Digest::parse(digits).is_some() && path != current {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// What the log says of a ceremony: its opening, and each contribution.
fn entries(transcript: &Transcript) -> Result<Vec<Entry>, Error> {
    let value = |of: serde_json::Result<serde_json::Value>| {
        of.map_err(|_| Error::Bug("a record that JSON cannot hold"))
    };
    let opening = &transcript.opening;
    let mut sofar = Transcript { opening: opening.clone(), records: Vec::new() };
    let link = |head: Digest| format!("{}{head}", scheme::CEREMONY);
    let mut entries = vec![Entry {
        kind: "ceremony".into(),
        title: format!("Ceremony over {}", opening.curve),
        description: what(&opening.phase),
        link: link(sofar.head()),
        body: value(serde_json::to_value(opening))?,
    }];
    for record in &transcript.records {
        sofar.records.push(record.clone());
        entries.push(Entry {
            kind: "ceremony-contribution".into(),
            title: format!("Contribution {} to a ceremony", record.number),
            description: describe(record),
            link: link(sofar.head()),
            body: value(serde_json::to_value(record))?,
        });
    }
    Ok(entries)
}

/// What a ceremony makes, in words.
pub fn what(phase: &Phase) -> String {
    match phase {
        Phase::Powers { power } => format!("powers of tau, 2^{power}"),
        Phase::Circuit { circuit, powers } => {
            format!("keys of circuit {} on powers {}", circuit.short(), powers.short())
        }
    }
}

/// Who contributed, in words.
pub fn describe(record: &Record) -> String {
    match &record.by {
        By::Contributor { name, key, .. } => {
            format!("{name}, key {}", Digest::of_bytes(key).short())
        }
        By::Beacon(beacon) => format!("beacon, 2^{} hashes", beacon.exponent),
    }
}
