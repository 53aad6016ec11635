//! A run driven by arbitrary events, with crashes: the log replays to the same state, and nothing
//! is promised before it is durable.

use arbitrary::{Result, Unstructured};
use std::collections::BTreeMap;
use tacit_core::codec::{decode, encode};
use tacit_core::digest::Digest;
use tacit_core::error::Refusal;
use tacit_core::evidence::Cost;
use tacit_core::exchange::{Message, SignedMessage, Stages};
use tacit_core::ids::ParticipantId;
use tacit_core::limits::MESSAGE_BYTES;
use tacit_core::messages::{Contribution, Evaluation, SignedContribution};
use tacit_core::plan::{Cohort, Sampling};
use tacit_core::rng::Seed;
use tacit_core::round::{Action, Entry, Event, Kind, Outcome, Record};
use tacit_core::run::{Course, Run};

const PARTICIPANTS: usize = 6;
const STEPS: usize = 96;

/// Bytes choose the course, then one event after the other.
pub fn run(data: &[u8]) {
    let _ = simulate(data);
}

/// The run as the bytes leave it; bytes that end in the middle of an event end it there.
pub fn simulate(data: &[u8]) -> Result<Run> {
    let mut bytes = Unstructured::new(data);
    let course = course(&mut bytes)?;
    let mut world = World { run: Run::new(course), log: Vec::new(), now: 1_000_000 };
    for _ in 0..STEPS {
        if bytes.is_empty() || world.next(&mut bytes).is_err() {
            break;
        }
    }
    Ok(world.run)
}

fn course(bytes: &mut Unstructured<'_>) -> Result<Course> {
    let participants = bytes.int_in_range(1..=PARTICIPANTS)?;
    let size = bytes.int_in_range(1..=participants)?;
    let sampling = if bytes.arbitrary()? { Sampling::Fixed } else { Sampling::Poisson };
    let mut cohort = Cohort {
        max_examples: 1_000,
        stages: Stages::default(),
        size,
        sampling,
        over_selection: f64::from(bytes.int_in_range(0..=4u8)?) / 4.0,
        minimum: bytes.int_in_range(1..=size)?,
        equal_weights: false,
        collect_timeout_ms: 1000,
        distribute_timeout_ms: 1000,
        enrol_timeout_ms: 1000,
        max_failed_rounds: bytes.int_in_range(0..=3)?,
        participants,
    };
    let seed = Seed::root(bytes.arbitrary()?);
    let num_rounds = bytes.int_in_range(1..=4)?;
    let target_accuracy = match bytes.arbitrary::<u8>()? {
        flags if flags & 2 == 0 => Some(0.5).filter(|_| flags & 1 == 1),
        flags => {
            let (before, after) = (flags >> 2 & 3, flags >> 4 & 3);
            let quorum = usize::from(flags >> 6);
            cohort.stages = Stages { before, after, timeout_ms: 1000, quorum };
            None
        }
    };
    Ok(Course {
        nonces: None,
        plan: Digest::of_bytes(b"plan"),
        seed,
        num_rounds,
        target_accuracy,
        cohort,
        model: Digest::of_bytes(b"model"),
        model_bytes: 4,
        control: false,
        account: None,
        clip_norm: None,
    })
}

/// A run, and what of it is durable.
struct World {
    run: Run,
    log: Vec<Entry>,
    now: u64,
}

impl World {
    fn next(&mut self, bytes: &mut Unstructured<'_>) -> Result<()> {
        // Half of the events are what an honest driver would report next: rounds go somewhere.
        let kind = match bytes.arbitrary()? {
            true => self.honest(bytes)?,
            false => self.kind(bytes)?,
        };
        self.now = match bytes.int_in_range(0..=9u8)? {
            0 => self.now.saturating_add(bytes.arbitrary()?),
            1 => bytes.arbitrary()?,
            step => self.now.saturating_add(u64::from(step) * 100),
        };
        self.step(kind);
        if bytes.ratio(1u8, 8u8)? {
            self.crash();
        }
        Ok(())
    }

    /// The answer to something that is due, or another participant.
    fn honest(&self, bytes: &mut Unstructured<'_>) -> Result<Kind> {
        let outbox = self.run.outbox();
        let setup = self.run.round().setup();
        let due = outbox.iter().filter(|action| !matches!(action, Action::SetTimer { .. }));
        let due: Vec<&Action> = due.collect();
        if due.is_empty() {
            return Ok(Kind::Enrolled { participant: participant(bytes)?, dataset: None });
        }
        Ok(match bytes.choose(&due)? {
            Action::Offer { task, to } if !to.is_empty() => {
                let participant = bytes.choose(to)?.clone();
                match bytes.arbitrary()? {
                    true => Kind::Received { participant, round: task.round },
                    false => {
                        Kind::Contributed(self.contribution(participant, task.round, bytes)?)
                    }
                }
            }
            Action::Ask { ask, to } if !to.is_empty() => {
                let (participant, stage) = (bytes.choose(to)?.clone(), ask.stage);
                Kind::Said(self.message(participant, stage, bytes)?)
            }
            Action::Aggregate { setup, .. } => Kind::Aggregated(outcome(setup.round, bytes)?),
            Action::Log(summary) => Kind::Logged { round: summary.setup.round, index: 7 },
            Action::Publish { round, .. } => Kind::Published { round: *round },
            _ => Kind::Received { participant: participant(bytes)?, round: setup.round },
        })
    }

