//! The participant's half of a round, the same in a process of its own, in a test and in a
//! simulation: train, clip, compress, protect.

use crate::data::Shard;
use crate::digest::Digest;
use crate::error::Error;
use crate::evidence::Clipped;
use crate::ids::ParticipantId;
use crate::kept::Kept;
use crate::limits;
use crate::messages::{Contribution, FitOrder, ProofHeader, Task};
use crate::params::{Layout, Params, Update};
use crate::pipeline::{Channel, Equal, Figures, Hidden, Prove, Sealed};
use crate::plan::Plan;
use crate::proof::{Claim, Dataset, Proved, Secret, Statement, Values, Work};
use crate::traits::{Clock, Context, Entropy, Fitted, Keys, Member, Party, Proof, Prover, Trainer};
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
    /// What travels behind that; empty where nothing is proved.
    pub proof: Vec<u8>,
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
    /// What it proves with, where the plan asks for a proof.
    pub witness: Option<Witness<'a>>,
}

/// What a participant proves with.
pub struct Witness<'a> {
    /// How.
    pub proofs: &'a mut Proofs,
    /// Of which data, and under which name.
    pub holding: &'a Holding,
}

/// Makes the proofs that a plan asks for, one after the other.
pub struct Proofs {
    rule: Box<dyn Proof>,
    prover: Box<dyn Prover>,
}

impl Proofs {
    /// Makes ready; `None` where nothing is proved.
    pub fn new(of: &Statement<'_>, keys: &dyn Keys) -> Result<Option<Self>, Error> {
        let Some(rule) = of.plan.proof()? else { return Ok(None) };
        let prover = rule.prover(of, keys)?;
        Ok(Some(Self { rule, prover }))
    }
}

/// What a participant has committed to.
pub struct Holding {
    secret: Secret,
    dataset: Option<Dataset>,
    signer: Vec<u8>,
}

impl Holding {
    /// Commits to examples, where the plan asks for it. `secret` hides them: another one is
    /// another commitment. `signer` is the participant's public key, empty in simulations.
    pub fn new(plan: &Plan, shard: &Shard, secret: Secret, signer: &[u8]) -> Result<Self, Error> {
        let committed = match plan.proof()? {
            Some(rule) => rule.commit(plan, shard, &secret)?,
            None => None,
        };
        let dataset = committed.map(Dataset::new).transpose()?;
        Ok(Self { secret, dataset, signer: signer.to_vec() })
    }

    /// What the participant enrols with.
    pub fn dataset(&self) -> Option<&Dataset> {
        self.dataset.as_ref()
    }
}

/// One contribution in the making.
struct Proving<'a> {
    proofs: &'a mut Proofs,
    holding: &'a Holding,
    claim: (Context, Digest, u64),
    participant: &'a ParticipantId,
    order: &'a FitOrder,
    model: &'a Params,
    shard: &'a Shard,
}

impl Proving<'_> {
    fn prove(
        &mut self,
        values: Values<'_>,
        seed: &Secret,
        entropy: &mut dyn Entropy,
    ) -> Result<Proved, Error> {
        let Holding { secret, dataset, signer } = self.holding;
        let (context, nonce, examples) = self.claim.clone();
        let claim = Claim {
            context,
            participant: self.participant,
            signer,
            nonce,
            dataset: dataset.as_ref().map_or(&[], Dataset::bytes),
            examples,
        };
        let Self { order, model, shard, .. } = *self;
        let work = Work { order, model, shard, secret, values, seed };
        self.proofs.prover.prove(&claim, &work, entropy)
    }

    /// A proof, and how long it took.
    fn timed(
        &mut self,
        clock: &dyn Clock,
        values: Values<'_>,
        seed: &Secret,
        entropy: &mut dyn Entropy,
    ) -> Result<(Proved, u64), Error> {
        let started = clock.now_ms();
        let proved = self.prove(values, seed, entropy)?;
        Ok((proved, clock.now_ms().saturating_sub(started)))
    }
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
    let fitted = fit(local, trainer, start, order.clone(), &mut kept)?;
    let examples = fitted.update.examples();
    let fit_ms = ports.clock.now_ms().saturating_sub(started);
    let channel = plan.channel(model.layout())?;
    let update = match channel.chain.feedback() {
        true => with_dropped(fitted.update, kept.remove(DROPPED))?,
        false => fitted.update,
    };
    let calibration = plan.calibration(task.round, update.values().len(), task.clip_norm);
    let (clipped, within) = Clipped::clip(update, &plan.clip(task.clip_norm));
    let clipped = clipped.noise(&*mechanism, &calibration, within, ports.entropy)?;
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
    let alone = alone || hidden;
    let told = if alone { 1 } else { examples };
    let outgoing = Outgoing { local, start, channel: &channel, order: &order, figures, told };
    let (sealed, proof) = outgoing.seal(clipped, ports)?;
    let Sealed { payload, dropped } = sealed;
    kept.extend(dropped.map(|dropped| (DROPPED.to_owned(), dropped)));
    let (proof, header) = proof.unzip();
    let contribution = Contribution {
        participant: participant.clone(),
        round: task.round,
        plan: task.plan,
        model: task.model,
        payload: Digest::of_bytes(&payload),
        payload_bytes: payload.len() as u64,
        examples: told,
        loss: if alone { 0.0 } else { fitted.loss },
        fit_ms: if alone { 0 } else { fit_ms },
        evaluation: evaluation.filter(|_| !hidden),
        within: task.clip_norm.filter(|_| !hidden && !counted).map(|_| within),
        proof: header,
    };
    Ok(Made { contribution, payload, proof: proof.unwrap_or_default(), kept })
}

