//! A trainer that does not train: it returns the model plus a constant, so that a round costs
//! what the system costs.

use std::sync::Arc;
use tacit_core::data::{DataShape, Examples, Shard};
use tacit_core::error::Error;
use tacit_core::messages::{Evaluation, FitOrder};
use tacit_core::params::{Layout, Params, Tensor, Update};
use tacit_core::plan::Plan;
use tacit_core::registry::{Default, Entry, Kind, Make, Parameter, Registry};
use tacit_core::rng::Seed;
use tacit_core::traits::{Fitted, Trainer};

/// Added to every value: exact in f32, so that the model stays what it should be.
const STEP: f32 = 1.0 / 1024.0;

const ENTRY: Entry = Entry {
    name: "echo",
    help: "returns the model plus a constant",
    parameters: &[Parameter {
        name: "values",
        help: "values of the model",
        kind: Kind::Integer { min: 1, max: 1 << 32 },
        default: Default::Required,
    }],
    make: Make::Trainer(|arguments, _| {
        Ok(Box::new(Echo { values: arguments.integer("values")? as usize }))
    }),
};

struct Echo {
    values: usize,
}

impl Trainer for Echo {
    fn initialise(&mut self, _seed: Seed) -> Result<Params, Error> {
        let layout = Layout::new(vec![Tensor { name: "w".into(), shape: vec![self.values] }])?;
        Ok(Params::new(Arc::new(layout), vec![0.0; self.values])?)
    }

    fn fit(&mut self, _: &FitOrder, model: &Params, shard: &Shard) -> Result<Fitted, Error> {
        let local = model.values().iter().map(|x| x + STEP).collect();
        let update = Update::between(model, local, shard.len() as u64)?;
        Ok(Fitted { update, loss: 0.0, steps: 1 })
    }

    fn evaluate(&mut self, _: &Params, _: &Shard) -> Result<Evaluation, Error> {
        Ok(Evaluation::default())
    }
}

/// A plan of `rounds` rounds in which everybody takes part and nobody trains or evaluates.
pub fn plan(participants: usize, values: usize, rounds: u32) -> Result<Plan, Error> {
    let text = format!(
        "name = \"bench\"\nnum_rounds = {rounds}\nparticipants = {participants}\n\
         trainer = {{ rule = \"echo\", values = {values} }}\n\
         [cohort]\nminimum = {participants}\ncollect_timeout_s = 300\nenrol_timeout_s = 60\n\
         max_failed_rounds = 0\n[evaluation]\non = []\n"
    );
    let rooms = [
        tacit_core::plain::ENTRIES,
        tacit_learn::aggregate::ENTRIES,
        tacit_learn::strategy::ENTRIES,
        &[ENTRY],
    ];
    Ok(Plan::parse(&text, &Registry::new(&rooms)?)?)
}

/// What a participant holds: one example, so that all weigh the same.
pub fn shard() -> Result<Shard, Error> {
    let shape = DataShape { features: vec![1], classes: 2 };
    Ok(Shard::all(Arc::new(Examples::new(shape, vec![0.0], vec![0])?)))
}
