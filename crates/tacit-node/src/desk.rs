//! What a server asks of the coordinator behind it.

use crate::wire::{Cosign, Heartbeat, Status, TaskOffer, UploadStatus, Welcome};
use std::net::SocketAddr;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::Letter;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::SignedContribution;
use tacit_core::proof::Dataset;

/// Who sent a request, by its verified certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Common name of the certificate.
    pub participant: ParticipantId,
    /// Ed25519 key of the certificate.
    pub public_key: [u8; 32],
    /// Serial number of the certificate, big-endian.
    pub serial: Vec<u8>,
    /// Of the certificate (DER).
    pub certificate: Digest,
    /// Where the connection comes from.
    pub address: SocketAddr,
}

/// A file of the transparency log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it never changes: full tiles do not, the checkpoint does.
    pub immutable: bool,
}

/// The coordinator as its server sees it.
///
/// The server has authenticated the peer and bounded every input before it calls; what a method
/// refuses is answered, counted and reported to [`Desk::refused`]. Methods that are not async may
/// block on the disk: they run on threads made for that, several at a time.
pub trait Desk: Send + Sync + 'static {
    /// Whether other servers of the federation may connect: an aggregator's coordinator does.
    const SERVERS: bool = false;

    /// Refuses a peer that is not enrolled with this key. Asked before every other method but
    /// [`Desk::enrol`] and [`Desk::status`].
    fn admit(&self, peer: &Peer) -> Result<(), Error>;

    /// Binds the peer's name to its key, durably, and to the commitment to its data where the plan
    /// asks for one; again is fine.
    fn enrol(&self, peer: &Peer, dataset: Option<Dataset>) -> Result<Welcome, Error>;

    /// Waits for work for this peer, which has verified the log up to `seen_size` entries. The
    /// server drops the future after [`POLL_MS`](tacit_core::limits::POLL_MS) and tells the peer
    /// to ask again; `None` does the same at once.
    fn task(
        &self,
        peer: &Peer,
        seen_size: u64,
    ) -> impl Future<Output = Result<Option<TaskOffer>, Error>> + Send;

    /// A contribution whose signature holds and whose participant is the peer: checks the rest
    /// of the header and says from where the payload is wanted. What was accepted before is
    /// answered as accepted again.
    fn announce(&self, peer: &Peer, signed: SignedContribution) -> Result<UploadStatus, Error>;

    /// Bytes of an announced payload, at most
    /// [`TRANSFER_CHUNK_BYTES`](tacit_core::limits::TRANSFER_CHUNK_BYTES). Bytes from another
    /// offset than is wanted are no error: the answer names the right one. With the last bytes
    /// (none at all, where every one has arrived before) the contribution is durable and accepted
    /// when this returns.
    fn upload(
        &self,
        peer: &Peer,
        payload: Digest,
        offset: u64,
        bytes: &[u8],
    ) -> Result<UploadStatus, Error>;

    /// What the peer is handed before its message of a stage.
    fn mail(&self, peer: &Peer, round: u32, stage: u8) -> Result<Vec<u8>, Error>;

    /// A message whose signature holds and whose participant is the peer; durable when this
    /// returns. One that counts already is fine.
    fn message(&self, peer: &Peer, letter: Letter) -> Result<(), Error>;

    /// The peer cannot do its task; `why` is bounded and printable.
    fn decline(&self, peer: &Peer, round: u32, why: &str) -> Result<(), Error>;

    /// The peer still works on its task.
    fn heartbeat(&self, peer: &Peer, beat: Heartbeat) -> Result<(), Error>;

    /// The peer has verified a checkpoint of the log.
    fn cosign(&self, peer: &Peer, cosign: Cosign) -> Result<(), Error>;

    /// How the run stands.
    fn status(&self) -> Result<Status, Error>;

    /// Length of a blob that the peer may fetch, in bytes; `None` if there is no such blob.
    fn blob_size(&self, peer: &Peer, digest: Digest) -> Result<Option<u64>, Error>;

    /// Fills `out` from `offset` of a blob whose size was asked before.
    fn read_blob(&self, digest: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error>;

    /// A file of the transparency log by its path below `/v1/log/`, such as `checkpoint` or
    /// `tile/0/000`: segments of letters, digits and dots, never `..`.
    fn log_file(&self, path: &str) -> Result<Option<LogFile>, Error>;

    /// Something the peer sent was refused, here or before it got here: for the audit log.
    fn refused(&self, _peer: &Peer, _refusal: &Refusal) {}

    /// A connection was closed before anybody was known to be behind it: for the audit log.
    fn dropped(&self, _cause: &'static str) {}
}