/// An update that is trained and clipped.
struct Outgoing<'a> {
    local: &'a Local<'a>,
    start: &'a Start<'a>,
    channel: &'a Channel,
    order: &'a FitOrder,
    figures: Figures,
    /// Examples that its header names.
    told: u64,
}

/// A proof and what is told of it.
type ProofOf = Option<(Vec<u8>, ProofHeader)>;

impl Outgoing<'_> {
    /// Seals the update, and proves what the plan asks for of the very values that are sealed.
    fn seal(
        &self,
        clipped: Clipped<Update>,
        ports: &mut Ports<'_>,
    ) -> Result<(Sealed, ProofOf), Error> {
        let (context, sender) = (self.start.task.context(), self.local.participant);
        let Ports { clock, entropy, member, witness } = ports;
        let mut proving = self.proving(witness)?;
        let clipped = match &proving {
            Some(proving) => clipped.settle(|values| proving.proofs.rule.settle(values))?,
            None => clipped,
        };
        let mut proved = None;
        let sealed = if self.channel.sums.is_some() {
            let member = member.as_deref_mut();
            let member =
                member.ok_or(Error::Bug("an update was to be sent without its protection"))?;
            let proves = proving.is_some();
            let mut prove = |levels: &[i64]| match &mut proving {
                Some(proving) => {
                    let seed = Secret::draw(&mut **entropy)?;
                    let made =
                        proving.timed(*clock, Values::Levels(levels), &seed, &mut **entropy)?;
                    let blindings = made.0.blindings;
                    proved = Some((made.0.proof, made.1));
                    Ok(blindings)
                }
                None => Ok(Vec::new()),
            };
            let (figures, prove) = (self.figures, proves.then_some(&mut prove as Prove<'_>));
            let hidden = Hidden { figures, member, prove };
            self.channel.seal_hidden(&context, sender, &clipped, hidden)?
        } else if let Some(mut proving) = proving {
            let mut sealed = self.channel.seal(&context, sender, &clipped)?;
            let (values, seed) = (clipped.get().values(), Secret::draw(&mut **entropy)?);
            let made = proving.timed(*clock, Values::Each(values), &seed, &mut **entropy)?;
            proved = Some((made.0.proof, made.1));
            sealed.payload.extend(seed.bytes());
            sealed
        } else {
            self.channel.seal(&context, sender, &clipped)?
        };
        let header = |(proof, prove_ms): (Vec<u8>, u64)| {
            let (digest, bytes) = (Digest::of_bytes(&proof), proof.len() as u64);
            (proof, ProofHeader { digest, bytes, prove_ms })
        };
        Ok((sealed, proved.map(header)))
    }

    /// What the participant proves with, if the plan asks for a proof.
    fn proving<'b>(
        &'b self,
        witness: &'b mut Option<Witness<'_>>,
    ) -> Result<Option<Proving<'b>>, Error> {
        let Start { task, model, .. } = *self.start;
        let Witness { proofs, holding } = match (self.channel.proof, witness) {
            (None, _) => return Ok(None),
            (Some(_), Some(witness)) => witness,
            (Some(_), None) => {
                return Err(Error::Bug("an update was to be sent without its proof"));
            }
        };
        let missing = || Error::caller("task", "a nonce, as the plan asks for a proof", "none");
        let claim = (task.context(), task.nonce.ok_or_else(missing)?, self.told);
        let (participant, shard) = (self.local.participant, &self.local.data.train);
        let order = self.order;
        Ok(Some(Proving { proofs, holding, claim, participant, order, model, shard }))
    }
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
        let channel = self.unproved_channel(layout)?;
        let Some(rule) = self.proof()? else { return Ok(channel) };
        let sizes = rule.sizes(&Statement { plan: self, layout })?;
        if sizes.proof_bytes > limits::PROOF_BYTES {
            let expected = format!("proofs of at most {} bytes", limits::PROOF_BYTES);
            return Err(Error::caller("proof", expected, sizes.proof_bytes.to_string()));
        }
        Ok(Channel { proof: Some(sizes), ..channel })
    }

    /// The same without what is proved of values.
    pub(crate) fn unproved_channel(&self, layout: &Layout) -> Result<Channel, Error> {
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
        let (proof, seed) = (None, self.seed());
        Ok(Channel { chain, protection, bound, follows, equal, sums, proof, seed })
    }
}
