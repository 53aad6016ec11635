//! Participants whose updates are not learned from examples but given: the canaries of an audit.

use tacit_core::data::Shard;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Evaluation, FitOrder};
use tacit_core::params::{Params, Update};
use tacit_core::rng::Seed;
use tacit_core::traits::{Fitted, Trainer};

/// Gives some participants their updates.
pub trait Plants: Sync {
    /// The update of `participant`, not yet clipped, as long as `model`; `None` if it learns.
    fn update(&self, participant: &ParticipantId, model: &Params) -> Option<Vec<f32>>;
}

/// A trainer but for what is planted: everything after training is as for anybody.
pub(crate) struct Planted<'a> {
    pub plants: &'a dyn Plants,
    pub participant: &'a ParticipantId,
    pub trainer: &'a mut dyn Trainer,
}

impl Trainer for Planted<'_> {
    fn initialise(&mut self, seed: Seed) -> Result<Params, Error> {
        self.trainer.initialise(seed)
    }

    fn fit(&mut self, order: &FitOrder, model: &Params, shard: &Shard) -> Result<Fitted, Error> {
        let Some(values) = self.plants.update(self.participant, model) else {
            return self.trainer.fit(order, model, shard);
        };
        let update = Update::new(model.layout().clone(), values, shard.len().max(1) as u64)?;
        Ok(Fitted { update, loss: 0.0, steps: 0 })
    }

    fn evaluate(&mut self, model: &Params, shard: &Shard) -> Result<Evaluation, Error> {
        self.trainer.evaluate(model, shard)
    }
}
