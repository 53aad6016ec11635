//! The coordinator's half of a round, the same behind sockets and in a simulation: aggregate,
//! add noise, record the cost, apply, evaluate.

use crate::data::Shard;
use crate::digest::{Digest, Hasher};
use crate::downlink::{Delta, Downlink};
use crate::error::Error;
use crate::evidence::{Cost, Spend, Summed};
use crate::exchange::Tally;
use crate::ids::ParticipantId;
use crate::limits;
use crate::messages::{Contribution, Evaluation, SignedContribution};
use crate::params::{self, Layout, Params};
use crate::pipeline::{self, Accepted, Channel, Cohort, Equal, Inspector, RowSum, Step};
use crate::plan::Plan;
use crate::referee::Referee;
use crate::round::{Outcome, Setup};
use crate::traits::{
    Aggregator, Blobs, Calibration, Clock, Entropy, Ledger, Mechanism, Opening, Party, Spool,
    Strategy, Trainer, View,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A trainer and the examples to measure released models on.
pub type Evaluator = (Box<dyn Trainer>, Shard);

/// What is opened beside a sum: figures, and what was proved of it.
type Beside = (Tally, Vec<RowSum>);

/// Everything a plan makes the coordinator compute.
pub struct Centre {
    plan: Plan,
    layout: Arc<Layout>,
    sent_len: usize,
    channel: Channel,
    strategy: Box<dyn Strategy>,
    mechanism: Box<dyn Mechanism>,
    downlink: Option<Downlink>,
    evaluator: Option<Evaluator>,
    referee: Option<Arc<Referee>>,
}

/// Where the coordinator's half reads and writes.
pub struct Ports<'a> {
    /// Models and slots.
    pub blobs: &'a dyn Blobs,
    /// Payloads.
    pub spool: &'a dyn Spool,
    /// Time, for reports only.
    pub clock: &'a dyn Clock,
    /// Noise.
    pub entropy: &'a mut dyn Entropy,
    /// Opens sums, where nothing else is opened.
    pub opening: Option<Box<dyn Opening>>,
}

/// Takes one cost; it becomes durable with the model it was paid for, in one record.
#[derive(Default)]
struct Receipt(Option<Cost>);

impl Ledger for Receipt {
    fn record(&mut self, _round: u32, spend: Spend) -> Result<(), Error> {
        self.0 = Some(spend.cost());
        Ok(())
    }
}

impl Centre {
    /// The coordinator's half of `plan` for models of `layout`. Without an `evaluator`
    /// released models are not measured.
    pub fn new(
        plan: &Plan,
        layout: Arc<Layout>,
        evaluator: Option<Evaluator>,
    ) -> Result<Self, Error> {
        let channel = plan.channel(&layout)?;
        let sent_len = plan.sent_len(layout.len())?;
        channel.chain.check(sent_len)?;
        let downlink = Downlink::new(plan, &layout)?;
        downlink.iter().try_for_each(|downlink| downlink.check(layout.len()))?;
        Ok(Self {
            layout,
            sent_len,
            channel,
            downlink,
            strategy: plan.strategy()?,
            mechanism: plan.mechanism()?,
            evaluator: evaluator.filter(|_| plan.evaluation().on_coordinator),
            referee: None,
            plan: plan.clone(),
        })
    }

    /// Has sums held against what was proved of their terms.
    pub fn watched_by(self, referee: Option<Arc<Referee>>) -> Self {
        Self { referee, ..self }
    }

