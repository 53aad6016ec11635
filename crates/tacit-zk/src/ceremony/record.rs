//! The transcript of a ceremony: how it was opened, and a record of each contribution that names
//! who made it. Every record is bound to the digest of all before it.

use super::hex;
use super::share::Beacon;
use crate::curve::Curve;
use ed25519_dalek::{Signature, VerifyingKey};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;

const WHAT: &str = "transcript";

/// What a ceremony is to make.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Phase {
    /// Powers of secrets, for every circuit that fits.
    Powers {
        /// Logarithm of how many.
        power: u32,
    },
    /// The keys of one circuit.
    Circuit {
        /// Digest of the circuit's file.
        circuit: Digest,
        /// Digest of the file of powers.
        powers: Digest,
    },
}

/// How a ceremony was opened.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Over which curve.
    pub curve: Curve,
    /// What for.
    pub phase: Phase,
    /// Digest of the file that the first contributor takes.
    pub first: Digest,
    /// The public value that will be the beacon, in words, such as "block 1,000,000 of …".
    pub announced: String,
}

/// One contribution.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// From 1.
    pub number: u32,
    /// Digest of the transcript before it.
    pub head: Digest,
    /// Digest of the file that was taken.
    pub before: Digest,
    /// Digest of the file that was given back.
    pub after: Digest,
    /// Who.
    pub by: By,
}

/// Who or what contributed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum By {
    /// Somebody with a key.
    Contributor {
        /// Its name.
        name: ParticipantId,
        /// Its Ed25519 key.
        #[serde(with = "hex")]
        key: Vec<u8>,
        /// That it knows its secrets: bound to the head, the name, the key and both files.
        #[serde(with = "hex")]
        knowledge: Vec<u8>,
        /// Its signature over all that.
        #[serde(with = "hex")]
        signature: Vec<u8>,
    },
    /// A public value, which ends the ceremony.
    Beacon(Beacon),
}

/// A whole ceremony.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transcript {
    /// How it was opened.
    pub opening: Opening,
    /// What was contributed, in order.
    pub records: Vec<Record>,
}

impl Transcript {
    /// Reads JSON and checks the chain: numbers, heads, files, that a beacon is last, and every
    /// signature.
    pub fn read(json: &[u8]) -> Result<Self, Error> {
        if json.len() > limits::TRANSCRIPT_BYTES {
            let expected = format!("at most {} bytes", limits::TRANSCRIPT_BYTES);
            return Err(Error::caller(WHAT, expected, json.len().to_string()));
        }
        let transcript: Self = serde_json::from_slice(json)
            .map_err(|e| Error::caller(WHAT, "an opening and records", e.to_string()))?;
        let mut checked = Self { opening: transcript.opening, records: Vec::new() };
        let mut head = checked.head();
        for record in transcript.records {
            checked.check(&record, &head)?;
            head = next(&head, &record);
            checked.records.push(record);
        }
        Ok(checked)
    }

    /// The JSON.
    pub fn write(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// Names everything up to here.
    pub fn head(&self) -> Digest {
        self.records.iter().fold(self.opening.digest(), |head, record| next(&head, record))
    }

    /// Whether it has been at this head, as whoever kept it can ask.
    pub fn passed(&self, head: &Digest) -> bool {
        let mut at = self.opening.digest();
        let mut heads = self.records.iter().map(|record| {
            at = next(&at, record);
            at
        });
        self.opening.digest() == *head || heads.any(|at| at == *head)
    }

    /// The digest of the current file.
    pub fn file(&self) -> Digest {
        self.records.last().map_or(self.opening.first, |record| record.after)
    }

    /// Whether a beacon has ended it.
    pub fn is_ended(&self) -> bool {
        self.records.last().is_some_and(|record| matches!(record.by, By::Beacon(_)))
    }

    /// The transcript with one more record; refuses one that does not follow.
    pub fn with(&self, record: Record) -> Result<Self, Error> {
        self.check(&record, &self.head())?;
        let mut longer = self.clone();
        longer.records.push(record);
        Ok(longer)
    }

    fn check(&self, record: &Record, head: &Digest) -> Result<(), Error> {
        let bad = |expected: String, found: String| Err(Error::caller(WHAT, expected, found));
        if self.records.len() >= limits::CONTRIBUTORS {
            return bad(format!("at most {} records", limits::CONTRIBUTORS), "more".into());
        }
        let number = self.records.len() as u32 + 1;
        if record.number != number {
            return bad(format!("record {number}"), format!("record {}", record.number));
        }
        if self.is_ended() {
            return bad("no record after the beacon's".into(), format!("record {number}"));
        }
        if record.head != *head {
            return bad(format!("record {number} on head {head}"), record.head.to_string());
        }
        if record.before != self.file() {
            return bad(
                format!("record {number} on file {}", self.file()),
                record.before.to_string(),
            );
        }
        match &record.by {
            By::Contributor { key, knowledge, signature, .. } => {
                if !is_signed(key, &message(&record.binding(), knowledge), signature) {
                    return bad(format!("the signature of contributor {number}"), "another".into());
                }
            }
            By::Beacon(_) if self.records.is_empty() => {
                return bad("contributors before the beacon".into(), "none".into());
            }
            By::Beacon(_) => {}
        }
        Ok(())
    }
}

impl Opening {
    /// Names how it was opened.
    pub fn digest(&self) -> Digest {
        let json = serde_json::to_vec(self).unwrap_or_default();
        Digest::of_parts("tacit/v1/ceremony-opening", &[&json])
    }
}

impl Record {
    /// Names what a contributor's proof and signature are about.
    pub fn binding(&self) -> Digest {
        let (name, key) = match &self.by {
            By::Contributor { name, key, .. } => (name.as_str().as_bytes(), &key[..]),
            By::Beacon(beacon) => (&beacon.source[..], &[][..]),
        };
        let number = self.number.to_le_bytes();
        let parts = [&number[..], &self.head.0, &self.before.0, &self.after.0, name, key];
        Digest::of_parts("tacit/v1/ceremony-contribution", &parts)
    }

    /// Signs for a contributor, once its knowledge is shown.
    pub(crate) fn sign(&mut self, sign: &dyn Fn(&Digest) -> Vec<u8>) {
        let binding = self.binding();
        if let By::Contributor { knowledge, signature, .. } = &mut self.by {
            *signature = sign(&message(&binding, knowledge));
        }
    }

    /// Who, in words.
    pub fn who(&self) -> String {
        match &self.by {
            By::Contributor { name, .. } => name.to_string(),
            By::Beacon(_) => "beacon".to_owned(),
        }
    }
}

fn next(head: &Digest, record: &Record) -> Digest {
    let json = serde_json::to_vec(record).unwrap_or_default();
    Digest::of_parts("tacit/v1/ceremony-head", &[&head.0, &json])
}

fn message(binding: &Digest, knowledge: &[u8]) -> Digest {
    Digest::of_parts("tacit/v1/ceremony-signature", &[&binding.0, knowledge])
}

fn is_signed(key: &[u8], message: &Digest, signature: &[u8]) -> bool {
    let key = key.try_into().ok().and_then(|key| VerifyingKey::from_bytes(key).ok());
    let signature = Signature::from_slice(signature).ok();
    key.zip(signature)
        .is_some_and(|(key, signature)| key.verify_strict(&message.0, &signature).is_ok())
}
