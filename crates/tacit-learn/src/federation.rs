//! A plan's data dealt to its participants: what `tacit run`, `tacit simulate` and
//! `tacit data show` start from.

use crate::data::{self, Dataset};
use crate::train::safetensors;
use std::sync::Arc;
use tacit_core::central::Evaluator;
use tacit_core::data::Shard;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::local::LocalData;
use tacit_core::params::Params;
use tacit_core::plan::{self, Plan};
use tacit_core::rng::Seed;
use tacit_core::traits::Trainer;

/// Participants of a federation that share one data set on one machine.
#[derive(Debug)]
pub struct Federation {
    plan: Plan,
    dataset: Dataset,
    participants: Vec<(ParticipantId, LocalData)>,
}

impl Federation {
    /// Opens the plan's data, holds test examples out, and deals the rest.
    pub fn assemble(plan: &Plan) -> Result<Self, Error> {
        let dataset = open(plan)?;
        let count = plan.participants();
        let parts = deal(plan, &dataset, count)?;
        let mut participants = Vec::with_capacity(count);
        for (number, rows) in parts.into_iter().enumerate() {
            let id = ParticipantId::numbered(number, count);
            let local = local_data(plan, &id, dataset.shard(rows)?)?;
            participants.push((id, local));
        }
        Ok(Self { plan: plan.clone(), dataset, participants })
    }

    /// The data set, with its test rows.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Every participant with its examples, in the order of their names.
    pub fn participants(&self) -> &[(ParticipantId, LocalData)] {
        &self.participants
    }

    /// A trainer for the data.
    pub fn trainer(&self) -> Result<Box<dyn Trainer>, Error> {
        self.plan.trainer(self.dataset.shape())
    }

    /// The model before the first round.
    pub fn initial_model(&self) -> Result<Params, Error> {
        initial_model(&self.plan, &mut *self.trainer()?)
    }

    /// A trainer and the test examples, to measure released models; `None` without test examples.
    pub fn evaluator(&self) -> Result<Option<Evaluator>, Error> {
        if self.dataset.test().is_empty() {
            return Ok(None);
        }
        Ok(Some((self.trainer()?, self.dataset.test_shard()?)))
    }
}

/// The training rows of `dataset`, dealt to `participants` as the plan says.
pub fn deal(plan: &Plan, dataset: &Dataset, participants: usize) -> Result<Vec<Vec<u32>>, Error> {
    data::partition(&plan.data().partition, dataset, participants, plan.seed())
}

/// The plan's data set with its test rows held out.
pub fn open(plan: &Plan) -> Result<Dataset, Error> {
    let spec = plan.data();
    data::open(&source(plan, &spec.source)?)?.hold_out(spec.held_out, plan.seed())
}

/// How the plan says that the data at `place` is read.
pub fn source(plan: &Plan, place: &str) -> Result<data::Source, Error> {
    let spec = plan.data();
    let format = match spec.format.as_str() {
        "csv" => data::Format::Csv,
        "npz" => data::Format::Npz,
        "parquet" => data::Format::Parquet,
        "idx" => data::Format::Idx,
        _ => data::Format::Auto,
    };
    let group = match &spec.partition {
        plan::Partition::ByColumn { column } => Some(column.clone()),
        _ => None,
    };
    Ok(data::Source {
        place: place.to_owned(),
        test: spec.test_source.clone(),
        format,
        label: Some(spec.label.clone()).filter(|label| !label.is_empty()),
        group,
        ignore: spec.ignore.clone(),
        classes: spec.classes.clone(),
    })
}

/// The model before the first round: the same on every machine, or that of the plan's file, whose
/// tensors must be the trainer's.
pub fn initial_model(plan: &Plan, trainer: &mut dyn Trainer) -> Result<Params, Error> {
    let drawn = trainer.initialise(plan.seed().derive("tacit/v1/initialise", &[]))?;
    let Some(path) = plan.initial_model() else { return Ok(drawn) };
    let limit = drawn.layout().len() as u64 * 8 + safetensors::HEADER_BYTES;
    let failed = |source| Error::world(format!("reading initial_model {path}"), source);
    let size = std::fs::metadata(path).map_err(failed)?.len();
    if size > limit {
        let expected = format!("a file of this trainer's model, at most {limit} bytes");
        return Err(Error::caller("initial_model", expected, format!("{size} bytes")));
    }
    safetensors::read_as(&std::fs::read(path).map_err(failed)?, drawn.layout())
}

/// Splits a participant's examples where the plan has participants measure models.
pub fn local_data(plan: &Plan, id: &ParticipantId, mine: Shard) -> Result<LocalData, Error> {
    let fraction = plan.data().held_out;
    if !plan.evaluation().on_participants || mine.len() < 2 || fraction == 0.0 {
        return Ok(LocalData { train: mine, held_out: None });
    }
    let seed: Seed = plan.seed().derive("tacit/v1/local-hold-out", &[id.as_str().as_bytes()]);
    let mut rows = mine.rows().to_vec();
    seed.rng().shuffle(&mut rows);
    let held = ((rows.len() as f64 * fraction).round() as usize).clamp(1, rows.len() - 1);
    let mut kept = rows.split_off(held);
    kept.sort_unstable();
    rows.sort_unstable();
    let examples: Arc<_> = mine.examples().clone();
    let train = Shard::new(examples.clone(), kept)?;
    Ok(LocalData { train, held_out: Some(Shard::new(examples, rows)?) })
}
