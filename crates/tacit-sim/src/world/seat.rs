//! A participant's side of what the members of a cohort say to each other, where only sums are
//! opened: the member is lost in a crash, and a round is entered once.

use super::events::{Payload, Up};
use super::faults::Canary;
use super::participant::examples_of;
use super::sworn::Witness;
use super::{Checked, Violation, World, require};
use crate::notary::VirtualNotary;
use std::sync::Arc;
use tacit_core::error::Error;
use tacit_core::evidence::Clipped;
use tacit_core::exchange::{Ask, Letter, Message};
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{ProofHeader, SignedContribution, Task};
use tacit_core::params::Update;
use tacit_core::pipeline::{Figures, Hidden, Prove};
use tacit_core::round::Round;
use tacit_core::traits::{Context, Member};

type Delivery = (SignedContribution, Payload);

/// What a participant holds of the round that it entered.
pub(super) struct Seat {
    context: Context,
    member: Box<dyn Member>,
    /// The last message, for a coordinator that lost it.
    said: Option<Letter>,
    /// The contribution, for the same.
    sealed: Option<Delivery>,
}

impl World {
    /// Whether only sums are opened in this world.
    pub(super) fn are_sums(&self) -> bool {
        self.channel.sums.is_some()
    }

    /// Whether a participant can do this task at all.
    pub(super) fn is_seated(&self, number: usize, task: &Task) -> bool {
        let seat = self.participants[number].seat.as_ref();
        !self.are_sums() || seat.is_some_and(|seat| seat.context == task.context())
    }

    /// Answers one stage, with the same message as often as it is asked.
    pub(super) fn speak(&mut self, number: usize, ask: &Ask, mail: &[u8]) -> Checked {
        if ask.stage == 0 && !self.holds_seat(number, &ask.context) && !self.enter(number, ask)? {
            // It was here before a crash, and has no secrets of this round any more.
            self.send_up(number, Up::Decline { round: ask.context.round });
            return Ok(());
        }
        let id = self.participants[number].id.clone();
        let Some(seat) = self.participants[number].seat.as_mut() else { return Ok(()) };
        let last = seat.said.as_ref().map(|said| said.signed.message.stage);
        if seat.context != ask.context || last.is_some_and(|last| last > ask.stage) {
            return Ok(());
        }
        if last != Some(ask.stage) {
            let body = match seat.member.say(ask.stage, mail, &mut self.talk.entropy) {
                Ok(body) => body,
                Err(Error::Bug(what)) => return Err(Violation(what.into())),
                Err(_) => {
                    self.send_up(number, Up::Decline { round: ask.context.round });
                    return Ok(());
                }
            };
            let message = Message::new(&ask.context, &id, ask.stage, &body);
            let signed = VirtualNotary::new(id).sign(message);
            seat.said = Some(Letter { signed, body });
        }
        let Some(letter) = seat.said.clone() else { return Ok(()) };
        self.check_spoken(number, &letter.signed.message)?;
        self.say_ill(number, &letter);
        self.send_up(number, Up::Say(letter.into()));
        Ok(())
    }

    fn holds_seat(&self, number: usize, context: &Context) -> bool {
        self.participants[number].seat.as_ref().is_some_and(|seat| seat.context == *context)
    }

    fn enter(&mut self, number: usize, Ask { context, .. }: &Ask) -> Checked<bool> {
        let (Some(exchange), Some(sums)) = (self.channel.protection.exchange(), self.channel.sums)
        else {
            return Err(Violation("somebody is asked for a message though all is seen".into()));
        };
        let me = &mut self.participants[number];
        if context.round <= me.entered && self.canary != Some(Canary::EnterTwice) {
            return Ok(false);
        }
        me.entered = context.round.max(me.entered);
        let terms = self.plan.terms(context, sums.bits);
        let member = exchange.member(&terms, Arc::new(VirtualNotary::new(me.id.clone())))?;
        me.seat = Some(Seat { context: context.clone(), member, said: None, sealed: None });
        Ok(true)
    }

