//! Seeds that no plan has: of the cohorts of a run with noise, of the nonces of a run with proofs,
//! and of what hides a participant's data in the commitment to it. What an accountant makes of
//! sampling holds against those who do not know who was drawn, and every participant knows the
//! plan's seed.

use crate::files::{self, Access};
use std::path::Path;
use tacit_core::error::Error;
use tacit_core::rng::Seed;
use tacit_core::traits::Entropy;

/// Reads the seed, or makes one that only its owner may read.
pub(crate) fn secret(path: &Path, entropy: &mut dyn Entropy) -> Result<Seed, Error> {
    let read = |bytes: Vec<u8>| {
        let found = bytes.len();
        <[u8; 32]>::try_from(bytes).map_err(|_| {
            let found = format!("{found} in {}", path.display());
            Error::caller("secret seed", "32 bytes", found)
        })
    };
    match std::fs::read(path) {
        Ok(bytes) => return Ok(Seed::from_bytes(read(bytes)?)),
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(files::failed("read", path, e));
        }
        Err(_) => {}
    }
    let mut bytes = [0; 32];
    entropy.fill(&mut bytes)?;
    files::write_whole(path, &bytes, Access::Owner)?;
    Ok(Seed::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_audit::OsEntropy;

    #[test]
    fn a_run_keeps_its_seed_and_no_two_runs_share_one() {
        let dir = tempfile::tempdir().unwrap();
        let of = |name| secret(&dir.path().join(name), &mut OsEntropy).unwrap();
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
        std::fs::write(dir.path().join("a"), [0; 31]).unwrap();
        assert!(secret(&dir.path().join("a"), &mut OsEntropy).is_err());
    }
}
