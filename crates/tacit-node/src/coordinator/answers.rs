//! What peers ask, answered from the run's state.

use super::proofs::Bench;
use super::{Coordinator, Progress, State};
use crate::desk::{Desk, LogFile, Peer};
use crate::store::Transfer;
use crate::wire::{self, Cosign, Heartbeat, Phase, Status, TaskOffer, UploadStatus, Welcome};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Fault, Refusal};
use tacit_core::exchange::{Letter, Message};
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::messages::SignedContribution;
use tacit_core::pipeline::Inspector;
use tacit_core::proof::Dataset;
use tacit_core::round::{Admission, Kind, Record};
use tacit_core::run::Run;
use tacit_core::traits::{Blobs, Spool};

/// How often a participant reports a running task, in milliseconds.
const HEARTBEAT_MS: u64 = 10_000;

/// How long cosignatures are gathered before they are written.
const COSIGN_PAUSE: Duration = Duration::from_millis(500);

/// The coordinator as its server sees it.
#[derive(Clone)]
pub struct Front(pub Arc<Coordinator>);

pub(super) const NO_RUN: Error = Error::Bug("a live coordinator has a run");

impl Desk for Front {
    fn admit(&self, peer: &Peer) -> Result<(), Error> {
        let participant = peer.participant.clone();
        match self.0.live()?.keys.get(&participant) {
            Some(key) if *key == peer.public_key => Ok(()),
            Some(_) => Err(Error::Peer(Refusal::BadCertificate {
                why: format!("{participant} is enrolled with another key"),
            })),
            None => Err(Error::Peer(Refusal::NotEnrolled { participant })),
        }
    }

    fn enrol(&self, peer: &Peer, dataset: Option<Dataset>) -> Result<Welcome, Error> {
        let this = &self.0;
        let commits = this.bench.as_ref().is_some_and(Bench::commits);
        if dataset.is_some() && !commits {
            let what = "enrolment: a commitment to data that the plan asks for none of".into();
            return Err(Refusal::Malformed { what }.into());
        }
        if this.store.enrol(&peer.participant, &peer.public_key)? {
            tracing::info!(participant = %peer.participant, "enrolled");
        }
        this.live()?.keys.insert(peer.participant.clone(), peer.public_key);
        // Without its commitment it learns the plan and is not yet on the roster.
        if dataset.is_some() == commits {
            this.join(&peer.participant, dataset)?;
        }
        let enrolled = this.live()?.run.as_ref().map_or(0, |run| run.roster().len());
        (this.observer)(Progress::Enrolled { enrolled });
        Ok(Welcome {
            protocol: wire::PROTOCOL,
            plan: this.plan_text.clone().into(),
            plan_digest: wire::digest_bytes(this.plan.digest()),
            log_key: this.recorder.log()?.verifier().to_string(),
            heartbeat_ms: HEARTBEAT_MS,
            layout: this.layout_json.clone().into(),
        })
    }

