//! What the log says of proofs: each that counted, how many were refused, and nobody's name.
#![allow(clippy::unwrap_used)]

#[path = "../../tacit-sim/src/world/oath.rs"]
mod toy;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tacit_audit::{BacklinkRequest, OsEntropy, PublishPolicy, Record, Recorder, backlink_url};
use tacit_core::digest::Digest;
use tacit_core::error::BAD_PROOF;
use tacit_core::evidence::Cost;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Contribution, ProofHeader, SignedContribution};
use tacit_core::plan::Plan;
use tacit_core::registry::{Entry, Registry};
use tacit_core::round::{Abort, Outcome, Roster, Setup, Summary};

/// A plan with a rule that goes by this name.
fn plan(rule: &'static str) -> Plan {
    let toy = [Entry { name: rule, ..toy::ENTRY }];
    let own = [tacit_core::plain::ENTRIES, &toy];
    let registry = Registry::new(&[&own[..], &tacit_learn::ROOMS].concat()).unwrap();
    let text = format!("name = \"demo\"\nparticipants = 5\nnum_rounds = 1\nproof = \"{rule}\"");
    Plan::parse(&text, &registry).unwrap_or_else(|errors| panic!("{errors}"))
}

fn name(number: usize) -> ParticipantId {
    ParticipantId::parse(["anna", "bert", "carl", "dora", "emil"][number]).unwrap()
}

fn accepted(plan: &Plan, number: usize) -> SignedContribution {
    let digest = Digest::of_bytes(&[number as u8]);
    let contribution = Contribution {
        participant: name(number),
        round: 1,
        plan: plan.digest(),
        model: Digest::of_bytes(b"model"),
        payload: digest,
        payload_bytes: 60,
        examples: 5,
        loss: 0.5,
        fit_ms: 1,
        evaluation: None,
        within: None,
        proof: Some(ProofHeader { digest, bytes: 160, prove_ms: 900 + number as u64 }),
    };
    SignedContribution { contribution, key: String::new(), signature: String::new() }
}

fn outcome() -> Outcome {
    Outcome {
        round: 1,
        model: Digest::of_bytes(b"next"),
        slots: vec![],
        delta: None,
        selected: None,
        cost: Cost::Unbounded,
        clip_norm: None,
        tally: None,
        evaluation: None,
        turned_away: BTreeMap::new(),
        bytes_up: 1,
        bytes_down: 1,
        aggregate_ms: 1,
        verify_ms: Some(12),
        sum: None,
    }
}

/// Three proved, one was refused twice, one did not come.
fn summary(plan: &Plan, result: Result<Outcome, Abort>) -> Summary {
    let setup = Setup {
        round: 1,
        plan: plan.digest(),
        model: Digest::of_bytes(b"model"),
        model_bytes: 7,
        slots: vec![],
        control: false,
        deltas: vec![],
        seed: plan.seed(),
        account: None,
        clip_norm: None,
        nonces: None,
        nonce: Some(Digest::of_bytes(b"nonce")),
        rules: plan.cohort().clone(),
        roster: (0..5).map(name).collect::<Roster>(),
    };
    Summary {
        setup,
        cohort: (0..5).map(name).collect(),
        accepted: (0..3).map(|number| accepted(plan, number)).collect(),
        declined: BTreeMap::new(),
        refusals: BTreeMap::from([(BAD_PROOF.to_owned(), 2)]),
        unproved: BTreeSet::from([name(3)]),
        opened_ms: 0,
        closed_ms: 1,
        result,
    }
}

fn recorded(dir: &Path, plan: &Plan, summary: &Summary) -> Vec<Record> {
    let (log, key) = (dir.join("log"), dir.join("log.skey"));
    let recorder = Recorder::open(&log, &key, plan, &mut OsEntropy).unwrap();
    recorder.begin(summary.setup.model, plan.seed()).unwrap();
    let index = recorder.round(summary, &[]).unwrap();
    // Repeated after a crash it leaves nothing more.
    assert_eq!(recorder.round(summary, &[]).unwrap(), index);
    tacit_audit::records(dir).unwrap()
}

fn schemes(records: &[Record]) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    for record in records {
        *found.entry(record.link.split_once("://").unwrap().0).or_default() += 1;
    }
    found
}

#[test]
fn every_proof_has_its_records_under_its_rules_schemes() {
    let cases: [(&'static str, &[(&str, usize)]); 3] = [
        ("groth16", &[("zksnark-proof", 3), ("zksnark-verify", 4), ("zk-aggregate", 1)]),
        ("range", &[("range-proof", 4), ("zk-aggregate", 1)]),
        ("another", &[("proof", 4), ("zk-aggregate", 1)]),
    ];
    for (rule, expected) in cases {
        let (dir, plan) = (tempfile::tempdir().unwrap(), plan(rule));
        let records = recorded(dir.path(), &plan, &summary(&plan, Ok(outcome())));
        let found = schemes(&records);
        for (scheme, count) in expected {
            assert_eq!(found.get(scheme), Some(count), "{rule}: {found:?}");
        }
        let of_proofs: Vec<&Record> = records.iter().filter(|r| r.kind == "proof").collect();
        let digests: Vec<&str> =
            of_proofs.iter().map(|r| r.body["proof"].as_str().unwrap()).collect();
        assert!(digests.is_sorted() && digests.len() == 3, "places tell no names: {digests:?}");
        for record in &of_proofs {
            assert_eq!((&record.body["bytes"], &record.body["rule"]), (&160.into(), &rule.into()));
            assert!(record.body["prove_ms"].as_u64().unwrap() >= 900);
        }
        let aggregate = records.iter().find(|r| r.kind == "proved-aggregate").unwrap();
        assert_eq!(aggregate.body["proof_bytes"], 480);
        assert_eq!(
            (&aggregate.body["verify_ms"], &aggregate.body["unproved"]),
            (&12.into(), &1.into())
        );
        let refused = records.iter().find(|r| r.kind == "proofs-refused").unwrap();
        assert_eq!((&refused.body["refused"], &refused.body["of"]), (&2.into(), &1.into()));
        assert!(refused.link.ends_with("://demo/1/refused"), "{}", refused.link);
    }
}

#[test]
fn no_record_names_a_participant_and_none_of_one_proof_leaves_the_house() {
    let (dir, plan) = (tempfile::tempdir().unwrap(), plan("groth16"));
    let records = recorded(dir.path(), &plan, &summary(&plan, Ok(outcome())));
    let policy = PublishPolicy::foreign("https://example.org", (0..5).map(name).collect()).unwrap();
    for record in records {
        let text = String::from_utf8(record.to_leaf().unwrap()).unwrap();
        assert!((0..5).all(|number| !text.contains(name(number).as_str())), "{text}");
        let Record { title, description, link, kind, .. } = record;
        let request = BacklinkRequest { title, description, link };
        let url = backlink_url("https://example.org", &request);
        let published = policy.check(&url, &request);
        let single = ["proof", "proof-verified", "proofs-refused"].contains(&kind.as_str());
        assert_eq!(published.is_err(), single, "{kind}: {published:?}");
    }
}

#[test]
fn a_round_without_a_release_has_no_aggregate() {
    let (dir, plan) = (tempfile::tempdir().unwrap(), plan("range"));
    let abort = Abort::TooFewProved { expected: 4, found: 3, refused: 2 };
    let records = recorded(dir.path(), &plan, &summary(&plan, Err(abort)));
    let found = schemes(&records);
    assert_eq!((found.get("range-proof"), found.get("zk-aggregate")), (Some(&4), None));
}
