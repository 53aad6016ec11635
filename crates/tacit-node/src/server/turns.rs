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
use super::{Bounds, Server, accept};
use crate::desk::Peer;
use crate::pki::{Identity, Revocations};
use crate::telemetry::Metrics;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use hyper::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tacit_core::error::{Error, Refusal};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Answers of a contributor's request for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Whether it is the peer's.
    pub yours: bool,
    /// For how long it is the peer's, or after how long to ask again.
    pub seconds: u64,
}

/// Who holds a ceremony. Methods may block: they run on threads made for that.
pub trait Host: Send + Sync + 'static {
    /// Everything so far.
    fn transcript(&self) -> Result<Vec<u8>, Error>;
    /// Gives the turn to the peer, if nobody else has it.
    fn turn(&self, peer: &Peer) -> Result<Turn, Error>;
    /// The file to contribute to, for whoever has the turn.
    fn file(&self, peer: &Peer) -> Result<Vec<u8>, Error>;
    /// Takes a record and a file from whoever has the turn; durable when it returns.
    fn give(&self, peer: &Peer, record: &[u8], file: &[u8]) -> Result<(), Error>;
    /// Most bytes that a contribution has.
    fn limit(&self) -> usize;
    /// How long a turn lasts; no transfer lasts longer.
    fn within(&self) -> Duration;
}

/// What all handlers share.
struct App {
    host: Arc<dyn Host>,
    revocations: Arc<Revocations>,
    /// Contributions in memory: one at a time.
    giving: Semaphore,
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
        let app = Arc::new(App { host, revocations, giving: Semaphore::new(1) });
        let shared = Arc::new(connection::Shared {
            router: router(app),
            acceptor: tls.into(),
            metrics: Arc::new(Metrics::new()),
            dropped: Box::new(|cause| tracing::info!(cause, "connection dropped")),
            bounds: Bounds::default(),
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

/// A certificate may have been revoked since the handshake.
async fn gate(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return Failure::from(Error::Bug("a request came without a peer")).into_response();
    };
    match app.revocations.check(&caller.peer.serial) {
        Ok(()) => next.run(request).await,
        Err(error) => Failure::from(error).into_response(),
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
    let bytes = ask(&app, &caller, |host, peer| host.file(peer)).await?;
    caller.ticket.extend(app.host.within());
    Ok(Response::new(Body::from(bytes)))
}

async fn contribution(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Failure> {
    // whoever has no turn has nothing to send
    let turn = ask(&app, &caller, |host, peer| host.turn(peer)).await?;
    let Ok(_giving) = app.giving.try_acquire() else {
        return Err(Refusal::TooMany { participant: caller.peer.participant.clone() }.into());
    };
    if !turn.yours {
        let why = "it is somebody else's turn".into();
        return Err(Refusal::Failed { why }.into());
    }
    let within = app.host.within();
    caller.ticket.extend(within);
    let (head, body) = request.into_parts();
    let limit = app.host.limit();
    let mut inbound = Inbound::new("contribution", &head.headers, body, limit, within)?;
    let bytes = inbound.piece(limit + 1).await?;
    ask(&app, &caller, move |host, peer| {
        let (record, file) = split(&bytes)?;
        host.give(peer, record, file)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Record and file of a contribution.
fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let parts = || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        rest.split_at_checked(u32::from_le_bytes(*length) as usize)
    };
    parts().ok_or_else(|| Refusal::Malformed { what: "contribution".into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_checked() {
        assert_eq!(split(b"\x02\0\0\0abc").ok(), Some((&b"ab"[..], &b"c"[..])));
        for bad in [&b""[..], b"\x01\0\0", b"\x01\0\0\0", b"\xff\xff\xff\xffx"] {
            assert!(split(bad).is_err());
        }
    }
}
