//! What members and coordinator send to each other, as bytes: postcard, accepted only in the one
//! spelling that we would write ourselves, and only up to a stated size.
//!
//! Members are numbered by the order of their names within a [`Session`](crate::session::Session):
//! lists for a member's neighbours are in that order and name nobody.

use crate::keys::{PublicKey, SEAL_BYTES};
use crate::roster::Roster;
use crate::shamir::SHARE_BYTES;
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use tacit_core::error::Refusal;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;

/// Bytes of the salt of a commitment.
pub(crate) const SALT_BYTES: usize = 16;

/// What is sealed to a holder: two shares and their salts.
pub(crate) const HELD_BYTES: usize = 2 * (SHARE_BYTES + SALT_BYTES);

/// The same, sealed.
pub(crate) const SEALED_BYTES: usize = HELD_BYTES + SEAL_BYTES;

/// Bytes of a public key at most: an encapsulation key of ML-KEM-768 and one of X25519.
const KEY_BYTES: usize = 1_184 + 32;

/// Bytes of a ciphertext of ML-KEM-768.
pub(crate) const CIPHERTEXT_BYTES: usize = 1_088;

/// Bytes of an [`Advert`] at most.
pub(crate) const ADVERT_BYTES: usize = limits::CREDENTIAL_BYTES + 2 * KEY_BYTES + 8;

/// Bytes of [`Handed`] at most.
const HANDED_BYTES: usize = SEALED_BYTES + 2 * (CIPHERTEXT_BYTES + 36) + 8;

/// Bytes of an [`Introduction`] of so many members at most.
pub(crate) fn introduction_bytes(members: usize) -> usize {
    limits::MAIL_BYTES.min(64 + members * (2 * limits::NAME_BYTES + ADVERT_BYTES + 128))
}

/// Bytes of a [`Dealing`] to so many neighbours at most.
pub(crate) fn dealing_bytes(neighbours: usize) -> usize {
    limits::EXCHANGE_BYTES.min(64 + neighbours * HANDED_BYTES)
}

/// Bytes of a [`Delivery`] at most.
pub(crate) fn delivery_bytes(members: usize, neighbours: usize) -> usize {
    (8 + members + 64 + neighbours * HANDED_BYTES).min(limits::MAIL_BYTES)
}

/// Bytes of [`Ready`] at most.
pub(crate) fn ready_bytes(neighbours: usize) -> usize {
    8 + 5 * neighbours
}

/// Bytes of [`Survivors`] or a [`Proof`] at most.
pub(crate) fn proof_bytes(members: usize) -> usize {
    64 + members * 72
}

/// Bytes of an [`Unmasking`] at most.
pub(crate) fn unmasking_bytes(neighbours: usize) -> usize {
    8 + neighbours * (SHARE_BYTES + SALT_BYTES + 8)
}

/// So many bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fixed<const N: usize>(pub [u8; N]);

/// Bytes of a length that whoever reads them must check.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Blob(pub Vec<u8>);

/// Stage 0: the keys of a member, for this round only.
#[derive(Serialize, Deserialize)]
pub(crate) struct Advert {
    /// Shows whose signatures are whose.
    pub credential: Blob,
    /// For masks.
    #[serde(with = "raw")]
    pub mask: PublicKey,
    /// For shares.
    #[serde(with = "raw")]
    pub share: PublicKey,
}

/// Mail of stage 1: who takes part.
#[derive(Serialize, Deserialize)]
pub(crate) struct Introduction {
    /// Number of the group.
    pub group: u32,
    /// Everybody in the cohort, by name, where there are several groups.
    pub cohort: Vec<ParticipantId>,
    /// The group, by name.
    pub members: Vec<Introduced>,
}

/// A member as others come to know it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Introduced {
    /// Its name.
    pub name: ParticipantId,
    /// What it signs with.
    pub key: Fixed<32>,
    /// Its signature under its message of stage 0.
    pub signature: Fixed<64>,
    /// That message.
    pub advert: Shown,
}

/// A message of stage 0: whole for neighbours, and for others what their signatures are checked by.
#[derive(Serialize, Deserialize)]
pub(crate) enum Shown {
    /// An [`Advert`].
    Whole(Blob),
    /// What it hashes to.
    Hashed {
        /// SHA-256.
        digest: Fixed<32>,
        /// Length of what was hashed.
        bytes: u64,
        /// As in the advert.
        credential: Blob,
    },
}

