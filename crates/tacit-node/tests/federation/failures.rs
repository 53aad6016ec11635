//! Disks that fail and processes that die: the coordinator stops rather than go on without its
//! books, and goes on where it stopped.

use crate::trial::Trial;
use std::path::Path;
use tacit_core::error::Error;
use tacit_node::coordinator::Progress;

const HONEST: [&str; 3] = ["p0", "p1", "p2"];
const ALL: [&str; 4] = ["p0", "p1", "p2", "p3"];

/// Makes writing a file fail: a directory cannot be replaced by it.
fn block(path: &Path) {
    std::fs::create_dir_all(path.join("in the way")).unwrap();
}

fn unblock(path: &Path) {
    std::fs::remove_dir_all(path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_written_stops_the_run() {
    let mut trial = Trial::start(&[("num_rounds", "2")]).await;
    let file = trial.folder().join("log/rounds/000001.jsonl");
    block(&file);
    ALL.iter().for_each(|who| trial.join(who));
    let failure = trial.failure().await;
    assert!(matches!(failure, Error::World(_)), "{failure}");
    let refused = trial.coordinator().model().unwrap_err();
    assert!(matches!(refused, Error::World(_)), "{refused}");
    unblock(&file);
    trial.kill();
    trial.open().await;
    let expected = trial.expected(&[&ALL, &ALL]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (4, 4, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_run_is_recorded_also_after_a_failure() {
    let mut trial = Trial::start(&[]).await;
    let file = trial.folder().join("log/rounds/000001.jsonl");
    ALL[..3].iter().for_each(|who| trial.join(who));
    let last = trial.attacker("p3").await;
    let task = last.task(1).await;
    let (header, bytes) = last.learn(&task).await;
    // The round is logged, and then the log cannot grow.
    let (folder, seen) = (trial.folder().join("log"), trial.progress.clone());
    let blocker = std::thread::spawn(move || {
        while !file.exists() {
            std::thread::yield_now();
        }
        while !seen.lock().unwrap().iter().any(|p| matches!(p, Progress::Round(_))) {
            std::thread::yield_now();
        }
        std::fs::rename(folder.join("checkpoint"), folder.join("away")).unwrap();
        block(&folder.join("checkpoint"));
        folder
    });
    last.deliver(header, &bytes).await.unwrap();
    let folder = tokio::task::spawn_blocking(|| blocker.join().unwrap()).await.unwrap();
    trial.until("over", |t| t.coordinator().clone().model().is_err()).await;
    trial.kill();
    unblock(&folder.join("checkpoint"));
    std::fs::rename(folder.join("away"), folder.join("checkpoint")).unwrap();
    trial.open().await;
    let expected = trial.expected(&[&ALL]);
    let ended = trial.finish().await;
    assert_eq!(ended.model, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_that_cannot_be_written_loses_nothing() {
    let mut trial = Trial::start(&[]).await;
    let spool = trial.folder().join("state/spool");
    std::fs::remove_dir(&spool).unwrap();
    std::fs::write(&spool, "in the way").unwrap();
    HONEST.iter().for_each(|who| trial.join(who));
    let last = trial.attacker("p3").await;
    let task = last.task(1).await;
    let (header, bytes) = last.learn(&task).await;
    let failed = last.announce(header.clone()).await.unwrap_err();
    assert!(matches!(failed, Error::World(_)), "{failed}");
    assert!(!failed.to_string().contains("spool"), "no paths: {failed}");
    std::fs::remove_file(&spool).unwrap();
    std::fs::create_dir(&spool).unwrap();
    last.deliver(header, &bytes).await.unwrap();
    let expected = trial.expected(&[&ALL]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (4, 4, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_under_way() {
    let mut trial = Trial::start(&[("num_rounds", "3")]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let last = trial.attacker("p3").await;
    for round in 1..=3 {
        let task = last.task(round).await;
        let (header, bytes) = last.learn(&task).await;
        last.announce(header.clone()).await.unwrap();
        last.upload(header.payload, 0, &bytes[..16384]).await.unwrap();
        trial.kill();
        trial.open().await;
        // Of what was received nothing is lost, and nothing need be said twice but the header.
        last.refused("truncated", last.upload(header.payload, 16384, &bytes[16384..])).await;
        assert_eq!(last.announce(header.clone()).await.unwrap().offset, 16384);
        last.deliver(header.clone(), &bytes).await.unwrap();
        trial.kill();
        trial.open().await;
    }
    let expected = trial.expected(&[&ALL, &ALL, &ALL]);
    let ended = trial.finish().await;
    assert_eq!(ended.model, expected);
    for round in 1..=3 {
        assert_eq!(ended.counts(round), (4, 4, 0));
    }
}
