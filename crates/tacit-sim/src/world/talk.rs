//! The coordinator's side of what members say to each other, where only sums are opened, and what
//! must always hold of it.
//!
//! * What counts was kept first, and can be heard again: the table that follows the durable
//!   journal and the one that a restart makes are the same.
//! * Each member is heard once in a stage, and is handed the same mail however often it is asked;
//!   all are shown the same roster, so nobody is asked to unmask two.
//! * Nobody that is honest says two things in one stage of a round, crash or not.
//! * A round of members that do as they should, and all stay to the end, is opened.
//! * What is opened is the weighted mean of what the accepted contributors learned.

use super::coordinator::Coordinator;
use super::effects::Opened;
use super::events::Down;
use super::faults::Canary;
use super::{Checked, Violation, World, require};
use crate::notary::credible;
use std::collections::{BTreeMap, BTreeSet};
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Letter, Message, SignedMessage};
use tacit_core::host::Host;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::SignedContribution;
use tacit_core::rng::{Random, Seed};
use tacit_core::round::{Action, Admission, Entry, Kind, Record, Setup};
use tacit_core::run::Run;
use tacit_core::traits::{Blobs, Entropy, Spool};

/// How far an opened mean may be from the mean.
const ROUNDING: f64 = 1e-3;

pub(super) struct Talk {
    /// Members' randomness.
    pub entropy: Drawn,
    /// The table that follows the durable journal.
    mirror: Host,
    /// Mail by round and stage, and by member before contributions.
    mail: BTreeMap<(u32, u8, Option<usize>), Digest>,
    /// What was said, by speaker, round and stage.
    pub spoken: BTreeMap<(usize, u32, u8), Digest>,
    /// The same, for those who repeat it.
    pub heard: Vec<(usize, Letter)>,
    /// Rounds in which somebody said what nobody should.
    pub spoilt: BTreeSet<u32>,
}

/// Randomness that a seed repeats.
pub(super) struct Drawn(Random);

impl Entropy for Drawn {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill_with(|| self.0.next_u64() as u8);
        Ok(())
    }
}

impl Talk {
    pub fn new(seed: u64) -> Self {
        Self {
            entropy: Drawn(Seed::root(seed).derive("tacit/v1/world-entropy", &[]).rng()),
            mirror: Host::default(),
            mail: BTreeMap::new(),
            spoken: BTreeMap::new(),
            heard: Vec::new(),
            spoilt: BTreeSet::new(),
        }
    }
}

impl World {
    /// A message as it was kept.
    fn letter(&self, signed: &SignedMessage) -> Checked<Letter> {
        let Message { body, body_bytes, ref participant, .. } = signed.message;
        let lost = || Violation(format!("what {participant} said counts, and is not kept"));
        let mut bytes = vec![0; body_bytes as usize];
        Spool::read(&self.disk.store, body, 0, &mut bytes).map_err(|_| lost())?;
        Letter::new(signed.clone(), bytes).map_err(|_| lost())
    }

    /// Both tables follow a durable record.
    pub(super) fn follow(&mut self, entry: &Entry) -> Checked {
        if !self.are_sums() {
            return Ok(());
        }
        let setup = self.disk.shadow()?.round().setup().clone();
        let (plan, layout) = (self.plan, &self.lab.layout);
        if let Record::Said { signed } = &entry.fact {
            let letter = self.letter(signed)?;
            let heard = self.talk.mirror.table(entry.round)?.hear(&letter);
            heard
                .map_err(|refusal| Violation(format!("what counts cannot be heard: {refusal}")))?;
        }
        self.talk.mirror.follow(plan, layout, &setup, entry)?;
        let Some(coordinator) = &mut self.coordinator else { return Ok(()) };
        coordinator.host.follow(plan, layout, &setup, entry)?;
        if let Some((_, to)) = &mut coordinator.asks {
            match &entry.fact {
                Record::Said { signed } => drop(to.remove(&signed.message.participant)),
                Record::Declined { participant, .. } | Record::Left { participant } => {
                    to.remove(participant);
                }
                _ => {}
            }
        }
        self.check_table()
    }

