//! What the members of a simulated cohort say to each other, with the real cryptography.

use crate::notary::{VirtualNotary, credible};
use crate::ports::SystemEntropy;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tacit_core::error::Error;
use tacit_core::exchange::{Ask, Letter, Message};
use tacit_core::host::Host;
use tacit_core::ids::ParticipantId;
use tacit_core::params::Layout;
use tacit_core::plan::Plan;
use tacit_core::round::{Entry, Kind, Record, Setup};
use tacit_core::traits::{Member, Opening, Protection};

type Members = BTreeMap<ParticipantId, Box<dyn Member>>;

/// Both sides of the plan's protection, in one process.
pub(super) struct Talk<'a> {
    plan: &'a Plan,
    layout: &'a Layout,
    protection: Box<dyn Protection>,
    bits: Option<u32>,
    host: Host,
    members: Mutex<Members>,
    /// Bytes of messages and of mail since they were last taken.
    traffic: (u64, u64),
}

impl<'a> Talk<'a> {
    pub fn new(plan: &'a Plan, layout: &'a Layout) -> Result<Self, Error> {
        let channel = plan.channel(layout)?;
        let bits = channel.sums.map(|sums| sums.bits);
        let (host, members) = (Host::default(), Mutex::default());
        let protection = channel.protection;
        Ok(Self { plan, layout, protection, bits, host, members, traffic: (0, 0) })
    }

    fn members(&self) -> Result<MutexGuard<'_, Members>, Error> {
        self.members.lock().map_err(|_| Error::Bug("a thread died holding members"))
    }

    /// Follows a record of the journal; secrets are gone with their round.
    pub fn follow(&mut self, setup: &Setup, entry: &Entry) -> Result<(), Error> {
        self.host.follow(self.plan, self.layout, setup, entry)?;
        if matches!(entry.fact, Record::Released | Record::Aborted { .. }) {
            self.members()?.clear();
        }
        Ok(())
    }

    /// Asks members for their messages of a stage; what comes of it.
    pub fn ask(&mut self, ask: &Ask, to: &[ParticipantId]) -> Result<Vec<Kind>, Error> {
        let round = ask.context.round;
        let mut said = Vec::with_capacity(to.len());
        for participant in to {
            said.push(match self.letter(ask, participant) {
                Ok(letter) => {
                    let table = self.host.table(round)?;
                    let shown = credible(self.protection.exchange(), &letter);
                    match shown.and_then(|()| table.hear(&letter)) {
                        Ok(()) => Kind::Said(letter.signed),
                        Err(refusal) => Kind::Refused { participant: participant.clone(), refusal },
                    }
                }
                Err(Error::Bug(promise)) => return Err(Error::Bug(promise)),
                Err(error) => {
                    let (participant, why) = (participant.clone(), error.to_string());
                    Kind::Declined { participant, round, why }
                }
            });
        }
        Ok(said)
    }

    fn letter(&mut self, ask: &Ask, participant: &ParticipantId) -> Result<Letter, Error> {
        let notary = VirtualNotary::new(participant.clone());
        if ask.stage == 0 {
            let (Some(exchange), Some(bits)) = (self.protection.exchange(), self.bits) else {
                return Err(Error::Bug("a stage was asked for under a protection without any"));
            };
            let terms = self.plan.terms(&ask.context, bits);
            let notary = Arc::new(VirtualNotary::new(participant.clone()));
            let member = exchange.member(&terms, notary)?;
            self.members()?.insert(participant.clone(), member);
        }
        let mail = self.host.table(ask.context.round)?.mail(ask.stage, participant)?;
        self.traffic.1 += mail.len() as u64;
        let mut members = self.members()?;
        let member = members.get_mut(participant).ok_or(Error::Bug("a stranger was asked"))?;
        let body = member.say(ask.stage, &mail, &mut SystemEntropy)?;
        drop(members);
        self.traffic.0 += body.len() as u64;
        let message = Message::new(&ask.context, participant, ask.stage, &body);
        Ok(Letter { signed: notary.sign(message), body })
    }

    /// A participant's side of the protection, while it contributes.
    pub fn take(&self, participant: &ParticipantId) -> Result<Option<Box<dyn Member>>, Error> {
        match self.bits {
            Some(_) => Ok(self.members()?.remove(participant)),
            None => Ok(None),
        }
    }

    pub fn give_back(
        &self,
        participant: &ParticipantId,
        member: Option<Box<dyn Member>>,
    ) -> Result<(), Error> {
        if let Some(member) = member {
            self.members()?.insert(participant.clone(), member);
        }
        Ok(())
    }

    /// Bytes that members said and were told since this was asked last.
    pub fn take_traffic(&mut self) -> (u64, u64) {
        std::mem::take(&mut self.traffic)
    }

    /// Makes ready to open the sums of a round.
    pub fn open(&self, round: u32) -> Result<Option<Box<dyn Opening>>, Error> {
        self.host.open(round)
    }
}
