//! Rows, weights and updates as bits: what is committed to. Integers with a sign are shifted to
//! start at zero; the lowest bit is first.

use super::spec::{Rows, Spec, Targets, UPDATE_BITS};

impl Spec {
    /// Bits of a target.
    pub(super) fn target_bits(&self) -> u32 {
        match self.targets {
            Targets::Classes => 1,
            Targets::Numbers { bits } => bits,
        }
    }

    /// What a target is shifted by.
    pub(super) fn target_offset(&self) -> i64 {
        match self.targets {
            Targets::Classes => 0,
            Targets::Numbers { bits } => 1 << (bits - 1),
        }
    }

    /// Row for row, features, then targets.
    pub fn row_bits(&self, rows: &Rows) -> Vec<bool> {
        let mut bits = Vec::new();
        let features = rows.features.chunks(self.features);
        for (features, targets) in features.zip(rows.targets.chunks(self.outputs)) {
            for x in features {
                push(&mut bits, i64::from(*x) + (1 << (self.feature_bits - 1)), self.feature_bits);
            }
            for target in targets {
                let target = i64::from(*target) + self.target_offset();
                push(&mut bits, target, self.target_bits());
            }
        }
        bits
    }

    /// Every weight, in the order of the model.
    pub fn weight_bits(&self, weights: &[i32]) -> Vec<bool> {
        let mut bits = Vec::new();
        for weight in weights {
            push(&mut bits, i64::from(*weight) + (1 << (self.weight_bits - 1)), self.weight_bits);
        }
        bits
    }

    /// Every coordinate of an update, in the order of the model.
    pub fn update_bits(&self, update: &[i32]) -> Vec<bool> {
        let mut bits = Vec::new();
        for u in update {
            push(&mut bits, i64::from(*u) + (1 << UPDATE_BITS), UPDATE_BITS + 1);
        }
        bits
    }
}

fn push(bits: &mut Vec<bool>, value: i64, width: u32) {
    bits.extend((0..width).map(|bit| value >> bit & 1 == 1));
}
