//! One update's way: from a participant's trainer to its payload, and from the payloads of a
//! cohort into the next model, chunk by chunk.
//!
//! A payload is a sequence of frames, one per chunk of [`limits::CHUNK_VALUES`] values: four
//! bytes of length (little-endian), then the chain's encoding; where only sums are opened, what
//! the protection made of integers, after one frame of figures. Where something is proved of the
//! update, it ends with what opens the proof's commitments: 32 bytes behind the last frame, or
//! where only sums are opened frames of integers that are summed too.

use crate::bound::{Bound, Norms};
use crate::compress::{Chain, Form, Seeds, Signal};
use crate::digest::Digest;
use crate::error::{Error, Refusal};
use crate::evidence::{Clipped, Released, Summed};
use crate::ids::ParticipantId;
use crate::limits;
use crate::params::{self, Update};
use crate::proof::{SECRET_BYTES, Secret, Sizes};
use crate::rng::Seed;
use crate::traits::{Aggregator, Context, Protection, Rows, Spool, Strategy, View};

mod hidden;
mod sums;

pub use hidden::{Hidden, Opened, Prove, RowSum, aggregate_hidden};
pub use sums::{Figures, Sums};

const HEADER: usize = 4;

/// Times an update is shrunk before it is given up that its encoding exceeds the bound.
const SHRINKS: usize = 8;

/// How values become bytes and back: both sides of the wire must hold the same.
pub struct Channel {
    /// The plan's compression.
    pub chain: Chain,
    /// The plan's protection.
    pub protection: Box<dyn Protection>,
    /// The norm that every participant keeps to: the clipping norm, and its own noise.
    pub bound: Bound,
    /// Whether it is the clipping norm of the round; else it is the same in all of them.
    pub follows: bool,
    /// Whether every update weighs the same, and what their sum is then divided by; else they
    /// weigh as many examples as they were learned from, and the sum is divided by all of these.
    pub equal: Option<Equal>,
    /// How values become integers, where only sums are opened.
    pub sums: Option<Sums>,
    /// How large proofs of updates are, where there are any.
    pub proof: Option<Sizes>,
    /// The plan's seed, from which encodings draw.
    pub seed: Seed,
}

/// How a mean of equal weights is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equal {
    /// Over the contributions.
    OverContributions,
    /// Over so many, whoever came: what one participant changes does not depend on others.
    Over(u64),
}

/// Makes values shorter, by a little more than a factor.
fn shrink(values: &mut [f32], factor: f64) {
    let factor = factor * (1.0 - 1e-6);
    values.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
}

fn unsettled() -> Error {
    let expected = "an encoding whose norm settles within clip_norm";
    Error::caller("compression", expected, format!("a longer one {SHRINKS} times"))
}

/// A payload, and what its encoding lost.
#[derive(Debug)]
pub struct Sealed {
    /// What travels.
    pub payload: Vec<u8>,
    /// The update less what a receiver decodes, where the chain has the sender remember it.
    pub dropped: Option<Vec<f32>>,
}

impl Channel {
    /// The bound of a round; `None` for the plan's own clipping norm.
    pub fn bound_at(&self, clip_norm: Option<f64>) -> Bound {
        let clip_norm = clip_norm.filter(|_| self.follows);
        clip_norm.map_or(self.bound, |limit| self.bound.with(limit))
    }

    /// Participant: the payload of a clipped update. What a receiver decodes stays within the
    /// bound: an update whose encoding is longer than itself is shrunk.
    pub fn seal(
        &self,
        context: &Context,
        sender: &ParticipantId,
        update: &Clipped<Update>,
    ) -> Result<Sealed, Error> {
        self.settle(context, sender, update.get().values(), update.bound())
    }

    /// The payload of any values, clipped or not, finite or not: what an adversary sends.
    pub fn dangerous_seal(
        &self,
        context: &Context,
        sender: &ParticipantId,
        values: &[f32],
    ) -> Result<Vec<u8>, Error> {
        if params::check_range(values, 0).is_ok() {
            return Ok(self.settle(context, sender, values, self.bound)?.payload);
        }
        let seeds = Seeds::of(self.seed, context.round, sender);
        Ok(self.encode(seeds, values)?.0)
    }