    /// An event: mostly one that fits, sometimes one of another round, model or stranger.
    fn kind(&self, bytes: &mut Unstructured<'_>) -> Result<Kind> {
        let round = match bytes.int_in_range(0..=9u8)? {
            0 => bytes.arbitrary()?,
            _ => self.run.round().setup().round,
        };
        let participant = participant(bytes)?;
        Ok(match bytes.int_in_range(0..=11u8)? {
            0 => Kind::Tick,
            1 | 2 => Kind::Enrolled { participant, dataset: None },
            3 => Kind::Received { participant, round },
            4..=6 => Kind::Contributed(self.contribution(participant, round, bytes)?),
            7 => Kind::Declined { participant, round, why: bytes.arbitrary()? },
            8 if bytes.arbitrary()? => {
                let stage = bytes.int_in_range(0..=6)?;
                Kind::Said(self.message(participant, stage, bytes)?)
            }
            8 => Kind::Refused { participant, refusal: Refusal::TooLate { round } },
            9 => Kind::Aggregated(outcome(round, bytes)?),
            10 => Kind::AggregationFailed { round, why: bytes.arbitrary()? },
            _ if bytes.arbitrary()? => Kind::Logged { round, index: bytes.arbitrary()? },
            _ => Kind::Published { round },
        })
    }

    fn message(
        &self,
        participant: ParticipantId,
        stage: u8,
        bytes: &mut Unstructured<'_>,
    ) -> Result<SignedMessage> {
        let mut context = self.run.round().setup().context();
        if bytes.ratio(1u8, 10u8)? {
            context.model = Digest::of_bytes(b"other");
        }
        let message = Message::new(&context, &participant, stage, &[bytes.arbitrary()?]);
        Ok(SignedMessage { message, key: String::new(), signature: bytes.arbitrary()? })
    }

    fn contribution(
        &self,
        participant: ParticipantId,
        round: u32,
        bytes: &mut Unstructured<'_>,
    ) -> Result<SignedContribution> {
        let setup = self.run.round().setup();
        let strange = bytes.ratio(1u8, 10u8)?;
        let model = if strange { Digest::of_bytes(b"other") } else { setup.model };
        let plan = if bytes.ratio(1u8, 10u8)? { model } else { setup.plan };
        let contribution = Contribution {
            proof: None,
            participant,
            round,
            plan,
            model,
            payload: Digest::of_bytes(&[bytes.arbitrary()?]),
            payload_bytes: bytes.int_in_range(0..=9)?,
            examples: bytes.int_in_range(1..=9)?,
            loss: finite(bytes)?,
            fit_ms: bytes.arbitrary()?,
            evaluation: evaluation(bytes)?,
            within: None,
        };
        Ok(SignedContribution {
            contribution,
            key: bytes.arbitrary()?,
            signature: bytes.arbitrary()?,
        })
    }

    fn step(&mut self, kind: Kind) {
        let (run, actions) = self.run.clone().step(Event { at_ms: self.now, kind });
        self.run = run;
        for action in &actions {
            self.carry_out(action);
        }
        self.run.outbox().iter().for_each(|action| self.is_due(action));
        self.compare(&self.replayed());
    }

    fn carry_out(&mut self, action: &Action) {
        if let Action::Persist(entry) = action {
            let bytes = encode(entry);
            let read: Entry =
                decode("entry", &bytes, MESSAGE_BYTES).expect("what is written reads");
            assert_eq!(&read, entry);
            self.log.push(read);
        }
        self.is_due(action);
    }

