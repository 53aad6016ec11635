//! What must always hold.
//!
//! * A round releases at most one model, and only with a quorum.
//! * Each participant counts at most once in a round, for that round's task, with a sound payload.
//! * What is published was logged before; what is logged is published in the end.
//! * The journal replays to the state of the coordinator that wrote it: same state, same outbox.
//! * An acknowledged contribution is durable, and counts in whatever its round releases; nobody
//!   is told that what counts is refused.
//! * No participant fills the journal with refusals.
//! * The run ends as its plan says: after the last round, the target, or too many failures.
//! * Each round starts from the last released model, and every released model follows from the
//!   journal and the payloads alone.
//! * Everybody whom a round awaits is offered its task, after a restart too.
//! * A summary says what the journal says, and its cohort can be drawn again.
//! * In worlds of sums, what `talk` says; in those of proofs, what `sworn` says.
//! * When all is over, no payload is left.

use super::effects::aggregate;
use super::{Checked, Violation, World, require};
use crate::memory::MemoryStore;
use std::collections::BTreeMap;
use tacit_core::digest::Digest;
use tacit_core::host::Host;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::messages::{Contribution, SignedContribution, Task};
use tacit_core::round::{self, Entry, Kind, Record, Round, Setup, Summary};
use tacit_core::run::{Finish, Run};
use tacit_core::traits::Blobs;

impl World {
    /// Makes a record durable.
    pub(super) fn commit(&mut self, entry: &Entry) -> Checked {
        self.disk.commit(entry)?;
        self.follow(entry)?;
        match &entry.fact {
            Record::Accepted { signed } => self.check_accepted(entry.round, &signed.contribution),
            _ => Ok(()),
        }
    }

    /// What counts must be what was asked for, in header and payload.
    fn check_accepted(&self, round: u32, header: &Contribution) -> Checked {
        let asked = (round, self.course.plan, self.last_released());
        require((header.round, header.plan, header.model) == asked, || {
            format!("{} counts in round {round} with work for another task", header.participant)
        })?;
        let sane = (1..=limits::EXAMPLES).contains(&header.examples) && header.loss.is_finite();
        require(sane, || format!("{} counts with an absurd header", header.participant))?;
        self.check_sworn(header)?;
        let payload = self.disk.archive.get(&header.payload).ok_or_else(|| {
            Violation(format!("{} counts, its payload was never kept", header.participant))
        })?;
        self.inspect(header, payload)
            .map_err(|refusal| Violation(format!("{} counts though {refusal}", header.participant)))
    }

    /// After every step that asked for anything.
    pub(super) fn check_step(&self) -> Checked {
        let Some(coordinator) = &self.coordinator else { return Ok(()) };
        same(coordinator.run(), self.disk.shadow()?)?;
        self.check_asks(coordinator)?;
        let (round, state) =
            (coordinator.run().round().setup().round, coordinator.run().round().state());
        if matches!(state, "distributing" | "collecting") {
            let mut awaited = self.disk.facts(round).awaited.iter();
            require(awaited.all(|id| coordinator.offers(round, id)), || {
                format!("somebody whom round {round} awaits gets no task")
            })?;
        }
        Ok(())
    }

    pub(super) fn check_offer(&self, task: &Task) -> Checked {
        let size = self.disk.store.size(task.model)?;
        require(size == Some(task.model_bytes), || {
            format!("round {} is offered without its model", task.round)
        })
    }

    pub(super) fn check_acknowledgement(
        &mut self,
        participant: &ParticipantId,
        contribution: Digest,
    ) -> Checked {
        let Some(coordinator) = &self.coordinator else { return Ok(()) };
        let round = coordinator.run().round().setup().round;
        require(self.disk.holds(round, participant, contribution), || {
            format!("{participant} got an acknowledgement that a crash would undo")
        })?;
        self.acknowledged.entry(round).or_default().insert(contribution);
        Ok(())
    }

    /// Before the run tells somebody that a contribution does not count.
    pub(super) fn check_refusal(&self) -> Checked {
        let Some(coordinator) = &self.coordinator else { return Ok(()) };
        let (round, asking) = (coordinator.run().round(), coordinator.asking());
        let counts = asking.is_some_and(|asking| {
            let id = &self.participants[asking.number].id;
            self.disk.holds(round.setup().round, id, asking.contribution)
        });
        require(!counts || matches!(round, Round::Aborted(_)), || {
            format!("what counts in round {} is refused", round.setup().round)
        })
    }

