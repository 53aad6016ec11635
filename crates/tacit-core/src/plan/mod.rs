//! What is to be done: one TOML file, read into a [`Plan`] that is coherent or does not exist.
//!
//! Keys, their defaults and their help are data ([`tables`]); rules' parameters come from the
//! registry. From both follow the parser, the canonical text whose digest names the plan
//! ([`Plan::to_toml`], [`Plan::digest`]), the JSON Schema ([`schema`]) and the commented example
//! ([`example`]).

mod choice;
mod coherence;
mod devices;
mod error;
mod example;
mod guarantee;
mod laws;
mod proofs;
mod read;
mod schedule;
mod schema;
mod sections;
pub mod tables;
mod value;
mod write;

pub use choice::Choice;
pub use devices::Devices;
pub use error::{Because, PlanError, PlanErrors};
pub use example::example;
pub use schedule::Schedule;
pub use schema::schema;
pub use sections::{
    Adversary, Cohort, Data, EvaluationPlan, Partition, Privacy, Quantile, Sampling, Training,
};

use crate::account::{Account, Budget};
use crate::bound::{Bound, Clip};
use crate::compress::{Chain, Grid, Misfit};
use crate::data::DataShape;
use crate::digest::Digest;
use crate::error::Error;
use crate::evidence::Cost;
use crate::exchange::Terms;
use crate::ids::ParticipantId;
use crate::messages::FitOrder;
use crate::mix::Mixed;
use crate::pipeline::Sums;
use crate::registry::{Arguments, Family, Make, Registry};
use crate::rng::Seed;
use crate::traits::{
    Accountant, Aggregator, Calibration, Context, Control, Exchange, Mechanism, Party, Proof,
    Protection, Strategy, Trainer,
};
use error::Lines;
use read::Settings;
use std::fmt;
use std::sync::Arc;

/// A coherent description of a run: there is no other way to get one than [`Plan::parse`].
#[derive(Clone)]
pub struct Plan {
    sections: Vec<Arguments>,
    rules: Vec<Vec<Choice>>,
    run: sections::Run,
    training: Training,
    cohort: Cohort,
    data: Data,
    evaluation: EvaluationPlan,
    adversary: Adversary,
    privacy: sections::Privacy,
    devices: Option<Devices>,
    strategy: Arc<dyn Strategy>,
}

const FAMILY: Error = Error::Bug("a rule is registered in another family than it is made for");

const MISSING: Error = Error::Bug("a section or rule of a plan was not read");

macro_rules! made {
    ($choice:expr, $make:path) => {
        match $choice.entry().make {
            $make(make) => make($choice.arguments()),
            _ => Err(FAMILY),
        }
    };
}

impl Plan {
    /// Reads a plan; the empty text is the default plan. All errors are reported, not the first.
    pub fn parse(text: &str, registry: &Registry) -> Result<Self, PlanErrors> {
        let Settings { sections, rules, places } =
            read::read(text, registry).map_err(PlanErrors::new)?;
        let lines = Lines::new(text);
        let fail = |family: Family, error| {
            PlanErrors::new(vec![coherence::unmakable(family.key(), error, &places, &lines)])
        };
        let chosen = rules.iter().flatten().find(|rule| rule.entry().family() == Family::Strategy);
        let strategy = match chosen {
            Some(choice) => made!(choice, Make::Strategy),
            None => Err(MISSING),
        };
        let strategy = strategy.map_err(|error| fail(Family::Strategy, error))?;
        let plan = Self::build(sections, rules, Arc::from(strategy))
            .map_err(|error| fail(Family::Trainer, error))?;
        let broken = coherence::check(&plan, registry, &places, &lines);
        if broken.is_empty() { Ok(plan) } else { Err(PlanErrors::new(broken)) }
    }