    /// Nothing is done before the fact that it rests on is durable.
    fn is_due(&self, action: &Action) {
        let holds = |round: u32, fits: &dyn Fn(&Record) -> bool| {
            self.log.iter().any(|entry| entry.round == round && fits(&entry.fact))
        };
        let over = |fact: &Record| matches!(fact, Record::Released | Record::Aborted { .. });
        let due = match action {
            Action::Persist(_) | Action::SetTimer { .. } | Action::Refuse { .. } => true,
            Action::Offer { task, .. } => {
                holds(task.round, &|fact| matches!(fact, Record::Opened { .. }))
            }
            Action::Ask { ask, .. } => {
                let stages = self.run.course().cohort.stages;
                holds(ask.context.round, &|fact| match fact {
                    Record::Opened { .. } => ask.stage == 0 && stages.before > 0,
                    Record::Closed { .. } => ask.stage == stages.before,
                    Record::Heard { stage } => *stage + 1 == ask.stage,
                    _ => false,
                })
            }
            Action::Acknowledge { contribution, .. } => self.log.iter().any(|entry| {
                matches!(&entry.fact, Record::Accepted { signed }
                    if signed.contribution.digest() == *contribution)
            }),
            Action::Aggregate { setup, contributions } => {
                assert!(contributions.len() >= setup.rules.minimum);
                let sorted = |pair: &[SignedContribution]| {
                    pair[0].contribution.participant < pair[1].contribution.participant
                };
                assert!(contributions.windows(2).all(sorted));
                let stages = setup.rules.stages;
                holds(setup.round, &|fact| matches!(fact, Record::Closed { .. }))
                    && (0..stages.count()).all(|stage| {
                        let heard = |fact: &Record| *fact == Record::Heard { stage };
                        holds(setup.round, &heard)
                    })
            }
            Action::Log(summary) => holds(summary.setup.round, &|fact| {
                matches!(fact, Record::Aggregated { .. } | Record::Aborted { .. })
            }),
            Action::Publish { round, model } => {
                let released = |fact: &Record| match fact {
                    Record::Aggregated { outcome } => outcome.model == *model,
                    _ => false,
                };
                holds(*round, &released)
                    && holds(*round, &|fact| matches!(fact, Record::Logged { .. }))
            }
            Action::Forget { round } => holds(*round, &over),
        };
        assert!(due, "{action:?} is asked for too early");
    }

    fn replayed(&self) -> Run {
        Run::replay(self.run.course().clone(), &self.log).expect("our own log replays")
    }

    /// All memory is lost; the log is not.
    fn crash(&mut self) {
        self.run = self.replayed();
        self.run.outbox().iter().for_each(|action| self.is_due(action));
    }

    fn compare(&self, other: &Run) {
        let (ours, theirs) = (self.run.round(), other.round());
        assert_eq!(ours.state(), theirs.state());
        assert_eq!(ours.setup(), theirs.setup());
        assert_eq!(self.run.outbox(), other.outbox());
        assert_eq!(self.run.finish(), other.finish());
        assert_eq!(self.run.released(), other.released());
        assert_eq!(self.run.model(), other.model());
    }
}

fn participant(bytes: &mut Unstructured<'_>) -> Result<ParticipantId> {
    Ok(ParticipantId::numbered(bytes.int_in_range(0..=PARTICIPANTS)?, PARTICIPANTS + 1))
}

/// JSON, in which everything arrives, has no other numbers.
fn finite(bytes: &mut Unstructured<'_>) -> Result<f64> {
    Ok(Some(bytes.arbitrary()?).filter(|x: &f64| x.is_finite()).unwrap_or(0.5))
}

fn evaluation(bytes: &mut Unstructured<'_>) -> Result<Option<Evaluation>> {
    if bytes.arbitrary()? {
        return Ok(None);
    }
    let (examples, correct) = (bytes.arbitrary()?, bytes.arbitrary()?);
    let per_class = if bytes.arbitrary()? { vec![(examples, correct)] } else { vec![] };
    Ok(Some(Evaluation { examples, correct, loss: finite(bytes)?, per_class }))
}

fn outcome(round: u32, bytes: &mut Unstructured<'_>) -> Result<Outcome> {
    Ok(Outcome {
        verify_ms: None,
        sum: None,
        round,
        model: Digest::of_bytes(&[bytes.arbitrary()?]),
        slots: vec![Digest::of_bytes(b"slot"); bytes.int_in_range(0..=2)?],
        delta: None,
        cost: Cost::Unbounded,
        clip_norm: None,
        tally: None,
        evaluation: evaluation(bytes)?,
        selected: None,
        turned_away: BTreeMap::from([("too-large".to_owned(), bytes.arbitrary()?)]),
        bytes_up: bytes.arbitrary()?,
        bytes_down: 0,
        aggregate_ms: 0,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_reaches_releases_and_ends() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/round_step");
        let (mut released, mut finished) = (0, 0);
        for file in std::fs::read_dir(folder).unwrap() {
            let data = std::fs::read(file.unwrap().path()).unwrap();
            let Ok(run) = super::simulate(&data) else { continue };
            released = released.max(run.released());
            finished += usize::from(run.finish().is_some());
        }
        assert!(released >= 2, "at most {released} rounds are released");
        assert!(finished >= 2, "{finished} runs end");
    }
}
