//! Bodies in, answers out.

use crate::wire::{ErrorReply, Fault, MEDIA_TYPE, status_of};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tacit_core::error::{Error, Refusal};

/// An error on its way to the peer; the middleware finds it in the answer and counts it.
pub(super) struct Failure {
    error: Arc<Error>,
    status: u16,
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        Self { status: status_of(&error), error: Arc::new(error) }
    }
}

impl Failure {
    /// The same with another status.
    fn with_status(self, status: StatusCode) -> Self {
        Self { status: status.as_u16(), ..self }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = error_reply(status, &ErrorReply::of(&self.error));
        if matches!(self.status, 429 | 503) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response.extensions_mut().insert(self.error);
        response
    }
}

fn error_reply(status: StatusCode, reply: &ErrorReply) -> Response {
    (status, message(reply)).into_response()
}

/// There is no such thing, or no such way to ask for it.
pub(super) fn absent(status: StatusCode, what: &str) -> Response {
    let (reason, message) = ("absent".into(), what.into());
    let reply = ErrorReply { fault: Fault::Peer.into(), reason, message, refusal: Bytes::new() };
    error_reply(status, &reply)
}

/// A protobuf message as an answer.
pub(super) fn message(message: &impl prost::Message) -> Response {
    let mut response = Response::new(Body::from(message.encode_to_vec()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// Runs something that blocks on the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(Error::Bug("a request's handler panicked")))
}

/// A body of at most `limit` bytes, which must arrive within some time.
pub(super) struct Inbound {
    what: &'static str,
    limit: usize,
    claimed: Option<u64>,
    found: usize,
    deadline: tokio::time::Instant,
    body: Pin<Box<Body>>,
}

impl Inbound {
    /// Refuses a body that says that it is too large.
    pub fn new(
        what: &'static str,
        headers: &HeaderMap,
        body: Body,
        limit: usize,
        within: Duration,
    ) -> Result<Self, Failure> {
        let claimed = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        let deadline = tokio::time::Instant::now() + within;
        let inbound = Self { what, limit, claimed, found: 0, deadline, body: Box::pin(body) };
        match claimed.filter(|claimed| *claimed > limit as u64) {
            Some(claimed) => Err(inbound.too_large(claimed)),
            None => Ok(inbound),
        }
    }

    fn too_large(&self, found: u64) -> Failure {
        Refusal::TooLarge { what: self.what.into(), limit: self.limit as u64, found }.into()
    }

    fn truncated(&self) -> Failure {
        let found = self.found as u64;
        let expected = self.claimed.unwrap_or(found + 1);
        Failure::from(Refusal::Truncated { expected, found })
            .with_status(StatusCode::REQUEST_TIMEOUT)
    }

    /// The next bytes: at least `wanted`, or all that are left; empty at the end.
    pub async fn piece(&mut self, wanted: usize) -> Result<Bytes, Failure> {
        let left =
            self.claimed.map_or(wanted, |claimed| (claimed as usize).saturating_sub(self.found));
        let mut bytes = BytesMut::with_capacity(left.min(wanted));
        while bytes.len() < wanted {
            match tokio::time::timeout_at(self.deadline, self.body.frame()).await {
                Err(_) | Ok(Some(Err(_))) => return Err(self.truncated()),
                Ok(None) => break,
                Ok(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    self.found += data.len();
                    if self.found > self.limit {
                        return Err(self.too_large(self.found as u64));
                    }
                    bytes.extend_from_slice(&data);
                }
            }
        }
        Ok(bytes.freeze())
    }
}

/// Decodes a protobuf message; fields it does not know are skipped, as protobuf wants.
pub(super) fn decode<M: prost::Message + Default>(
    what: &'static str,
    bytes: Bytes,
) -> Result<M, Refusal> {
    M::decode(bytes).map_err(|_| Refusal::Malformed { what: what.into() })
}
