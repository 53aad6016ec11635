//! Backlinks, names and what may be published.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use std::sync::{Arc, Mutex};
use tacit_audit::{
    AepiotServices, BacklinkRequest, DEFAULT_BASE, Log, PublishPolicy, PublishRefusal, Receipt,
    Record, SharedLog, backlink_url, leaf_hash, verify_checkpoint, verify_inclusion,
};
use tacit_core::codec;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::traits::Entropy;

fn request(title: &str, description: &str, link: &str) -> BacklinkRequest {
    let [title, description, link] = [title, description, link].map(String::from);
    BacklinkRequest { title, description, link }
}

fn shared(folder: &std::path::Path) -> SharedLog {
    Arc::new(Mutex::new(Log::create(folder, signer("tacit.local/demo")).unwrap()))
}

#[test]
fn a_receipt_can_be_checked_offline() {
    let folder = tempfile::tempdir().unwrap();
    let log = shared(folder.path());
    let services = AepiotServices::new(log.clone(), DEFAULT_BASE).unwrap();
    services.backlink.create(request("first", "", "psi://1")).unwrap();
    let hostile = request("ü & <b>\"", "a=b?c#d/../%41\u{202e}\n\0", "zk-aggregate://r/2");
    let receipt = services.create_backlink(hostile.clone()).unwrap();
    assert_eq!(receipt.index, 1);
    let note = receipt.checkpoint.as_bytes();
    let signed = verify_checkpoint(note, log.lock().unwrap().verifier()).unwrap();
    verify_inclusion(receipt.leaf_hash, &receipt.inclusion_proof, &signed.checkpoint).unwrap();
    let leaf = log.lock().unwrap().entry(1).unwrap();
    assert_eq!(leaf_hash(&leaf), receipt.leaf_hash);
    // Verbatim.
    let record = Record::from_leaf("entry 1", &leaf).unwrap();
    let BacklinkRequest { title, description, link } = hostile.clone();
    assert_eq!((record.title, record.description, record.link), (title, description, link));
    assert_eq!(record.body["subdomains"], serde_json::json!(receipt.subdomains));
    assert_eq!(receipt.url, services.backlink.url(&hostile));
    assert_eq!(
        receipt.url,
        "https://aepiot.com/backlink.html?title=%C3%BC%20%26%20%3Cb%3E%22\
         &description=a%3Db%3Fc%23d%2F..%2F%2541%E2%80%AE%0A%00&link=zk-aggregate%3A%2F%2Fr%2F2"
    );
    let again: Receipt = codec::decode("receipt", &codec::encode(&receipt), 10_000).unwrap();
    assert_eq!(again, receipt);
}

#[test]
fn the_url_is_ascii_and_decodes_to_the_request() {
    let every: String = (0..0x2000).chain(0x1f600..0x1f640).filter_map(char::from_u32).collect();
    let url = backlink_url("https://example.org/x/", &request(&every, "&title=", &every));
    assert!(url.bytes().all(|b| b.is_ascii_graphic()));
    let (base, query) = url.split_once('?').unwrap();
    assert_eq!(base, "https://example.org/x/backlink.html");
    let pairs: Vec<(&str, String)> = query
        .split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            let mut bytes = Vec::new();
            let mut rest = value.as_bytes();
            while let Some((byte, after)) = rest.split_first() {
                let hex = (*byte == b'%').then(|| std::str::from_utf8(&after[..2]).unwrap());
                bytes.push(hex.map_or(*byte, |hex| u8::from_str_radix(hex, 16).unwrap()));
                rest = if hex.is_some() { &after[2..] } else { after };
            }
            (name, String::from_utf8(bytes).unwrap())
        })
        .collect();
    assert_eq!(
        pairs,
        [("title", every.clone()), ("description", "&title=".into()), ("link", every)]
    );
}

struct Counter(u8);
impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0 += 1;
        bytes.fill(self.0);
        Ok(())
    }
}

#[test]
fn names_are_names() {
    let folder = tempfile::tempdir().unwrap();
    let log = shared(folder.path());
    let base = "https://aepiot.example:8080/sub";
    let services = AepiotServices::with_entropy(log.clone(), base, Box::new(Counter(0))).unwrap();
    let names = services.random_subdomain.generate(500, "Model_Distribution ü").unwrap();
    for name in &names {
        let (label, host) = name.split_once('.').unwrap();
        assert_eq!(host, "aepiot.example");
        assert!(label.len() <= 63 && label.starts_with("model-distribution-"), "{label}");
        assert!(label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
    }
    let distinct: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(distinct.len(), 500);
    let more = services.random_subdomain.generate(500, "model_distribution").unwrap();
    assert!(more.iter().all(|name| !names.contains(name)));
    let again = AepiotServices::with_entropy(log, base, Box::new(Counter(0))).unwrap();
    assert_eq!(again.random_subdomain.generate(500, "model distribution ü").unwrap(), names);
    assert!(services.random_subdomain.generate(1001, "x").is_err());
    let long = services.random_subdomain.generate(1, &"y".repeat(1000)).unwrap();
    assert!(long[0].split('.').next().unwrap().len() <= 63);
    assert!(services.random_subdomain.generate(1, "../").unwrap()[0].starts_with("name-"));
}

#[test]
fn bases_that_are_no_bases_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = shared(folder.path());
    for bad in [
        "",
        "aepiot.com",
        "ftp://a",
        "https://",
        "https:///x",
        "https://a?b",
        "https://a#b",
        "https://a b",
        "https://u@a",
        "javascript:alert(1)",
        "https://ü",
        "https://a\n",
    ] {
        assert!(AepiotServices::new(log.clone(), bad).is_err(), "{bad:?}");
        assert!(PublishPolicy::ours(bad).is_err() && PublishPolicy::foreign(bad, vec![]).is_err());
    }
}

