//! A virtual participant: enrols, asks for work, trains for a while, delivers until it has an
//! answer. A crash leaves it its name.

use super::Checked;
use super::World;
use super::events::{Down, Payload, Up, What};
use super::seat::Seat;
use tacit_core::bound::Clip;
use tacit_core::digest::Digest;
use tacit_core::evidence::Clipped;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Contribution, SignedContribution, Task};
use tacit_core::params::Update;
use tacit_core::traits::Context;

const POLL_MS: u64 = 60;
const RETRY_MS: u64 = 80;

pub(super) struct Participant {
    pub id: ParticipantId,
    up: bool,
    pub incarnation: u32,
    enrolled: bool,
    /// The last round whose task it has done with.
    answered: u32,
    work: Option<Work>,
    /// The last round that it entered, which a crash does not make it forget.
    pub entered: u32,
    /// Its side of the protection, where members talk.
    pub seat: Option<Seat>,
}

#[derive(Clone)]
struct Work {
    task: Task,
    ready: u64,
    /// Digest of what was sent last.
    sent: Option<Digest>,
}

/// Examples of a participant's own.
pub(super) fn examples_of(id: &ParticipantId) -> u64 {
    1 + u64::from(id.as_str().as_bytes()[1])
}

impl Participant {
    pub fn new(number: usize, count: usize) -> Self {
        let id = ParticipantId::numbered(number, count);
        let (enrolled, incarnation, answered, work) = (false, 0, 0, None);
        Self { id, up: true, incarnation, enrolled, answered, work, entered: 0, seat: None }
    }
}

impl World {
    pub(super) fn wake(&mut self, number: usize, incarnation: u32) {
        let me = &self.participants[number];
        if !me.up || me.incarnation != incarnation {
            return;
        }
        let mut wait = RETRY_MS;
        match me.work.clone() {
            _ if !me.enrolled => self.send_up(number, Up::Enrol),
            None => {
                wait = POLL_MS;
                self.send_up(number, Up::Poll);
                self.intrude(number);
            }
            Some(work) if work.ready > self.now => wait = work.ready - self.now,
            Some(work) => self.deliver(number, &work.task),
        }
        if self.rng.below(4) == 0 {
            // Nobody waits for one answer before asking for the next task.
            self.send_up(number, Up::Poll);
        }
        let wait = wait + self.rng.below(20);
        self.queue.push(self.now + wait, What::Wake { number, incarnation });
    }

