//! Peers that send nothing, too much, too slowly, or do not listen. All times are bounds within
//! which something must end, not measurements.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::time::Duration;
use tacit_core::error::{Error, Refusal};
use tacit_core::limits;
use tacit_core::traits::Blobs as _;
use tacit_node::server::Bounds;
use tacit_node::telemetry::{CONNECTIONS, DROPPED, REFUSALS};
use tacit_node::wire::Phase;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

#[tokio::test]
async fn half_open_connections_die_and_disturb_nobody() {
    let federation = Federation::start(hasty()).await;
    let address = federation.server.address();
    let mut silent = Vec::new();
    for i in 0..300 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // nothing, junk, or the start of a ClientHello that goes on for ever
        match i % 3 {
            0 => {}
            1 => stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap(),
            _ => stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).await.unwrap(),
        }
        silent.push(stream);
    }
    federation.enrolled("p0").await;
    federation.until("all closed", |f| f.metrics.value(&CONNECTIONS, &[]) == 0.0).await;
    assert_eq!(federation.metrics.value(&DROPPED, &[("cause", "handshake-timeout")]), 200.0);
    assert_eq!(federation.metrics.value(&DROPPED, &[("cause", "handshake")]), 100.0);
    for mut stream in silent {
        // junk was answered with an alert, then all of them were closed
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

#[tokio::test]
async fn silence_after_the_handshake_ends_too() {
    let federation = Federation::start(hasty()).await;
    let identity = federation.identity("p0");
    let mut streams = Vec::new();
    for protocol in [&b"h2"[..], b"http/1.1"] {
        for sent in [&b""[..], b"PRI * HTTP/2.0\r\n", b"GET /health HTTP/1.1\r\nhost: "] {
            let mut config = (*tacit_node::tls::client_config(&identity).unwrap()).clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            let mut stream = raw_tls(federation.server.address(), config).await.unwrap();
            stream.write_all(sent).await.unwrap();
            streams.push(stream);
        }
    }
    for mut stream in streams {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
    federation.until("all closed", |f| f.metrics.value(&CONNECTIONS, &[]) == 0.0).await;
}

#[tokio::test]
async fn bodies_are_bounded_in_size_and_time() {
    let federation = Federation::start(hasty()).await;
    federation.enrolled("p0").await;
    let identity = federation.identity("p1");
    let post = |headers: &str| format!("POST /v1/enrol HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n");

    // announced as too large: refused before it is sent
    let mut stream = federation.raw(&identity).await;
    let (status, ..) = ask(&mut stream, &post("content-length: 99999999999")).await;
    assert_eq!(status, 413);

    // endless: refused when it has passed the limit
    let mut stream = federation.raw(&identity).await;
    stream.write_all(post("transfer-encoding: chunked").as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 65536, "x".repeat(65536));
    for _ in 0..64 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    federation
        .until("refused", |f| f.metrics.value(&REFUSALS, &[("reason", "too-large")]) == 2.0)
        .await;

    // half of it, then nothing
    let mut stream = federation.raw(&identity).await;
    let (status, ..) = ask(&mut stream, &(post("content-length: 100") + "half")).await;
    assert_eq!(status, 408);

    // not a message at all
    let mut stream = federation.raw(&identity).await;
    let junk = post("connection: close\r\ncontent-length: 4") + "\u{7f}\u{7f}\u{7f}\u{7f}";
    let (status, ..) = ask(&mut stream, &junk).await;
    assert_eq!(status, 400);

    // headers without end
    let mut stream = federation.raw(&identity).await;
    stream.write_all(b"GET /health HTTP/1.1\r\n").await.unwrap();
    let line = format!("x-{}: {}\r\n", "a".repeat(100), "b".repeat(1000));
    for _ in 0..200 {
        if stream.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    assert_eq!(answer(&mut stream).await.0, 431);
}

#[tokio::test]
async fn a_chunk_may_be_as_large_as_the_limit_and_no_larger() {
    let federation = Federation::start(Bounds::default()).await;
    let client = federation.enrolled("p0").await;
    let payload = bytes(limits::TRANSFER_CHUNK_BYTES + 1);
    let signed = client.identity().sign(contribution("p0", 1, &payload));
    let digest = signed.contribution.payload;
    let put = format!("PUT /v1/contributions/{digest}?offset=0");
    let mut stream = federation.raw(client.identity()).await;
    let (status, ..) = send(&mut stream, &put, &payload[1..]).await;
    assert_eq!(status, 400, "read, and refused because it was not announced");
    let mut stream = federation.raw(client.identity()).await;
    let head = format!("{put} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", payload.len());
    assert_eq!(ask(&mut stream, &head).await.0, 413);
}

#[tokio::test]
async fn who_does_not_read_is_cut_off() {
    let federation = Federation::start(hasty()).await;
    let client = federation.enrolled("p0").await;
    let blob = federation.desk.store.put(&bytes(64 << 20)).unwrap();
    let mut stream = federation.raw(client.identity()).await;
    let get = format!("GET /v1/blobs/{blob} HTTP/1.1\r\nhost: a\r\n\r\n");
    stream.write_all(get.as_bytes()).await.unwrap();
    drop(client);
    federation.until("all closed", |f| f.metrics.value(&CONNECTIONS, &[]) == 0.0).await;
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    assert!(all.len() < 64 << 20, "the rest was never sent");
}

#[tokio::test]
async fn connections_are_bounded_in_all_and_per_address() {
    let bounds = Bounds { connections_per_address: 4, ..Bounds::default() };
    let federation = Federation::start(bounds).await;
    let mut held = Vec::new();
    for _ in 0..9 {
        held.push(TcpStream::connect(federation.server.address()).await.unwrap());
    }
    federation
        .until("five refused", |f| f.metrics.value(&DROPPED, &[("cause", "full")]) == 5.0)
        .await;
    drop(held);
    federation.until("all closed", |f| f.metrics.value(&CONNECTIONS, &[]) == 0.0).await;
    federation.enrolled("p0").await;
}

#[tokio::test]
async fn one_participant_takes_its_share_and_no_more() {
    let federation =
        Federation::start(Bounds { requests_per_participant: 2, ..Bounds::default() }).await;
    let [client, other] = [federation.enrolled("p0").await, federation.enrolled("p1").await];
    let polls = async { tokio::join!(client.next_task(0), client.next_task(0)) };
    let rest = async {
        federation.until("polls", |f| f.desk.said.lock().unwrap().len() == 2).await;
        let refused = client.heartbeat(1, Phase::Training).await.unwrap_err();
        assert!(matches!(refused, Error::Peer(Refusal::TooMany { .. })), "{refused}");
        other.heartbeat(1, Phase::Training).await.unwrap();
        federation.desk.offer.send_replace(Some(Default::default()));
    };
    let ((first, second), ()) = tokio::join!(polls, rest);
    assert!(first.unwrap().is_some() && second.unwrap().is_some());
    client.heartbeat(1, Phase::Training).await.unwrap();
}

#[tokio::test]
async fn a_server_stops_without_dropping_what_it_serves() {
    let federation = Federation::start(Bounds::default()).await;
    let client = federation.enrolled("p0").await;
    let Federation { server, desk, .. } = federation;
    let (poll, ()) = tokio::join!(client.next_task(0), async {
        while desk.said.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.stop(Duration::from_secs(20)).await;
    });
    assert_eq!(poll.unwrap(), None, "told to ask again");
}
