//! Participants trained side by side: one trainer per thread, the longest training first.

use super::memories::Memories;
use super::planted::{Planted, Plants};
use super::talk::Talk;
use crate::memory::MemoryStore;
use crate::ports::SystemEntropy;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::local::{self, Holding, Local, LocalData, Made, Proofs, Start, Witness};
use tacit_core::messages::{Contribution, Task};
use tacit_core::params::Params;
use tacit_core::pipeline::{Channel, Inspector};
use tacit_core::plan::Plan;
use tacit_core::proof::{Dataset, Secret, Statement};
use tacit_core::traits::{Blobs as _, Clock, Keys, Member, Trainer};
use tacit_learn::federation::Federation;

/// Label of what hides virtual participants' data in their commitments.
const SECRET: &str = "tacit/v1/virtual-secret";

/// Trainers, and the data that they all read.
pub(super) struct Pool<'a> {
    plan: &'a Plan,
    data: BTreeMap<&'a ParticipantId, &'a LocalData>,
    workers: Vec<Worker>,
    memories: Memories,
    plants: Option<&'a dyn Plants>,
    /// What everybody committed to, where something is proved.
    holdings: BTreeMap<&'a ParticipantId, Holding>,
}

/// What every member of a cohort is given.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub task: &'a Task,
    pub model: &'a Params,
    pub control: Option<&'a Params>,
}

struct Worker {
    trainer: Box<dyn Trainer>,
    channel: Channel,
    proofs: Option<Proofs>,
}

pub(super) type Answer = Result<Contribution, Error>;

/// One round's work.
struct Work<'a> {
    jobs: Vec<(usize, Local<'a>)>,
    next: AtomicUsize,
    given: Given<'a>,
    memories: &'a Memories,
    plants: Option<&'a dyn Plants>,
    holdings: &'a BTreeMap<&'a ParticipantId, Holding>,
    talk: &'a Talk<'a>,
    held: &'a Held<'a>,
}

/// Where payloads are kept, and time.
pub(super) struct Held<'a> {
    pub store: &'a MemoryStore,
    pub clock: &'a dyn Clock,
}

impl<'a> Pool<'a> {
    /// `threads` workers; 0 means one per core.
    pub(super) fn new(
        of: &Statement<'a>,
        federation: &'a Federation,
        threads: usize,
        keys: &dyn Keys,
    ) -> Result<Self, Error> {
        let Statement { plan, layout } = *of;
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        let threads = if threads == 0 { cores() } else { threads };
        let worker = |_| {
            let (trainer, channel) = (federation.trainer()?, plan.channel(layout)?);
            Ok(Worker { trainer, channel, proofs: Proofs::new(of, keys)? })
        };
        let workers = (0..threads).map(worker).collect::<Result<_, Error>>()?;
        let data = federation.participants().iter().map(|(id, data)| (id, data)).collect();
        let mut holdings = BTreeMap::new();
        if plan.proof()?.is_some() {
            for (id, data) in federation.participants() {
                let secret = plan.seed().derive(SECRET, &[id.as_str().as_bytes()]).to_bytes();
                let secret = Secret::from_bytes(secret);
                holdings.insert(id, Holding::new(plan, &data.train, secret, &[])?);
            }
        }
        let (memories, plants) = (Memories::default(), None);
        Ok(Self { plan, data, workers, memories, plants, holdings })
    }

    /// What a participant enrols with.
    pub(super) fn dataset(&self, participant: &ParticipantId) -> Option<Dataset> {
        self.holdings.get(participant)?.dataset().cloned()
    }

    /// What a participant's training costs in `round`: the examples that it passes over.
    pub(super) fn work(&self, participant: &ParticipantId, round: u32) -> u64 {
        let examples = self.data.get(participant).map_or(0, |data| data.train.len() as u64);
        examples * u64::from(self.plan.fit_order(round, participant).local_epochs)
    }

    /// Gives some participants other examples.
    pub(super) fn replace(&mut self, data: &'a BTreeMap<ParticipantId, LocalData>) {
        self.data.extend(data);
    }

