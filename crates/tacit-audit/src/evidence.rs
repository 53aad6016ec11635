//! Verifies the proofs of a recorded round once more: offline, from what lies beside its log.
//!
//! Where each update was seen, a third party has the proof alone, and neither the update nor what
//! opens its commitments. Where only sums were opened, it also holds the proofs against the sum,
//! if that was kept.

use std::cell::OnceCell;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::messages::SignedContribution;
use tacit_core::params::{Layout, Params};
use tacit_core::plan::Plan;
use tacit_core::proof::NoKeys;
use tacit_core::referee::{Exhibit, Occasion, Referee};
use tacit_core::round::{Outcome, Setup};
use tacit_core::traits::{Clock, Keys};

/// What lies beside the logs of rounds.
#[derive(Clone)]
pub struct Evidence<'a> {
    /// Proofs and what they speak of, each in a file that is named by its digest: `log/proofs`.
    pub folder: &'a Path,
    /// Names and shapes of the models.
    pub layout: Arc<Layout>,
    /// Keys of proofs. Without them, proofs that need some are not verified.
    pub keys: Option<&'a dyn Keys>,
    /// Time, for reports only.
    pub clock: &'a dyn Clock,
}

/// What was verified of proofs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// Rounds of which all proofs hold.
    pub rounds: u64,
    /// Proofs that hold.
    pub proofs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Opened sums that are those of what was proved.
    pub sums: u64,
    /// Time spent, in milliseconds.
    pub ms: u64,
}

impl Verified {
    /// Adds what was verified elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.proofs += other.proofs;
        self.bytes += other.bytes;
        self.sums += other.sums;
        self.ms += other.ms;
    }
}

/// A round as its log tells it.
pub(crate) struct Told<'a> {
    /// With its nonce, and what participants enrolled with.
    pub setup: &'a Setup,
    /// What counted, sorted by participant.
    pub accepted: &'a [SignedContribution],
    /// The release, where there is one.
    pub outcome: Option<&'a Outcome>,
}

/// Verifies rounds of one plan.
pub(crate) struct Reviewer<'a> {
    plan: &'a Plan,
    evidence: Evidence<'a>,
    referee: OnceCell<Result<Referee, String>>,
}

impl<'a> Reviewer<'a> {
    pub fn new(plan: &'a Plan, evidence: Evidence<'a>) -> Self {
        Self { plan, evidence, referee: OnceCell::new() }
    }

    /// Why nothing is verified, where a key is missing that nobody offered.
    pub fn skips(&self) -> Option<&str> {
        let failed = self.referee.get()?.as_ref().err()?;
        self.evidence.keys.is_none().then_some(failed.as_str())
    }

    fn referee(&self, round: u32) -> Result<Option<&Referee>, Error> {
        let Evidence { layout, keys, .. } = &self.evidence;
        let made = self.referee.get_or_init(|| {
            let made = Referee::new(self.plan, layout, keys.unwrap_or(&NoKeys));
            let none = Error::Bug("a plan without a proof has rounds with a nonce");
            made.and_then(|made| made.ok_or(none)).map_err(|error| error.to_string())
        });
        match made {
            Ok(referee) => Ok(Some(referee)),
            Err(_) if keys.is_none() => Ok(None),
            Err(why) => {
                Err(Error::caller("proofs", format!("what verifies those of round {round}"), why))
            }
        }
    }