    /// The table of the round that a journal ends in, unless the round is over: then what members
    /// said may be destroyed already.
    pub(super) fn resume(&self, run: &Run, entries: &[Entry]) -> Checked<Host> {
        let mut host = Host::default();
        if !self.are_sums() {
            return Ok(host);
        }
        let setup = run.round().setup();
        let current = || entries.iter().filter(|entry| entry.round == setup.round);
        let over = |entry: &Entry| matches!(entry.fact, Record::Released | Record::Aborted { .. });
        if current().any(over) {
            return Ok(host);
        }
        let mut skipped = self.canary != Some(Canary::AskAnew);
        for entry in current() {
            match &entry.fact {
                Record::Accepted { .. } if !skipped => {
                    skipped = true;
                    continue;
                }
                Record::Said { signed } if self.canary != Some(Canary::ForgetLetters) => {
                    let heard = host.table(entry.round)?.hear(&self.letter(signed)?);
                    heard.map_err(|refusal| Violation(format!("not heard again: {refusal}")))?;
                }
                _ => {}
            }
            host.follow(self.plan, &self.lab.layout, setup, entry)?;
        }
        Ok(host)
    }

    /// When all is over: the same once more, from what was ever kept.
    pub(super) fn follow_again(&self, host: &mut Host, setup: &Setup, entry: &Entry) -> Checked {
        if let Record::Said { signed } = &entry.fact {
            let body = self.disk.archive.get(&signed.message.body);
            let body = body.ok_or_else(|| Violation("what counts was never kept".into()))?;
            let letter = Letter::new(signed.clone(), body.to_vec()).map_err(Error::from)?;
            host.table(entry.round)?.hear(&letter).map_err(Error::from)?;
        }
        Ok(host.follow(self.plan, &self.lab.layout, setup, entry)?)
    }

    /// Whether the round can go on is what the durable journal says.
    pub(super) fn check_table(&mut self) -> Checked {
        let Some(coordinator) = &mut self.coordinator else { return Ok(()) };
        let round = coordinator.run().round().setup().round;
        let live = coordinator.host.table(round).is_ok();
        require(live == self.talk.mirror.table(round).is_ok(), || {
            format!("the table of round {round} is another one than its journal's")
        })
    }

    /// Hands a participant its mail.
    pub(super) fn ask(&mut self, number: usize) -> Checked {
        let Some(coordinator) = &mut self.coordinator else { return Ok(()) };
        let id = &self.participants[number].id;
        let Some(ask) = coordinator.asked(id).cloned() else { return Ok(()) };
        let (round, stage) = (ask.context.round, ask.stage);
        // A round that cannot go on lets its members wait.
        let Ok(table) = coordinator.host.table(round) else { return Ok(()) };
        let mail = table.mail(stage, id)?;
        let same = self.talk.mirror.table(round)?.mail(stage, id)? == mail;
        require(same, || format!("{id} gets other mail in stage {stage} than the journal says"))?;
        let before = stage < self.course.cohort.stages.before;
        let key = (round, stage, before.then_some(number));
        let digest = Digest::of_bytes(&mail);
        let shown = self.talk.mail.insert(key, digest);
        require(shown.is_none_or(|shown| shown == digest), || {
            format!("members of round {round} are shown two rosters in stage {stage}")
        })?;
        self.send_down(number, Down::Ask(ask, mail.into()));
        Ok(())
    }

    /// A member has spoken.
    pub(super) fn said(&mut self, from: usize, letter: &Letter) -> Checked {
        let participant = self.participants[from].id.clone();
        let kind = match self.listen(letter)? {
            Ok(Admission::Held) => return Ok(()),
            Ok(Admission::Wanted) => Kind::Said(letter.signed.clone()),
            Err(refusal) => Kind::Refused { participant, refusal },
        };
        self.handle(kind)
    }

