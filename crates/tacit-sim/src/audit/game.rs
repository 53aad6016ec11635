//! One run with canaries, as an auditor sees it.

use super::evidence::Evidence;
use super::one_run::{Canaries, Place, Seen};
use crate::memory::MemoryStore;
use crate::ports::{SystemClock, SystemEntropy};
use crate::simulate::{MEMORY_BYTES, Options, Planted, Recorder, simulate};
use std::collections::BTreeMap;
use tacit_core::central;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::kept::Kept;
use tacit_core::local::{self, Local, LocalData, Made, Start};
use tacit_core::messages::Task;
use tacit_core::params::Params;
use tacit_core::pipeline::{self, Channel, Cohort};
use tacit_core::plan::Plan;
use tacit_core::round::Summary;
use tacit_core::traits::{Calibration, Context, Spool, Trainer};
use tacit_learn::federation::Federation;

/// A run that is about to begin.
pub(super) struct Game<'a> {
    pub plan: &'a Plan,
    pub federation: &'a Federation,
    pub canaries: Canaries,
    pub evidence: Evidence,
}

/// Evidence by canary, from one model to the next.
struct Models<'a> {
    game: &'a Game<'a>,
    before: Vec<f32>,
    releases: u32,
    scores: Vec<f64>,
}

impl Recorder for Models<'_> {
    fn log(&mut self, summary: &Summary) -> Result<u64, Error> {
        Ok(u64::from(summary.setup.round) - 1)
    }

    fn publish(&mut self, _round: u32, model: &Params) -> Result<(), Error> {
        let size = self.game.plan.cohort().size as f64;
        let places = self.game.canaries.places().values();
        for (score, &Place { at, .. }) in self.scores.iter_mut().zip(places) {
            let step = f64::from(model.values()[at]) - f64::from(self.before[at]);
            *score += self.game.evidence.of(step * size);
        }
        self.before = model.values().to_vec();
        self.releases += 1;
        Ok(())
    }
}

impl Game<'_> {
    /// Runs the plan and looks at every model that is released.
    pub fn releases(&self, model: &Params) -> Result<Seen, Error> {
        let before = model.values().to_vec();
        let scores = vec![0.0; self.canaries.places().len()];
        let mut models = Models { game: self, before, releases: 0, scores };
        let options = Options { plants: Some(&self.canaries), ..Options::new(&mut models) };
        let outcome = simulate(self.plan, self.federation, options, &mut |_| {})?;
        let claimed = outcome
            .history
            .last()
            .map_or(0.0, |report| report.epsilon.map_or(f64::INFINITY, |epsilon| epsilon.upper));
        Ok(Seen { claimed, releases: models.releases, scores: self.told(models.scores) })
    }

    /// How each coin fell, beside the score of its canary.
    fn told(&self, scores: Vec<f64>) -> Vec<(bool, f64)> {
        self.canaries.places().values().map(|place| place.inside).zip(scores).collect()
    }

    /// Looks at every canary's contribution to as many rounds as the budget allows.
    pub fn contributions(&self, model: &Params) -> Result<Seen, Error> {
        let account = self.plan.account(model.layout().len())?;
        let mut account = account.ok_or(Error::Bug("a plan with noise has no account"))?;
        let (rules, roster) = (self.plan.cohort(), self.federation.participants().len());
        let cost = self.plan.mechanism()?.cost(&self.calibration(model))?;
        let mut releases = 0;
        while releases < self.plan.num_rounds() && account.allows_next(rules, roster)? {
            account.add(account.release(cost, rules, roster));
            releases += 1;
        }
        let claimed = account.epsilon()?.map_or(f64::INFINITY, |epsilon| epsilon.upper);
        let channel = self.plan.channel(model.layout())?;
        let mut trainer = self.federation.trainer()?;
        let mut scores = Vec::new();
        let data: BTreeMap<_, _> =
            self.federation.participants().iter().map(|(name, data)| (name, data)).collect();
        for (name, place) in self.canaries.places() {
            let data = data.get(name).ok_or(Error::Bug("a canary has no examples"))?;
            let member = Member { name, at: place.at, data };
            scores.push(self.contributed(&member, model, &channel, &mut *trainer, releases)?);
        }
        Ok(Seen { claimed, releases, scores: self.told(scores) })
    }

    /// Evidence of all contributions of one canary, as the coordinator decodes them.
    fn contributed(
        &self,
        member: &Member<'_>,
        model: &Params,
        channel: &Channel,
        trainer: &mut dyn Trainer,
        rounds: u32,
    ) -> Result<f64, Error> {
        let store = MemoryStore::new(MEMORY_BYTES);
        let len = self.plan.sent_len(model.layout().len())?;
        let (mut score, mut before) = (0.0, Kept::default());
        for round in 1..=rounds {
            let task = self.task(round, model);
            let local = Local { plan: self.plan, participant: member.name, data: member.data };
            let start = Start { task: &task, model, control: None, kept: Some(&before) };
            let entropy = &mut SystemEntropy;
            let mut ports =
                local::Ports { clock: &SystemClock, entropy, member: None, witness: None };
            let plants = &self.canaries;
            let mut planted = Planted { plants, participant: member.name, trainer };
            let made = local::contribute(&local, &mut planted, &start, &mut ports)?;
            let Made { contribution, payload, kept, .. } = made;
            store.keep(round, contribution.payload, payload)?;
            let context = Context { plan: task.plan, round, model: task.model };
            let accepted = [central::accepted(&contribution)];
            let cohort = Cohort {
                context: &context,
                accepted: &accepted,
                spool: &store,
                len,
                bound: channel.bound,
                before: &[],
            };
            let mut seen = Vec::with_capacity(len);
            pipeline::visit(channel, &cohort, |rows| {
                seen.extend_from_slice(rows.rows[0]);
                Ok(())
            })?;
            score += self.evidence.of(f64::from(seen[member.at]));
            before = kept;
            store.forget(round)?;
        }
        Ok(score)
    }

    fn calibration(&self, model: &Params) -> Calibration {
        self.plan.calibration(1, model.layout().len(), None)
    }

    fn task(&self, round: u32, model: &Params) -> Task {
        Task {
            nonce: None,
            round,
            plan: self.plan.digest(),
            model: model.digest(),
            model_bytes: model.values().len() as u64 * 4,
            control: None,
            deltas: Vec::new(),
            clip_norm: None,
        }
    }
}

/// A canary at work.
struct Member<'a> {
    name: &'a ParticipantId,
    at: usize,
    data: &'a LocalData,
}
