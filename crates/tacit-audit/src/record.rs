//! A record: what a leaf of the log says, in canonical JSON.

use crate::error::AuditError;
use crate::layout::ENTRY_BYTES;
use serde_json::Value;
use tacit_core::codec;

/// Link schemes of the source document's records (mission, row 26) and of our own.
pub mod scheme {
    /// A round's privacy guarantee.
    pub const PRIVACY_AUDIT: &str = "privacy-audit://";
    /// A vertical participant and its features.
    pub const VFL_PARTICIPANT: &str = "vfl-participant://";
    /// A vertical round.
    pub const VFL_ROUND: &str = "vfl-round://";
    /// A private set intersection.
    pub const PSI: &str = "psi://";
    /// A round's compression.
    pub const COMPRESSION: &str = "compression://";
    /// A Krum aggregate.
    pub const KRUM_AGGREGATE: &str = "krum-aggregate://";
    /// A trimmed mean.
    pub const TRIMMED_MEAN: &str = "trimmed-mean://";
    /// A coordinate-wise median.
    pub const MEDIAN_AGGREGATE: &str = "median-aggregate://";
    /// One participant's proof.
    pub const ZKSNARK_PROOF: &str = "zksnark-proof://";
    /// The verification of one participant's proof.
    pub const ZKSNARK_VERIFY: &str = "zksnark-verify://";
    /// An aggregate of verified updates.
    pub const ZK_AGGREGATE: &str = "zk-aggregate://";
    /// One participant's range proof.
    pub const RANGE_PROOF: &str = "range-proof://";
    /// One participant's proof, of a rule that has no scheme of its own.
    pub const PROOF: &str = "proof://";
    /// An enclave's evidence.
    pub const TEE_ATTESTATION: &str = "tee-attestation://";
    /// An enclave's aggregate.
    pub const TEE_AGGREGATE: &str = "tee-aggregate://";
    /// A proven inference.
    pub const ZKML: &str = "zkml://";
    /// A contribution to a ceremony that makes keys of proofs.
    pub const CEREMONY: &str = "ceremony://";
    /// A model offered to a cohort.
    pub const MODEL_DISTRIBUTION: &str = "model-distribution://";
    /// A round.
    pub const ROUND: &str = "round://";
    /// The plan of a run.
    pub const PLAN: &str = "plan://";
    /// A whole run.
    pub const RUN: &str = "run://";

    /// Every scheme.
    pub const ALL: [&str; 21] = [
        PRIVACY_AUDIT,
        VFL_PARTICIPANT,
        VFL_ROUND,
        PSI,
        COMPRESSION,
        KRUM_AGGREGATE,
        TRIMMED_MEAN,
        MEDIAN_AGGREGATE,
        ZKSNARK_PROOF,
        ZKSNARK_VERIFY,
        ZK_AGGREGATE,
        RANGE_PROOF,
        PROOF,
        TEE_ATTESTATION,
        TEE_AGGREGATE,
        ZKML,
        CEREMONY,
        MODEL_DISTRIBUTION,
        ROUND,
        PLAN,
        RUN,
    ];

    /// Schemes of records about one participant: never published to a base that is not ours.
    pub const PER_PARTICIPANT: [&str; 6] =
        [VFL_PARTICIPANT, ZKSNARK_PROOF, ZKSNARK_VERIFY, RANGE_PROOF, PROOF, CEREMONY];
}

/// One leaf: the three texts of an aéPiot record, verbatim, and a body for machines.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// What the body is: `plan`, `round`, `run-end`, `backlink`, or a caller's own word.
    pub kind: String,
    /// Title, verbatim.
    pub title: String,
    /// Description, verbatim.
    pub description: String,
    /// Link, verbatim; usually of a [`scheme`].
    pub link: String,
    /// Figures for machines; `null` where the texts say everything.
    pub body: Value,
}

impl Record {
    /// The canonical bytes: what is appended to the log.
    ///
    /// # Errors
    /// [`AuditError::TooLarge`] over [`ENTRY_BYTES`].
    pub fn to_leaf(&self) -> Result<Vec<u8>, AuditError> {
        let sorted = Self { body: sort(&self.body), ..self.clone() };
        let leaf = codec::encode(&sorted);
        if leaf.len() > ENTRY_BYTES {
            let (limit, found) = (ENTRY_BYTES as u64, leaf.len() as u64);
            return Err(AuditError::TooLarge { what: "record", limit, found });
        }
        Ok(leaf)
    }

    /// Parses a leaf; refuses every spelling but the canonical one. `place` names the entry.
    pub fn from_leaf(place: &str, leaf: &[u8]) -> Result<Self, AuditError> {
        let malformed = |_| AuditError::malformed(place, "record");
        let record: Self = codec::decode("record", leaf, ENTRY_BYTES).map_err(malformed)?;
        if codec::encode(&sort(&record.body)) != codec::encode(&record.body) {
            return Err(AuditError::malformed(place, "record: keys out of order"));
        }
        Ok(record)
    }
}

/// The same value with every object's keys in order: `serde_json` keeps them in order of insertion
/// when any crate of the build asks it to.
fn sort(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(sort).collect()),
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().collect();
            pairs.sort_by_key(|(key, _)| *key);
            Value::Object(pairs.into_iter().map(|(k, v)| (k.clone(), sort(v))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record() -> Record {
        Record {
            kind: "backlink".into(),
            title: "a \"title\" – ü \u{0} \u{1f600}".into(),
            description: String::new(),
            link: "psi://x".into(),
            body: json!({"b": [1, 2.5, null], "a": {"z": true, "y": u64::MAX}}),
        }
    }

    #[test]
    fn round_trip_and_one_spelling() {
        let leaf = record().to_leaf().unwrap();
        assert_eq!(Record::from_leaf("entry 0", &leaf).unwrap(), record());
        let text = String::from_utf8(leaf).unwrap();
        for bad in [
            text.replace("\"a\":", " \"a\":"),
            text.replace("{\"a\"", "{\"b\":1,\"a\""),
            text.replace("2.5", "2.50"),
            text.replace("\"kind\"", "\"Kind\""),
            text.replace("\\u0000", "\\u0020"),
            format!("{text}\n"),
            text[..text.len() - 1].to_owned(),
            "[".repeat(60_000),
        ] {
            assert!(Record::from_leaf("entry 0", bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn long_records_are_refused() {
        let long = Record { title: "x".repeat(ENTRY_BYTES), ..record() };
        assert!(matches!(long.to_leaf(), Err(AuditError::TooLarge { .. })));
    }

    #[test]
    fn schemes_are_schemes() {
        for scheme in scheme::ALL {
            assert!(scheme.ends_with("://") && scheme.is_ascii(), "{scheme}");
        }
    }
}
