//! An aggregator that may lie, and what the log of the process says of it.

use std::sync::{Mutex, Once};
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::Letter;
use tacit_core::messages::SignedContribution;
use tacit_core::proof::Dataset;
use tacit_node::committee::Counter;
use tacit_node::desk::{Desk, LogFile, Peer};
use tacit_node::wire::{Cosign, Heartbeat, Status, TaskOffer, UploadStatus, Welcome};
use tacit_secagg::committee::orders::{self, SumReply};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};

/// A counter that forges its answers of one stage.
pub struct Shady {
    pub honest: Counter,
    pub forges: Option<u8>,
    forged: Mutex<Option<(Digest, Vec<u8>)>>,
}

impl Shady {
    pub fn new(honest: Counter, forges: Option<u8>) -> Self {
        Self { honest, forges, forged: Mutex::default() }
    }

    /// Another sum, under its right name.
    fn other(&self, reply: &[u8]) -> Result<Vec<u8>, Error> {
        let reply: SumReply = codec::decode("answer", reply, 1 << 10)?;
        let mut sum = vec![0; reply.bytes as usize];
        self.honest.read_blob(reply.digest, 0, &mut sum)?;
        sum[0] ^= 1;
        let digest = Digest::of_bytes(&sum);
        *self.forged.lock().unwrap() = Some((digest, sum));
        Ok(codec::encode(&SumReply { digest, ..reply }))
    }
}

impl Desk for Shady {
    const SERVERS: bool = true;

    fn admit(&self, peer: &Peer) -> Result<(), Error> {
        self.honest.admit(peer)
    }

    fn enrol(&self, peer: &Peer, dataset: Option<Dataset>) -> Result<Welcome, Error> {
        self.honest.enrol(peer, dataset)
    }

    async fn task(&self, peer: &Peer, seen: u64) -> Result<Option<TaskOffer>, Error> {
        self.honest.task(peer, seen).await
    }

    fn announce(&self, peer: &Peer, signed: SignedContribution) -> Result<UploadStatus, Error> {
        self.honest.announce(peer, signed)
    }

    fn upload(
        &self,
        peer: &Peer,
        payload: Digest,
        offset: u64,
        bytes: &[u8],
    ) -> Result<UploadStatus, Error> {
        self.honest.upload(peer, payload, offset, bytes)
    }

    fn mail(&self, peer: &Peer, round: u32, stage: u8) -> Result<Vec<u8>, Error> {
        let mut mail = self.honest.mail(peer, round, stage)?;
        match (self.forges == Some(stage), stage) {
            (true, orders::SUM) => self.other(&mail),
            (true, _) => {
                mail.chunks_mut(16).for_each(|answer| answer[0] ^= 1);
                Ok(mail)
            }
            (false, _) => Ok(mail),
        }
    }

    fn message(&self, peer: &Peer, letter: Letter) -> Result<(), Error> {
        self.honest.message(peer, letter)
    }

    fn decline(&self, peer: &Peer, round: u32, why: &str) -> Result<(), Error> {
        self.honest.decline(peer, round, why)
    }

    fn heartbeat(&self, peer: &Peer, beat: Heartbeat) -> Result<(), Error> {
        self.honest.heartbeat(peer, beat)
    }

    fn cosign(&self, peer: &Peer, cosign: Cosign) -> Result<(), Error> {
        self.honest.cosign(peer, cosign)
    }

    fn status(&self) -> Result<Status, Error> {
        self.honest.status()
    }

    fn blob_size(&self, peer: &Peer, digest: Digest) -> Result<Option<u64>, Error> {
        match &*self.forged.lock().unwrap() {
            Some((forged, sum)) if *forged == digest => Ok(Some(sum.len() as u64)),
            _ => self.honest.blob_size(peer, digest),
        }
    }

    fn read_blob(&self, digest: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        match &*self.forged.lock().unwrap() {
            Some((forged, sum)) if *forged == digest => {
                out.copy_from_slice(&sum[offset as usize..][..out.len()]);
                Ok(())
            }
            _ => self.honest.read_blob(digest, offset, out),
        }
    }

    fn log_file(&self, path: &str) -> Result<Option<LogFile>, Error> {
        self.honest.log_file(path)
    }

    fn refused(&self, peer: &Peer, refusal: &Refusal) {
        self.honest.refused(peer, refusal);
    }
}

static LOGGED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps every warning of this process.
struct Log;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, of: &tracing::Metadata<'_>) -> bool {
        *of.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        LOGGED.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Begins to keep what the log says. Every test of the process writes to it.
pub fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| tracing::subscriber::set_global_default(Log).unwrap());
}

/// Whether a line of the log has all of these words.
pub fn logged(words: &[&str]) -> bool {
    LOGGED.lock().unwrap().iter().any(|line| words.iter().all(|word| line.contains(word)))
}
