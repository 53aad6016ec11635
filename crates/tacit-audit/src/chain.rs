//! The story that the records of a log must tell: a plan, then rounds in order, each starting
//! from the model that the last release left, then at most one end.

use crate::error::AuditError;
use crate::record::Record;
use crate::recorder::PROOF;
use crate::report::Report;
use crate::round_record::{Body, PlanRecord, RoundRecord, RunEndRecord};
use std::collections::BTreeSet;
use tacit_core::digest::Digest;

/// What the chain keeps of a round.
pub(crate) struct RoundFacts {
    pub round: u32,
    pub accepted: u64,
    pub model_before: Digest,
    pub model_after: Option<Digest>,
    pub log: Digest,
    /// Proofs that were recorded before it.
    pub proofs: BTreeSet<Digest>,
}

/// The records seen so far.
#[derive(Default)]
pub(crate) struct Chain {
    entries: u64,
    run: Option<Run>,
}

struct Run {
    plan: PlanRecord,
    model: Digest,
    rounds: Vec<RoundFacts>,
    gaps: u32,
    released: u32,
    ended: bool,
    /// Proofs recorded since the last round.
    proofs: BTreeSet<Digest>,
}

impl Chain {
    /// Entries seen.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Digest of the plan.
    pub fn plan(&self) -> Option<Digest> {
        self.run.as_ref().map(|run| run.plan.plan)
    }

    /// The model after the last release.
    pub fn model(&self) -> Option<Digest> {
        self.run.as_ref().map(|run| run.model)
    }

    /// The rounds.
    pub fn rounds(&self) -> &[RoundFacts] {
        self.run.as_ref().map_or(&[], |run| &run.rounds)
    }

    /// Number of the last round, 0 before the first.
    pub fn last_round(&self) -> u32 {
        self.rounds().last().map_or(0, |round| round.round)
    }

    /// Takes the next record; `place` names its entry.
    pub fn take(&mut self, place: &str, record: &Record) -> Result<(), AuditError> {
        match (record.body(place)?, &mut self.run) {
            (Body::Other, Some(run)) if record.kind == PROOF => {
                let malformed = || AuditError::malformed(place, "record of a proof");
                let proof = record.body["proof"].as_str().and_then(Digest::parse);
                run.proofs.insert(proof.ok_or_else(malformed)?);
            }
            (Body::Other, _) => {}
            (Body::Plan(plan), run @ None) => {
                let (model, plan) = (plan.model_initial, *plan);
                let (rounds, proofs) = (Vec::new(), BTreeSet::new());
                let (gaps, released, ended) = (0, 0, false);
                *run = Some(Run { plan, model, rounds, gaps, released, ended, proofs });
            }
            (Body::Plan(_), Some(_)) => {
                return Err(AuditError::mismatch(place, "record", "no second plan", "a plan"));
            }
            (Body::Round(_) | Body::RunEnd(_), None) => {
                return Err(AuditError::mismatch(place, "record", "the plan first", &record.kind));
            }
            (_, Some(run)) if run.ended => {
                return Err(AuditError::mismatch(
                    place,
                    "record",
                    "nothing after the end",
                    &record.kind,
                ));
            }
            (Body::Round(round), Some(run)) => run.round(place, &round)?,
            (Body::RunEnd(end), Some(run)) => run.end(place, &end)?,
        }
        self.entries += 1;
        Ok(())
    }

    /// Adds what was seen to the report.
    pub fn describe(&self, report: &mut Report) {
        let Some(run) = &self.run else { return };
        report.run = Some(run.plan.run.clone());
        report.rounds = run.rounds.len() as u64;
        report.released = run.released.into();
        report.gaps = run.gaps.into();
        report.last_model = Some(run.model);
        report.ended = run.ended;
    }
}

/// Refuses `found` unless it is `expected`.
fn same<T: PartialEq + ToString>(
    place: &str,
    what: &'static str,
    expected: T,
    found: T,
) -> Result<(), AuditError> {
    if expected == found { Ok(()) } else { Err(AuditError::mismatch(place, what, expected, found)) }
}

impl Run {
    fn round(&mut self, place: &str, round: &RoundRecord) -> Result<(), AuditError> {
        same(place, "run", &self.plan.run, &round.run)?;
        same(place, "plan", self.plan.plan, round.plan)?;
        let last = self.rounds.last().map_or(0, |last| last.round);
        if round.round <= last {
            let expected = format!("more than {last}");
            return Err(AuditError::mismatch(place, "round", expected, round.round));
        }
        if round.round > self.plan.num_rounds {
            let expected = format!("at most {}", self.plan.num_rounds);
            return Err(AuditError::mismatch(place, "round", expected, round.round));
        }
        same(place, "model before the round", self.model, round.model_before)?;
        if round.accepted.checked_add(round.missing) != Some(round.cohort) {
            let expected = format!("accepted and missing to be {}", round.cohort);
            let found = format!("{} and {}", round.accepted, round.missing);
            return Err(AuditError::mismatch(place, "cohort", expected, found));
        }
        match (round.model_after, &round.aborted) {
            (Some(model), None) => {
                if round.accepted == 0 {
                    let found = "none";
                    return Err(AuditError::mismatch(place, "contributions", "at least 1", found));
                }
                self.model = model;
                self.released += 1;
            }
            (None, Some(_)) => {}
            (model, _) => {
                let found = if model.is_some() { "both" } else { "neither" };
                return Err(AuditError::mismatch(place, "outcome", "a model or a reason", found));
            }
        }
        self.gaps += round.round - last - 1;
        self.rounds.push(RoundFacts {
            round: round.round,
            accepted: round.accepted,
            model_before: round.model_before,
            model_after: round.model_after,
            log: round.round_log,
            proofs: std::mem::take(&mut self.proofs),
        });
        Ok(())
    }

    fn end(&mut self, place: &str, end: &RunEndRecord) -> Result<(), AuditError> {
        same(place, "run", &self.plan.run, &end.run)?;
        same(place, "plan", self.plan.plan, end.plan)?;
        same(place, "last round", self.rounds.last().map_or(0, |r| r.round), end.rounds)?;
        same(place, "released rounds", self.released, end.released)?;
        same(place, "final model", self.model, end.model_final)?;
        self.ended = true;
        Ok(())
    }
}
