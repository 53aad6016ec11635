//! The wire: messages of `proto/tacit/v1/tacit.proto`, and what binds them to the vocabulary.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::downlink::Delta;
use tacit_core::error::{CallerError, Error, Refusal, WorldError};
use tacit_core::exchange::{Ask, SignedMessage};
use tacit_core::limits;
use tacit_core::messages::{SignedContribution, Task};
use tacit_core::traits::Context;

#[expect(missing_docs, reason = "prost documents fields, not the methods that it derives")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/tacit.v1.rs"));
}
pub use generated::*;

/// Version of the protocol; a coordinator refuses any other at enrolment.
pub const PROTOCOL: u32 = 1;

/// Media type of every message.
pub const MEDIA_TYPE: &str = "application/x-protobuf";

/// Verifies the Ed25519 signature (RFC 8032) over the digest of a contribution.
pub fn verify_signature(signed: &SignedContribution, key: &[u8; 32]) -> Result<(), Refusal> {
    let bad = || Refusal::BadSignature { participant: signed.contribution.participant.clone() };
    if signed.key != codec::hex(key) {
        return Err(bad());
    }
    let signature = codec::unhex(&signed.signature).ok_or_else(bad)?;
    let message = signed.contribution.digest();
    UnparsedPublicKey::new(&ED25519, key).verify(&message.0, &signature).map_err(|_| bad())
}

/// Verifies the Ed25519 signature (RFC 8032) over the digest of a message.
pub fn verify_message(signed: &SignedMessage, key: &[u8; 32]) -> Result<(), Refusal> {
    let bad = || Refusal::BadSignature { participant: signed.message.participant.clone() };
    if signed.key != codec::hex(key) {
        return Err(bad());
    }
    let signature = codec::unhex(&signed.signature).ok_or_else(bad)?;
    let digest = signed.message.digest();
    UnparsedPublicKey::new(&ED25519, key).verify(&digest.0, &signature).map_err(|_| bad())
}

/// Reads a digest field.
pub fn digest(what: &'static str, bytes: &[u8]) -> Result<Digest, Refusal> {
    let bytes = <[u8; 32]>::try_from(bytes);
    bytes.map(Digest).map_err(|_| Refusal::Malformed { what: what.into() })
}

/// Bytes of a digest field.
pub fn digest_bytes(digest: Digest) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(&digest.0)
}

impl TaskOffer {
    /// The message that is asked for, if it is no task that is offered.
    pub fn asked(&self) -> Result<Option<Ask>, Refusal> {
        let stage = match self.ask {
            0 => return Ok(None),
            ask => u8::try_from(ask - 1),
        };
        let stage = stage.map_err(|_| Refusal::Malformed { what: "stage of an offer".into() })?;
        let plan = digest("plan digest", &self.plan_digest)?;
        let model = digest("model digest", &self.model_digest)?;
        Ok(Some(Ask { context: Context { plan, round: self.round, model }, stage }))
    }

    /// The task that is offered.
    pub fn task(&self) -> Result<Task, Refusal> {
        let control = match self.control_digest.as_ref() {
            [] => None,
            bytes => Some(digest("control digest", bytes)?),
        };
        let deltas = self.deltas.iter().map(ModelDelta::delta).collect::<Result<Vec<_>, _>>()?;
        // Steps that are not smaller than the model are of no use to anybody.
        let steps = deltas.iter().fold(0u64, |sum, step| sum.saturating_add(step.bytes));
        if deltas.len() > limits::DELTAS || (steps > 0 && steps >= self.model_bytes) {
            return Err(Refusal::Malformed { what: "steps of a task".into() });
        }
        // 0 where no quantile is followed; what is no norm is refused.
        let clip_norm = match self.clip_norm {
            0.0 => None,
            norm if norm > 0.0 && norm.is_finite() => Some(norm),
            _ => return Err(Refusal::Malformed { what: "clipping norm of a task".into() }),
        };
        let nonce = match self.nonce.as_ref() {
            [] => None,
            bytes => Some(digest("nonce", bytes)?),
        };
        Ok(Task {
            nonce,
            clip_norm,
            control,
            deltas,
            round: self.round,
            plan: digest("plan digest", &self.plan_digest)?,
            model: digest("model digest", &self.model_digest)?,
            model_bytes: self.model_bytes,
        })
    }
}

