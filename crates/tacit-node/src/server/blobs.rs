//! Models, in ranges, as fast as the peer reads and no faster.

use super::connection::Caller;
use super::reply::{Failure, absent};
use super::routes::App;
use crate::desk::Desk;
use crate::telemetry::SENT;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap,
    HeaderValue, IF_NONE_MATCH, RANGE,
};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::limits;
use tokio::sync::mpsc;

/// Read from the store at a time, in bytes.
const PIECE: u64 = limits::TRANSFER_PIECE_BYTES as u64;

pub(super) async fn fetch<D: Desk>(
    State(app): State<Arc<App<D>>>,
    Extension(caller): Extension<Caller>,
    Path(digest): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let malformed = || Refusal::Malformed { what: "blob digest".into() };
    let digest = Digest::parse(&digest).ok_or_else(malformed)?;
    let size = app.ask(&caller.peer, move |desk, peer| desk.blob_size(peer, digest)).await?;
    let Some(size) = size else { return Ok(absent(StatusCode::NOT_FOUND, "no such blob")) };
    let tag = format!("\"{digest}\"");
    if headers.get(IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let (status, range) = match requested(&headers, size) {
        Requested::All => (StatusCode::OK, 0..size),
        Requested::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
        Requested::Nothing => {
            let mut response = absent(StatusCode::RANGE_NOT_SATISFIABLE, "no such range");
            response.headers_mut().insert(CONTENT_RANGE, header(format!("bytes */{size}"))?);
            return Ok(response);
        }
    };
    let length = range.end - range.start;
    caller.ticket.extend(Duration::from_secs(length / app.bounds.slowest.max(1)));
    app.metrics.add(&SENT, &[], length as f64);
    let content_range = format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1));
    let mut response = Response::new(Body::new(feed(app.desk.clone(), digest, range)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_LENGTH, header(length.to_string())?);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, header(tag)?);
    let cache = HeaderValue::from_static("private, max-age=31536000, immutable");
    headers.insert(CACHE_CONTROL, cache);
    if status == StatusCode::PARTIAL_CONTENT {
        headers.insert(CONTENT_RANGE, header(content_range)?);
    }
    Ok(response)
}

fn header(text: String) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(text).map_err(|_| Error::Bug("a header holds control characters"))
}

#[derive(Debug, PartialEq)]
enum Requested {
    All,
    Part(Range<u64>),
    Nothing,
}

/// One range (RFC 9110, 14.2); several, or other units, may be and are answered with all.
fn requested(headers: &HeaderMap, size: u64) -> Requested {
    let value = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) = value.and_then(|v| v.strip_prefix("bytes=")?.split_once('-')) else {
        return Requested::All;
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(suffix)) if first.is_empty() => size.saturating_sub(suffix)..size,
        _ => return Requested::All,
    };
    if range.is_empty() { Requested::Nothing } else { Requested::Part(range) }
}

/// Reads ahead of the connection by two pieces at most.
fn feed<D: Desk>(desk: Arc<D>, digest: Digest, range: Range<u64>) -> Feed {
    let (sender, pieces) = mpsc::channel(1);
    let left = range.end - range.start;
    tokio::spawn(async move {
        let mut offset = range.start;
        while offset < range.end {
            let mut piece = vec![0; PIECE.min(range.end - offset) as usize];
            let desk = desk.clone();
            let read = super::reply::blocking(move || {
                desk.read_blob(digest, offset, &mut piece)?;
                Ok(Bytes::from(piece))
            });
            let read = read.await;
            offset += PIECE;
            let failed = read.is_err();
            if let Err(error) = &read {
                tracing::error!(%digest, %error, "blob cannot be read");
            }
            // Fails when the peer has gone.
            if sender.send(read).await.is_err() || failed {
                return;
            }
        }
    });
    Feed { pieces, left }
}

struct Feed {
    pieces: mpsc::Receiver<Result<Bytes, Error>>,
    left: u64,
}

impl HttpBody for Feed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.pieces.poll_recv(context).map(|piece| {
            let piece = piece?;
            self.left -= piece.as_ref().map_or(0, |bytes| bytes.len() as u64);
            Some(piece.map(Frame::data))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let ask = |text: &'static str| {
            let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(text))]);
            requested(&headers, 10)
        };
        assert_eq!(ask("bytes=0-3"), Requested::Part(0..4));
        assert_eq!(ask("bytes=8-99"), Requested::Part(8..10));
        assert_eq!(ask("bytes=4-"), Requested::Part(4..10));
        assert_eq!(ask("bytes=-3"), Requested::Part(7..10));
        assert_eq!(ask("bytes=-99"), Requested::Part(0..10));
        assert_eq!(ask("bytes=0-18446744073709551615"), Requested::Part(0..10));
        for nothing in ["bytes=10-", "bytes=99-100", "bytes=-0"] {
            assert_eq!(ask(nothing), Requested::Nothing, "{nothing}");
        }
        for all in ["bytes=3-1", "bytes=1-2,4-5", "rows=1-2", "bytes=", "bytes=a-b"] {
            assert_eq!(ask(all), Requested::All, "{all}");
        }
        assert_eq!(requested(&HeaderMap::new(), 10), Requested::All);
    }
}
