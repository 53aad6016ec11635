//! One aggregator: holds shares, answers one check and one sum of each round.

use super::book::{Book, Fact, Page};
use crate::desk::{Desk, LogFile, Peer};
use crate::pki::Identity;
use crate::store::{NodeStore, Transfer};
use crate::wire::{self, Cosign, Heartbeat, Status, TaskOffer, UploadStatus, Welcome};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Letter, Message};
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::messages::SignedContribution;
use tacit_core::plan::Plan;
use tacit_core::proof::Dataset;
use tacit_core::traits::{Blobs, Context, Journal as _, Spool};
use tacit_secagg::committee::keeper::{Held, Keeper};
use tacit_secagg::committee::orders::{self, CheckOrder, SumOrder, SumReply};

/// How long an answer is awaited before the coordinator is told to ask again.
const AWAIT: Duration = Duration::from_secs(20);

/// Bytes of field elements for one value: the largest share of the largest model is this times
/// its values, and one element more for each of the check's rows.
const VALUE_BYTES: u64 = 8;

/// What an aggregator is made from.
pub struct Setting {
    /// The plan that everybody agreed on.
    pub plan: Plan,
    /// Which of the plan's aggregators this is, from 0.
    pub number: usize,
    /// Its certificate and key.
    pub identity: Arc<Identity>,
    /// Name of the coordinator's certificate: nobody else gives orders.
    pub coordinator: ParticipantId,
}

/// An aggregator of one run.
pub struct Aggregator {
    keeper: Keeper,
    plan: Digest,
    rounds: u32,
    identity: Arc<Identity>,
    coordinator: ParticipantId,
    store: NodeStore,
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    book: Book,
    announced: BTreeMap<ParticipantId, SignedContribution>,
    /// Rounds and stages whose answer is being computed.
    busy: BTreeSet<(u32, u8)>,
    /// Why an answer could not be computed.
    failed: BTreeMap<(u32, u8), Error>,
}

