//! A whole federation in one process: the coordinator's [`Run`] and [`Centre`] and every
//! participant's [`contribute`](tacit_core::local::contribute), with function calls where a
//! network would be.
//!
//! The model is the same, bit for bit, whatever the number of threads, and the same as that of a
//! networked run of the plan in which everybody answers: seeds belong to participants and
//! rounds, and sums are exact. Where a plan invites more participants than it waits for, the
//! first to answer are drawn from the plan's seed. Where a plan describes devices, time is virtual
//! and the first are those whose devices are.

mod fleet;
mod forge;
mod memories;
mod planted;
mod prove;
mod talk;
mod timeline;
mod train;

use crate::attack::Adversary;
use crate::memory::MemoryStore;
use crate::ports::{SystemClock, SystemEntropy, VirtualClock};
use fleet::Fleet;
pub(crate) use planted::Planted;
pub use planted::Plants;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tacit_core::central::{Centre, Ports};
use tacit_core::digest::Digest;
use tacit_core::downlink;
use tacit_core::error::{Error, Fault};
use tacit_core::history::RoundReport;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{SignedContribution, Task};
use tacit_core::params::Params;
use tacit_core::pipeline::Accepted;
use tacit_core::plan::{Plan, Sampling};
use tacit_core::proof::{NoKeys, Statement};
use tacit_core::referee::Referee;
use tacit_core::round::{Action, Entry, Event, Kind, Outcome, Setup, Summary};
use tacit_core::run::{Best, Course, Finish, Run};
use tacit_core::traits::{Blobs, Clock, Keys, Spool};
use tacit_learn::federation::Federation;
use talk::Talk;
use timeline::{Begin, Next, Timeline};
use train::{Answer, Given, Held, Pool};

/// Payloads of a round kept in memory by default, in bytes; more go to a temporary file.
pub const MEMORY_BYTES: u64 = 1 << 30;

/// How to simulate.
pub struct Options<'a> {
    /// Worker threads, each with one trainer; 0 means one per core.
    pub threads: usize,
    /// Payloads of a round kept in memory, in bytes.
    pub memory_bytes: u64,
    /// Time for reports; no deadline ever passes. Not asked where the plan describes devices.
    pub clock: &'a dyn Clock,
    /// Some participants may be hostile.
    pub adversary: Option<&'a mut Adversary>,
    /// Some participants may be given their updates.
    pub plants: Option<&'a dyn Plants>,
    /// Keys of proofs, where the plan asks for some.
    pub keys: &'a dyn Keys,
    /// What else to do with every fact, summary and model.
    pub recorder: &'a mut dyn Recorder,
}

impl<'a> Options<'a> {
    /// One thread per core, the machine's clock.
    pub fn new(recorder: &'a mut dyn Recorder) -> Self {
        let (threads, memory_bytes) = (0, MEMORY_BYTES);
        let (clock, keys, adversary, plants) = (&SystemClock, &NoKeys, None, None);
        Self { threads, memory_bytes, clock, adversary, plants, keys, recorder }
    }
}

/// Leaves behind what a coordinator would: journal, transparency log, models.
pub trait Recorder {
    /// The journal's next entry.
    fn persist(&mut self, _entry: &Entry) -> Result<(), Error> {
        Ok(())
    }
    /// Appends the summary of a round that is over to the transparency log; returns its index.
    fn log(&mut self, summary: &Summary) -> Result<u64, Error>;
    /// What proofs of a round that is over are verified by: a proof that counts, what it speaks of.
    fn evidence(&mut self, _evidence: &[u8]) -> Result<(), Error> {
        Ok(())
    }
    /// The model released by `round`.
    fn publish(&mut self, _round: u32, _model: &Params) -> Result<(), Error> {
        Ok(())
    }
}

/// Leaves nothing behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unrecorded {
    summaries: u64,
}

impl Recorder for Unrecorded {
    fn log(&mut self, _summary: &Summary) -> Result<u64, Error> {
        self.summaries += 1;
        Ok(self.summaries - 1)
    }
}

/// What a simulated run gave.
#[derive(Debug)]
pub struct SimOutcome {
    /// One report per round.
    pub history: Vec<RoundReport>,
    /// The last released model, or the initial one.
    pub model: Params,
    /// The released model that measured best, and its round, where any is measured.
    pub best: Option<(u32, Params)>,
    /// Why the run is over.
    pub finish: Finish,
}

