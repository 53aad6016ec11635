//! Two members agree on a secret: X25519 (RFC 7748), alone or with ML-KEM-768 (FIPS 203).
//!
//! Both keys of a pair come from one seed of 32 bytes, so whoever recombines the seed of a member
//! that vanished has all that it agreed. For the same reason the side that encapsulates derives
//! its randomness from its seed. The secrets of both agreements go through HKDF together with the
//! public keys and the ciphertext, so it stays secret while either agreement does (as in
//! X-Wing, where the argument is made), and no two agreements give the same.
//!
//! # Discussion
//!
//! A member agrees with every neighbour twice, for masks and for shares: two hundred times where
//! it has a hundred. X25519 of aws-lc takes half the time of curve25519-dalek's and is in every
//! binary already, since TLS uses it.

use super::{Secret, derive, hkdf, kem};
use aws_lc_rs::agreement::{self, X25519};
use std::fmt;
use std::sync::OnceLock;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::traits::Entropy;
use zeroize::{Zeroize, Zeroizing};

const X25519_BYTES: usize = 32;
const LABEL: &str = "tacit/v1/secagg/agreement";

/// How two members agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Agreement {
    /// Elliptic curves: 32 bytes each way.
    #[serde(rename = "x25519")]
    X25519,
    /// And lattices, against whoever keeps what is sent until there is a quantum computer.
    #[serde(rename = "x25519-ml-kem-768")]
    X25519MlKem768,
}

/// A member's keys of one round.
pub struct SecretKey {
    seed: Secret,
    x25519: agreement::PrivateKey,
    point: [u8; X25519_BYTES],
    /// Made when it is first needed.
    kem: OnceLock<kem::Pair>,
}

impl SecretKey {
    /// Fresh keys.
    pub fn generate(entropy: &mut dyn Entropy) -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0; 32]);
        entropy.fill(&mut *seed)?;
        Self::from_seed(&seed)
    }

    /// The keys of a seed; fails only where memory is short.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let scalar = derive(seed, "x25519", &[]);
        let failed = |_| Error::world("expanding a key", "aws-lc failed");
        let x25519 = agreement::PrivateKey::from_private_key(&X25519, scalar.as_bytes());
        let x25519 = x25519.map_err(|error| Error::world("expanding a key", error))?;
        let public = x25519.compute_public_key().map_err(failed)?;
        let short = |_| Error::Bug("an X25519 key has 32 bytes");
        let point = public.as_ref().try_into().map_err(short)?;
        Ok(Self { seed: Secret::new(seed), x25519, point, kem: OnceLock::new() })
    }

    /// What the keys are made of: for shares of it.
    pub fn seed(&self) -> &[u8; 32] {
        self.seed.as_bytes()
    }

    /// What others need.
    pub fn public(&self, agreement: Agreement) -> PublicKey {
        let kem = match agreement {
            Agreement::X25519 => None,
            Agreement::X25519MlKem768 => Some(Box::new(self.kem().public())),
        };
        PublicKey { point: self.point, kem }
    }

    fn kem(&self) -> &kem::Pair {
        self.kem.get_or_init(|| {
            let [d, z] = ["ml-kem-768 d", "ml-kem-768 z"].map(|label| self.derive(label, &[]));
            kem::Pair::new(d.as_bytes(), z.as_bytes())
        })
    }

    fn derive(&self, label: &str, info: &[u8]) -> Secret {
        derive(self.seed.as_bytes(), label, info)
    }

    /// Refuses the points of low order, for which the result does not depend on the secret.
    fn agree(&self, peer: &PublicKey) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let point = agreement::UnparsedPublicKey::new(&X25519, &peer.point);
        let refused = Refusal::Malformed { what: "public key".into() };
        // Room for the other agreement's secret, so that nothing is copied when it is appended.
        let mut shared = Zeroizing::new(Vec::with_capacity(64));
        agreement::agree(&self.x25519, point, refused, |bytes| {
            shared.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(shared)
    }
}

