//! The coordinator's side of one round.

mod group;
mod hear;
mod mail;
mod open;

use crate::groups;
use crate::messages::{ADVERT_BYTES, Advert, decode, malformed};
use crate::ring::Ring;
use crate::rule::{CONFIRM, KEYS, SecAgg};
use group::Group;
use std::collections::BTreeMap;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Letter, Message, Terms};
use tacit_core::ids::ParticipantId;
use tacit_core::traits::{Opening, Table};

/// The coordinator in one round.
pub(crate) struct SecAggTable {
    rule: SecAgg,
    terms: Terms,
    ring: Ring,
    /// Everybody, by name, where there are several groups.
    cohort: Vec<ParticipantId>,
    groups: Vec<Group>,
    /// In which group everybody is.
    place: BTreeMap<ParticipantId, usize>,
    /// The stage that messages are taken of.
    stage: u8,
    contributed: bool,
}

/// What a message of stage 0 says its sender's credential is.
pub(crate) fn credential(letter: &Letter) -> Result<Option<Vec<u8>>, Refusal> {
    if letter.signed.message.stage != KEYS {
        return Ok(None);
    }
    let advert: Advert = decode("advert", &letter.body, ADVERT_BYTES)?;
    Ok(Some(advert.credential.0))
}

impl SecAggTable {
    pub(crate) fn new(
        rule: SecAgg,
        terms: &Terms,
        cohort: &[ParticipantId],
    ) -> Result<Self, Error> {
        let ring = Ring::new(terms.bits)?;
        if cohort.len() > terms.size || !cohort.is_sorted_by(|a, b| a < b) {
            let expected = format!("at most {} different names in order", terms.size);
            return Err(Error::caller("cohort", expected, format!("{} names", cohort.len())));
        }
        let of_group = groups::terms(&rule, terms);
        let partition = groups::partition(&rule, terms, cohort);
        let mut place = BTreeMap::new();
        let mut groups = Vec::with_capacity(partition.len());
        for (number, names) in partition.into_iter().enumerate() {
            place.extend(names.iter().map(|name| (name.clone(), number)));
            groups.push(Group::new(rule.clone(), of_group.clone(), number as u32));
        }
        let cohort = if rule.groups > 1 { cohort.to_vec() } else { Vec::new() };
        let terms = terms.clone();
        Ok(Self { rule, terms, ring, cohort, groups, place, stage: KEYS, contributed: false })
    }

    fn group(&self, name: &ParticipantId) -> Result<usize, Refusal> {
        let round = self.terms.context.round;
        let nobody = || Refusal::NotInCohort { participant: name.clone(), round };
        self.place.get(name).copied().ok_or_else(nobody)
    }

    /// Refuses messages of other rounds and stages.
    fn check(&self, message: &Message) -> Result<(), Refusal> {
        let context = &self.terms.context;
        if message.round != context.round {
            return Err(Refusal::WrongRound { expected: context.round, found: message.round });
        }
        if message.plan != context.plan {
            return Err(Refusal::WrongPlan { expected: context.plan, found: message.plan });
        }
        if message.model != context.model {
            return Err(Refusal::WrongModel { expected: context.model, found: message.model });
        }
        match message.stage {
            CONFIRM if !self.contributed => Err(malformed("message of a stage to come")),
            found if found == self.stage => Ok(()),
            found => Err(Refusal::WrongStage { expected: self.stage, found }),
        }
    }

    fn expect(&self, fits: bool, what: &'static str, stage: u8) -> Result<(), Error> {
        let expected = || format!("stage {} next", self.stage);
        if fits { Ok(()) } else { Err(Error::caller(what, expected(), format!("stage {stage}"))) }
    }
}

impl Table for SecAggTable {
    fn hear(&mut self, letter: &Letter) -> Result<(), Refusal> {
        self.check(&letter.signed.message)?;
        let group = self.group(letter.sender())?;
        self.groups[group].hear(letter)
    }

    fn close(&mut self, stage: u8) -> Result<(), Error> {
        let last = self.rule.unmask();
        let fits = stage == self.stage && stage <= last && (stage < CONFIRM || self.contributed);
        self.expect(fits, "closed stage", stage)?;
        self.groups.iter_mut().try_for_each(|group| group.close(stage))?;
        self.stage += 1;
        Ok(())
    }

    fn contributed(&mut self, roster: &[ParticipantId]) -> Result<(), Error> {
        self.expect(self.stage == CONFIRM && !self.contributed, "contributions", CONFIRM)?;
        let mut rosters = vec![Vec::new(); self.groups.len()];
        for name in roster {
            rosters[self.group(name)?].push(name);
        }
        for (group, names) in self.groups.iter_mut().zip(rosters) {
            group.contributed(&names)?;
        }
        self.contributed = true;
        Ok(())
    }

    fn mail(&self, stage: u8, to: &ParticipantId) -> Result<Vec<u8>, Error> {
        let fits = stage == self.stage && (stage < CONFIRM || self.contributed);
        self.expect(fits, "mail", stage)?;
        self.groups[self.group(to)?].mail(stage, to, &self.cohort)
    }

    fn open(&self) -> Result<Box<dyn Opening>, Error> {
        self.expect(self.stage > self.rule.unmask(), "opening", self.rule.unmask() + 1)?;
        let sums = self.groups.iter().map(|group| group.open()).collect::<Result<Vec<_>, _>>()?;
        Ok(crate::opening::of(self.rule.prg, self.ring, sums))
    }
}
