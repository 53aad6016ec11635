//! One group of a cohort, as the coordinator sees it.

use crate::messages::{Advert, Dealing, Fixed};
use crate::roster::Roster;
use crate::rule::{CONFIRM, KEYS, READY, SHARES, SecAgg};
use crate::session::Session;
use crate::shamir::Share;
use std::collections::{BTreeMap, BTreeSet};
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{SignedMessage, Terms};
use tacit_core::ids::ParticipantId;

/// What was heard of a group.
pub(super) struct Group {
    pub rule: SecAgg,
    pub terms: Terms,
    pub number: u32,
    pub phase: Phase,
}

/// Before and after the members are known.
pub(super) enum Phase {
    /// Adverts come in.
    Open(BTreeMap<ParticipantId, Heard>),
    /// The members of the session are those whose adverts came.
    Known(Box<Known>),
}

/// A message of stage 0.
pub(super) struct Heard {
    pub signed: SignedMessage,
    pub body: Vec<u8>,
    pub advert: Advert,
}

/// A group whose members are known; lists are by their numbers.
pub(super) struct Known {
    pub session: Session,
    pub adverts: Vec<Heard>,
    pub dealings: Vec<Option<Dealing>>,
    /// Whose message of stage 1 came.
    pub shared: Roster,
    /// What each complains of, once it is ready.
    pub ready: Vec<Option<Vec<u32>>>,
    pub roster: Roster,
    pub confirmations: BTreeMap<u32, Fixed<64>>,
    /// Who revealed shares.
    pub unmasked: BTreeSet<u32>,
    /// The shares that were revealed of each owner, by the places of their holders among its
    /// neighbours.
    pub revealed: Vec<BTreeMap<u32, Share>>,
}

impl Group {
    pub fn new(rule: SecAgg, terms: Terms, number: u32) -> Self {
        Self { rule, terms, number, phase: Phase::Open(BTreeMap::new()) }
    }

    /// What is known once stage 0 is closed.
    pub fn known(&self) -> Result<&Known, Error> {
        match &self.phase {
            Phase::Known(known) => Ok(known),
            Phase::Open(_) => Err(Error::Bug("a group was used before its members were known")),
        }
    }

    pub fn close(&mut self, stage: u8) -> Result<(), Error> {
        match &mut self.phase {
            Phase::Open(heard) if stage == KEYS => {
                let heard = std::mem::take(heard);
                let known = Known::new(&self.rule, &self.terms, self.number, heard)?;
                self.phase = Phase::Known(Box::new(known));
                Ok(())
            }
            Phase::Known(known) => match stage {
                SHARES => known.close_shares(),
                READY => known.close_ready(self.terms.colluders()),
                CONFIRM if self.rule.malicious => known.close_confirm(),
                _ => Ok(()),
            },
            Phase::Open(_) => Err(Error::Bug("a stage was closed before the first")),
        }
    }

    pub fn contributed(&mut self, names: &[&ParticipantId]) -> Result<(), Error> {
        let round = self.terms.context.round;
        match &mut self.phase {
            Phase::Known(known) => known.contributed(names, round),
            Phase::Open(_) => Err(Error::Bug("contributions closed before keys")),
        }
    }
}

impl Known {
    fn new(
        rule: &SecAgg,
        terms: &Terms,
        group: u32,
        heard: BTreeMap<ParticipantId, Heard>,
    ) -> Result<Self, Error> {
        let digest = |heard: &Heard| heard.signed.message.digest();
        let known: Vec<(ParticipantId, Digest)> =
            heard.iter().map(|(name, heard)| (name.clone(), digest(heard))).collect();
        let session = Session::new(rule, terms, group, &known)?;
        let count = known.len();
        let nobody = Roster::of(count, []);
        let mut dealings = Vec::new();
        dealings.resize_with(count, || None);
        Ok(Self {
            session,
            adverts: heard.into_values().collect(),
            dealings,
            shared: nobody.clone(),
            ready: vec![None; count],
            roster: nobody,
            confirmations: BTreeMap::new(),
            unmasked: BTreeSet::new(),
            revealed: vec![BTreeMap::new(); count],
        })
    }

    fn close_shares(&mut self) -> Result<(), Error> {
        let shared = self.dealings.iter().enumerate().filter(|(_, dealing)| dealing.is_some());
        self.shared = Roster::of(self.dealings.len(), shared.map(|(member, _)| member));
        Ok(self.session.check_set("members that shared", &self.shared, None)?)
    }

    /// Ends the round before anybody contributes in vain: whoever's secrets cannot be given back
    /// would make it fail.
    fn close_ready(&mut self, colluders: usize) -> Result<(), Error> {
        let ready = self.ready.iter().enumerate().filter(|(_, ready)| ready.is_some());
        let ready = Roster::of(self.ready.len(), ready.map(|(member, _)| member));
        self.session.check_set("members that hold shares", &ready, Some(&self.shared))?;
        self.check_holders(&ready, colluders)
    }

    /// Refuses a set of members without whose others the secrets of somebody are lost. More
    /// complaints than there are members that lie prove that an owner dealt bad shares.
    fn check_holders(&self, left: &Roster, colluders: usize) -> Result<(), Error> {
        for owner in self.shared.iter() {
            let complains = |holder: &usize| {
                let of = self.ready[*holder].as_ref();
                of.is_some_and(|of| of.binary_search(&(owner as u32)).is_ok())
            };
            let holders = self.session.among(owner, left);
            let (bad, good): (Vec<usize>, Vec<usize>) = holders.partition(complains);
            let threshold = self.session.topology.threshold;
            if good.len() >= threshold {
                continue;
            }
            let participant = self.session.names[owner].clone();
            if bad.len() > colluders {
                let what = format!("{} of its shares cannot be used", bad.len());
                return Err(Refusal::Inconsistent { participant, what }.into());
            }
            let what = format!("members that hold shares of {participant}");
            let (expected, found) = (threshold as u64, good.len() as u64);
            return Err(Refusal::TooFew { what, expected, found }.into());
        }
        Ok(())
    }

    fn contributed(&mut self, names: &[&ParticipantId], round: u32) -> Result<(), Error> {
        let mut numbers = Vec::with_capacity(names.len());
        for name in names {
            let number = self.session.number(name).filter(|number| self.shared.has(*number));
            let stranger = || Refusal::NotInCohort { participant: (*name).clone(), round };
            numbers.push(number.ok_or_else(stranger)?);
        }
        self.roster = Roster::of(self.session.names.len(), numbers);
        self.session.check_set("contributions", &self.roster, Some(&self.shared))?;
        self.check_holders(&self.roster, usize::MAX)
    }

    fn close_confirm(&mut self) -> Result<(), Error> {
        let (expected, found) = (self.session.quorum as u64, self.confirmations.len() as u64);
        if found < expected {
            return Err(Refusal::TooFew { what: "confirmations".into(), expected, found }.into());
        }
        Ok(())
    }
}