    async fn task(&self, peer: &Peer, seen_size: u64) -> Result<Option<TaskOffer>, Error> {
        let mut changes = self.0.changes.subscribe();
        loop {
            changes.mark_unchanged();
            if let Some(offer) = self.offer(peer)? {
                let this = self.0.clone();
                return super::driver::blocking(move || this.witnessed(offer, seen_size))
                    .await
                    .map(Some);
            }
            if changes.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    fn announce(&self, peer: &Peer, signed: SignedContribution) -> Result<UploadStatus, Error> {
        let this = &self.0;
        let header = signed.contribution.clone();
        let mut state = this.live()?;
        match state.run.as_ref().ok_or(NO_RUN)?.round().admit(&signed)? {
            Admission::Held => return Ok(status(header.body_bytes(), true)),
            Admission::Wanted => {}
        }
        let limit = this.plan.channel(&this.layout)?.max_payload(this.len);
        if header.payload_bytes > limit {
            let (what, found) = ("update".into(), header.payload_bytes);
            return Err(Error::Peer(Refusal::TooLarge { what, limit, found }));
        }
        this.bench.as_ref().map_or(Ok(()), |bench| bench.admit(&header))?;
        state.announced.insert(peer.participant.clone(), signed.clone());
        drop(state);
        let offset = this.arrived(&signed)?;
        if offset == header.body_bytes() {
            return self.complete(&signed);
        }
        Ok(status(offset, false))
    }

    fn upload(
        &self,
        peer: &Peer,
        payload: Digest,
        offset: u64,
        bytes: &[u8],
    ) -> Result<UploadStatus, Error> {
        let this = &self.0;
        this.traffic.received(bytes.len());
        let announced = this.live()?.announced.get(&peer.participant).cloned();
        let Some(signed) = announced.filter(|s| s.contribution.payload == payload) else {
            // Nothing is held of what was not announced. Announcements do not outlive a restart:
            // the participant announces again, and goes on.
            let expected = offset.saturating_add(bytes.len() as u64);
            return Err(Error::Peer(Refusal::Truncated { expected, found: 0 }));
        };
        let next = this.take(&signed, offset, bytes)?;
        if next == signed.contribution.body_bytes() {
            return self.complete(&signed);
        }
        Ok(status(next, false))
    }

    fn mail(&self, peer: &Peer, round: u32, stage: u8) -> Result<Vec<u8>, Error> {
        let mut state = self.0.live()?;
        let asked = state.asks.get(&peer.participant);
        if asked.is_none_or(|ask| (ask.context.round, ask.stage) != (round, stage)) {
            return Err(Refusal::TooLate { round }.into());
        }
        let mail = state.host.table(round)?.mail(stage, &peer.participant)?;
        drop(state);
        self.0.traffic.sent(mail.len());
        Ok(mail)
    }

    fn message(&self, peer: &Peer, letter: Letter) -> Result<(), Error> {
        self.0.traffic.received(letter.body.len());
        // Other members would refuse the whole cohort for a credential that does not hold.
        let protection = self.0.plan.protection()?;
        let credential = protection.exchange().map(|exchange| exchange.credential(&letter));
        if let Some(credential) = credential.transpose()?.flatten()
            && Digest::of_bytes(&credential) != peer.certificate
        {
            let why = "it is not the one that the sender connects with".into();
            return Err(Refusal::BadCertificate { why }.into());
        }
        self.0.hear(&letter)
    }

    fn decline(&self, peer: &Peer, round: u32, why: &str) -> Result<(), Error> {
        tracing::warn!(participant = %peer.participant, round, why, "declined");
        let participant = peer.participant.clone();
        self.0.handle(Kind::Declined { participant, round, why: why.to_owned() }).map(drop)
    }

    fn heartbeat(&self, peer: &Peer, beat: Heartbeat) -> Result<(), Error> {
        if matches!(beat.phase(), Phase::Training | Phase::Uploading) {
            let participant = peer.participant.clone();
            self.0.handle(Kind::Received { participant, round: beat.round })?;
        }
        Ok(())
    }

    fn cosign(&self, peer: &Peer, cosign: Cosign) -> Result<(), Error> {
        self.0.recorder.cosign(&peer.participant, &cosign.key, &cosign.signature, |now| {
            // A signature on a state that the log has left behind is late, not wrong.
            cosign.size == now.size && cosign.root[..] == now.root.0
        })?;
        self.keep_cosignatures_soon();
        Ok(())
    }

    fn status(&self) -> Result<Status, Error> {
        let log_size = self.0.recorder.log()?.size();
        let state = self.0.live()?;
        let run = state.run.as_ref().ok_or(NO_RUN)?;
        let (cohort, accepted) = run.round().progress();
        let round = run.round().setup().round;
        let refused = state
            .journal
            .iter()
            .filter(|entry| entry.round == round && matches!(entry.fact, Record::Refused { .. }));
        Ok(Status {
            plan: self.0.plan.digest().to_string(),
            round,
            rounds: self.0.plan.num_rounds(),
            state: if run.finish().is_some() { "finished" } else { run.round().state() }.into(),
            enrolled: run.roster().len() as u64,
            cohort: cohort as u64,
            accepted: accepted as u64,
            refused: refused.count() as u64,
            accuracy: state.accuracy,
            epsilon: None,
            log_size,
        })
    }

    fn blob_size(&self, _peer: &Peer, digest: Digest) -> Result<Option<u64>, Error> {
        // Only what the current round trains from is public.
        let task = self.0.live()?.run.as_ref().map(|run| run.round().setup().task());
        if !task.is_some_and(|task| task.names(digest)) {
            return Ok(None);
        }
        self.0.store.size(digest)
    }

    fn read_blob(&self, digest: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        self.0.traffic.sent(out.len());
        Blobs::read(&self.0.store, digest, offset, out)
    }

    fn log_file(&self, path: &str) -> Result<Option<LogFile>, Error> {
        if path != "checkpoint" && !path.starts_with("tile/") && path != "log.vkey" {
            return Ok(None);
        }
        let immutable = path.starts_with("tile/") && !path.contains(".p/");
        match std::fs::read(self.0.log_folder.join(path)) {
            Ok(bytes) => Ok(Some(LogFile { bytes, immutable })),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::world("reading the log", e)),
        }
    }

    fn refused(&self, peer: &Peer, refusal: &Refusal) {
        tracing::warn!(participant = %peer.participant, %refusal, "refused");
        let (participant, refusal) = (peer.participant.clone(), refusal.clone());
        let drawn = |run: &Run| run.round().has_drawn(&participant);
        if !self.0.live().is_ok_and(|state| state.run.as_ref().is_some_and(drawn)) {
            return self.0.turned_away.count(refusal.label());
        }
        if let Err(error) = self.0.handle(Kind::Refused { participant, refusal }) {
            tracing::error!(%error, "a refusal was not recorded");
        }
    }

    fn dropped(&self, cause: &'static str) {
        self.0.turned_away.count(&format!("connection-{cause}"));
    }
}

impl Front {
    /// Has cosignatures written once for all that arrive within a moment.
    fn keep_cosignatures_soon(&self) {
        if self.0.cosigned.swap(true, Ordering::AcqRel) {
            return;
        }
        let this = self.0.clone();
        tokio::runtime::Handle::current().spawn(async move {
            tokio::time::sleep(COSIGN_PAUSE).await;
            this.cosigned.store(false, Ordering::Release);
            if let Err(error) = super::driver::blocking(move || this.keep_cosignatures()).await {
                tracing::error!(%error, "cosignatures were not written");
            }
        });
    }

