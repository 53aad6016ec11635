//! One HTTP/2 connection to the coordinator, opened when needed and again when it broke.

use super::{ANSWER, media_type};
use crate::pki::Identity;
use crate::wire::ErrorReply;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use prost::Message as _;
use rustls::pki_types::ServerName;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tacit_core::error::{Error, Refusal};
use tacit_core::limits;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What the coordinator may send ahead of our reading, per stream, in bytes: a line of 1 Gbit/s
/// with 32 ms of delay.
const WINDOW_BYTES: u32 = 4 << 20;

/// How often an idle connection is probed, and how long the answer may take.
const PROBE: Duration = Duration::from_secs(10);

pub(super) struct Connection {
    host: String,
    port: u16,
    origin: String,
    name: ServerName<'static>,
    connector: TlsConnector,
    live: Mutex<Option<Live>>,
}

#[derive(Clone)]
struct Live {
    sender: SendRequest<Full<Bytes>>,
    /// Why the connection ended, once it has.
    ended: watch::Receiver<Option<Ended>>,
}

#[derive(Clone, Debug)]
enum Ended {
    /// The coordinator refused our certificate.
    Refused(String),
    /// Anything else.
    Broken(String),
}

impl Connection {
    pub(super) fn new(url: &str, identity: &Identity) -> Result<Self, Error> {
        let bad = || Error::caller("coordinator", "https://HOST:PORT", url);
        let uri: Uri = url.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        if uri.scheme_str() != Some("https") || !matches!(uri.path(), "" | "/") {
            return Err(bad());
        }
        let name = crate::tls::server_name(authority.host())?;
        let connector = TlsConnector::from(crate::tls::client_config(identity)?);
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(443);
        let origin = format!("https://{authority}");
        Ok(Self { host, port, origin, name, connector, live: Mutex::new(None) })
    }

    /// Sends a request and reads its answer, a message; anything but success is an error.
    pub(super) async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        within: Duration,
    ) -> Result<(u16, Bytes), Error> {
        let response = self.send(method, path, HeaderMap::new(), body, within).await?;
        let status = response.status().as_u16();
        Ok((status, read_message(response).await?))
    }

    /// Sends a request and gives the answer's header; anything but success is an error.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
        within: Duration,
    ) -> Result<Response<Incoming>, Error> {
        let mut live = self.live().await?;
        let (name, value) = media_type();
        let request = Request::builder().method(method).uri(format!("{}{path}", self.origin));
        let request = request.header(name, value).body(Full::new(body));
        let mut request = request.map_err(|e| Error::world("build a request", e))?;
        request.headers_mut().extend(headers);
        let sent = timeout(within, live.sender.send_request(request)).await;
        let response = match sent {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(self.diagnose(live, error).await),
            Err(_) => {
                // A connection that does not answer may be dead: do not use it again.
                *self.live.lock().await = None;
                return Err(Error::world("await the coordinator's answer", timed_out()));
            }
        };
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = read_message(response).await?;
        let reply = ErrorReply::decode(body).unwrap_or_default();
        Err(reply.into_error(status.as_u16()))
    }

    /// The open connection, or a new one. One caller connects, the others wait for it.
    async fn live(&self) -> Result<Live, Error> {
        let mut slot = self.live.lock().await;
        if let Some(live) = slot.as_ref().filter(|live| !live.sender.is_closed()) {
            return Ok(live.clone());
        }
        let connected = timeout(ANSWER, self.connect()).await;
        let live = connected.map_err(|_| Error::world("connect", timed_out()))??;
        *slot = Some(live.clone());
        Ok(live)
    }

    async fn connect(&self) -> Result<Live, Error> {
        let doing = || format!("connect to {}", self.origin);
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|e| Error::world(doing(), e))?;
        let _ = stream.set_nodelay(true);
        let tls = self.connector.connect(self.name.clone(), stream).await;
        let tls = tls.map_err(|error| match tls_error(&error) {
            // Repeating does not help: this is another coordinator, or none of ours.
            Some(rustls::Error::InvalidCertificate(why)) => {
                let expected = "a certificate of the federation's authority for this host";
                Error::caller("coordinator", expected, format!("{why:?}"))
            }
            Some(rustls::Error::AlertReceived(alert)) => refused(format!("{alert:?}")),
            _ => Error::world(doing(), error),
        })?;
        let mut http = Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(2 * WINDOW_BYTES)
            .keep_alive_interval(PROBE)
            .keep_alive_timeout(PROBE);
        let alert = Arc::new(OnceLock::new());
        let tls = Listening { tls, alert: alert.clone() };
        let shaken = http.handshake(TokioIo::new(tls)).await;
        let (sender, connection) = shaken.map_err(|e| reason(&e, &alert).into_error())?;
        let (end, ended) = watch::channel(None);
        tokio::spawn(async move {
            let why = match connection.await {
                Ok(()) => Ended::Broken("closed by the coordinator".into()),
                Err(error) => reason(&error, &alert),
            };
            end.send_replace(Some(why));
        });
        Ok(Live { sender, ended })
    }

    /// A failed request says little; the connection's own end says why. In TLS 1.3 a refused
    /// certificate shows only there, after the handshake.
    async fn diagnose(&self, mut live: Live, error: hyper::Error) -> Error {
        let why = timeout(Duration::from_secs(1), live.ended.wait_for(Option::is_some)).await;
        let why = why.ok().and_then(|why| why.ok().and_then(|why| why.clone()));
        why.unwrap_or_else(|| reason(&error, &OnceLock::new())).into_error()
    }
}