    pub(super) fn hear(&mut self, number: usize, message: Down) -> Checked {
        if !self.participants[number].up {
            return Ok(());
        }
        match message {
            Down::Enrolled => self.participants[number].enrolled = true,
            Down::Offer(task) => self.begin(number, task),
            Down::Ask(ask, mail) => return self.speak(number, &ask, &mail),
            Down::Accepted(digest) => self.answered(number, digest),
            Down::Refused(digest) => {
                // Half of those whose work was refused try again with better work.
                if self.calm() || self.rng.below(2) == 0 {
                    self.answered(number, digest);
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, number: usize, task: Task) {
        let me = &self.participants[number];
        let busy = me.work.as_ref().is_some_and(|work| work.task.round >= task.round);
        if busy || task.round <= me.answered {
            return;
        }
        let round = task.round;
        if !self.is_seated(number, &task) {
            self.send_up(number, Up::Decline { round });
            return;
        }
        if self.strikes(self.faults.decline, "declined") {
            self.send_up(number, Up::Decline { round });
            if self.rng.below(3) > 0 {
                self.participants[number].answered = round;
                return;
            }
            // It has second thoughts.
        }
        self.send_up(number, Up::Received { round });
        let mut hard = 1 + self.rng.below(80);
        if self.strikes(self.faults.slow, "slow-training") {
            hard += 3000;
        }
        let me = &mut self.participants[number];
        me.work = Some(Work { task, ready: self.now + hard, sent: None });
    }

    fn deliver(&mut self, number: usize, task: &Task) {
        let examples = examples_of(&self.participants[number].id);
        let made = self.sealed(number, task).or_else(|| self.trained(number, task, examples));
        let Some((mut signed, mut payload)) = made else { return };
        if !self.calm() && self.rng.unit() < self.faults.repeat {
            self.repeat(number);
        }
        if !self.calm() && self.rng.unit() < self.faults.hostile {
            (signed, payload) = self.spoil(number, task, (signed, payload));
        } else if !self.sent.iter().any(|(from, s, _)| *from == number && *s == signed) {
            self.sent.push((number, signed.clone(), payload.clone()));
        }
        if let Some(work) = &mut self.participants[number].work {
            work.sent = Some(signed.contribution.digest());
        }
        self.upload_from(number, signed, payload);
    }

    pub(super) fn upload_from(
        &mut self,
        number: usize,
        signed: SignedContribution,
        payload: Payload,
    ) {
        self.send_up(number, Up::Upload { signed: signed.into(), payload });
    }

    /// Does the current task, of which others may tell, without being asked.
    fn intrude(&mut self, number: usize) {
        let heard = self.coordinator.as_ref().map(|c| c.run().round().setup().task());
        let Some(task) = heard.filter(|_| !self.calm() && self.rng.below(4) == 0) else { return };
        if !self.may_intrude(number, &task) {
            return;
        }
        if self.strikes(self.faults.hostile, "uninvited")
            && let Some((signed, payload)) = self.uninvited(number, &task)
        {
            self.upload_from(number, signed, payload);
        }
    }

    /// Sends some earlier work again.
    fn repeat(&mut self, number: usize) {
        let mine: Vec<_> = self.sent.iter().filter(|(from, _, _)| *from == number).collect();
        let drawn = self.rng.below(mine.len() as u64) as usize;
        if let Some((_, old, bytes)) = mine.get(drawn).copied().cloned() {
            self.count("old-contribution");
            self.upload_from(number, old, bytes);
        }
    }

    /// The work of a task: three numbers that follow from who does it and for which model,
    /// clipped and sealed as in life.
    pub(super) fn trained(
        &mut self,
        number: usize,
        task: &Task,
        examples: u64,
    ) -> Option<(SignedContribution, Payload)> {
        let id = self.participants[number].id.clone();
        let context = task.context();
        let (clipped, within) = self.learned(&id, &context, examples)?;
        // Of sums nothing is told beside them that is about one participant.
        let alone = self.are_sums();
        let (payload, proof) = match alone {
            false => {
                let mut payload = self.channel.seal(&context, &id, &clipped).ok()?.payload;
                let proof = self.swear(number, task, (&clipped, examples), &mut payload)?;
                (payload, proof)
            }
            true => self.hidden(number, task, &clipped, within)?,
        };
        let contribution = Contribution {
            proof,
            participant: id,
            round: task.round,
            plan: task.plan,
            model: task.model,
            payload: Digest::of_bytes(&payload),
            payload_bytes: payload.len() as u64,
            examples: if alone { 1 } else { examples },
            loss: if alone { 0.0 } else { 0.25 },
            fit_ms: if alone { 0 } else { 7 },
            evaluation: None,
            within: None,
        };
        let (key, signature) = (String::new(), String::new());
        self.sworn(&contribution);
        let made = (SignedContribution { contribution, key, signature }, Payload::from(payload));
        self.keep_sealed(number, &made);
        Some(made)
    }

    /// What a participant learns from a model.
    pub(super) fn learned(
        &self,
        id: &ParticipantId,
        context: &Context,
        examples: u64,
    ) -> Option<(Clipped<Update>, bool)> {
        let parts = [id.as_str().as_bytes(), &context.model.0, &context.round.to_le_bytes()];
        let digest = Digest::of_parts("tacit/v1/world-update", &parts);
        let value = |i: usize| f32::from(digest.0[i]) / 128.0 - 1.0;
        let values = vec![value(0), value(1), value(2)];
        let update = Update::new(self.lab.layout.clone(), values, examples).ok()?;
        let (clipped, within) = Clipped::clip(update, &Clip::to(self.channel.bound));
        Some((self.settle(clipped)?, within))
    }

    /// The task is done with, whatever the answer was.
    fn answered(&mut self, number: usize, digest: Digest) {
        let me = &mut self.participants[number];
        if let Some(work) = me.work.take_if(|work| work.sent == Some(digest)) {
            me.answered = work.task.round;
        }
    }

    pub(super) fn kill_participant(&mut self, number: usize) {
        let me = &mut self.participants[number];
        if !me.up {
            return;
        }
        me.incarnation += 1;
        (me.up, me.enrolled, me.answered, me.work) = (false, false, 0, None);
        me.seat = None;
        let incarnation = me.incarnation;
        self.count("participant-crash");
        let at = (self.now + 1 + self.rng.below(1500)).min(self.faults.until);
        self.queue.push(at.max(self.now), What::Return { number, incarnation });
    }

    pub(super) fn come_back(&mut self, number: usize, incarnation: u32) {
        self.participants[number].up = true;
        self.wake(number, incarnation);
    }
}
