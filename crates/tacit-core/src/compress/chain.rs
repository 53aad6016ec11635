//! The stages of a plan's compression, one after the other.

use super::{Fields, Form, Grid, Place, Seeds, Signal};
use crate::error::{Error, Refusal};
use crate::limits;
use crate::params::{self, Layout};
use crate::traits::{Coder, Compressor};

/// What turns chunks into bytes and back. Without stages a chunk travels as little-endian f32.
#[derive(Default)]
pub struct Chain {
    stages: Vec<Box<dyn Compressor>>,
    /// Where the tensors of an update begin, ascending from 0; empty where nobody told.
    tensors: Vec<usize>,
}

/// A stage that cannot stand where it stands.
#[derive(Debug)]
pub struct Misfit {
    /// Its number in the chain, from 0.
    pub stage: usize,
    /// What it expected and found.
    pub error: Error,
}

impl Chain {
    /// Checks that each stage can follow the one before.
    pub fn new(stages: Vec<Box<dyn Compressor>>) -> Result<Self, Misfit> {
        let chain = Self { stages, tensors: vec![0] };
        // What does not depend on the model's length can be told before there is one.
        chain.last(Form::new(limits::MODEL_VALUES as usize, 0))?;
        Ok(Self { tensors: Vec::new(), ..chain })
    }

    /// For updates of so many vectors of a layout: stages may tell their tensors apart.
    pub fn over(mut self, layout: &Layout, vectors: usize) -> Self {
        let sizes = layout.tensors().iter().map(|tensor| tensor.shape.iter().product::<usize>());
        let sizes: Vec<usize> = sizes.collect();
        let mut next = 0;
        self.tensors = std::iter::repeat_n(sizes, vectors)
            .flatten()
            .map(|size| {
                next += size;
                next - size
            })
            .collect();
        self
    }

    /// Where in a chunk another tensor begins.
    fn cuts(&self, form: &Form) -> Vec<usize> {
        let first = self.tensors.partition_point(|&at| at <= form.start);
        let inner = self.tensors.iter().skip(first);
        // A tensor without values begins where the next one does.
        let mut cuts: Vec<usize> =
            inner.map(|&at| at - form.start).take_while(|&at| at < form.chunk).collect();
        cuts.dedup();
        cuts
    }

    fn told(&self, form: Form) -> Form {
        let tensors = if self.tensors.is_empty() { 0 } else { self.cuts(&form).len() + 1 };
        Form { tensors, ..form }
    }

    /// Whether values travel as they are.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Whether encodings hide nothing in their positions and add up under masks.
    pub fn additive(&self) -> bool {
        self.stages.iter().all(|stage| stage.additive())
    }

    /// Whether the sender must add to the next update what was dropped of this one.
    pub fn feedback(&self) -> bool {
        self.stages.iter().any(|stage| stage.feedback())
    }

    /// Refuses a model of so many values that a stage cannot work on.
    pub fn check(&self, len: usize) -> Result<(), Error> {
        let last = len.saturating_sub(1) / limits::CHUNK_VALUES * limits::CHUNK_VALUES;
        for start in [0, last] {
            self.last(Form::new(len, start)).map_err(|misfit| misfit.error)?;
        }
        Ok(())
    }

    /// The form that the coder writes.
    fn last(&self, form: Form) -> Result<Form, Misfit> {
        let form = self.told(form);
        self.stages.iter().enumerate().try_fold(form, |form, (number, stage)| {
            let refuse = |error| Misfit { stage: number, error };
            if form.coded {
                let found = form.describe();
                return Err(refuse(Error::caller("rule", "no rule after a coder", found)));
            }
            stage.form(form).map_err(refuse)
        })
    }

