//! What an audit proved, and what it did not look at.

use crate::checkpoint::SignedCheckpoint;
use crate::evidence::Verified;
use crate::key::VerifierKey;
use std::collections::BTreeMap;
use tacit_core::digest::Digest;

/// How far the final model was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelCheck {
    /// No `model.safetensors`, or no run to compare it with.
    None,
    /// The digest that its metadata names is the log's; the parameters were not hashed.
    Metadata,
    /// The digest of its parameters is the log's.
    Content,
}

/// What [`verify_dir`](crate::verify_dir) proved. Everything in it was checked, unless a field
/// says that it was not.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Report {
    /// The log's public key; its name is the origin.
    pub key: String,
    /// Whether the caller had the key from elsewhere.
    pub key_pinned: bool,
    /// Entries in the log.
    pub size: u64,
    /// Root of its tree.
    pub root: Digest,
    /// Witnesses whose cosignature verifies.
    pub witnesses: Vec<String>,
    /// Other signatures on the checkpoint: of no key given, or not valid.
    pub unknown_signatures: usize,
    /// Records by kind.
    pub records: BTreeMap<String, u64>,
    /// Files in the tree's folder that the checkpoint does not cover: not part of the log.
    pub files_beyond: u64,
    /// Name of the run, where the log holds one.
    pub run: Option<String>,
    /// Rounds recorded.
    pub rounds: u64,
    /// Rounds that released a model.
    pub released: u64,
    /// Round numbers left out.
    pub gaps: u64,
    /// The model after the last release.
    pub last_model: Option<Digest>,
    /// Whether the run's end is recorded.
    pub ended: bool,
    /// Whether `plan.toml` was there and is the plan of the log.
    pub plan_checked: bool,
    /// Round logs whose hash is the one in their record.
    pub round_logs: u64,
    /// Round logs that were replayed with the recorded result.
    pub replayed: u64,
    /// Contributions in the replayed round logs.
    pub contributions: u64,
    /// How many of them carry their participant's signature, which verified.
    pub signed: u64,
    /// Proofs that they name.
    pub proofs: u64,
    /// How many of these were verified once more.
    pub verified: Verified,
    /// How far the final model was checked.
    pub model: ModelCheck,
}

impl Report {
    pub(crate) fn new(key: &VerifierKey, key_pinned: bool, signed: &SignedCheckpoint) -> Self {
        Self {
            key: key.to_string(),
            key_pinned,
            size: signed.checkpoint.size,
            root: signed.checkpoint.root,
            witnesses: Vec::new(),
            unknown_signatures: signed.signatures().saturating_sub(1),
            records: BTreeMap::new(),
            files_beyond: 0,
            run: None,
            rounds: 0,
            released: 0,
            gaps: 0,
            last_model: None,
            ended: false,
            plan_checked: false,
            round_logs: 0,
            replayed: 0,
            contributions: 0,
            signed: 0,
            proofs: 0,
            verified: Verified::default(),
            model: ModelCheck::None,
        }
    }

    /// How far proofs of conduct were verified once more; nothing where there are none.
    fn proofs(&self) -> Option<String> {
        let Verified { rounds, proofs, bytes, sums, ms } = self.verified;
        let all = self.proofs;
        (all > 0).then(|| match proofs {
            0 => format!("none of {all} proofs was verified once more"),
            _ => format!(
                "{proofs} of {all} proofs of {rounds} rounds verified once more ({bytes} bytes, \
                 {}.{:03} s), {sums} opened sums held against them",
                ms / 1000,
                ms % 1000
            ),
        })
    }

    /// One line that says exactly what was proved.
    pub fn summary(&self) -> String {
        let mut parts = vec![format!(
            "{} entries under root {}, signed by {} ({})",
            self.size,
            self.root,
            self.key,
            if self.key_pinned {
                "the key given"
            } else {
                "the key beside the log: no proof of origin"
            },
        )];
        match self.witnesses.as_slice() {
            [] => parts.push("no witness: another history could have been shown elsewhere".into()),
            names => parts.push(format!("co-signed by {}", names.join(", "))),
        }
        if let (Some(run), Some(model)) = (&self.run, self.last_model) {
            let end = if self.ended { "ended" } else { "not ended" };
            parts.push(format!(
                "run {run} ({end}): {} rounds, {} released, one chain of models to {model}",
                self.rounds, self.released
            ));
            parts.push(format!(
                "round logs: {} of {} match, {} replayed with {} of {} contributions signed",
                self.round_logs, self.rounds, self.replayed, self.signed, self.contributions
            ));
            parts.extend(self.proofs());
            parts.push(match self.plan_checked {
                true => "plan.toml matches".into(),
                false => "plan.toml not checked".into(),
            });
            parts.push(match self.model {
                ModelCheck::None => "model.safetensors not checked".into(),
                ModelCheck::Metadata => "model.safetensors matches by its metadata only".into(),
                ModelCheck::Content => "model.safetensors matches".into(),
            });
        }
        for (count, what) in [
            (self.gaps, "round numbers have no record"),
            (self.files_beyond, "files are beyond the checkpoint"),
            (self.unknown_signatures as u64, "signatures belong to no key given or do not verify"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        parts.join("; ")
    }
}
