//! Every port: an effect, handed in by whoever drives a round.

use crate::digest::Digest;
use crate::error::{Error, Refusal};
use crate::evidence::Spend;
use crate::exchange::{Ask, Letter, SignedMessage};
use crate::ids::ParticipantId;
use crate::kept::Kept;
use crate::messages::{Checkpoint, Offer, SignedContribution};

/// Time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch; may jump.
    fn now_ms(&self) -> u64;
}

/// Unpredictable bytes.
pub trait Entropy: Send {
    /// Fills `bytes` from a cryptographic source.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// Privacy costs, in the same store as everything they must agree with.
pub trait Ledger {
    /// Records the cost of releasing `round`; recording it again after a crash counts once.
    fn record(&mut self, round: u32, spend: Spend) -> Result<(), Error>;
}

/// An append-only log of records.
pub trait Journal: Send + Sync {
    /// Appends all of `records` or none; durable when it returns.
    fn append(&self, records: &[Vec<u8>]) -> Result<(), Error>;
    /// Every record, in order.
    fn replay(&self) -> Result<Vec<Vec<u8>>, Error>;
}

/// Content-addressed bytes.
pub trait Blobs: Send + Sync {
    /// Stores bytes under their digest; durable when it returns.
    fn put(&self, bytes: &[u8]) -> Result<Digest, Error>;
    /// Length in bytes, or `None` if absent.
    fn size(&self, digest: Digest) -> Result<Option<u64>, Error>;
    /// Fills `out` from `offset`.
    fn read(&self, digest: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error>;
    /// Deletes a blob; absent is fine.
    fn remove(&self, digest: Digest) -> Result<(), Error>;
}

/// Received payloads of a round, unreadable once its key is destroyed.
pub trait Spool: Send + Sync {
    /// Fills `out` from `offset` of the payload of an accepted contribution.
    fn read(&self, payload: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error>;
    /// Destroys the round's key and payloads.
    fn forget(&self, round: u32) -> Result<(), Error>;
}

/// At most one coordinator writes at a time.
pub trait Lease: Send + Sync {
    /// Refuses when another process holds the lease.
    fn hold(&self) -> Result<(), Error>;
}

/// Everything a coordinator must not lose.
pub trait Store: Lease + Journal + Blobs + Spool {}
impl<T: Lease + Journal + Blobs + Spool> Store for T {}

/// What a participant keeps between rounds: a round that is done again after a crash begins from
/// what was kept before it.
pub trait Memory: Send {
    /// The state kept last before `round`, if any.
    fn recall(&mut self, round: u32) -> Result<Option<Kept>, Error>;
    /// Keeps the state made in `round`; durable when it returns.
    fn keep(&mut self, round: u32, kept: &Kept) -> Result<(), Error>;
    /// Notes, durably, that `round` is entered; false if it was before, by whichever process.
    fn enter(&mut self, round: u32) -> Result<bool, Error>;
    /// Drops the state made in `round`, whose contribution does not count.
    fn drop_round(&mut self, round: u32) -> Result<(), Error>;
}

/// How a participant reaches its coordinator.
pub trait Transport: Send {
    /// Waits for work.
    fn next_task(&mut self) -> Result<Offer, Error>;
    /// Fetches a vector of the current task, named by `digest`, and checks its bytes against it.
    fn fetch(&mut self, digest: Digest) -> Result<Vec<u8>, Error>;
    /// What the coordinator has for this member before it speaks.
    fn mail(&mut self, ask: &Ask) -> Result<Vec<u8>, Error>;
    /// Delivers a message; returns once the coordinator can no longer lose it.
    fn say(&mut self, letter: &Letter) -> Result<(), Error>;
    /// Delivers a contribution, its payload and behind that its proof; returns once the
    /// coordinator can no longer lose it.
    fn deliver(&mut self, contribution: &SignedContribution, body: &[u8]) -> Result<(), Error>;
    /// Reports that this round's task cannot be done.
    fn decline(&mut self, round: u32, why: &str) -> Result<(), Error>;
}

/// Tells whose message is whose.
pub trait Notary: Send + Sync {
    /// Whose notary this is.
    fn me(&self) -> &ParticipantId;
    /// What shows others that its key is its own, such as a certificate.
    fn credential(&self) -> Vec<u8>;
    /// Refuses a message that the participant with this credential did not sign.
    fn verify(&self, signed: &SignedMessage, credential: &[u8]) -> Result<(), Refusal>;
}

/// The keys of proofs.
pub trait Keys: Send + Sync {
    /// The bytes with this digest.
    fn read(&self, key: Digest) -> Result<Vec<u8>, Error>;
}

/// Remembers the last state of a log and refuses a history that does not extend it.
pub trait Witness: Send {
    /// Verifies that `next` extends what was seen before; then remembers and co-signs it.
    fn cosign(&mut self, next: &Checkpoint, consistency: &[Digest]) -> Result<Vec<u8>, Error>;
}

/// Produces evidence of the code that runs.
pub trait Attester: Send {
    /// Bound to `nonce`.
    fn attest(&mut self, nonce: Digest) -> Result<Vec<u8>, Error>;
}
