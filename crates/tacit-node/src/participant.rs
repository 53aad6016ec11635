//! The participant's loop: ask for work, fetch the model, train, deliver; until the run is over.

mod seat;
mod testimony;

pub use testimony::Testimony;

use crate::committee::Dealing;
use crate::notary::CertificateNotary;
use crate::pki::Identity;
use seat::Seat;
use std::sync::Arc;
use tacit_audit::OsEntropy;
use tacit_core::digest::Digest;
use tacit_core::downlink::{self, Downlink};
use tacit_core::error::{Error, Fault};
use tacit_core::exchange::{Message, SignedMessage};
use tacit_core::local::{Local, Made, Ports, Start, contribute};
use tacit_core::messages::{Contribution, Offer, SignedContribution, Task};
use tacit_core::params::{Layout, Params};
use tacit_core::traits::{Clock, Memory, Notary, Trainer, Transport};

/// What a participant brings to its loop.
pub struct Worker<'a> {
    /// Plan, name and examples.
    pub local: Local<'a>,
    /// How it trains.
    pub trainer: &'a mut dyn Trainer,
    /// Names and shapes of the model.
    pub layout: Arc<Layout>,
    /// Its signature, and what shows others whose it is.
    pub signer: &'a dyn Signer,
    /// Time.
    pub clock: &'a dyn Clock,
    /// What it keeps between rounds.
    pub memory: &'a mut dyn Memory,
    /// The way to the aggregators, where the plan names a committee.
    pub committee: Option<Arc<dyn Dealing>>,
    /// What it proves with, where the plan asks for a proof.
    pub testimony: Option<Testimony>,
}

/// Signs what a participant sends.
pub trait Signer {
    /// Signs a contribution.
    fn sign(&self, contribution: Contribution) -> SignedContribution;
    /// Signs a message of a stage.
    fn sign_message(&self, message: Message) -> SignedMessage;
    /// Tells whose messages others' are.
    fn notary(&self) -> Result<Arc<dyn Notary>, Error>;
}

impl Signer for Arc<Identity> {
    fn sign(&self, contribution: Contribution) -> SignedContribution {
        Identity::sign(self, contribution)
    }

    fn sign_message(&self, message: Message) -> SignedMessage {
        Identity::sign_message(self, message)
    }

    fn notary(&self) -> Result<Arc<dyn Notary>, Error> {
        Ok(Arc::new(CertificateNotary::new(self.clone())?))
    }
}

/// Works until the coordinator says that the run is over. A task that cannot be done, or whose
/// result is refused, is declined and costs only its round; an error ends the loop when asking
/// for work fails for good. Returns the number of delivered contributions.
pub fn work(worker: &mut Worker<'_>, transport: &mut dyn Transport) -> Result<u32, Error> {
    let mut delivered = 0;
    let mut models = Models::new(worker)?;
    let mut seat = Seat::new(worker)?;
    loop {
        let (round, done) = match transport.next_task()? {
            Offer::Wait => continue,
            Offer::Finished => return Ok(delivered),
            Offer::Ask(ask) => (ask.context.round, seat.speak(worker, transport, &ask)),
            Offer::Task(task) => {
                let done = contribute_once(worker, &mut models, &mut seat, transport, &task);
                delivered += u32::from(done.is_ok());
                (task.round, done)
            }
        };
        if let Err(error) = done {
            seat.leave();
            decline(transport, round, &error)?;
        }
    }
}

/// Fetches models, or the steps to them from the last one.
struct Models {
    layout: Arc<Layout>,
    downlink: Option<Downlink>,
    /// The last model, where steps travel.
    held: Option<(Digest, Params)>,
}

impl Models {
    fn new(worker: &Worker<'_>) -> Result<Self, Error> {
        let downlink = Downlink::new(worker.local.plan, &worker.layout)?;
        Ok(Self { layout: worker.layout.clone(), downlink, held: None })
    }

    fn whole(&self, transport: &mut dyn Transport, digest: Digest) -> Result<Params, Error> {
        let bytes = transport.fetch(digest)?;
        Ok(Params::from_bytes(self.layout.clone(), &bytes)?)
    }

    /// The task's model, which has the digest that the task names whichever way it came.
    fn fetch(&mut self, transport: &mut dyn Transport, task: &Task) -> Result<Params, Error> {
        let stepped = match (&self.downlink, self.held.take()) {
            (Some(downlink), Some(held)) => steps(downlink, held, transport, task)?,
            _ => None,
        };
        let model = match stepped {
            Some(model) => model,
            None => self.whole(transport, task.model)?,
        };
        self.held = self.downlink.is_some().then(|| (task.model, model.clone()));
        Ok(model)
    }
}

/// The task's model by steps from one that is held; `None` where they do not lead to it.
fn steps(
    downlink: &Downlink,
    (held, model): (Digest, Params),
    transport: &mut dyn Transport,
    task: &Task,
) -> Result<Option<Params>, Error> {
    let Some(steps) = downlink::since(&task.deltas, held) else { return Ok(None) };
    let layout = model.layout().clone();
    let mut values = model.into_values();
    for step in steps {
        if step.bytes > downlink.max_bytes(values.len()) {
            return Ok(None);
        }
        let bytes = transport.fetch(step.blob)?;
        if let Err(refusal) = downlink.take(step.round, &mut values, &bytes) {
            tracing::warn!(round = step.round, %refusal, "a step is no use, the model is fetched");
            return Ok(None);
        }
    }
    Ok(Params::new(layout, values).ok().filter(|model| model.digest() == task.model))
}

/// Delivers this participant's contribution; the same again where it was made before.
fn contribute_once(
    worker: &mut Worker<'_>,
    models: &mut Models,
    seat: &mut Seat,
    transport: &mut dyn Transport,
    task: &Task,
) -> Result<(), Error> {
    if let Some((signed, body)) = seat.sealed(task) {
        return transport.deliver(signed, body);
    }
    let control = task.control.map(|digest| models.whole(transport, digest)).transpose()?;
    let model = models.fetch(transport, task)?;
    let kept = worker.memory.recall(task.round)?;
    let (control, kept) = (control.as_ref(), kept.as_ref());
    let start = Start { task, model: &model, control, kept };
    let member = seat.member(task)?;
    let witness = worker.testimony.as_mut().map(Testimony::witness);
    let mut ports = Ports { clock: worker.clock, entropy: &mut OsEntropy, member, witness };
    let Made { contribution, payload: mut body, proof, kept } =
        contribute(&worker.local, worker.trainer, &start, &mut ports)?;
    drop(model);
    body.extend(proof);
    // Kept before it is delivered: a crash in between must not leave the coordinator with a
    // contribution whose other half is forgotten here.
    if !kept.is_empty() {
        worker.memory.keep(task.round, &kept)?;
    }
    let signed = worker.signer.sign(contribution);
    let delivered = transport.deliver(&signed, &body);
    seat.keep(signed, body);
    if delivered.is_err() && !kept.is_empty() {
        worker.memory.drop_round(task.round)?;
    }
    delivered
}

/// Gives the task up. A coordinator that has moved on in the meantime is no error.
fn decline(transport: &mut dyn Transport, round: u32, error: &Error) -> Result<(), Error> {
    tracing::warn!(round, %error, "the round is given up");
    match transport.decline(round, &error.to_string()) {
        Err(refused) if refused.fault() != Fault::Peer => Err(refused),
        _ => Ok(()),
    }
}