fn reason(error: &hyper::Error, alert: &OnceLock<String>) -> Ended {
    if let Some(alert) = alert.get() {
        return Ended::Refused(alert.clone());
    }
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    Ended::Broken(format!("{error}{}", source.unwrap_or_default()))
}

/// Remembers the alert with which the other side ended a connection: the layers above lose it.
struct Listening {
    tls: TlsStream<TcpStream>,
    alert: Arc<OnceLock<String>>,
}

impl AsyncRead for Listening {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.tls).poll_read(context, buffer);
        if let Poll::Ready(Err(error)) = &read
            && let Some(rustls::Error::AlertReceived(alert)) = tls_error(error)
        {
            // A second alert adds nothing.
            let _ = self.alert.set(format!("{alert:?}"));
        }
        read
    }
}

impl AsyncWrite for Listening {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tls).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tls).poll_shutdown(context)
    }
}

impl Ended {
    fn into_error(self) -> Error {
        match self {
            Ended::Refused(alert) => refused(alert),
            Ended::Broken(why) => Error::world("talk to the coordinator", why),
        }
    }
}

fn refused(alert: String) -> Error {
    Refusal::BadCertificate { why: format!("the coordinator answers with the alert {alert}") }
        .into()
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn timed_out() -> io::Error {
    io::ErrorKind::TimedOut.into()
}

/// The next piece of an answer; `None` at its end.
pub(super) async fn piece(body: &mut Incoming) -> Result<Option<Bytes>, Error> {
    let frame = timeout(ANSWER, body.frame()).await;
    match frame.map_err(|_| Error::world("read the coordinator's answer", timed_out()))? {
        Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
        Some(Err(error)) => Err(Error::world("read the coordinator's answer", error)),
        None => Ok(None),
    }
}

async fn read_message(response: Response<Incoming>) -> Result<Bytes, Error> {
    let mut body = response.into_body();
    let mut bytes = BytesMut::new();
    while let Some(piece) = piece(&mut body).await? {
        if bytes.len() + piece.len() > limits::MESSAGE_BYTES {
            let (what, limit) = ("answer".into(), limits::MESSAGE_BYTES as u64);
            let found = (bytes.len() + piece.len()) as u64;
            return Err(Refusal::TooLarge { what, limit, found }.into());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}
