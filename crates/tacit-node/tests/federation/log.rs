//! What anybody may read, who may sign it, and what happens when two are shown two histories.

use crate::trial::Trial;
use prost::Message as _;
use tacit_audit::VerifierKey;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::messages::{Offer, Task};
use tacit_core::traits::Transport as _;
use tacit_node::client::{BlockingTransport, LogWatch as _};
use tacit_node::telemetry::FAILURES;
use tacit_node::wire::Cosign;
use tacit_node::witness::LogWitness;

const HONEST: [&str; 3] = ["p0", "p1", "p2"];
const ALL: [&str; 4] = ["p0", "p1", "p2", "p3"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_reads_what_is_not_for_everybody() {
    let mut trial = Trial::start(&[("num_rounds", "2")]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let attacker = trial.attacker("p3").await;
    let task = attacker.task(1).await;
    let (_, payload) = attacker.behave(&task).await;
    let task = attacker.task(2).await;
    // the payload of a contribution, a slot, an old model, nonsense
    let initial = trial.expected(&[]);
    for digest in [Digest::of_bytes(&payload), initial, Digest([0; 32])] {
        let absent = attacker.http.fetch(digest, 10).await.unwrap_err();
        assert!(matches!(&absent, Error::Caller(e) if e.found.contains("404")), "{absent}");
    }
    attacker.refused("malformed", attacker.say("GET /v1/blobs/..%2Fstate", b"")).await;

    let outside = [
        "../state/log.key",
        "..%2fstate%2flog.key",
        "%2e%2e/state/log.key",
        "tile/../../state/log.key",
        "tile/%2e%2e/%2e%2e/state/log.key",
        "tile/..%5c..%5cstate%5clog.key",
        "tile//etc/passwd",
        "/etc/passwd",
        "tile/%00",
        "rounds/000001.jsonl",
        "witnesses/p0.vkey",
        "log.key",
        "tile/0/999",
        "tile",
        "checkpoint/x",
    ];
    for path in outside {
        let refused = attacker.say(&format!("GET /v1/log/{path}"), b"").await;
        let refused = refused.expect_err(path).to_string();
        assert!(refused.contains("404"), "{path}: {refused}");
    }
    let checkpoint = attacker.http.log_file("checkpoint").await.unwrap();
    assert!(checkpoint.starts_with(b"tacit.local/trial\n"));
    assert!(!attacker.http.log_file("tile/entries/000.p/4").await.unwrap().is_empty());
    assert_eq!(trial.metrics.value(&FAILURES, &[("kind", "world")]), 0.0);

    attacker.behave(&task).await;
    let expected = trial.expected(&[&ALL, &ALL]);
    let ended = trial.finish().await;
    assert_eq!(ended.model, expected);
    assert_eq!(ended.refusals(2), [("malformed", 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cosignatures_that_are_none() {
    let mut trial = Trial::start(&[]).await;
    HONEST[..2].iter().for_each(|who| trial.join(who));
    let victim = trial.attacker("p2").await;
    let attacker = trial.attacker("p3").await;
    let log_key = attacker.http.enrol().await.unwrap().log_key;
    let task = attacker.task(1).await;
    let offer = attacker.http.next_task(0).await.unwrap().unwrap();
    let cosigned = |who| {
        let mut witness = LogWitness::open(who, &log_key, None).unwrap();
        witness.observe(&offer).unwrap().unwrap()
    };
    let (other, mine) = (cosigned(&victim.id), cosigned(&attacker.id));
    victim.http.cosign(&other).await.unwrap();

    let line = |bytes: &[u8]| bytes.to_vec().into();
    let forged = String::from_utf8(other.signature.to_vec()).unwrap();
    let forged = forged.replace('A', "B").replace('Q', "R");
    let both = [&mine.signature[..], forged.as_bytes()].concat();
    let lies = [
        ("malformed", Cosign { key: "no key".into(), ..mine.clone() }),
        ("malformed", Cosign { key: String::new(), ..mine.clone() }),
        ("malformed", Cosign { key: log_key.clone(), ..mine.clone() }),
        ("malformed", other.clone()),
        ("malformed", Cosign { signature: line(b""), ..mine.clone() }),
        ("malformed", Cosign { signature: line(b"\n"), ..mine.clone() }),
        ("malformed", Cosign { signature: line(&[0xff; 1000]), ..mine.clone() }),
        ("malformed", Cosign { signature: line(&both), ..mine.clone() }),
        ("bad-signature", Cosign { signature: other.signature.clone(), ..mine.clone() }),
    ];
    for (reason, lie) in lies {
        let cosign = lie.encode_to_vec();
        attacker.refused(reason, attacker.say("POST /v1/cosign", &cosign)).await;
    }
    // late, or of another history: taken for late
    let late = Cosign { root: line(&[7; 32]), ..mine.clone() };
    attacker.http.cosign(&late).await.unwrap();
    attacker.http.cosign(&mine).await.unwrap();
    let cosigners = |key: &str| {
        let key = VerifierKey::parse(key).unwrap();
        let log = trial.coordinator().recorder().log().unwrap();
        log.checkpoint().cosigners(&[key]).len()
    };
    assert_eq!((cosigners(&other.key), cosigners(&mine.key)), (1, 1));
    assert_eq!(trial.metrics.value(&FAILURES, &[("kind", "world")]), 0.0);

    tokio::join!(victim.behave(&task), attacker.behave(&task));
    let expected = trial.expected(&[&ALL]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (4, 4, 0)));
    assert_eq!(ended.refusals(1), [("malformed", 8)], "a participant's share of the log");
}

/// Two coordinators with one key show their logs to one witness.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_histories_are_an_alarm() {
    let changes = [("participants", "2"), ("num_rounds", "2"), ("cohort.minimum", "1")];
    let mut trial = Trial::start(&changes).await;
    trial.stop().await;
    let mut fork = trial.fork().await;
    trial.open().await;

    // Both logs grow by a round, in which the second participant says different things.
    let runtime = tokio::runtime::Handle::current();
    let folder = trial.folder().join("witness");
    let witness = async |trial: &Trial| {
        let (url, identity) = (trial.url(), trial.identity("p0"));
        let (runtime, folder) = (runtime.clone(), folder.clone());
        let asked = tokio::task::spawn_blocking(move || -> Result<Task, Error> {
            let id = identity.name().clone();
            let patience = crate::common::patience();
            let mut transport = BlockingTransport::new(runtime, &url, identity, patience)?;
            let log_key = transport.enrol()?.log_key;
            transport.watch(Box::new(LogWitness::open(&id, &log_key, Some(&folder))?));
            loop {
                match transport.next_task()? {
                    Offer::Task(task) => return Ok(task),
                    Offer::Wait | Offer::Ask(_) => {}
                    Offer::Finished => panic!("the run is over"),
                }
            }
        });
        asked.await.unwrap()
    };
    let second = trial.attacker("p1").await;
    let task = witness(&trial).await.unwrap();
    second.behave(&task).await;
    trial.attacker("p0").await.behave(&task).await;
    second.task(2).await;
    let seen = witness(&trial).await.unwrap();
    assert_eq!(seen.round, 2);

    let second = fork.attacker("p1").await;
    fork.attacker("p0").await.http.status().await.unwrap();
    let shorter = witness(&fork).await.unwrap_err().to_string();
    assert!(shorter.contains("rollback"), "{shorter}");
    let task = second.task(1).await;
    second.http.decline(1, "another history").await.unwrap();
    fork.attacker("p0").await.behave(&task).await;
    second.task(2).await;
    let split = witness(&fork).await.unwrap_err().to_string();
    assert!(split.contains("split view"), "{split}");
    // A participant that keeps to the rules ends there, and says why.
    fork.watcher("p0", &folder).await;
    // The history that it knows is still good.
    assert_eq!(witness(&trial).await.unwrap(), seen);
    fork.kill();
    trial.kill();
}