    /// Verifies every proof of a round, and the sum that was kept of it.
    pub fn review(&self, told: &Told<'_>) -> Result<Verified, Error> {
        let round = told.setup.round;
        let Some(referee) = self.referee(round)? else { return Ok(Verified::default()) };
        let started = self.evidence.clock.now_ms();
        let mut verified = Verified { rounds: 1, ..Verified::default() };
        let model = self.model(referee, told)?;
        let sum = told.outcome.and_then(|outcome| outcome.sum);
        let occasion = Occasion { setup: told.setup, model: model.as_ref() };
        let mut kept = Vec::new();
        let mut rest = told.accepted;
        while !rest.is_empty() {
            let (batch, later) = rest.split_at(next(rest));
            let exhibits = batch.iter().map(|signed| self.exhibit(referee, signed));
            let exhibits = exhibits.collect::<Result<Vec<Exhibit>, _>>()?;
            for (signed, verdict) in batch.iter().zip(referee.judge(&occasion, &exhibits)?) {
                verdict.map_err(|why| refused(round, &signed.contribution.participant, &why))?;
            }
            verified.proofs += batch.len() as u64;
            verified.bytes += exhibits.iter().map(|one| one.proof().len() as u64).sum::<u64>();
            if sum.is_some() {
                kept.extend(exhibits.into_iter().map(Exhibit::into_proof));
            }
            rest = later;
        }
        if let Some(sum) = sum {
            let limit = referee.max_sum(kept.len());
            let of = format!("of the opened sum of round {round}");
            let bytes = self.file(sum, limit, &of)?;
            referee.judge_kept_sum(&kept, &bytes).map_err(|why| {
                let expected = format!("the sum of what was proved in round {round}");
                Error::caller("opened sum", expected, why.to_string())
            })?;
            verified.sums = 1;
        }
        verified.ms = self.evidence.clock.now_ms().saturating_sub(started);
        Ok(verified)
    }

    fn exhibit(&self, referee: &Referee, signed: &SignedContribution) -> Result<Exhibit, Error> {
        let header = &signed.contribution;
        let (round, participant) = (header.round, &header.participant);
        let about = |error: Error| match error {
            Error::Peer(why) => refused(round, participant, &why),
            other => other,
        };
        referee.admit(header).map_err(|why| refused(round, participant, &why))?;
        let proof = match header.proof {
            Some(told) => {
                let of = format!("of the proof of {participant} in round {round}");
                self.file(told.digest, told.bytes, &of)?
            }
            None => Vec::new(),
        };
        referee.exhibit(signed, proof, None).map_err(about)
    }

    /// The round's model, where proofs speak of it.
    fn model(&self, referee: &Referee, told: &Told<'_>) -> Result<Option<Params>, Error> {
        if !referee.model() || told.accepted.is_empty() {
            return Ok(None);
        }
        let (layout, round) = (&self.evidence.layout, told.setup.round);
        let of = format!("of the model before round {round}");
        let bytes = self.file(told.setup.model, layout.len() as u64 * 4, &of)?;
        Ok(Some(Params::from_bytes(layout.clone(), &bytes)?))
    }

    /// A file that is named by its digest, if it is not too long and has it.
    fn file(&self, digest: Digest, limit: u64, of: &str) -> Result<Vec<u8>, Error> {
        let path = self.evidence.folder.join(digest.to_string());
        let expected = || format!("the file proofs/{digest} {of}");
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(Error::caller("evidence", expected(), "none"));
            }
            Err(e) => return Err(Error::world(format!("opening {}", path.display()), e)),
        };
        let mut bytes = Vec::new();
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|e| Error::world(format!("reading {}", path.display()), e))?;
        let found = Digest::of_bytes(&bytes);
        match (bytes.len() as u64 <= limit, found == digest) {
            (false, _) => {
                let found = format!("more than {limit} bytes");
                Err(Error::caller("evidence", expected(), found))
            }
            (true, false) => {
                Err(Error::caller("evidence", expected(), format!("bytes with sha256 {found}")))
            }
            (true, true) => Ok(bytes),
        }
    }
}

fn refused(round: u32, participant: &ParticipantId, why: &Refusal) -> Error {
    let expected = format!("one of {participant} in round {round} that holds");
    Error::caller("proof", expected, why.to_string())
}

/// How many are verified next: so many that they fit into memory, and at least one.
fn next(rest: &[SignedContribution]) -> usize {
    let mut bytes = 0u64;
    let fits = |signed: &&SignedContribution| {
        bytes = bytes.saturating_add(signed.contribution.proof.map_or(0, |proof| proof.bytes));
        bytes <= limits::PROOF_BATCH_BYTES
    };
    let count = rest.iter().take(limits::PROOFS_PER_BATCH).take_while(fits).count();
    count.max(1).min(rest.len())
}
