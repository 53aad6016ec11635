//! Who is hostile, and how what they send is forged.

use super::{Attack, Honest, Means, Scene};
use crate::memory::MemoryStore;
use std::collections::{BTreeMap, BTreeSet};
use tacit_core::bound::{Bound, Clip};
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::local::LocalData;
use tacit_core::params::check_finite;
use tacit_core::pipeline::{self, Accepted, Channel, Cohort};
use tacit_core::rng::Seed;
use tacit_core::traits::{Context, View};
use tacit_learn::federation::Federation;

/// An attack and the participants that carry it out.
pub struct Adversary {
    attack: Box<dyn Attack>,
    hostile: BTreeSet<ParticipantId>,
    seed: Seed,
    /// What all of them send in the round of this number.
    shared: Option<(u32, Vec<f32>)>,
}

/// A round as the adversary meets it.
pub(crate) struct Field<'a> {
    /// Number of participants that answer, and of hostile ones among them.
    pub(crate) scene: Scene,
    /// Plan, round and model.
    pub(crate) context: Context,
    /// Honest contributions so far, in the order of names.
    pub(crate) honest: &'a [Accepted],
    /// Where their payloads lie.
    pub(crate) store: &'a MemoryStore,
    /// Values of an update.
    pub(crate) len: usize,
}

impl Adversary {
    /// `byzantine` participants of `federation`, drawn from `seed`.
    ///
    /// # Errors
    /// More hostile participants than there are.
    pub fn draw(
        attack: Box<dyn Attack>,
        byzantine: usize,
        federation: &Federation,
        seed: Seed,
    ) -> Result<Self, Error> {
        let participants = federation.participants();
        let mut names: Vec<_> = participants.iter().map(|(name, _)| name.clone()).collect();
        if byzantine > names.len() {
            let expected = format!("at most {} hostile participants", names.len());
            return Err(Error::caller("adversary", expected, byzantine.to_string()));
        }
        seed.derive("tacit/v1/hostile", &[]).rng().shuffle(&mut names);
        names.truncate(byzantine);
        Ok(Self { attack, hostile: names.into_iter().collect(), seed, shared: None })
    }

    /// Who is hostile.
    pub fn hostile(&self) -> &BTreeSet<ParticipantId> {
        &self.hostile
    }

    /// The attack.
    pub fn attack(&self) -> &dyn Attack {
        &*self.attack
    }

    /// What hostile participants hold in the place of their own examples.
    pub(crate) fn poisoned(
        &self,
        federation: &Federation,
    ) -> Result<BTreeMap<ParticipantId, LocalData>, Error> {
        let mut all = BTreeMap::new();
        for (name, data) in federation.participants() {
            if !self.hostile.contains(name) {
                continue;
            }
            let seed = self.seed.derive("tacit/v1/poison", &[name.as_str().as_bytes()]);
            if let Some(train) = self.attack.poison(&data.train, seed)? {
                all.insert(name.clone(), LocalData { train, held_out: data.held_out.clone() });
            }
        }
        Ok(all)
    }

    /// The payload that a hostile participant sends in the place of its `own`; `None` if it sends
    /// its own. Memory: one update, and one chunk of every honest one.
    pub(crate) fn forge(
        &mut self,
        channel: &Channel,
        field: &Field<'_>,
        own: &Accepted,
    ) -> Result<Option<Vec<u8>>, Error> {
        let means = self.attack.means();
        if means == Means::Data || (means == Means::Honest && field.honest.is_empty()) {
            return Ok(None);
        }
        if channel.protection.reveals() == View::Sum {
            let expected = "a protection under which updates can be taken apart";
            return Err(Error::caller("attack", expected, "sums alone"));
        }
        let values = match means {
            Means::Own => self.altered(channel, field, own)?,
            _ => self.shared(channel, field)?,
        };
        let values = at_the_door(values, channel.bound);
        channel.dangerous_seal(&field.context, &own.participant, &values).map(Some)
    }

    fn altered(
        &mut self,
        channel: &Channel,
        field: &Field<'_>,
        own: &Accepted,
    ) -> Result<Vec<f32>, Error> {
        let (scene, name) = (field.scene, own.participant.as_str().as_bytes());
        let seed = self.seed.derive("tacit/v1/forge", &[&scene.round.to_le_bytes(), name]);
        let mut random = seed.rng();
        let mut values = Vec::with_capacity(field.len);
        read(channel, field, std::slice::from_ref(own), |rows| {
            let start = values.len();
            values.extend_from_slice(rows[0]);
            self.attack.alter(&scene, &mut values[start..], &mut random);
            Ok(())
        })?;
        Ok(values)
    }

    fn shared(&mut self, channel: &Channel, field: &Field<'_>) -> Result<Vec<f32>, Error> {
        let scene = field.scene;
        if let Some((round, values)) = &self.shared
            && *round == scene.round
        {
            return Ok(values.clone());
        }
        let names: Vec<_> = field.honest.iter().map(|a| a.participant.clone()).collect();
        if self.attack.surveys() {
            read(channel, field, field.honest, |rows| {
                self.attack.survey(&scene, &Honest { names: &names, rows });
                Ok(())
            })?;
        }
        let mut values = vec![0.0; field.len];
        let mut done = 0;
        read(channel, field, field.honest, |rows| {
            let next = done + rows[0].len();
            let honest = Honest { names: &names, rows };
            self.attack.collude(&scene, &honest, &mut values[done..next]);
            done = next;
            Ok(())
        })?;
        self.shared = Some((scene.round, values.clone()));
        Ok(values)
    }
}

/// Decodes payloads chunk by chunk; each call gets one row for each of them.
fn read(
    channel: &Channel,
    field: &Field<'_>,
    accepted: &[Accepted],
    mut visit: impl FnMut(&[&[f32]]) -> Result<(), Error>,
) -> Result<(), Error> {
    let Field { context, store, len, .. } = field;
    let cohort =
        Cohort { context, accepted, spool: *store, len: *len, before: &[], bound: channel.bound };
    pipeline::visit(channel, &cohort, |rows| visit(rows.rows))
}

/// The values as they get in: within the range of sums, and within the bound. What is not finite
/// stays so.
fn at_the_door(mut values: Vec<f32>, bound: Bound) -> Vec<f32> {
    if check_finite(&values, 0).is_err() {
        return values;
    }
    let edge = limits::UPDATE_MAGNITUDE as f32;
    values.iter_mut().for_each(|x| *x = x.clamp(-edge, edge));
    Clip::to(bound).apply(&mut values, std::iter::empty());
    values
}
