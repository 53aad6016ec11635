//! Keys of the circuit of the smallest plan that `groth16` has something to say of.

use std::sync::LazyLock;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::traits::{Entropy, Keys};
use tacit_zk::curve::Curve;
use tacit_zk::gradient::KeysForTests;
use tacit_zk::gradient::spec::{Kind, Spec};

/// Data, trainer and batch of the plan, as top-level keys and their values.
pub const PLAN: [(&str, &str); 4] = [
    ("data.source", "\"breast-cancer\""),
    ("trainer", "{ rule = \"exact-logistic\", depth = 4, clip_norm = 1.0 }"),
    ("training.batch_size", "8"),
    ("training.learning_rate", "0.5"),
];

/// Nobody needs to be surprised by keys of tests.
struct Repeated(u64);

impl Entropy for Repeated {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for chunk in bytes.chunks_mut(32) {
            self.0 += 1;
            let block = Digest::of_parts("keys of tests", &[&self.0.to_le_bytes()]).0;
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

/// Made once for all tests of a process.
pub static KEYS: LazyLock<KeysForTests> = LazyLock::new(|| {
    let spec = Spec { depth: 4, ..Spec::usual(Kind::Logistic, 30, 1, 8) };
    KeysForTests::make(&spec, Curve::Bn254, &mut Repeated(0)).expect("a circuit that has keys")
});

/// Has them; they are made when somebody asks.
pub struct Ring;

impl Keys for Ring {
    fn read(&self, key: Digest) -> Result<Vec<u8>, Error> {
        KEYS.read(key)
    }
}
