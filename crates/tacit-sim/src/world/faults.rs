//! What may go wrong in a world, how often, and the mistakes that a world must find.

use super::Worlds;
use tacit_core::rng::Random;

/// Names of the kinds of fault, as a [`Report`](super::Report) counts them.
pub const FAULTS: [&str; 40] = [
    "absurd-weight",
    "aggregation-failed",
    "another-update",
    "broken-proof",
    "changed-letter",
    "clock-jump",
    "coordinator-crash",
    "corrupt-bytes",
    "declined",
    "delayed",
    "dropped",
    "duplicated",
    "early-tick",
    "failed-append",
    "false-sum",
    "large-norm",
    "lost-records",
    "nan-loss",
    "no-proof",
    "no-weight",
    "not-finite",
    "old-contribution",
    "other-contribution",
    "old-letter",
    "old-proof",
    "out-of-range",
    "participant-crash",
    "partitioned",
    "same-payload",
    "slow-training",
    "stolen-proof",
    "torn-effect",
    "trailing-bytes",
    "uninvited",
    "wrong-length",
    "wrong-model",
    "wrong-plan",
    "wrong-round",
    "wrong-size",
    "wrong-stage",
];

/// How often faults strike in one world, each a probability per occasion or a number of times.
pub(super) struct Faults {
    pub drop: f64,
    pub duplicate: f64,
    pub delay: f64,
    pub crash: f64,
    pub failed_append: f64,
    pub aggregation: f64,
    pub hostile: f64,
    pub repeat: f64,
    pub decline: f64,
    pub slow: f64,
    pub coordinator_kills: u64,
    pub participant_kills: u64,
    pub clock_jumps: u64,
    pub early_ticks: u64,
    partitions: u64,
    /// Faults stop at this time.
    pub until: u64,
}

/// Participants that nobody can reach for a while.
pub(super) struct Partition {
    from: u64,
    until: u64,
    members: u64,
}

impl Partition {
    pub fn cuts_off(&self, number: usize, now: u64) -> bool {
        (self.from..self.until).contains(&now) && self.members >> number & 1 == 1
    }
}

impl Faults {
    /// Two in five kinds are absent from a world, so that the others can do their worst.
    pub fn draw(rng: &mut Random) -> Self {
        let present = |rng: &mut Random| rng.below(5) >= 2;
        let rate = |rng: &mut Random, most: f64| match present(rng) {
            true => rng.unit() * most,
            false => 0.0,
        };
        let mut faults = Self {
            drop: rate(rng, 0.3),
            duplicate: rate(rng, 0.2),
            delay: rate(rng, 0.3),
            crash: rate(rng, 0.1),
            failed_append: rate(rng, 0.05),
            aggregation: rate(rng, 0.3),
            hostile: rate(rng, 0.9),
            repeat: rate(rng, 0.2),
            decline: rate(rng, 0.2),
            slow: rate(rng, 0.2),
            coordinator_kills: 0,
            participant_kills: 0,
            clock_jumps: 0,
            early_ticks: 0,
            partitions: 0,
            until: 500 + rng.below(4000),
        };
        for times in [
            &mut faults.coordinator_kills,
            &mut faults.participant_kills,
            &mut faults.clock_jumps,
            &mut faults.early_ticks,
            &mut faults.partitions,
        ] {
            if present(rng) {
                *times = 1 + rng.below(4);
            }
        }
        faults
    }

    pub fn partitions(&self, participants: usize, rng: &mut Random) -> Vec<Partition> {
        let partition = |_| {
            let from = rng.below(self.until);
            let until = (from + 1 + rng.below(1500)).min(self.until);
            Partition { from, until, members: rng.below(1 << participants) }
        };
        (0..self.partitions).map(partition).collect()
    }
}

/// A mistake in a driver: the coordinator's, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canary {
    /// Acknowledges before the record is durable.
    AckBeforePersist,
    /// Makes the records of a step durable only after everything else it asks for.
    ActBeforeDurable,
    /// Goes on after an append failed.
    IgnoreFailedAppend,
    /// Appends again what may have been appended.
    AppendTwice,
    /// Leaves the journal's last record out when it replays.
    DropLastRecord,
    /// Aggregates one contribution twice.
    CountTwice,
    /// Aggregates without the last contribution.
    CountOneLess,
    /// Publishes a model as soon as it is computed.
    PublishBeforeLog,
    /// Appends a summary to the log without looking whether it is there.
    LogTwice,
    /// Does nothing about the outbox after a restart.
    LoseOutbox,
    /// Destroys payloads before they are aggregated.
    ForgetEarly,
    /// Does not destroy payloads.
    KeepPayloads,
    /// Does not inspect payloads.
    AcceptUnchecked,
    /// Deletes the payload of a refused contribution though another one shares it.
    DiscardShared,
    /// Closes rounds below the quorum.
    ReleaseBelowQuorum,
    /// Never sets a timer.
    NoTimer,
    /// Publishes the model that the round started from.
    PublishOldModel,
    /// Does not hear again, after a restart, what members said.
    ForgetLetters,
    /// Asks members to confirm another roster after a restart.
    AskAnew,
    /// Counts what members say without keeping it.
    KeepNoLetters,
    /// A participant enters a round again after a crash.
    EnterTwice,
    /// Accepts what comes with a proof, whatever it proves.
    AcceptUnproved,
    /// Does not keep proofs.
    KeepNoProofs,
}

impl Canary {
    /// Every mistake.
    pub const ALL: [Canary; 23] = [
        Canary::AckBeforePersist,
        Canary::ActBeforeDurable,
        Canary::IgnoreFailedAppend,
        Canary::AppendTwice,
        Canary::DropLastRecord,
        Canary::CountTwice,
        Canary::CountOneLess,
        Canary::PublishBeforeLog,
        Canary::LogTwice,
        Canary::LoseOutbox,
        Canary::ForgetEarly,
        Canary::KeepPayloads,
        Canary::AcceptUnchecked,
        Canary::DiscardShared,
        Canary::ReleaseBelowQuorum,
        Canary::NoTimer,
        Canary::PublishOldModel,
        Canary::ForgetLetters,
        Canary::AskAnew,
        Canary::KeepNoLetters,
        Canary::EnterTwice,
        Canary::AcceptUnproved,
        Canary::KeepNoProofs,
    ];

    /// The worlds in which it can be found.
    pub fn worlds(self) -> Worlds {
        use Canary::{AcceptUnproved, AskAnew, EnterTwice, ForgetLetters};
        use Canary::{KeepNoLetters, KeepNoProofs};
        match self {
            AcceptUnproved | KeepNoProofs => Worlds::Proved,
            ForgetLetters | AskAnew | KeepNoLetters | EnterTwice => Worlds::Sums,
            _ => Worlds::Mixed,
        }
    }
}
