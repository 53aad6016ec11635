//! What the log says of a run: one record for its plan, one per round, one for its end. Counts
//! and digests only: nothing here is about one participant.

use crate::error::AuditError;
use crate::record::{Record, scheme};
use std::collections::BTreeMap;
use tacit_core::account::Epsilon;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::evidence::Cost;

/// Privacy spent, where there is an account of it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// Cost of this release.
    pub cost: Cost,
    /// ε of the run so far; `None` when there is no bound.
    pub epsilon: Option<f64>,
    /// The δ at which ε holds.
    pub delta: Option<f64>,
}

/// The first record of a run.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRecord {
    /// Name of the run.
    pub run: String,
    /// Digest of the plan.
    pub plan: Digest,
    /// Rounds planned.
    pub num_rounds: u32,
    /// Digest of the model before the first round.
    pub model_initial: Digest,
    /// Binds the seed of every cohort's draw without telling it.
    pub draws_commitment: Digest,
    /// Aggregation rule.
    pub aggregator: String,
    /// Who may see a single update.
    pub protection: String,
    /// The server's optimiser.
    pub strategy: String,
    /// What the plan promises, in words.
    pub privacy_guarantee: String,
}

/// One round that is over, released or not.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRecord {
    /// Name of the run.
    pub run: String,
    /// Round, from 1.
    pub round: u32,
    /// Digest of the plan.
    pub plan: Digest,
    /// Binds the names of the cohort without telling them.
    pub cohort_commitment: Digest,
    /// Participants drawn.
    pub cohort: u64,
    /// Contributions in the aggregate.
    pub accepted: u64,
    /// Drawn participants that did not contribute.
    pub missing: u64,
    /// Refusals by reason.
    pub refusals: BTreeMap<String, u64>,
    /// Digest of the model trained from.
    pub model_before: Digest,
    /// Digest of the released model; `None` when the round was aborted.
    pub model_after: Option<Digest>,
    /// Aggregation rule.
    pub aggregator: String,
    /// Who may see a single update.
    pub protection: String,
    /// The server's optimiser.
    pub strategy: String,
    /// Bytes received from participants.
    pub wire_bytes_up: u64,
    /// Bytes sent to participants.
    pub wire_bytes_down: u64,
    /// Accuracy of the released model, 0 to 1, where it was measured.
    pub accuracy: Option<f64>,
    /// Mean loss of the released model in nats, where it was measured.
    pub loss: Option<f64>,
    /// Privacy cost of the release.
    pub spend: Option<Spent>,
    /// What this round promises, in words.
    pub privacy_guarantee: String,
    /// SHA-256 of the round's exported log, `log/rounds/<round>.jsonl`.
    pub round_log: Digest,
    /// Why nothing was released, if so.
    pub aborted: Option<String>,
}

/// The last record of a run.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunEndRecord {
    /// Name of the run.
    pub run: String,
    /// Digest of the plan.
    pub plan: Digest,
    /// The last round, released or not.
    pub rounds: u32,
    /// Rounds released.
    pub released: u32,
    /// Digest of the model after the last release.
    pub model_final: Digest,
    /// Accuracy of that model, 0 to 1, where it was measured.
    pub accuracy: Option<f64>,
    /// Mean loss of that model in nats, where it was measured.
    pub loss: Option<f64>,
    /// Privacy spent by the run, where releases have noise.
    pub spend: Option<Epsilon>,
    /// What the run promises, in words.
    pub privacy_guarantee: String,
    /// Why it ended.
    pub finish: String,
}

/// The body of a record, parsed.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// See [`PlanRecord`].
    Plan(Box<PlanRecord>),
    /// See [`RoundRecord`].
    Round(Box<RoundRecord>),
    /// See [`RunEndRecord`].
    RunEnd(Box<RunEndRecord>),
    /// A step, a backlink, or a kind of the caller's.
    Other,
}

const PLAN: &str = "plan";
const ROUND: &str = "round";
const RUN_END: &str = "run-end";

