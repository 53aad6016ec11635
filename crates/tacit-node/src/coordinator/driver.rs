//! Carries out what the run's state machine asks for, in order, and feeds back what came of it.

use super::answers::NO_RUN;
use super::proofs::Bench;
use super::{Coordinator, Progress, State};
use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard};
use std::time::{Duration, Instant};
use tacit_audit::{End, OsEntropy};
use tacit_core::central::Ports;
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::exchange::Letter;
use tacit_core::history::RoundReport;
use tacit_core::messages::SignedContribution;
use tacit_core::round::{Action, Admission, Entry, Event, Kind, Outcome, Record, Setup, Summary};
use tacit_core::run::{Best, Finish, Run};
use tacit_core::traits::{Blobs, Clock, Journal, Opening, Spool};

/// When to look again where a deadline had not quite passed.
const RETRY: Duration = Duration::from_millis(100);

impl State {
    /// Nothing is asked of anybody.
    fn clear(&mut self) {
        self.offers.clear();
        self.announced.clear();
        self.asks.clear();
    }
}

impl Coordinator {
    /// Starts, or takes up again, what the run has to do. Needs a Tokio runtime; ends when the
    /// run does.
    pub async fn drive(self: Arc<Self>) -> Result<Finish, Error> {
        let this = self.clone();
        blocking(move || this.take_up()).await?;
        let mut changes = self.changes.subscribe();
        loop {
            let (timer, finish) = {
                let state = self.live()?;
                (state.timer, state.run.as_ref().and_then(|run| run.finish().cloned()))
            };
            if let Some(finish) = finish {
                return Ok(finish);
            }
            let wake = timer.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            tokio::select! {
                () = tokio::time::sleep_until(wake.into()) => {
                    let this = self.clone();
                    blocking(move || {
                        // Rounded clocks may wake us a moment early: then try again.
                        this.live()?.timer = Some(Instant::now() + RETRY);
                        this.handle(Kind::Tick).map(drop)
                    }).await?;
                }
                changed = changes.changed() => {
                    if changed.is_err() {
                        return Err(Error::Bug("the coordinator ended before its run"));
                    }
                }
            }
        }
    }

