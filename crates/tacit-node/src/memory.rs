//! What a participant keeps between rounds, in files: one per round, the last two of them.

use crate::files::{self, Access};
use std::path::{Path, PathBuf};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::kept::{self, Kept};
use tacit_core::traits::Memory;

/// [`Memory`] in the folder `memory-PLAN` of a participant's own folder. A contribution whose
/// round is done again after a crash is made from the state before it, so that it is the same.
#[derive(Debug)]
pub struct FileMemory {
    folder: PathBuf,
}

const SUFFIX: &str = ".kept";

/// File with the last round whose protection was entered.
const ENTERED: &str = "entered";

impl FileMemory {
    /// Keeps states of one plan in `folder`; nothing is created before there is one.
    pub fn new(folder: &Path, plan: Digest) -> Self {
        let name = plan.to_string().chars().take(16).collect::<String>();
        Self { folder: folder.join(format!("memory-{name}")) }
    }

    fn path(&self, round: u32) -> PathBuf {
        self.folder.join(format!("{round:010}{SUFFIX}"))
    }

    /// Rounds with a state, ascending.
    fn rounds(&self) -> Result<Vec<u32>, Error> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let round = |path: PathBuf| {
            let name = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?.to_owned();
            name.parse::<u32>().ok()
        };
        let mut rounds: Vec<u32> =
            files::list(&self.folder)?.into_iter().filter_map(round).collect();
        rounds.sort_unstable();
        Ok(rounds)
    }
}

impl Memory for FileMemory {
    fn recall(&mut self, round: u32) -> Result<Option<Kept>, Error> {
        let Some(last) = self.rounds()?.into_iter().rfind(|&kept| kept < round) else {
            return Ok(None);
        };
        let path = self.path(last);
        let bytes = std::fs::read(&path).map_err(|source| files::failed("read", &path, source))?;
        kept::decode(&bytes).map(Some)
    }

    fn keep(&mut self, round: u32, kept: &Kept) -> Result<(), Error> {
        files::make_dir(&self.folder)?;
        files::sweep(&self.folder)?;
        files::write_whole(&self.path(round), &kept::encode(kept), Access::Owner)?;
        let mut before: Vec<u32> = self.rounds()?;
        before.retain(|&kept| kept < round);
        before.pop();
        before.into_iter().try_for_each(|old| files::remove(&self.path(old)))
    }

    fn enter(&mut self, round: u32) -> Result<bool, Error> {
        files::make_dir(&self.folder)?;
        let path = self.folder.join(ENTERED);
        let last = match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().parse::<u32>().map_err(|_| {
                Error::caller("last round that was entered", "a number", text.clone())
            })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => 0,
            Err(source) => return Err(files::failed("read", &path, source)),
        };
        if round <= last {
            return Ok(false);
        }
        files::write_whole(&path, format!("{round}\n").as_bytes(), Access::Owner)?;
        Ok(true)
    }

    fn drop_round(&mut self, round: u32) -> Result<(), Error> {
        files::remove(&self.path(round))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(value: f32) -> Kept {
        Kept::from([("control".into(), vec![value; 3])])
    }

    #[test]
    fn a_round_done_again_begins_from_the_state_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut memory = FileMemory::new(dir.path(), Digest([7; 32]));
        assert_eq!(memory.recall(1).unwrap(), None);
        memory.keep(2, &state(2.0)).unwrap();
        memory.keep(5, &state(5.0)).unwrap();
        let mut restarted = FileMemory::new(dir.path(), Digest([7; 32]));
        assert_eq!(restarted.recall(5).unwrap(), Some(state(2.0)));
        assert_eq!(restarted.recall(6).unwrap(), Some(state(5.0)));
        restarted.drop_round(5).unwrap();
        assert_eq!(restarted.recall(6).unwrap(), Some(state(2.0)));
        assert_eq!(FileMemory::new(dir.path(), Digest([8; 32])).recall(6).unwrap(), None);
    }

    #[test]
    fn two_generations_are_kept_and_torn_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut memory = FileMemory::new(dir.path(), Digest([7; 32]));
        (1..=9).for_each(|round| memory.keep(round, &state(round as f32)).unwrap());
        assert_eq!(memory.rounds().unwrap(), [8, 9]);
        std::fs::write(memory.path(9), b"torn").unwrap();
        assert!(memory.recall(10).is_err());
        assert_eq!(memory.recall(9).unwrap(), Some(state(8.0)));
    }
}