    fn build(
        sections: Vec<Arguments>,
        rules: Vec<Vec<Choice>>,
        strategy: Arc<dyn Strategy>,
    ) -> Result<Self, Error> {
        let [run, training, cohort, data, evaluation, adversary, budget, devices] =
            sections.as_slice()
        else {
            return Err(MISSING);
        };
        let run = sections::Run::new(run)?;
        let mut plan = Self {
            training: Training::new(training)?,
            cohort: Cohort::new(cohort, run.participants)?,
            data: Data::new(data)?,
            evaluation: EvaluationPlan::new(evaluation)?,
            adversary: Adversary::new(adversary)?,
            privacy: sections::Privacy::new(budget)?,
            devices: Devices::new(devices)?,
            strategy,
            run,
            sections,
            rules,
        };
        // A protection that cannot be made is an error of its rule, told with all others.
        if let Ok(protection) = plan.protection()
            && let Some(exchange) = protection.exchange()
        {
            plan.cohort.stages = exchange.stages(&plan.terms(&plan.nowhere(), 32));
        }
        Ok(plan)
    }

    /// A context of no round.
    pub(super) fn nowhere(&self) -> Context {
        Context { plan: Digest([0; 32]), round: 0, model: Digest([0; 32]) }
    }

    /// What all sides of a protection of sums know of a round.
    pub fn terms(&self, context: &Context, bits: u32) -> Terms {
        Terms {
            context: context.clone(),
            size: self.cohort.invited(),
            minimum: self.cohort.minimum,
            colluding: self.adversary.colluding,
            dropping: self.adversary.dropping,
            bits,
        }
    }

    /// How updates travel where only sums are opened.
    pub(crate) fn sums(
        &self,
        chain: &Chain,
        mechanism: &dyn Mechanism,
        exchange: &dyn Exchange,
        bound: Bound,
    ) -> Result<Sums, Error> {
        let (cohort, largest) = (&self.cohort, self.cohort.invited());
        if let Some((bits, unit)) = mechanism.ring() {
            return Sums::of_shares(bits, unit, largest);
        }
        let heaviest = if cohort.equal_weights { 1 } else { cohort.max_examples };
        let grid = match (chain.grid(), bound.limit()) {
            (Some(grid), _) => grid,
            (None, Some(limit)) => Grid::signed(limit * chain.gain(), exchange.resolution()),
            (None, None) => {
                let expected = "a norm above 0.0, from which the range of integers follows";
                return Err(Error::caller("training.clip_norm", expected, "0.0"));
            }
        };
        let sums = Sums::of_grid(grid, largest, heaviest)?;
        // What participants hide they do not tell as figures either.
        Ok(Sums { figures: mechanism.by() != Party::Participant, ..sums })
    }

    /// The canonical text: every default explicit, one order, one spelling. Parses to this plan.
    pub fn to_toml(&self) -> String {
        write::plan(&self.sections, &self.rules)
    }

    /// The same plan with other values of some keys, such as `("cohort.size", "5")`: values are
    /// TOML, and the result is checked as any plan.
    pub fn with(&self, changes: &[(&str, &str)], registry: &Registry) -> Result<Self, PlanErrors> {
        Self::parse(&write::changed(&self.to_toml(), changes), registry)
    }

