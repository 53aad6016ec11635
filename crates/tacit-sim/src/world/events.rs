//! What is going to happen, in the order of virtual time.

use super::effects::Effect;
use std::collections::BTreeMap;
use std::sync::Arc;
use tacit_core::digest::Digest;
use tacit_core::exchange::{Ask, Letter};
use tacit_core::messages::{SignedContribution, Task};

/// Bytes of a contribution.
pub(super) type Payload = Arc<[u8]>;

/// From a participant to the coordinator.
#[derive(Clone)]
pub(super) enum Up {
    Enrol,
    Poll,
    Received { round: u32 },
    Upload { signed: Arc<SignedContribution>, payload: Payload },
    Decline { round: u32 },
    Say(Arc<Letter>),
}

/// From the coordinator to a participant.
#[derive(Clone)]
pub(super) enum Down {
    Enrolled,
    Offer(Task),
    Accepted(Digest),
    Refused(Digest),
    /// Asked for a message, with the mail that it answers.
    Ask(Ask, Arc<[u8]>),
}

/// Something that happens.
pub(super) enum What {
    /// The coordinator's process starts.
    Restart,
    /// A participant acts of its own accord.
    Wake { number: usize, incarnation: u32 },
    /// A message arrives at the coordinator.
    Up { from: usize, message: Up },
    /// A message arrives at a participant.
    Down { to: usize, message: Down },
    /// The coordinator's timer fires, unless it was set anew.
    Timer { incarnation: u64, timer: u64 },
    /// The disk or a worker thread has done something for the coordinator.
    Effect { incarnation: u64, effect: Effect },
    /// The coordinator's process is killed while it waits.
    KillCoordinator,
    /// A participant's process is killed.
    KillParticipant(usize),
    /// And starts again.
    Return { number: usize, incarnation: u32 },
    /// The coordinator's clock is set.
    ClockJump,
    /// A timer fires before its time.
    EarlyTick,
}

/// Future events; those of one moment happen in the order in which they were scheduled.
#[derive(Default)]
pub(super) struct Queue {
    events: BTreeMap<(u64, u64), What>,
    pushed: u64,
}

impl Queue {
    pub fn push(&mut self, at: u64, what: What) {
        self.pushed += 1;
        self.events.insert((at, self.pushed), what);
    }

    pub fn pop(&mut self) -> Option<(u64, What)> {
        self.events.pop_first().map(|((at, _), what)| (at, what))
    }

    /// Takes out what has been begun and is not done.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        let effects = self.events.extract_if(.., |_, what| matches!(what, What::Effect { .. }));
        let effect = |what| match what {
            What::Effect { effect, .. } => Some(effect),
            _ => None,
        };
        effects.filter_map(|(_, what)| effect(what)).collect()
    }
}
