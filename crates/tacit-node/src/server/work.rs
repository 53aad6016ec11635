//! Enrolment, tasks and what is said about them.

use super::connection::Caller;
use super::reply::{Failure, message};
use super::routes::App;
use crate::desk::Desk;
use crate::wire::{Cosign, Decline, EnrolRequest, Heartbeat, PROTOCOL, TaskRequest};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;
use std::sync::Arc;
use tacit_core::error::Refusal;
use tacit_core::limits;
use tacit_core::proof::Dataset;

type Asked<D> = (State<Arc<App<D>>>, Extension<Caller>);

fn done() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

pub(super) async fn enrol<D: Desk>(
    (State(app), Extension(caller)): Asked<D>,
    request: Request,
) -> Result<Response, Failure> {
    let EnrolRequest { protocol, dataset } = app.message("enrolment", request).await?;
    if protocol != PROTOCOL {
        let what = format!("enrolment: protocol version {protocol}, expected {PROTOCOL}");
        return Err(Refusal::Malformed { what }.into());
    }
    let dataset = match dataset.as_ref() {
        [] => None,
        bytes => Some(Dataset::new(bytes.to_vec())?),
    };
    let welcome = app.ask(&caller.peer, |desk, peer| desk.enrol(peer, dataset)).await?;
    tracing::info!(participant = %caller.peer.participant, "enrolled");
    Ok(message(&welcome))
}

pub(super) async fn task<D: Desk>(
    (State(app), Extension(caller)): Asked<D>,
    request: Request,
) -> Result<Response, Failure> {
    let TaskRequest { seen_size } = app.message("task request", request).await?;
    let mut stop = app.stop.clone();
    let offer = tokio::select! {
        offer = app.desk.task(&caller.peer, seen_size) => offer?,
        () = tokio::time::sleep(app.bounds.poll) => None,
        () = super::stopped(&mut stop) => None,
    };
    app.still_good(&caller.peer)?;
    Ok(offer.map_or_else(done, |offer| message(&offer)))
}

pub(super) async fn heartbeat<D: Desk>(
    (State(app), Extension(caller)): Asked<D>,
    request: Request,
) -> Result<Response, Failure> {
    let beat: Heartbeat = app.message("heartbeat", request).await?;
    app.ask(&caller.peer, move |desk, peer| desk.heartbeat(peer, beat)).await?;
    Ok(done())
}

pub(super) async fn decline<D: Desk>(
    (State(app), Extension(caller)): Asked<D>,
    request: Request,
) -> Result<Response, Failure> {
    let Decline { round, why } = app.message("decline", request).await?;
    if why.len() > limits::REASON_BYTES {
        let (limit, found) = (limits::REASON_BYTES as u64, why.len() as u64);
        return Err(Refusal::TooLarge { what: "reason".into(), limit, found }.into());
    }
    let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    app.ask(&caller.peer, move |desk, peer| desk.decline(peer, round, &why)).await?;
    Ok(done())
}

pub(super) async fn cosign<D: Desk>(
    (State(app), Extension(caller)): Asked<D>,
    request: Request,
) -> Result<Response, Failure> {
    let cosign: Cosign = app.message("co-signature", request).await?;
    app.ask(&caller.peer, move |desk, peer| desk.cosign(peer, cosign)).await?;
    Ok(done())
}
