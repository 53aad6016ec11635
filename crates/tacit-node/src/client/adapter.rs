//! The transport of a training thread, which blocks while the async one works.

use super::{HttpTransport, Patience};
use crate::pki::Identity;
use crate::wire::{Cosign, Phase, TaskOffer, Welcome};
use std::sync::Arc;
use std::time::Duration;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Ask, Letter};
use tacit_core::messages::{Offer, SignedContribution, Task};
use tacit_core::proof::Dataset;
use tacit_core::traits::Transport;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// How long a co-signature is tried to be delivered.
const COSIGN: Duration = Duration::from_secs(10);

/// Remembers how far the transparency log was seen, and refuses a history that does not extend
/// it.
pub trait LogWatch: Send {
    /// Size of the last checkpoint that was verified; 0 for none.
    fn seen(&self) -> u64;
    /// Verifies the checkpoint of an offer, if it has one; may answer with a co-signature.
    fn observe(&mut self, offer: &TaskOffer) -> Result<Option<Cosign>, Error>;
}

/// Watches nothing.
impl LogWatch for () {
    fn seen(&self) -> u64 {
        0
    }

    fn observe(&mut self, _offer: &TaskOffer) -> Result<Option<Cosign>, Error> {
        Ok(None)
    }
}

/// [`Transport`] over HTTPS. While it has a task it sends heartbeats by itself.
///
/// Its methods block: they must not be called from async code.
pub struct BlockingTransport {
    runtime: Handle,
    http: Arc<HttpTransport>,
    log: Box<dyn LogWatch>,
    every: Duration,
    task: Option<Task>,
    beats: Option<Beats>,
}

/// The heartbeats of one task; they end when dropped.
struct Beats {
    phase: watch::Sender<Phase>,
    task: AbortHandle,
}

impl Drop for Beats {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl BlockingTransport {
    /// Prepares to reach the coordinator at `url`; the network is driven by `runtime`, which
    /// must have its own threads.
    pub fn new(
        runtime: Handle,
        url: &str,
        identity: Arc<Identity>,
        patience: Patience,
    ) -> Result<Self, Error> {
        let http = Arc::new(HttpTransport::new(url, identity, patience)?);
        let every = Duration::from_secs(10);
        Ok(Self { runtime, http, log: Box::new(()), every, task: None, beats: None })
    }

    /// Has the transparency log watched from the next offer on.
    pub fn watch(&mut self, log: Box<dyn LogWatch>) {
        self.log = log;
    }

    /// The async transport beneath.
    pub fn http(&self) -> &Arc<HttpTransport> {
        &self.http
    }

    /// Binds the certificate's key to its name and learns the plan.
    pub fn enrol(&mut self) -> Result<Welcome, Error> {
        let welcome = self.runtime.block_on(self.http.enrol())?;
        // At least every second, at most every minute, whatever the coordinator wishes.
        self.every = Duration::from_millis(welcome.heartbeat_ms.clamp(1_000, 60_000));
        Ok(welcome)
    }

    /// Enrols with a commitment to this participant's data.
    pub fn commit(&mut self, dataset: &Dataset) -> Result<(), Error> {
        self.runtime.block_on(self.http.commit(dataset)).map(drop)
    }

    fn start_beats(&mut self, round: u32) {
        let (phase, phases) = watch::channel(Phase::Fetching);
        let (http, every) = (self.http.clone(), self.every);
        let task = self.runtime.spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let phase = *phases.borrow();
                if let Err(error) = http.heartbeat(round, phase).await {
                    tracing::debug!(round, %error, "heartbeat failed");
                }
            }
        });
        self.beats = Some(Beats { phase, task: task.abort_handle() });
    }

    fn enter(&self, phase: Phase) {
        if let Some(beats) = &self.beats {
            beats.phase.send_replace(phase);
        }
    }
}

impl Transport for BlockingTransport {
    fn next_task(&mut self) -> Result<Offer, Error> {
        (self.task, self.beats) = (None, None);
        let asked = self.http.next_task(self.log.seen());
        let Some(offer) = self.runtime.block_on(asked)? else { return Ok(Offer::Wait) };
        if let Some(cosign) = self.log.observe(&offer)? {
            // A checkpoint that cannot be co-signed is still a verified one; a coordinator whose
            // run is over need not come back for it.
            let sent = async { tokio::time::timeout(COSIGN, self.http.cosign(&cosign)).await };
            match self.runtime.block_on(sent) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "co-signature not delivered"),
                Err(_) => tracing::warn!("co-signature not delivered in time"),
            }
        }
        if offer.finished {
            return Ok(Offer::Finished);
        }
        if let Some(ask) = offer.asked()? {
            return Ok(Offer::Ask(ask));
        }
        let task = offer.task()?;
        self.start_beats(task.round);
        self.task = Some(task.clone());
        Ok(Offer::Task(task))
    }

    fn fetch(&mut self, digest: Digest) -> Result<Vec<u8>, Error> {
        let size = self.task.as_ref().and_then(|task| task.blob_bytes(digest));
        let unknown = || Error::caller("blob", "one of the current task", digest.to_string());
        let size = size.ok_or_else(unknown)?;
        let bytes = self.runtime.block_on(self.http.fetch(digest, size))?;
        self.enter(Phase::Training);
        Ok(bytes)
    }

    fn mail(&mut self, ask: &Ask) -> Result<Vec<u8>, Error> {
        let mail = self.runtime.block_on(self.http.mail(ask.context.round, ask.stage))?;
        Ok(mail.into())
    }

    fn say(&mut self, letter: &Letter) -> Result<(), Error> {
        self.runtime.block_on(self.http.say(letter))
    }

    fn deliver(&mut self, contribution: &SignedContribution, body: &[u8]) -> Result<(), Error> {
        let found = body.len() as u64;
        let expected = contribution.contribution.body_bytes();
        if found != expected {
            return Err(Refusal::Truncated { expected, found }.into());
        }
        self.enter(Phase::Uploading);
        let delivered = self.runtime.block_on(self.http.deliver(contribution, body));
        self.beats = None;
        delivered
    }

    fn decline(&mut self, round: u32, why: &str) -> Result<(), Error> {
        self.beats = None;
        self.runtime.block_on(self.http.decline(round, why))
    }
}
