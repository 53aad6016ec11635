//! Participants and a coordinator's server that behave, on a network that does not.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::sync::Arc;
use std::time::Duration;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::messages::Offer;
use tacit_core::traits::{Blobs as _, Spool as _, Transport as _};
use tacit_node::client::{BlockingTransport, LogWatch, Patience};
use tacit_node::pki::{Identity, Pki, Role};
use tacit_node::server::Bounds;
use tacit_node::telemetry::{Exposition, REFUSALS, REQUESTS};
use tacit_node::wire::{Cosign, ErrorReply, Phase, TaskOffer, digest_bytes};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn enrolment_comes_first_and_binds_the_key() {
    let federation = Federation::start(Bounds::default()).await;
    let client = federation.client("p0");
    let refused = client.next_task(0).await.unwrap_err();
    assert!(matches!(refused, Error::Peer(Refusal::NotEnrolled { .. })), "{refused}");
    assert_eq!(&client.enrol().await.unwrap().plan[..], b"seed = 1\n");
    client.enrol().await.unwrap();
    assert_eq!(federation.metrics.value(&REFUSALS, &[("reason", "not-enrolled")]), 1.0);
    assert_eq!(*federation.desk.refused.lock().unwrap(), ["not-enrolled"]);

    // a new certificate for the name, with another key
    federation.pki.revoke(&name("p0")).unwrap();
    let other = federation.client("p0");
    let refused = other.enrol().await.unwrap_err();
    assert!(refused.to_string().contains("another key"), "{refused}");
}

