//! An update's way where only sums are opened.

use super::{Channel, Cohort, Cursor, Equal, Figures, HEADER, SHRINKS, Sealed, Sums};
use super::{shrink, unsettled};
use crate::bound::Norms;
use crate::compress::{Form, Seeds, Signal};
use crate::error::Error;
use crate::evidence::{Clipped, Summed};
use crate::exchange::Tally;
use crate::ids::ParticipantId;
use crate::limits;
use crate::params::{self, Update};
use crate::traits::{Aggregator, Context, Member, Opening, Rows};

/// What hides an update.
pub struct Hidden<'a> {
    /// What is opened beside it.
    pub figures: Figures,
    /// The participant's side of the protection.
    pub member: &'a mut dyn Member,
    /// Proves something of the levels of an update; gives what opens it in a sum.
    pub prove: Option<Prove<'a>>,
}

/// See [`Hidden::prove`].
pub type Prove<'a> = &'a mut dyn FnMut(&[i64]) -> Result<Vec<u64>, Error>;

/// What was opened of a cohort.
#[derive(Debug)]
pub struct Opened {
    /// The aggregate.
    pub summed: Summed,
    /// Figures of the whole cohort.
    pub tally: Tally,
    /// What was opened of each sum, where it must be what was proved.
    pub proved: Vec<RowSum>,
}

/// One sum: whose, and of what.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSum {
    /// Places of its members in the cohort, ascending.
    pub members: Vec<usize>,
    /// The sums of their levels.
    pub levels: Vec<i64>,
    /// The sums of what opens their commitments.
    pub blindings: Vec<u64>,
}

/// Number of the frame of figures; those of the chunks follow.
pub(super) const FIGURES: u32 = 0;

const NO_SUMS: Error = Error::Bug("a protection without sums was to open one");

impl Channel {
    /// Participant: the payload of a clipped update of which only sums are opened.
    pub fn seal_hidden(
        &self,
        context: &Context,
        sender: &ParticipantId,
        update: &Clipped<Update>,
        hidden: Hidden<'_>,
    ) -> Result<Sealed, Error> {
        let sums = self.sums.ok_or(NO_SUMS)?;
        let Hidden { figures, member, prove } = hidden;
        let values = update.get().values();
        self.chain.check(values.len())?;
        let levels = Levels { channel: self, sums, context, sender, weight: figures.weight };
        let (integers, dropped) = levels.settle(values, update)?;
        let mut blindings = match prove {
            Some(prove) => {
                let mut levels = Vec::with_capacity(integers.len());
                sums.levels(&integers, 1, &mut levels)?;
                prove(&levels)?
            }
            None => Vec::new(),
        };
        if blindings.len() != self.blindings()
            || blindings.iter().any(|x| x >> sums.digit_bits() > 0)
        {
            return Err(Error::Bug("a prover gave other blindings than its rule says"));
        }
        let mut payload = Vec::with_capacity(self.max_payload(values.len()) as usize);
        let chunks = values.len().div_ceil(limits::CHUNK_VALUES) as u32;
        let mut frame = |number, integers: &mut [u64]| {
            let start = payload.len();
            payload.extend([0; HEADER]);
            member.seal(number, integers, &mut payload)?;
            let len = (payload.len() - start - HEADER) as u32;
            payload[start..start + HEADER].copy_from_slice(&len.to_le_bytes());
            Ok::<_, Error>(())
        };
        if sums.figures {
            let mut digits = Vec::new();
            sums.write(&figures, &mut digits);
            frame(FIGURES, &mut digits)?;
        }
        let mut integers = integers;
        let mut rest = &mut integers[..];
        for number in 0..chunks {
            let form = Form::new(values.len(), number as usize * limits::CHUNK_VALUES);
            let (chunk, later) = rest.split_at_mut(self.chain.count(form));
            frame(FIGURES + 1 + number, chunk)?;
            rest = later;
        }
        let mut rest = &mut blindings[..];
        for (number, count) in self.blinding_frames(values.len()) {
            let (some, later) = rest.split_at_mut(count);
            frame(number, some)?;
            rest = later;
        }
        Ok(Sealed { payload, dropped })
    }
}

/// Turns one update into integers.
struct Levels<'a> {
    channel: &'a Channel,
    sums: Sums,
    context: &'a Context,
    sender: &'a ParticipantId,
    weight: u64,
}

