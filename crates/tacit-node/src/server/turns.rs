//! A ceremony over HTTPS: one contributor at a time, each with a time limit. What contributions
//! are is the business of the [`Host`].
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /v1/ceremony` | | the transcript |
//! | `POST /v1/ceremony/turn` | | `Turn` as JSON |
//! | `GET /v1/ceremony/file` | | the file to contribute to |
//! | `POST /v1/ceremony/contribution` | length of the record (4 bytes, little-endian), record, file | 204 |
//!
//! A status of 400 or more comes with an `ErrorReply`.

use super::connection::{self, Caller};
use super::reply::{Failure, Inbound, absent, blocking};
use super::{Bounds, Server, Slots, accept};
use crate::desk::Peer;
use crate::pki::{Identity, Revocations};
use crate::telemetry::Metrics;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use bytes::{Buf as _, Bytes};
use hyper::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// For a contribution to be verified: as long as contributing may take.
pub(crate) const VERIFYING: Duration = Duration::from_secs(3600);

/// Answers of a contributor's request for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Whether it is the peer's.
    pub yours: bool,
    /// For how long it is the peer's, or after how long to ask again.
    pub seconds: u64,
}

/// What whoever has the turn may send.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Most bytes that a contribution has.
    pub bytes: usize,
    /// What is left of the turn; no transfer lasts longer.
    pub within: Duration,
}

/// Who holds a ceremony. Methods may block: they run on threads made for that. What many may ask
/// for at a time is shared, and not copied for each.
pub trait Host: Send + Sync + 'static {
    /// Everything so far.
    fn transcript(&self) -> Result<Bytes, Error>;
    /// Gives the turn to the peer, if nobody else has it or waits longer.
    fn turn(&self, peer: &Peer) -> Result<Turn, Error>;
    /// Refuses whoever does not have the turn.
    fn room(&self, peer: &Peer) -> Result<Room, Error>;
    /// The file to contribute to, for whoever has the turn.
    fn file(&self, peer: &Peer) -> Result<Bytes, Error>;
    /// Takes a record and a file from whoever has the turn; durable when it returns.
    fn give(&self, peer: &Peer, record: &[u8], file: Bytes) -> Result<(), Error>;
}

/// What all handlers share.
struct App {
    host: Arc<dyn Host>,
    revocations: Arc<Revocations>,
    /// Contributions in memory: one at a time.
    giving: Arc<Semaphore>,
    slots: Slots<ParticipantId>,
}

impl App {
    fn new(host: Arc<dyn Host>, revocations: Arc<Revocations>, bounds: &Bounds) -> Arc<Self> {
        let slots = Slots::new(usize::MAX, bounds.requests_per_participant);
        Arc::new(Self { host, revocations, giving: Arc::new(Semaphore::new(1)), slots })
    }
}

impl Server {
    /// Serves a ceremony on `listener` within the current tokio runtime.
    pub fn host(
        listener: TcpListener,
        identity: &Identity,
        revocations: Arc<Revocations>,
        host: Arc<dyn Host>,
    ) -> Result<Self, Error> {
        let address = listener.local_addr().map_err(|e| Error::world("listen", e))?;
        let tls = crate::tls::server_config(identity, revocations.clone(), false)?;
        let (stopping, stop) = watch::channel(false);
        let bounds = Bounds::default();
        let shared = Arc::new(connection::Shared {
            router: router(App::new(host, revocations, &bounds)),
            acceptor: tls.into(),
            metrics: Arc::new(Metrics::new()),
            dropped: Box::new(|cause| tracing::info!(cause, "connection dropped")),
            bounds,
            stop,
        });
        let task = tokio::spawn(accept(listener, shared));
        Ok(Self { address, stopping, task })
    }
}

fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/v1/ceremony", get(transcript))
        .route("/v1/ceremony/turn", post(turn))
        .route("/v1/ceremony/file", get(file))
        .route("/v1/ceremony/contribution", post(contribution))
        .fallback(async || absent(StatusCode::NOT_FOUND, "no such path"))
        .method_not_allowed_fallback(async || {
            absent(StatusCode::METHOD_NOT_ALLOWED, "no such method here")
        })
        .layer(from_fn_with_state(app.clone(), gate))
        .with_state(app)
}

/// A certificate may have been revoked since the handshake, and nobody asks for much at a time.
async fn gate(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return Failure::from(Error::Bug("a request came without a peer")).into_response();
    };
    let participant = caller.peer.participant.clone();
    let slot = app.slots.take_for(participant.clone());
    match (app.revocations.check(&caller.peer.serial), &slot) {
        (Err(error), _) => Failure::from(error).into_response(),
        (Ok(()), None) => Failure::from(Refusal::TooMany { participant }).into_response(),
        (Ok(()), Some(_)) => next.run(request).await,
    }
}

async fn ask<T: Send + 'static>(
    app: &Arc<App>,
    caller: &Caller,
    work: impl FnOnce(&dyn Host, &Peer) -> Result<T, Error> + Send + 'static,
) -> Result<T, Failure> {
    let (app, peer) = (app.clone(), caller.peer.clone());
    Ok(blocking(move || work(&*app.host, &peer)).await?)
}

async fn transcript(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Failure> {
    let bytes = ask(&app, &caller, |host, _| host.transcript()).await?;
    Ok(Response::new(Body::from(bytes)))
}

async fn turn(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Failure> {
    let turn = ask(&app, &caller, |host, peer| host.turn(peer)).await?;
    let json = serde_json::to_vec(&turn).map_err(|_| Error::Bug("a turn that JSON cannot hold"))?;
    Ok(Response::new(Body::from(json)))
}

async fn file(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Failure> {
    let asked = ask(&app, &caller, |host, peer| Ok((host.room(peer)?, host.file(peer)?)));
    let (room, bytes) = asked.await?;
    caller.ticket.extend(room.within);
    Ok(Response::new(Body::from(bytes)))
}

async fn contribution(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Failure> {
    // whoever has no turn has nothing to send
    let room = ask(&app, &caller, |host, peer| host.room(peer)).await?;
    let Ok(giving) = app.giving.clone().try_acquire_owned() else {
        return Err(Refusal::TooMany { participant: caller.peer.participant.clone() }.into());
    };
    caller.ticket.extend(room.within + VERIFYING);
    let (head, body) = request.into_parts();
    let mut inbound = Inbound::new("contribution", &head.headers, body, room.bytes, room.within)?;
    let bytes = inbound.piece(room.bytes + 1).await?;
    ask(&app, &caller, move |host, peer| {
        // who hangs up makes no room for another before this is verified
        let _giving = giving;
        let (record, file) = split(bytes)?;
        host.give(peer, &record, file)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Record and file of a contribution.
fn split(mut bytes: Bytes) -> Result<(Bytes, Bytes), Refusal> {
    let length = bytes.try_get_u32_le().ok().map(|length| length as usize);
    match length.filter(|length| *length <= bytes.len()) {
        Some(length) => Ok((bytes.split_to(length), bytes)),
        None => Err(Refusal::Malformed { what: "contribution".into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::{Pki, Role};
    use hyper::Method;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;
    use std::sync::{Mutex, mpsc};
    use tokio::sync::Notify;

    #[test]
    fn lengths_are_checked() {
        let split = |bytes| split(Bytes::from_static(bytes)).ok();
        let parts = [b"ab", &b"c"[..]].map(Bytes::from_static);
        assert_eq!(split(b"\x02\0\0\0abc"), Some(parts.into()));
        for bad in [&b""[..], b"\x01\0\0", b"\x01\0\0\0", b"\xff\xff\xff\xffx"] {
            assert!(split(bad).is_none());
        }
    }

    /// Verifies until it is told to go on.
    struct Slow {
        begun: Arc<Notify>,
        go_on: Mutex<mpsc::Receiver<()>>,
    }

    impl Host for Slow {
        fn transcript(&self) -> Result<Bytes, Error> {
            Ok(Bytes::from_static(b"transcript"))
        }

        fn turn(&self, _: &Peer) -> Result<Turn, Error> {
            Ok(Turn { yours: true, seconds: 60 })
        }

        fn room(&self, _: &Peer) -> Result<Room, Error> {
            Ok(Room { bytes: 64, within: Duration::from_secs(60) })
        }

        fn file(&self, _: &Peer) -> Result<Bytes, Error> {
            Ok(Bytes::from_static(b"file"))
        }

        fn give(&self, _: &Peer, _: &[u8], _: Bytes) -> Result<(), Error> {
            self.begun.notify_one();
            // two at a time would not wait
            if let Ok(told) = self.go_on.try_lock() {
                let _ = told.recv();
            }
            Ok(())
        }
    }

    fn app(host: Slow) -> Arc<App> {
        let authority = Pki::throw_away().unwrap();
        let name = ParticipantId::parse("coordinator").unwrap();
        let identity = authority.identity(&name, &Role::Participant).unwrap();
        App::new(Arc::new(host), Arc::new(Revocations::none(&identity)), &Bounds::default())
    }

    async fn status(app: &Arc<App>, name: &str, method: Method, path: &str) -> StatusCode {
        let body = Body::from(&[0; 4][..]);
        let mut request = Request::builder().method(method).uri(path).body(body).unwrap();
        request.extensions_mut().insert(Caller::named(name));
        let router = TowerToHyperService::new(router(app.clone()));
        router.call(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_contribution_is_verified_alone_even_if_its_peer_hangs_up() {
        let (begun, (go_on, told)) = (Arc::new(Notify::new()), mpsc::channel());
        let app = app(Slow { begun: begun.clone(), go_on: Mutex::new(told) });
        let path = "/v1/ceremony/contribution";
        let asked = app.clone();
        let ann = tokio::spawn(async move { status(&asked, "ann", Method::POST, path).await });
        begun.notified().await;
        ann.abort();
        assert!(ann.await.unwrap_err().is_cancelled());
        let bob = status(&app, "bob", Method::POST, path).await;
        assert_eq!(bob, StatusCode::TOO_MANY_REQUESTS);
        // others are answered while it is verified, and the place is free afterwards
        assert_eq!(status(&app, "bob", Method::GET, "/v1/ceremony").await, StatusCode::OK);
        drop(go_on);
        drop(app.giving.acquire().await.unwrap());
        assert_eq!(status(&app, "bob", Method::POST, path).await, StatusCode::NO_CONTENT);
    }

    #[tokio::test]
    async fn nobody_asks_for_much_at_a_time() {
        let app = app(Slow { begun: Arc::default(), go_on: Mutex::new(mpsc::channel().1) });
        let ann = ParticipantId::parse("ann").unwrap();
        let most = Bounds::default().requests_per_participant;
        let held: Vec<_> = (0..most).map(|_| app.slots.take_for(ann.clone()).unwrap()).collect();
        let file = |name| status(&app, name, Method::GET, "/v1/ceremony/file");
        assert_eq!(file("ann").await, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(file("bob").await, StatusCode::OK);
        drop(held);
        assert_eq!(file("ann").await, StatusCode::OK);
    }
}