impl Aggregator {
    /// Opens or creates the aggregator whose shares and journal are in `dir`.
    pub fn open(dir: &Path, setting: Setting) -> Result<Arc<Self>, Error> {
        let Setting { plan, number, identity, coordinator } = setting;
        let rule = super::named(&plan)?;
        let rule = rule
            .ok_or_else(|| Error::caller("protection of the plan", "\"committee\"", "another"))?;
        let aggregators = rule.params(32)?.aggregators();
        if number >= aggregators {
            let expected = format!("0 to {}", aggregators - 1);
            return Err(Error::caller("number of an aggregator", expected, number.to_string()));
        }
        let store = NodeStore::open(dir)?;
        let book = Book::replay(&store.replay()?)?;
        let minimum = plan.cohort().minimum;
        Ok(Arc::new(Self {
            keeper: Keeper { committee: rule, number, minimum },
            plan: plan.digest(),
            rounds: plan.num_rounds(),
            identity,
            coordinator,
            store,
            state: Mutex::new(State { book, ..State::default() }),
            ready: Condvar::new(),
        }))
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, Error> {
        self.state.lock().map_err(|_| Error::Bug("a thread died while an aggregator wrote"))
    }

    /// Makes a fact durable, then true.
    fn note(&self, state: &mut State, fact: Fact) -> Result<(), Error> {
        self.store.append(&[codec::encode(&fact)])?;
        state.book.apply(fact);
        Ok(())
    }

    /// Refuses the header of a share that is not for here, or not for now.
    fn check(&self, state: &State, signed: &SignedContribution) -> Result<(), Refusal> {
        let header = &signed.contribution;
        let (round, participant) = (header.round, &header.participant);
        let expected = orders::share_plan(&self.plan, self.keeper.number);
        if header.plan != expected {
            return Err(Refusal::WrongPlan { expected, found: header.plan });
        }
        if *participant == self.coordinator {
            let participant = participant.clone();
            return Err(Refusal::NotInCohort { participant, round });
        }
        let checked = state.book.rounds.get(&round).is_some_and(|page| page.check.is_some());
        let last = state.book.last_of(participant);
        if checked || round < last || round > self.rounds {
            return Err(Refusal::TooLate { round });
        }
        if round == last {
            let participant = participant.clone();
            return Err(Refusal::Duplicate { participant, round });
        }
        let limit = (limits::MODEL_VALUES + limits::CHUNK_VALUES as u64) * VALUE_BYTES;
        if header.payload_bytes > limit {
            let (what, found) = ("share".into(), header.payload_bytes);
            return Err(Refusal::TooLarge { what, limit, found });
        }
        Ok(())
    }

    /// The share is whole: holds it, and gives up the participant's last one.
    fn complete(&self, signed: &SignedContribution) -> Result<UploadStatus, Error> {
        let transfer = transfer(signed);
        self.store.spool_finish(&transfer)?;
        let mut state = self.state()?;
        if !state.book.holds(signed) {
            self.check(&state, signed)?;
            self.note(&mut state, Fact::Held { signed: signed.clone() })?;
        }
        state.announced.remove(&transfer.participant);
        Ok(status(transfer.bytes, true))
    }

    /// Takes an order of the coordinator; its answer is computed on a thread of its own.
    fn ordered(self: &Arc<Self>, letter: &Letter) -> Result<(), Error> {
        let Message { round, stage, model, plan, .. } = letter.signed.message;
        if plan != self.plan {
            return Err(Refusal::WrongPlan { expected: self.plan, found: plan }.into());
        }
        let limit = limits::EXCHANGE_BYTES;
        let mut state = self.state()?;
        let page = state.book.rounds.get(&round);
        let page = page.ok_or(Refusal::TooLate { round })?;
        let fact = match stage {
            orders::CHECK => {
                let order: CheckOrder = codec::decode("order of a check", &letter.body, limit)?;
                let known = page.known_check(model, &order)?;
                let new = (!known).then(|| self.keeper.admit(round, &order, &self.drawer(page)));
                new.transpose()?.map(|_| Fact::Checked { round, model, order })
            }
            orders::SUM => {
                let order: SumOrder = codec::decode("order of a sum", &letter.body, limit)?;
                self.keeper.remaining(page.checked()?, &order)?;
                (!page.known_sum(&order)?).then_some(Fact::Summed { round, order })
            }
            found => return Err(Refusal::WrongStage { expected: orders::CHECK, found }.into()),
        };
        if let Some(fact) = fact {
            self.note(&mut state, fact)?;
        }
        let answered = |page: &Page| page.answers.contains_key(&stage);
        if !state.book.rounds.get(&round).is_some_and(answered) && state.busy.insert((round, stage))
        {
            state.failed.remove(&(round, stage));
            let this = self.clone();
            std::thread::spawn(move || this.answer(round, stage));
        }
        Ok(())
    }

    /// Computes an answer and tells whoever waits.
    fn answer(&self, round: u32, stage: u8) {
        let computed = self.compute(round, stage);
        let Ok(mut state) = self.state() else { return };
        let noted = computed.and_then(|bytes| {
            let reply = SumReply { digest: self.store.put(&bytes)?, bytes: bytes.len() as u64 };
            self.note(&mut state, Fact::Answered { round, stage, reply })
        });
        if let Err(error) = noted {
            tracing::error!(round, stage, %error, "an order cannot be answered");
            state.failed.insert((round, stage), error);
        } else if stage == orders::SUM {
            self.clean(&state, round);
        }
        state.busy.remove(&(round, stage));
        drop(state);
        self.ready.notify_all();
    }

    fn compute(&self, round: u32, stage: u8) -> Result<Vec<u8>, Error> {
        let state = self.state()?;
        let page = state.book.rounds.get(&round).ok_or(Refusal::TooLate { round })?;
        let (check, sum) = (page.checked()?.clone(), page.sum.clone());
        let drawer = Drawer { store: &self.store, held: page.held.clone() };
        drop(state);
        let params = self.keeper.admit(round, &check, &drawer)?;
        match sum.filter(|_| stage == orders::SUM) {
            None => self.keeper.answer(&params, &check, &drawer),
            Some(order) => {
                let remaining = self.keeper.remaining(&check, &order)?;
                self.keeper.sum(&params, &check, &remaining, &drawer)
            }
        }
    }

    /// Destroys the shares of a round whose sum is told, and of those before it that were given up;
    /// and what was told before it.
    fn clean(&self, state: &State, round: u32) {
        let unsummed = state.book.rounds.range(..round).filter(|(_, page)| !page.held.is_empty());
        let over = unsummed.map(|(round, _)| *round).chain([round]);
        let forgotten = over.map(|round| self.store.forget(round));
        let told = state.book.rounds.range(..round).flat_map(|(_, page)| page.answers.values());
        let removed = told.map(|reply| self.store.remove(reply.digest));
        for error in forgotten.chain(removed).filter_map(Result::err) {
            tracing::warn!(round, %error, "what is no longer needed was not deleted");
        }
    }

    fn drawer(&self, page: &Page) -> Drawer<'_> {
        Drawer { store: &self.store, held: page.held.clone() }
    }

