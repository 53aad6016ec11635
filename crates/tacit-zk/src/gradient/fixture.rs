//! Keys of a computation whose secrets one process knew: for tests of whole rounds.

use super::spec::Spec;
use super::terms::Compiled;
use crate::curve::{Curve, with_engine};
use crate::groth16::{setup_for_tests, write_proving_key};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::traits::{Entropy, Keys};

/// Both keys of a circuit, as bytes.
pub struct KeysForTests {
    proving: Vec<u8>,
    verification: Vec<u8>,
    head: Digest,
}

impl KeysForTests {
    /// Makes them. Whoever knows the entropy can prove anything under them.
    pub fn make(spec: &Spec, curve: Curve, entropy: &mut dyn Entropy) -> Result<Self, Error> {
        with_engine!(curve, E => {
            let key = setup_for_tests::<E>(&Compiled::new(spec)?.r1cs, entropy)?;
            let (proving, verifying) = (write_proving_key::<E>(&key)?, key.verifying());
            Ok(Self { proving, verification: verifying.write(), head: verifying.head() })
        })
    }

    /// What names them in a plan: the arguments of `groth16`.
    pub fn arguments(&self) -> String {
        let [proving, verification] =
            [&self.proving, &self.verification].map(|b| Digest::of_bytes(b));
        format!(
            "proving_key = \"{proving}\", verification_key = \"{verification}\", \
             transcript = \"{}\"",
            self.head
        )
    }
}

impl Keys for KeysForTests {
    fn read(&self, key: Digest) -> Result<Vec<u8>, Error> {
        let held = [&self.proving, &self.verification];
        let found = held.into_iter().find(|bytes| Digest::of_bytes(bytes) == key);
        found.cloned().ok_or_else(|| Error::caller("keys", format!("the key {key}"), "others"))
    }
}
