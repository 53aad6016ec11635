//! What worlds are made of: plans over models of three values, read once.

use super::oath;
use super::sworn::Oaths;
use std::sync::{Arc, OnceLock};
use tacit_core::central::Centre;
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::exchange::Stages;
use tacit_core::messages::{Evaluation, FitOrder};
use tacit_core::params::{Layout, Params, Tensor};
use tacit_core::pipeline::Channel;
use tacit_core::plan::{Cohort, Plan, Sampling};
use tacit_core::registry::Registry;
use tacit_core::rng::{Random, Seed};
use tacit_core::run::Course;
use tacit_core::traits::{Fitted, Trainer};

const PLANS: [&str; 2] = [
    "name = \"world\"\nparticipants = 20\nnum_rounds = 9\n",
    "name = \"world\"\nparticipants = 20\nnum_rounds = 9\n[training]\nclip_norm = 1.0\n",
];

/// Members of the cohorts of which only sums are opened.
const SUMMED: std::ops::RangeInclusive<usize> = 4..=8;

pub(super) struct Lab {
    plans: Vec<(Plan, Digest)>,
    /// Those of which only sums are opened.
    sums: Vec<(Plan, Digest)>,
    /// Both kinds with proofs.
    proved: [Vec<(Plan, Digest)>; 2],
    pub layout: Arc<Layout>,
    pub initial: Vec<u8>,
    pub shard: Shard,
}

/// Which kind of run a world is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    /// Only sums are opened.
    pub sums: bool,
    /// Contributions are proved.
    pub proved: bool,
}

/// One world's share of the laboratory.
pub(super) struct Scene {
    pub course: Course,
    pub channel: Channel,
    pub centre: Centre,
    pub plan: &'static Plan,
    pub oaths: Option<Oaths>,
    /// Everybody, with those who enrol late.
    pub participants: usize,
}

/// The laboratory that all worlds share.
pub(super) fn shared() -> Result<&'static Lab, Error> {
    static LAB: OnceLock<Lab> = OnceLock::new();
    match LAB.get() {
        Some(lab) => Ok(lab),
        None => Lab::new().map(|lab| LAB.get_or_init(|| lab)),
    }
}

impl Lab {
    fn new() -> Result<Self, Error> {
        let rooms = [&[tacit_core::plain::ENTRIES, &[oath::ENTRY]][..], &tacit_learn::ROOMS];
        let rooms = [&rooms[..], &[&tacit_privacy::ROOMS[..], &tacit_secagg::ROOMS]].concat();
        let registry = Registry::new(&rooms.concat())?;
        let plan = |text: &str| {
            let plan = Plan::parse(text, &registry)
                .map_err(|errors| Error::caller("plan of the worlds", "one", errors.to_string()))?;
            let digest = plan.digest();
            Ok((plan, digest))
        };
        let plans: Vec<String> = PLANS.into_iter().map(str::to_owned).collect();
        let sums: Vec<String> = SUMMED.flat_map(summed).collect();
        let read = |texts: &[String]| -> Result<Vec<_>, Error> {
            texts.iter().map(|text| plan(text)).collect()
        };
        let prove = |texts: &[String]| -> Vec<String> {
            // Nobody proves a weight that is summed.
            let equal = |text: &str| text.replace("[cohort]\n", "[cohort]\nweights = \"equal\"\n");
            texts.iter().map(|text| format!("proof = \"toy\"\n{}", equal(text))).collect()
        };
        let proved = [read(&prove(&plans))?, read(&prove(&sums))?];
        let (plans, sums) = (read(&plans)?, read(&sums)?);
        let layout = Layout::new(vec![Tensor { name: "w".into(), shape: vec![3] }])?;
        let initial = tacit_core::params::bytes_of(&[0.5, -1.0, 2.0]);
        let shape = DataShape { features: vec![1], classes: 2 };
        let examples = Examples::new(shape, vec![0.0], vec![0])?;
        let shard = Shard::all(Arc::new(examples));
        Ok(Self { plans, sums, proved, layout: Arc::new(layout), initial, shard })
    }