impl Levels<'_> {
    /// Shrinks until what the integers stand for is within the bound.
    fn settle(
        &self,
        values: &[f32],
        update: &Clipped<Update>,
    ) -> Result<(Vec<u64>, Option<Vec<f32>>), Error> {
        let bound = update.bound();
        let mut shrunk = values.to_vec();
        for _ in 0..SHRINKS {
            let (integers, received) = self.integers(&shrunk)?;
            let norm = Norms::of(&received).norm(bound);
            match bound.limit() {
                Some(limit) if norm > limit => shrink(&mut shrunk, limit / norm),
                _ => {
                    params::check_range(&received, 0)?;
                    let lost = values.iter().zip(received).map(|(x, received)| x - received);
                    let dropped = self.channel.chain.feedback().then(|| lost.collect());
                    return Ok((integers, dropped));
                }
            }
        }
        Err(unsettled())
    }

    /// The integers of every chunk, and the values that they stand for.
    fn integers(&self, values: &[f32]) -> Result<(Vec<u64>, Vec<f32>), Error> {
        let Self { channel, sums, context, sender, weight } = self;
        let seeds = Seeds::of(channel.seed, context.round, sender);
        let share = weight.min(&sums.heaviest).to_owned() as f32 / sums.heaviest as f32;
        let (mut all, mut received) = (Vec::with_capacity(values.len()), values.to_vec());
        let (mut levels, mut integers) = (Vec::new(), Vec::new());
        let mut signal = Signal::default();
        let mut start = 0;
        for (chunk, out) in
            values.chunks(limits::CHUNK_VALUES).zip(received.chunks_mut(limits::CHUNK_VALUES))
        {
            let form = Form::new(values.len(), start);
            signal.values.clear();
            signal.values.extend(chunk.iter().map(|x| x * share));
            signal.scales.clear();
            match &sums.grid {
                None => sums.take(&signal.values, &mut integers),
                Some(grid) => {
                    channel.chain.levels(form, seeds, grid, &mut signal, &mut levels)?;
                    sums.level(&levels, &mut integers);
                }
            }
            sums.value(&integers, 1, &mut signal.values)?;
            channel.chain.values(form, seeds, &mut signal, out)?;
            out.iter_mut().for_each(|x| *x /= share);
            all.extend_from_slice(&integers);
            start += chunk.len();
        }
        Ok((all, received))
    }
}

/// Aggregates payloads of which only sums are opened: each of them is one row, a mean. Memory: one
/// chunk, and the result. A rule with surveys has every chunk opened again for each.
pub fn aggregate_hidden(
    channel: &Channel,
    aggregator: &mut dyn Aggregator,
    cohort: &Cohort<'_>,
    opening: &mut dyn Opening,
) -> Result<Opened, Error> {
    let sums = channel.sums.ok_or(NO_SUMS)?;
    let (divisors, tallies, proved) = (Vec::new(), Vec::new(), Vec::new());
    let mut pass = Pass { channel, sums, cohort, opening, divisors, tallies, proved };
    aggregator.begin(cohort.seed());
    pass.figures()?;
    for number in 0..aggregator.surveys() {
        pass.each_chunk(&mut |rows, _| aggregator.survey(number, rows))?;
    }
    let mut out = vec![0.0; cohort.len];
    let evidence = pass.each_chunk(&mut |rows, range| {
        aggregator.fold(rows)?;
        aggregator.finish(&mut out[range])
    })?;
    let (tally, proved) = (pass.tally(), pass.proved);
    Ok(Opened { summed: Summed::of(&evidence, out)?, tally, proved })
}

struct Pass<'a, 'b> {
    channel: &'a Channel,
    sums: Sums,
    cohort: &'a Cohort<'b>,
    opening: &'a mut dyn Opening,
    /// What each sum is divided by.
    divisors: Vec<f64>,
    tallies: Vec<Tally>,
    /// Of the last pass.
    proved: Vec<RowSum>,
}

