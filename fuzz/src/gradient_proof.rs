//! Proofs of gradients: nothing but the proof itself is taken for one, and no bytes panic. What is
//! fuzzed are the bytes of a proof, or with an odd first byte, changes of one that holds. The one
//! other proof that single bits make of it has both A and B negated, which leaves their pairing as
//! it was.

use std::sync::OnceLock;
use tacit_zk::curve::Curve;
use tacit_zk::gradient::measure::Subject;
use tacit_zk::gradient::spec::{Kind, Spec};

/// A key, a statement and a proof of it, made once.
fn subject() -> &'static Subject {
    static SUBJECT: OnceLock<Subject> = OnceLock::new();
    SUBJECT.get_or_init(|| {
        let spec = Spec { depth: 2, ..Spec::usual(Kind::Logistic, 1, 1, 1) };
        Subject::new(spec, Curve::Bn254).expect("a small circuit has a key and a proof")
    })
}

/// See the module.
pub fn run(data: &[u8]) {
    let (subject, honest) = (subject(), subject().proof());
    let Some((first, rest)) = data.split_first() else { return };
    let mut proof = rest.to_vec();
    if first % 2 == 1 {
        proof = honest.to_vec();
        for change in rest.chunks_exact(2).take(16) {
            let at = usize::from(change[0]) % proof.len();
            proof[at] ^= change[1];
        }
    }
    let accepted = subject.accepts(&proof).expect("refusals are no failures");
    assert_eq!(accepted, proof == honest || proof == negated(honest));
}

/// The proof (−A, −B, C): the signs are the highest bits of the two points, which follow a
/// commitment of 32 bytes.
fn negated(honest: &[u8]) -> Vec<u8> {
    let mut twin = honest.to_vec();
    for last in [32 + 31, 32 + 32 + 63] {
        twin[last] ^= 0x80;
    }
    twin
}
