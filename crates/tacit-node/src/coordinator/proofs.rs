//! Proofs, verified before what they are of is accepted: whoever comes first verifies all that
//! wait.

use super::Coordinator;
use super::answers::{NO_RUN, proof_transfer};
use crate::files::{self, Access};
use crate::telemetry::{Metrics, PROOF_BYTES, PROOF_SECONDS, PROOFS as PROOFS_COUNTED};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tacit_core::central;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::messages::{Contribution, SignedContribution};
use tacit_core::params::Params;
use tacit_core::referee::{Exhibit, Occasion, Referee};
use tacit_core::round::{Setup, Summary};
use tacit_core::traits::{Blobs as _, Clock as _, Spool};

/// Folder of the log for proofs and what they speak of, each in a file that is named by its digest.
pub const PROOFS: &str = "proofs";

/// Where a proof lies in the folder of a log.
pub fn proof_path(log: &Path, proof: Digest) -> PathBuf {
    log.join(PROOFS).join(proof.to_string())
}

type Verdict = Result<(), Error>;

/// Where contributions wait for their proofs to be verified.
pub(super) struct Bench {
    referee: Arc<Referee>,
    queue: Mutex<Queue>,
    verdicts: Condvar,
    /// The model of the current round.
    model: Mutex<Option<(Digest, Arc<Params>)>>,
    /// Of the current round.
    verify_ms: AtomicU64,
}

#[derive(Default)]
struct Queue {
    tickets: u64,
    waiting: VecDeque<(u64, SignedContribution)>,
    done: BTreeMap<u64, Verdict>,
    busy: bool,
    /// Refused proofs of a round.
    refused: (u32, BTreeMap<ParticipantId, u32>),
}

const DIED: Error = Error::Bug("a thread died while verifying proofs");

/// A batch that is being verified: others go on even if its thread dies.
struct Turn<'a> {
    bench: &'a Bench,
    tickets: Vec<u64>,
    verdicts: Vec<Verdict>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Ok(mut queue) = self.bench.queue.lock() else { return };
        let mut verdicts = self.verdicts.drain(..);
        for ticket in &self.tickets {
            queue.done.insert(*ticket, verdicts.next().unwrap_or(Err(DIED)));
        }
        queue.busy = false;
        self.bench.verdicts.notify_all();
    }
}

impl Bench {
    pub fn new(referee: Arc<Referee>) -> Self {
        Self {
            referee,
            queue: Mutex::default(),
            verdicts: Condvar::new(),
            model: Mutex::default(),
            verify_ms: AtomicU64::new(0),
        }
    }

    /// Whether participants enrol with a commitment to their data.
    pub fn commits(&self) -> bool {
        self.referee.commits()
    }

    /// Refuses an announced proof before its first byte.
    pub fn admit(&self, header: &Contribution) -> Result<(), Error> {
        self.referee.admit(header)?;
        let queue = self.queue()?;
        let (round, refused) = &queue.refused;
        let refused = refused.get(&header.participant).copied().unwrap_or(0);
        if *round == header.round && refused >= limits::BAD_PROOFS {
            let why = format!("{refused} others were refused in this round");
            return Err(Refusal::BadProof { participant: header.participant.clone(), why }.into());
        }
        Ok(())
    }

    fn queue(&self) -> Result<MutexGuard<'_, Queue>, Error> {
        self.queue.lock().map_err(|_| DIED)
    }

    /// Time spent verifying since this was asked last, in milliseconds.
    pub fn take_ms(&self) -> u64 {
        self.verify_ms.swap(0, Ordering::AcqRel)
    }

    /// Waits for the verdict on a contribution that is in the spool as a whole; in the meantime
    /// verifies whatever waits, if nobody else does.
    fn judge(&self, coordinator: &Coordinator, signed: &SignedContribution) -> Verdict {
        let mut queue = self.queue()?;
        let ticket = queue.tickets;
        queue.tickets += 1;
        queue.waiting.push_back((ticket, signed.clone()));
        loop {
            if let Some(verdict) = queue.done.remove(&ticket) {
                return verdict;
            }
            if queue.busy {
                queue = self.verdicts.wait(queue).map_err(|_| DIED)?;
                continue;
            }
            queue.busy = true;
            let (tickets, batch) = next(&mut queue.waiting);
            drop(queue);
            let mut turn = Turn { bench: self, tickets, verdicts: Vec::new() };
            turn.verdicts = self.batch(coordinator, &batch);
            drop(turn);
            queue = self.queue()?;
        }
    }

    /// Counts a refused proof.
    fn count(&self, header: &Contribution) -> Result<(), Error> {
        let mut queue = self.queue()?;
        if queue.refused.0 != header.round {
            queue.refused = (header.round, BTreeMap::new());
        }
        *queue.refused.1.entry(header.participant.clone()).or_default() += 1;
        Ok(())
    }

    /// A verdict for each of a batch.
    fn batch(&self, coordinator: &Coordinator, batch: &[SignedContribution]) -> Vec<Verdict> {
        let (started, precise) = (coordinator.clock.now_ms(), Instant::now());
        let verdicts = self.verify(coordinator, batch).unwrap_or_else(|error| {
            tracing::error!(%error, "proofs could not be verified");
            let failed = || Error::world("verifying proofs", error.to_string());
            batch.iter().map(|_| Err(failed())).collect()
        });
        let spent = coordinator.clock.now_ms().saturating_sub(started);
        self.verify_ms.fetch_add(spent, Ordering::AcqRel);
        measure(&coordinator.metrics, batch, &verdicts, precise.elapsed());
        verdicts
    }

    fn verify(
        &self,
        coordinator: &Coordinator,
        batch: &[SignedContribution],
    ) -> Result<Vec<Verdict>, Error> {
        let setup = coordinator.live()?.run.as_ref().ok_or(NO_RUN)?.round().setup().clone();
        let model = self.model(coordinator, &setup)?;
        let read = |signed| self.exhibit(coordinator, &setup, signed);
        let mut verdicts = Vec::with_capacity(batch.len());
        let mut exhibits = Vec::with_capacity(batch.len());
        for signed in batch {
            verdicts.push(read(signed).map(|exhibit| exhibits.push(exhibit)));
        }
        let occasion = Occasion { setup: &setup, model: Some(&model) };
        let mut judged = self.referee.judge(&occasion, &exhibits)?.into_iter();
        for verdict in verdicts.iter_mut().filter(|verdict| verdict.is_ok()) {
            *verdict = judged.next().unwrap_or(Ok(())).map_err(Error::from);
        }
        Ok(verdicts)
    }

    fn exhibit(
        &self,
        coordinator: &Coordinator,
        setup: &Setup,
        signed: &SignedContribution,
    ) -> Result<Exhibit, Error> {
        let header = &signed.contribution;
        if header.round != setup.round {
            return Err(Refusal::TooLate { round: header.round }.into());
        }
        let transfer = proof_transfer(signed).ok_or(Error::Bug("a missing proof was admitted"))?;
        let mut proof = vec![0; transfer.bytes as usize];
        Spool::read(&coordinator.store, transfer.payload, 0, &mut proof)?;
        self.referee.exhibit(signed, proof, Some(&coordinator.store))
    }

    /// The model of the round, read once.
    fn model(&self, coordinator: &Coordinator, setup: &Setup) -> Result<Arc<Params>, Error> {
        let mut held = self.model.lock().map_err(|_| DIED)?;
        if let Some((digest, model)) = &*held
            && *digest == setup.model
        {
            return Ok(model.clone());
        }
        let model = central::load(&coordinator.store, &coordinator.layout, setup.model)?;
        let model = Arc::new(model);
        *held = Some((setup.model, model.clone()));
        Ok(model)
    }
}

