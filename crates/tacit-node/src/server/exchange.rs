//! Mail to members of a cohort, and their messages.

use super::connection::Caller;
use super::reply::{Failure, Inbound, decode};
use super::routes::App;
use crate::desk::{Desk, Peer};
use crate::telemetry::{RECEIVED, SENT};
use crate::wire::{Said, verify_message};
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Response};
use hyper::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tacit_core::codec;
use tacit_core::error::Refusal;
use tacit_core::exchange::{Letter, SignedMessage};
use tacit_core::limits;

pub(super) async fn mail<D: Desk>(
    State(app): State<Arc<App<D>>>,
    Extension(caller): Extension<Caller>,
    Path((round, stage)): Path<(u32, u8)>,
) -> Result<Response, Failure> {
    let mail = app.ask(&caller.peer, move |desk, peer| desk.mail(peer, round, stage)).await?;
    caller.ticket.extend(Duration::from_secs(mail.len() as u64 / app.bounds.slowest.max(1)));
    app.metrics.add(&SENT, &[], mail.len() as f64);
    Ok(Response::new(Body::from(mail)))
}

pub(super) async fn message<D: Desk>(
    State(app): State<Arc<App<D>>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Failure> {
    let (head, body) = request.into_parts();
    let (limit, within) = (limits::EXCHANGE_BYTES, app.bounds.request);
    let mut inbound = Inbound::new("message", &head.headers, body, limit, within)?;
    let said: Said = decode("message", inbound.piece(limit + 1).await?)?;
    app.metrics.add(&RECEIVED, &[], said.body.len() as f64);
    let letter = verified(&caller.peer, said)?;
    app.ask(&caller.peer, move |desk, peer| desk.message(peer, letter)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The message, if its header is canonical, about the peer itself, signed by its certificate's
/// key, and about this body.
fn verified(peer: &Peer, said: Said) -> Result<Letter, Refusal> {
    let signed: SignedMessage = codec::decode("message", &said.signed, limits::MESSAGE_BYTES)?;
    let claimed = &signed.message.participant;
    if *claimed != peer.participant {
        let why = format!("it names {}, the message {claimed}", peer.participant);
        return Err(Refusal::BadCertificate { why });
    }
    verify_message(&signed, &peer.public_key)?;
    Letter::new(signed, said.body.into())
}
