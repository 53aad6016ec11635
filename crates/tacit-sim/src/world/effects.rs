//! What takes the coordinator time and outlives it: aggregation, log and publication.

use super::events::What;
use super::faults::Canary;
use super::{Checked, Violation, World, require};
use crate::memory::MemoryStore;
use crate::ports::{SystemEntropy, VirtualClock};
use tacit_core::central::{Centre, Ports};
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::messages::SignedContribution;
use tacit_core::round::{Kind, Outcome, Setup, Summary};
use tacit_core::traits::Opening;

/// What opens the sums of a round; nothing in worlds where contributions are seen.
pub(super) type Opened = Result<Option<Box<dyn Opening>>, Error>;

pub(super) enum Effect {
    Aggregate { setup: Box<Setup>, contributions: Vec<SignedContribution>, opening: Opened },
    Log(Box<Summary>),
    Publish { round: u32, model: Digest },
}

/// Computes the model after a round from payloads in `store`.
pub(super) fn aggregate(
    centre: &mut Centre,
    setup: &Setup,
    contributions: &[SignedContribution],
    store: &MemoryStore,
    opening: Option<Box<dyn Opening>>,
) -> Result<Outcome, Error> {
    let clock = &VirtualClock::new(0);
    let mut ports =
        Ports { blobs: store, spool: store, clock, entropy: &mut SystemEntropy, opening };
    centre.aggregate(setup, contributions, &mut ports)
}

impl World {
    pub(super) fn begin_effect(&mut self, effect: Effect) {
        let at = self.now + 1 + self.rng.below(40);
        let incarnation = self.incarnation;
        self.queue.push(at, What::Effect { incarnation, effect });
    }

    /// An effect is done; the coordinator may be killed before it knows.
    pub(super) fn effect(&mut self, incarnation: u64, effect: Effect) -> Checked {
        if incarnation != self.incarnation || self.coordinator.is_none() {
            return Ok(());
        }
        let kind = self.carry_through(effect)?;
        if self.strikes(self.faults.crash, "torn-effect") {
            return self.kill();
        }
        self.handle(kind)
    }

    /// What the killed coordinator had handed to the disk: some of it happens all the same.
    pub(super) fn orphaned(&mut self) -> Checked {
        for effect in self.queue.take_effects() {
            if self.rng.below(2) == 0 {
                self.count("torn-effect");
                self.carry_through(effect)?;
            }
        }
        Ok(())
    }

    fn carry_through(&mut self, effect: Effect) -> Checked<Kind> {
        match effect {
            Effect::Aggregate { setup, contributions, opening } => {
                self.aggregated(&setup, contributions, opening)
            }
            Effect::Log(summary) => self.logged(*summary),
            Effect::Publish { round, model } => {
                let model = match self.canary {
                    Some(Canary::PublishOldModel) => self.disk.shadow()?.round().setup().model,
                    _ => model,
                };
                self.check_publication(round, model)?;
                self.disk.published.insert(round, model);
                Ok(Kind::Published { round })
            }
        }
    }

    fn aggregated(
        &mut self,
        setup: &Setup,
        mut contributions: Vec<SignedContribution>,
        opening: Opened,
    ) -> Checked<Kind> {
        let round = setup.round;
        if self.strikes(self.faults.aggregation, "aggregation-failed") {
            return Ok(Kind::AggregationFailed { round, why: "out of memory".into() });
        }
        let opening = match opening {
            Ok(opening) => opening,
            Err(error) => return Ok(Kind::AggregationFailed { round, why: error.to_string() }),
        };
        match self.canary {
            Some(Canary::CountTwice) => contributions.extend(contributions.first().cloned()),
            Some(Canary::CountOneLess) if contributions.len() > 1 => {
                contributions.pop();
            }
            _ => {}
        }
        let store = &self.disk.store;
        let perjured = self.perjured_sum(round, &contributions, opening.as_deref());
        let outcome = match aggregate(&mut self.centre, setup, &contributions, store, opening) {
            Err(error) if perjured => {
                return Ok(Kind::AggregationFailed { round, why: error.to_string() });
            }
            Err(error) => {
                return Err(Violation(format!("round {round} cannot be aggregated: {error}")));
            }
            Ok(outcome) => outcome,
        };
        require(!perjured, || format!("round {round} applies a sum that was not proved"))?;
        self.check_sum(setup, &contributions, outcome.model)?;
        if self.canary == Some(Canary::PublishBeforeLog) {
            self.carry_through(Effect::Publish { round, model: outcome.model })?;
        }
        Ok(Kind::Aggregated(outcome))
    }

    fn logged(&mut self, summary: Summary) -> Checked<Kind> {
        let round = summary.setup.round;
        let found = self.disk.log.iter().position(|logged| logged.setup.round == round);
        if let (Some(index), false) = (found, self.canary == Some(Canary::LogTwice)) {
            require(self.disk.log[index] == summary, || {
                format!("round {round} would be logged again with another summary")
            })?;
            return Ok(Kind::Logged { round, index: index as u64 });
        }
        self.check_summary(&summary)?;
        self.disk.log.push(summary);
        Ok(Kind::Logged { round, index: self.disk.log.len() as u64 - 1 })
    }
}
