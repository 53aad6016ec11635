//! The authority: names, keys, files, revocation.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_node::pki::{Identity, Pki, Revocations, Role, Subject};

fn name(text: &str) -> ParticipantId {
    ParticipantId::parse(text).unwrap()
}

fn coordinator() -> Role {
    Role::Coordinator { hosts: vec!["localhost".into(), "127.0.0.1".into()] }
}

#[test]
fn issued_files_load_and_sign() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::init(dir.path(), "hospitals").unwrap();
    assert!(Pki::init(dir.path(), "again").is_err());
    let issued = Pki::open(dir.path()).unwrap().issue(&name("p0"), &Role::Participant).unwrap();
    #[cfg(unix)]
    for key in [&issued.key, &dir.path().join("ca.key.pem")] {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let identity = Identity::load(&pki.ca_path(), &issued.cert, &issued.key).unwrap();
    assert_eq!(identity.name(), &name("p0"));

    let contribution = tacit_core::messages::Contribution {
        proof: None,
        participant: name("p0"),
        round: 1,
        plan: Digest::of_bytes(b"plan"),
        model: Digest::of_bytes(b"model"),
        payload: Digest::of_bytes(b"payload"),
        payload_bytes: 7,
        examples: 1,
        loss: 0.5,
        fit_ms: 1,
        evaluation: None,
        within: None,
    };
    let mut signed = identity.sign(contribution);
    let key = identity.public_key();
    tacit_node::wire::verify_signature(&signed, &key).unwrap();
    signed.contribution.examples = 2;
    let refused = tacit_node::wire::verify_signature(&signed, &key).unwrap_err();
    assert_eq!(refused, Refusal::BadSignature { participant: name("p0") });
}

#[test]
fn names_are_issued_once() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::init(dir.path(), "a").unwrap();
    pki.issue(&name("p0"), &Role::Participant).unwrap();
    assert!(matches!(pki.issue(&name("p0"), &Role::Participant), Err(Error::Caller(_))));
    assert!(pki.revoke(&name("p1")).is_err());
    assert_eq!(pki.revoke(&name("p0")).unwrap(), 1);
    assert_eq!(pki.revoke(&name("p0")).unwrap(), 0);
    pki.issue(&name("p0"), &Role::Participant).unwrap();
    for bad in ["", "a b", "*.", "http://x"] {
        let role = Role::Coordinator { hosts: vec![bad.into()] };
        assert!(pki.issue(&name("c"), &role).is_err(), "{bad:?}");
    }
}

#[test]
fn a_torn_last_line_of_the_index_is_dropped() {
    use std::io::Write as _;
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::init(dir.path(), "a").unwrap();
    pki.issue(&name("p0"), &Role::Participant).unwrap();
    let index = dir.path().join("index.jsonl");
    let mut file = std::fs::OpenOptions::new().append(true).open(index).unwrap();
    file.write_all(b"{\"revoked\":{\"seri").unwrap();
    drop(file);
    assert!(pki.issue(&name("p0"), &Role::Participant).is_err());
    assert_eq!(pki.revoke(&name("p0")).unwrap(), 1);
}

#[test]
fn revocation_lists_are_signed_and_never_go_back() {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::init(dir.path(), "a").unwrap();
    let load = |issued: tacit_node::pki::Issued| {
        Identity::load(&pki.ca_path(), &issued.cert, &issued.key).unwrap()
    };
    let server = load(pki.issue(&name("c"), &coordinator()).unwrap());
    let issued = pki.issue(&name("p0"), &Role::Participant).unwrap();
    let der = rustls_pem(&std::fs::read(&issued.cert).unwrap());
    let subject = Subject::of_certificate(&der).unwrap();

    let empty = std::fs::read(pki.crl_path()).unwrap();
    let watched = Arc::new(Revocations::watch(&server, &pki.crl_path()).unwrap());
    watched.check(&subject.serial).unwrap();
    pki.revoke(&name("p0")).unwrap();
    let refused = watched.check(&subject.serial).unwrap_err();
    assert!(matches!(refused, Error::Peer(Refusal::BadCertificate { .. })), "{refused}");

    // an older list, a broken one, another authority's, none: nobody passes
    let other_dir = tempfile::tempdir().unwrap();
    let other = Pki::init(other_dir.path(), "b").unwrap();
    let foreign = std::fs::read(other.crl_path()).unwrap();
    for bytes in [&empty[..], b"junk", &foreign] {
        std::fs::write(pki.crl_path(), bytes).unwrap();
        assert!(matches!(watched.check(&subject.serial), Err(Error::Caller(_))));
    }
    std::fs::remove_file(pki.crl_path()).unwrap();
    assert!(matches!(watched.check(&subject.serial), Err(Error::World(_))));
    assert!(Revocations::watch(&server, &pki.crl_path()).is_err());
}

#[test]
fn mismatched_and_malformed_files_are_refused() {
    let authority = Pki::throw_away().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::init(dir.path(), "a").unwrap();
    let [a, b] = ["a", "b"].map(|n| pki.issue(&name(n), &Role::Participant).unwrap());
    assert!(Identity::load(&pki.ca_path(), &a.cert, &b.key).is_err());
    assert!(Identity::load(&pki.ca_path(), &a.key, &a.key).is_err());
    assert!(Identity::from_pem(authority.cert_pem(), "", "").is_err());
    for bytes in [&b""[..], b"\x30\x03\x02\x01\x00", &[0xff; 64]] {
        assert!(Subject::of_certificate(bytes).is_err());
    }
}

fn rustls_pem(pem: &[u8]) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject as _;
    rustls::pki_types::CertificateDer::from_pem_slice(pem).unwrap().to_vec()
}
