//! Keys of proofs, each in a file that is named by its digest.

use crate::files;
use std::io::Read as _;
use std::path::PathBuf;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::limits;
use tacit_core::traits::Keys;

/// A folder of keys; without one nobody has any.
#[derive(Clone, Debug, Default)]
pub struct FolderKeys(pub Option<PathBuf>);

impl Keys for FolderKeys {
    fn read(&self, key: Digest) -> Result<Vec<u8>, Error> {
        let expected = || format!("a folder (--keys) with the file {key}");
        let Some(folder) = &self.0 else {
            return Err(Error::caller("keys of the plan's proof", expected(), "no folder"));
        };
        let path = folder.join(key.to_string());
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let found = folder.display().to_string();
                return Err(Error::caller("keys of the plan's proof", expected(), found));
            }
            Err(source) => return Err(files::failed("open", &path, source)),
        };
        let mut bytes = Vec::new();
        let read = file.take(limits::KEY_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|source| files::failed("read", &path, source))?;
        let (limit, found) = (limits::KEY_BYTES, bytes.len() as u64);
        if found > limit {
            return Err(Refusal::TooLarge { what: "key of a proof".into(), limit, found }.into());
        }
        let found = Digest::of_bytes(&bytes);
        match found == key {
            true => Ok(bytes),
            false => {
                let expected = format!("what hashes to its name in {}", path.display());
                Err(Error::caller("keys of the plan's proof", expected, found.to_string()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_its_name_says() {
        let dir = tempfile::tempdir().unwrap();
        let keys = FolderKeys(Some(dir.path().to_owned()));
        let key = Digest::of_bytes(b"key");
        assert!(keys.read(key).unwrap_err().to_string().contains("--keys"));
        std::fs::write(dir.path().join(key.to_string()), b"key").unwrap();
        assert_eq!(keys.read(key).unwrap(), b"key");
        std::fs::write(dir.path().join(key.to_string()), b"kez").unwrap();
        assert!(keys.read(key).is_err());
        assert!(FolderKeys(None).read(key).is_err());
    }
}