    /// Keeps a message, and has the table hear it.
    fn listen(&mut self, letter: &Letter) -> Checked<Result<Admission, Refusal>> {
        let Some(coordinator) = &mut self.coordinator else { return Ok(Ok(Admission::Held)) };
        if let Err(refusal) = credible(self.channel.protection.exchange(), letter) {
            return Ok(Err(refusal));
        }
        match coordinator.run().round().hears(&letter.signed) {
            Ok(Admission::Wanted) => {}
            known => return Ok(known),
        }
        let Message { round, body, .. } = letter.signed.message;
        if self.canary != Some(Canary::KeepNoLetters) {
            self.disk.store.keep(round, body, letter.body.clone())?;
            self.disk.archive.insert(body, letter.body.clone().into());
        }
        let heard = match coordinator.host.table(round) {
            Ok(table) => table.hear(letter),
            Err(Error::Peer(refusal)) => Err(refusal),
            Err(error) => return Err(error.into()),
        };
        if let Err(refusal) = heard {
            // Some say the same in few words.
            if !self.disk.facts(round).said.values().any(|said| said.body == body) {
                self.disk.store.discard(round, body)?;
            }
            return Ok(Err(refusal));
        }
        Ok(Ok(Admission::Wanted))
    }

    /// Everybody whom a stage awaits is asked.
    pub(super) fn check_asks(&self, coordinator: &Coordinator) -> Checked {
        let asked = coordinator.asks.as_ref();
        let awaited = self.disk.shadow()?.outbox().into_iter().find_map(|action| match action {
            Action::Ask { ask, to } => Some((ask, to.into_iter().collect())),
            _ => None,
        });
        require(awaited.is_none() || asked == awaited.as_ref(), || {
            format!("members are asked for {asked:?} instead of {awaited:?}")
        })
    }

    /// What the durable journal opens is opened; if all members did as they should, it is.
    pub(super) fn check_opening(&self, setup: &Setup, opening: &Opened) -> Checked {
        let round = setup.round;
        if !self.are_sums() {
            return Ok(());
        }
        let why = || opening.as_ref().err().map(ToString::to_string);
        let mirrored = self.talk.mirror.open(round).err().map(|error| error.to_string());
        require(why() == mirrored, || {
            format!("round {round} opens with {:?}, its journal with {mirrored:?}", why())
        })?;
        let (facts, last) = (self.disk.facts(round), setup.rules.stages.count() - 1);
        let stayed = |id: &ParticipantId| facts.said.contains_key(&(last, id.clone()));
        let all = facts.accepted.keys().all(stayed);
        require(why().is_none() || !all || self.talk.spoilt.contains(&round), || {
            format!("nobody left round {round}, and yet: {:?}", why())
        })
    }

    /// What is opened is the mean of what is known to have been learned.
    pub(super) fn check_sum(
        &self,
        setup: &Setup,
        contributions: &[SignedContribution],
        model: Digest,
    ) -> Checked {
        if !self.are_sums() {
            return Ok(());
        }
        let (mut sum, mut total) = ([0.0; 3], 0.0);
        for SignedContribution { contribution, .. } in contributions {
            let id = &contribution.participant;
            let weight = self.weight_of(id);
            let learned = self.learned(id, &setup.context(), weight);
            let (update, _) = learned.ok_or_else(|| Violation("nothing was learned".into()))?;
            for (sum, value) in sum.iter_mut().zip(update.get().values()) {
                *sum += weight as f64 * f64::from(*value);
            }
            total += weight as f64;
        }
        let (before, after) = (self.values(setup.model)?, self.values(model)?);
        let near = (0..3).all(|i| (after[i] - before[i] - sum[i] / total).abs() <= ROUNDING);
        require(near, || format!("round {} opens another mean than its members have", setup.round))
    }

    fn values(&self, model: Digest) -> Checked<[f64; 3]> {
        let mut bytes = [0; 12];
        Blobs::read(&self.disk.store, model, 0, &mut bytes)?;
        let (values, _) = bytes.as_chunks::<4>();
        Ok(std::array::from_fn(|i| f64::from(f32::from_le_bytes(values[i]))))
    }
}
