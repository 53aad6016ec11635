//! Contributions: a signed header, then the payload in chunks that may be resumed.

use super::connection::Caller;
use super::reply::{Failure, Inbound, message};
use super::routes::App;
use crate::desk::{Desk, Peer};
use crate::telemetry::RECEIVED;
use crate::wire::{ContributionHeader, verify_signature};
use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use std::sync::Arc;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::Refusal;
use tacit_core::limits;
use tacit_core::messages::SignedContribution;

pub(super) async fn announce<D: Desk>(
    State(app): State<Arc<App<D>>>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Failure> {
    let header: ContributionHeader = app.message("contribution header", request).await?;
    let signed = verified(&caller.peer, &header.signed)?;
    let status = app.ask(&caller.peer, move |desk, peer| desk.announce(peer, signed)).await?;
    Ok(message(&status))
}

/// The header, if it is canonical, about the peer itself, and signed by its certificate's key.
fn verified(peer: &Peer, bytes: &[u8]) -> Result<SignedContribution, Refusal> {
    let signed: SignedContribution = codec::decode("contribution", bytes, limits::MESSAGE_BYTES)?;
    let claimed = &signed.contribution.participant;
    if *claimed != peer.participant {
        let why = format!("it names {}, the contribution {claimed}", peer.participant);
        return Err(Refusal::BadCertificate { why });
    }
    verify_signature(&signed, &peer.public_key)?;
    Ok(signed)
}

pub(super) async fn upload<D: Desk>(
    State(app): State<Arc<App<D>>>,
    Extension(caller): Extension<Caller>,
    Path(payload): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let malformed = |what: &str| Refusal::Malformed { what: what.into() };
    let payload = Digest::parse(&payload).ok_or_else(|| malformed("payload digest"))?;
    let (head, body) = request.into_parts();
    let offset = head.uri.query().and_then(|query| query.strip_prefix("offset="));
    let offset = offset.and_then(|digits| digits.parse::<u64>().ok());
    let offset = offset.ok_or_else(|| malformed("upload: expected ?offset=N"))?;
    let (limit, within) = (limits::TRANSFER_CHUNK_BYTES, app.bounds.request);
    let mut inbound = Inbound::new("upload chunk", &head.headers, body, limit, within)?;
    let mut at = offset;
    loop {
        let bytes = inbound.piece(limits::TRANSFER_PIECE_BYTES).await?;
        let whole = bytes.len() < limits::TRANSFER_PIECE_BYTES;
        let next = at.saturating_add(bytes.len() as u64);
        app.metrics.add(&RECEIVED, &[], bytes.len() as f64);
        let upload = move |desk: &D, peer: &Peer| desk.upload(peer, payload, at, &bytes);
        let status = app.ask(&caller.peer, upload).await?;
        if whole || status.accepted || status.offset != next {
            // Where other bytes are wanted, what follows these is none of them; the peer still
            // has to be let send it before it reads an answer.
            while !whole && !inbound.piece(limits::TRANSFER_PIECE_BYTES).await?.is_empty() {}
            return Ok(message(&status));
        }
        at = next;
    }
}