#[test]
fn nothing_is_published_unless_somebody_says_so() {
    let about_one = request("client 7 of 10.0.0.1", "", "zksnark-proof://7");
    let url = backlink_url(DEFAULT_BASE, &about_one);
    for off in [PublishPolicy::off(), PublishPolicy::default()] {
        assert_eq!(off.check(&url, &about_one), Err(PublishRefusal::Off));
    }
    let ours = PublishPolicy::ours(DEFAULT_BASE).unwrap();
    assert_eq!(ours.check(&url, &about_one), Ok(()));
    let elsewhere = backlink_url("https://example.org", &about_one);
    assert!(matches!(ours.check(&elsewhere, &about_one), Err(PublishRefusal::WrongUrl { .. })));
    assert!(ours.check(&format!("{url}&client=7"), &about_one).is_err());
}

/// Texts that are about one participant, however they are spelt.
const NAMED: &[&str] = &[
    "p07",
    "P07 was slow.",
    "loss of (hospital-1.example): 0.3",
    "ana: 0.5",
    "p%307",
    "p%2530%2537",
    "ｐ０７",
    "p\u{200b}07",
    "client 7",
    "Client #12",
    "participant_id: x",
    "client7",
    "worker-3",
    "patient number 4",
    "peer%203",
    "_p07_",
    "p07's",
    "Ana,",
];

/// Texts that hold an address.
const ADDRESSES: &[&str] = &[
    "10.0.0.1",
    "at 192.168.1.17:443.",
    "[2001:db8::1]",
    "::1",
    "fe80::1%eth0",
    "10%2E0%2E0%2E1",
    "１０.0.0.1",
    "x10.0.0.1",
    "from:10.0.0.1:",
    "1.10.0.0.1",
    "tcp://127.0.0.1:9",
];

#[test]
fn a_foreign_base_gets_nothing_about_one_participant() {
    let roster = ["p07", "hospital-1.example", "ana"].map(|n| ParticipantId::parse(n).unwrap());
    let policy = PublishPolicy::foreign(DEFAULT_BASE, roster.to_vec()).unwrap();
    let check =
        |request: &BacklinkRequest| policy.check(&backlink_url(DEFAULT_BASE, request), request);
    for fine in [
        "Round 3 complete. Accuracy: 0.9312; 18 of 20 contributions",
        "20 participants, 3 clients missing, ε = 2.5 at δ = 1e-5",
        "version 1.2.3, started 12:30:05, ratio 0.01; analysis of bananas: p071",
        "sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ] {
        assert_eq!(check(&request(fine, fine, "round://demo/3")), Ok(()), "{fine}");
    }
    for named in NAMED {
        for place in 0..2 {
            let text = [*named, "x"];
            let request = request(text[place], text[1 - place], "round://demo/3");
            assert!(
                matches!(check(&request), Err(PublishRefusal::Participant { .. })),
                "{named}: {:?}",
                check(&request)
            );
        }
    }
    for address in ADDRESSES {
        let request = request("x", address, "round://demo/3");
        assert!(
            matches!(check(&request), Err(PublishRefusal::Address { field: "description" })),
            "{address}: {:?}",
            check(&request)
        );
    }
    for link in [
        "zksnark-proof://x",
        "ZKSNARK-PROOF://x",
        "vfl-participant://x",
        "range-proof://x",
        "zksnark-verify://x",
        "https://example.org",
        "",
        "client://3",
    ] {
        assert_eq!(check(&request("x", "y", link)), Err(PublishRefusal::Scheme), "{link}");
    }
    assert!(matches!(
        check(&request("x", "y", "round://demo/p07")),
        Err(PublishRefusal::Participant { field: "link" })
    ));
    let long = request(&"é".repeat(400), "", "round://demo/3");
    assert!(matches!(
        check(&long),
        Err(PublishRefusal::TooLong { limit: 2000, found }) if found > 2000
    ));
    // A refusal repeats nothing of the text.
    let refusal = check(&request("ana", "", "round://demo/3")).unwrap_err();
    assert!(!refusal.to_string().contains("ana "));
}
