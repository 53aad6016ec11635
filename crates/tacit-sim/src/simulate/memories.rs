//! What virtual participants keep between rounds: in one temporary file that the operating system
//! deletes with the process, so that memory does not grow with the number of participants.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::Mutex;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::kept::{self, Kept};

/// The last state of every participant that has one.
#[derive(Debug, Default)]
pub(super) struct Memories(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    file: Option<File>,
    places: HashMap<ParticipantId, Place>,
    end: u64,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    bytes: usize,
}

const DIED: Error = Error::Bug("a thread died while keeping a participant's state");

fn failed(source: std::io::Error) -> Error {
    Error::world("keeping states in a temporary file", source)
}

impl Memories {
    /// What a participant kept last.
    pub fn recall(&self, participant: &ParticipantId) -> Result<Option<Kept>, Error> {
        let mut bytes = Vec::new();
        {
            let mut inner = self.0.lock().map_err(|_| DIED)?;
            let Inner { file, places, .. } = &mut *inner;
            let (Some(place), Some(file)) = (places.get(participant), file) else {
                return Ok(None);
            };
            bytes.resize(place.bytes, 0);
            file.seek(SeekFrom::Start(place.offset)).map_err(failed)?;
            file.read_exact(&mut bytes).map_err(failed)?;
        }
        kept::decode(&bytes).map(Some)
    }

    /// Keeps a state over the last one; an empty one is nothing to keep.
    pub fn keep(&self, participant: &ParticipantId, kept: &Kept) -> Result<(), Error> {
        if kept.is_empty() {
            return Ok(());
        }
        let bytes = kept::encode(kept);
        let mut inner = self.0.lock().map_err(|_| DIED)?;
        let place = match inner.places.get(participant) {
            Some(place) if place.bytes == bytes.len() => *place,
            _ => {
                let place = Place { offset: inner.end, bytes: bytes.len() };
                inner.end += bytes.len() as u64;
                inner.places.insert(participant.clone(), place);
                place
            }
        };
        let file = match &mut inner.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile().map_err(failed)?),
        };
        file.seek(SeekFrom::Start(place.offset)).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_recalls_their_last_state() {
        let memories = Memories::default();
        let id = |i| ParticipantId::numbered(i, 3);
        let state = |value| Kept::from([("control".into(), vec![value; 3])]);
        assert_eq!(memories.recall(&id(0)).unwrap(), None);
        memories.keep(&id(0), &state(1.0)).unwrap();
        memories.keep(&id(1), &state(2.0)).unwrap();
        memories.keep(&id(0), &state(3.0)).unwrap();
        memories.keep(&id(2), &Kept::new()).unwrap();
        let longer = Kept::from([("control".into(), vec![4.0; 9])]);
        memories.keep(&id(1), &longer).unwrap();
        assert_eq!(memories.recall(&id(0)).unwrap(), Some(state(3.0)));
        assert_eq!(memories.recall(&id(1)).unwrap(), Some(longer));
        assert_eq!(memories.recall(&id(2)).unwrap(), None);
    }
}
