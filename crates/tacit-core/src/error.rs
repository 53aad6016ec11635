//! Errors say whose fault it is and what would work instead.

use crate::digest::Digest;
use crate::ids::ParticipantId;

/// Whose fault an error is: it decides who is told and what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The other side of the wire sent something it must not send.
    Peer,
    /// The person or program that called us asked for something impossible.
    Caller,
    /// Disk, network or another program failed.
    World,
    /// We broke one of our own promises.
    Bug,
}

/// Any error of the system, sorted by whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// See [`Fault::Peer`].
    #[error(transparent)]
    Peer(#[from] Refusal),
    /// See [`Fault::Caller`].
    #[error(transparent)]
    Caller(#[from] CallerError),
    /// See [`Fault::World`].
    #[error(transparent)]
    World(#[from] WorldError),
    /// See [`Fault::Bug`]. The text names the broken promise.
    #[error("internal error, please report it: {0}")]
    Bug(&'static str),
}

impl Error {
    /// Whose fault this is.
    pub fn fault(&self) -> Fault {
        match self {
            Error::Peer(_) => Fault::Peer,
            Error::Caller(_) => Fault::Caller,
            Error::World(_) => Fault::World,
            Error::Bug(_) => Fault::Bug,
        }
    }

    /// A failure of the world: `doing` names the attempt, `source` what came back.
    pub fn world(
        doing: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Error::World(WorldError { doing: doing.into(), source: source.into() })
    }

    /// A caller's argument that cannot be used.
    pub fn caller(
        what: &'static str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Error::Caller(CallerError { what, expected: expected.into(), found: found.into() })
    }
}

/// Something the caller passed cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{what}: expected {expected}, found {found}")]
pub struct CallerError {
    /// The argument, file or setting.
    pub what: &'static str,
    /// What would work.
    pub expected: String,
    /// What was given.
    pub found: String,
}

/// The world failed us.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {source}")]
pub struct WorldError {
    /// What was being attempted.
    pub doing: String,
    /// What came back.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Label of [`Refusal::BadProof`].
pub const BAD_PROOF: &str = "bad-proof";

/// Why something a peer sent was refused. Each variant is a counter and an audit count.
#[derive(Clone, Debug, PartialEq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Refusal {
    /// The participant is not enrolled.
    #[error("participant {participant} is not enrolled")]
    NotEnrolled {
        /// Who asked.
        participant: ParticipantId,
    },
    /// The participant was not drawn for this round.
    #[error("participant {participant} is not in the cohort of round {round}")]
    NotInCohort {
        /// Who asked.
        participant: ParticipantId,
        /// The round.
        round: u32,
    },
    /// A message of another stage than the round awaits.
    #[error("message of stage {found}, expected {expected}")]
    WrongStage {
        /// Awaited, from 0.
        expected: u8,
        /// In the message.
        found: u8,
    },
    /// Second, different contribution of the same participant.
    #[error("participant {participant} has already contributed to round {round}")]
    Duplicate {
        /// Who sent it.
        participant: ParticipantId,
        /// The round.
        round: u32,
    },
    /// For another round.
    #[error("contribution is for round {found}, expected round {expected}")]
    WrongRound {
        /// Current round.
        expected: u32,
        /// Claimed round.
        found: u32,
    },
    /// Trained from another model.
    #[error("contribution starts from model {found}, expected {expected}")]
    WrongModel {
        /// Current model.
        expected: Digest,
        /// Claimed model.
        found: Digest,
    },
    /// Made under another plan.
    #[error("contribution is made under plan {found}, expected {expected}")]
    WrongPlan {
        /// Current plan.
        expected: Digest,
        /// Claimed plan.
        found: Digest,
    },
    /// The round no longer collects.
    #[error("round {round} no longer collects contributions")]
    TooLate {
        /// The round.
        round: u32,
    },
    /// Length differs from the layout's.
    #[error("update has {found} values, expected {expected}")]
    WrongShape {
        /// Values in the layout.
        expected: u64,
        /// Values received.
        found: u64,
    },
    /// NaN or infinity.
    #[error("value {index} of the update is not finite")]
    NotFinite {
        /// Position of the first such value.
        index: u64,
    },
    /// Outside the exact range in which sums are accumulated.
    #[error("value {index} of the update is outside ±{limit}")]
    OutOfRange {
        /// Position of the first such value.
        index: u64,
        /// Largest magnitude allowed.
        limit: f64,
    },
    /// The norm bound of the plan is exceeded.
    #[error("update has L2 norm {found}, the plan allows {limit}")]
    NormExceeded {
        /// Bound of the plan.
        limit: f64,
        /// Measured norm.
        found: f64,
    },
    /// Zero or absurd weight.
    #[error("update claims a weight of {found} examples, expected 1 to {limit}")]
    BadWeight {
        /// Largest weight allowed.
        limit: u64,
        /// Claimed weight.
        found: u64,
    },
    /// Larger than a named limit.
    #[error("{what} is {found} bytes, the limit is {limit}")]
    TooLarge {
        /// Which thing.
        what: String,
        /// Limit in bytes.
        limit: u64,
        /// Size in bytes.
        found: u64,
    },
    /// The stream ended early or has a gap.
    #[error("transfer holds {found} of {expected} bytes")]
    Truncated {
        /// Announced size in bytes.
        expected: u64,
        /// Received size in bytes.
        found: u64,
    },
    /// Bytes do not match their announced hash.
    #[error("bytes hash to {found}, expected {expected}")]
    HashMismatch {
        /// Announced hash.
        expected: Digest,
        /// Actual hash.
        found: Digest,
    },
    /// The signature does not verify under the enrolled key.
    #[error("signature of {participant} does not verify")]
    BadSignature {
        /// Claimed signer.
        participant: ParticipantId,
    },
    /// The certificate was revoked, is unknown, or belongs to another key.
    #[error("certificate refused: {why}")]
    BadCertificate {
        /// Cause, in words.
        why: String,
    },
    /// Bytes that are no canonical message.
    #[error("malformed {what}")]
    Malformed {
        /// Which message.
        what: String,
    },
    /// The participant asked for more than its share.
    #[error("too many requests of {participant}")]
    TooMany {
        /// Who asked.
        participant: ParticipantId,
    },
    /// What a participant says does not fit what it said before.
    #[error("participant {participant} contradicts itself: {what}")]
    Inconsistent {
        /// Who said it.
        participant: ParticipantId,
        /// What it said.
        what: String,
    },
    /// The proof is missing or does not hold.
    #[error("proof of {participant} refused: {why}")]
    BadProof {
        /// Whose proof.
        participant: ParticipantId,
        /// Cause, in words.
        why: String,
    },
    /// Fewer than a protection needs.
    #[error("too few {what}: {found}, expected at least {expected}")]
    TooFew {
        /// Of which thing.
        what: String,
        /// How many are needed.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// The participant itself reported that it cannot contribute.
    #[error("participant could not train: {why}")]
    Failed {
        /// Its own words, bounded in length.
        why: String,
    },
}

impl Refusal {
    /// The reason as a short label, for counters and the audit log.
    pub fn label(&self) -> &'static str {
        match self {
            Refusal::NotEnrolled { .. } => "not-enrolled",
            Refusal::NotInCohort { .. } => "not-in-cohort",
            Refusal::WrongStage { .. } => "wrong-stage",
            Refusal::Duplicate { .. } => "duplicate",
            Refusal::WrongRound { .. } => "wrong-round",
            Refusal::WrongModel { .. } => "wrong-model",
            Refusal::WrongPlan { .. } => "wrong-plan",
            Refusal::TooLate { .. } => "too-late",
            Refusal::WrongShape { .. } => "wrong-shape",
            Refusal::NotFinite { .. } => "not-finite",
            Refusal::OutOfRange { .. } => "out-of-range",
            Refusal::NormExceeded { .. } => "norm-exceeded",
            Refusal::BadWeight { .. } => "bad-weight",
            Refusal::TooLarge { .. } => "too-large",
            Refusal::Truncated { .. } => "truncated",
            Refusal::HashMismatch { .. } => "hash-mismatch",
            Refusal::BadSignature { .. } => "bad-signature",
            Refusal::BadCertificate { .. } => "bad-certificate",
            Refusal::Malformed { .. } => "malformed",
            Refusal::TooMany { .. } => "too-many",
            Refusal::Inconsistent { .. } => "inconsistent",
            Refusal::BadProof { .. } => BAD_PROOF,
            Refusal::TooFew { .. } => "too-few",
            Refusal::Failed { .. } => "failed",
        }
    }
}
