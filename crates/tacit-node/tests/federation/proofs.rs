//! Participants that prove what they contribute, over sockets, and one that lies.

use crate::attacker::Attacker;
use crate::keys;
use crate::trial::Trial;
use tacit_core::digest::Digest;
use tacit_core::messages::{Contribution, ProofHeader};
use tacit_core::proof::Dataset;
use tacit_core::run::Finish;
use tacit_node::coordinator::proof_path;
use tacit_node::telemetry::{PROOF_BYTES, PROOFS};

const HONEST: [&str; 3] = ["p0", "p1", "p2"];

const TOY: (&str, &str) = ("proof", "\"toy\"");

fn proved_by(header: &Contribution, proof: &[u8]) -> Contribution {
    let (digest, bytes) = (Digest::of_bytes(proof), proof.len() as u64);
    Contribution { proof: Some(ProofHeader { digest, bytes, prove_ms: 0 }), ..header.clone() }
}

async fn deliver(
    attacker: &Attacker,
    header: Contribution,
    payload: &[u8],
    proof: &[u8],
) -> Result<(), tacit_core::error::Error> {
    attacker.deliver(header, &[payload, proof].concat()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_proved_counts() {
    let mut trial = Trial::start(&[TOY, ("num_rounds", "2")]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let liar = trial.attacker("p3").await;
    liar.commit().await;
    let task = liar.task(1).await;
    let (header, payload, proof) = liar.prove(&task).await;
    let unproved = Contribution { proof: None, ..header.clone() };
    liar.refused("bad-proof", deliver(&liar, unproved, &payload, &[])).await;
    let huge = ProofHeader { bytes: 1 << 20, ..header.proof.unwrap() };
    let huge = Contribution { proof: Some(huge), ..header.clone() };
    liar.refused("too-large", liar.announce(huge)).await;
    let mut wrong = proof.clone();
    wrong[31] ^= 1;
    liar.refused("hash-mismatch", deliver(&liar, header.clone(), &payload, &wrong)).await;
    // The header may name it: it still proves nothing.
    let named = proved_by(&header, &wrong);
    liar.refused("bad-proof", deliver(&liar, named, &payload, &wrong)).await;
    // Another update, within the bound and with its own weight, under a proof of the right one.
    let mut other = payload.clone();
    other[4..8].copy_from_slice(&0.5f32.to_le_bytes());
    let digest = Digest::of_bytes(&other);
    let swapped = Contribution { payload: digest, ..header.clone() };
    liar.refused("bad-proof", deliver(&liar, swapped, &other, &proof)).await;
    let heavier = Contribution { examples: header.examples + 1, ..header.clone() };
    liar.refused("bad-proof", deliver(&liar, heavier, &payload, &proof)).await;
    // After so many nothing more of it is verified in this round, not even what would hold.
    let said = liar.refused("bad-proof", liar.announce(header.clone())).await;
    assert!(said.to_string().contains("3 others were refused"), "{said}");
    liar.http.decline(1, "nobody believes me").await.unwrap();
    trial.round_over(1).await;

    // The next round takes what is proved in it, and no proof of the one before.
    let task = liar.task(2).await;
    let (now, update, fresh) = liar.prove(&task).await;
    let replayed = Contribution { round: 2, model: task.model, ..proved_by(&header, &proof) };
    liar.refused("bad-proof", deliver(&liar, replayed, &payload, &proof)).await;
    deliver(&liar, now, &update, &fresh).await.unwrap();
    trial.round_over(2).await;
    // What was accepted stays verifiable.
    let mut proofs = 0;
    for report in trial.reports() {
        let unproved: Vec<&str> = report.unproved.iter().map(|id| id.as_str()).collect();
        assert_eq!(unproved, ["p3"]);
        assert!(report.verify_ms.is_some());
        for contribution in &report.contributions {
            let path = proof_path(&trial.folder().join("log"), contribution.proof.unwrap().digest);
            assert_eq!(std::fs::read(path).unwrap().len(), 32);
            proofs += 1;
        }
    }
    assert_eq!(proofs, 7);
    let verdict = |word| trial.metrics.value(&PROOFS, &[("verdict", word)]);
    assert_eq!((verdict("verified"), verdict("refused")), (7.0, 4.0));
    assert_eq!(trial.metrics.value(&PROOF_BYTES, &[]), 11.0 * 32.0);
    assert!(trial.metrics.render().contains("tacit_proof_seconds_count "));
    let log = tacit_audit::records(trial.folder()).unwrap();
    let kinds = |kind| log.iter().filter(|record| record.kind == kind).count();
    assert_eq!((kinds("proof"), kinds("proofs-refused"), kinds("proved-aggregate")), (7, 2, 2));
    assert!(log.iter().filter(|r| r.kind != "round").all(|r| !r.body.to_string().contains("p3")));
    let ended = trial.finish().await;
    assert_eq!((ended.counts(1), ended.counts(2)), ((4, 3, 1), (4, 4, 0)));
    let refused = ended.refusals(1).into_iter().find(|(reason, _)| *reason == "bad-proof");
    assert_eq!(refused, Some(("bad-proof", 5)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_participant_has_one_set_of_data() {
    let mut trial = Trial::start(&[TOY]).await;
    let fourth = trial.attacker("p3").await;
    // Without its commitment it is not on the roster: nobody is drawn.
    HONEST.iter().for_each(|who| trial.join(who));
    fourth.commit().await;
    fourth.commit().await;
    let other = Dataset::new(vec![7; 32]).unwrap();
    fourth.refused("inconsistent", fourth.http.commit(&other)).await;
    let task = fourth.task(1).await;
    let (header, payload, proof) = fourth.prove(&task).await;
    deliver(&fourth, header, &payload, &proof).await.unwrap();
    assert_eq!(trial.finish().await.counts(1), (4, 4, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commitment_that_nobody_asked_for_is_refused() {
    let trial = Trial::start(&[]).await;
    let stranger = trial.stranger("p3");
    let other = Dataset::new(vec![7; 32]).unwrap();
    stranger.refused("malformed", stranger.http.commit(&other)).await;
}

/// Killed with everything but the last byte, with all of it before anybody heard of it, and after
/// a restart of the participant, which proves anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_between_proof_and_acceptance() {
    let mut trial = Trial::start(&[TOY, ("num_rounds", "3")]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let last = trial.attacker("p3").await;
    last.commit().await;
    for round in 1..=3u32 {
        let task = last.task(round).await;
        let (header, payload, proof) = last.prove(&task).await;
        let body = [&payload[..], &proof].concat();
        last.announce(header.clone()).await.unwrap();
        let cut = body.len() - if round == 1 { 1 } else { 40 };
        last.upload(header.payload, 0, &body[..16384]).await.unwrap();
        last.upload(header.payload, 16384, &body[16384..cut]).await.unwrap();
        trial.kill();
        trial.open().await;
        let held = last.announce(header.clone()).await.unwrap();
        assert!(!held.accepted && held.offset <= cut as u64, "{held:?}");
        let again = match round {
            3 => last.prove(&task).await,
            _ => (header, payload, proof),
        };
        deliver(&last, again.0.clone(), &again.1, &again.2).await.unwrap();
        trial.kill();
        trial.open().await;
    }
    let ended = trial.finish().await;
    assert_eq!(ended.finish, Finish::Completed);
    for round in 1..=3 {
        assert_eq!(ended.counts(round), (4, 4, 0));
    }
}

const ALL: [&str; 8] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"];

fn hidden(proof: &str) -> Vec<(&str, &str)> {
    vec![
        ("participants", "8"),
        ("proof", proof),
        ("protection", "{ rule = \"secagg\", stage_timeout_s = 20 }"),
        ("training.clip_norm", "1.0"),
        ("cohort.weights", "\"equal\""),
        ("cohort.minimum", "5"),
        ("cohort.max_failed_rounds", "1"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_that_are_what_was_proved() {
    let mut trial = Trial::start(&hidden("\"toy\"")).await;
    ALL.iter().for_each(|who| trial.join(who));
    let ended = trial.finish().await;
    assert_eq!((ended.counts(1).1, ended.finish), (8, Finish::Completed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_that_are_not_are_not_applied() {
    let mut trial = Trial::start(&hidden("{ rule = \"toy\", liar = \"p5\" }")).await;
    ALL.iter().for_each(|who| trial.join(who));
    let before = trial.initial();
    let ended = trial.finish().await;
    assert_eq!(ended.model, before);
    let Finish::Failed(abort) = ended.finish else { panic!("{:?}", ended.finish) };
    assert!(abort.to_string().contains("expected the sum of what was proved"), "{abort}");
}

/// Sixty-two values.
const SMALL: [(&str, &str); 2] =
    [("data.source", "\"breast-cancer\""), ("trainer", "\"logistic-regression\"")];

/// Three that are honest, and one that is in the end: meanwhile it sends another update than it
/// proved, a proof with a changed byte, and in the second round the proof of the first.
async fn a_liar_among_four(changes: &[(&str, &str)], commits: bool, other: f32) {
    let mut trial = Trial::start(&[changes, &[("num_rounds", "2")]].concat()).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let liar = trial.attacker("p3").await;
    if commits {
        liar.commit().await;
    }
    let task = liar.task(1).await;
    let (header, payload, proof) = liar.prove(&task).await;
    let altered = |value: f32| {
        let mut other = payload.clone();
        other[4..8].copy_from_slice(&value.to_le_bytes());
        (Contribution { payload: Digest::of_bytes(&other), ..header.clone() }, other)
    };
    for value in [other, 1.0 / 3.0] {
        let (swapped, other) = altered(value);
        liar.refused("bad-proof", deliver(&liar, swapped, &other, &proof)).await;
    }
    let mut wrong = proof.clone();
    wrong[40] ^= 1;
    let named = proved_by(&header, &wrong);
    let said = liar.refused("bad-proof", deliver(&liar, named, &payload, &wrong)).await;
    assert!(said.to_string().contains("p3"), "{said}");
    liar.http.decline(1, "nobody believes me").await.unwrap();
    trial.round_over(1).await;

    let task = liar.task(2).await;
    let (now, update, fresh) = liar.prove(&task).await;
    let replayed = Contribution { round: 2, model: task.model, ..proved_by(&header, &proof) };
    liar.refused("bad-proof", deliver(&liar, replayed, &payload, &proof)).await;
    let stale = proved_by(&now, &proof);
    liar.refused("bad-proof", deliver(&liar, stale, &update, &proof)).await;
    deliver(&liar, now, &update, &fresh).await.unwrap();
    trial.round_over(2).await;
    for report in trial.reports() {
        let unproved: Vec<&str> = report.unproved.iter().map(|id| id.as_str()).collect();
        assert_eq!(unproved, ["p3"]);
        assert!(report.verify_ms.is_some());
        for contribution in &report.contributions {
            let told = contribution.proof.unwrap();
            let path = proof_path(&trial.folder().join("log"), told.digest);
            let kept = std::fs::read(path).unwrap();
            assert_eq!((kept.len() as u64, Digest::of_bytes(&kept)), (told.bytes, told.digest));
        }
    }
    let ended = trial.finish().await;
    assert_eq!((ended.counts(1), ended.counts(2)), ((4, 3, 1), (4, 4, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_liar_about_ranges() {
    let range = ("proof", "{ rule = \"range\", norm_l2 = 3.0 }");
    // 9 is a multiple of the step within bounds, but too long
    a_liar_among_four(&[&SMALL[..], &[range]].concat(), false, 9.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_liar_about_gradients() {
    let proof = format!("{{ rule = \"groth16\", {} }}", keys::KEYS.arguments());
    let changes = [&keys::PLAN[..], &[("proof", &*proof)]].concat();
    a_liar_among_four(&changes, true, 0.25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_of_what_is_masked() {
    let mut trial = Trial::start(&[&hidden("\"range\"")[..], &SMALL].concat()).await;
    ALL.iter().for_each(|who| trial.join(who));
    let ended = trial.finish().await;
    assert_eq!((ended.counts(1).1, ended.finish), (8, Finish::Completed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_masked_update_that_was_not_proved_ends_the_round() {
    let lying = hidden("{ rule = \"range\", liar = \"p5\" }");
    let mut trial = Trial::start(&[&lying[..], &SMALL].concat()).await;
    ALL.iter().for_each(|who| trial.join(who));
    let before = trial.initial();
    let ended = trial.finish().await;
    assert_eq!(ended.model, before);
    let Finish::Failed(abort) = ended.finish else { panic!("{:?}", ended.finish) };
    assert!(abort.to_string().contains("somebody sent what it did not prove"), "{abort}");
}