    /// Gives some participants their updates.
    pub(super) fn plant(&mut self, plants: Option<&'a dyn Plants>) {
        self.plants = plants;
    }

    /// Trains every member from what it is given and keeps the payloads; answers in the order of
    /// members.
    pub(super) fn train(
        &mut self,
        given: &Given<'_>,
        members: &[ParticipantId],
        talk: &Talk<'_>,
        held: &Held<'_>,
    ) -> Result<Vec<Answer>, Error> {
        let plan = self.plan;
        let mut jobs = Vec::with_capacity(members.len());
        for (place, participant) in members.iter().enumerate() {
            let data = self.data.get(participant);
            let data = data.ok_or(Error::Bug("a stranger was drawn into a cohort"))?;
            jobs.push((place, Local { plan, participant, data }));
        }
        // The longest first, so that no thread begins one when the others are done (LPT, Graham
        // 1969: at most 4/3 of the shortest possible time).
        let round = given.task.round;
        jobs.sort_by_cached_key(|(_, local)| {
            std::cmp::Reverse(self.work(local.participant, round))
        });
        let (next, given, plants) = (AtomicUsize::new(0), *given, self.plants);
        let (memories, holdings) = (&self.memories, &self.holdings);
        let work = Work { jobs, next, given, memories, plants, holdings, talk, held };
        let threads = self.workers.len().min(members.len());
        let mut answers: Vec<(usize, Answer)> = match &mut self.workers[..threads] {
            [worker] => worker.work(&work),
            workers => thread::scope(|scope| {
                let threads = workers.iter_mut().map(|worker| scope.spawn(|| worker.work(&work)));
                let threads: Vec<_> = threads.collect();
                let joined = threads.into_iter().map(|thread| thread.join());
                joined.collect::<Result<Vec<_>, _>>()
            })
            .map_err(|_| Error::Bug("a trainer panicked"))?
            .into_iter()
            .flatten()
            .collect(),
        };
        answers.sort_unstable_by_key(|(place, _)| *place);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }
}

impl Worker {
    fn work(&mut self, work: &Work<'_>) -> Vec<(usize, Answer)> {
        let mut answers = Vec::new();
        while let Some((place, local)) = work.jobs.get(work.next.fetch_add(1, Ordering::Relaxed)) {
            answers.push((*place, self.contribute(local, work)));
        }
        answers
    }

    fn contribute(&mut self, local: &Local<'_>, work: &Work<'_>) -> Answer {
        let Given { task, model, control } = work.given;
        let kept = work.memories.recall(local.participant)?;
        let start = Start { task, model, control, kept: kept.as_ref() };
        let mut member = work.talk.take(local.participant)?;
        let holding = work.holdings.get(local.participant);
        let witness = self.proofs.as_mut().zip(holding);
        let mut ports = local::Ports {
            clock: work.held.clock,
            entropy: &mut SystemEntropy,
            member: member.as_deref_mut().map(|member| member as &mut dyn Member),
            witness: witness.map(|(proofs, holding)| Witness { proofs, holding }),
        };
        let trainer = &mut *self.trainer;
        let made = match work.plants {
            Some(plants) => {
                let mut planted = Planted { plants, participant: local.participant, trainer };
                local::contribute(local, &mut planted, &start, &mut ports)?
            }
            None => local::contribute(local, trainer, &start, &mut ports)?,
        };
        work.talk.give_back(local.participant, member)?;
        let Made { contribution, payload, proof, kept } = made;
        if contribution.proof.is_some() {
            work.held.store.put(&proof)?;
        }
        // What a coordinator would turn away at its door must not get in here either.
        let len = local.plan.sent_len(model.values().len())?;
        let mut inspector = Inspector::new(&self.channel, len, task.round, local.participant)
            .within(task.clip_norm);
        inspector.push(&payload)?;
        inspector.finish()?;
        work.held.store.keep(contribution.round, contribution.payload, payload)?;
        work.memories.keep(local.participant, &kept)?;
        Ok(contribution)
    }
}