    /// Waits until an answer is there.
    fn answered(&self, round: u32, stage: u8) -> Result<SumReply, Error> {
        let state = self.state()?;
        let waiting = |state: &mut State| state.busy.contains(&(round, stage));
        let waited = self.ready.wait_timeout_while(state, AWAIT, waiting);
        let (mut state, timeout) =
            waited.map_err(|_| Error::Bug("a thread died while an aggregator wrote"))?;
        if timeout.timed_out() {
            return Err(Error::world("compute an answer", "not ready yet"));
        }
        if let Some(error) = state.failed.remove(&(round, stage)) {
            return Err(error);
        }
        let reply = state.book.rounds.get(&round).and_then(|page| page.answers.get(&stage));
        reply.cloned().ok_or(Refusal::TooLate { round }.into())
    }

    /// Signs for the share of a participant.
    fn receipt(&self, participant: &ParticipantId, round: u32) -> Result<Vec<u8>, Error> {
        let state = self.state()?;
        let held = state.book.rounds.get(&round).and_then(|page| page.held.get(participant));
        let held = held.ok_or(Refusal::TooLate { round })?;
        let context = Context { plan: self.plan, round, model: held.contribution.model };
        let body = orders::receipt_body(participant, &held.contribution.payload);
        let message = Message::new(&context, self.identity.name(), orders::RECEIPT, &body);
        Ok(codec::encode(&self.identity.sign_message(message)))
    }

    /// Refuses everybody but the coordinator.
    fn commanded(&self, peer: &Peer, round: u32) -> Result<(), Refusal> {
        match peer.participant == self.coordinator {
            true => Ok(()),
            false => Err(Refusal::NotInCohort { participant: peer.participant.clone(), round }),
        }
    }
}

/// The shares of one round.
struct Drawer<'a> {
    store: &'a NodeStore,
    held: BTreeMap<ParticipantId, SignedContribution>,
}

impl Held for Drawer<'_> {
    fn bytes(&self, participant: &ParticipantId) -> Option<u64> {
        self.held.get(participant).map(|held| held.contribution.payload_bytes)
    }

    fn read(&self, of: &ParticipantId, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let held = self.held.get(of).ok_or(Error::Bug("a share was read that is not held"))?;
        Spool::read(self.store, held.contribution.payload, offset, out)
    }
}

/// An aggregator as its server sees it.
#[derive(Clone)]
pub struct Counter(pub Arc<Aggregator>);

impl Desk for Counter {
    const SERVERS: bool = true;

    fn admit(&self, peer: &Peer) -> Result<(), Error> {
        match self.0.store.enrolled_key(&peer.participant)? {
            Some(key) if key == peer.public_key => Ok(()),
            _ => Err(Refusal::NotEnrolled { participant: peer.participant.clone() }.into()),
        }
    }

    fn enrol(&self, peer: &Peer, _: Option<Dataset>) -> Result<Welcome, Error> {
        self.0.store.enrol(&peer.participant, &peer.public_key)?;
        let plan_digest = wire::digest_bytes(self.0.plan);
        Ok(Welcome { protocol: wire::PROTOCOL, plan_digest, ..Welcome::default() })
    }

    async fn task(&self, _: &Peer, _: u64) -> Result<Option<TaskOffer>, Error> {
        std::future::pending().await
    }

    fn announce(&self, peer: &Peer, signed: SignedContribution) -> Result<UploadStatus, Error> {
        let this = &self.0;
        let mut state = this.state()?;
        if state.book.holds(&signed) {
            return Ok(status(signed.contribution.payload_bytes, true));
        }
        this.check(&state, &signed)?;
        state.announced.insert(peer.participant.clone(), signed.clone());
        drop(state);
        let offset = this.store.spool_open(&transfer(&signed))?;
        if offset == signed.contribution.payload_bytes {
            return this.complete(&signed);
        }
        Ok(status(offset, false))
    }