    /// What this peer should do now: a task, or go home; `None` to wait.
    fn offer(&self, peer: &Peer) -> Result<Option<TaskOffer>, Error> {
        let mut state = self.0.live()?;
        let run = state.run.as_ref().ok_or(NO_RUN)?;
        if run.finish().is_some() {
            let offer = TaskOffer { finished: true, ..offer_of(run, &self.0, &state) };
            if state.told.insert(peer.participant.clone()) {
                self.0.changes.send_modify(|n| *n += 1);
            }
            return Ok(Some(offer));
        }
        if state.draining {
            return Ok(None);
        }
        if let Some(ask) = state.asks.get(&peer.participant) {
            let offer = offer_of(run, &self.0, &state);
            return Ok(Some(TaskOffer { ask: u32::from(ask.stage) + 1, ..offer }));
        }
        if !state.offers.contains_key(&peer.participant) {
            return Ok(None);
        }
        Ok(Some(offer_of(run, &self.0, &state)))
    }

    /// The payload is whole: checks it, and has it counted.
    fn complete(&self, signed: &SignedContribution) -> Result<UploadStatus, Error> {
        let this = &self.0;
        let (transfer, proof) = (transfer(signed), proof_transfer(signed));
        // Where a proof follows, the payload was finished before its first byte.
        let sound = this.store.spool_finish(proof.as_ref().unwrap_or(&transfer)).and_then(|()| {
            this.inspect(signed)?;
            this.judge(signed)
        });
        if let Err(error) = sound {
            if error.fault() == Fault::Peer {
                this.store.spool_discard(&transfer)?;
                proof.map_or(Ok(()), |proof| this.store.spool_discard(&proof))?;
            }
            return Err(error);
        }
        // Refused now, the payload stays until the round is over: the same bytes may be those of
        // this participant's contribution that was accepted a moment ago.
        if this.contribute(signed)? {
            self.tell_accepted();
        }
        Ok(status(signed.contribution.body_bytes(), true))
    }

