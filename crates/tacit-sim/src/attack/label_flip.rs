//! Label flip: every label y of the hostile participants becomes C − 1 − y, for C classes (Fang,
//! Cao, Jia, Gong 2020, section 5.1). They train as told, on the wrong answers.

use super::{Attack, Entry, Means};
use std::sync::Arc;
use tacit_core::data::{Examples, Shard};
use tacit_core::error::Error;
use tacit_core::rng::Seed;

pub(super) const ENTRY: Entry = Entry {
    name: "label-flip",
    help: "training on labels in reverse order (Fang et al. 2020)",
    parameters: &[],
    make: |_| Ok(Box::new(LabelFlip)),
};

/// See the module.
#[derive(Debug)]
struct LabelFlip;

impl Attack for LabelFlip {
    fn means(&self) -> Means {
        Means::Data
    }

    fn poison(&self, mine: &Shard, _seed: Seed) -> Result<Option<Shard>, Error> {
        let last = mine.shape().classes as u32 - 1;
        relabelled(mine, |_, features, label| (features, last - label)).map(Some)
    }
}

/// A copy of the examples of `shard` with others in their place.
pub(super) fn relabelled(
    shard: &Shard,
    mut change: impl FnMut(usize, Vec<f32>, u32) -> (Vec<f32>, u32),
) -> Result<Shard, Error> {
    if shard.is_empty() {
        return Ok(shard.clone());
    }
    let mut features = Vec::with_capacity(shard.len() * shard.shape().width());
    let mut labels = Vec::with_capacity(shard.len());
    for i in 0..shard.len() {
        let (row, label) = shard.get(i);
        let (row, label) = change(i, row.to_vec(), label);
        features.extend(row);
        labels.push(label);
    }
    let examples = Examples::new(shard.shape().clone(), features, labels)?;
    Ok(Shard::all(Arc::new(examples)))
}