    fn upload(
        &self,
        peer: &Peer,
        payload: Digest,
        offset: u64,
        bytes: &[u8],
    ) -> Result<UploadStatus, Error> {
        let this = &self.0;
        let announced = this.state()?.announced.get(&peer.participant).cloned();
        let Some(signed) = announced.filter(|signed| signed.contribution.payload == payload) else {
            let expected = offset.saturating_add(bytes.len() as u64);
            return Err(Refusal::Truncated { expected, found: 0 }.into());
        };
        let next = this.store.spool_write(&transfer(&signed), offset, bytes)?;
        if next == signed.contribution.payload_bytes {
            return this.complete(&signed);
        }
        Ok(status(next, false))
    }

    fn mail(&self, peer: &Peer, round: u32, stage: u8) -> Result<Vec<u8>, Error> {
        match stage {
            orders::CREDENTIAL => Ok(self.0.identity.credential()),
            orders::RECEIPT => self.0.receipt(&peer.participant, round),
            orders::CHECK => {
                self.0.commanded(peer, round)?;
                let reply = self.0.answered(round, stage)?;
                let mut answers = vec![0; reply.bytes as usize];
                Blobs::read(&self.0.store, reply.digest, 0, &mut answers)?;
                Ok(answers)
            }
            _ => {
                self.0.commanded(peer, round)?;
                Ok(codec::encode(&self.0.answered(round, stage)?))
            }
        }
    }

    fn message(&self, peer: &Peer, letter: Letter) -> Result<(), Error> {
        self.0.commanded(peer, letter.signed.message.round)?;
        self.0.ordered(&letter)
    }

    fn decline(&self, _: &Peer, round: u32, _: &str) -> Result<(), Error> {
        Err(Refusal::TooLate { round }.into())
    }

    fn heartbeat(&self, _: &Peer, _: Heartbeat) -> Result<(), Error> {
        Ok(())
    }

    fn cosign(&self, _: &Peer, _: Cosign) -> Result<(), Error> {
        Err(Refusal::Malformed { what: "co-signature: no log is kept here".into() }.into())
    }

    fn status(&self) -> Result<Status, Error> {
        let (state, enrolled) = (self.0.state()?, self.0.store.enrolled()?.len());
        let last = state.book.rounds.last_key_value();
        let page = last.map(|(_, page)| page);
        Ok(Status {
            plan: self.0.plan.to_string(),
            round: last.map_or(0, |(round, _)| *round),
            rounds: self.0.rounds,
            state: match page {
                Some(Page { sum: Some(_), .. }) => "summed",
                Some(Page { check: Some(_), .. }) => "checked",
                _ => "collecting",
            }
            .into(),
            enrolled: enrolled as u64,
            accepted: page.map_or(0, |page| page.held.len()) as u64,
            ..Status::default()
        })
    }

    fn blob_size(&self, peer: &Peer, digest: Digest) -> Result<Option<u64>, Error> {
        let state = self.0.state()?;
        let last = state.book.rounds.iter().rev().find(|(_, page)| page.sum.is_some());
        let told = last.and_then(|(_, page)| page.answers.get(&orders::SUM));
        let told = told.filter(|reply| reply.digest == digest);
        Ok(told.filter(|_| peer.participant == self.0.coordinator).map(|reply| reply.bytes))
    }

    fn read_blob(&self, digest: Digest, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        Blobs::read(&self.0.store, digest, offset, out)
    }

    fn log_file(&self, _: &str) -> Result<Option<LogFile>, Error> {
        Ok(None)
    }
}

fn status(offset: u64, accepted: bool) -> UploadStatus {
    UploadStatus { offset, chunk_bytes: limits::TRANSFER_CHUNK_BYTES as u64, accepted }
}

fn transfer(signed: &SignedContribution) -> Transfer {
    let header = &signed.contribution;
    Transfer {
        round: header.round,
        participant: header.participant.clone(),
        payload: header.payload,
        bytes: header.payload_bytes,
    }
}
