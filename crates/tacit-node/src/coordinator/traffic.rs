//! Bytes on the wire and strangers turned away, counted per round.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Refusals of those who are in no cohort, by reason, since the last release.
#[derive(Default)]
pub(super) struct TurnedAway(Mutex<BTreeMap<String, u64>>);

impl TurnedAway {
    pub fn count(&self, reason: &str) {
        // A count is whole between any two steps: a poisoned lock guards nothing half done.
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(reason.to_owned()).or_default() += 1;
    }

    pub fn take(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Counts since the last release.
#[derive(Default)]
pub(super) struct Traffic {
    up: AtomicU64,
    down: AtomicU64,
}

impl Traffic {
    pub fn received(&self, bytes: usize) {
        self.up.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn sent(&self, bytes: usize) {
        self.down.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub fn up(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    /// Bytes received and sent since the last call.
    pub fn take(&self) -> (u64, u64) {
        (self.up.swap(0, Ordering::Relaxed), self.down.swap(0, Ordering::Relaxed))
    }
}