    /// The payload of an update that is sealed for the first time, and its proof.
    pub(super) fn hidden(
        &mut self,
        number: usize,
        task: &Task,
        clipped: &Clipped<Update>,
        within: bool,
    ) -> Option<(Vec<u8>, Option<ProofHeader>)> {
        let context = task.context();
        let id = self.participants[number].id.clone();
        let weight = self.weight_of(&id);
        let proves = self.oaths.is_some();
        let lies = proves && self.strikes(self.faults.hostile / 8.0, "false-sum");
        let me = &mut self.participants[number];
        let fresh = |seat: &&mut Seat| seat.context == context && seat.sealed.is_none();
        let seat = me.seat.as_mut().filter(fresh)?;
        let figures = Figures { weight, within, ..Figures::default() };
        let (mut proof, entropy, oaths) = (None, &mut self.talk.entropy, &mut self.oaths);
        let (plan, lab) = (self.plan, self.lab);
        let mut prove = |levels: &[i64]| {
            let oaths = oaths.as_mut().ok_or(Error::Bug("nothing is proved in this world"))?;
            let (header, blindings) =
                oaths.swear_levels(&Witness { plan, lab, id: &id, task }, levels, lies, entropy)?;
            proof = Some(header);
            Ok(blindings)
        };
        let prove = proves.then_some(&mut prove as Prove<'_>);
        let hidden = Hidden { prove, figures, member: &mut *seat.member };
        let payload = self.channel.seal_hidden(&context, &id, clipped, hidden).ok()?.payload;
        Some((payload, proof))
    }

    /// What a participant's update weighs.
    pub(super) fn weight_of(&self, id: &ParticipantId) -> u64 {
        if self.channel.equal.is_some() { 1 } else { examples_of(id) }
    }

    pub(super) fn keep_sealed(&mut self, number: usize, made: &Delivery) {
        if let Some(seat) = &mut self.participants[number].seat {
            seat.sealed = Some(made.clone());
        }
    }

    /// What was sealed for this task before.
    pub(super) fn sealed(&self, number: usize, task: &Task) -> Option<Delivery> {
        let seat = self.participants[number].seat.as_ref()?;
        seat.sealed.clone().filter(|_| seat.context == task.context())
    }

    /// Whether work that nobody asked for can be told: whoever shared its secrets may also spoil a
    /// sum, and no sum tells.
    pub(super) fn may_intrude(&self, number: usize, task: &Task) -> bool {
        let round = self.coordinator.as_ref().map(|coordinator| coordinator.run().round());
        let open = matches!(round, Some(Round::Distributing(_) | Round::Collecting(_)));
        let (id, facts) = (&self.participants[number].id, self.disk.facts(task.round));
        let shared = facts.said.contains_key(&(1, id.clone()));
        !self.are_sums() || (open && !shared && !self.sent.is_empty())
    }

    /// Work that nobody asked for; where only sums are opened it is somebody else's.
    pub(super) fn uninvited(&mut self, number: usize, task: &Task) -> Option<Delivery> {
        if !self.are_sums() {
            return self.trained(number, task, 1);
        }
        let id = &self.participants[number].id;
        let (_, mut signed, payload) = self.sent.last()?.clone();
        let header = &mut signed.contribution;
        (header.participant, header.round, header.model) = (id.clone(), task.round, task.model);
        Some((signed, payload))
    }

    /// Says something else before it says what it should.
    fn say_ill(&mut self, number: usize, good: &Letter) {
        if !self.talk.heard.iter().any(|(_, letter)| letter == good) {
            self.talk.heard.push((number, good.clone()));
        }
        if self.calm() || self.rng.unit() >= self.faults.hostile / 3.0 {
            return;
        }
        let mut letter = good.clone();
        let message = &mut letter.signed.message;
        match self.rng.below(3) {
            0 => {
                message.stage = (message.stage + 1 + self.rng.below(4) as u8) % 5;
                self.count("wrong-stage");
            }
            1 if !letter.body.is_empty() => {
                let place = self.rng.below(letter.body.len() as u64) as usize;
                letter.body[place] ^= 1 << self.rng.below(8);
                self.talk.spoilt.insert(message.round);
                self.count("changed-letter");
            }
            _ => {
                let mine = self.talk.heard.iter().filter(|(from, _)| *from == number);
                let mine: Vec<&Letter> = mine.map(|(_, letter)| letter).collect();
                letter = mine[self.rng.below(mine.len() as u64) as usize].clone();
                self.count("old-letter");
            }
        }
        // Whoever speaks also signs.
        let Message { plan, round, model, stage, ref participant, .. } = letter.signed.message;
        let message =
            Message::new(&Context { plan, round, model }, participant, stage, &letter.body);
        letter.signed = VirtualNotary::new(message.participant.clone()).sign(message);
        self.send_up(number, Up::Say(letter.into()));
    }

    /// Nobody that is honest ever says two things in one stage.
    fn check_spoken(&mut self, number: usize, message: &Message) -> Checked {
        let key = (number, message.round, message.stage);
        let before = self.talk.spoken.insert(key, message.digest());
        require(before.is_none_or(|digest| digest == message.digest()), || {
            format!("{} says two things in stage {}", message.participant, message.stage)
        })
    }
}
