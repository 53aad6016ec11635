//! What the wire and the store cost on one machine, over loopback with full TLS.
//!
//! `cargo bench -p tacit-node --bench transfer`
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Federation, bytes, contribution};
use std::time::{Duration, Instant};
use tacit_core::traits::{Blobs as _, Journal as _, Spool};
use tacit_node::client::HttpTransport;
use tacit_node::server::Bounds;
use tacit_node::store::{NodeStore, Transfer};
use tacit_node::wire::Phase;

const MODEL: usize = 64 << 20;

fn main() {
    store();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(wire());
}

fn show(what: &str, count: usize, took: Duration) {
    println!("{what:<44} {:>9.1} µs each", took.as_secs_f64() * 1e6 / count as f64);
}

fn rate(what: &str, bytes: usize, took: Duration) {
    println!("{what:<44} {:>9.0} MB/s", bytes as f64 / 1e6 / took.as_secs_f64());
}

fn store() {
    let dir = tempfile::tempdir().unwrap();
    let store = NodeStore::open(dir.path()).unwrap();
    let start = Instant::now();
    (0..500).for_each(|i| store.append(&[bytes(200 + i)]).unwrap());
    show("journal: durable append of one record", 500, start.elapsed());

    let payload = bytes(MODEL);
    let transfer = Transfer {
        round: 1,
        participant: common::name("p0"),
        payload: tacit_core::digest::Digest::of_bytes(&payload),
        bytes: MODEL as u64,
    };
    let start = Instant::now();
    for (i, chunk) in payload.chunks(1 << 20).enumerate() {
        store.spool_write(&transfer, (i << 20) as u64, chunk).unwrap();
    }
    rate("spool: hash, encrypt, write", MODEL, start.elapsed());
    let start = Instant::now();
    store.spool_finish(&transfer).unwrap();
    show("spool: make 64 MiB durable", 1, start.elapsed());
    let start = Instant::now();
    let mut frame = vec![0; 64 * 1024];
    for i in 0..MODEL / frame.len() - 1 {
        let offset = i * frame.len() + 1000;
        Spool::read(&store, transfer.payload, offset as u64, &mut frame).unwrap();
    }
    rate("spool: read frames of 64 KiB, unaligned", MODEL, start.elapsed());
}

async fn wire() {
    let federation = Federation::start(Bounds::default()).await;
    let start = Instant::now();
    for i in 0..100 {
        federation.client(&format!("new{i}")).enrol().await.unwrap();
    }
    show("certificate, connection, enrolment", 100, start.elapsed());

    let client = federation.enrolled("p0").await;
    let start = Instant::now();
    for _ in 0..1000 {
        client.heartbeat(1, Phase::Training).await.unwrap();
    }
    show("request and answer on an open connection", 1000, start.elapsed());

    let model = bytes(MODEL);
    let digest = federation.desk.store.put(&model).unwrap();
    let start = Instant::now();
    client.fetch(digest, MODEL as u64).await.unwrap();
    rate("model down, hash checked", MODEL, start.elapsed());
    federation.desk.chunk_bytes.store(1 << 20, std::sync::atomic::Ordering::Relaxed);
    rate("contribution up, durable", MODEL, upload(&client, &model, 1).await);
    let small = bytes(4_000_000);
    let took = upload(&client, &small, 2).await;
    show("contribution of 4 MB up, durable", 1, took);
}

async fn upload(client: &HttpTransport, payload: &[u8], round: u32) -> Duration {
    let signed = client.identity().sign(contribution("p0", round, payload));
    let start = Instant::now();
    client.deliver(&signed, payload).await.unwrap();
    start.elapsed()
}