    pub(super) fn check_aggregate(
        &self,
        setup: &Setup,
        contributions: &[SignedContribution],
    ) -> Checked {
        let durable = self.disk.facts(setup.round).accepted.values();
        require(contributions.iter().eq(durable), || {
            format!("round {} aggregates something else than it accepted", setup.round)
        })?;
        require(contributions.len() >= self.quorum.max(1), || {
            format!("round {} aggregates below its quorum", setup.round)
        })
    }

    /// Before a summary is logged.
    pub(super) fn check_summary(&self, summary: &Summary) -> Checked {
        let (setup, expected) = (&summary.setup, self.disk.log.len() as u32 + 1);
        let round = setup.round;
        require(round == expected, || format!("round {round} is logged after {}", expected - 1))?;
        require(setup.model == self.last_released(), || {
            format!("round {round} does not start from the last released model")
        })?;
        if !summary.cohort.is_empty() {
            let again = round::draw(&setup.rules, &setup.roster, &setup.seed, round);
            require(again == summary.cohort, || {
                format!("the cohort of round {round} cannot be drawn again")
            })?;
        }
        let (accepted, facts) = (&summary.accepted, self.disk.facts(round));
        let said = summary.declined == facts.declined && summary.refusals == facts.refusals;
        let said = said && summary.unproved == facts.unproved;
        require(said && accepted.iter().eq(facts.accepted.values()), || {
            format!("the summary of round {round} does not say what its journal says")
        })?;
        let names = accepted.iter().map(|s| &s.contribution.participant);
        require(names.clone().is_sorted_by(|a, b| a < b), || {
            format!("somebody counts twice in round {round}")
        })?;
        require(names.clone().all(|name| summary.cohort.contains(name)), || {
            format!("a stranger counts in round {round}")
        })?;
        let counted: Vec<Digest> = accepted.iter().map(|s| s.contribution.digest()).collect();
        let told = self.acknowledged.get(&round);
        require(told.into_iter().flatten().all(|digest| counted.contains(digest)), || {
            format!("an acknowledged contribution does not count in round {round}")
        })
    }

    fn last_released(&self) -> Digest {
        let released = self.disk.log.iter().rev().find_map(|s| s.result.as_ref().ok());
        released.map_or(self.course.model, |outcome| outcome.model)
    }

    /// Before a model is published.
    pub(super) fn check_publication(&self, round: u32, model: Digest) -> Checked {
        let logged = self.disk.log.iter().find(|summary| summary.setup.round == round);
        let logged = logged
            .ok_or_else(|| Violation(format!("round {round} is published before it is logged")))?;
        require(logged.result.as_ref().is_ok_and(|outcome| outcome.model == model), || {
            format!("round {round} is published with another model than is logged")
        })?;
        require(logged.accepted.len() >= self.quorum.max(1), || {
            format!("round {round} is published below its quorum")
        })?;
        let before = self.disk.published.get(&round);
        require(before.is_none_or(|published| *published == model), || {
            format!("round {round} is released twice")
        })
    }

    /// When the run is over: the log, what is public, and the journal must say the same.
    pub(super) fn check_end(&mut self) -> Checked {
        for summary in &self.disk.log {
            let (round, result) = (summary.setup.round, summary.result.as_ref().ok());
            let published = self.disk.published.get(&round);
            require(result.map(|outcome| &outcome.model) == published, || {
                format!("round {round} is logged, but not published as logged")
            })?;
        }
        let rounds = self.disk.published.keys().all(|round| *round <= self.disk.log.len() as u32);
        require(rounds, || "something unlogged is public".into())?;
        self.check_finish()?;
        let left = self.disk.store.spooled_rounds()?;
        require(left.is_empty(), || format!("payloads of rounds {left:?} are left"))?;
        // Nothing that comes later may spoil the journal.
        let length = self.disk.journal_len();
        let latecomer = self.participants[0].id.clone();
        self.handle(Kind::Enrolled { participant: latecomer, dataset: None })?;
        let stranger = ParticipantId::numbered(9, 10);
        self.handle(Kind::Enrolled { participant: stranger, dataset: None })?;
        self.handle(Kind::Tick)?;
        require(self.disk.journal_len() == length, || "a finished journal grows".into())?;
        self.check_journal()
    }

