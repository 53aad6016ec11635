//! Connections that are not made to be used, and certificates that are not good.

use crate::common::{client_at, name, raw_tls};
use crate::trial::Trial;
use std::sync::Arc;
use std::time::Duration;
use tacit_core::error::{Error, Refusal};
use tacit_node::pki::{Identity, Pki, Role};
use tacit_node::server::Bounds;
use tacit_node::telemetry::DROPPED;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const HONEST: [&str; 3] = ["p0", "p1", "p2"];
const ALL: [&str; 4] = ["p0", "p1", "p2", "p3"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_open_connections_delay_nobody() {
    let bounds = Bounds { handshake: Duration::from_millis(600), ..Bounds::default() };
    let mut trial = Trial::bounded(&[("num_rounds", "2")], bounds).await;
    let mut silent = Vec::new();
    for i in 0..300 {
        let mut stream = TcpStream::connect(trial.address).await.unwrap();
        match i % 3 {
            0 => {}
            1 => stream.write_all(b"POST /v1/enrol HTTP/1.1\r\n\r\n").await.unwrap(),
            _ => stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).await.unwrap(),
        }
        silent.push(stream);
    }
    ALL.iter().for_each(|who| trial.join(who));
    let dropped = |trial: &Trial, cause| trial.metrics.value(&DROPPED, &[("cause", cause)]);
    trial.until("half-open connections die", |t| dropped(t, "handshake-timeout") == 200.0).await;
    assert_eq!(dropped(&trial, "handshake"), 100.0);
    for mut stream in silent {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    let expected = trial.expected(&[&ALL, &ALL]);
    let ended = trial.finish().await;
    assert_eq!(ended.model, expected);
    assert_eq!((ended.counts(1), ended.counts(2)), ((4, 4, 0), (4, 4, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_are_not_good() {
    let mut trial = Trial::start(&[("cohort.collect_timeout_s", "1")]).await;
    // none at all
    let identity = trial.identity("p3");
    let mut config = (*tacit_node::tls::client_config(&identity).unwrap()).clone();
    config.client_auth_cert_resolver = Arc::new(NoCertificate);
    if let Ok(mut stream) = raw_tls(trial.address, config).await {
        // In TLS 1.3 the refusal comes after the handshake.
        let refused = stream.read(&mut [0; 64]).await.unwrap_err().to_string();
        assert!(refused.contains("CertificateRequired"), "{refused}");
    }
    // another authority's, and a coordinator's
    let foreign = Pki::init(&trial.folder().join("foreign"), "another").unwrap();
    let issued = foreign.issue(&name("p3"), &Role::Participant).unwrap();
    let foreign = Identity::load(&trial.pki.ca_path(), &issued.cert, &issued.key).unwrap();
    let role = Role::Coordinator { hosts: vec!["localhost".into()] };
    let issued = trial.pki.issue(&name("evil"), &role).unwrap();
    let posing = Identity::load(&trial.pki.ca_path(), &issued.cert, &issued.key).unwrap();
    for identity in [foreign, posing] {
        let refused = client_at(&trial.url(), Arc::new(identity)).enrol().await.unwrap_err();
        assert!(matches!(refused, Error::Peer(Refusal::BadCertificate { .. })), "{refused}");
    }
    // Counted once the alert is on its way; where it was lost there, the client tried again.
    let dropped = |t: &Trial| t.metrics.value(&DROPPED, &[("cause", "handshake")]) >= 3.0;
    trial.until("three handshakes are counted", dropped).await;

    HONEST.iter().for_each(|who| trial.join(who));
    // the right name, another key: the first one keeps it
    let second = trial.attacker("p3").await;
    trial.pki.revoke(&name("p3")).unwrap();
    let issued = trial.pki.issue(&name("p3"), &Role::Participant).unwrap();
    let again = Identity::load(&trial.pki.ca_path(), &issued.cert, &issued.key).unwrap();
    let again = client_at(&trial.url(), Arc::new(again));
    second.refused("bad-certificate", again.enrol()).await;
    second.refused("bad-certificate", again.decline(1, "me too")).await;
    let expected = trial.expected(&[&HONEST]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (4, 3, 1)));
    assert_eq!(ended.rounds[0].refusals["bad-certificate"], 2);
    assert!(ended.rounds[0].refusals["connection-handshake"] >= 3);
}

#[derive(Debug)]
struct NoCertificate;

impl rustls::client::ResolvesClientCert for NoCertificate {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_revoked_in_the_middle() {
    let mut trial = Trial::start(&[("cohort.collect_timeout_s", "1.5")]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let attacker = trial.attacker("p3").await;
    let task = attacker.task(1).await;
    let (header, bytes) = attacker.learn(&task).await;
    attacker.announce(header.clone()).await.unwrap();
    attacker.upload(header.payload, 0, &bytes[..16384]).await.unwrap();
    trial.pki.revoke(&name("p3")).unwrap();
    // on the connection that is open, for whatever it asks; a new one is not even made
    attacker.refused("bad-certificate", attacker.http.next_task(0)).await;
    attacker.refused("bad-certificate", attacker.http.fetch(task.model, task.model_bytes)).await;
    attacker.refused("bad-certificate", attacker.deliver(header, &bytes)).await;
    attacker.refused("bad-certificate", attacker.http.decline(1, "revoked?")).await;
    let fresh = trial.stranger("p3").http.enrol().await.unwrap_err();
    assert!(fresh.to_string().contains("CertificateRevoked"), "{fresh}");
    let expected = trial.expected(&[&HONEST]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (4, 3, 1)));
    assert_eq!(ended.refusals(1), [("bad-certificate", 4)]);
    assert!(ended.rounds[0].refusals["connection-handshake"] >= 1);
}
