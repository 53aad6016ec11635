//! Members that leave at every step, and a coordinator that is stopped at every step.

use crate::trial::{Step, Trial};
use tacit_core::digest::Digest;
use tacit_core::run::Finish;
use tacit_node::server::Bounds;

const ALL: [&str; 8] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"];

const RULE: &str = "{ rule = \"secagg\", stage_timeout_s = 2 }";

fn plan<'a>(rule: &'a str, changes: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("participants", "8"),
        ("protection", rule),
        ("training.clip_norm", "1.0"),
        ("cohort.minimum", "5"),
        ("cohort.collect_timeout_s", "3"),
        ("adversary.colluding", "0.125"),
        ("adversary.dropping", "0.25"),
    ];
    all.extend(changes);
    all
}

/// The model of rounds in which these contribute: integers of the same resolution add up to the
/// same sums, whoever opens them.
async fn expected(rounds: Vec<Vec<&'static str>>) -> Digest {
    let rule = "{ rule = \"committee\", resolution = 24 }";
    let trial = Trial::prepare(&plan(rule, &[]), Bounds::default());
    let rounds = move || {
        let rounds: Vec<&[&str]> = rounds.iter().map(Vec::as_slice).collect();
        trial.expected(&rounds)
    };
    tokio::task::spawn_blocking(rounds).await.unwrap()
}

fn without(gone: &[&str]) -> Vec<&'static str> {
    ALL.into_iter().filter(|who| !gone.contains(who)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_leave_at_every_step() {
    let before = [Step::Say(0), Step::Say(1), Step::Say(2), Step::Deliver];
    let after = [Step::Say(3), Step::Say(4)];
    for (steps, counted) in before.into_iter().map(|s| (s, 7)).chain(after.map(|s| (s, 8))) {
        let mut trial = Trial::start(&plan(RULE, &[])).await;
        ALL[1..].iter().for_each(|who| trial.join(who));
        trial.join_until("p0", steps);
        let ended = trial.finish().await;
        assert_eq!(ended.counts(1), (8, counted, 8 - counted), "{steps:?}");
        let who = if counted == 8 { without(&[]) } else { without(&["p0"]) };
        assert_eq!(ended.model, expected(vec![who]).await, "{steps:?}");
    }
}

/// A connection that ends in the middle of a contribution: its member is as good as gone, unless it
/// comes back before contributions are closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_leaves_in_the_middle_of_its_upload() {
    for returns in [false, true] {
        let mut trial = Trial::start(&plan(RULE, &[])).await;
        ALL[1..].iter().for_each(|who| trial.join(who));
        trial.join_halfway("p0", returns);
        let ended = trial.finish().await;
        let counted = if returns { 8 } else { 7 };
        assert_eq!(ended.counts(1), (8, counted, 8 - counted), "{returns}");
        let who = if returns { without(&[]) } else { without(&["p0"]) };
        assert_eq!(ended.model, expected(vec![who]).await, "{returns}");
    }
}

/// Who reveals another share than it was given is refused by name, and the sum opened without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lying_holder_of_a_share_is_refused() {
    let mut trial = Trial::start(&plan(RULE, &[])).await;
    ALL[1..].iter().for_each(|who| trial.join(who));
    trial.join_until("p0", Step::Lie(4));
    let ended = trial.finish().await;
    assert_eq!(ended.counts(1), (8, 8, 0));
    assert_eq!(ended.refusals(1), [("inconsistent", 1)]);
    assert_eq!(ended.model, expected(vec![without(&[])]).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_leave_than_planned_and_the_next_round_begins() {
    let changes = [("num_rounds", "2"), ("cohort.max_failed_rounds", "5")];
    let mut trial = Trial::start(&plan(RULE, &changes)).await;
    ALL[4..].iter().for_each(|who| trial.join(who));
    // Four of eight contribute and then leave: nobody is left to open the sum.
    ALL[..4].iter().for_each(|who| trial.join_until(who, Step::Say(3)));
    trial.round_over(1).await;
    ALL[..4].iter().for_each(|who| trial.join(who));
    let ended = trial.finish().await;
    assert!(ended.rounds[0].model_after.is_none(), "{:?}", ended.rounds[0]);
    assert_eq!((ended.counts(2), ended.finish), ((8, 8, 0), Finish::Completed));
}

/// Participants live on: the coordinator takes up what its journal and spool hold, and asks for
/// nothing twice but the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_stopped_at_every_step_goes_on() {
    let long = "{ rule = \"secagg\", stage_timeout_s = 40 }";
    let changes = [("num_rounds", "2"), ("cohort.collect_timeout_s", "40")];
    for stops in 1..6u64 {
        let mut trial = Trial::start(&plan(long, &changes)).await;
        ALL.iter().for_each(|who| trial.join(who));
        for stop in 0..stops {
            let pause = 30 + 45 * stop * (stops % 3 + 1) % 170;
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            trial.stop().await;
            trial.open().await;
        }
        let ended = trial.finish().await;
        assert_eq!(ended.finish, Finish::Completed);
        assert_eq!(ended.model, expected(vec![without(&[]), without(&[])]).await, "{stops} stops");
    }
}