    /// What each stage is given, in order.
    fn places<'a>(
        &self,
        form: Form,
        seeds: Seeds,
        cuts: &'a [usize],
    ) -> Result<(Vec<Place<'a>>, Form), Error> {
        let mut form = self.told(form);
        let mut places = Vec::with_capacity(self.stages.len());
        for (stage, rule) in (0..).zip(&self.stages) {
            places.push(Place { cuts, seeds, stage, form });
            form = rule.form(form)?;
        }
        Ok((places, form))
    }

    fn coder(&self) -> &dyn Coder {
        self.stages.last().and_then(|stage| stage.coder()).unwrap_or(&Fields)
    }

    /// Appends the encoding of the chunk that begins at `form.start`.
    pub fn encode(
        &self,
        form: Form,
        seeds: Seeds,
        values: &[f32],
        signal: &mut Signal,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if values.len() != form.chunk {
            return Err(Error::Bug("a chunk does not have the length of its form"));
        }
        if self.is_empty() {
            out.extend(values.iter().flat_map(|x| x.to_le_bytes()));
            return Ok(());
        }
        let cuts = self.cuts(&form);
        let (places, last) = self.places(form, seeds, &cuts)?;
        signal.values.clear();
        signal.values.extend_from_slice(values);
        signal.scales.clear();
        for (stage, place) in self.stages.iter().zip(&places) {
            stage.forward(place, signal)?;
        }
        self.coder().write(&last, signal, out);
        Ok(())
    }

    /// Decodes one chunk into `out`, whose length is the chunk's; refuses what nobody can have
    /// encoded.
    pub fn decode(
        &self,
        form: Form,
        seeds: Seeds,
        bytes: &[u8],
        signal: &mut Signal,
        out: &mut [f32],
    ) -> Result<(), Refusal> {
        let refuse = |found: usize| {
            let (expected, found) = (out.len() as u64, found as u64);
            Refusal::WrongShape { expected, found }
        };
        if self.is_empty() {
            if bytes.len() != out.len() * 4 {
                return Err(refuse(bytes.len() / 4));
            }
            out.iter_mut().zip(params::values_of(bytes)).for_each(|(x, value)| *x = value);
            return Ok(());
        }
        let unfit = |_| Refusal::Malformed { what: "length of an update".into() };
        let cuts = self.cuts(&form);
        let (places, last) = self.places(form, seeds, &cuts).map_err(unfit)?;
        self.coder().read(&last, bytes, signal)?;
        for (stage, place) in self.stages.iter().zip(&places).rev() {
            stage.backward(place, signal)?;
        }
        if signal.values.len() != out.len() {
            return Err(refuse(signal.values.len()));
        }
        out.copy_from_slice(&signal.values);
        Ok(())
    }

    /// The grid of the levels, where the last stage has one that all senders share.
    pub fn grid(&self) -> Option<Grid> {
        self.stages.last().and_then(|stage| stage.grid())
    }

    /// How much larger than the values of an update what travels of them can be.
    pub fn gain(&self) -> f64 {
        let form = Form::new(limits::CHUNK_VALUES, 0);
        match self.last(form) {
            Ok(last) if last.chosen => last.chunk as f64 / last.count.max(1) as f64,
            _ => 1.0,
        }
    }

    /// Values or levels that travel of a chunk.
    pub fn count(&self, form: Form) -> usize {
        self.last(form).map_or(0, |last| last.count)
    }

    /// Levels of one chunk in the chain's own grid, or else in `grid`.
    pub fn levels(
        &self,
        form: Form,
        seeds: Seeds,
        grid: &Grid,
        signal: &mut Signal,
        out: &mut Vec<i64>,
    ) -> Result<(), Error> {
        let cuts = self.cuts(&form);
        let (places, last) = self.places(form, seeds, &cuts)?;
        for (stage, place) in self.stages.iter().zip(&places) {
            stage.forward(place, signal)?;
        }
        out.clear();
        match last.bits {
            Some(_) => out.extend(signal.levels.iter().map(|&level| i64::from(level))),
            None => out.extend(signal.values.iter().map(|&value| grid.level(value))),
        }
        Ok(())
    }

    /// The way back of [`Chain::levels`] from `signal.values`, which may be a sum.
    pub fn values(
        &self,
        form: Form,
        seeds: Seeds,
        signal: &mut Signal,
        out: &mut [f32],
    ) -> Result<(), Refusal> {
        let unfit = |_| Refusal::Malformed { what: "length of an update".into() };
        let cuts = self.cuts(&form);
        let (places, _) = self.places(form, seeds, &cuts).map_err(unfit)?;
        let quantised = usize::from(self.grid().is_some());
        let stages = self.stages.iter().zip(&places).rev().skip(quantised);
        for (stage, place) in stages {
            stage.backward(place, signal)?;
        }
        if signal.values.len() != out.len() {
            let (expected, found) = (out.len() as u64, signal.values.len() as u64);
            return Err(Refusal::WrongShape { expected, found });
        }
        out.copy_from_slice(&signal.values);
        Ok(())
    }

    /// Largest encoding of a chunk, in bytes: what a reader must be ready to hold. 0 for a length
    /// that the chain cannot work on.
    pub fn max_bytes(&self, form: Form) -> usize {
        self.last(form).map_or(0, |last| self.coder().max_bytes(&last))
    }
}