    /// Names and shapes of the model.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Checks a payload as it arrives.
    pub fn inspector(&self, round: u32, sender: &ParticipantId) -> Inspector<'_> {
        Inspector::new(&self.channel, self.sent_len, round, sender)
    }

    /// Largest payload that can be a contribution, in bytes.
    pub fn max_payload(&self) -> u64 {
        self.channel.max_payload(self.sent_len)
    }

    /// The bytes behind the last frame of a payload.
    pub fn trailer(&self, spool: &dyn Spool, of: &Accepted) -> Result<Vec<u8>, Error> {
        let mut trailer = vec![0; self.channel.trailer()];
        let offset = of.payload_bytes.saturating_sub(trailer.len() as u64);
        spool.read(of.payload, offset, &mut trailer)?;
        Ok(trailer)
    }

    /// Values that travel for one update.
    pub fn sent_len(&self) -> usize {
        self.sent_len
    }

    /// Values of one update: as many as the model's, or a multiple of them.
    fn update_len(&self) -> usize {
        self.plan.vectors() * self.layout.len()
    }

    /// Computes the model after a round. Repeating it after a crash gives the same model, bit for
    /// bit, as long as the mechanism adds no noise.
    pub fn aggregate(
        &mut self,
        setup: &Setup,
        contributions: &[SignedContribution],
        ports: &mut Ports<'_>,
    ) -> Result<Outcome, Error> {
        let started = ports.clock.now_ms();
        let context = setup.context();
        let headers = contributions.iter().map(|signed| &signed.contribution);
        let accepted: Vec<Accepted> = headers.map(accepted).collect();
        let mut aggregator = self.plan.aggregator()?;
        let (len, spool) = (self.sent_len, ports.spool);
        let remembered = if aggregator.remembers() { self.plan.vectors() } else { 0 };
        let before = self.before(setup, ports.blobs, remembered)?;
        let bound = self.channel.bound_at(setup.clip_norm);
        let cohort =
            Cohort { context: &context, accepted: &accepted, spool, len, before: &before, bound };
        let (summed, opened) = self.sum(&mut *aggregator, &cohort, &mut ports.opening)?;
        let tally = opened.as_ref().map(|(tally, _)| *tally);
        let sum = opened.map(|(_, sums)| self.judge(contributions, &sums, ports.blobs));
        let sum = sum.transpose()?.flatten();
        drop(before);
        let calibration = self.plan.calibration(setup.round, self.update_len(), setup.clip_norm);
        self.within_budget(setup, &calibration)?;
        // Counted from one half, so that a participant changes the count by one half.
        let told = contributions.iter().filter(|c| c.contribution.within == Some(true)).count();
        let within = tally.map_or(told as u64, |tally| tally.within.min(accepted.len() as u64));
        let count = within as f64 - 0.5 * accepted.len() as f64;
        let noised = summed.noise(&*self.mechanism, &calibration, count, ports.entropy)?;
        let mut receipt = Receipt::default();
        let released = noised.record(setup.round, &mut receipt)?;
        let clip_norm = self.next_clip_norm(setup, released.count(), accepted.len());

        let kept = released.values().chunks(self.layout.len()).take(remembered);
        let kept = kept.map(|values| put_values(ports.blobs, values));
        let kept: Vec<Digest> = kept.collect::<Result<_, _>>()?;
        let mut slots = self.slots(setup, ports.blobs, remembered)?;
        let participation = self.participation(accepted.len());
        let step = Step { round: setup.round, participation, released };
        let mut before = Stored::new(ports.blobs, setup.model);
        let read = &mut |chunk: &mut [f32]| before.next(chunk);
        let (dropped, own) = slots.split_at_mut(self.remembered());
        let mut model = pipeline::apply(step, &*self.strategy, read, own)?;
        before.finish()?;
        let delta = match &self.downlink {
            Some(downlink) => {
                let before = self.load(ports.blobs, setup.model)?;
                let dropped = dropped.first_mut().map_or(&mut [][..], Vec::as_mut_slice);
                let bytes = downlink.encode(setup.round, before.values(), &mut model, dropped)?;
                let (blob, bytes) = (ports.blobs.put(&bytes)?, bytes.len() as u64);
                Some(Delta { round: setup.round, from: setup.model, blob, bytes })
            }
            None => None,
        };
        let model = Params::new(self.layout.clone(), model)
            .map_err(|_| Error::caller("strategy", "steps that keep the model finite", "NaN"))?;
        let digest = put_values(ports.blobs, model.values())?;
        let own = slots.iter().map(|s| put_values(ports.blobs, s));
        let slots: Vec<Digest> = kept.into_iter().map(Ok).chain(own).collect::<Result<_, _>>()?;
        let evaluation = self.evaluate(setup.round, &model)?;
        Ok(Outcome {
            round: setup.round,
            model: digest,
            slots,
            delta,
            selected: self.selected(&*aggregator, &accepted),
            cost: receipt.0.ok_or(Error::Bug("a release was not recorded"))?,
            clip_norm,
            tally: tally.filter(|_| self.channel.figure_count() > 0).map(Box::new),
            evaluation,
            turned_away: BTreeMap::new(),
            bytes_up: contributions.iter().map(|s| s.contribution.payload_bytes).sum(),
            bytes_down: 0,
            aggregate_ms: ports.clock.now_ms().saturating_sub(started),
            verify_ms: None,
            sum,
        })
    }

    /// Nothing is applied of sums that are not the sums of what was proved; what is kept of them.
    fn judge(
        &self,
        contributions: &[SignedContribution],
        sums: &[RowSum],
        blobs: &dyn Blobs,
    ) -> Result<Option<Digest>, Error> {
        match (self.channel.proof, &self.referee) {
            (None, _) => Ok(None),
            (Some(_), Some(referee)) => referee.judge_sums(contributions, sums, blobs),
            (Some(_), None) => Err(Error::Bug("a proved sum was opened that nobody verifies")),
        }
    }

    /// The aggregate without noise, and figures of the cohort where only sums are opened.
    fn sum(
        &self,
        aggregator: &mut dyn Aggregator,
        cohort: &Cohort<'_>,
        opening: &mut Option<Box<dyn Opening>>,
    ) -> Result<(Summed, Option<Beside>), Error> {
        let channel = &self.channel;
        match (&channel.sums, opening) {
            (None, _) => Ok((pipeline::aggregate(channel, aggregator, cohort)?, None)),
            (Some(_), Some(opening)) => {
                let opened =
                    pipeline::aggregate_hidden(channel, aggregator, cohort, &mut **opening)?;
                Ok((opened.summed, Some((opened.tally, opened.proved))))
            }
            (Some(_), None) => Err(Error::Bug("a sum was to be taken of what was not opened")),
        }
    }

    /// A clipping norm that follows its quantile to where rounding counts costs more than planned:
    /// nothing is released that would pass the budget.
    fn within_budget(&self, setup: &Setup, calibration: &Calibration) -> Result<(), Error> {
        let Some(account) = &setup.account else { return Ok(()) };
        let cost = self.mechanism.cost(calibration)?;
        if cost == account.planned() || account.allows(cost, &setup.rules)? {
            return Ok(());
        }
        let expected = "a release that stays within the budget";
        Err(Error::caller("privacy.epsilon", expected, format!("{cost:?}")))
    }

    /// The clipping norm of the next round, where it follows a quantile: from the count of updates
    /// that were within this round's (Andrew et al. 2021, algorithm 1).
    fn next_clip_norm(&self, setup: &Setup, count: f64, contributions: usize) -> Option<f64> {
        let (limit, quantile) = (setup.clip_norm?, self.plan.training().quantile?);
        let divisor = match self.mechanism.by() {
            Party::Nobody => contributions,
            _ => self.plan.cohort().size,
        };
        Some(quantile.next(limit, 0.5 + count / divisor as f64))
    }

    /// The share of all participants that the mean is of: what it is divided by, so that a mean
    /// with noise, over the planned size, does not tell how many came.
    fn participation(&self, contributions: usize) -> f64 {
        let count = match self.channel.equal {
            Some(Equal::Over(size)) => size as f64,
            _ => contributions as f64,
        };
        (count / self.plan.participants() as f64).min(1.0)
    }

    /// Vectors before the strategy's: what steps have dropped.
    fn remembered(&self) -> usize {
        usize::from(self.downlink.as_ref().is_some_and(Downlink::feedback))
    }

    /// Whose updates a selecting rule chose, where the protection shows single updates anyway.
    fn selected(&self, rule: &dyn Aggregator, accepted: &[Accepted]) -> Option<Vec<ParticipantId>> {
        let seen = self.channel.protection.reveals() == View::Each;
        let rows = rule.selected().filter(|_| seen)?;
        let name = |row: u32| Some(accepted.get(row as usize)?.participant.clone());
        rows.into_iter().map(name).collect()
    }

    /// What the round before released, of which `remembered` slots hold a vector each.
    fn before(
        &self,
        setup: &Setup,
        blobs: &dyn Blobs,
        remembered: usize,
    ) -> Result<Vec<f32>, Error> {
        let mut before = Vec::new();
        for &slot in setup.slots.iter().take(remembered) {
            before.extend(self.load(blobs, slot)?.into_values());
        }
        Ok(before)
    }

    /// The strategy's vectors, which lie behind the `remembered` ones.
    fn slots(
        &self,
        setup: &Setup,
        blobs: &dyn Blobs,
        remembered: usize,
    ) -> Result<Vec<Vec<f32>>, Error> {
        if setup.slots.is_empty() {
            let count = self.remembered() + self.strategy.slots() + self.plan.vectors() - 1;
            return Ok(vec![vec![0.0; self.layout.len()]; count]);
        }
        setup
            .slots
            .iter()
            .skip(remembered)
            .map(|&slot| Ok(self.load(blobs, slot)?.into_values()))
            .collect()
    }

    /// Reads a model from its blob and checks it.
    pub fn load(&self, blobs: &dyn Blobs, digest: Digest) -> Result<Params, Error> {
        load(blobs, &self.layout, digest)
    }

    fn evaluate(&mut self, round: u32, model: &Params) -> Result<Option<Evaluation>, Error> {
        if !self.plan.evaluation().is_due(round, self.plan.num_rounds()) {
            return Ok(None);
        }
        match &mut self.evaluator {
            Some((trainer, shard)) => trainer.evaluate(model, shard).map(Some),
            None => Ok(None),
        }
    }
}

