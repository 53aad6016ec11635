//! A participant's place in what the members of a cohort say to each other.

use super::Worker;
use crate::committee;
use std::sync::Arc;
use tacit_audit::OsEntropy;
use tacit_core::error::Error;
use tacit_core::exchange::{Ask, Letter, Message};
use tacit_core::messages::{SignedContribution, Task};
use tacit_core::traits::{Context, Member, Notary, Protection, Transport};

/// What a participant holds of the current round. Its keys live in this process alone: one that
/// was restarted sits the round out, so that it never speaks twice under one round's name.
pub(super) struct Seat {
    protection: Box<dyn Protection>,
    /// Integers are modulo 2 to this power; `None` where no sums are opened.
    bits: Option<u32>,
    notary: Option<Arc<dyn Notary>>,
    taken: Option<Taken>,
}

struct Taken {
    context: Context,
    member: Box<dyn Member>,
    /// The last message, for a coordinator that lost it.
    said: Option<Letter>,
    /// The contribution, for the same: sealed twice it would show the difference.
    sealed: Option<(SignedContribution, Vec<u8>)>,
}

fn unasked(found: impl Into<String>) -> Error {
    Error::caller("coordinator", "the stages of one round, each in its turn", found)
}

impl Seat {
    pub fn new(worker: &Worker<'_>) -> Result<Self, Error> {
        committee::required(worker.local.plan, worker.committee.is_some())?;
        let channel = worker.local.plan.channel(&worker.layout)?;
        let bits = channel.sums.map(|sums| sums.bits);
        let notary = bits.map(|_| worker.signer.notary()).transpose()?;
        Ok(Self { protection: channel.protection, bits, notary, taken: None })
    }

    /// Answers one stage.
    pub fn speak(
        &mut self,
        worker: &mut Worker<'_>,
        transport: &mut dyn Transport,
        ask: &Ask,
    ) -> Result<(), Error> {
        if ask.stage == 0 && self.taken.as_ref().is_none_or(|t| t.context != ask.context) {
            self.enter(worker, &ask.context)?;
        }
        let taken = self.taken.as_mut().filter(|taken| taken.context == ask.context);
        let taken = taken.ok_or_else(|| unasked("a stage of a round that was not entered"))?;
        let again = taken.said.as_ref().filter(|said| said.signed.message.stage == ask.stage);
        if let Some(said) = again {
            return transport.say(said);
        }
        let mail = transport.mail(ask)?;
        let body = taken.member.say(ask.stage, &mail, &mut OsEntropy)?;
        let name = worker.local.participant;
        let message = Message::new(&ask.context, name, ask.stage, &body);
        let letter = Letter { signed: worker.signer.sign_message(message), body };
        transport.say(&letter)?;
        taken.said = Some(letter);
        Ok(())
    }

    fn enter(&mut self, worker: &mut Worker<'_>, context: &Context) -> Result<(), Error> {
        let plan = worker.local.plan;
        let (Some(exchange), Some(bits), Some(notary)) =
            (self.protection.exchange(), self.bits, &self.notary)
        else {
            return Err(unasked("a stage under a protection without any"));
        };
        if context.plan != plan.digest() {
            let found = context.plan.to_string();
            return Err(Error::caller("round", format!("plan {}", plan.digest()), found));
        }
        if !worker.memory.enter(context.round)? {
            return Err(unasked("a round that was entered before"));
        }
        let terms = plan.terms(context, bits);
        let member = match &worker.committee {
            Some(committee) => committee.clone().member(&terms)?,
            None => exchange.member(&terms, notary.clone())?,
        };
        self.taken = Some(Taken { context: context.clone(), member, said: None, sealed: None });
        Ok(())
    }

    /// This participant's side of the protection for a task.
    pub fn member(&mut self, task: &Task) -> Result<Option<&mut dyn Member>, Error> {
        if self.bits.is_none() {
            return Ok(None);
        }
        match &mut self.taken {
            Some(taken) if taken.context == task.context() && taken.sealed.is_none() => {
                Ok(Some(&mut *taken.member))
            }
            _ => Err(unasked("a task of a round that was not entered")),
        }
    }

    /// What was sealed for a task before.
    pub fn sealed(&self, task: &Task) -> Option<(&SignedContribution, &[u8])> {
        let taken = self.taken.as_ref().filter(|taken| taken.context == task.context())?;
        taken.sealed.as_ref().map(|(signed, body)| (signed, &body[..]))
    }

    /// Keeps a contribution until the next round.
    pub fn keep(&mut self, signed: SignedContribution, body: Vec<u8>) {
        if let Some(taken) = &mut self.taken {
            taken.sealed = Some((signed, body));
        }
    }

    /// Forgets the round, with all its secrets.
    pub fn leave(&mut self) {
        self.taken = None;
    }
}
