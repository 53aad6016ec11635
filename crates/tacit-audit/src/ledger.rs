//! What all plans on the same data have spent: a transparency log of its own, so that no entry can
//! be changed or left out without breaking its signed checkpoint.

use crate::error::AuditError;
use crate::log::Log;
use crate::record::Record;
use std::path::Path;
use tacit_core::account::Spent;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;

/// One release, as it is entered.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entered {
    /// Names the run: binds the secret seed of its draws, which no two runs share.
    run: Digest,
    /// Digest of its plan.
    plan: Digest,
    /// Round, from 1.
    round: u32,
    /// What it spent.
    spent: Spent,
}

const KIND: &str = "privacy-spend";

/// The ledger of one data set. Held by one run at a time.
pub struct SpendLedger {
    log: Log,
    run: Digest,
    plan: Digest,
}

impl SpendLedger {
    /// Opens the ledger in `folder`, or begins it: the log in `log/`, its key beside it.
    ///
    /// # Errors
    /// A ledger that was cut off or altered, and one that another run holds.
    pub fn open(
        folder: &Path,
        run: Digest,
        plan: Digest,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Error> {
        let log = folder.join("log");
        std::fs::create_dir_all(&log)
            .map_err(|e| Error::world(format!("creating {}", log.display()), e))?;
        let signer =
            crate::recorder::signer(&folder.join("ledger.key"), "tacit.local/ledger", entropy)?;
        Ok(Self { log: Log::open_or_create(&log, signer)?, run, plan })
    }

    /// Every release of other runs.
    pub fn earlier(&self) -> Result<Vec<(Spent, u64)>, Error> {
        let mut found = Vec::new();
        for index in 0..self.log.size() {
            let place = format!("entry {index} of the ledger");
            let record = Record::from_leaf(&place, &self.log.entry(index)?)?;
            let malformed = || Error::from(AuditError::malformed(&place, KIND));
            if record.kind != KIND {
                return Err(malformed());
            }
            let entered: Entered = serde_json::from_value(record.body).map_err(|_| malformed())?;
            if entered.run != self.run {
                found.push((entered.spent, 1));
            }
        }
        Ok(found)
    }

    /// Enters a release, once however often it is repeated; durable when it returns.
    pub fn enter(&mut self, round: u32, spent: Spent) -> Result<(), Error> {
        let (run, plan) = (self.run, self.plan);
        let entered = Entered { run, plan, round, spent };
        let body = serde_json::to_value(&entered)
            .map_err(|e| Error::caller(KIND, "finite figures", e.to_string()))?;
        let record = Record {
            kind: KIND.into(),
            title: format!("Round {round}"),
            description: format!("plan sha256 {plan}"),
            link: format!("{}{run}/{round}", crate::record::scheme::PRIVACY_AUDIT),
            body,
        };
        Ok(self.log.append_once(&record.to_leaf()?).map(drop)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OsEntropy;
    use tacit_core::account::Sampled;
    use tacit_core::evidence::{Cost, Noise};

    fn spent() -> Spent {
        let noise = Noise::Gaussian { noise_multiplier: 1.0 };
        let cost = Cost::Bounded { noise, total_variation: 1e-18 };
        Spent { cost, sampled: Sampled::Poisson { rate: 0.25 } }
    }

    fn open(folder: &Path, run: &[u8]) -> Result<SpendLedger, Error> {
        let run = Digest::of_bytes(run);
        SpendLedger::open(folder, run, Digest::of_bytes(b"plan"), &mut OsEntropy)
    }

    #[test]
    fn runs_see_what_others_spent_and_repeat_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = open(dir.path(), b"a").unwrap();
        assert!(open(dir.path(), b"b").is_err(), "two runs hold one ledger");
        first.enter(1, spent()).unwrap();
        first.enter(1, spent()).unwrap();
        first.enter(2, spent()).unwrap();
        assert_eq!(first.earlier().unwrap(), []);
        drop(first);
        assert_eq!(open(dir.path(), b"b").unwrap().earlier().unwrap(), [(spent(), 1); 2]);
        assert_eq!(open(dir.path(), b"a").unwrap().earlier().unwrap(), []);
    }

    #[test]
    fn what_was_cut_off_or_altered_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = open(dir.path(), b"a").unwrap();
        (1..4).for_each(|round| ledger.enter(round, spent()).unwrap());
        drop(ledger);
        let mut files: Vec<_> = Vec::new();
        let mut folders = vec![dir.path().join("log")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        let bundle = files.iter().find(|path| path.to_string_lossy().contains("entries")).unwrap();
        let whole = std::fs::read(bundle).unwrap();
        let mut altered = whole.clone();
        let place = whole.windows(4).position(|bytes| bytes == b"0.25").unwrap();
        altered[place + 2] = b'1';
        for bytes in [&whole[..whole.len() / 2], &altered] {
            std::fs::write(bundle, bytes).unwrap();
            assert!(open(dir.path(), b"b").is_err());
        }
        std::fs::write(bundle, whole).unwrap();
        assert_eq!(open(dir.path(), b"b").unwrap().earlier().unwrap().len(), 3);
    }
}
