//! `history.jsonl`: one line per round that is over, appended once.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use tacit_core::error::Error;
use tacit_core::history::RoundReport;

/// The file, open for appending.
pub struct HistoryFile {
    file: File,
    last: Option<RoundReport>,
    durable: bool,
}

impl HistoryFile {
    /// Opens or creates the file; a line that a crash tore is cut off, to be written again.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let doing = || format!("opening {}", path.display());
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(Error::world(doing(), e)),
        };
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let last = match text[..whole].lines().last() {
            Some(line) => Some(serde_json::from_str(line).map_err(|e| Error::world(doing(), e))?),
            None => None,
        };
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|e| Error::world(doing(), e))?;
        file.set_len(whole as u64).map_err(|e| Error::world(doing(), e))?;
        Ok(Self { file, last, durable: true })
    }

    /// Does not wait for the disk: a simulation that a crash ends is run again.
    pub fn of_a_simulation(self) -> Self {
        Self { durable: false, ..self }
    }

    /// Reads every line.
    pub fn read(path: &Path) -> Result<Vec<RoundReport>, Error> {
        let doing = || format!("reading {}", path.display());
        let text = std::fs::read_to_string(path).map_err(|e| Error::world(doing(), e))?;
        let reports = text.lines().map(serde_json::from_str).collect::<Result<_, _>>();
        reports.map_err(|e| Error::world(doing(), e))
    }

    /// Appends a round unless it is there already.
    pub fn append(&mut self, report: &RoundReport) -> Result<(), Error> {
        if self.last.as_ref().is_some_and(|last| last.round >= report.round) {
            return Ok(());
        }
        let mut line = tacit_core::codec::encode(report);
        line.push(b'\n');
        let sync = |()| if self.durable { self.file.sync_data() } else { Ok(()) };
        let written = (&self.file).write_all(&line).and_then(sync);
        written.map_err(|e| Error::world("writing the history", e))?;
        self.last = Some(report.clone());
        Ok(())
    }

    pub(super) fn last_accuracy(&self) -> Option<f64> {
        self.last.as_ref().and_then(RoundReport::accuracy)
    }
}
