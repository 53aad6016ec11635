//! A robust rule behind others that mix the updates before it sees them.
//!
//! Each stage turns the rows that it is given into rows of the same length, and the rule
//! aggregates the last ones, which weigh alike. All of it works on one chunk of the cohort at a
//! time: a stage that must see whole updates first adds passes of its own before the rule's.

use crate::error::Error;
use crate::rng::Seed;
use crate::traits::{Aggregator, PreAggregator, Rows, View};

/// See the module.
pub struct Mixed {
    stages: Vec<Stage>,
    rule: Box<dyn Aggregator>,
}

struct Stage {
    rule: Box<dyn PreAggregator>,
    /// The current chunk of what it made.
    rows: Vec<Vec<f32>>,
}

impl Mixed {
    /// `rule` behind `stages`, of which the first sees the updates.
    pub fn new(stages: Vec<Box<dyn PreAggregator>>, rule: Box<dyn Aggregator>) -> Self {
        let stages = stages.into_iter().map(|rule| Stage { rule, rows: Vec::new() });
        Self { stages: stages.collect(), rule }
    }

    /// Mixes one chunk through the first `count` stages.
    fn mix(&mut self, count: usize, rows: &Rows<'_>) -> Result<(), Error> {
        let width = rows.rows.first().map_or(0, |row| row.len());
        for place in 0..count {
            let (before, rest) = self.stages.split_at_mut(place);
            let Some(stage) = rest.first_mut() else { break };
            let found = before.last().map_or_else(|| rows.rows.to_vec(), made);
            stage.rows.resize_with(stage.rule.rows(found.len()), Vec::new);
            stage.rows.iter_mut().for_each(|row| row.resize(width, 0.0));
            stage.rule.mix(&found, &mut stage.rows)?;
        }
        Ok(())
    }
}

fn made(stage: &Stage) -> Vec<&[f32]> {
    stage.rows.iter().map(Vec::as_slice).collect()
}

/// What the rule sees of the last stage.
fn seen<T>(
    stages: &[Stage],
    rows: &Rows<'_>,
    visit: impl FnOnce(&Rows<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let Some(last) = stages.last() else { return visit(rows) };
    let mixed = made(last);
    let weights = vec![1; mixed.len()];
    let total_weight = mixed.len() as u64;
    visit(&Rows { rows: &mixed, weights: &weights, total_weight, before: rows.before })
}

impl Aggregator for Mixed {
    fn needs(&self) -> View {
        self.rule.needs().max(View::EachSealed)
    }

    fn minimum(&self) -> usize {
        let needed = |rows, stage: &Stage| stage.rule.minimum(rows);
        self.stages.iter().rev().fold(self.rule.minimum(), needed)
    }

    fn begin(&mut self, seed: Seed) {
        for (place, stage) in self.stages.iter_mut().enumerate() {
            stage.rule.begin(seed.derive("tacit/v1/stage", &[&(place as u64).to_le_bytes()]));
        }
        self.rule.begin(seed);
    }

    fn remembers(&self) -> bool {
        self.rule.remembers()
    }

    fn surveys(&self) -> usize {
        self.stages.iter().map(|stage| stage.rule.passes()).sum::<usize>() + self.rule.surveys()
    }

    fn survey(&mut self, mut pass: usize, rows: &Rows<'_>) -> Result<(), Error> {
        for place in 0..self.stages.len() {
            let passes = self.stages[place].rule.passes();
            if pass < passes {
                self.mix(place, rows)?;
                let (before, rest) = self.stages.split_at_mut(place);
                let found = before.last().map_or_else(|| rows.rows.to_vec(), made);
                return rest[0].rule.survey(pass, &found);
            }
            pass -= passes;
        }
        self.mix(self.stages.len(), rows)?;
        let Self { stages, rule } = self;
        seen(stages, rows, |rows| rule.survey(pass, rows))
    }

    fn fold(&mut self, rows: &Rows<'_>) -> Result<(), Error> {
        self.mix(self.stages.len(), rows)?;
        let Self { stages, rule } = self;
        seen(stages, rows, |rows| rule.fold(rows))
    }

    fn finish(&mut self, out: &mut [f32]) -> Result<(), Error> {
        self.rule.finish(out)
    }

    fn selected(&self) -> Option<Vec<u32>> {
        let mut rows = self.rule.selected()?;
        for stage in self.stages.iter().rev() {
            rows = rows.into_iter().flat_map(|row| stage.rule.sources(row)).collect();
            rows.sort_unstable();
            rows.dedup();
        }
        Some(rows)
    }
}