    fn tell_accepted(&self) {
        let Ok(state) = self.0.live() else { return };
        let Some(run) = &state.run else { return };
        let (cohort, accepted) = run.round().progress();
        let (round, bytes_up) = (run.round().setup().round, self.0.traffic.up());
        drop(state);
        (self.0.observer)(Progress::Accepted { round, accepted, cohort, bytes_up });
    }
}

impl Coordinator {
    /// Puts a participant on the roster, with its data; refuses another commitment than the one
    /// that it joined with.
    fn join(
        self: &Arc<Self>,
        participant: &ParticipantId,
        dataset: Option<Dataset>,
    ) -> Result<(), Error> {
        let enrolled =
            Kind::Enrolled { participant: participant.clone(), dataset: dataset.clone() };
        self.handle(enrolled)?;
        let state = self.live()?;
        let roster = state.run.as_ref().ok_or(NO_RUN)?.roster();
        if roster.contains(participant) && roster.dataset(participant) != dataset.as_ref() {
            let what = "its data are not those that it enrolled with".into();
            return Err(Refusal::Inconsistent { participant: participant.clone(), what }.into());
        }
        Ok(())
    }

    /// How much of a contribution is held: the payload, then the proof.
    fn arrived(&self, signed: &SignedContribution) -> Result<u64, Error> {
        let payload = transfer(signed);
        let held = self.store.spool_open(&payload)?;
        match proof_transfer(signed).filter(|_| held == payload.bytes) {
            None => Ok(held),
            Some(proof) => {
                self.store.spool_finish(&payload)?;
                Ok(held + self.store.spool_open(&proof)?)
            }
        }
    }

    /// Takes bytes from `offset`, which may be the last of the payload and the first of the proof.
    fn take(&self, signed: &SignedContribution, offset: u64, bytes: &[u8]) -> Result<u64, Error> {
        let payload = transfer(signed);
        let Some(proof) = proof_transfer(signed) else {
            return self.store.spool_write(&payload, offset, bytes);
        };
        let behind =
            |at: u64, bytes: &[u8]| Ok(payload.bytes + self.store.spool_write(&proof, at, bytes)?);
        let Some(missing) = payload.bytes.checked_sub(offset).filter(|missing| *missing > 0) else {
            return behind(offset - payload.bytes, bytes);
        };
        let (mine, rest) = bytes.split_at(bytes.len().min(missing as usize));
        let next = self.store.spool_write(&payload, offset, mine)?;
        if next < payload.bytes {
            return Ok(next);
        }
        self.store.spool_finish(&payload)?;
        self.store.spool_open(&proof)?;
        if next == offset + mine.len() as u64 { behind(0, rest) } else { Ok(next) }
    }

    /// Takes a message of a stage: durable first, then counted.
    fn hear(self: &Arc<Self>, letter: &Letter) -> Result<(), Error> {
        let wanted = |state: &State| -> Result<Admission, Error> {
            Ok(state.run.as_ref().ok_or(NO_RUN)?.round().hears(&letter.signed)?)
        };
        if wanted(&*self.live()?)? == Admission::Held {
            return Ok(());
        }
        let transfer = transfer_of(&letter.signed.message);
        self.store.spool_open(&transfer)?;
        self.store.spool_write(&transfer, 0, &letter.body)?;
        self.store.spool_finish(&transfer)?;
        let mut state = self.live()?;
        if wanted(&state)? == Admission::Held {
            return Ok(());
        }
        if let Err(refusal) = state.host.table(transfer.round)?.hear(letter) {
            drop(state);
            self.store.spool_discard(&transfer)?;
            return Err(refusal.into());
        }
        self.said(state, letter)
    }

