//! A federation on loopback: a certificate authority, a desk that keeps a book, a server.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::Letter;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Contribution, SignedContribution};
use tacit_core::proof::Dataset;
use tacit_core::traits::Blobs as _;
use tacit_node::client::{HttpTransport, Patience};
use tacit_node::desk::{Desk, LogFile, Peer};
use tacit_node::pki::{Identity, Pki, Revocations, Role};
use tacit_node::server::{Bounds, Server, Setup};
use tacit_node::store::{NodeStore, Transfer};
use tacit_node::telemetry::Metrics;
use tacit_node::wire::{self, Cosign, Heartbeat, Status, TaskOffer, UploadStatus, Welcome};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::client::TlsStream;

pub fn name(text: &str) -> ParticipantId {
    ParticipantId::parse(text).unwrap()
}

pub fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 31 % 251) as u8).collect()
}

/// Accepts whatever is announced; writes down everything.
pub struct Book {
    /// Small, so that a transfer has many chunks to break between.
    pub chunk_bytes: AtomicU64,
    pub store: NodeStore,
    pub offer: watch::Sender<Option<TaskOffer>>,
    pub announced: Mutex<BTreeMap<(ParticipantId, Digest), Transfer>>,
    pub accepted: Mutex<BTreeSet<(ParticipantId, Digest)>>,
    pub uploads: Mutex<Vec<u64>>,
    pub said: Mutex<Vec<String>>,
    pub refused: Mutex<Vec<&'static str>>,
}

impl Book {
    fn say(&self, what: String) -> Result<(), Error> {
        self.said.lock().unwrap().push(what);
        Ok(())
    }

    fn status_of(&self, key: &(ParticipantId, Digest), offset: u64) -> UploadStatus {
        let accepted = self.accepted.lock().unwrap().contains(key);
        UploadStatus { offset, chunk_bytes: self.chunk_bytes.load(Ordering::Relaxed), accepted }
    }
}

impl Desk for Book {
    fn admit(&self, peer: &Peer) -> Result<(), Error> {
        match self.store.enrolled_key(&peer.participant)? {
            Some(key) if key == peer.public_key => Ok(()),
            _ => Err(Refusal::NotEnrolled { participant: peer.participant.clone() }.into()),
        }
    }

    fn enrol(&self, peer: &Peer, _: Option<Dataset>) -> Result<Welcome, Error> {
        self.store.enrol(&peer.participant, &peer.public_key)?;
        let plan = b"seed = 1\n".to_vec().into();
        Ok(Welcome { protocol: wire::PROTOCOL, plan, heartbeat_ms: 1, ..Welcome::default() })
    }

    async fn task(&self, _peer: &Peer, seen_size: u64) -> Result<Option<TaskOffer>, Error> {
        self.say(format!("poll {seen_size}"))?;
        let mut offers = self.offer.subscribe();
        let offer = offers.wait_for(Option::is_some).await;
        Ok(offer.ok().and_then(|offer| offer.clone()))
    }

    fn announce(&self, peer: &Peer, signed: SignedContribution) -> Result<UploadStatus, Error> {
        let Contribution { round, payload, payload_bytes, .. } = signed.contribution;
        if round == 99 {
            return Err(Refusal::TooLate { round }.into());
        }
        let key = (peer.participant.clone(), payload);
        let participant = peer.participant.clone();
        let transfer = Transfer { round, participant, payload, bytes: payload_bytes };
        let offset = self.store.spool_open(&transfer)?;
        self.announced.lock().unwrap().insert(key.clone(), transfer);
        Ok(self.status_of(&key, offset))
    }

    fn upload(
        &self,
        peer: &Peer,
        payload: Digest,
        offset: u64,
        bytes: &[u8],
    ) -> Result<UploadStatus, Error> {
        let key = (peer.participant.clone(), payload);
        let transfer = self.announced.lock().unwrap().get(&key).cloned();
        let unknown = || Refusal::Malformed { what: "upload that was not announced".into() };
        let transfer = transfer.ok_or_else(unknown)?;
        self.uploads.lock().unwrap().push(offset);
        let next = self.store.spool_write(&transfer, offset, bytes)?;
        if next == transfer.bytes {
            self.store.spool_finish(&transfer)?;
            self.accepted.lock().unwrap().insert(key.clone());
        }
        Ok(self.status_of(&key, next))
    }

    fn mail(&self, _: &Peer, round: u32, _: u8) -> Result<Vec<u8>, Error> {
        Err(Refusal::TooLate { round }.into())
    }

