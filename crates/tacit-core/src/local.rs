//! The participant's half of a round, the same in a process of its own, in a test and in a
//! simulation: train, clip, compress, protect.

use crate::data::Shard;
use crate::digest::Digest;
use crate::error::Error;
use crate::evidence::Clipped;
use crate::ids::ParticipantId;
use crate::kept::Kept;
use crate::messages::{Contribution, FitOrder, Task};
use crate::params::{Layout, Params, Update};
use crate::pipeline::{Channel, Equal, Figures, Hidden, Sealed};
use crate::plan::Plan;
use crate::traits::{Clock, Entropy, Fitted, Member, Party, Trainer};
use std::sync::Arc;

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

/// What a participant has fetched for a task, and what it remembers.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The task.
    pub task: &'a Task,
    /// The task's model.
    pub model: &'a Params,
    /// The task's control variate; `None` for zeros, or where the strategy has none.
    pub control: Option<&'a Params>,
    /// What was kept before the task's round.
    pub kept: Option<&'a Kept>,
}

/// What a participant makes of a task.
#[derive(Debug)]
pub struct Made {
    /// The unsigned header.
    pub contribution: Contribution,
    /// What travels beside it.
    pub payload: Vec<u8>,
    /// What to keep for the next round; empty if nothing.
    pub kept: Kept,
}

/// What a participant's half needs of its machine.
pub struct Ports<'a> {
    /// Time, for reports only.
    pub clock: &'a dyn Clock,
    /// Noise.
    pub entropy: &'a mut dyn Entropy,
    /// Its side of the protection, where only sums are opened.
    pub member: Option<&'a mut dyn Member>,
}

/// Name of a participant's control variate in what it keeps.
pub const CONTROL: &str = "control";

/// Name of what the encoding of a participant's updates dropped, in what it keeps.
pub const DROPPED: &str = "dropped";

/// Trains for one task and seals the update.
pub fn contribute(
    local: &Local<'_>,
    trainer: &mut dyn Trainer,
    start: &Start<'_>,
    ports: &mut Ports<'_>,
) -> Result<Made, Error> {
    let Start { task, model, .. } = *start;
    let Local { plan, participant, data } = *local;
    if task.plan != plan.digest() {
        let found = task.plan.to_string();
        return Err(Error::caller("task", format!("plan {}", plan.digest()), found));
    }
    if task.clip_norm.is_some() && plan.training().quantile.is_none() {
        // Else a coordinator could ask how long an update is that noise is to hide from it.
        let expected = "no clipping norm, as the plan follows no quantile";
        return Err(Error::caller("task", expected, "one"));
    }
    let started = ports.clock.now_ms();
    let mechanism = plan.mechanism()?;
    // What the coordinator is not to see unprotected, it is not told beside the update either: nor
    // the time of training, which is in proportion to the examples.
    let alone = mechanism.by() == Party::Participant;
    let evaluation = match &data.held_out {
        Some(held_out) if !held_out.is_empty() && !alone => {
            Some(trainer.evaluate(model, held_out)?)
        }
        _ => None,
    };
    let order = plan.fit_order(task.round, participant);
    let mut kept = start.kept.cloned().unwrap_or_default();
    let fitted = fit(local, trainer, start, order, &mut kept)?;
    let examples = fitted.update.examples();
    let channel = plan.channel(model.layout())?;
    let update = match channel.chain.feedback() {
        true => with_dropped(fitted.update, kept.remove(DROPPED))?,
        false => fitted.update,
    };
    let calibration = plan.calibration(task.round, update.values().len(), task.clip_norm);
    let (clipped, within) = Clipped::clip(update, &plan.clip(task.clip_norm));
    let clipped = clipped.noise(&*mechanism, &calibration, within, ports.entropy)?;
    let context = task.context();
    let weight = match channel.equal {
        Some(_) => 1,
        None => examples.min(plan.cohort().max_examples),
    };
    // What is counted in shares needs no telling; of sums nothing is told beside them that is about
    // this participant alone.
    let (hidden, counted) = (channel.sums.is_some(), mechanism.by() == Party::Cohort);
    let measured = evaluation.as_ref().filter(|_| hidden);
    let figures = Figures {
        weight,
        loss: fitted.loss,
        examples: measured.map_or(0, |e| e.examples),
        correct: measured.map_or(0, |e| e.correct),
        measured_loss: measured.map_or(0.0, |e| e.loss),
        within,
    };
    let Sealed { payload, dropped } = match (hidden, ports.member.as_deref_mut()) {
        (false, _) => channel.seal(&context, participant, &clipped)?,
        (true, Some(member)) => {
            channel.seal_hidden(&context, participant, &clipped, Hidden { figures, member })?
        }
        (true, None) => return Err(Error::Bug("an update was to be sent without its protection")),
    };
    let alone = alone || hidden;
    let evaluation = evaluation.filter(|_| !hidden);
    kept.extend(dropped.map(|dropped| (DROPPED.to_owned(), dropped)));
    let contribution = Contribution {
        participant: participant.clone(),
        round: task.round,
        plan: task.plan,
        model: task.model,
        payload: Digest::of_bytes(&payload),
        payload_bytes: payload.len() as u64,
        examples: if alone { 1 } else { examples },
        loss: if alone { 0.0 } else { fitted.loss },
        fit_ms: if alone { 0 } else { ports.clock.now_ms().saturating_sub(started) },
        evaluation,
        within: task.clip_norm.filter(|_| !hidden && !counted).map(|_| within),
    };
    Ok(Made { contribution, payload, kept })
}

