//! A ceremony over the network: one contributor at a time, each for a limited time. Nothing but the
//! turn is in memory only: after a crash the ceremony goes on from what is durable, and whoever had
//! the turn asks for it again.

use super::Serve;
use super::place::{Held, Owned};
use super::turns::Turns;
use crate::commands::pki;
use crate::stop;
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tacit_audit::OsEntropy;
use tacit_core::error::{Error, Refusal};
use tacit_core::limits;
use tacit_node::desk::Peer;
use tacit_node::pki::Revocations;
use tacit_node::server::{Host, Room, Server, Turn};
use tacit_zk::ceremony::{By, Record, State, Transcript};
use tokio::net::TcpListener;

/// How long to wait for answers under way when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// A file grows by each contribution: by less than this, in bytes.
const GROWTH: usize = 16 * 1024;
/// A turn in seconds: a year.
const LONGEST_TURN: u64 = 365 * 24 * 3600;

struct Served {
    place: Owned,
    first: State,
    /// Held while a contribution is verified; nothing else waits for that.
    giving: Mutex<()>,
    now: Mutex<Now>,
}

/// What is asked for again and again.
struct Now {
    transcript: Transcript,
    json: Bytes,
    file: Bytes,
    turns: Turns,
}

/// The turn of whoever contributes, which ends however verifying does.
struct Contributing<'a>(&'a Served);

impl Drop for Contributing<'_> {
    fn drop(&mut self) {
        self.0.now().turns.end();
    }
}

pub fn main(args: &Serve) -> Result<(), Error> {
    let (place, Held { transcript, file, first }) = Owned::open(&args.dir)?;
    let identity = pki::identity(&args.pki, &pki::participant(&args.name)?)?;
    let revocations = Revocations::watch(&identity, &args.pki.join("revoked.crl.pem"))?;
    let turns = Turns::new(Duration::from_secs(args.turn.clamp(1, LONGEST_TURN)));
    let (json, file) = (transcript.write().into(), file.into());
    let now = Mutex::new(Now { transcript, json, file, turns });
    let host = Arc::new(Served { place, first, giving: Mutex::new(()), now });
    let runtime = tokio::runtime::Runtime::new();
    runtime.map_err(|e| Error::world("starting the runtime", e))?.block_on(async {
        let listener = TcpListener::bind(args.listen).await;
        let listener =
            listener.map_err(|e| Error::world(format!("listening on {}", args.listen), e))?;
        let server = Server::host(listener, &identity, Arc::new(revocations), host)?;
        eprintln!("ceremony {} on https://{}", args.dir.display(), server.address());
        stop::requested().await;
        server.stop(GRACE).await;
        Ok(())
    })
}

impl Now {
    fn set(&mut self, transcript: Transcript, file: Bytes) {
        self.json = transcript.write().into();
        (self.transcript, self.file) = (transcript, file);
    }
}

impl Served {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accepted(
        &self,
        peer: &Peer,
        last: &Transcript,
        files: (&[u8], &[u8]),
        record: &[u8],
    ) -> Result<Transcript, Error> {
        let refused = |what: String| Error::from(Refusal::Malformed { what });
        let record: Record =
            serde_json::from_slice(record).map_err(|e| refused(format!("record: {e}")))?;
        let of_peer = matches!(&record.by, By::Contributor { name, key, .. }
            if *name == peer.participant && key[..] == peer.public_key);
        if !of_peer {
            return Err(refused("record: not of the certificate's name and key".into()));
        }
        last.accept(&self.first, files, record, &mut OsEntropy).map_err(|error| match error {
            Error::Caller(error) => refused(format!("contribution: {error}")),
            other => other,
        })
    }
}

fn not_yours() -> Error {
    Refusal::Failed { why: "it is not your turn".into() }.into()
}

impl Host for Served {
    fn transcript(&self) -> Result<Bytes, Error> {
        Ok(self.now().json.clone())
    }

    fn turn(&self, peer: &Peer) -> Result<Turn, Error> {
        let mut now = self.now();
        if now.transcript.is_ended() {
            return Err(Refusal::Failed { why: "a beacon has ended the ceremony".into() }.into());
        }
        Ok(now.turns.ask(&peer.participant, Instant::now()))
    }

    fn room(&self, peer: &Peer) -> Result<Room, Error> {
        let now = self.now();
        let within = now.turns.left(&peer.participant, Instant::now()).ok_or_else(not_yours)?;
        Ok(Room { bytes: (now.file.len() + GROWTH).min(limits::CIRCUIT_BYTES), within })
    }

    fn file(&self, peer: &Peer) -> Result<Bytes, Error> {
        self.room(peer)?;
        Ok(self.now().file.clone())
    }

    fn give(&self, peer: &Peer, record: &[u8], file: Bytes) -> Result<(), Error> {
        let _giving = self.giving.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, before) = {
            let mut now = self.now();
            if !now.turns.begin(&peer.participant, Instant::now()) {
                return Err(not_yours());
            }
            (now.transcript.clone(), now.file.clone())
        };
        let _turn = Contributing(self);
        let longer = self.accepted(peer, &last, (&before, &file), record).inspect_err(|error| {
            tracing::warn!(by = %peer.participant, %error, "contribution refused");
        })?;
        self.place.advance(&longer, &file)?;
        tracing::info!(by = %peer.participant, head = %longer.head(), "contribution");
        self.now().set(longer, file);
        Ok(())
    }
}