impl PlanRecord {
    /// The record to append.
    pub fn to_record(&self) -> Result<Record, Error> {
        let Self { run, num_rounds, aggregator, protection, strategy, .. } = self;
        typed(PLAN, self, |body| Record {
            kind: PLAN.into(),
            title: format!("Plan of run {run}"),
            description: format!(
                "{num_rounds} rounds; aggregator {aggregator}, protection {protection}, strategy \
                 {strategy}; {}; plan sha256 {}",
                self.privacy_guarantee, self.plan
            ),
            link: self.link(),
            body,
        })
    }

    fn link(&self) -> String {
        format!("{}{}", scheme::PLAN, self.run)
    }
}

impl RoundRecord {
    /// The record to append.
    pub fn to_record(&self) -> Result<Record, Error> {
        let outcome = match &self.aborted {
            Some(why) => format!("not released: {why}"),
            None => match self.accuracy {
                Some(accuracy) => format!("Round {} complete. Accuracy: {accuracy:.4}", self.round),
                None => format!("Round {} complete", self.round),
            },
        };
        let (accepted, cohort) = (self.accepted, self.cohort);
        typed(ROUND, self, |body| Record {
            kind: ROUND.into(),
            title: format!("Round {} of run {}", self.round, self.run),
            description: format!(
                "{outcome}; {accepted} of {cohort} contributions; {}",
                self.privacy_guarantee
            ),
            link: self.link(),
            body,
        })
    }

    fn link(&self) -> String {
        self.step_link(scheme::ROUND)
    }

    /// Link of one step of this round, under any [`scheme`].
    pub fn step_link(&self, scheme: &str) -> String {
        format!("{scheme}{}/{}", self.run, self.round)
    }
}

impl RunEndRecord {
    /// The record to append.
    pub fn to_record(&self) -> Result<Record, Error> {
        let Self { run, rounds, released, finish, .. } = self;
        typed(RUN_END, self, |body| Record {
            kind: RUN_END.into(),
            title: format!("End of run {run}"),
            description: format!(
                "{finish}; {released} of {rounds} rounds released; {}; model {}",
                self.privacy_guarantee, self.model_final
            ),
            link: self.link(),
            body,
        })
    }

    fn link(&self) -> String {
        format!("{}{}", scheme::RUN, self.run)
    }
}

impl Record {
    /// Parses the body of a plan, a round or a run's end; `place` names the entry. The link must
    /// be the one that belongs to the body.
    pub fn body(&self, place: &str) -> Result<Body, AuditError> {
        let (body, link) = match self.kind.as_str() {
            PLAN => {
                let record: Box<PlanRecord> = self.parse(place)?;
                let link = record.link();
                (Body::Plan(record), link)
            }
            ROUND => {
                let record: Box<RoundRecord> = self.parse(place)?;
                let link = record.link();
                (Body::Round(record), link)
            }
            RUN_END => {
                let record: Box<RunEndRecord> = self.parse(place)?;
                let link = record.link();
                (Body::RunEnd(record), link)
            }
            _ => return Ok(Body::Other),
        };
        if self.link != link {
            return Err(AuditError::mismatch(place, "link", link, &self.link));
        }
        Ok(body)
    }

    fn parse<T>(&self, place: &str) -> Result<T, AuditError>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        let malformed = || AuditError::malformed(place, format!("{} record", self.kind));
        let value: T = serde_json::from_value(self.body.clone()).map_err(|_| malformed())?;
        // Field by field the same: also where a number was written in another type.
        match serde_json::to_value(&value) {
            Ok(again) if again == self.body => Ok(value),
            _ => Err(malformed()),
        }
    }
}

/// Serialises a body; refuses figures that JSON would silently turn into `null`.
fn typed<T>(
    what: &'static str,
    body: &T,
    record: impl FnOnce(serde_json::Value) -> Record,
) -> Result<Record, Error>
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq,
{
    let unfit = || Error::caller(what, "finite figures", "NaN or infinity");
    let value = serde_json::to_value(body).map_err(|_| unfit())?;
    let again: T = serde_json::from_value(value.clone()).map_err(|_| unfit())?;
    if again == *body { Ok(record(value)) } else { Err(unfit()) }
}