    /// Shrinks until what a receiver decodes is within the bound.
    fn settle(
        &self,
        context: &Context,
        sender: &ParticipantId,
        values: &[f32],
        bound: Bound,
    ) -> Result<Sealed, Error> {
        let seeds = Seeds::of(self.seed, context.round, sender);
        self.chain.check(values.len())?;
        if self.chain.is_empty() {
            return Ok(Sealed { payload: self.encode(seeds, values)?.0, dropped: None });
        }
        let mut shrunk = values.to_vec();
        for _ in 0..SHRINKS {
            let (payload, received) = self.encode(seeds, &shrunk)?;
            let norm = Norms::of(&received).norm(bound);
            match bound.limit() {
                Some(limit) if norm > limit => shrink(&mut shrunk, limit / norm),
                _ => {
                    params::check_range(&received, 0)?;
                    let lost = values.iter().zip(received).map(|(x, received)| x - received);
                    let dropped = self.chain.feedback().then(|| lost.collect());
                    return Ok(Sealed { payload, dropped });
                }
            }
        }
        Err(unsettled())
    }

    /// The payload of `values` and, unless they travel as they are, what a receiver decodes.
    fn encode(&self, seeds: Seeds, values: &[f32]) -> Result<(Vec<u8>, Vec<f32>), Error> {
        let mut payload = Vec::new();
        let mut received = Vec::new();
        let mut signal = Signal::default();
        for (number, chunk) in values.chunks(limits::CHUNK_VALUES).enumerate() {
            let form = Form::new(values.len(), number * limits::CHUNK_VALUES);
            let mut frame = Vec::with_capacity(self.max_frame(form));
            self.chain.encode(form, seeds, chunk, &mut signal, &mut frame)?;
            if !self.chain.is_empty() {
                received.resize(form.start + form.chunk, 0.0);
                let out = &mut received[form.start..];
                self.chain.decode(form, seeds, &frame, &mut signal, out)?;
            }
            payload.extend((frame.len() as u32).to_le_bytes());
            payload.append(&mut frame);
        }
        Ok((payload, received))
    }

    /// Bytes of the frame of a chunk: the most, or where only sums are opened the number.
    fn max_frame(&self, form: Form) -> usize {
        match &self.sums {
            None => self.chain.max_bytes(form),
            Some(sums) => self.hidden_bytes(sums, self.chain.count(form)),
        }
    }

    /// Integers of the frame of figures; 0 where none travel.
    pub fn figure_count(&self) -> usize {
        self.sums.as_ref().map_or(0, Sums::figure_count)
    }

    /// The frames of a payload of which only sums are opened, by number and with their integers,
    /// in the order in which they are sealed.
    pub fn hidden_frames(&self, len: usize) -> Vec<(u32, u32)> {
        let chunks = len.div_ceil(limits::CHUNK_VALUES) as u32;
        let figures = Some((hidden::FIGURES, self.figure_count() as u32));
        let figures = figures.filter(|(_, count)| *count > 0);
        let count = |chunk| {
            let form = Form::new(len, chunk as usize * limits::CHUNK_VALUES);
            (hidden::FIGURES + 1 + chunk, self.chain.count(form) as u32)
        };
        let blindings = self.blinding_frames(len).map(|(number, count)| (number, count as u32));
        figures.into_iter().chain((0..chunks).map(count)).chain(blindings).collect()
    }

    /// Bytes behind the last frame, from which what hides the update in commitments follows.
    pub(crate) fn trailer(&self) -> usize {
        match (&self.proof, &self.sums) {
            (Some(_), None) => SECRET_BYTES,
            _ => 0,
        }
    }

    /// Integers of all frames that open what sums were proved of.
    fn blindings(&self) -> usize {
        match (&self.proof, &self.sums) {
            (Some(sizes), Some(_)) => sizes.blindings,
            _ => 0,
        }
    }

    /// The frames behind those of the chunks, by number and with their integers.
    fn blinding_frames(&self, len: usize) -> impl Iterator<Item = (u32, usize)> + use<> {
        let first = hidden::FIGURES + 1 + len.div_ceil(limits::CHUNK_VALUES) as u32;
        let count = self.blindings();
        let starts = (0..count).step_by(limits::CHUNK_VALUES);
        (first..).zip(starts.map(move |start| (count - start).min(limits::CHUNK_VALUES)))
    }

    /// Bytes of the frame of figures, if there is one.
    fn figure_frame(&self) -> Option<usize> {
        let sums = self.sums.as_ref().filter(|sums| sums.figure_count() > 0)?;
        Some(self.hidden_bytes(sums, sums.figure_count()))
    }

