//! What any participant may read: the log, and how the run stands.

use super::connection::Caller;
use super::reply::{Failure, absent, blocking, message};
use super::routes::App;
use crate::desk::Desk;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use std::sync::Arc;
use tacit_core::codec;

/// A path of the log in bytes: the deepest tile of a log of 2⁶⁴ entries has fewer.
const PATH_BYTES: usize = 128;

pub(super) async fn health() -> &'static str {
    "ok\n"
}

pub(super) async fn status<D: Desk>(
    State(app): State<Arc<App<D>>>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let desk = app.desk.clone();
    let status = blocking(move || desk.status()).await?;
    let json = "application/json";
    if headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes() == json.as_bytes()) {
        let mut response = Response::new(Body::from(codec::encode(&status)));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(json));
        return Ok(response);
    }
    Ok(message(&status))
}

pub(super) async fn log<D: Desk>(
    State(app): State<Arc<App<D>>>,
    Extension(caller): Extension<Caller>,
    Path(path): Path<String>,
) -> Result<Response, Failure> {
    let no_such = || Ok(absent(StatusCode::NOT_FOUND, "no such file of the log"));
    if !plain(&path) {
        return no_such();
    }
    let found = app.ask(&caller.peer, move |desk, _| desk.log_file(&path)).await?;
    let Some(file) = found else { return no_such() };
    let mut response = Response::new(Body::from(file.bytes));
    let cache = if file.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    Ok(response)
}

fn plain(path: &str) -> bool {
    let plain = |segment: &str| {
        let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'.';
        !segment.is_empty() && !segment.contains("..") && segment.bytes().all(allowed)
    };
    path.len() <= PATH_BYTES && path.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn paths_that_leave_the_log_are_none() {
        for good in ["checkpoint", "tile/0/x001/234.p/5", "tile/entries/000"] {
            assert!(plain(good), "{good}");
        }
        for bad in ["", "..", "a/../b", "a//b", "/a", "a\\b", "a%2f", "é", &"a".repeat(129)] {
            assert!(!plain(bad), "{bad}");
        }
    }
}