/// Error feedback (Karimireddy et al. 2019, algorithm 1): what earlier encodings dropped is added
/// to the update before it is clipped, so that what is remembered stays within the bound too.
fn with_dropped(update: Update, dropped: Option<Vec<f32>>) -> Result<Update, Error> {
    let Some(dropped) = dropped else { return Ok(update) };
    if dropped.len() != update.values().len() {
        let (expected, found) = (update.values().len().to_string(), dropped.len().to_string());
        return Err(Error::caller("length of what earlier updates dropped", expected, found));
    }
    let values = update.values().iter().zip(dropped).map(|(x, dropped)| x + dropped).collect();
    Ok(Update::new(update.layout().clone(), values, update.examples())?)
}

/// Trains; where the strategy has control variates, corrects the steps, and appends the change
/// of this participant's variate to the update.
fn fit(
    local: &Local<'_>,
    trainer: &mut dyn Trainer,
    start: &Start<'_>,
    order: FitOrder,
    kept: &mut Kept,
) -> Result<Fitted, Error> {
    let (model, shard) = (start.model, &local.data.train);
    let Some(control) = local.plan.control() else { return trainer.fit(&order, model, shard) };
    let zeros = vec![0.0; model.values().len()];
    let before = match kept.remove(CONTROL) {
        None => zeros.clone(),
        Some(mine) if mine.len() == zeros.len() => mine,
        Some(mine) => {
            let (expected, found) = (zeros.len().to_string(), mine.len().to_string());
            return Err(Error::caller("length of the kept control variate", expected, found));
        }
    };
    let server = start.control.map_or(&zeros[..], Params::values);
    let correction: Arc<[f32]> = control.correction(server, &before).into();
    let order = FitOrder { correction: Some(correction.clone()), ..order };
    let fitted = trainer.fit(&order, model, shard)?;
    let mut mine = before.clone();
    control.renew(&order, &fitted, &correction, &mut mine)?;
    let change = mine.iter().zip(&before).map(|(new, old)| new - old);
    let values: Vec<f32> = fitted.update.values().iter().copied().chain(change).collect();
    kept.insert(CONTROL.to_owned(), mine);
    let layout = model.layout().repeated(2)?;
    let update = Update::new(layout, values, fitted.update.examples()).map_err(|refusal| {
        Error::caller("control variate", "a learning rate that converges", refusal.to_string())
    })?;
    Ok(Fitted { update, ..fitted })
}

impl Plan {
    /// How values travel under this plan, for models of a layout.
    pub fn channel(&self, layout: &Layout) -> Result<Channel, Error> {
        let mechanism = self.mechanism()?;
        let calibration = self.calibration(1, layout.len() * self.vectors(), None);
        let equal = match (self.cohort().equal_weights, mechanism.by()) {
            (false, _) => None,
            (true, Party::Nobody) => Some(Equal::OverContributions),
            (true, _) => Some(Equal::Over(self.cohort().size as u64)),
        };
        let chain = self.chain()?.over(layout, self.vectors());
        let (protection, bound) = (self.protection()?, mechanism.sent(&calibration).1);
        let sums = match protection.exchange() {
            Some(exchange) => Some(self.sums(&chain, &*mechanism, exchange, bound)?),
            None => None,
        };
        let follows = mechanism.ring().is_none();
        Ok(Channel { chain, protection, bound, follows, equal, sums, seed: self.seed() })
    }
}
