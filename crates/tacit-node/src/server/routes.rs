//! Paths, and what every request must pass before its handler.

use super::connection::Caller;
use super::reply::{Failure, Inbound, absent, blocking, decode};
use super::{Bounds, Setup, Slots, blobs, contributions, exchange, open, work};
use crate::desk::{Desk, Peer};
use crate::pki::Revocations;
use crate::telemetry::{FAILURES, Metrics, REFUSALS, REQUEST_SECONDS, REQUESTS};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use hyper::StatusCode;
use std::sync::Arc;
use std::time::Instant;
use tacit_core::error::{Error, Fault, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tokio::sync::watch;

/// What all handlers share.
pub(super) struct App<D> {
    pub(super) desk: Arc<D>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) bounds: Bounds,
    pub(super) stop: watch::Receiver<bool>,
    revocations: Arc<Revocations>,
    turns: Slots<ParticipantId>,
}

pub(super) fn router<D: Desk>(setup: Setup<D>, stop: watch::Receiver<bool>) -> Router {
    let Setup { desk, metrics, bounds, revocations, .. } = setup;
    let turns = Slots::new(usize::MAX, bounds.requests_per_participant);
    let app = Arc::new(App { desk, metrics, bounds, stop, revocations, turns });
    Router::new()
        .route("/v1/enrol", post(work::enrol::<D>))
        .route("/v1/task", post(work::task::<D>))
        .route("/v1/heartbeat", post(work::heartbeat::<D>))
        .route("/v1/decline", post(work::decline::<D>))
        .route("/v1/cosign", post(work::cosign::<D>))
        .route("/v1/blobs/{digest}", get(blobs::fetch::<D>))
        .route("/v1/contributions", post(contributions::announce::<D>))
        .route("/v1/contributions/{payload}", put(contributions::upload::<D>))
        .route("/v1/mail/{round}/{stage}", get(exchange::mail::<D>))
        .route("/v1/messages", post(exchange::message::<D>))
        .route("/v1/log/{*path}", get(open::log::<D>))
        .route("/v1/status", get(open::status::<D>))
        .route("/health", get(open::health))
        .fallback(async || absent(StatusCode::NOT_FOUND, "no such path"))
        .method_not_allowed_fallback(async || {
            absent(StatusCode::METHOD_NOT_ALLOWED, "no such method here")
        })
        .layer(from_fn_with_state(app.clone(), gate::<D>))
        .with_state(app)
}

/// Certificate still good, a turn free, enrolled; then the handler; then count the outcome.
async fn gate<D: Desk>(State(app): State<Arc<App<D>>>, request: Request, next: Next) -> Response {
    let Some(Caller { peer, .. }) = request.extensions().get::<Caller>().cloned() else {
        return Failure::from(Error::Bug("a request came without a peer")).into_response();
    };
    let path = request.extensions().get::<MatchedPath>().cloned();
    let path = path.as_ref().map_or("other", MatchedPath::as_str);
    let started = Instant::now();
    let turn = app.turns.take_for(peer.participant.clone());
    let response = match (pass(&app, &peer, path).await, &turn) {
        (Err(error), _) => Failure::from(error).into_response(),
        (Ok(()), None) => {
            let participant = peer.participant.clone();
            Failure::from(Refusal::TooMany { participant }).into_response()
        }
        (Ok(()), Some(_)) => next.run(request).await,
    };
    if let Some(refusal) = app.count(&peer, path, &response, started) {
        // Written down before the peer hears of it, and not on a thread that serves others.
        let told = move |desk: &D, peer: &Peer| {
            desk.refused(peer, &refusal);
            Ok(())
        };
        if let Err(error) = app.ask(&peer, told).await {
            tracing::error!(%error, "a refusal was not recorded");
        }
    }
    response
}

async fn pass<D: Desk>(app: &Arc<App<D>>, peer: &Arc<Peer>, path: &str) -> Result<(), Error> {
    app.revocations.check(&peer.serial)?;
    if matches!(path, "/v1/enrol" | "/v1/status" | "/health" | "other") {
        return Ok(());
    }
    app.ask(peer, |desk, peer| desk.admit(peer)).await
}

impl<D: Desk> App<D> {
    /// Asks the desk on a thread that may block.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        peer: &Arc<Peer>,
        question: impl FnOnce(&D, &Peer) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (desk, peer) = (self.desk.clone(), peer.clone());
        blocking(move || question(&desk, &peer)).await
    }

    /// Refuses a certificate that was revoked while its request waited.
    pub(super) fn still_good(&self, peer: &Peer) -> Result<(), Error> {
        self.revocations.check(&peer.serial)
    }

    /// Reads and decodes a message.
    pub(super) async fn message<M: prost::Message + Default>(
        &self,
        what: &'static str,
        request: Request,
    ) -> Result<M, Failure> {
        let (head, body) = request.into_parts();
        let (limit, within) = (limits::MESSAGE_BYTES, self.bounds.request);
        let mut inbound = Inbound::new(what, &head.headers, body, limit, within)?;
        Ok(decode(what, inbound.piece(limit + 1).await?)?)
    }

    /// Counts an answer; gives back the refusal that it is, if it is one.
    fn count(
        &self,
        peer: &Peer,
        path: &str,
        response: &Response,
        started: Instant,
    ) -> Option<Refusal> {
        let (metrics, status) = (&self.metrics, response.status());
        metrics.add(&REQUESTS, &[("path", path), ("status", status.as_str())], 1.0);
        metrics.observe(&REQUEST_SECONDS, &[("path", path)], started.elapsed().as_secs_f64());
        let error = response.extensions().get::<Arc<Error>>()?;
        let participant = &peer.participant;
        match &**error {
            Error::Peer(refusal) => {
                let reason = refusal.label();
                metrics.add(&REFUSALS, &[("reason", reason)], 1.0);
                tracing::info!(%participant, path, reason, %refusal, "refused");
                Some(refusal.clone())
            }
            error => {
                let kind = match error.fault() {
                    Fault::Peer | Fault::Caller => "settings",
                    Fault::World => "world",
                    Fault::Bug => "bug",
                };
                metrics.add(&FAILURES, &[("kind", kind)], 1.0);
                tracing::error!(%participant, path, %error, "request failed");
                None
            }
        }
    }
}
