//! A driver of the pure run, with every chance to die between two of its actions.

use super::effects::Effect;
use super::events::{Down, Payload, Up, What};
use super::faults::Canary;
use super::{Checked, Violation, World};
use std::collections::BTreeSet;
use std::sync::Arc;
use tacit_core::digest::Digest;
use tacit_core::error::Refusal;
use tacit_core::exchange::Ask;
use tacit_core::host::Host;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Contribution, SignedContribution, Task};
use tacit_core::pipeline::Inspector;
use tacit_core::round::{Action, Admission, Event, Kind};
use tacit_core::run::Run;
use tacit_core::traits::Spool;

/// The coordinator's process.
pub(super) struct Coordinator {
    run: Run,
    /// The table of the round, where members talk.
    pub host: Host,
    /// Who is asked for which message.
    pub asks: Option<(Ask, BTreeSet<ParticipantId>)>,
    offer: Option<(Task, BTreeSet<ParticipantId>)>,
    timer: u64,
    asking: Option<Asking>,
}

pub(super) struct Asking {
    pub number: usize,
    round: u32,
    pub contribution: Digest,
    payload: Digest,
}

impl Coordinator {
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Whether this participant gets the task of this round when it asks.
    pub fn offers(&self, round: u32, participant: &ParticipantId) -> bool {
        let offer = self.offer.as_ref().filter(|(task, _)| task.round == round);
        offer.is_some_and(|(_, to)| to.contains(participant))
    }

    /// The upload that is being answered.
    pub fn asking(&self) -> Option<&Asking> {
        self.asking.as_ref()
    }

    /// What this participant is asked for.
    pub fn asked(&self, participant: &ParticipantId) -> Option<&Ask> {
        let (ask, to) = self.asks.as_ref()?;
        to.contains(participant).then_some(ask)
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.run.finish().is_some()
    }
}

impl World {
    /// The process starts: it knows what the journal says.
    pub(super) fn restart(&mut self) -> Checked {
        if self.coordinator.is_some() {
            return Ok(());
        }
        let known = self.disk.journal_len();
        let dropped = self.canary == Some(Canary::DropLastRecord);
        let entries = self.disk.entries(known.saturating_sub(usize::from(dropped)))?;
        let run = Run::replay(self.course.clone(), &entries)
            .map_err(|e| Violation(format!("the journal does not replay: {e}")))?;
        let outbox = match self.canary {
            Some(Canary::LoseOutbox) => Vec::new(),
            _ => run.outbox(),
        };
        self.incarnation += 1;
        let (host, asks) = (self.resume(&run, &entries)?, None);
        let (offer, timer, asking) = (None, 0, None);
        self.coordinator = Some(Coordinator { run, host, asks, offer, timer, asking });
        self.check_table()?;
        if self.perform(outbox)? && self.rng.below(2) == 0 {
            self.handle(Kind::Tick)?;
        }
        Ok(())
    }

    /// The process dies; so do records that were not durable, from a random one on.
    pub(super) fn kill(&mut self) -> Checked {
        if self.coordinator.take().is_none() {
            return Ok(());
        }
        self.count("coordinator-crash");
        let buffered = self.disk.take_buffered();
        self.keep_some(&buffered)?;
        self.orphaned()?;
        let most = if self.calm() { 10 } else { 400 };
        let at = self.now + 1 + self.rng.below(most);
        self.queue.push(at, What::Restart);
        Ok(())
    }

    fn keep_some(&mut self, buffered: &[tacit_core::round::Entry]) -> Checked {
        let kept = self.rng.below(buffered.len() as u64 + 1) as usize;
        if kept < buffered.len() {
            self.count("lost-records");
        }
        buffered[..kept].iter().try_for_each(|entry| self.commit(entry))
    }

    /// Takes an event to the run and does what it asks for.
    pub(super) fn handle(&mut self, kind: Kind) -> Checked {
        let Some(coordinator) = self.coordinator.take() else { return Ok(()) };
        let event = Event { at_ms: self.wall_ms(), kind };
        let (run, actions) = coordinator.run.step(event);
        self.coordinator = Some(Coordinator { run, ..coordinator });
        if actions.is_empty() {
            return Ok(());
        }
        self.perform(actions).map(drop)
    }