/// A member's public keys of one round; serialised as hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    point: [u8; X25519_BYTES],
    kem: Option<Box<[u8; kem::KEY_BYTES]>>,
}

impl PublicKey {
    /// Reads [`PublicKey::to_bytes`]; refuses another length and a lattice key that is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Refusal> {
        let refused = || Refusal::Malformed { what: "public key".into() };
        let (point, rest) = bytes.split_first_chunk().ok_or_else(refused)?;
        if rest.is_empty() {
            return Ok(Self { point: *point, kem: None });
        }
        let kem = Box::new(<[u8; kem::KEY_BYTES]>::try_from(rest).map_err(|_| refused())?);
        if !kem::is_reduced(&kem) {
            return Err(refused());
        }
        Ok(Self { point: *point, kem: Some(kem) })
    }

    /// 32 bytes, or 1216.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.point.to_vec();
        bytes.extend(self.kem.iter().flat_map(|kem| kem.iter()));
        bytes
    }

    /// What it is for.
    pub fn agreement(&self) -> Agreement {
        if self.kem.is_some() { Agreement::X25519MlKem768 } else { Agreement::X25519 }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}…", self.agreement(), codec::hex(&self.point[..4]))
    }
}

impl serde::Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&codec::hex(&self.to_bytes()))
    }
}

impl<'de> serde::Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let key = codec::unhex(&text).and_then(|bytes| PublicKey::from_bytes(&bytes).ok());
        key.ok_or_else(|| serde::de::Error::custom("expected a public key"))
    }
}

/// The side that sends: the secret, and what the other needs for it where lattices are used. The
/// member whose name is smaller does it.
pub fn initiate(
    own: &SecretKey,
    peer: &PublicKey,
    info: &[u8],
) -> Result<(Secret, Option<Vec<u8>>), Refusal> {
    let mine = own.public(peer.agreement());
    let mut shared = own.agree(peer)?;
    let Some(key) = &peer.kem else {
        return Ok((combine([&mine, peer], &[], &mut shared, info), None));
    };
    let of = Digest::of_parts("tacit/v1/secagg/encapsulation", &[&peer.to_bytes(), info]);
    let randomness = own.derive("encapsulation", &of.0);
    let encapsulated = kem::encapsulate(key, randomness.as_bytes());
    let refused = || Refusal::Malformed { what: "public key".into() };
    let (ciphertext, secret) = encapsulated.ok_or_else(refused)?;
    shared.extend_from_slice(&secret[..]);
    Ok((combine([&mine, peer], &ciphertext, &mut shared, info), Some(ciphertext)))
}

/// The side that receives: the same secret.
pub fn respond(
    own: &SecretKey,
    peer: &PublicKey,
    ciphertext: Option<&[u8]>,
    info: &[u8],
) -> Result<Secret, Refusal> {
    let mine = own.public(peer.agreement());
    let mut shared = own.agree(peer)?;
    let refused = || Refusal::Malformed { what: "encapsulated key".into() };
    if peer.kem.is_some() != ciphertext.is_some() {
        return Err(refused());
    }
    if let Some(ciphertext) = ciphertext {
        let secret = own.kem().decapsulate(ciphertext).ok_or_else(refused)?;
        shared.extend_from_slice(&secret[..]);
    }
    Ok(combine([peer, &mine], ciphertext.unwrap_or_default(), &mut shared, info))
}

/// `keys` are those of the side that sends, then of the other.
fn combine(keys: [&PublicKey; 2], ciphertext: &[u8], shared: &mut Vec<u8>, info: &[u8]) -> Secret {
    let [first, second] = keys.map(PublicKey::to_bytes);
    let of = Digest::of_parts(LABEL, &[&first, &second, ciphertext, info]);
    let secret = hkdf(LABEL.as_bytes(), shared, &[&of.0]);
    shared.zeroize();
    secret
}