/// Stage 1: shares of the two seeds of a member.
#[derive(Serialize, Deserialize)]
pub(crate) struct Dealing {
    /// To the seed of its own mask.
    pub commitment: Fixed<32>,
    /// One for each neighbour.
    pub handed: Vec<Handed>,
}

/// What a holder is given.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Handed {
    /// The shares and the salts of their commitments.
    pub sealed: Fixed<SEALED_BYTES>,
    /// To the share of the seed of the mask key.
    pub key: Fixed<32>,
    /// To the share of the seed of the owner's own mask.
    pub own: Fixed<32>,
    /// Encapsulates the key that seals, where agreement is hybrid.
    pub seal_ciphertext: Option<Blob>,
    /// Encapsulates the mask, where agreement is hybrid and the owner is the first of the two.
    pub mask_ciphertext: Option<Blob>,
}

/// Mail of stage 2.
#[derive(Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// Whose message of stage 1 came.
    pub shared: Roster,
    /// What the neighbours among them hand to the receiver.
    pub handed: Vec<Handed>,
}

/// Stage 2.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ready {
    /// Whose shares cannot be used, ascending.
    pub complaints: Vec<u32>,
}

/// Mail of stage 3, where rosters are confirmed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Survivors {
    /// Whose contributions came.
    pub roster: Roster,
}

/// Mail of the last stage.
#[derive(Serialize, Deserialize)]
pub(crate) struct Proof {
    /// Whose contributions are to be opened.
    pub roster: Roster,
    /// Signatures of members, by ascending number, under their messages of stage 3.
    pub confirmations: Vec<(u32, Fixed<64>)>,
}

/// The last stage: for every neighbour that shared, the share that opens the sum.
#[derive(Serialize, Deserialize)]
pub(crate) struct Unmasking {
    /// Nothing where the shares could not be used.
    pub revealed: Vec<Option<Revealed>>,
}

/// A share, and what opens the commitment to it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Revealed {
    /// The share.
    pub share: Fixed<SHARE_BYTES>,
    /// Its salt.
    pub salt: Fixed<SALT_BYTES>,
}

/// The bytes of a message.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Our types have lists of known length and no maps, so serialisation cannot fail.
    postcard::to_allocvec(value).unwrap_or_default()
}

/// Decodes at most `limit` bytes; refuses every spelling but the one that [`encode`] gives.
pub(crate) fn decode<T: Serialize + DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
    limit: usize,
) -> Result<T, Refusal> {
    if bytes.len() > limit {
        let (limit, found) = (limit as u64, bytes.len() as u64);
        return Err(Refusal::TooLarge { what: what.into(), limit, found });
    }
    let value: T = postcard::from_bytes(bytes).map_err(|_| malformed(what))?;
    if encode(&value) == bytes { Ok(value) } else { Err(malformed(what)) }
}

pub(crate) fn malformed(what: &str) -> Refusal {
    Refusal::Malformed { what: what.into() }
}

impl<const N: usize> Serialize for Fixed<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Exactly<const N: usize>;
        impl<const N: usize> Visitor<'_> for Exactly<N> {
            type Value = [u8; N];
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{N} bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }
        deserializer.deserialize_bytes(Exactly::<N>).map(Self)
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(bytes.to_vec())
            }
        }
        deserializer.deserialize_bytes(Any).map(Self)
    }
}

/// Public keys as their bytes.
mod raw {
    use super::*;
    use serde::de::Error;

    pub fn serialize<S: Serializer>(key: &PublicKey, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&key.to_bytes())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PublicKey, D::Error> {
        let Blob(bytes) = Blob::deserialize(from)?;
        PublicKey::from_bytes(&bytes).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_spelling() {
        let proof = Proof {
            roster: Roster::of(9, [0, 8]),
            confirmations: vec![(0, Fixed([1; 64])), (8, Fixed([2; 64]))],
        };
        let bytes = encode(&proof);
        assert_eq!(encode(&decode::<Proof>("proof", &bytes, 1000).unwrap()), bytes);
        assert!(decode::<Proof>("proof", &bytes, bytes.len() - 1).is_err());
        assert!(decode::<Proof>("proof", &[&bytes[..], &[0]].concat(), 1000).is_err());
        assert!((0..bytes.len()).all(|end| decode::<Proof>("proof", &bytes[..end], 1000).is_err()));
        let ready = encode(&Ready { complaints: vec![1] });
        assert_eq!(ready, [1, 1]);
        assert!(decode::<Ready>("ready", &[0x81, 0, 1], 1000).is_err());
        assert!(decode::<Ready>("ready", &[0xff, 0xff, 0xff, 0xff, 0x0f], 1000).is_err());
    }
}