/// Counts the verdicts on a batch; what failed by our fault is none.
fn measure(metrics: &Metrics, batch: &[SignedContribution], verdicts: &[Verdict], spent: Duration) {
    metrics.observe(&PROOF_SECONDS, &[], spent.as_secs_f64());
    for (signed, verdict) in batch.iter().zip(verdicts) {
        let verdict = match verdict {
            Ok(()) => "verified",
            Err(Error::Peer(Refusal::BadProof { .. })) => "refused",
            Err(_) => continue,
        };
        metrics.add(&PROOFS_COUNTED, &[("verdict", verdict)], 1.0);
        let bytes = signed.contribution.proof.map_or(0, |proof| proof.bytes);
        metrics.add(&PROOF_BYTES, &[], bytes as f64);
    }
}

/// What is verified next: so many that they fit into memory, and at least one.
fn next(waiting: &mut VecDeque<(u64, SignedContribution)>) -> (Vec<u64>, Vec<SignedContribution>) {
    let (mut tickets, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0u64);
    while let Some((_, signed)) = waiting.front() {
        bytes = bytes.saturating_add(signed.contribution.body_bytes());
        let full = batch.len() >= limits::PROOFS_PER_BATCH || bytes > limits::PROOF_BATCH_BYTES;
        if full && !batch.is_empty() {
            break;
        }
        if let Some((ticket, signed)) = waiting.pop_front() {
            tickets.push(ticket);
            batch.push(signed);
        }
    }
    (tickets, batch)
}

impl Coordinator {
    /// Verifies the proof of a contribution, and keeps it.
    pub(super) fn judge(&self, signed: &SignedContribution) -> Result<(), Error> {
        let Some(bench) = &self.bench else { return Ok(()) };
        let verdict = bench.judge(self, signed);
        if let Err(Error::Peer(Refusal::BadProof { .. })) = &verdict {
            bench.count(&signed.contribution)?;
        }
        verdict?;
        let transfer = proof_transfer(signed).ok_or(Error::Bug("a missing proof was admitted"))?;
        let mut proof = vec![0; transfer.bytes as usize];
        Spool::read(&self.store, transfer.payload, 0, &mut proof)?;
        // Durable before the contribution counts.
        self.store.put(&proof).map(drop)
    }

    /// Leaves the proofs of a round, and what they speak of, for everybody who checks it, in
    /// `log/proofs`.
    pub(super) fn publish_proofs(&self, summary: &Summary) -> Result<(), Error> {
        let Some(bench) = &self.bench else { return Ok(()) };
        for digest in bench.referee.evidence(summary) {
            let path = proof_path(&self.log_folder, digest);
            // A round that is logged again after a crash has left some already.
            if path.exists() {
                continue;
            }
            let bytes = bench.referee.exhibited(digest, &self.store)?;
            files::make_dir(&self.log_folder.join(PROOFS))?;
            files::write_whole(&path, &bytes, Access::Shared)?;
        }
        Ok(())
    }

    /// What lies in `log/proofs` is not kept twice.
    pub(super) fn retire_proofs(&self, summary: &Summary) {
        let Some(bench) = &self.bench else { return };
        // The model is retired with all models.
        let evidence = bench.referee.evidence(summary).into_iter();
        for digest in evidence.filter(|digest| *digest != summary.setup.model) {
            if let Err(error) = self.store.remove(digest) {
                tracing::warn!(%error, "a proof was not deleted");
            }
        }
    }
}