/// Reads a model of `layout` from its blob, chunk by chunk, and checks it.
pub fn load(blobs: &dyn Blobs, layout: &Arc<Layout>, digest: Digest) -> Result<Params, Error> {
    let mut values = vec![0.0; layout.len()];
    let mut stored = Stored::new(blobs, digest);
    values.chunks_mut(limits::CHUNK_VALUES).try_for_each(|chunk| stored.next(chunk))?;
    stored.finish()?;
    Ok(Params::new(layout.clone(), values)?)
}

/// A blob of little-endian f32, read from its beginning to its end.
struct Stored<'a> {
    blobs: &'a dyn Blobs,
    digest: Digest,
    offset: u64,
    hasher: Hasher,
    buffer: Vec<u8>,
}

impl<'a> Stored<'a> {
    fn new(blobs: &'a dyn Blobs, digest: Digest) -> Self {
        Self { blobs, digest, offset: 0, hasher: Hasher::new(), buffer: Vec::new() }
    }

    fn next(&mut self, out: &mut [f32]) -> Result<(), Error> {
        self.buffer.resize(out.len() * 4, 0);
        self.blobs.read(self.digest, self.offset, &mut self.buffer)?;
        self.hasher.update(&self.buffer);
        self.offset += self.buffer.len() as u64;
        out.iter_mut().zip(params::values_of(&self.buffer)).for_each(|(to, value)| *to = value);
        Ok(())
    }

    /// Whether what was read has the blob's digest.
    fn finish(self) -> Result<(), Error> {
        match self.hasher.finish() == self.digest {
            true => Ok(()),
            false => Err(Error::world("reading a model", "its bytes do not have its digest")),
        }
    }
}

/// Stores values as a blob of little-endian f32.
fn put_values(blobs: &dyn Blobs, values: &[f32]) -> Result<Digest, Error> {
    blobs.put(&params::as_bytes(values))
}

/// Where the payload of a contribution lies, and its weight.
pub fn accepted(header: &Contribution) -> Accepted {
    Accepted {
        participant: header.participant.clone(),
        payload: header.payload,
        payload_bytes: header.payload_bytes,
        examples: header.examples,
    }
}
