//! Bucketing (Karimireddy, He, Jaggi 2022, algorithm 1): the updates in random order, in buckets
//! of s; the mean of each is a row. Rows of unlike participants come nearer to each other by a
//! factor of √s, so that rules which look for the usual drop fewer honest ones. The last bucket
//! may be smaller.
//!
//! A hostile update spoils its bucket: of f, up to f of ⌈n/s⌉ rows are hostile. Whoever says
//! f hostile rows to the rule behind it must have n/s large enough for that; s ≤ n / 2f leaves an
//! honest majority.
//!
//! The order comes from the round's seed, which depends on all payloads: who sends one cannot know
//! in whose bucket it will be.

use crate::aggregate::Mean;
use tacit_core::error::Error;
use tacit_core::limits;
use tacit_core::registry::{Default, Entry, Kind, Make, Parameter};
use tacit_core::rng::Seed;
use tacit_core::traits::{Aggregator, PreAggregator};

pub(super) const ENTRY: Entry = Entry {
    name: "bucketing",
    help: "means of updates in random groups (Karimireddy et al. 2022)",
    parameters: &[Parameter {
        name: "bucket_size",
        help: "updates in each group",
        kind: Kind::Integer { min: 1, max: limits::COHORT as i64 },
        default: Default::Integer(2),
    }],
    make: Make::PreAggregator(|arguments| {
        let size = arguments.integer("bucket_size")?.max(1) as usize;
        Ok(Box::new(Bucketing { size, seed: Seed::root(0), order: Vec::new(), sum: Mean::new() }))
    }),
};

/// See the module.
#[derive(Debug)]
struct Bucketing {
    size: usize,
    seed: Seed,
    /// Rows in the order of the buckets; empty until the first chunk of a cohort.
    order: Vec<u32>,
    sum: Mean,
}

impl Bucketing {
    fn order(&mut self, rows: usize) {
        if self.order.len() != rows {
            self.order = (0..rows as u32).collect();
            self.seed.rng().shuffle(&mut self.order);
        }
    }
}

impl PreAggregator for Bucketing {
    fn rows(&self, rows: usize) -> usize {
        rows.div_ceil(self.size)
    }

    fn minimum(&self, rows: usize) -> usize {
        rows.saturating_sub(1).saturating_mul(self.size).saturating_add(1)
    }

    fn begin(&mut self, seed: Seed) {
        (self.seed, self.order) = (seed, Vec::new());
    }

    fn mix(&mut self, rows: &[&[f32]], out: &mut [Vec<f32>]) -> Result<(), Error> {
        self.order(rows.len());
        for (bucket, out) in self.order.chunks(self.size).zip(out) {
            let members: Vec<&[f32]> = bucket.iter().map(|&row| rows[row as usize]).collect();
            let coefficients = vec![1.0 / members.len() as f64; members.len()];
            self.sum.combine(&members, &coefficients)?;
            self.sum.finish(out)?;
        }
        Ok(())
    }

    fn sources(&self, row: u32) -> Vec<u32> {
        self.order.chunks(self.size).nth(row as usize).unwrap_or_default().to_vec()
    }
}