/// Runs `plan` over `federation`; `observe` sees the report of each round as it ends.
///
/// # Errors
/// Rules of the plan that cannot be made, failures of the recorder or the temporary file, and
/// broken promises. A participant that fails declines; a round that fails is in the history.
pub fn simulate(
    plan: &Plan,
    federation: &Federation,
    options: Options<'_>,
    observe: &mut dyn FnMut(&RoundReport),
) -> Result<SimOutcome, Error> {
    let model = federation.initial_model()?;
    let store = MemoryStore::new(options.memory_bytes);
    let digest = store.put(&tacit_core::params::as_bytes(model.values()))?;
    let referee = Referee::new(plan, model.layout(), options.keys)?.map(Arc::new);
    let centre = Centre::new(plan, model.layout().clone(), federation.evaluator()?)?;
    let centre = centre.watched_by(referee.clone());
    let course = Course::new(plan, digest, model.values().len() as u64 * 4)?;
    let names = federation.participants().iter().map(|(id, _)| id);
    let (time, fleet) = (VirtualClock::new(0), Fleet::assemble(plan, names)?);
    let poisoned = match &options.adversary {
        Some(adversary) => adversary.poisoned(federation)?,
        None => BTreeMap::new(),
    };
    let statement = Statement { plan, layout: model.layout() };
    let mut pool = Pool::new(&statement, federation, options.threads, options.keys)?;
    let enrol = |(id, _): &(ParticipantId, _)| Kind::Enrolled {
        participant: id.clone(),
        dataset: pool.dataset(id),
    };
    let events = federation.participants().iter().map(enrol).collect();
    pool.replace(&poisoned);
    pool.plant(options.plants);
    let simulation = Simulation {
        talk: Talk::new(plan, model.layout())?,
        pool,
        events,
        referee,
        verify_ms: 0,
        bad_proofs: Vec::new(),
        plan,
        store,
        centre,
        clock: if fleet.is_some() { &time } else { options.clock },
        time: &time,
        timeline: fleet.map(Timeline::new),
        adversary: options.adversary,
        recorder: options.recorder,
        observe,
        offer: None,
        best: None,
        history: Vec::new(),
        bytes_down: 0,
        held: BTreeMap::new(),
    };
    simulation.run(Run::new(course))
}

struct Simulation<'a> {
    plan: &'a Plan,
    pool: Pool<'a>,
    talk: Talk<'a>,
    store: MemoryStore,
    centre: Centre,
    referee: Option<Arc<Referee>>,
    /// Of the current round.
    verify_ms: u64,
    /// Of the same.
    bad_proofs: Vec<Digest>,
    clock: &'a dyn Clock,
    /// The clock that the timeline sets.
    time: &'a VirtualClock,
    /// Who answers when, where the plan describes devices.
    timeline: Option<Timeline>,
    adversary: Option<&'a mut Adversary>,
    recorder: &'a mut dyn Recorder,
    observe: &'a mut dyn FnMut(&RoundReport),
    events: VecDeque<Kind>,
    offer: Option<Offer>,
    best: Option<Best>,
    history: Vec<RoundReport>,
    /// Bytes of the round's model, once for every member of its cohort.
    bytes_down: u64,
    /// The last model of everybody who was ever drawn.
    held: BTreeMap<ParticipantId, Digest>,
}

/// The task of the round that collects, and who has not begun it, in the order of arrival.
struct Offer {
    task: Task,
    setup: Setup,
    waiting: VecDeque<ParticipantId>,
    missing: usize,
    honest: Vec<Accepted>,
}