    /// SHA-256 of [`Plan::to_toml`]: the plan's name on the wire and in the log.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(self.to_toml().as_bytes())
    }

    /// Name of the run.
    pub fn name(&self) -> &str {
        &self.run.name
    }

    /// Root of every repeatable random choice.
    pub fn seed(&self) -> Seed {
        Seed::root(self.run.seed)
    }

    /// The number from which [`Plan::seed`] is made.
    pub fn seed_number(&self) -> u64 {
        self.run.seed
    }

    /// Rounds of the run, at least 1.
    pub fn num_rounds(&self) -> u32 {
        self.run.num_rounds
    }

    /// Participants expected on the roster before round 1.
    pub fn participants(&self) -> usize {
        self.run.participants
    }

    /// What each participant does in a round.
    pub fn training(&self) -> &Training {
        &self.training
    }

    /// Who takes part in a round.
    pub fn cohort(&self) -> &Cohort {
        &self.cohort
    }

    /// What is learned from.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// How progress is measured.
    pub fn evaluation(&self) -> &EvaluationPlan {
        &self.evaluation
    }

    /// What the plan must withstand.
    pub fn adversary(&self) -> &Adversary {
        &self.adversary
    }

    /// The devices that a simulation plays, if any.
    pub fn devices(&self) -> Option<&Devices> {
        self.devices.as_ref()
    }

    /// The rules chosen for a family: one, or any number for a list.
    pub fn choices(&self, family: Family) -> &[Choice] {
        let index = tables::RULES.iter().position(|rule| rule.family == family);
        index.and_then(|index| self.rules.get(index)).map_or(&[], Vec::as_slice)
    }

    /// The rule chosen for a family that is no list.
    pub fn choice(&self, family: Family) -> &Choice {
        // The reader gives a choice for every such family, and the first is one of them.
        self.choices(family).first().unwrap_or(&self.rules[0][0])
    }

    /// The rules of a family by name: `none` for an empty list.
    pub fn names(&self, family: Family) -> String {
        let names: Vec<&str> = self.choices(family).iter().map(Choice::name).collect();
        if names.is_empty() { tables::NONE.into() } else { names.join(" → ") }
    }

    /// A trainer for data of a shape.
    pub fn trainer(&self, shape: &DataShape) -> Result<Box<dyn Trainer>, Error> {
        let choice = self.choice(Family::Trainer);
        match choice.entry().make {
            Make::Trainer(make) => make(choice.arguments(), shape),
            _ => Err(FAMILY),
        }
    }

    /// The server's optimiser.
    pub fn strategy(&self) -> Result<Box<dyn Strategy>, Error> {
        made!(self.choice(Family::Strategy), Make::Strategy)
    }

    /// A fresh aggregator, behind the rules that mix.
    pub fn aggregator(&self) -> Result<Box<dyn Aggregator>, Error> {
        let rule = self.rule()?;
        let choices = self.choices(Family::PreAggregator);
        if choices.is_empty() {
            return Ok(rule);
        }
        let mixers = choices.iter().map(|choice| made!(choice, Make::PreAggregator));
        Ok(Box::new(Mixed::new(mixers.collect::<Result<_, _>>()?, rule)))
    }

    /// The aggregator itself.
    fn rule(&self) -> Result<Box<dyn Aggregator>, Error> {
        made!(self.choice(Family::Aggregator), Make::Aggregator)
    }

    /// How updates are encoded.
    pub fn chain(&self) -> Result<Chain, Error> {
        self.stages(Family::Compressor).map_err(|misfit| misfit.error)
    }

    /// How the steps from one model to the next are encoded; empty where models travel whole.
    pub fn downlink(&self) -> Result<Chain, Error> {
        self.stages(Family::Downlink).map_err(|misfit| misfit.error)
    }

    fn stages(&self, family: Family) -> Result<Chain, Misfit> {
        let make = |(stage, choice): (usize, &Choice)| {
            made!(choice, Make::Compressor).map_err(|error| Misfit { stage, error })
        };
        let choices = self.choices(family).iter().enumerate();
        Chain::new(choices.map(make).collect::<Result<_, _>>()?)
    }

    /// The protection.
    pub fn protection(&self) -> Result<Box<dyn Protection>, Error> {
        made!(self.choice(Family::Protection), Make::Protection)
    }

    /// What participants prove, if anything.
    pub fn proof(&self) -> Result<Option<Box<dyn Proof>>, Error> {
        let choice = self.choice(Family::Proof);
        if choice.name() == tables::NONE {
            return Ok(None);
        }
        made!(choice, Make::Proof).map(Some)
    }

    /// The noise.
    pub fn mechanism(&self) -> Result<Box<dyn Mechanism>, Error> {
        made!(self.choice(Family::Mechanism), Make::Mechanism)
    }

    /// What composes the costs of releases.
    pub fn accountant(&self) -> Result<Box<dyn Accountant>, Error> {
        made!(self.choice(Family::Accountant), Make::Accountant)
    }

    /// Control variates, where the strategy has them.
    pub fn control(&self) -> Option<&dyn Control> {
        self.strategy.control()
    }

    /// Vectors of the model's length in one update: its step, and the change of its variate.
    pub fn vectors(&self) -> usize {
        1 + usize::from(self.control().is_some())
    }

    /// How every update is brought within its bound, for a round of this clipping norm; `None`
    /// for the plan's own.
    pub fn clip(&self, norm: Option<f64>) -> Clip {
        let clip = self.training.clip;
        match norm.unwrap_or(self.training.clip_norm) {
            limit if limit > 0.0 => Clip { bound: clip.bound.with(limit), ..clip },
            _ => Clip::to(Bound::None),
        }
    }

    /// What noise is measured by in a round, for updates of `len` values clipped to `norm`.
    pub fn calibration(&self, round: u32, len: usize, norm: Option<f64>) -> Calibration {
        let (bound, seed) = (self.clip(norm).bound, self.seed());
        let Cohort { size, minimum, participants, .. } = self.cohort;
        let colluding = (self.adversary.colluding * self.cohort.invited() as f64).ceil() as usize;
        let honest = minimum.saturating_sub(colluding);
        let (largest, counted) = (participants, self.training.quantile.is_some());
        Calibration { round, bound, len, size, honest, largest, counted, seed }
    }

    /// Values that travel for a model of `len`: its update, what control variates add, and what
    /// the mechanism makes of both.
    pub fn sent_len(&self, len: usize) -> Result<usize, Error> {
        let len = len * self.vectors();
        Ok(self.mechanism()?.sent(&self.calibration(1, len, None)).0)
    }

    /// The largest ε, and the δ at which it is stated.
    pub fn budget(&self) -> Budget {
        self.privacy.budget
    }

    /// What noise and accountant are held to.
    pub fn privacy(&self) -> &Privacy {
        &self.privacy
    }

    /// An empty account of releases of updates of `len` values; `None` for a plan without noise.
    pub fn account(&self, len: usize) -> Result<Option<Account>, Error> {
        let mechanism = self.mechanism()?;
        let cost = mechanism.cost(&self.calibration(1, len, None))?;
        if mechanism.by() == Party::Nobody || cost == Cost::Unbounded {
            return Ok(None);
        }
        let account = Account::new(Arc::from(self.accountant()?), self.privacy.budget, cost);
        Ok(Some(match mechanism.by() {
            Party::Participant => account.by_participants(),
            _ => account,
        }))
    }

    /// Li et al. 2020, section 5.2: stragglers draw their epochs uniformly from 1 to all of them.
    fn local_epochs(&self, parts: &[&[u8]]) -> u32 {
        let all = self.training.local_epochs;
        let mut rng = self.seed().derive("tacit/v1/straggler", parts).rng();
        match rng.unit() < self.training.stragglers {
            true => 1 + rng.below(u64::from(all)) as u32,
            false => all,
        }
    }

    /// Where the coordinator finds the model to start from, if it is not drawn by the seed.
    pub fn initial_model(&self) -> Option<&str> {
        self.run.initial_model.as_deref()
    }

    /// What `participant` is told to do in `round` (from 1).
    pub fn fit_order(&self, round: u32, participant: &ParticipantId) -> FitOrder {
        let parts: [&[u8]; 2] = [&round.to_le_bytes(), participant.as_str().as_bytes()];
        let Training { learning_rate, schedule, .. } = &self.training;
        let mut order = FitOrder {
            round,
            local_epochs: self.local_epochs(&parts),
            batch_size: self.training.batch_size,
            learning_rate: learning_rate * schedule.factor(round, self.run.num_rounds),
            momentum: self.training.momentum,
            weight_decay: self.training.weight_decay,
            proximal_mu: self.training.proximal_mu,
            correction: None,
            seed: self.seed().derive("tacit/v1/fit", &parts),
        };
        self.strategy.adjust(&mut order);
        order
    }
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        self.sections == other.sections && self.rules == other.rules
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Plan").field(&self.to_toml()).finish()
    }
}
