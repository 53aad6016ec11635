//! The log against known answers, an independent oracle, crashes and vandals.
#![allow(clippy::unwrap_used)]

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use sha2::Sha256;
use tacit_audit::{
    AuditError, ENTRY_BYTES, Log, OsEntropy, Role, SignerKey, leaf_hash, verify_checkpoint,
    verify_consistency, verify_inclusion,
};
use tacit_core::codec::unhex;
use tacit_core::digest::Digest;
use tacit_core::messages::Checkpoint;

fn signer() -> SignerKey {
    SignerKey::generate("tacit.local/test", Role::Log, &mut OsEntropy).unwrap()
}

fn again(key: &SignerKey) -> SignerKey {
    SignerKey::parse(&key.to_text()).unwrap()
}

/// The eight entries and tree heads of certificate-transparency's `merkle_tree_test`.
const ENTRIES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

#[test]
fn roots_of_certificate_transparency() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::create(folder.path(), signer()).unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(log.root().to_string(), empty);
    for (index, (entry, root)) in ENTRIES.iter().zip(ROOTS).enumerate() {
        assert_eq!(log.append(&unhex(entry).unwrap()).unwrap(), index as u64);
        assert_eq!(log.root().to_string(), root);
    }
}

#[test]
fn roots_and_proofs_agree_with_the_oracle() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::create(folder.path(), signer()).unwrap();
    let mut oracle = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut roots = vec![log.checkpoint().checkpoint];
    for step in [1, 1, 1, 2, 3, 5, 50, 192, 1, 1, 255, 256, 1, 700] {
        let from = log.size();
        let leaves: Vec<Vec<u8>> = (from..from + step).map(|n| n.to_be_bytes().to_vec()).collect();
        let borrowed: Vec<&[u8]> = leaves.iter().map(Vec::as_slice).collect();
        assert_eq!(log.append_all(&borrowed).unwrap(), from);
        leaves.into_iter().for_each(|leaf| oracle.push(leaf));
        assert_eq!(log.root().0, oracle.root().as_bytes()[..]);
        let new = log.checkpoint().checkpoint;
        for index in [0, 1, from / 2, from, new.size - 1].into_iter().filter(|i| *i < new.size) {
            let ours = log.inclusion_proof(index, new.size).unwrap();
            let theirs = oracle.prove_inclusion(index as usize);
            let bytes: Vec<u8> = ours.hashes.iter().flat_map(|hash| hash.0).collect();
            assert_eq!(bytes, theirs.as_bytes());
            verify_inclusion(leaf_hash(&index.to_be_bytes()), &ours, &new).unwrap();
            assert_eq!(log.entry(index).unwrap(), index.to_be_bytes());
        }
        for old in &roots {
            let ours = log.consistency_proof(old.size, new.size).unwrap();
            if old.size > 0 && old.size < new.size {
                let theirs = oracle.prove_consistency((new.size - old.size) as usize);
                let bytes: Vec<u8> = ours.hashes.iter().flat_map(|hash| hash.0).collect();
                assert_eq!(bytes, theirs.as_bytes());
            }
            verify_consistency(old, &new, &ours.hashes).unwrap();
        }
        roots.push(new);
    }
}

#[test]
fn proofs_of_something_else_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = Log::create(folder.path(), signer()).unwrap();
    let leaves: Vec<Vec<u8>> = (0..7u8).map(|n| vec![n]).collect();
    log.append_all(&leaves.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
    let new = log.checkpoint().checkpoint;
    let proof = log.inclusion_proof(3, 7).unwrap();
    let refused = |leaf: &[u8], proof: &_, tree: &_| {
        assert!(verify_inclusion(leaf_hash(leaf), proof, tree).is_err());
    };
    refused(&[4], &proof, &new);
    refused(&[3], &proof, &Checkpoint { size: 8, ..new });
    refused(&[3], &proof, &Checkpoint { root: Digest([0; 32]), ..new });
    for index in (0..9).chain([u64::MAX]).filter(|i| *i != 3) {
        refused(&[3], &tacit_audit::InclusionProof { index, ..proof.clone() }, &new);
    }
    let mut longer = proof.clone();
    longer.hashes.push(Digest([0; 32]));
    refused(&[3], &longer, &new);
    longer.hashes = vec![Digest([0; 32]); 1_000_000];
    refused(&[3], &longer, &new);
    longer.hashes = proof.hashes[1..].to_vec();
    refused(&[3], &longer, &new);

    let old = Checkpoint { size: 5, root: Digest([1; 32]) };
    let proof = log.consistency_proof(5, 7).unwrap().hashes;
    assert!(verify_consistency(&old, &new, &proof).is_err());
    assert!(verify_consistency(&new, &old, &proof).is_err());
    let nothing = Checkpoint { size: 0, root: Digest([1; 32]) };
    assert!(verify_consistency(&nothing, &new, &[]).is_err());
    assert!(log.inclusion_proof(7, 7).is_err() && log.inclusion_proof(0, 8).is_err());
    assert!(log.consistency_proof(3, 8).is_err() && log.consistency_proof(6, 5).is_err());
}

#[test]
fn a_log_is_the_same_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let key = signer();
    let mut log = Log::create(folder.path(), again(&key)).unwrap();
    let mut expected = Vec::new();
    for step in [3usize, 252, 1, 1, 400] {
        let leaves: Vec<Vec<u8>> =
            (0..step).map(|n| format!("{} {n}", expected.len()).into_bytes()).collect();
        log.append_all(&leaves.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
        expected.extend(leaves);
        let before = log.checkpoint().to_bytes();
        drop(log);
        log = Log::open(folder.path(), again(&key)).unwrap();
        assert_eq!(log.checkpoint().to_bytes(), before);
        verify_checkpoint(&before, key.verifier()).unwrap();
    }
    for (index, leaf) in (0..).zip(&expected) {
        assert_eq!(log.entry(index).unwrap(), *leaf);
        assert_eq!(log.find(leaf), Some(index));
        assert_eq!(log.append_once(leaf).unwrap(), index);
    }
    assert_eq!(log.append_once(b"new").unwrap(), 657);
    assert_eq!(log.append_once(b"new").unwrap(), 657);
    assert!(matches!(log.entry(658), Err(AuditError::OutOfRange { index: 658, size: 658 })));
}

#[test]
fn one_writer_one_key_one_log() {
    let folder = tempfile::tempdir().unwrap();
    let key = signer();
    let mut log = Log::create(folder.path(), again(&key)).unwrap();
    assert!(matches!(Log::open(folder.path(), again(&key)), Err(AuditError::Locked { .. })));
    assert!(matches!(
        log.append(&vec![0; ENTRY_BYTES + 1]),
        Err(AuditError::TooLarge { limit: 65_535, found: 65_536, .. })
    ));
    log.append(&vec![0; ENTRY_BYTES]).unwrap();
    assert_eq!(log.size(), 1);
    drop(log);
    assert!(matches!(Log::create(folder.path(), again(&key)), Err(AuditError::Argument { .. })));
    assert!(matches!(Log::open(folder.path(), signer()), Err(AuditError::Mismatch { .. })));
    assert_eq!(Log::open_or_create(folder.path(), key).unwrap().size(), 1);
    let witness = SignerKey::generate("w", Role::Witness, &mut OsEntropy).unwrap();
    let other = tempfile::tempdir().unwrap();
    assert!(matches!(Log::create(other.path(), witness), Err(AuditError::Key { .. })));
}
