//! One connection: handshake, requests, and an end, whatever the other side does or omits.

use super::Bounds;
use crate::desk::Peer;
use crate::pki::Subject;
use crate::telemetry::Metrics;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tacit_core::digest::Digest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A header in bytes: ours are below 1 KiB.
const HEADER_BYTES: u32 = 16 * 1024;

/// Requests of one HTTP/2 connection at a time; a participant may not have as many anyway.
const STREAMS: u32 = 16;

/// Read buffer of an HTTP/1 connection in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// What all connections of a server share.
pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) acceptor: TlsAcceptor,
    pub(super) metrics: Arc<Metrics>,
    /// Counts a connection that is closed before it asked anything, by cause.
    pub(super) dropped: Box<dyn Fn(&'static str) + Send + Sync>,
    pub(super) bounds: Bounds,
    pub(super) stop: watch::Receiver<bool>,
}

/// A request's peer and its place in the connection's book.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) peer: Arc<Peer>,
    pub(super) ticket: Arc<Ticket>,
}

#[cfg(test)]
impl Caller {
    /// Somebody on a connection of its own.
    pub(super) fn named(name: &str) -> Self {
        let peer = Peer {
            participant: tacit_core::ids::ParticipantId::parse(name).unwrap(),
            public_key: [0; 32],
            serial: vec![1],
            certificate: Digest::default(),
            address: SocketAddr::from(([127, 0, 0, 1], 1)),
        };
        let within = Duration::from_secs(60);
        let ticket = Arc::new(Arc::new(Book::new(within)).enter(within));
        Self { peer: Arc::new(peer), ticket }
    }
}

pub(super) async fn serve(shared: &Shared, stream: TcpStream, address: SocketAddr) {
    let dropped = |cause| (shared.dropped)(cause);
    // Answers are small and awaited.
    let _ = stream.set_nodelay(true);
    let handshake = timeout(shared.bounds.handshake, shared.acceptor.accept(stream)).await;
    let tls = match handshake {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => {
            tracing::info!(%address, %error, "handshake refused");
            return dropped("handshake");
        }
        Err(_) => return dropped("handshake-timeout"),
    };
    let Some(peer) = peer_of(&tls, address) else { return dropped("certificate") };
    tracing::debug!(participant = %peer.participant, %address, "connected");
    let book = Arc::new(Book::new(shared.bounds.request));
    tokio::select! {
        () = requests(shared, tls, Arc::new(peer), book.clone()) => {}
        () = book.overdue() => dropped("idle"),
    }
}

fn peer_of(tls: &TlsStream<TcpStream>, address: SocketAddr) -> Option<Peer> {
    let certificate = tls.get_ref().1.peer_certificates()?.first()?;
    let subject = Subject::of_certificate(certificate).ok()?;
    Some(Peer {
        participant: subject.name,
        public_key: subject.public_key,
        serial: subject.serial,
        certificate: Digest::of_bytes(certificate),
        address,
    })
}

async fn requests(shared: &Shared, tls: TlsStream<TcpStream>, peer: Arc<Peer>, book: Arc<Book>) {
    let longest = shared.bounds.poll + 2 * shared.bounds.request;
    let http2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let router = TowerToHyperService::new(shared.router.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        let ticket = Arc::new(book.enter(longest));
        request.extensions_mut().insert(Caller { peer: peer.clone(), ticket: ticket.clone() });
        let answer = router.call(request);
        async move { Ok::<_, Infallible>(answer.await?.map(|body| Held { body, _ticket: ticket })) }
    });
    let io = TokioIo::new(tls);
    let mut stop = shared.stop.clone();
    // The two protocols' connections share no trait: only their builders' settings differ.
    macro_rules! drive {
        ($connection:expr) => {{
            let mut connection = pin!($connection);
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = super::stopped(&mut stop) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }};
    }
    let ended = if http2 {
        drive!(http2_builder().serve_connection(io, service))
    } else {
        drive!(http1_builder(shared.bounds.request).serve_connection(io, service))
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

fn http2_builder() -> http2::Builder<TokioExecutor> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    http
}

fn http1_builder(header: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(header).max_buf_size(BUFFER_BYTES);
    http
}

/// Which requests a connection has open, and by when each must be over, its answer's last byte
/// included. Without one, the connection itself must not idle for long. So a connection that
/// sends nothing, half a header, half a body, or reads nothing, ends by itself.
struct Book {
    idle: Duration,
    entries: Mutex<Entries>,
}

struct Entries {
    next: u64,
    due: BTreeMap<u64, Instant>,
    idle_since: Instant,
}

/// An open request; closed when dropped.
pub(super) struct Ticket {
    number: u64,
    book: Arc<Book>,
}

impl Book {
    fn new(idle: Duration) -> Self {
        let entries = Entries { next: 0, due: BTreeMap::new(), idle_since: Instant::now() };
        Self { idle, entries: Mutex::new(entries) }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: &Arc<Self>, within: Duration) -> Ticket {
        let mut entries = self.lock();
        let number = entries.next;
        entries.next += 1;
        entries.due.insert(number, Instant::now() + within);
        Ticket { number, book: self.clone() }
    }

    /// Returns when something is overdue.
    async fn overdue(&self) {
        let tick = (self.idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(5));
        loop {
            tokio::time::sleep(tick).await;
            let entries = self.lock();
            let due = entries.due.values().min().copied();
            if due.unwrap_or(entries.idle_since + self.idle) <= Instant::now() {
                return;
            }
        }
    }
}

impl Ticket {
    /// Gives the request more time: its answer is long.
    pub(super) fn extend(&self, by: Duration) {
        if let Some(due) = self.book.lock().due.get_mut(&self.number) {
            *due += by;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut entries = self.book.lock();
        entries.due.remove(&self.number);
        entries.idle_since = Instant::now();
    }
}

/// An answer's body that keeps its request open until it is sent or given up.
struct Held {
    body: Body,
    _ticket: Arc<Ticket>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
