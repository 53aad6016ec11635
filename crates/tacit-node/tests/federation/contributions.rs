//! Contributions that lie in their header, in their payload, about who they are, or come twice.

use crate::attacker::payload;
use crate::trial::Trial;
use tacit_core::digest::Digest;
use tacit_core::limits;
use tacit_core::messages::{Contribution, Evaluation};

const HONEST: [&str; 3] = ["p0", "p1", "p2"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_calm_run_gives_the_model_that_the_plan_says() {
    let mut trial = Trial::start(&[("num_rounds", "2")]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    trial.join("p3");
    let all = ["p0", "p1", "p2", "p3"];
    let expected = trial.expected(&[&all, &all]);
    let ended = trial.finish().await;
    assert_eq!(ended.model, expected);
    assert_eq!((ended.counts(1), ended.refusals(1)), ((4, 4, 0), vec![]));
    assert_eq!((ended.counts(2), ended.refusals(2)), ((4, 4, 0), vec![]));
}

/// What travels compressed over the network is what a simulation computes, bit for bit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_updates_give_the_model_that_the_plan_says() {
    let all = ["p0", "p1", "p2", "p3"];
    for chain in [
        "[{ rule = \"random-k\", fraction = 0.2 }]",
        "[\"rotate\", { rule = \"quantise\", bits = 1, levels = \"normal\" }]",
        "[\"top-k\", { rule = \"quantise\", bits = 4 }, \"entropy\"]",
    ] {
        let changes = [("num_rounds", "2"), ("compression", chain), ("training.clip_norm", "0.5")];
        let mut trial = Trial::start(&changes).await;
        all.iter().for_each(|who| trial.join(who));
        let expected = trial.expected(&[&all, &all]);
        let ended = trial.finish().await;
        assert_eq!(ended.model, expected, "{chain}");
        assert_eq!((ended.counts(1), ended.refusals(1)), ((4, 4, 0), vec![]));
    }
}

/// Participants that hold the model before fetch the step from it, and arrive at the same model.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_lead_to_the_model_that_the_plan_says() {
    let all = ["p0", "p1", "p2", "p3"];
    let (up, down) = ("[\"top-k\"]", "[{ rule = \"top-k\", fraction = 0.1 }]");
    let changes = [("num_rounds", "4"), ("compression", up), ("downlink", down)];
    let mut trial = Trial::start(&changes).await;
    all.iter().for_each(|who| trial.join(who));
    let expected = trial.expected(&[&all, &all, &all, &all]);
    let ended = trial.finish().await;
    assert_eq!(ended.model, expected);
    let down: Vec<u64> = ended.rounds.iter().map(|round| round.wire_bytes_down).collect();
    assert!(down[1..].iter().all(|&bytes| bytes < down[0] / 4), "{down:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_in_the_header() {
    let mut trial = Trial::start(&[]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let attacker = trial.attacker("p3").await;
    let task = attacker.task(1).await;
    let bytes = payload(&attacker.values(0.0));
    let header = attacker.header(&task, &bytes);
    let other = Digest::of_bytes(b"another");
    let max_bytes = bytes.len() as u64 + 4096 + 1;
    let lies = [
        ("wrong-plan", Contribution { plan: other, ..header.clone() }),
        ("wrong-round", Contribution { round: 2, ..header.clone() }),
        ("wrong-model", Contribution { model: other, ..header.clone() }),
        ("bad-weight", Contribution { examples: 0, ..header.clone() }),
        ("bad-weight", Contribution { examples: limits::EXAMPLES + 1, ..header.clone() }),
        ("malformed", Contribution { loss: f64::NAN, ..header.clone() }),
        ("too-large", Contribution { payload_bytes: max_bytes, ..header.clone() }),
        (
            "bad-certificate",
            Contribution { participant: crate::common::name("p0"), ..header.clone() },
        ),
    ];
    for (reason, lie) in lies {
        attacker.refused(reason, attacker.deliver(lie, &bytes)).await;
    }
    // The log takes so many of one participant and no more; the metrics take them all.
    let mut forged = attacker.identity.sign(header.clone());
    forged.contribution.examples += 1;
    attacker.refused("bad-signature", attacker.announce_signed(&forged)).await;
    let p0 = trial.stranger("p0");
    forged = p0.identity.sign(header.clone());
    attacker.refused("bad-signature", attacker.announce_signed(&forged)).await;

    assert_eq!(attacker.http.status().await.unwrap().refused, 8);
    attacker.http.decline(1, "tired of it").await.unwrap();
    let expected = trial.expected(&[&HONEST]);
    let ended = trial.finish().await;
    assert_eq!(ended.model, expected);
    assert_eq!(ended.counts(1), (4, 3, 1));
    let logged = [
        ("bad-certificate", 1),
        ("bad-weight", 2),
        ("malformed", 1),
        ("too-large", 1),
        ("wrong-model", 1),
        ("wrong-plan", 1),
        ("wrong-round", 1),
    ];
    assert_eq!(ended.refusals(1), logged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_in_the_payload() {
    let mut trial = Trial::start(&[("training.clip_norm", "5.0")]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let attacker = trial.attacker("p3").await;
    let task = attacker.task(1).await;
    let good = attacker.values(0.0);
    let with = |value: f32| {
        let mut values = good.clone();
        values[4321] = value;
        payload(&values)
    };
    let framed = |len: u32| {
        let mut bytes = payload(&good);
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        bytes
    };
    let len = good.len();
    let lies = [
        ("not-finite", with(f32::NAN)),
        ("not-finite", with(f32::NEG_INFINITY)),
        ("out-of-range", with(16_385.0)),
        ("norm-exceeded", with(6.0)),
        ("wrong-shape", payload(&good[..len - 1])),
        ("wrong-shape", vec![]),
        ("wrong-shape", framed(0)),
        ("too-large", framed(u32::MAX)),
    ];
    for (reason, bytes) in lies {
        let header = attacker.header(&task, &bytes);
        attacker.refused(reason, attacker.deliver(header, &bytes)).await;
    }
    // beyond what the log takes of one participant
    let rest = [
        ("too-large", [payload(&good), vec![0]].concat()),
        ("too-large", [payload(&good), payload(&good[..10])].concat()),
        ("wrong-shape", payload(&good)[..100].to_vec()),
        ("too-large", [payload(&good), vec![0; 5000]].concat()),
    ];
    for (reason, bytes) in rest {
        let header = attacker.header(&task, &bytes);
        attacker.refused(reason, attacker.deliver(header, &bytes)).await;
    }

    // Who mends its ways is welcome.
    attacker.behave(&task).await;
    let expected = trial.expected(&[&["p0", "p1", "p2", "p3"]]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (4, 4, 0)));
    let logged = [
        ("norm-exceeded", 1),
        ("not-finite", 2),
        ("out-of-range", 1),
        ("too-large", 1),
        ("wrong-shape", 3),
    ];
    assert_eq!(ended.refusals(1), logged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_that_nobody_can_have_measured() {
    let mut trial = Trial::start(&[("evaluation.on", "[\"participants\"]")]).await;
    HONEST.iter().for_each(|who| trial.join(who));
    let attacker = trial.attacker("p3").await;
    let task = attacker.task(1).await;
    let (header, bytes) = attacker.learn(&task).await;
    let measured = header.evaluation.clone().unwrap();
    let per_class = measured.per_class.clone();
    let more =
        |(examples, correct): (u64, u64)| [per_class.clone(), vec![(examples, correct)]].concat();
    let lies = [
        Evaluation { examples: u64::MAX, ..measured.clone() },
        Evaluation { examples: u64::MAX, correct: u64::MAX, ..measured.clone() },
        Evaluation { correct: measured.examples + 1, ..measured.clone() },
        Evaluation { loss: f64::MAX, ..measured.clone() },
        Evaluation { per_class: more((u64::MAX, u64::MAX)), ..measured.clone() },
        Evaluation { per_class: vec![(0, 0); limits::CLASSES + 1], ..measured.clone() },
    ];
    for lie in lies {
        let header = Contribution { evaluation: Some(lie), ..header.clone() };
        attacker.refused("malformed", attacker.announce(header)).await;
    }
    attacker
        .refused("malformed", attacker.announce(Contribution { loss: 1e300, ..header.clone() }))
        .await;
    attacker.deliver(header, &bytes).await.unwrap();
    let expected = trial.expected(&[&["p0", "p1", "p2", "p3"]]);
    let ended = trial.finish().await;
    assert_eq!((ended.model, ended.counts(1)), (expected, (4, 4, 0)));
    assert_eq!(ended.refusals(1), [("malformed", 7)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twice_and_again() {
    let mut trial = Trial::start(&[("num_rounds", "2")]).await;
    HONEST[..2].iter().for_each(|who| trial.join(who));
    // Not in a hurry: both rounds stay open until it has contributed.
    let last = trial.attacker("p2").await;
    let attacker = trial.attacker("p3").await;
    let task = attacker.task(1).await;
    let (header, bytes) = attacker.learn(&task).await;
    attacker.deliver(header.clone(), &bytes).await.unwrap();
    // the same again is an answer that was lost, not a second contribution
    attacker.deliver(header.clone(), &bytes).await.unwrap();
    let different = Contribution { examples: header.examples + 1, ..header.clone() };
    attacker.refused("duplicate", attacker.deliver(different, &bytes)).await;
    let other = payload(&attacker.values(0.5));
    let different = attacker.header(&task, &other);
    attacker.refused("duplicate", attacker.deliver(different, &other)).await;
    last.behave(&task).await;

    let task = attacker.task(2).await;
    attacker.refused("wrong-round", attacker.deliver(header.clone(), &bytes)).await;
    let replayed = Contribution { round: 2, ..header };
    attacker.refused("wrong-model", attacker.deliver(replayed, &bytes)).await;
    attacker.behave(&task).await;
    last.behave(&task).await;
    let all = ["p0", "p1", "p2", "p3"];
    let expected = trial.expected(&[&all, &all]);
    let ended = trial.finish().await;
    assert_eq!(ended.model, expected);
    assert_eq!((ended.counts(1), ended.counts(2)), ((4, 4, 0), (4, 4, 0)));
    assert_eq!(ended.refusals(1), [("duplicate", 2)]);
    assert_eq!(ended.refusals(2), [("wrong-model", 1), ("wrong-round", 1)]);
}
