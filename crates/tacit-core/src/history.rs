//! What a run reports of each round: one line of `history.jsonl`.

use crate::account::Epsilon;
use crate::digest::Digest;
use crate::evidence::Cost;
use crate::exchange::Tally;
use crate::ids::ParticipantId;
use crate::messages::{Evaluation, ProofHeader};
use crate::round::Summary;
use std::collections::{BTreeMap, BTreeSet};

/// One round, as the history and the report show it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundReport {
    /// Round, from 1.
    pub round: u32,
    /// When its cohort was drawn, in milliseconds since the Unix epoch.
    pub opened_ms: u64,
    /// From the drawn cohort to the last counted contribution, in milliseconds.
    pub collect_ms: u64,
    /// Aggregation and evaluation, in milliseconds.
    pub aggregate_ms: u64,
    /// Digest of the model before.
    pub model_before: Digest,
    /// Digest of the model after; the same as before where nothing was released.
    pub model_after: Digest,
    /// Why nothing was released, if so.
    pub aborted: Option<String>,
    /// Figures of the cohort, where only sums are opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tally: Option<Tally>,
    /// Drawn participants.
    pub cohort: usize,
    /// Counted contributions.
    pub contributions: Vec<ContributionReport>,
    /// Whose updates a selecting rule chose, if the plan has one that tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<Vec<ParticipantId>>,
    /// Members that declined, with their words.
    pub declined: BTreeMap<ParticipantId, String>,
    /// Refusals by reason.
    pub refusals: BTreeMap<String, u64>,
    /// The new model on the coordinator's held-out examples.
    pub evaluation: Option<Evaluation>,
    /// The model before on the participants' held-out examples, joined.
    pub participants_evaluation: Option<Evaluation>,
    /// Bytes from participants.
    pub bytes_up: u64,
    /// Bytes to participants.
    pub bytes_down: u64,
    /// Privacy cost of the release.
    pub cost: Option<Cost>,
    /// What everything up to this round cost together, where releases have noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<Epsilon>,
    /// Time spent verifying proofs, in milliseconds, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify_ms: Option<u64>,
    /// Whose proofs were refused.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unproved: BTreeSet<ParticipantId>,
}

/// One contribution in a [`RoundReport`].
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContributionReport {
    /// Who.
    pub participant: ParticipantId,
    /// Examples trained on.
    pub examples: u64,
    /// Mean training loss of the last local epoch.
    pub loss: f64,
    /// Training time in milliseconds.
    pub fit_ms: u64,
    /// Payload in bytes.
    pub payload_bytes: u64,
    /// Its proof, where the plan asks for one: verified before the contribution counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofHeader>,
}

impl RoundReport {
    /// Accuracy of the new model, where the coordinator measured it, else of the model before on
    /// the participants.
    pub fn accuracy(&self) -> Option<f64> {
        let measured = self.evaluation.as_ref().or(self.participants_evaluation.as_ref());
        measured.map(Evaluation::accuracy)
    }

    /// Mean training loss weighted by examples; `None` without contributions.
    pub fn train_loss(&self) -> Option<f64> {
        if let Some(tally) = &self.tally {
            return Some(tally.loss);
        }
        let examples: u64 = self.contributions.iter().map(|c| c.examples).sum();
        let total: f64 = self.contributions.iter().map(|c| c.loss * c.examples as f64).sum();
        (examples > 0).then(|| total / examples as f64)
    }
}

impl From<&Summary> for RoundReport {
    fn from(summary: &Summary) -> Self {
        let outcome = summary.result.as_ref().ok();
        let headers = summary.accepted.iter().map(|signed| &signed.contribution);
        let measured = headers.clone().filter_map(|header| header.evaluation.as_ref());
        let tally = outcome.and_then(|outcome| outcome.tally.as_deref().copied());
        let contributions = headers.map(|header| ContributionReport {
            participant: header.participant.clone(),
            examples: header.examples,
            loss: header.loss,
            fit_ms: header.fit_ms,
            payload_bytes: header.payload_bytes,
            proof: header.proof,
        });
        Self {
            round: summary.setup.round,
            opened_ms: summary.opened_ms,
            collect_ms: summary.closed_ms.saturating_sub(summary.opened_ms),
            aggregate_ms: outcome.map_or(0, |o| o.aggregate_ms),
            model_before: summary.setup.model,
            model_after: outcome.map_or(summary.setup.model, |o| o.model),
            aborted: summary.result.as_ref().err().map(ToString::to_string),
            cohort: summary.cohort.len(),
            contributions: contributions.collect(),
            selected: outcome.and_then(|o| o.selected.clone()),
            declined: summary.declined.clone(),
            refusals: summary.refusals.clone(),
            evaluation: outcome.and_then(|o| o.evaluation.clone()),
            participants_evaluation: tally
                .and_then(Tally::evaluation)
                .or_else(|| measured.cloned().reduce(|a, b| a.merge(&b))),
            tally,
            bytes_up: outcome.map_or(0, |o| o.bytes_up),
            bytes_down: outcome.map_or(0, |o| o.bytes_down),
            cost: outcome.map(|o| o.cost),
            epsilon: summary.epsilon(),
            verify_ms: outcome.and_then(|o| o.verify_ms),
            unproved: summary.unproved.clone(),
        }
    }
}