#[tokio::test]
async fn only_certificates_of_the_authority_connect() {
    let federation = Federation::start(Bounds::default()).await;
    let address = federation.server.address();
    let is_certificate =
        |error: &Error| matches!(error, Error::Peer(Refusal::BadCertificate { .. }));

    // none
    let ca = std::fs::read(federation.pki.ca_path()).unwrap();
    use rustls::pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut stream = raw_tls(address, config).await.unwrap();
    let _ = stream.write_all(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(stream.read_to_end(&mut Vec::new()).await.is_err());

    // another authority's, trusting ours
    let other = Pki::throw_away().unwrap().identity(&name("p0"), &Role::Participant).unwrap();
    let refused = client_at(&federation.url(), Arc::new(other)).enrol().await.unwrap_err();
    assert!(matches!(refused, Error::Caller(_)), "we do not trust its coordinator: {refused}");
    let foreign = Pki::init(&federation.dir.path().join("foreign"), "x").unwrap();
    let foreign = foreign.issue(&name("p0"), &Role::Participant).unwrap();
    let foreign = Identity::load(&federation.pki.ca_path(), &foreign.cert, &foreign.key).unwrap();
    let refused = client_at(&federation.url(), Arc::new(foreign)).enrol().await.unwrap_err();
    assert!(is_certificate(&refused), "{refused}");

    // a coordinator's, as a participant
    let role = Role::Coordinator { hosts: vec!["localhost".into()] };
    let issued = federation.pki.issue(&name("c2"), &role).unwrap();
    let ca = federation.pki.ca_path();
    let coordinator = Identity::load(&ca, &issued.cert, &issued.key).unwrap();
    let refused = client_at(&federation.url(), Arc::new(coordinator)).enrol().await.unwrap_err();
    assert!(is_certificate(&refused), "{refused}");

    // ours, under a name that the coordinator's certificate does not carry
    let role = Role::Coordinator { hosts: vec!["elsewhere.example".into()] };
    let issued = federation.pki.issue(&name("c3"), &role).unwrap();
    let elsewhere = Arc::new(Identity::load(&ca, &issued.cert, &issued.key).unwrap());
    let server = federation.serve_as(&elsewhere).await;
    let url = format!("https://{}", server.address());
    let refused = client_at(&url, federation.identity("p1")).enrol().await.unwrap_err();
    assert!(matches!(refused, Error::Caller(_)), "{refused}");
}

#[tokio::test]
async fn a_revoked_participant_is_out_on_its_open_connection_too() {
    let federation = Federation::start(Bounds::default()).await;
    let client = federation.enrolled("p0").await;
    let bystander = federation.enrolled("p1").await;
    client.heartbeat(1, Phase::Training).await.unwrap();

    // also while it waits in a long poll
    let (poll, ()) = tokio::join!(client.next_task(0), async {
        federation.until("poll", |f| !f.desk.said.lock().unwrap().is_empty()).await;
        federation.pki.revoke(&name("p0")).unwrap();
        federation.desk.offer.send_replace(Some(TaskOffer { round: 1, ..TaskOffer::default() }));
    });
    assert!(matches!(poll, Err(Error::Peer(Refusal::BadCertificate { .. }))), "{poll:?}");
    let refused = client.heartbeat(1, Phase::Training).await.unwrap_err();
    assert!(matches!(refused, Error::Peer(Refusal::BadCertificate { .. })), "{refused}");
    bystander.heartbeat(1, Phase::Training).await.unwrap();

    // and on a new one
    let issued = federation.pki.issue(&name("p2"), &Role::Participant).unwrap();
    let late = Identity::load(&federation.pki.ca_path(), &issued.cert, &issued.key).unwrap();
    federation.pki.revoke(&name("p2")).unwrap();
    let refused = client_at(&federation.url(), Arc::new(late)).enrol().await.unwrap_err();
    assert!(refused.to_string().contains("CertificateRevoked"), "{refused}");
}

#[tokio::test]
async fn work_is_offered_by_long_poll() {
    let federation = Federation::start(hasty()).await;
    let client = federation.enrolled("p0").await;
    assert_eq!(client.next_task(0).await.unwrap(), None);
    let offer = TaskOffer { round: 3, model_bytes: 5, ..TaskOffer::default() };
    let (task, ()) = tokio::join!(client.next_task(17), async {
        let polled = |f: &Federation| f.desk.said.lock().unwrap().contains(&"poll 17".into());
        federation.until("poll", polled).await;
        federation.desk.offer.send_replace(Some(offer.clone()));
    });
    assert_eq!(task.unwrap(), Some(offer));
    client.decline(3, &format!("no\nmemory{}", "é".repeat(200))).await.unwrap();
    let root = digest_bytes(Digest::of_bytes(b""));
    client.cosign(&Cosign { size: 9, root, ..Cosign::default() }).await.unwrap();
    let said = federation.desk.said.lock().unwrap().clone();
    assert!(said.iter().any(|s| s.starts_with("decline p0 3 no memory")), "{said:?}");
    assert!(said.contains(&"cosign p0 9".into()));
}

#[tokio::test]
async fn blobs_come_in_ranges() {
    let federation = Federation::start(Bounds::default()).await;
    let client = federation.enrolled("p0").await;
    let blob = bytes(700_001);
    let digest = federation.desk.store.put(&blob).unwrap();
    assert_eq!(client.fetch(digest, 700_001).await.unwrap(), blob);
    let empty = federation.desk.store.put(b"").unwrap();
    assert_eq!(client.fetch(empty, 0).await.unwrap(), b"");
    assert!(matches!(client.fetch(digest, 700_000).await, Err(Error::Peer(_))));
    assert!(matches!(client.fetch(Digest::of_bytes(b"no"), 1).await, Err(Error::Caller(_))));
    assert!(client.fetch(digest, u64::MAX).await.is_err());

    let identity = client.identity().clone();
    let get = async |extra: &str| {
        let mut stream = federation.raw(&identity).await;
        let text = format!(
            "GET /v1/blobs/{digest} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{extra}\r\n"
        );
        ask(&mut stream, &text).await
    };
    let (status, head, body) = get("").await;
    assert_eq!((status, body.len()), (200, 700_001));
    assert!(head.contains("immutable") && head.contains(&format!("etag: \"{digest}\"")), "{head}");
    let (status, head, body) = get("range: bytes=300000-300009\r\n").await;
    assert_eq!((status, &body[..]), (206, &blob[300_000..300_010]));
    assert!(head.contains("content-range: bytes 300000-300009/700001"), "{head}");
    let (status, head, _) = get("range: bytes=700001-\r\n").await;
    assert!(status == 416 && head.contains("bytes */700001"), "{head}");
    let (status, _, body) = get(&format!("if-none-match: \"{digest}\"\r\n")).await;
    assert_eq!((status, body.len()), (304, 0));
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke() {
    let federation = Federation::start(Bounds::default()).await;
    let blob = bytes(2_000_000);
    let digest = federation.desk.store.put(&blob).unwrap();
    let breaks = vec![300_000, 500_000, 20_000];
    let proxy = breaking_proxy(federation.server.address(), breaks).await;
    let client = client_at(&format!("https://{proxy}"), federation.identity("p0"));
    client.enrol().await.unwrap();
    assert_eq!(client.fetch(digest, 2_000_000).await.unwrap(), blob);
    let ranges = [("path", "/v1/blobs/{digest}"), ("status", "206")];
    assert!(federation.metrics.value(&REQUESTS, &ranges) >= 1.0);
}

#[tokio::test]
async fn an_upload_goes_on_where_it_broke() {
    let federation = Federation::start(Bounds::default()).await;
    let payload = bytes(1_000_003);
    let breaks = vec![250_000, 20_000, 400_000];
    let proxy = breaking_proxy(federation.server.address(), breaks).await;
    let client = client_at(&format!("https://{proxy}"), federation.identity("p0"));
    client.enrol().await.unwrap();
    let signed = client.identity().sign(contribution("p0", 1, &payload));
    client.deliver(&signed, &payload).await.unwrap();
    let uploads = federation.desk.uploads.lock().unwrap().clone();
    assert!(uploads.len() <= 16 + 3, "nothing is sent twice but what broke: {uploads:?}");
    let mut out = vec![0; payload.len()];
    let stored = signed.contribution.payload;
    tacit_core::traits::Spool::read(&federation.desk.store, stored, 0, &mut out).unwrap();
    assert_eq!(out, payload);
    // once more: it is known
    client.deliver(&signed, &payload).await.unwrap();
    assert_eq!(federation.desk.uploads.lock().unwrap().len(), uploads.len());
    federation.desk.store.forget(1).unwrap();
}

#[tokio::test]
async fn an_empty_payload_is_a_payload() {
    let federation = Federation::start(Bounds::default()).await;
    let client = federation.enrolled("p0").await;
    let signed = client.identity().sign(contribution("p0", 1, b""));
    client.deliver(&signed, b"").await.unwrap();
    assert_eq!(federation.desk.accepted.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn lies_about_contributions_are_refused() {
    let federation = Federation::start(Bounds::default()).await;
    let client = federation.enrolled("p0").await;
    let identity = client.identity().clone();
    let payload = bytes(100_000);
    let deliver = async |signed| client.deliver(&signed, &payload).await.unwrap_err();

    let mut signed = identity.sign(contribution("p0", 1, &payload));
    signed.contribution.examples += 1;
    let refused = deliver(signed).await;
    assert!(matches!(refused, Error::Peer(Refusal::BadSignature { .. })), "{refused}");
    let refused = deliver(identity.sign(contribution("p1", 1, &payload))).await;
    assert!(matches!(refused, Error::Peer(Refusal::BadCertificate { .. })), "{refused}");
    let refused = deliver(identity.sign(contribution("p0", 99, &payload))).await;
    assert!(matches!(refused, Error::Peer(Refusal::TooLate { round: 99 })), "{refused}");
    let other = contribution("p0", 1, &bytes(99_999));
    let other = tacit_core::messages::Contribution { payload_bytes: 100_000, ..other };
    let refused = deliver(identity.sign(other)).await;
    assert!(matches!(refused, Error::Peer(Refusal::HashMismatch { .. })), "{refused}");
    let nan = tacit_core::messages::Contribution { loss: f64::NAN, ..contribution("p0", 1, b"") };
    let refused = deliver(identity.sign(nan)).await;
    assert!(matches!(refused, Error::Peer(Refusal::Malformed { .. })), "{refused}");

    let labels = federation.desk.refused.lock().unwrap().clone();
    let expected = ["bad-signature", "bad-certificate", "too-late", "hash-mismatch", "malformed"];
    assert_eq!(labels, expected, "final refusals are not repeated");
}

#[tokio::test]
async fn wrong_offsets_are_answered_with_the_right_one() {
    let federation = Federation::start(Bounds::default()).await;
    let client = federation.enrolled("p0").await;
    let identity = client.identity().clone();
    let payload = bytes(64 * 1024);
    let signed = identity.sign(contribution("p0", 1, &payload));
    let put = async |offset: &str, body: &[u8]| {
        let mut stream = federation.raw(&identity).await;
        let path = format!("PUT /v1/contributions/{}?{offset}", signed.contribution.payload);
        send(&mut stream, &path, body).await
    };
    use prost::Message as _;
    let status = |body: &[u8]| tacit_node::wire::UploadStatus::decode(body).unwrap();
    assert_eq!(put("offset=0", &payload[..16384]).await.0, 400, "not announced");
    let header = tacit_node::wire::ContributionHeader { signed: codec::encode(&signed).into() };
    let mut stream = federation.raw(&identity).await;
    let sent = send(&mut stream, "POST /v1/contributions", &header.encode_to_vec()).await;
    assert_eq!(sent.0, 200);

    for offset in ["", "offset=-1", "offset=x", "offset=0&x=1", "from=0"] {
        assert_eq!(put(offset, b"").await.0, 400, "{offset}");
    }
    let (code, _, body) = put("offset=32768", &payload[32768..]).await;
    assert_eq!((code, status(&body).offset), (200, 0));
    let (_, _, body) = put("offset=0", &payload[..32768]).await;
    assert_eq!((status(&body).offset, status(&body).accepted), (32768, false));
    let (_, _, body) = put("offset=18446744073709551615", b"x").await;
    assert_eq!(status(&body).offset, 32768);
    let (_, _, body) = put("offset=32768", &payload[32768..]).await;
    assert!(status(&body).accepted);
}

#[tokio::test]
async fn a_restarted_coordinator_is_found_again() {
    let mut federation = Federation::start(hasty()).await;
    let client = federation.enrolled("p0").await;
    federation.restart(hasty(), Duration::from_millis(300)).await;
    client.decline(1, "still here").await.unwrap();
    let identity = client.identity().clone();
    let (payload, url) = (bytes(3_000_000), federation.url());
    let signed = identity.sign(contribution("p0", 1, &payload));
    let client = client_at(&url, identity);
    let (delivered, ()) = tokio::join!(client.deliver(&signed, &payload), async {
        federation.until("upload", |f| f.desk.uploads.lock().unwrap().len() > 3).await;
        federation.restart(hasty(), Duration::from_millis(100)).await;
    });
    delivered.unwrap();
}

#[tokio::test]
async fn status_log_and_everything_that_is_not_there() {
    let federation = Federation::start(Bounds::default()).await;
    let client = federation.enrolled("p0").await;
    assert_eq!(client.status().await.unwrap().round, 7);
    assert_eq!(&client.log_file("checkpoint").await.unwrap()[..], b"tacit\n0\n");
    assert!(matches!(client.log_file("tile/0/000").await, Err(Error::Caller(_))));
    let identity = client.identity().clone();
    let get = async |path: &str, extra: &str| {
        let mut stream = federation.raw(&identity).await;
        let text = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{extra}\r\n");
        ask(&mut stream, &text).await
    };
    assert_eq!(get("/health", "").await.2, b"ok\n");
    let (_, _, json) = get("/v1/status", "accept: application/json\r\n").await;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!((&json["round"], &json["state"]), (&7.into(), &"collecting".into()));
    use prost::Message as _;
    for (path, status) in [
        ("/", 404),
        ("/v1/blobs/xyz", 400),
        ("/v1/log/../secret", 404),
        ("/v1/log/a%2f..", 404),
        ("/v1/task", 405),
        ("/v1/log/broken", 503),
        ("/v1/log/panic", 500),
    ] {
        let (code, _, body) = get(path, "").await;
        assert_eq!(code, status, "{path}");
        let reply = ErrorReply::decode(&body[..]).unwrap();
        assert!(!reply.reason.is_empty() && !reply.message.contains("secret"), "{reply:?}");
    }
}

struct Watched(u64);

impl LogWatch for Watched {
    fn seen(&self) -> u64 {
        self.0
    }

    fn observe(&mut self, offer: &TaskOffer) -> Result<Option<Cosign>, Error> {
        assert_eq!(offer.checkpoint, "checkpoint of 5");
        self.0 = 5;
        Ok(Some(Cosign { size: 5, ..Cosign::default() }))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_training_thread_goes_through_a_round() {
    let federation = Federation::start(Bounds::default()).await;
    let model = bytes(50_000);
    let model_digest = federation.desk.store.put(&model).unwrap();
    federation.desk.offer.send_replace(Some(TaskOffer {
        round: 1,
        plan_digest: digest_bytes(Digest::of_bytes(b"plan")),
        model_digest: digest_bytes(model_digest),
        model_bytes: 50_000,
        checkpoint: "checkpoint of 5".into(),
        ..TaskOffer::default()
    }));
    let (url, identity) = (federation.url(), federation.identity("p0"));
    let runtime = tokio::runtime::Handle::current();
    let trained = std::thread::spawn(move || -> Result<(), Error> {
        let log = Box::new(Watched(0));
        let who = identity.clone();
        let mut transport = BlockingTransport::new(runtime, &url, who, Patience::default())?;
        transport.watch(log);
        transport.enrol()?;
        assert!(transport.fetch(model_digest).is_err(), "no task yet");
        let Offer::Task(task) = transport.next_task()? else { panic!("there is work") };
        let model = transport.fetch(task.model)?;
        std::thread::sleep(Duration::from_millis(1200));
        let signed = identity.sign(contribution("p0", task.round, &model));
        assert!(transport.deliver(&signed, &model[1..]).is_err());
        transport.deliver(&signed, &model)?;
        transport.next_task().map(drop)
    });
    tokio::task::spawn_blocking(|| trained.join().unwrap()).await.unwrap().unwrap();
    let said = federation.desk.said.lock().unwrap().clone();
    for expected in ["poll 0", "cosign p0 5", "heartbeat p0 1 Training", "poll 5"] {
        assert!(said.iter().any(|s| s == expected), "{expected}: {said:?}");
    }
}

#[tokio::test]
async fn metrics_are_shown_on_a_port_of_their_own() {
    let federation = Federation::start(Bounds::default()).await;
    let _client = federation.enrolled("p0").await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shown = Exposition::start(listener, federation.metrics.clone()).unwrap();
    let get = async |path: &str| {
        let mut stream = tokio::net::TcpStream::connect(shown.address()).await.unwrap();
        let text = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).await.unwrap();
        all
    };
    let text = get("/metrics").await;
    assert!(text.contains("tacit_requests_total{path=\"/v1/enrol\",status=\"200\"} 1"), "{text}");
    assert!(text.contains("tacit_connections 1"), "{text}");
    assert!(get("/health").await.ends_with("ok\n"));
    assert!(get("/other").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn urls_that_are_no_coordinator() {
    let federation = Federation::start(Bounds::default()).await;
    let identity = federation.identity("p0");
    for bad in ["", "http://localhost", "localhost:1", "https://", "https://a/b", "https://a b"] {
        let made =
            tacit_node::client::HttpTransport::new(bad, identity.clone(), Patience::default());
        assert!(matches!(made, Err(Error::Caller(_))), "{bad}");
    }
}