    /// Does again whatever the last process may not have done.
    fn take_up(self: &Arc<Self>) -> Result<(), Error> {
        let mut state = self.live()?;
        let run = state.run.take().ok_or(NO_RUN)?;
        let mut queue = VecDeque::from([Kind::Tick]);
        self.perform(&mut state, run.round().setup(), run.outbox(), &mut queue)?;
        if let Some(finish) = run.finish() {
            // The last process may have died before it recorded the end.
            self.end(&mut state, &run, finish)?;
        }
        state.run = Some(run);
        self.work(&mut state, queue)?;
        drop(state);
        self.changes.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Takes an event to its end; returns the replies meant for whoever caused it.
    pub(super) fn handle(self: &Arc<Self>, kind: Kind) -> Result<Vec<Action>, Error> {
        let mut state = self.live()?;
        let replies = self.work(&mut state, VecDeque::from([kind]));
        drop(state);
        // Also after a failure: the driver must hear of it.
        self.changes.send_modify(|n| *n += 1);
        replies
    }

    /// Counts a contribution whose payload is checked and durable; false if it has been counted
    /// before. What is refused is refused before it becomes an event: whoever asked reports it.
    pub(super) fn contribute(self: &Arc<Self>, signed: &SignedContribution) -> Result<bool, Error> {
        let mut state = self.live()?;
        let round = state.run.as_ref().ok_or(NO_RUN)?.round();
        if round.admit(signed)? == Admission::Held {
            return Ok(false);
        }
        let event = VecDeque::from([Kind::Contributed(signed.clone())]);
        let replies = self.work(&mut state, event);
        drop(state);
        self.changes.send_modify(|n| *n += 1);
        match replies?.iter().any(|reply| matches!(reply, Action::Acknowledge { .. })) {
            true => Ok(true),
            false => Err(Error::Bug("an admitted contribution was not accepted")),
        }
    }

    /// Counts a message that the table has taken, under the lock under which it did.
    pub(super) fn said(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State>,
        letter: &Letter,
    ) -> Result<(), Error> {
        let worked = self.work(&mut state, VecDeque::from([Kind::Said(letter.signed.clone())]));
        drop(state);
        self.changes.send_modify(|n| *n += 1);
        worked.map(drop)
    }

    fn work(
        self: &Arc<Self>,
        state: &mut State,
        mut queue: VecDeque<Kind>,
    ) -> Result<Vec<Action>, Error> {
        let mut replies = Vec::new();
        while let Some(kind) = queue.pop_front() {
            let Some(run) = state.run.take() else { break };
            if run.finish().is_some() {
                state.run = Some(run);
                break;
            }
            let event = Event { at_ms: self.clock.now_ms(), kind };
            let (run, actions) = run.step(event);
            let mine = |a: &Action| matches!(a, Action::Acknowledge { .. } | Action::Refuse { .. });
            let (answers, actions) = actions.into_iter().partition(mine);
            // While its run is taken out the coordinator answers nobody; if what must be durable
            // is not, it stays out.
            self.perform(state, run.round().setup(), actions, &mut queue)?;
            if let Some(finish) = run.finish() {
                self.end(state, &run, finish)?;
            }
            state.run = Some(run);
            replies.append(&mut { answers });
        }
        Ok(replies)
    }

    fn perform(
        self: &Arc<Self>,
        state: &mut State,
        setup: &Setup,
        actions: Vec<Action>,
        queue: &mut VecDeque<Kind>,
    ) -> Result<(), Error> {
        let mut actions = actions.into_iter().peekable();
        while let Some(action) = actions.next() {
            match action {
                Action::Persist(entry) => {
                    let mut entries = vec![entry];
                    while let Some(Action::Persist(entry)) =
                        actions.next_if(|a| matches!(a, Action::Persist(_)))
                    {
                        entries.push(entry);
                    }
                    self.persist(state, setup, entries)?;
                }
                Action::SetTimer { after_ms } => {
                    state.timer = Instant::now().checked_add(Duration::from_millis(after_ms));
                }
                Action::Offer { task, to } => {
                    state.asks.clear();
                    state.offers = to.into_iter().map(|id| (id, task.clone())).collect();
                }
                Action::Ask { ask, to } => {
                    state.clear();
                    state.asks = to.into_iter().map(|id| (id, ask.clone())).collect();
                }
                Action::Aggregate { setup, contributions } => {
                    state.clear();
                    let this = self.clone();
                    let opening = state.host.open(setup.round);
                    tokio::task::spawn_blocking(move || {
                        this.aggregate(&setup, &contributions, opening);
                    });
                }
                Action::Log(summary) => {
                    // An aborted round leaves offers behind; the next one makes its own.
                    state.clear();
                    queue.push_back(self.log(state, &summary)?);
                }
                Action::Publish { round, .. } => queue.push_back(Kind::Published { round }),
                Action::Forget { round } => self.store.forget(round)?,
                // Answers to whoever asked are taken out before.
                Action::Acknowledge { .. } | Action::Refuse { .. } => {}
            }
        }
        Ok(())
    }

    fn persist(&self, state: &mut State, setup: &Setup, entries: Vec<Entry>) -> Result<(), Error> {
        let bytes: Vec<Vec<u8>> = entries.iter().map(codec::encode).collect();
        self.store.append(&bytes)?;
        for entry in entries {
            state.host.follow(&self.plan, &self.layout, setup, &entry)?;
            match &entry.fact {
                Record::Accepted { signed } => {
                    let participant = &signed.contribution.participant;
                    state.offers.remove(participant);
                    state.announced.remove(participant);
                }
                Record::Said { signed } => drop(state.asks.remove(&signed.message.participant)),
                Record::Declined { participant, .. } | Record::Left { participant } => {
                    state.offers.remove(participant);
                    state.asks.remove(participant);
                }
                _ => {}
            }
            if state.journal.first().is_some_and(|first| first.round != entry.round) {
                state.journal.clear();
            }
            state.journal.push(entry);
        }
        Ok(())
    }

    /// Writes the round into the transparency log and the history.
    fn log(&self, state: &mut State, summary: &Summary) -> Result<Kind, Error> {
        // Before anything of the round is public: a release that is in no ledger must not be.
        if let (Some(ledger), Some(spent)) = (&self.ledger, summary.spent()) {
            let ledger = ledger.lock().map_err(|_| Error::Bug("a thread died holding the ledger"));
            ledger?.enter(summary.setup.round, spent)?;
        }
        self.publish_proofs(summary)?;
        let index = self.recorder.round(summary, &state.journal)?;
        let report = RoundReport::from(summary);
        let history = self.history.lock();
        history.map_err(|_| Error::Bug("a thread died writing history"))?.append(&report)?;
        state.accuracy = report.accuracy().or(state.accuracy);
        self.retire(state, summary);
        self.retire_proofs(summary);
        tracing::info!(
            round = report.round,
            accepted = report.contributions.len(),
            accuracy = report.accuracy(),
            aborted = report.aborted,
            "round over"
        );
        let round = report.round;
        (self.observer)(Progress::Round(Box::new(report)));
        Ok(Kind::Logged { round, index })
    }

    /// Deletes what a release makes superfluous: the model and slots before it, old steps, and the
    /// best model before a better one. A crash in between leaves a file, no more.
    fn retire(&self, state: &mut State, summary: &Summary) {
        let Ok(outcome) = &summary.result else { return };
        let best = Best::of(state.best, outcome);
        let superseded = std::mem::replace(&mut state.best, best).map(|best| best.model);
        let initial = self.plan.num_rounds() > 1 && summary.setup.round == 1;
        let steps = summary.setup.deltas_after(outcome);
        let kept = |digest: &Digest| {
            *digest == outcome.model
                || steps.iter().any(|step| step.blob == *digest)
                || outcome.slots.contains(digest)
                || best.is_some_and(|best| best.model == *digest)
        };
        let mut before: Vec<Digest> = summary.setup.slots.clone();
        before.extend((!initial).then_some(summary.setup.model));
        before.extend(superseded);
        before.extend(summary.setup.deltas.iter().chain(&outcome.delta).map(|step| step.blob));
        for digest in before.iter().filter(|digest| !kept(digest)) {
            if let Err(error) = self.store.remove(*digest) {
                tracing::warn!(%error, "an old model was not deleted");
            }
        }
    }

    /// Computes the next model; runs on a thread of its own.
    fn aggregate(
        self: Arc<Self>,
        setup: &Setup,
        contributions: &[SignedContribution],
        opening: Result<Option<Box<dyn Opening>>, Error>,
    ) {
        let computed = opening.and_then(|opening| self.compute(setup, contributions, opening));
        let kind = match computed {
            Ok(outcome) => Kind::Aggregated(outcome),
            Err(error) => {
                tracing::error!(round = setup.round, %error, "aggregation failed");
                Kind::AggregationFailed { round: setup.round, why: error.to_string() }
            }
        };
        if let Err(error) = self.handle(kind) {
            tracing::error!(%error, "the run stopped");
        }
    }

    fn compute(
        &self,
        setup: &Setup,
        contributions: &[SignedContribution],
        opening: Option<Box<dyn Opening>>,
    ) -> Result<Outcome, Error> {
        let mut ports = Ports {
            blobs: &self.store,
            spool: &self.store,
            clock: &self.clock,
            entropy: &mut OsEntropy,
            opening,
        };
        let mut outcome = self.centre()?.aggregate(setup, contributions, &mut ports)?;
        (outcome.bytes_up, outcome.bytes_down) = self.traffic.take();
        outcome.turned_away = self.turned_away.take();
        outcome.verify_ms = self.bench.as_ref().map(Bench::take_ms);
        Ok(outcome)
    }

    fn end(&self, state: &mut State, run: &Run, finish: &Finish) -> Result<(), Error> {
        state.offers.clear();
        let evaluation = match run.round() {
            tacit_core::round::Round::Done(done) => done.outcome().evaluation.clone(),
            _ => None,
        };
        self.recorder.end(&End {
            finish: finish.to_string(),
            rounds: run.round().setup().round,
            released: run.released(),
            model: run.model(),
            evaluation,
            epsilon: run.epsilon(),
        })?;
        (self.observer)(Progress::Finished(finish.clone()));
        Ok(())
    }
}

/// Runs what blocks on the disk on a thread made for that.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(Error::Bug("a blocking task died")),
    }
}