    fn hidden_bytes(&self, sums: &Sums, count: usize) -> usize {
        self.protection.exchange().map_or(0, |exchange| exchange.frame_bytes(sums.bits, count))
    }

    /// Largest payload of an update of `len` values, in bytes.
    pub fn max_payload(&self, len: usize) -> u64 {
        let frame = |start| (self.max_frame(Form::new(len, start)) + HEADER) as u64;
        let figures = self.figure_frame().map_or(0, |bytes| (bytes + HEADER) as u64);
        let chunks = (0..len).step_by(limits::CHUNK_VALUES).map(frame).sum::<u64>();
        let behind = self.blinding_bytes(len).map(|bytes| (bytes + HEADER) as u64).sum::<u64>();
        figures + chunks + behind + self.trailer() as u64
    }

    /// Bytes of the frames behind those of the chunks.
    fn blinding_bytes(&self, len: usize) -> impl Iterator<Item = usize> {
        let bytes = |count| self.sums.as_ref().map_or(0, |sums| self.hidden_bytes(sums, count));
        self.blinding_frames(len).map(move |(_, count)| bytes(count))
    }
}

/// Checks a payload while it arrives in pieces of any size: framing always; values and norm where
/// the protection shows them.
pub struct Inspector<'a> {
    channel: &'a Channel,
    bound: Bound,
    seeds: Seeds,
    len: usize,
    done: usize,
    /// Bytes of the frame of figures, until it has come.
    figures: Option<usize>,
    /// Bytes of frames behind those of the chunks, until they have come, the last first.
    behind: Vec<usize>,
    /// Bytes behind the last frame, until they have come.
    trailer: usize,
    pending: Vec<u8>,
    row: Vec<f32>,
    signal: Signal,
    norms: Norms,
}

impl<'a> Inspector<'a> {
    /// Expects `sender`'s payload of an update of `len` values in `round`.
    pub fn new(channel: &'a Channel, len: usize, round: u32, sender: &ParticipantId) -> Self {
        let seeds = Seeds::of(channel.seed, round, sender);
        let (pending, row, signal) = (Vec::new(), Vec::new(), Signal::default());
        let (bound, figures, norms) = (channel.bound, channel.figure_frame(), Norms::default());
        let mut behind: Vec<usize> = channel.blinding_bytes(len).collect();
        behind.reverse();
        let (done, trailer) = (0, channel.trailer());
        Self {
            channel,
            bound,
            seeds,
            len,
            done,
            figures,
            behind,
            trailer,
            pending,
            row,
            signal,
            norms,
        }
    }

    /// Holds the update to the bound of a round whose clipping norm is not the plan's.
    pub fn within(self, clip_norm: Option<f64>) -> Self {
        Self { bound: self.channel.bound_at(clip_norm), ..self }
    }