    /// Reads a spooled payload through the inspector, holding one piece of it.
    fn inspect(&self, signed: &SignedContribution) -> Result<(), Error> {
        let header = &signed.contribution;
        let channel = self.plan.channel(&self.layout)?;
        let state = self.live()?;
        let clip_norm = state.run.as_ref().and_then(|run| run.round().setup().clip_norm);
        drop(state);
        let (round, sender) = (header.round, &header.participant);
        let mut inspector = Inspector::new(&channel, self.len, round, sender).within(clip_norm);
        let mut buffer = vec![0; limits::TRANSFER_PIECE_BYTES];
        let mut offset = 0;
        while offset < header.payload_bytes {
            let len = (header.payload_bytes - offset).min(buffer.len() as u64) as usize;
            Spool::read(&self.store, header.payload, offset, &mut buffer[..len])?;
            inspector.push(&buffer[..len])?;
            offset += len as u64;
        }
        inspector.finish()?;
        Ok(())
    }

    /// Adds the log's state, with the proof that it extends what the peer has verified.
    fn witnessed(&self, offer: TaskOffer, seen_size: u64) -> Result<TaskOffer, Error> {
        let log = self.recorder.log()?;
        let checkpoint = String::from_utf8(log.checkpoint().to_bytes())
            .map_err(|_| Error::Bug("a checkpoint is not text"))?;
        let consistency = match log.consistency_proof(seen_size, log.size()) {
            Ok(proof) => proof.hashes.iter().map(|digest| wire::digest_bytes(*digest)).collect(),
            // It claims to have seen more than there is: it will find out why.
            Err(_) => Vec::new(),
        };
        Ok(TaskOffer { checkpoint, consistency, ..offer })
    }
}

fn offer_of(run: &Run, coordinator: &Coordinator, state: &State) -> TaskOffer {
    let task = run.round().setup().task();
    let left = state.timer.map(|t| t.saturating_duration_since(std::time::Instant::now()));
    TaskOffer {
        round: task.round,
        plan_digest: wire::digest_bytes(coordinator.plan.digest()),
        model_digest: wire::digest_bytes(task.model),
        model_bytes: task.model_bytes,
        clip_norm: task.clip_norm.unwrap_or_default(),
        nonce: task.nonce.map(wire::digest_bytes).unwrap_or_default(),
        control_digest: task.control.map(wire::digest_bytes).unwrap_or_default(),
        deltas: task.deltas.iter().map(wire::ModelDelta::of).collect(),
        deadline_ms: left.map_or(0, |left| left.as_millis() as u64),
        checkpoint: String::new(),
        consistency: Vec::new(),
        finished: false,
        ask: 0,
    }
}

fn status(offset: u64, accepted: bool) -> UploadStatus {
    UploadStatus { offset, chunk_bytes: limits::TRANSFER_CHUNK_BYTES as u64, accepted }
}

fn transfer_of(message: &Message) -> Transfer {
    Transfer {
        round: message.round,
        participant: message.participant.clone(),
        payload: message.body,
        bytes: message.body_bytes,
    }
}

pub(super) fn proof_transfer(signed: &SignedContribution) -> Option<Transfer> {
    let header = &signed.contribution;
    let proof = header.proof?;
    Some(Transfer {
        round: header.round,
        participant: header.participant.clone(),
        payload: proof.digest,
        bytes: proof.bytes,
    })
}

fn transfer(signed: &SignedContribution) -> Transfer {
    let header = &signed.contribution;
    Transfer {
        round: header.round,
        participant: header.participant.clone(),
        payload: header.payload,
        bytes: header.payload_bytes,
    }
}