    fn message(&self, _: &Peer, letter: Letter) -> Result<(), Error> {
        Err(Refusal::TooLate { round: letter.signed.message.round }.into())
    }

    fn decline(&self, peer: &Peer, round: u32, why: &str) -> Result<(), Error> {
        self.say(format!("decline {} {round} {why}", peer.participant))
    }

    fn heartbeat(&self, peer: &Peer, beat: Heartbeat) -> Result<(), Error> {
        self.say(format!("heartbeat {} {} {:?}", peer.participant, beat.round, beat.phase()))
    }

    fn cosign(&self, peer: &Peer, cosign: Cosign) -> Result<(), Error> {
        self.say(format!("cosign {} {}", peer.participant, cosign.size))
    }

    fn status(&self) -> Result<Status, Error> {
        Ok(Status { round: 7, state: "collecting".into(), ..Status::default() })
    }

    fn blob_size(&self, _peer: &Peer, digest: Digest) -> Result<Option<u64>, Error> {
        self.store.size(digest)
    }

    fn read_blob(&self, digest: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        tacit_core::traits::Blobs::read(&self.store, digest, offset, out)
    }

    fn log_file(&self, path: &str) -> Result<Option<LogFile>, Error> {
        match path {
            "checkpoint" => Ok(Some(LogFile { bytes: b"tacit\n0\n".into(), immutable: false })),
            "broken" => Err(Error::world("read /secret/path", std::io::Error::other("gone"))),
            "panic" => panic!("a handler that panics"),
            _ => Ok(None),
        }
    }

    fn refused(&self, _peer: &Peer, refusal: &Refusal) {
        self.refused.lock().unwrap().push(refusal.label());
    }
}

pub struct Federation {
    pub dir: tempfile::TempDir,
    pub pki: Pki,
    pub desk: Arc<Book>,
    pub metrics: Arc<Metrics>,
    pub server: Server,
    coordinator: Arc<Identity>,
}

/// Short times, so that tests of hostile peers end soon.
pub fn hasty() -> Bounds {
    let short = Duration::from_millis(400);
    Bounds { handshake: short, request: short, poll: short, slowest: 1 << 30, ..Bounds::default() }
}