    /// Takes the next bytes. Holds at most one frame.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Refusal> {
        while !bytes.is_empty() {
            if self.form().chunk == 0 && self.behind.is_empty() && self.trailer > 0 {
                let now = self.trailer.min(bytes.len());
                (self.trailer, bytes) = (self.trailer - now, &bytes[now..]);
                continue;
            }
            let missing = self.frame_bytes()? - self.pending.len();
            let (now, later) = bytes.split_at(missing.min(bytes.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() >= HEADER && self.pending.len() == self.frame_bytes()? {
                self.frame()?;
            }
        }
        Ok(())
    }

    /// Length of the current frame with its header, as far as it is known.
    fn frame_bytes(&self) -> Result<usize, Refusal> {
        let form = self.form();
        if form.chunk == 0 && self.figures.is_none() && self.behind.is_empty() {
            let (expected, found) = (self.len as u64, self.len as u64 + 1);
            return Err(Refusal::WrongShape { expected, found });
        }
        let Some(header) = self.pending.first_chunk::<HEADER>() else { return Ok(HEADER) };
        let behind = self.behind.last().copied().filter(|_| form.chunk == 0);
        let limit = self.figures.or(behind).unwrap_or_else(|| self.channel.max_frame(form));
        let found = u32::from_le_bytes(*header);
        if self.channel.sums.is_some() && (found as usize) < limit {
            let (expected, found) = (limit as u64, found.into());
            return Err(Refusal::Truncated { expected, found });
        }
        if found as usize > limit {
            let (what, limit) = ("frame of an update".into(), limit as u64);
            return Err(Refusal::TooLarge { what, limit, found: found.into() });
        }
        Ok(HEADER + found as usize)
    }

    fn form(&self) -> Form {
        Form::new(self.len, self.done)
    }

    fn frame(&mut self) -> Result<(), Refusal> {
        let form = self.form();
        if self.channel.protection.reveals() == View::Each {
            self.row.resize(form.chunk, 0.0);
            let (encoded, signal) = (&self.pending[HEADER..], &mut self.signal);
            self.channel.chain.decode(form, self.seeds, encoded, signal, &mut self.row)?;
            params::check_range(&self.row, self.done as u64)?;
            self.norms.add(&self.row, self.bound);
        }
        match (self.figures.take(), form.chunk) {
            (Some(_), _) => {}
            (None, 0) => drop(self.behind.pop()),
            (None, chunk) => self.done += chunk,
        }
        self.pending.clear();
        Ok(())
    }

    /// Checks that the payload is whole and within the bound.
    pub fn finish(self) -> Result<Clipped<()>, Refusal> {
        let missing = self.trailer > 0 || self.figures.is_some() || !self.behind.is_empty();
        if self.done != self.len || missing || !self.pending.is_empty() {
            let (expected, found) = (self.len as u64, self.done as u64);
            return Err(Refusal::WrongShape { expected, found });
        }
        Clipped::check((), &self.norms, self.bound)
    }
}

/// One accepted payload: whose it is, where it lies, and its weight.
#[derive(Debug)]
pub struct Accepted {
    /// Who contributed it.
    pub participant: ParticipantId,
    /// SHA-256 of the payload, its name in the spool.
    pub payload: Digest,
    /// Size in bytes.
    pub payload_bytes: u64,
    /// Examples behind it.
    pub examples: u64,
}

/// Reads one payload frame by frame: one read per frame, which fetches the next header too.
struct Cursor<'a> {
    spool: &'a dyn Spool,
    accepted: &'a Accepted,
    seeds: Seeds,
    /// Where the last frame ends.
    end: u64,
    offset: u64,
    header: Option<[u8; HEADER]>,
    norms: Norms,
}

impl Cursor<'_> {
    fn next(&mut self, max_frame: usize) -> Result<Vec<u8>, Error> {
        let payload = self.accepted.payload;
        let header = match self.header {
            Some(header) => header,
            None => {
                let mut header = [0; HEADER];
                self.spool.read(payload, 0, &mut header)?;
                self.offset = HEADER as u64;
                header
            }
        };
        let len = u32::from_le_bytes(header) as usize;
        let rest = self.end.checked_sub(self.offset);
        let rest = rest.ok_or_else(|| self.broken())?;
        if len > max_frame || len as u64 > rest {
            return Err(self.broken());
        }
        let last = len as u64 == rest;
        let mut frame = vec![0; if last { len } else { len + HEADER }];
        self.spool.read(payload, self.offset, &mut frame)?;
        self.offset += frame.len() as u64;
        self.header = if last { None } else { frame.last_chunk::<HEADER>().copied() };
        frame.truncate(len);
        Ok(frame)
    }

    fn check(&mut self, row: &[f32], offset: u64, bound: Bound) -> Result<(), Error> {
        params::check_range(row, offset).map_err(|refusal| self.spoiled(refusal))?;
        self.norms.add(row, bound);
        Ok(())
    }

    fn finish(self, bound: Bound) -> Result<Clipped<()>, Error> {
        if self.offset != self.end || self.header.is_some() {
            return Err(self.broken());
        }
        Clipped::check((), &self.norms, bound).map_err(|refusal| self.spoiled(refusal))
    }

    fn broken(&self) -> Error {
        self.spoiled(Refusal::Malformed { what: "spooled update".into() })
    }

    fn spoiled(&self, refusal: Refusal) -> Error {
        Error::world(
            format!("reading the spooled update of {}", self.accepted.participant),
            refusal,
        )
    }
}

/// The contributions of one round.
pub struct Cohort<'a> {
    /// Plan, round and model.
    pub context: &'a Context,
    /// Payloads, in an order that does not depend on arrival.
    pub accepted: &'a [Accepted],
    /// Where they lie.
    pub spool: &'a dyn Spool,
    /// Values of an update.
    pub len: usize,
    /// What the round before released, for a rule that remembers; empty in the first round.
    pub before: &'a [f32],
    /// What every update is within.
    pub bound: Bound,
}