    /// Carries actions out in order; false if the coordinator died on the way.
    fn perform(&mut self, mut actions: Vec<Action>) -> Checked<bool> {
        match self.canary {
            Some(Canary::AckBeforePersist) => {
                actions.sort_by_key(|a| !matches!(a, Action::Acknowledge { .. }));
            }
            Some(Canary::ActBeforeDurable) => {
                actions.sort_by_key(|a| matches!(a, Action::Persist(_)));
            }
            _ => {}
        }
        for action in actions {
            if !self.calm() && self.rng.unit() < self.faults.crash {
                self.kill()?;
                return Ok(false);
            }
            match action {
                Action::Persist(entry) => self.disk.buffer(entry),
                action => {
                    if !self.flush()? {
                        return Ok(false);
                    }
                    self.carry_out(action)?;
                }
            }
        }
        if !self.flush()? {
            return Ok(false);
        }
        self.check_step()?;
        Ok(true)
    }

    /// Makes appended records durable; false if that failed and the coordinator died of it.
    fn flush(&mut self) -> Checked<bool> {
        let buffered = self.disk.take_buffered();
        if buffered.is_empty() {
            return Ok(true);
        }
        if self.strikes(self.faults.failed_append, "failed-append") {
            match self.canary {
                Some(Canary::IgnoreFailedAppend) => self.keep_some(&buffered)?,
                Some(Canary::AppendTwice) => {
                    self.keep_some(&buffered)?;
                    buffered.iter().try_for_each(|entry| self.commit(entry))?;
                }
                _ => {
                    buffered.into_iter().for_each(|entry| self.disk.buffer(entry));
                    self.kill()?;
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        buffered.iter().try_for_each(|entry| self.commit(entry))?;
        Ok(true)
    }

    fn carry_out(&mut self, action: Action) -> Checked {
        let Some(coordinator) = &mut self.coordinator else { return Ok(()) };
        match action {
            Action::Persist(_) => {}
            Action::Ask { ask, to } => coordinator.asks = Some((ask, to.into_iter().collect())),
            Action::SetTimer { after_ms } => {
                coordinator.timer += 1;
                let (incarnation, timer) = (self.incarnation, coordinator.timer);
                if self.canary != Some(Canary::NoTimer) {
                    self.queue.push(self.now + after_ms, What::Timer { incarnation, timer });
                }
            }
            Action::Offer { task, to } => {
                coordinator.asks = None;
                coordinator.offer = Some((task.clone(), to.into_iter().collect()));
                self.check_offer(&task)?;
            }
            Action::Acknowledge { participant, contribution } => {
                if let Some((_, to)) = &mut coordinator.offer {
                    to.remove(&participant);
                }
                self.acknowledge(&participant, contribution)?;
            }
            Action::Refuse { .. } => {
                self.check_refusal()?;
                self.refuse()?;
            }
            Action::Aggregate { setup, contributions } => {
                coordinator.asks = None;
                let opening = coordinator.host.open(setup.round);
                self.check_aggregate(&setup, &contributions)?;
                self.check_opening(&setup, &opening)?;
                if self.canary == Some(Canary::ForgetEarly) {
                    self.disk.store.forget(setup.round)?;
                }
                self.begin_effect(Effect::Aggregate { setup, contributions, opening });
            }
            Action::Log(summary) => {
                coordinator.asks = None;
                self.begin_effect(Effect::Log(summary));
            }
            Action::Publish { round, model } => {
                self.begin_effect(Effect::Publish { round, model });
            }
            Action::Forget { round } => {
                if self.canary != Some(Canary::KeepPayloads) {
                    self.disk.store.forget(round)?;
                }
            }
        }
        Ok(())
    }

    fn acknowledge(&mut self, participant: &ParticipantId, contribution: Digest) -> Checked {
        self.check_acknowledgement(participant, contribution)?;
        let asking = self.coordinator.as_ref().and_then(|c| c.asking.as_ref());
        if let Some(number) = asking.map(|asking| asking.number) {
            self.send_down(number, Down::Accepted(contribution));
        }
        Ok(())
    }

    /// Turns the current upload away and deletes its payload, unless another contribution that
    /// counts has the same.
    fn refuse(&mut self) -> Checked {
        let Some(coordinator) = &self.coordinator else { return Ok(()) };
        let Some(Asking { number, round, contribution, payload }) = coordinator.asking else {
            return Ok(());
        };
        let same = |signed: &SignedContribution| signed.contribution.payload == payload;
        let shared = self.disk.facts(round).accepted.values().any(same);
        if !shared || self.canary == Some(Canary::DiscardShared) {
            self.disk.store.discard(round, payload)?;
        }
        self.send_down(number, Down::Refused(contribution));
        Ok(())
    }

    pub(super) fn timer(&mut self, incarnation: u64, timer: u64) -> Checked {
        let current = self.coordinator.as_ref().is_some_and(|c| c.timer == timer);
        if current && incarnation == self.incarnation { self.handle(Kind::Tick) } else { Ok(()) }
    }

    pub(super) fn early_tick(&mut self) -> Checked {
        self.count("early-tick");
        self.handle(Kind::Tick)
    }

    /// A message arrives, if there is anybody to hear it.
    pub(super) fn receive(&mut self, from: usize, message: Up) -> Checked {
        let Some(coordinator) = &self.coordinator else { return Ok(()) };
        let participant = self.participants[from].id.clone();
        match message {
            Up::Enrol => {
                let dataset = self.dataset(&participant)?;
                self.handle(Kind::Enrolled { participant, dataset })?;
                if self.coordinator.is_some() {
                    self.send_down(from, Down::Enrolled);
                }
                Ok(())
            }
            Up::Say(letter) => self.said(from, &letter),
            Up::Poll if coordinator.asked(&participant).is_some() => self.ask(from),
            Up::Poll => {
                if let Some((task, to)) = &coordinator.offer
                    && to.contains(&participant)
                {
                    let task = task.clone();
                    self.send_down(from, Down::Offer(task));
                }
                Ok(())
            }
            Up::Received { round } => self.handle(Kind::Received { participant, round }),
            Up::Decline { round } => {
                let why = "no time".into();
                self.handle(Kind::Declined { participant, round, why })
            }
            Up::Upload { signed, payload } => {
                self.upload(from, Arc::unwrap_or_clone(signed), &payload)
            }
        }
    }

    fn upload(&mut self, from: usize, signed: SignedContribution, payload: &Payload) -> Checked {
        let Some(coordinator) = &mut self.coordinator else { return Ok(()) };
        let header = &signed.contribution;
        let current = coordinator.run.round().setup().round;
        let (participant, contribution) = (header.participant.clone(), header.digest());
        coordinator.asking =
            Some(Asking { number: from, round: current, contribution, payload: header.payload });
        // A coordinator may ask before the payload travels, but need not.
        let announced = match self.rng.below(2) {
            0 => coordinator.run.round().admit(&signed),
            _ => Ok(Admission::Wanted),
        };
        let kind = match announced {
            Ok(Admission::Held) => return self.acknowledge(&participant, contribution),
            Ok(Admission::Wanted) => match self.take(&signed, payload, current)? {
                Ok(()) => Kind::Contributed(signed),
                Err(refusal) => Kind::Refused { participant, refusal },
            },
            Err(refusal) => Kind::Refused { participant, refusal },
        };
        if let Kind::Refused { .. } = kind {
            self.refuse()?;
        }
        self.handle(kind)?;
        if let Some(coordinator) = &mut self.coordinator {
            coordinator.asking = None;
        }
        Ok(())
    }

    /// Checks a payload and makes it durable; and its proof.
    fn take(
        &mut self,
        signed: &SignedContribution,
        payload: &Payload,
        current: u32,
    ) -> Checked<Result<(), Refusal>> {
        let header = &signed.contribution;
        if let Err(refusal) = self.look_at(header, payload) {
            return Ok(Err(refusal));
        }
        // What no round can count is not kept.
        if header.round != current {
            return Ok(Ok(()));
        }
        if self.disk.store.keep(current, header.payload, payload.to_vec()).is_err() {
            return Ok(Err(Refusal::TooLate { round: current }));
        }
        self.disk.archive.insert(header.payload, payload.clone());
        self.judge(signed)
    }

    fn look_at(&self, header: &Contribution, payload: &Payload) -> Result<(), Refusal> {
        let (expected, found) = (header.payload_bytes, payload.len() as u64);
        if expected != found {
            return Err(Refusal::Truncated { expected, found });
        }
        let (expected, found) = (header.payload, Digest::of_bytes(payload));
        if expected != found {
            return Err(Refusal::HashMismatch { expected, found });
        }
        match self.canary {
            Some(Canary::AcceptUnchecked) => Ok(()),
            _ => self.inspect(header, payload),
        }
    }

    pub(super) fn inspect(&self, header: &Contribution, payload: &[u8]) -> Result<(), Refusal> {
        let (len, sender) = (self.lab.layout.len(), &header.participant);
        let mut inspector = Inspector::new(&self.channel, len, header.round, sender);
        // In two pieces: the frame is put together again.
        let (head, tail) = payload.split_at(payload.len() / 2);
        inspector.push(head)?;
        inspector.push(tail)?;
        inspector.finish().map(drop)
    }
}