impl Federation {
    pub async fn start(bounds: Bounds) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pki = Pki::init(&dir.path().join("pki"), "test authority").unwrap();
        let hosts = vec!["localhost".into(), "127.0.0.1".into()];
        let issued = pki.issue(&name("coordinator"), &Role::Coordinator { hosts }).unwrap();
        let identity = Identity::load(&pki.ca_path(), &issued.cert, &issued.key).unwrap();
        let coordinator = Arc::new(identity);
        let desk = Arc::new(Book {
            chunk_bytes: AtomicU64::new(64 * 1024),
            store: NodeStore::open(&dir.path().join("store")).unwrap(),
            offer: watch::channel(None).0,
            announced: Mutex::default(),
            accepted: Mutex::default(),
            uploads: Mutex::default(),
            said: Mutex::default(),
            refused: Mutex::default(),
        });
        let metrics = Arc::new(Metrics::new());
        let server = serve("127.0.0.1:0", &coordinator, pki.crl_path(), &desk, &metrics, bounds);
        let server = server.await;
        Self { dir, pki, desk, metrics, server, coordinator }
    }

    /// Stops the server and starts another on the same port.
    pub async fn restart(&mut self, bounds: Bounds, down: Duration) {
        let address = self.server.address().to_string();
        let (crl, spare) = (self.pki.crl_path(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let setup = self.setup(crl.clone(), bounds);
        let old = std::mem::replace(&mut self.server, Server::start(spare, setup).unwrap());
        old.stop(Duration::from_secs(5)).await;
        tokio::time::sleep(down).await;
        let (desk, metrics) = (&self.desk, &self.metrics);
        self.server = serve(&address, &self.coordinator, crl, desk, metrics, bounds).await;
    }

    fn setup(&self, crl: PathBuf, bounds: Bounds) -> Setup<Book> {
        Setup {
            revocations: Arc::new(Revocations::watch(&self.coordinator, &crl).unwrap()),
            identity: self.coordinator.clone(),
            desk: self.desk.clone(),
            metrics: self.metrics.clone(),
            bounds,
        }
    }

    /// Another server, under another certificate.
    pub async fn serve_as(&self, coordinator: &Arc<Identity>) -> Server {
        let (crl, desk, metrics) = (self.pki.crl_path(), &self.desk, &self.metrics);
        serve("127.0.0.1:0", coordinator, crl, desk, metrics, Bounds::default()).await
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.server.address())
    }

    pub fn identity(&self, who: &str) -> Arc<Identity> {
        let issued = self.pki.issue(&name(who), &Role::Participant).unwrap();
        Arc::new(Identity::load(&self.pki.ca_path(), &issued.cert, &issued.key).unwrap())
    }

    pub fn client(&self, who: &str) -> HttpTransport {
        client_at(&self.url(), self.identity(who))
    }

    pub async fn enrolled(&self, who: &str) -> HttpTransport {
        let client = self.client(who);
        client.enrol().await.unwrap();
        client
    }

    /// A raw HTTP/1.1 connection with this certificate.
    pub async fn raw(&self, identity: &Identity) -> TlsStream<TcpStream> {
        raw_http1(self.server.address(), identity).await.unwrap()
    }

    /// Waits until a condition holds.
    pub async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..2000 {
            if condition(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never: {what}\n{}", self.metrics.render());
    }
}

async fn serve(
    address: &str,
    coordinator: &Arc<Identity>,
    crl: PathBuf,
    desk: &Arc<Book>,
    metrics: &Arc<Metrics>,
    bounds: Bounds,
) -> Server {
    let setup = Setup {
        identity: coordinator.clone(),
        revocations: Arc::new(Revocations::watch(coordinator, &crl).unwrap()),
        desk: desk.clone(),
        metrics: metrics.clone(),
        bounds,
    };
    Server::start(TcpListener::bind(address).await.unwrap(), setup).unwrap()
}

pub fn client_at(url: &str, identity: Arc<Identity>) -> HttpTransport {
    HttpTransport::new(url, identity, patience()).unwrap()
}

/// Quick to try again, so that tests of outages end soon.
pub fn patience() -> Patience {
    let ms = Duration::from_millis;
    Patience { first: ms(10), longest: ms(100), total: ms(10_000) }
}

/// A raw HTTP/1.1 connection with this certificate.
pub async fn raw_http1(
    address: SocketAddr,
    identity: &Identity,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut config = (*tacit_node::tls::client_config(identity).unwrap()).clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    raw_tls(address, config).await
}

pub async fn raw_tls(
    address: SocketAddr,
    config: rustls::ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Sends text, reads to the end of the connection: status, header, body.
pub async fn ask(stream: &mut TlsStream<TcpStream>, text: &str) -> (u16, String, Vec<u8>) {
    stream.write_all(text.as_bytes()).await.unwrap();
    answer(stream).await
}

/// Sends a request with a body, reads to the end of the connection.
pub async fn send(
    stream: &mut TlsStream<TcpStream>,
    method_and_path: &str,
    body: &[u8],
) -> (u16, String, Vec<u8>) {
    let length = body.len();
    let head = format!("{method_and_path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n");
    let head = format!("{head}content-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // Fails where the answer comes before the whole body has gone.
    let _ = stream.write_all(body).await;
    answer(stream).await
}

pub async fn answer(stream: &mut TlsStream<TcpStream>) -> (u16, String, Vec<u8>) {
    let mut all = Vec::new();
    // A connection that is cut without a farewell still gave its answer.
    let _ = stream.read_to_end(&mut all).await;
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer");
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), all[end + 4..].to_vec())
}

pub fn contribution(who: &str, round: u32, payload: &[u8]) -> Contribution {
    Contribution {
        proof: None,
        participant: name(who),
        round,
        plan: Digest::of_bytes(b"plan"),
        model: Digest::of_bytes(b"model"),
        payload: Digest::of_bytes(payload),
        payload_bytes: payload.len() as u64,
        examples: 10,
        loss: 0.25,
        fit_ms: 5,
        evaluation: None,
        within: None,
    }
}

/// A proxy whose first connections break after so many bytes, in both directions together.
pub async fn breaking_proxy(target: SocketAddr, breaks: Vec<usize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut breaks = breaks.into_iter();
        while let Ok((mut near, _)) = listener.accept().await {
            let Ok(mut far) = TcpStream::connect(target).await else { continue };
            let left = breaks.next().unwrap_or(usize::MAX);
            tokio::spawn(async move { pump(&mut near, &mut far, left).await });
        }
    });
    address
}

async fn pump(near: &mut TcpStream, far: &mut TcpStream, mut left: usize) {
    let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    while left > 0 {
        let (result, to) = tokio::select! {
            read = near.read(&mut up) => (read.map(|n| &up[..n]), &mut *far),
            read = far.read(&mut down) => (read.map(|n| &down[..n]), &mut *near),
        };
        match result {
            Ok(data) if !data.is_empty() => {
                let data = &data[..data.len().min(left)];
                left -= data.len();
                if to.write_all(data).await.is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
}
