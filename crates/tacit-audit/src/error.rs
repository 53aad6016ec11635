//! What can be wrong with a log, and where.

use crate::publish::PublishRefusal;
use tacit_core::error::Error;
use tacit_core::messages::Checkpoint;

/// Anything that stops the log, a witness or the auditor. Every variant names the file, the entry
/// or the history at fault.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file system failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being attempted.
        doing: String,
        /// What came back.
        source: std::io::Error,
    },
    /// A file that must be there is not.
    #[error("{file}: missing")]
    Missing {
        /// Path below the folder that was opened.
        file: String,
    },
    /// Bytes that are not what their place in the log demands.
    #[error("{file}: malformed {what}")]
    Malformed {
        /// Path below the folder that was opened.
        file: String,
        /// What was expected there.
        what: String,
    },
    /// Two things that must agree do not.
    #[error("{place}: {what}: expected {expected}, found {found}")]
    Mismatch {
        /// File or entry.
        place: String,
        /// What was compared.
        what: &'static str,
        /// What the rest of the log says.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The note does not carry a valid signature of the key.
    #[error("{file}: no valid signature of {key}")]
    Signature {
        /// Path below the folder that was opened, or the note's role.
        file: String,
        /// Name of the key.
        key: String,
    },
    /// Too few of the named witnesses co-signed.
    #[error("checkpoint: expected cosignatures of {needed} witnesses, found {found}")]
    Quorum {
        /// Witnesses demanded.
        needed: usize,
        /// Witnesses whose cosignature verifies.
        found: usize,
    },
    /// Alarm: the log shows a history that does not extend the one it showed before.
    #[error(
        "split view: the log showed size {} root {}, and now size {} root {}, \
         which does not extend it",
        seen.size, seen.root, shown.size, shown.root
    )]
    Split {
        /// What the witness had co-signed.
        seen: Checkpoint,
        /// What it was shown afterwards.
        shown: Checkpoint,
    },
    /// The log shows fewer entries than it showed before.
    #[error("rollback: the log showed {} entries, and now {}", seen.size, shown.size)]
    RolledBack {
        /// What the witness had co-signed.
        seen: Checkpoint,
        /// What it was shown afterwards.
        shown: Checkpoint,
    },
    /// An inclusion or consistency proof does not hold.
    #[error("{what} proof does not hold for {size} entries")]
    Proof {
        /// `inclusion` or `consistency`.
        what: &'static str,
        /// Size of the tree it was checked against.
        size: u64,
    },
    /// A position outside the log.
    #[error("entry {index} is not in a log of {size} entries")]
    OutOfRange {
        /// Position asked for, from 0.
        index: u64,
        /// Entries in the log.
        size: u64,
    },
    /// Larger than a named limit.
    #[error("{what} is {found} bytes, the limit is {limit}")]
    TooLarge {
        /// Which thing.
        what: &'static str,
        /// Limit in bytes.
        limit: u64,
        /// Size in bytes.
        found: u64,
    },
    /// A signer or verifier key that cannot be used. Never shows the key.
    #[error("key: {why}")]
    Key {
        /// Cause, in words.
        why: &'static str,
    },
    /// An argument that cannot be used.
    #[error("{what}: expected {expected}, found {found}")]
    Argument {
        /// The argument.
        what: &'static str,
        /// What would work.
        expected: &'static str,
        /// What was given, shortened.
        found: String,
    },
    /// Another process writes to this log.
    #[error("{folder}: another process holds this log")]
    Locked {
        /// The log's folder.
        folder: String,
    },
    /// An earlier append failed half-way: only opening the log anew tells what is on disk.
    #[error("an earlier append failed, the log must be opened again")]
    Broken,
    /// The publisher's policy forbids it.
    #[error(transparent)]
    Refused(#[from] PublishRefusal),
    /// A function handed in by the caller failed.
    #[error("{place}: {source}")]
    Check {
        /// File or entry it was called for.
        place: String,
        /// What it returned.
        source: Box<Error>,
    },
}

impl AuditError {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }

    pub(crate) fn malformed(file: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Malformed { file: file.into(), what: what.into() }
    }

    pub(crate) fn mismatch(
        place: impl Into<String>,
        what: &'static str,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        let (expected, found) = (expected.to_string(), found.to_string());
        Self::Mismatch { place: place.into(), what, expected, found }
    }
}

impl From<AuditError> for Error {
    fn from(error: AuditError) -> Self {
        Error::world("transparency log", error)
    }
}