impl ModelDelta {
    /// The step as it is offered.
    pub fn of(step: &Delta) -> Self {
        Self {
            round: step.round,
            from_digest: digest_bytes(step.from),
            blob_digest: digest_bytes(step.blob),
            bytes: step.bytes,
        }
    }

    /// The step that is offered.
    fn delta(&self) -> Result<Delta, Refusal> {
        Ok(Delta {
            round: self.round,
            from: digest("model digest of a step", &self.from_digest)?,
            blob: digest("digest of a step", &self.blob_digest)?,
            bytes: self.bytes,
        })
    }
}

impl ErrorReply {
    /// What a peer is told: its own fault in full, of ours only whose it is.
    pub fn of(error: &Error) -> Self {
        let (fault, reason, message) = match error {
            Error::Peer(refusal) => (Fault::Peer, refusal.label(), refusal.to_string()),
            Error::Caller(_) => {
                (Fault::Caller, "settings", "the coordinator is misconfigured".into())
            }
            Error::World(_) => {
                (Fault::World, "unavailable", "the coordinator is unavailable".into())
            }
            Error::Bug(_) => (Fault::Bug, "bug", "the coordinator failed".into()),
        };
        let refusal = match error {
            Error::Peer(refusal) => codec::encode(refusal).into(),
            _ => bytes::Bytes::new(),
        };
        Self { fault: fault.into(), reason: reason.into(), message, refusal }
    }

    /// The error as the receiver of the reply sees it: its own refused request is
    /// [`Error::Peer`] with the coordinator's reason; another status below 500 is
    /// [`Error::Caller`], and the rest a failure of the world, which may pass.
    pub fn into_error(self, status: u16) -> Error {
        const REFUSAL_BYTES: usize = 4096;
        if let Ok(refusal) = codec::decode::<Refusal>("refusal", &self.refusal, REFUSAL_BYTES) {
            return refusal.into();
        }
        let words: String = self.message.chars().filter(|c| !c.is_control()).take(200).collect();
        if status < 500 {
            let expected = "one that the coordinator answers";
            return Error::caller("request", expected, format!("status {status}: {words}"));
        }
        Error::world(format!("ask the coordinator (status {status})"), words)
    }
}

/// HTTP status of an error.
pub fn status_of(error: &Error) -> u16 {
    match error {
        Error::Peer(refusal) => match refusal {
            Refusal::Malformed { .. } => 400,
            Refusal::NotEnrolled { .. }
            | Refusal::NotInCohort { .. }
            | Refusal::BadSignature { .. }
            | Refusal::BadCertificate { .. } => 403,
            Refusal::Duplicate { .. }
            | Refusal::WrongRound { .. }
            | Refusal::WrongModel { .. }
            | Refusal::WrongPlan { .. }
            | Refusal::WrongStage { .. }
            | Refusal::Truncated { .. } => 409,
            Refusal::TooLate { .. } => 410,
            Refusal::TooLarge { .. } => 413,
            Refusal::TooMany { .. } => 429,
            _ => 422,
        },
        Error::World(WorldError { .. }) => 503,
        Error::Caller(CallerError { .. }) | Error::Bug(_) => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tacit_core::ids::ParticipantId;

    #[test]
    fn refusals_survive_the_wire() {
        let participant = ParticipantId::parse("p0").unwrap();
        let refusal = Refusal::Duplicate { participant, round: 3 };
        let reply = ErrorReply::of(&refusal.clone().into());
        assert_eq!(reply.reason, "duplicate");
        match reply.into_error(409) {
            Error::Peer(found) => assert_eq!(found, refusal),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn our_own_failures_tell_no_paths() {
        let error = Error::world("write /var/secret", std::io::Error::other("no space"));
        let reply = ErrorReply::of(&error);
        assert!(!format!("{reply:?}").contains("secret"));
        assert!(matches!(reply.into_error(503), Error::World(_)));
    }

    #[test]
    fn hostile_replies_are_no_panic() {
        let reply = ErrorReply { message: "x".repeat(1 << 20), ..Default::default() };
        assert!(reply.into_error(500).to_string().len() < 400);
    }
}
