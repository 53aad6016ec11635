//! `/metrics` and `/health` in plain HTTP, for the operator's own network.

use super::Metrics;
use crate::server::Slots;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tacit_core::error::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Connections at a time: a scraper or two.
const CONNECTIONS: usize = 16;

/// Time for one scrape in all.
const SCRAPE: Duration = Duration::from_secs(10);

/// A port that shows the metrics to whoever reaches it; closed when dropped.
pub struct Exposition {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Exposition {
    /// Serves `metrics` on `listener`.
    pub fn start(listener: TcpListener, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let address = listener.local_addr().map_err(|e| Error::world("listen", e))?;
        let task = tokio::spawn(accept(listener, metrics));
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Exposition {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, metrics: Arc<Metrics>) {
    let slots = Slots::new(CONNECTIONS, CONNECTIONS);
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        if let Some(slot) = slots.take(peer.ip()) {
            let metrics = metrics.clone();
            tokio::spawn(async move {
                let _ = tokio::time::timeout(SCRAPE, serve(stream, metrics)).await;
                drop(slot);
            });
        }
    }
}

async fn serve(stream: TcpStream, metrics: Arc<Metrics>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (status, text) = match request.uri().path() {
            "/metrics" => (StatusCode::OK, metrics.render()),
            "/health" => (StatusCode::OK, "ok\n".into()),
            _ => (StatusCode::NOT_FOUND, "expected /metrics or /health\n".into()),
        };
        let mut response = Response::new(http_body_util::Full::new(bytes::Bytes::from(text)));
        *response.status_mut() = status;
        let text = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4");
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, text);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(SCRAPE).keep_alive(false);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "scrape failed");
    }
}