impl Cohort<'_> {
    /// Depends on every payload, so that nobody who sends one can know it.
    fn seed(&self) -> Seed {
        let Context { plan, round, model } = self.context;
        let round = round.to_le_bytes();
        let mut parts: Vec<&[u8]> = vec![&plan.0, &round, &model.0];
        parts.extend(self.accepted.iter().map(|a| &a.payload.0[..]));
        Seed::from_bytes(Digest::of_parts("tacit/v1/cohort", &parts).0)
    }

    /// Reads one payload from its beginning.
    fn cursor<'b>(&'b self, channel: &Channel, accepted: &'b Accepted) -> Cursor<'b> {
        let Cohort { context, spool, .. } = *self;
        let seeds = Seeds::of(channel.seed, context.round, &accepted.participant);
        let end = accepted.payload_bytes.saturating_sub(channel.trailer() as u64);
        Cursor { spool, accepted, seeds, end, offset: 0, header: None, norms: Norms::default() }
    }

    /// Reads one payload as a whole, for a protection that shows it: its values, and what opens
    /// its commitments.
    pub fn opened(
        &self,
        channel: &Channel,
        accepted: &Accepted,
    ) -> Result<(Vec<f32>, Secret), Error> {
        let mut cursor = self.cursor(channel, accepted);
        let mut values = vec![0.0; self.len];
        let mut signal = Signal::default();
        for start in (0..self.len).step_by(limits::CHUNK_VALUES) {
            let form = Form::new(self.len, start);
            let frame = cursor.next(channel.max_frame(form))?;
            let row = &mut values[start..start + form.chunk];
            channel.chain.decode(form, cursor.seeds, &frame, &mut signal, row)?;
        }
        let mut secret = [0; SECRET_BYTES];
        self.spool.read(accepted.payload, cursor.end, &mut secret)?;
        Ok((values, Secret::from_bytes(secret)))
    }
}

/// Aggregates accepted payloads into one vector of `len` values, without noise. Memory: one chunk
/// of every row for rules that need each update, [`limits::ROWS_PER_FOLD`] rows for sums, and the
/// result. Rows are read in the order given, which must not depend on arrival. Where the
/// protection shows values, range and norm are checked again while they are read: disks forget,
/// and the evidence of their inspection is not stored.
pub fn aggregate(
    channel: &Channel,
    aggregator: &mut dyn Aggregator,
    cohort: &Cohort<'_>,
) -> Result<Summed, Error> {
    let Cohort { accepted, len, .. } = *cohort;
    let mut pass = Pass { channel, cohort, signal: Signal::default() };
    aggregator.begin(cohort.seed());
    for number in 0..aggregator.surveys() {
        pass.each_chunk(accepted.len(), |rows, _| aggregator.survey(number, rows))?;
    }
    let mut out = vec![0.0; len];
    let at_once = match aggregator.needs() {
        View::Sum => limits::ROWS_PER_FOLD,
        View::Groups | View::EachSealed | View::Each => accepted.len(),
    };
    let evidence = pass.each_chunk(at_once, |rows, last| {
        aggregator.fold(rows)?;
        match last {
            Some(range) => aggregator.finish(&mut out[range]),
            None => Ok(()),
        }
    })?;
    Summed::of(&evidence, out)
}

/// Calls `visit` with every chunk of accepted payloads, one row for each in the order given: what
/// somebody sees to whom the protection shows each update.
pub fn visit(
    channel: &Channel,
    cohort: &Cohort<'_>,
    mut visit: impl FnMut(&Rows<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut pass = Pass { channel, cohort, signal: Signal::default() };
    pass.each_chunk(cohort.accepted.len(), |rows, _| visit(rows)).map(drop)
}

struct Pass<'a> {
    channel: &'a Channel,
    cohort: &'a Cohort<'a>,
    signal: Signal,
}