type Visit<'v> = &'v mut dyn FnMut(&Rows<'_>, std::ops::Range<usize>) -> Result<(), Error>;

impl Pass<'_, '_> {
    /// Opens the figures, and what sums are to be divided by.
    fn figures(&mut self) -> Result<(), Error> {
        let (sums, cohort) = (self.sums, self.cohort);
        let accepted = cohort.accepted.len();
        let members = self.opening.members()?.to_vec();
        if members.iter().sum::<usize>() > accepted || members.contains(&0) {
            return Err(Error::Bug("a sum was opened of other contributions than were counted"));
        }
        if let Some(bytes) = self.channel.figure_frame() {
            self.opening.begin(FIGURES, sums.figure_count())?;
            for accepted in cohort.accepted {
                let frame = cohort.cursor(self.channel, accepted).next(bytes)?;
                self.opening.add(&accepted.participant, &frame)?;
            }
            let rows = self.opening.finish()?;
            self.tallies = rows.iter().map(|row| sums.read(row)).collect::<Result<_, _>>()?;
        }
        let members_of = &members;
        let weight = |(row, &members): (usize, &usize)| {
            let most = sums.heaviest.saturating_mul(members as u64);
            let weight = self.tallies.get(row).map_or(0, |tally| tally.weight).min(most);
            match self.channel.equal {
                // Rows of groups weigh the same: their mean is then that of the cohort.
                Some(Equal::Over(size)) => size as f64 / members_of.len() as f64,
                Some(Equal::OverContributions) => members as f64,
                None => weight as f64 / sums.heaviest as f64,
            }
        };
        self.divisors = members.iter().enumerate().map(weight).collect();
        match self.divisors.iter().all(|divisor| *divisor > 0.0) {
            true => Ok(()),
            false => Err(Error::caller("weights of a sum", "a positive number", "none")),
        }
    }

    /// Calls `visit` with every opened chunk; returns the evidence that every payload was whole.
    fn each_chunk(&mut self, visit: Visit<'_>) -> Result<Vec<Clipped<()>>, Error> {
        let (channel, sums, cohort) = (self.channel, self.sums, self.cohort);
        let cursors = cohort.accepted.iter().map(|accepted| cohort.cursor(channel, accepted));
        let mut cursors: Vec<Cursor<'_>> = cursors.collect();
        if let Some(bytes) = channel.figure_frame() {
            cursors.iter_mut().try_for_each(|cursor| cursor.next(bytes).map(drop))?;
        }
        let members = self.opening.members()?.to_vec();
        let everybody = Seeds::everybody(channel.seed, cohort.context.round);
        let mut signal = Signal::default();
        // In thousandths of the heaviest: weights of rows are whole numbers.
        let weights: Vec<u64> = self.divisors.iter().map(|d| (d * 1_000.0).ceil() as u64).collect();
        let total_weight = weights.iter().sum();
        let mut proved = self.rows()?;
        for start in (0..cohort.len).step_by(limits::CHUNK_VALUES) {
            let form = Form::new(cohort.len, start);
            let number = FIGURES + 1 + (start / limits::CHUNK_VALUES) as u32;
            self.opening.begin(number, channel.chain.count(form))?;
            let max_frame = channel.max_frame(form);
            for cursor in &mut cursors {
                let frame = cursor.next(max_frame)?;
                self.opening.add(&cursor.accepted.participant, &frame)?;
            }
            let opened = self.opening.finish()?;
            let mut rows = vec![vec![0.0; form.chunk]; opened.len()];
            for (row, out) in rows.iter_mut().enumerate() {
                if let Some(proved) = proved.get_mut(row) {
                    sums.levels(&opened[row], members[row], &mut proved.levels)?;
                }
                sums.value(&opened[row], members[row], &mut signal.values)?;
                let factor = 1.0 / self.divisors[row];
                signal.values.iter_mut().for_each(|x| *x = (f64::from(*x) * factor) as f32);
                channel.chain.values(form, everybody, &mut signal, out)?;
                params::check_range(out, start as u64)?;
            }
            let rows: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let range = start..start + form.chunk;
            let before = cohort.before.get(range.clone()).unwrap_or_default();
            visit(&Rows { rows: &rows, weights: &weights, total_weight, before }, range)?;
        }
        self.blindings(&mut cursors, &mut proved)?;
        self.proved = proved;
        cursors.into_iter().map(|cursor| cursor.finish(cohort.bound)).collect()
    }

    /// Who is in which sum, where that must be what was proved; else nothing.
    fn rows(&self) -> Result<Vec<RowSum>, Error> {
        let mut rows = Vec::new();
        if self.channel.proof.is_none() {
            return Ok(rows);
        }
        rows.resize_with(self.opening.members()?.len(), RowSum::default);
        for (place, accepted) in self.cohort.accepted.iter().enumerate() {
            // Whoever is in no sum proved something that nothing comes of.
            let row = self.opening.row(&accepted.participant);
            if let Some(row) = row.and_then(|row| rows.get_mut(row)) {
                row.members.push(place);
            }
        }
        let counts = self.opening.members()?;
        match rows.iter().zip(counts).all(|(row, &count)| row.members.len() == count) {
            true => Ok(rows),
            false => Err(Error::Bug("a sum was opened of others than it says")),
        }
    }

    /// Opens the sums of what hides updates in commitments.
    fn blindings(
        &mut self,
        cursors: &mut [Cursor<'_>],
        proved: &mut [RowSum],
    ) -> Result<(), Error> {
        let frames = self.channel.blinding_frames(self.cohort.len);
        let sizes = self.channel.blinding_bytes(self.cohort.len);
        for ((number, count), bytes) in frames.zip(sizes) {
            self.opening.begin(number, count)?;
            for cursor in &mut *cursors {
                let frame = cursor.next(bytes)?;
                self.opening.add(&cursor.accepted.participant, &frame)?;
            }
            for (row, opened) in proved.iter_mut().zip(self.opening.finish()?) {
                row.blindings.extend_from_slice(opened);
            }
        }
        Ok(())
    }

    /// The figures of the whole cohort.
    fn tally(&self) -> Tally {
        self.tallies.iter().copied().fold(Tally::default(), Tally::merge)
    }
}
