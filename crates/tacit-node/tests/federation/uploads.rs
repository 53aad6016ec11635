//! Uploads that break off, lie about their bytes, come without a word, or in floods.

use crate::attacker::payload;
use crate::trial::Trial;
use prost::Message as _;
use std::time::Duration;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::messages::Contribution;
use tacit_node::server::Bounds;
use tacit_node::telemetry::{FAILURES, REFUSALS};
use tacit_node::wire::Decline;

const HONEST: [&str; 3] = ["p0", "p1", "p2"];
const ALL: [&str; 4] = ["p0", "p1", "p2", "p3"];
const BLOCK: usize = 16 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_off_goes_on_and_what_lies_starts_anew() {
    let mut trial = Trial::start(&[]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let attacker = trial.attacker("p3").await;
    let task = attacker.task(1).await;
    let (header, bytes) = attacker.learn(&task).await;
    let digest = header.payload;

    // without a word, half a block, half the payload, from the wrong end
    attacker.refused("truncated", attacker.upload(digest, 0, &bytes[..BLOCK])).await;
    assert_eq!(attacker.announce(header.clone()).await.unwrap().offset, 0);
    let put = async |offset: u64, bytes: &[u8]| {
        let status = attacker.upload(digest, offset, bytes).await.unwrap();
        (status.offset as usize, status.accepted)
    };
    assert_eq!(put(0, &bytes[..BLOCK / 2]).await, (0, false));
    assert_eq!(put(BLOCK as u64, &bytes[BLOCK..]).await, (0, false));
    assert_eq!(put(u64::MAX, b"x").await, (0, false));
    assert_eq!(put(0, &bytes[..BLOCK + 5]).await, (BLOCK, false));
    assert_eq!(put(0, &bytes).await, (BLOCK, false));
    let beyond = [&bytes[BLOCK..], &[0]].concat();
    attacker.refused("too-large", attacker.upload(digest, BLOCK as u64, &beyond)).await;
    assert_eq!(attacker.announce(header.clone()).await.unwrap().offset as usize, BLOCK);

    // other bytes than were announced: none of them is kept
    let mut forged = bytes[BLOCK..].to_vec();
    forged[7] ^= 1;
    attacker.refused("hash-mismatch", attacker.upload(digest, BLOCK as u64, &forged)).await;
    let status = attacker.announce(header.clone()).await.unwrap();
    assert_eq!((status.offset, status.accepted), (0, false));

    // another payload takes its place, and is given up in turn
    let other = payload(&attacker.values(1.0));
    let header_of_other = attacker.header(&task, &other);
    attacker.announce(header_of_other.clone()).await.unwrap();
    attacker.upload(header_of_other.payload, 0, &other[..2 * BLOCK]).await.unwrap();
    attacker.refused("truncated", attacker.upload(digest, 0, &bytes)).await;
    assert_eq!(attacker.announce(header.clone()).await.unwrap().offset, 0);
    assert_eq!(put(0, &bytes).await, (bytes.len(), true));

    let expected = trial.expected(&[&ALL]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (4, 4, 0)));
    assert_eq!(ended.refusals(1), [("hash-mismatch", 1), ("too-large", 1), ("truncated", 2)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_announcements_and_excuses() {
    let mut trial = Trial::start(&[]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let attacker = trial.attacker("p3").await;
    let task = attacker.task(1).await;
    let bytes = payload(&attacker.values(0.0));
    for n in 0..20u8 {
        let payload = Digest::of_bytes(&[n]);
        let header = Contribution { payload, ..attacker.header(&task, &bytes) };
        attacker.announce(header).await.unwrap();
        attacker.upload(payload, 0, &bytes[..BLOCK]).await.unwrap();
    }
    let spool = trial.folder().join("state/spool/1");
    let files = std::fs::read_dir(spool).unwrap().map(|f| f.unwrap().file_name());
    let mine: Vec<_> = files.filter(|f| f.to_str().unwrap().ends_with("p3")).collect();
    assert_eq!(mine.len(), 1, "one transfer at a time: {mine:?}");

    for n in 0..12 {
        let why = "no ".repeat(100 + n);
        let decline = Decline { round: 1, why }.encode_to_vec();
        attacker.refused("too-large", attacker.say("POST /v1/decline", &decline)).await;
    }
    let foreign = Decline { round: 77, why: "no\n\u{1b}[2Jmemory".into() }.encode_to_vec();
    for _ in 0..12 {
        attacker.say("POST /v1/decline", &foreign).await.unwrap();
    }
    for _ in 0..12 {
        attacker.http.decline(1, &"é".repeat(1000)).await.unwrap();
    }
    let expected = trial.expected(&[&HONEST]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (4, 3, 1)));
    assert_eq!(ended.refusals(1), [("too-large", 8)], "a participant's share of the log");
}

/// The second of two different contributions is refused and takes nothing of the first with it,
/// however close they come: with a model so large that a third can be announced while one of them
/// is checked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_contributions_at_once() {
    let bounds = Bounds { requests_per_participant: 64, ..Bounds::default() };
    let changes = [
        ("participants", "2"),
        ("trainer", "{ rule = \"2nn\", hidden = 1000 }"),
        ("cohort.minimum", "1"),
    ];
    let trial = Trial::bounded(&changes, bounds).await;
    let attacker = trial.attacker("p1").await;
    let other = trial.attacker("p0").await;
    let task = attacker.task(1).await;
    let bytes = payload(&attacker.values(0.0));
    let header = attacker.header(&task, &bytes);
    attacker.announce(header.clone()).await.unwrap();
    let last = (bytes.len() - 1) / BLOCK * BLOCK;
    for start in (0..last).step_by(32 * BLOCK) {
        let end = last.min(start + 32 * BLOCK);
        attacker.upload(header.payload, start as u64, &bytes[start..end]).await.unwrap();
    }
    let announce = |fit_ms| attacker.announce(Contribution { fit_ms, ..header.clone() });
    let upload = attacker.upload(header.payload, last as u64, &bytes[last..]);
    let (first, a, b, c, d) =
        tokio::join!(upload, announce(2), announce(3), announce(4), announce(5));
    for outcome in [first, a, b, c, d] {
        let duplicate = matches!(outcome, Err(Error::Peer(Refusal::Duplicate { .. })));
        assert!(duplicate || outcome.is_ok(), "{outcome:?}");
    }
    let refused = trial.metrics.value(&REFUSALS, &[("reason", "duplicate")]) as u64;
    let duplicate = attacker.deliver(Contribution { fit_ms: 9, ..header.clone() }, &bytes);
    attacker.refused("duplicate", duplicate).await;
    other.behave(&task).await;
    let ended = trial.finish().await;
    assert_eq!(ended.counts(1), (2, 2, 0), "{:?}", ended.rounds);
    assert_eq!(ended.refusals(1), [("duplicate", refused + 1)], "each is counted once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_without_end() {
    let bounds = Bounds { request: Duration::from_millis(500), ..Bounds::default() };
    let mut trial = Trial::bounded(&[], bounds).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let attacker = trial.attacker("p3").await;
    let task = attacker.task(1).await;
    let bytes = payload(&attacker.values(0.0));
    let header = attacker.header(&task, &bytes);
    attacker.announce(header.clone()).await.unwrap();
    let huge = vec![b'x'; (1 << 20) + 1];
    let put = format!("PUT /v1/contributions/{}?offset=0", header.payload);
    for path in ["POST /v1/contributions", "POST /v1/task", "POST /v1/cosign", &put] {
        attacker.refused("too-large", attacker.say(path, &huge)).await;
    }
    for path in ["POST /v1/contributions", "POST /v1/heartbeat", "POST /v1/decline"] {
        attacker.refused("malformed", attacker.say(path, &[0xff; 100])).await;
    }
    // a thousand bytes announced, ten sent; then a body that never ends
    attacker.refused("truncated", attacker.say_less(&put, 1000, &bytes[..10])).await;
    attacker.say_without_end(&put).await;
    trial
        .until("the endless body is refused", |trial| {
            trial.metrics.value(&REFUSALS, &[("reason", "too-large")]) == 5.0
        })
        .await;
    attacker.http.decline(1, "out of breath").await.unwrap();
    let expected = trial.expected(&[&HONEST]);
    assert_eq!(trial.metrics.value(&FAILURES, &[("kind", "world")]), 0.0);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (4, 3, 1)));
    let logged = ended.refusals(1);
    assert_eq!(logged, [("malformed", 3), ("too-large", 4), ("truncated", 1)]);
}