    /// Draws the rules of one world's run.
    pub fn scene(&'static self, seed: u64, about: About, rng: &mut Random) -> Result<Scene, Error> {
        let About { sums, proved } = about;
        let plans = match (proved, sums) {
            (true, _) => &self.proved[usize::from(sums)],
            (false, true) => &self.sums,
            (false, false) => &self.plans,
        };
        let expected = 2 + rng.below(6);
        let size = 1 + rng.below(expected);
        let poisson = size < expected && rng.below(4) == 0;
        let over = [0.0, 0.5, 1.0][rng.below(3) as usize];
        let cohort = Cohort {
            max_examples: 1_000,
            stages: Stages::default(),
            participants: expected as usize,
            size: size as usize,
            sampling: if poisson { Sampling::Poisson } else { Sampling::Fixed },
            over_selection: if poisson { 0.0 } else { over },
            minimum: 1 + rng.below(size) as usize,
            equal_weights: false,
            collect_timeout_ms: 300 + rng.below(1500),
            distribute_timeout_ms: 100 + rng.below(700),
            enrol_timeout_ms: 500 + rng.below(1500),
            max_failed_rounds: 1 + rng.below(6) as u32,
        };
        let (plan, digest) = &plans[rng.below(plans.len() as u64) as usize];
        let cohort = if sums { of_sums(plan.cohort(), cohort) } else { cohort };
        let course = Course {
            nonces: proved.then(|| Seed::root(seed).derive("tacit/v1/world-nonces", &[])),
            plan: *digest,
            seed: Seed::root(seed),
            num_rounds: 1 + rng.below(4) as u32,
            target_accuracy: (rng.below(8) == 0).then_some(0.8),
            cohort,
            model: Digest::of_bytes(&self.initial),
            model_bytes: self.initial.len() as u64,
            control: false,
            account: None,
            clip_norm: None,
        };
        let participants = course.cohort.participants + rng.below(3) as usize;
        let channel = plan.channel(&self.layout)?;
        let oaths = Oaths::new(plan, &self.layout)?;
        let referee = oaths.as_ref().map(|oaths| oaths.referee.clone());
        let centre = self.centre(plan)?.watched_by(referee);
        Ok(Scene { course, channel, centre, plan, oaths, participants })
    }

    fn centre(&self, plan: &Plan) -> Result<Centre, Error> {
        let judge: Box<dyn Trainer> = Box::new(Judge);
        Centre::new(plan, self.layout.clone(), Some((judge, self.shard.clone())))
    }
}

/// Plans for a cohort of so many: one of whom nobody is to leave, and one of whom some may.
fn summed(members: usize) -> [String; 2] {
    // More than half: of two such sets somebody is in both.
    let minimum = members / 2 + 1;
    [0, members - minimum].map(|leaving| {
        let dropping = leaving as f64 / members as f64;
        format!(
            "name = \"world\"\nparticipants = {members}\nnum_rounds = 9\n\
             protection = {{ rule = \"secagg\", stage_timeout_s = 1 }}\n\
             [training]\nclip_norm = 1.0\n[cohort]\nminimum = {minimum}\n\
             [adversary]\ndropping = {dropping}\n"
        )
    })
}

/// Who takes part as the plan has it, and the time-outs of the world.
fn of_sums(plan: &Cohort, drawn: Cohort) -> Cohort {
    let stages = Stages { timeout_ms: 2 * drawn.distribute_timeout_ms + 300, ..plan.stages };
    let Cohort { participants, size, minimum, max_examples, .. } = *plan;
    let (sampling, over_selection) = (plan.sampling, plan.over_selection);
    Cohort { stages, participants, size, minimum, max_examples, sampling, over_selection, ..drawn }
}

/// Measures a model by its digest: repeatable, and sometimes good enough to stop.
struct Judge;

impl Trainer for Judge {
    fn initialise(&mut self, _: Seed) -> Result<Params, Error> {
        Err(Error::Bug("a judge was asked for a model"))
    }

    fn fit(&mut self, _: &FitOrder, _: &Params, _: &Shard) -> Result<Fitted, Error> {
        Err(Error::Bug("a judge was asked to train"))
    }

    fn evaluate(&mut self, model: &Params, _: &Shard) -> Result<Evaluation, Error> {
        let correct = u64::from(model.digest().0[0]) % 101;
        Ok(Evaluation { examples: 100, correct, loss: 0.5, per_class: Vec::new() })
    }
}
