//! The participant's half of a round, the same in a process of its own, in a test and in a
//! simulation: train, clip, compress, protect.

use crate::data::Shard;
use crate::digest::Digest;
use crate::error::Error;
use crate::evidence::Clipped;
use crate::ids::ParticipantId;
use crate::messages::{Contribution, Task};
use crate::params::Params;
use crate::pipeline::Channel;
use crate::plan::Plan;
use crate::traits::{Clock, Context, Trainer};

/// What a participant trains and measures on.
#[derive(Clone, Debug)]
pub struct LocalData {
    /// Examples to train on.
    pub train: Shard,
    /// Examples kept out of training, to measure received models on.
    pub held_out: Option<Shard>,
}

/// A participant: under which plan it works, its name, and its examples.
#[derive(Clone, Debug)]
pub struct Local<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Its name.
    pub participant: &'a ParticipantId,
    /// Its examples.
    pub data: &'a LocalData,
}

/// Trains for one task and seals the update. Returns the unsigned header and the payload.
pub fn contribute(
    local: &Local<'_>,
    trainer: &mut dyn Trainer,
    task: &Task,
    model: &Params,
    clock: &dyn Clock,
) -> Result<(Contribution, Vec<u8>), Error> {
    let Local { plan, participant, data } = *local;
    if task.plan != plan.digest() {
        let found = task.plan.to_string();
        return Err(Error::caller("task", format!("plan {}", plan.digest()), found));
    }
    let started = clock.now_ms();
    let evaluation = match &data.held_out {
        Some(held_out) if !held_out.is_empty() => Some(trainer.evaluate(model, held_out)?),
        _ => None,
    };
    let order = plan.fit_order(task.round, participant);
    let fitted = trainer.fit(&order, model, &data.train)?;
    let examples = fitted.update.examples();
    let channel = plan.channel()?;
    let clipped = Clipped::clip(fitted.update, channel.bound);
    let context = Context { plan: task.plan, round: task.round, model: task.model };
    let payload = channel.seal(&context, participant, &clipped)?.payload;
    let contribution = Contribution {
        participant: participant.clone(),
        round: task.round,
        plan: task.plan,
        model: task.model,
        payload: Digest::of_bytes(&payload),
        payload_bytes: payload.len() as u64,
        examples,
        loss: fitted.loss,
        fit_ms: clock.now_ms().saturating_sub(started),
        evaluation,
    };
    Ok((contribution, payload))
}

impl Plan {
    /// How values travel under this plan.
    pub fn channel(&self) -> Result<Channel, Error> {
        Ok(Channel {
            chain: self.chain()?,
            protection: self.protection()?,
            bound: self.bound(),
            seed: self.seed(),
        })
    }
}
