//! Models that travel as the compressed step from the one before.
//!
//! The coordinator encodes its step and then takes the very step that everybody decodes, so that
//! all hold the same model, bit for bit; what a biased encoding drops it adds to its next step
//! (as the server of DoubleSqueeze does, Tang et al. 2019, algorithm 1). Who holds a recent model
//! fetches the steps since; who does not, the whole model. Either way the result has the digest
//! that the task names.

use crate::compress::{Chain, Form, Seeds, Signal};
use crate::digest::Digest;
use crate::error::{Error, Refusal};
use crate::limits;
use crate::params::Layout;
use crate::plan::Plan;
use crate::rng::Seed;

const HEADER: usize = 4;

/// One step, as a blob: from the model before a round to the one that it released.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// The round that took it.
    pub round: u32,
    /// Digest of the model that it starts from.
    pub from: Digest,
    /// Digest of its bytes.
    pub blob: Digest,
    /// Size of its bytes.
    pub bytes: u64,
}

/// The steps to keep once `next` is taken: the latest that together are smaller than a model.
pub fn kept(before: &[Delta], next: Option<&Delta>, model_bytes: u64) -> Vec<Delta> {
    let Some(next) = next else { return Vec::new() };
    let mut total = 0u64;
    let before = &before[before.len().saturating_sub(limits::DELTAS - 1)..];
    let fits = |delta: &&Delta| {
        total = total.saturating_add(delta.bytes);
        total < model_bytes
    };
    let newest_first = std::iter::once(next).chain(before.iter().rev());
    let mut kept: Vec<Delta> = newest_first.take_while(fits).cloned().collect();
    kept.reverse();
    kept
}

/// The steps that lead from the model `held` to the newest; `None` where it is not among them.
pub fn since(deltas: &[Delta], held: Digest) -> Option<&[Delta]> {
    let first = deltas.iter().position(|delta| delta.from == held)?;
    deltas.get(first..)
}

/// How a plan's steps travel.
pub struct Downlink {
    chain: Chain,
    seed: Seed,
}

impl Downlink {
    /// `None` where models travel whole.
    pub fn new(plan: &Plan, layout: &Layout) -> Result<Option<Self>, Error> {
        let chain = plan.downlink()?.over(layout, 1);
        let seed = plan.seed().derive("tacit/v1/downlink", &[]);
        Ok((!chain.is_empty()).then_some(Self { chain, seed }))
    }

    /// Refuses a model of so many values that a stage cannot work on.
    pub fn check(&self, len: usize) -> Result<(), Error> {
        self.chain.check(len)
    }

    /// Whether the coordinator remembers what its steps dropped.
    pub fn feedback(&self) -> bool {
        self.chain.feedback()
    }

    /// Largest step of a model of `len` values, in bytes.
    pub fn max_bytes(&self, len: usize) -> u64 {
        let frame = |start| (self.chain.max_bytes(Form::new(len, start)) + HEADER) as u64;
        (0..len).step_by(limits::CHUNK_VALUES).map(frame).sum()
    }

    /// Coordinator: encodes the step from `before` to `after`, and what earlier steps dropped;
    /// then `after` is what everybody decodes. `dropped` is empty or as long as the model.
    pub fn encode(
        &self,
        round: u32,
        before: &[f32],
        after: &mut [f32],
        dropped: &mut [f32],
    ) -> Result<Vec<u8>, Error> {
        let seeds = Seeds::everybody(self.seed, round);
        let (mut bytes, mut signal) = (Vec::new(), Signal::default());
        for start in (0..before.len()).step_by(limits::CHUNK_VALUES) {
            let form = Form::new(before.len(), start);
            let range = start..start + form.chunk;
            let (before, after) = (&before[range.clone()], &mut after[range.clone()]);
            let mut step: Vec<f32> = after.iter().zip(before).map(|(new, old)| new - old).collect();
            let memory = dropped.get_mut(range).unwrap_or_default();
            step.iter_mut().zip(&*memory).for_each(|(step, kept)| *step += kept);
            let mut frame = Vec::new();
            self.chain.encode(form, seeds, &step, &mut signal, &mut frame)?;
            let mut taken = vec![0.0; form.chunk];
            self.chain.decode(form, seeds, &frame, &mut signal, &mut taken)?;
            memory.iter_mut().zip(&step).zip(&taken).for_each(|((m, s), t)| *m = s - t);
            let moved = after.iter_mut().zip(before).zip(&taken);
            moved.for_each(|((new, old), taken)| *new = old + taken);
            bytes.extend((frame.len() as u32).to_le_bytes());
            bytes.append(&mut frame);
        }
        Ok(bytes)
    }

    /// Participant: takes one step from the model before `round`.
    pub fn take(&self, round: u32, model: &mut [f32], bytes: &[u8]) -> Result<(), Refusal> {
        let malformed = || Refusal::Malformed { what: "step of a model".into() };
        let seeds = Seeds::everybody(self.seed, round);
        let (mut rest, mut signal) = (bytes, Signal::default());
        let len = model.len();
        for (number, model) in model.chunks_mut(limits::CHUNK_VALUES).enumerate() {
            let form = Form::new(len, number * limits::CHUNK_VALUES);
            let (header, behind) = rest.split_first_chunk::<HEADER>().ok_or_else(malformed)?;
            let frame = u32::from_le_bytes(*header) as usize;
            let (frame, behind) = behind.split_at_checked(frame).ok_or_else(malformed)?;
            let mut taken = vec![0.0; form.chunk];
            self.chain.decode(form, seeds, frame, &mut signal, &mut taken)?;
            model.iter_mut().zip(&taken).for_each(|(x, taken)| *x += taken);
            rest = behind;
        }
        if rest.is_empty() { Ok(()) } else { Err(malformed()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(round: u32, bytes: u64) -> Delta {
        let name = |n: u32| Digest::of_bytes(&n.to_le_bytes());
        Delta { round, from: name(round), blob: name(1000 + round), bytes }
    }

    #[test]
    fn steps_are_kept_while_they_are_smaller_than_a_model() {
        let mut steps = Vec::new();
        for round in 1..=5 {
            steps = kept(&steps, Some(&delta(round, 30)), 100);
        }
        assert_eq!(steps.iter().map(|step| step.round).collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(since(&steps, delta(4, 0).from).unwrap().len(), 2);
        assert!(since(&steps, delta(2, 0).from).is_none());
        assert!(kept(&steps, None, 100).is_empty());
        assert!(kept(&steps, Some(&delta(6, 100)), 100).is_empty());
    }
}
