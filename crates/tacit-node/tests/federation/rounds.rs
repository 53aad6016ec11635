//! Participants that keep silent, give up, or are too few.

use crate::trial::Trial;
use std::time::Duration;
use tacit_core::round::Abort;
use tacit_core::run::Finish;
use tacit_node::server::Bounds;

const HONEST: [&str; 3] = ["p0", "p1", "p2"];
const ALL: [&str; 4] = ["p0", "p1", "p2", "p3"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_costs_the_deadline_and_no_more() {
    let mut trial = Trial::start(&[("cohort.collect_timeout_s", "1")]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let silent = trial.attacker("p3").await;
    let task = silent.task(1).await;
    let (header, bytes) = silent.learn(&task).await;
    trial.round_over(1).await;
    silent.refused("too-late", silent.deliver(header, &bytes)).await;
    let expected = trial.expected(&[&HONEST]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (4, 3, 1)));
    assert_eq!(ended.refusals(1), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_abort_a_round_and_the_next_goes_on() {
    let mut trial = Trial::start(&[("cohort.minimum", "4"), ("num_rounds", "3")]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let attacker = trial.attacker("p3").await;
    attacker.task(1).await;
    attacker.http.decline(1, "no").await.unwrap();
    attacker.behave(&attacker.task(2).await).await;
    attacker.task(3).await;
    attacker.http.decline(3, "no").await.unwrap();
    let expected = trial.expected(&[&[], &ALL]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.finish), (expected, Finish::Completed));
    let released: Vec<bool> = ended.rounds.iter().map(|r| r.model_after.is_some()).collect();
    assert_eq!(released, [false, true, false]);
    let why = ended.rounds[0].aborted.as_deref().unwrap();
    assert!(why.contains("expected at least 4"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_failed_rounds_end_the_run() {
    let changes = [("cohort.minimum", "4"), ("num_rounds", "9"), ("cohort.max_failed_rounds", "2")];
    let mut trial = Trial::start(&changes).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let attacker = trial.attacker("p3").await;
    for round in 1..=2 {
        attacker.task(round).await;
        attacker.http.decline(round, "no").await.unwrap();
    }
    let expected = trial.expected(&[]);
    let ended = trial.finish().await;
    assert!(matches!(ended.finish, Finish::Failed(Abort::TooFewContributions { expected: 4, .. })));
    assert_eq!((ended.model, ended.rounds.len()), (expected, 2));
}

/// While a round awaits its roster there is no work, also for those who failed the round before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_offered_before_a_cohort_is_drawn() {
    let bounds = Bounds { poll: Duration::from_millis(200), ..Bounds::default() };
    let changes = [
        ("num_rounds", "2"),
        ("cohort.enrol_timeout_s", "1.2"),
        ("cohort.collect_timeout_s", "0.3"),
        ("cohort.distribute_timeout_s", "0.3"),
    ];
    let trial = Trial::bounded(&changes, bounds).await;
    let first = trial.attacker("p0").await;
    let second = trial.attacker("p1").await;
    first.task(1).await;
    trial.round_over(1).await;
    assert_eq!(first.http.status().await.unwrap().state, "enrolling");
    assert_eq!(first.http.next_task(0).await.unwrap(), None);
    let (a, b) = tokio::join!(first.task(2), second.task(2));
    tokio::join!(first.behave(&a), second.behave(&b));
    let expected = trial.expected(&[&[], &["p0", "p1"]]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(2)), (expected, (2, 2, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_not_drawn_is_not_counted() {
    let mut trial = Trial::start(&[("participants", "3"), ("cohort.size", "3")]).await;
    // The cohort is drawn from the first three; the fourth comes late.
    HONEST[..2].iter().for_each(|who| trial.join(who));
    let third = trial.attacker("p2").await;
    let task = third.task(1).await;
    let late = trial.attacker("p3").await;
    let (header, bytes) = late.learn(&task).await;
    late.refused("not-in-cohort", late.deliver(header, &bytes)).await;
    late.http.decline(1, "not asked").await.unwrap();
    let stranger = trial.stranger("p4");
    let header = stranger.header(&task, &bytes);
    stranger.refused("not-enrolled", stranger.deliver(header, &bytes)).await;
    assert!(trial.accepted() <= 2);
    third.behave(&task).await;
    let expected = trial.expected(&[&HONEST]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (3, 3, 0)));
    assert_eq!(ended.refusals(1), [("not-enrolled", 1), ("not-in-cohort", 1)]);
}