impl Simulation<'_> {
    fn run(mut self, mut run: Run) -> Result<SimOutcome, Error> {
        while run.finish().is_none() {
            let mut at_ms = self.clock.now_ms();
            let in_time = if self.events.is_empty() { self.pass_time()? } else { None };
            let idle = in_time.is_none() && self.events.is_empty() && !self.train()?;
            if idle {
                // Nobody is left who could answer: let the deadline pass.
                let rules = &run.round().setup().rules;
                at_ms += rules.enrol_timeout_ms.max(rules.collect_timeout_ms);
            }
            let kind = self.events.pop_front().unwrap_or(Kind::Tick);
            let event = in_time.unwrap_or(Event { at_ms, kind });
            let (next, actions) = run.step(event);
            run = next;
            if idle && actions.is_empty() {
                return Err(Error::Bug("a simulated run stands still"));
            }
            for action in actions {
                self.carry_out(action, &run)?;
            }
        }
        let finish = run.finish().cloned().ok_or(Error::Bug("a run ended without an end"))?;
        let model = self.centre.load(&self.store, run.model())?;
        let load = |best: Best| -> Result<_, Error> {
            Ok((best.round, self.centre.load(&self.store, best.model)?))
        };
        let best = self.best.map(load).transpose()?;
        Ok(SimOutcome { history: self.history, model, best, finish })
    }

    fn carry_out(&mut self, action: Action, run: &Run) -> Result<(), Error> {
        match action {
            Action::Persist(entry) => {
                self.recorder.persist(&entry)?;
                self.talk.follow(run.round().setup(), &entry)?;
            }
            Action::Ask { ask, to } => {
                let said = self.talk.ask(&ask, &to)?;
                self.events.extend(said);
            }
            Action::Offer { task, to } => self.offered(task, to, run),
            Action::Aggregate { setup, contributions } => {
                let kind = self.aggregate(&setup, &contributions)?;
                self.events.push_back(kind);
            }
            Action::Log(summary) => {
                self.record_proofs(&summary)?;
                let (round, index) = (summary.setup.round, self.recorder.log(&summary)?);
                let report = RoundReport::from(&*summary);
                (self.observe)(&report);
                self.history.push(report);
                self.retire(&summary)?;
                self.events.push_back(Kind::Logged { round, index });
            }
            Action::Publish { round, model } => {
                let model = self.centre.load(&self.store, model)?;
                self.recorder.publish(round, &model)?;
                self.events.push_back(Kind::Published { round });
            }
            Action::Forget { round } => self.store.forget(round)?,
            Action::SetTimer { after_ms } => {
                if let Some(timeline) = &mut self.timeline {
                    timeline.set_timer(after_ms);
                }
            }
            // Function calls lose no answers.
            Action::Acknowledge { .. } | Action::Refuse { .. } => {}
        }
        Ok(())
    }

    fn offered(&mut self, task: Task, mut to: Vec<ParticipantId>, run: &Run) {
        let (setup, rules) = (run.round().setup().clone(), &run.round().setup().rules);
        let round = task.round;
        let missing = match rules.sampling {
            Sampling::Fixed => rules.size.min(to.len()),
            Sampling::Poisson => to.len(),
        };
        let bytes = task.model_bytes * (1 + u64::from(task.control.is_some()));
        if let Some(timeline) = &mut self.timeline {
            let pool = &self.pool;
            if timeline.offer(&Begin { round, bytes, missing }, to, |id| pool.work(id, round)) {
                self.bytes_down = 0;
                let (waiting, honest) = (VecDeque::new(), Vec::new());
                self.offer = Some(Offer { task, setup, waiting, missing: 0, honest });
            }
            return;
        }
        if run.round().state() == "distributing" {
            self.bytes_down = to.iter().map(|member| self.down(member, &task)).sum();
            let received = |participant| Kind::Received { participant, round };
            return self.events.extend(to.into_iter().map(received));
        }
        if missing < to.len() {
            let seed = self.plan.seed().derive("tacit/v1/arrival", &[&round.to_le_bytes()]);
            seed.rng().shuffle(&mut to);
        }
        self.offer = Some(Offer { task, setup, waiting: to.into(), missing, honest: Vec::new() });
    }

    /// Bytes that the task's model takes to a participant, who holds it from now on.
    fn down(&mut self, participant: &ParticipantId, task: &Task) -> u64 {
        let control = if task.control.is_some() { task.model_bytes } else { 0 };
        let held = self.held.insert(participant.clone(), task.model);
        let steps = held.and_then(|held| downlink::since(&task.deltas, held));
        let model = steps.map(|steps| steps.iter().map(|step| step.bytes).sum());
        control + model.unwrap_or(task.model_bytes)
    }

    /// Lets as many participants train as are still waited for; false if nobody is.
    fn train(&mut self) -> Result<bool, Error> {
        let Some(offer) = &mut self.offer else { return Ok(false) };
        let now = offer.missing.min(offer.waiting.len());
        if now == 0 {
            return Ok(false);
        }
        let members: Vec<ParticipantId> = offer.waiting.drain(..now).collect();
        let round = offer.task.round;
        let answers = self.fit(&members)?;
        for (participant, answer) in members.into_iter().zip(answers) {
            self.events.push_back(match answer {
                Ok(contribution) => {
                    if let Some(offer) = &mut self.offer {
                        offer.missing -= 1;
                    }
                    let (key, signature) = (String::new(), String::new());
                    Kind::Contributed(SignedContribution { contribution, key, signature })
                }
                Err(Error::Bug(promise)) => return Err(Error::Bug(promise)),
                Err(error) => Kind::Declined { participant, round, why: error.to_string() },
            });
        }
        Ok(true)
    }

    /// Trains members of the cohort that the offer is for.
    fn fit(&mut self, members: &[ParticipantId]) -> Result<Vec<Answer>, Error> {
        let offer = self.offer.as_ref().ok_or(Error::Bug("nobody was offered a task"))?;
        let task = offer.task.clone();
        let model = self.centre.load(&self.store, task.model)?;
        let control = task.control.map(|c| self.centre.load(&self.store, c)).transpose()?;
        let given = Given { task: &task, model: &model, control: control.as_ref() };
        let Simulation { pool, talk, store, clock, .. } = self;
        let mut answers = pool.train(&given, members, talk, &Held { store, clock: *clock })?;
        let mut refused = self.forge(&task, &mut answers)?;
        self.events.append(&mut refused);
        self.verify(&model, &mut answers)?;
        Ok(answers)
    }

    /// The next event of virtual time; `None` where time is not virtual.
    fn pass_time(&mut self) -> Result<Option<Event>, Error> {
        loop {
            let Some(timeline) = &mut self.timeline else { return Ok(None) };
            let next = timeline.next().ok_or(Error::Bug("a simulated run stands still"))?;
            let members = match next {
                Next::Event(kind) => {
                    let at_ms = timeline.now_ms();
                    self.time.set(at_ms);
                    if let (Kind::Received { participant, .. }, Some(offer)) = (&*kind, &self.offer)
                    {
                        let task = offer.task.clone();
                        self.bytes_down += self.down(participant, &task);
                    }
                    return Ok(Some(Event { at_ms, kind: *kind }));
                }
                Next::Train(members) => members,
            };
            let answers = self.fit(&members)?;
            let Some(timeline) = &mut self.timeline else { return Ok(None) };
            for (participant, answer) in members.into_iter().zip(answers) {
                timeline.trained(participant, answer)?;
            }
        }
    }

    fn aggregate(
        &mut self,
        setup: &Setup,
        contributions: &[SignedContribution],
    ) -> Result<Kind, Error> {
        self.offer = None;
        let entropy = &mut SystemEntropy;
        let (blobs, spool, clock) = (&self.store, &self.store, self.clock);
        let aggregated = self.talk.open(setup.round).and_then(|opening| {
            let mut ports = Ports { blobs, spool, clock, entropy, opening };
            self.centre.aggregate(setup, contributions, &mut ports)
        });
        match aggregated {
            Ok(outcome) => {
                let (said, told) = self.talk.take_traffic();
                let (bytes_up, bytes_down) = (outcome.bytes_up + said, self.bytes_down + told);
                let verify_ms = self.referee.as_ref().map(|_| std::mem::take(&mut self.verify_ms));
                Ok(Kind::Aggregated(Outcome { bytes_up, bytes_down, verify_ms, ..outcome }))
            }
            Err(error) => match error.fault() {
                Fault::Peer | Fault::Caller => {
                    let (round, why) = (setup.round, error.to_string());
                    Ok(Kind::AggregationFailed { round, why })
                }
                Fault::World | Fault::Bug => Err(error),
            },
        }
    }

    /// Drops the models and slots that nothing will be computed from again.
    fn retire(&mut self, summary: &Summary) -> Result<(), Error> {
        let Ok(outcome) = &summary.result else {
            self.offer = None;
            return Ok(());
        };
        let best = Best::of(self.best, outcome);
        let superseded = std::mem::replace(&mut self.best, best).map(|best| best.model);
        let steps = summary.setup.deltas_after(outcome);
        let kept = |digest: &Digest| {
            *digest == outcome.model
                || steps.iter().any(|step| step.blob == *digest)
                || outcome.slots.contains(digest)
                || best.is_some_and(|best| best.model == *digest)
        };
        let before = summary.setup.slots.iter().copied().chain([summary.setup.model]);
        let taken = summary.setup.deltas.iter().chain(&outcome.delta).map(|step| step.blob);
        for digest in before.chain(superseded).chain(taken).filter(|digest| !kept(digest)) {
            self.store.remove(digest)?;
        }
        Ok(())
    }
}