    fn check_finish(&self) -> Checked {
        let finish = self.coordinator.as_ref().and_then(|c| c.run().finish());
        let log = &self.disk.log;
        let good = |summary: &Summary| {
            let evaluation = summary.result.as_ref().ok().and_then(|o| o.evaluation.as_ref());
            let accuracy = evaluation.map(|evaluation| evaluation.accuracy());
            accuracy.zip(self.course.target_accuracy).is_some_and(|(found, t)| found >= t)
        };
        let failed = log.iter().rev().take_while(|summary| summary.result.is_err()).count();
        let patience = self.course.cohort.max_failed_rounds as usize;
        let before = log.len().saturating_sub(1);
        let holds = match finish {
            Some(Finish::Completed) => log.len() == self.course.num_rounds as usize,
            Some(Finish::TargetReached) => log.last().is_some_and(good),
            Some(Finish::Failed(_)) => failed == patience,
            // Worlds have no noise.
            Some(Finish::BudgetSpent) => false,
            None => false,
        };
        require(holds && !log[..before].iter().any(good), || {
            format!("the run ends as {finish:?} after {} rounds", log.len())
        })
    }

    /// Replays the journal's bytes, and computes every model again from the payloads.
    fn check_journal(&mut self) -> Checked {
        let entries = self.disk.entries(usize::MAX)?;
        let run = Run::replay(self.course.clone(), &entries)
            .map_err(|e| Violation(format!("the journal does not replay: {e}")))?;
        same(&run, self.disk.shadow()?)?;
        let store = MemoryStore::new(u64::MAX);
        store.put(&self.lab.initial)?;
        let mut setup = Run::new(self.course.clone()).round().setup().clone();
        let mut host = Host::default();
        let mut accepted: Vec<SignedContribution> = Vec::new();
        let mut refused: BTreeMap<(u32, &ParticipantId), u32> = BTreeMap::new();
        for entry in &entries {
            let Entry { round, fact } = entry;
            setup.round = *round;
            self.follow_again(&mut host, &setup, entry)?;
            match fact {
                Record::Opened { .. } => accepted.clear(),
                Record::Accepted { signed } => {
                    let payload = signed.contribution.payload;
                    if let Some(bytes) = self.disk.archive.get(&payload) {
                        store.keep(*round, payload, bytes.to_vec())?;
                    }
                    if let Some(proof) = self.kept_proof(&signed.contribution)? {
                        store.put(&proof)?;
                    }
                    accepted.push(signed.clone());
                }
                Record::Refused { participant, .. } => {
                    let times = refused.entry((*round, participant)).or_default();
                    *times += 1;
                    // One more may be what names whoever proved nothing.
                    let most = limits::REFUSALS_RECORDED + u32::from(self.oaths.is_some());
                    require(*times <= most, || {
                        format!("refusals of {participant} fill the journal")
                    })?;
                }
                Record::Aggregated { outcome } => {
                    accepted.sort_by(|a, b| {
                        a.contribution.participant.cmp(&b.contribution.participant)
                    });
                    let again =
                        aggregate(&mut self.centre, &setup, &accepted, &store, host.open(*round)?)?;
                    require(again.model == outcome.model, || {
                        format!("the model of round {round} does not follow from the journal")
                    })?;
                    (setup.model, setup.slots) = (again.model, again.slots);
                }
                _ => {}
            }
        }
        require(run.model() == setup.model, || "the last model is another one".into())
    }
}

/// Whether two runs will do the same from here on, time-outs excepted.
fn same(live: &Run, replayed: &Run) -> Checked {
    let (state, other) = (live.round().state(), replayed.round().state());
    require(state == other, || format!("the run is {state}, but replays to {other}"))?;
    require(live.outbox() == replayed.outbox(), || {
        format!("while {state}, the outbox after a replay is another one")
    })?;
    let facts = |run: &Run| (run.model(), run.released(), run.finish().cloned());
    require(facts(live) == facts(replayed) && live.roster() == replayed.roster(), || {
        format!("while {state}, a replay gives another model, roster or end")
    })
}
