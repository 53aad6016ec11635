//! A ceremony over the network: one contributor at a time, each for a limited time. Nothing but the
//! turn is in memory only: after a crash the ceremony goes on from what is durable, and whoever had
//! the turn asks for it again.

use super::Serve;
use super::place::{Held, Place};
use crate::commands::pki;
use crate::stop;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tacit_audit::OsEntropy;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_node::desk::Peer;
use tacit_node::pki::Revocations;
use tacit_node::server::{Host, Server, Turn};
use tacit_zk::ceremony::{By, Record};
use tokio::net::TcpListener;

/// How long to wait for answers under way when the server stops.
const GRACE: Duration = Duration::from_secs(5);
/// A file grows by each contribution: by less than this, in bytes.
const GROWTH: usize = 16 * 1024;

struct Served {
    place: Place,
    within: Duration,
    held: Mutex<Held>,
    turn: Mutex<Option<(ParticipantId, Instant)>>,
}

pub fn main(args: &Serve) -> Result<(), Error> {
    let place = Place::new(&args.dir);
    let held = place.read()?;
    place.log(&held.transcript)?;
    let identity = pki::identity(&args.pki, &pki::participant(&args.name)?)?;
    let revocations = Revocations::watch(&identity, &args.pki.join("revoked.crl.pem"))?;
    let host = Arc::new(Served {
        place,
        within: Duration::from_secs(args.turn.max(1)),
        held: Mutex::new(held),
        turn: Mutex::new(None),
    });
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

impl Served {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn_lock(&self) -> MutexGuard<'_, Option<(ParticipantId, Instant)>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owned(&self, peer: &Peer) -> Result<(), Error> {
        match &*self.turn_lock() {
            Some((name, until)) if *name == peer.participant && Instant::now() < *until => Ok(()),
            _ => Err(Refusal::Failed { why: "it is not your turn".into() }.into()),
        }
    }
}

impl Host for Served {
    fn transcript(&self) -> Result<Vec<u8>, Error> {
        Ok(self.held().transcript.write())
    }

    fn turn(&self, peer: &Peer) -> Result<Turn, Error> {
        // a contribution that is being verified must not keep others from asking
        let ended = self.held.try_lock().is_ok_and(|held| held.transcript.is_ended());
        if ended {
            return Err(Refusal::Failed { why: "a beacon has ended the ceremony".into() }.into());
        }
        let mut turn = self.turn_lock();
        let now = Instant::now();
        if turn.as_ref().is_none_or(|(_, until)| *until <= now) {
            *turn = Some((peer.participant.clone(), now + self.within));
        }
        let Some((name, until)) = &*turn else { return Err(Error::Bug("the turn was given")) };
        let seconds = until.saturating_duration_since(now).as_secs();
        Ok(Turn { yours: *name == peer.participant, seconds })
    }

    fn file(&self, peer: &Peer) -> Result<Vec<u8>, Error> {
        self.owned(peer)?;
        Ok(self.held().file.clone())
    }

    fn give(&self, peer: &Peer, record: &[u8], file: &[u8]) -> Result<(), Error> {
        self.owned(peer)?;
        let refused = |what: String| Error::from(Refusal::Malformed { what });
        let record: Record =
            serde_json::from_slice(record).map_err(|e| refused(format!("record: {e}")))?;
        let of_peer = matches!(&record.by, By::Contributor { name, key, .. }
            if *name == peer.participant && key[..] == peer.public_key);
        if !of_peer {
            return Err(refused("record: not of the certificate's name and key".into()));
        }
        // verifying is not on the contributor's time
        *self.turn_lock() = Some((peer.participant.clone(), Instant::now() + self.within));
        let mut held = self.held();
        let files = (&held.file[..], file);
        let longer = held.transcript.accept(&held.first, files, record, &mut OsEntropy);
        let longer = longer.map_err(|error| match error {
            Error::Caller(error) => refused(format!("contribution: {error}")),
            other => other,
        })?;
        self.place.advance(&held.transcript, &longer, file)?;
        held.transcript = longer;
        held.file = file.to_vec();
        *self.turn_lock() = None;
        tracing::info!(by = %peer.participant, head = %held.transcript.head(), "contribution");
        Ok(())
    }

    fn limit(&self) -> usize {
        (self.held().file.len() + GROWTH).min(limits::CIRCUIT_BYTES)
    }

    fn within(&self) -> Duration {
        self.within
    }
}
