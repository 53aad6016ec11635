//! The way to the aggregators, for participants and for the coordinator.

use super::named;
use crate::client::{HttpTransport, Patience};
use crate::notary::CertificateNotary;
use crate::pki::{Identity, Subject};
use crate::wire::verify_message;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Letter, Message, SignedMessage, Terms};
use tacit_core::host::Seats;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::messages::Contribution;
use tacit_core::plan::Plan;
use tacit_core::traits::{Context, Member, Table};
use tacit_secagg::committee::member::{Courier, RemoteMember};
use tacit_secagg::committee::orders::{self, Shape, SumReply};
use tacit_secagg::committee::rule;
use tacit_secagg::committee::table::{Clerk, Finding, RemoteTable, Seating};
use tokio::runtime::Handle;

/// How long an aggregator that does not answer is asked again: others may do without it.
const PATIENCE: Patience = Patience {
    first: Duration::from_millis(100),
    longest: Duration::from_secs(2),
    total: Duration::from_secs(5),
};

/// Reaches every aggregator of a plan. Its methods block: they must not be called from async code.
pub struct Committee {
    rule: rule::Committee,
    identity: Arc<Identity>,
    notary: CertificateNotary,
    runtime: Handle,
    ways: Vec<HttpTransport>,
    /// Who answers at each address, once it did.
    subjects: Mutex<BTreeMap<usize, Subject>>,
}

/// Seats a coordinator's tables.
pub(crate) struct Seated(pub Arc<Committee>);

impl Committee {
    /// The way to the aggregators that a plan names; `None` if it names none. Refuses a committee
    /// without addresses, whose shares would all go to the coordinator.
    pub fn of(
        plan: &Plan,
        identity: &Arc<Identity>,
        runtime: Handle,
    ) -> Result<Option<Arc<Self>>, Error> {
        let Some(rule) = named(plan)? else { return Ok(None) };
        if rule.addresses().is_empty() {
            let expected = "addresses = [...] of every aggregator, over a network";
            return Err(Error::caller("protection = \"committee\"", expected, "none"));
        }
        let way = |url: &String| HttpTransport::new(url, identity.clone(), PATIENCE);
        let ways = rule.addresses().iter().map(way).collect::<Result<_, _>>()?;
        let notary = CertificateNotary::new(identity.clone())?;
        let (identity, subjects) = (identity.clone(), Mutex::default());
        Ok(Some(Arc::new(Self { rule, identity, notary, runtime, ways, subjects })))
    }

    fn subjects(&self) -> Result<MutexGuard<'_, BTreeMap<usize, Subject>>, Error> {
        self.subjects.lock().map_err(|_| Error::Bug("a thread died while meeting an aggregator"))
    }

    /// Who answers at an address: nobody that answers at another.
    fn meet(&self, aggregator: usize) -> Result<Subject, Error> {
        if let Some(subject) = self.subjects()?.get(&aggregator) {
            return Ok(subject.clone());
        }
        let way = &self.ways[aggregator];
        let credential = self.runtime.block_on(async {
            way.enrol().await?;
            way.mail(0, orders::CREDENTIAL).await
        })?;
        let subject = self.notary.subject(&credential)?;
        let mut subjects = self.subjects()?;
        let elsewhere = |(at, met): (&usize, &Subject)| {
            *at != aggregator && (met.name == subject.name || met.public_key == subject.public_key)
        };
        if subjects.iter().any(elsewhere) {
            let why = format!("{} answers at two addresses of the committee", subject.name);
            return Err(Refusal::BadCertificate { why }.into());
        }
        subjects.insert(aggregator, subject.clone());
        Ok(subject)
    }
}

/// Takes a participant's part in rounds of a committee.
pub trait Dealing: Send + Sync {
    /// Its side of one round.
    fn member(self: Arc<Self>, terms: &Terms) -> Result<Box<dyn Member>, Error>;
}

impl Dealing for Committee {
    fn member(self: Arc<Self>, terms: &Terms) -> Result<Box<dyn Member>, Error> {
        let params = self.rule.params(terms.bits)?;
        Ok(Box::new(RemoteMember::new(params, &terms.context, self)))
    }
}

/// The coordinator's way.
impl Seats for Seated {
    fn table(&self, terms: &Terms, frames: &[(u32, u32)]) -> Result<Box<dyn Table>, Error> {
        let (params, context) = (self.0.rule.params(terms.bits)?, terms.context.clone());
        let (shape, clerk) = (Shape::new(frames.iter().copied()), self.0.clone());
        Ok(Box::new(RemoteTable::new(Seating { params, context, shape, clerk })))
    }
}

impl Courier for Committee {
    fn deliver(&self, of: &Context, to: usize, share: &[u8]) -> Result<SignedMessage, Error> {
        self.meet(to)?;
        let digest = Digest::of_bytes(share);
        let signed = self.identity.sign(Contribution {
            proof: None,
            participant: self.identity.name().clone(),
            round: of.round,
            plan: orders::share_plan(&of.plan, to),
            model: of.model,
            payload: digest,
            payload_bytes: share.len() as u64,
            examples: 1,
            loss: 0.0,
            fit_ms: 0,
            evaluation: None,
            within: None,
        });
        let way = &self.ways[to];
        let receipt = self.runtime.block_on(async {
            way.deliver(&signed, share).await?;
            way.mail(of.round, orders::RECEIPT).await
        })?;
        let receipt: SignedMessage = codec::decode("receipt", &receipt, limits::MESSAGE_BYTES)?;
        self.verify(to, &receipt, (of, self.identity.name(), &digest))?;
        Ok(receipt)
    }
}

impl Clerk for Committee {
    fn verify(
        &self,
        aggregator: usize,
        receipt: &SignedMessage,
        (context, participant, share): (&Context, &ParticipantId, &Digest),
    ) -> Result<(), Error> {
        let subject = self.meet(aggregator)?;
        let body = orders::receipt_body(participant, share);
        if receipt.message != Message::new(context, &subject.name, orders::RECEIPT, &body) {
            return Err(Refusal::Malformed { what: "receipt for a share".into() }.into());
        }
        Ok(verify_message(receipt, &subject.public_key)?)
    }

    fn order(&self, to: usize, of: &Context, stage: u8, body: Vec<u8>) -> Result<Vec<u8>, Error> {
        self.meet(to)?;
        let message = Message::new(of, self.identity.name(), stage, &body);
        let letter = Letter { signed: self.identity.sign_message(message), body };
        let way = &self.ways[to];
        let reply = self.runtime.block_on(async {
            way.say(&letter).await?;
            way.mail(of.round, stage).await
        })?;
        Ok(reply.into())
    }

    fn fetch(&self, aggregator: usize, blob: &SumReply) -> Result<Vec<u8>, Error> {
        self.runtime.block_on(self.ways[aggregator].fetch(blob.digest, blob.bytes))
    }

    fn report(&self, finding: &Finding) {
        match finding {
            Finding::Silent(aggregator, error) => {
                tracing::warn!(aggregator, %error, "an aggregator does not answer");
            }
            Finding::Liar(aggregator) => {
                tracing::error!(aggregator, "an aggregator contradicts the others");
            }
            Finding::BadDealer(participant) => {
                tracing::error!(%participant, "shares of no vector: its update is left out");
            }
            Finding::Missing(participant) => {
                tracing::warn!(%participant, "too few receipts: its update is left out");
            }
        }
    }
}
