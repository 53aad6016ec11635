//! The coordinator's HTTPS server: authenticates, bounds and counts everything, and asks a
//! [`Desk`] for the rest.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `POST /v1/enrol` | `EnrolRequest` | `Welcome` |
//! | `POST /v1/task` | `TaskRequest` | `TaskOffer`, or 204: ask again |
//! | `GET /v1/blobs/{digest}` (`Range`) | | bytes |
//! | `POST /v1/contributions` | `ContributionHeader` | `UploadStatus` |
//! | `PUT /v1/contributions/{payload}?offset=N` | bytes | `UploadStatus` |
//! | `POST /v1/decline`, `/v1/heartbeat`, `/v1/cosign` | `Decline`, `Heartbeat`, `Cosign` | 204 |
//! | `GET /v1/log/{path}` | | a file of the transparency log |
//! | `GET /v1/status` | | `Status`, or JSON where that is accepted |
//! | `GET /health` | | `ok` |
//!
//! A status of 400 or more comes with an `ErrorReply`.

mod blobs;
mod connection;
mod contributions;
mod exchange;
mod open;
mod reply;
mod routes;
mod slots;
mod turns;
mod work;

pub(crate) use slots::Slots;
pub(crate) use turns::VERIFYING;
pub use turns::{Host, Room, Turn};

use crate::desk::Desk;
use crate::pki::{Identity, Revocations};
use crate::telemetry::{CONNECTIONS, DROPPED, Metrics};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tacit_core::error::Error;
use tacit_core::limits;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What one server takes on; the default is what [`limits`] says.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Open connections.
    pub connections: usize,
    /// Open connections of one address.
    pub connections_per_address: usize,
    /// Requests of one participant at a time.
    pub requests_per_participant: usize,
    /// For a TLS handshake.
    pub handshake: Duration,
    /// For a header or a body to arrive; also how long a connection may do nothing.
    pub request: Duration,
    /// For a long poll.
    pub poll: Duration,
    /// The slowest reader of a blob that is waited for, in bytes per second.
    pub slowest: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: limits::CONNECTIONS,
            connections_per_address: limits::CONNECTIONS_PER_ADDRESS,
            requests_per_participant: limits::REQUESTS_PER_PARTICIPANT,
            handshake: Duration::from_millis(limits::HANDSHAKE_TIMEOUT_MS),
            request: Duration::from_millis(limits::REQUEST_TIMEOUT_MS),
            poll: Duration::from_millis(limits::POLL_MS),
            slowest: limits::TRANSFER_CHUNK_BYTES as u64 * 1000 / limits::REQUEST_TIMEOUT_MS,
        }
    }
}

/// Everything a server needs but its port.
pub struct Setup<D> {
    /// The coordinator's certificate and key.
    pub identity: Arc<Identity>,
    /// Certificates that are no longer good.
    pub revocations: Arc<Revocations>,
    /// Who answers.
    pub desk: Arc<D>,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
    /// How much is taken on.
    pub bounds: Bounds,
}

/// A running server; it ends when dropped.
pub struct Server {
    address: SocketAddr,
    stopping: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves on `listener` within the current tokio runtime.
    pub fn start<D: Desk>(listener: TcpListener, setup: Setup<D>) -> Result<Self, Error> {
        let address = listener.local_addr().map_err(|e| Error::world("listen", e))?;
        let tls =
            crate::tls::server_config(&setup.identity, setup.revocations.clone(), D::SERVERS)?;
        let (stopping, stop) = watch::channel(false);
        let (metrics, bounds) = (setup.metrics.clone(), setup.bounds);
        let (counted, desk) = (metrics.clone(), setup.desk.clone());
        let dropped = move |cause| {
            counted.add(&DROPPED, &[("cause", cause)], 1.0);
            desk.dropped(cause);
        };
        let shared = Arc::new(connection::Shared {
            router: routes::router(setup, stop.clone()),
            acceptor: tls.into(),
            metrics,
            dropped: Box::new(dropped),
            bounds,
            stop,
        });
        tracing::info!(%address, "listening");
        let task = tokio::spawn(accept(listener, shared));
        Ok(Self { address, stopping, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, answers the requests at hand, and ends after `grace` at most.
    pub async fn stop(mut self, grace: Duration) {
        // Fails only if the server has ended already.
        let _ = self.stopping.send(true);
        if tokio::time::timeout(grace, &mut self.task).await.is_err() {
            tracing::warn!("requests were cut off at the end of the grace period");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns when the server is told to stop, or dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Ends when the server stops and its last connection has ended. Dropped, it ends them all.
async fn accept(listener: TcpListener, shared: Arc<connection::Shared>) {
    let bounds = shared.bounds;
    let slots = Slots::new(bounds.connections, bounds.connections_per_address);
    let mut stop = shared.stop.clone();
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    admit(&mut open, &slots, &shared, stream, address);
                }
                // Out of file descriptors, mostly: wait for some connections to end.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = open.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

fn admit(
    open: &mut JoinSet<()>,
    slots: &Slots,
    shared: &Arc<connection::Shared>,
    stream: TcpStream,
    address: SocketAddr,
) {
    let Some(slot) = slots.take(address.ip()) else {
        (shared.dropped)("full");
        return;
    };
    let shared = shared.clone();
    open.spawn(async move {
        shared.metrics.add(&CONNECTIONS, &[], 1.0);
        let _open = Open(shared.metrics.clone());
        connection::serve(&shared, stream, address).await;
        drop(slot);
    });
}

/// Counts a connection as closed however its task ends.
struct Open(Arc<Metrics>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.add(&CONNECTIONS, &[], -1.0);
    }
}