impl Pass<'_> {
    /// Calls `visit` with the rows of every chunk, at most `at_once` at a time; the last call of
    /// a chunk gets the range of values that the chunk covers. Returns the evidence that every
    /// payload was whole and within the bound.
    fn each_chunk(
        &mut self,
        at_once: usize,
        mut visit: impl FnMut(&Rows<'_>, Option<std::ops::Range<usize>>) -> Result<(), Error>,
    ) -> Result<Vec<Clipped<()>>, Error> {
        let Cohort { accepted, len, before, .. } = *self.cohort;
        let at_once = at_once.max(1);
        let weight = |a: &Accepted| if self.channel.equal.is_some() { 1 } else { a.examples };
        let total_weight = match self.channel.equal {
            Some(Equal::Over(size)) => size,
            _ => accepted.iter().map(weight).sum(),
        };
        let mut cursors: Vec<Cursor<'_>> = accepted.iter().map(|a| self.cursor(a)).collect();
        let mut buffer = vec![0.0; at_once * len.min(limits::CHUNK_VALUES)];
        for start in (0..len).step_by(limits::CHUNK_VALUES) {
            let form = Form::new(len, start);
            let width = form.chunk;
            let groups = cursors.chunks_mut(at_once).zip(accepted.chunks(at_once));
            let last = accepted.len().div_ceil(at_once);
            for (group, (cursors, accepted)) in groups.enumerate() {
                let count = self.rows(form, cursors, &mut buffer)?;
                let rows: Vec<&[f32]> = buffer.chunks(width).take(count).collect();
                let weights: Vec<u64> = accepted.iter().map(weight).collect();
                let before = before.get(start..start + width).unwrap_or_default();
                let rows = Rows { rows: &rows, weights: &weights, total_weight, before };
                visit(&rows, (group + 1 == last).then_some(start..start + width))?;
            }
        }
        cursors.into_iter().map(|cursor| cursor.finish(self.cohort.bound)).collect()
    }

    /// Opens, decodes and checks one chunk of a group; returns the number of rows.
    fn rows(
        &mut self,
        form: Form,
        cursors: &mut [Cursor<'_>],
        buffer: &mut [f32],
    ) -> Result<usize, Error> {
        let max_frame = self.channel.max_frame(form);
        for (cursor, row) in cursors.iter_mut().zip(buffer.chunks_mut(form.chunk)) {
            let frame = cursor.next(max_frame)?;
            self.channel.chain.decode(form, cursor.seeds, &frame, &mut self.signal, row)?;
            if self.channel.protection.reveals() == View::Each {
                cursor.check(row, form.start as u64, self.cohort.bound)?;
            }
        }
        Ok(cursors.len())
    }

    fn cursor<'b>(&self, accepted: &'b Accepted) -> Cursor<'b>
    where
        Self: 'b,
    {
        self.cohort.cursor(self.channel, accepted)
    }
}

/// A released aggregate on its way into the model.
#[derive(Debug)]
pub struct Step {
    /// Round, from 1.
    pub round: u32,
    /// Share of all participants that contributed.
    pub participation: f64,
    /// As long as an update.
    pub released: Released,
}

/// The model after a released aggregate, written over its values, so that nothing else as large is
/// held. `before` fills one chunk after the other of the model before; `slots` are the strategy's
/// persistent vectors, each as long as the model, and behind them the server's control variate
/// where the strategy has one.
pub fn apply(
    step: Step,
    strategy: &dyn Strategy,
    before: &mut dyn FnMut(&mut [f32]) -> Result<(), Error>,
    slots: &mut [Vec<f32>],
) -> Result<Vec<f32>, Error> {
    let control = strategy.control();
    let vectors = 1 + usize::from(control.is_some());
    let mut values = step.released.into_values();
    let len = values.len() / vectors;
    let own = strategy.slots();
    if slots.len() != own + vectors - 1 || slots.iter().any(|slot| slot.len() != len) {
        return Err(Error::Bug("a strategy was given slots that are not its own"));
    }
    let (slots, variates) = slots.split_at_mut(own);
    if let (Some(control), [variate]) = (control, variates) {
        control.absorb(step.participation, &values[len..], variate);
        values.truncate(len);
        values.shrink_to_fit();
    }
    let mut model = vec![0.0; len.min(limits::CHUNK_VALUES)];
    for (number, values) in values.chunks_mut(limits::CHUNK_VALUES).enumerate() {
        let start = number * limits::CHUNK_VALUES;
        let range = start..start + values.len();
        let mut slots: Vec<&mut [f32]> =
            slots.iter_mut().map(|slot| &mut slot[range.clone()]).collect();
        let model = &mut model[..values.len()];
        before(model)?;
        strategy.apply(step.round, values, model, &mut slots);
        values.copy_from_slice(model);
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
