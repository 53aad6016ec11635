//! One round of training as a pure state machine: `step(self, Event) → (Self, Vec<Action>)`.
//!
//! A step decides which [`Record`]s become true, asks for them to be persisted, and applies them;
//! replaying the records of a log gives back the same state, and [`Round::outbox`] the actions
//! that a crash may have swallowed. Every action may be carried out twice without harm. States
//! are named by what they await:
//!
//! ```text
//! Enrolling → Distributing → Collecting → Aggregating → Releasing → Done
//!      └───────────┴─────────────┴─────────────┴──────► Aborted
//! ```
//!
//! Where a protection has members talk, the round is `Exchanging` for each stage of it, before
//! Distributing and after Collecting.
//!
//! Time comes with each event. Deadlines are armed by the first event that a state sees, so that
//! neither a restart nor a clock that jumps back can make a round wait longer than its time-out.

mod aborted;
mod aggregating;
mod collecting;
mod distributing;
mod done;
mod enrolling;
mod exchanging;
mod open;
mod releasing;
mod roster;
mod sampling;
mod vocabulary;

#[cfg(test)]
mod tests;

pub use aborted::Aborted;
pub use aggregating::Aggregating;
pub use collecting::Collecting;
pub use distributing::Distributing;
pub use done::Done;
pub use enrolling::Enrolling;
pub use exchanging::Exchanging;
pub use releasing::Releasing;
pub use roster::Roster;
pub use sampling::{cohort_commitment, draw};
pub use vocabulary::{
    Abort, Action, Entry, Event, Kind, Outcome, Record, ReplayError, Setup, Summary,
};

use crate::error::Refusal;
use crate::exchange::SignedMessage;
use crate::ids::ParticipantId;
use crate::messages::SignedContribution;

/// A round in one of its states.
#[derive(Clone, Debug)]
pub enum Round {
    /// Awaits participants.
    Enrolling(Enrolling),
    /// Awaits what members say to each other.
    Exchanging(Exchanging),
    /// Awaits word that the cohort has the model.
    Distributing(Distributing),
    /// Awaits contributions.
    Collecting(Collecting),
    /// Awaits the new model.
    Aggregating(Aggregating),
    /// Awaits the log's receipt and publication.
    Releasing(Releasing),
    /// Released.
    Done(Done),
    /// Ended without a release.
    Aborted(Aborted),
}

/// What a round says to an announced contribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Its payload is wanted.
    Wanted,
    /// It has been counted already.
    Held,
}

/// What a state makes of an event: facts to persist, then replies.
#[derive(Debug, Default)]
struct Decision {
    records: Vec<Record>,
    replies: Vec<Action>,
}

impl Decision {
    fn record(record: Record) -> Self {
        Self { records: vec![record], replies: Vec::new() }
    }

    fn reply(action: Action) -> Self {
        Self { records: Vec::new(), replies: vec![action] }
    }
}

/// The state after a record, or the same state where the record does not fit.
type Applied = Result<Round, Box<Round>>;

/// Delegates to the state's own file.
macro_rules! in_state {
    ($round:expr, $state:ident => $body:expr) => {
        match $round {
            Round::Enrolling($state) => $body,
            Round::Exchanging($state) => $body,
            Round::Distributing($state) => $body,
            Round::Collecting($state) => $body,
            Round::Aggregating($state) => $body,
            Round::Releasing($state) => $body,
            Round::Done($state) => $body,
            Round::Aborted($state) => $body,
        }
    };
}

impl Round {
    /// A round that awaits its cohort.
    pub fn new(setup: Setup) -> Self {
        Round::Enrolling(Enrolling::new(setup))
    }

    /// Takes one event; never panics, whatever the event.
    pub fn step(self, event: Event) -> (Self, Vec<Action>) {
        let mut round = self;
        let before = round.place();
        let mut actions = Vec::new();
        if let Kind::Enrolled { participant, dataset } = &event.kind
            && !round.setup().roster.contains(participant)
        {
            let (participant, dataset) = (participant.clone(), dataset.clone());
            let record = Record::Enrolled { participant, dataset };
            round = round.carry_out(record, &mut actions);
        }
        in_state!(&mut round, state => state.observe(&event));
        let decision = in_state!(&round, state => state.decide(&event));
        for record in decision.records {
            round = round.carry_out(record, &mut actions);
        }
        if round.place() != before {
            in_state!(&mut round, state => state.observe(&event));
            actions.extend(round.outbox());
        }
        actions.extend(decision.replies);
        (round, actions)
    }

    /// What the round awaits.
    fn place(&self) -> (std::mem::Discriminant<Self>, Option<u8>) {
        let stage = match self {
            Round::Exchanging(state) => Some(state.stage()),
            _ => None,
        };
        (std::mem::discriminant(self), stage)
    }

    /// Persists a record and applies it. A state never decides what it cannot apply; if it did,
    /// nothing would be persisted and nothing would change.
    fn carry_out(self, record: Record, actions: &mut Vec<Action>) -> Self {
        let round = self.setup().round;
        match self.try_apply(&record) {
            Ok(next) => {
                actions.push(Action::Persist(Entry { round, fact: record }));
                next
            }
            Err(same) => *same,
        }
    }

    /// Applies a persisted fact: used by [`Round::step`] and by replay alike.
    pub fn apply(self, record: &Record) -> Result<Self, ReplayError> {
        self.try_apply(record).map_err(|same| ReplayError {
            round: same.setup().round,
            state: same.state(),
            record: record.name(),
        })
    }

    fn try_apply(mut self, record: &Record) -> Applied {
        if let Record::Enrolled { participant, dataset } = record {
            self.setup_mut().roster.enrol(participant.clone(), dataset.clone());
            return Ok(self);
        }
        in_state!(self, state => state.apply(record))
    }

    /// Replays the records of one round from its beginning.
    pub fn replay<'a>(
        setup: Setup,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<Self, ReplayError> {
        records.into_iter().try_fold(Self::new(setup), Round::apply)
    }

    /// What must be done, again if need be, in this state: all of it is idempotent.
    pub fn outbox(&self) -> Vec<Action> {
        in_state!(self, state => state.outbox())
    }

    /// Whether a contribution with this header would count now, so that its payload is worth
    /// sending.
    pub fn admit(&self, signed: &SignedContribution) -> Result<Admission, Refusal> {
        let open = match self {
            Round::Distributing(state) => state.open(),
            Round::Collecting(state) => state.open(),
            Round::Aggregating(state) => state.open(),
            Round::Releasing(state) => state.open(),
            Round::Done(state) => state.open(),
            Round::Exchanging(state) => state.open(),
            Round::Enrolling(_) | Round::Aborted(_) => {
                return Err(Refusal::TooLate { round: signed.contribution.round });
            }
        };
        if open.holds(signed) {
            return Ok(Admission::Held);
        }
        open.check(self.setup(), signed)?;
        match self {
            Round::Distributing(_) | Round::Collecting(_) => Ok(Admission::Wanted),
            _ => Err(Refusal::TooLate { round: self.setup().round }),
        }
    }

    /// Whether a message with this header would count now: `Wanted`, or `Held` if it does already.
    pub fn hears(&self, signed: &SignedMessage) -> Result<Admission, Refusal> {
        match self {
            Round::Exchanging(state) if state.holds(signed) => Ok(Admission::Held),
            Round::Exchanging(state) => state.check(signed).map(|()| Admission::Wanted),
            _ => Err(Refusal::TooLate { round: signed.message.round }),
        }
    }

    /// Name of the state.
    pub fn state(&self) -> &'static str {
        match self {
            Round::Enrolling(_) => "enrolling",
            Round::Exchanging(_) => "exchanging",
            Round::Distributing(_) => "distributing",
            Round::Collecting(_) => "collecting",
            Round::Aggregating(_) => "aggregating",
            Round::Releasing(_) => "releasing",
            Round::Done(_) => "done",
            Round::Aborted(_) => "aborted",
        }
    }

    /// Whether this participant is in the drawn cohort of a round that is not over.
    pub fn has_drawn(&self, participant: &ParticipantId) -> bool {
        match self {
            Round::Exchanging(state) => state.open().cohort.contains_key(participant),
            Round::Distributing(state) => state.open().cohort.contains_key(participant),
            Round::Collecting(state) => state.open().cohort.contains_key(participant),
            _ => false,
        }
    }

    /// How many members the cohort has, and how many have contributed.
    pub fn progress(&self) -> (usize, usize) {
        match self {
            Round::Exchanging(state) => state.progress(),
            Round::Distributing(state) => state.open().progress(),
            Round::Collecting(state) => state.open().progress(),
            Round::Aggregating(state) => state.open().progress(),
            Round::Releasing(state) => state.open().progress(),
            Round::Done(state) => state.open().progress(),
            Round::Aborted(state) => (state.summary().cohort.len(), state.summary().accepted.len()),
            Round::Enrolling(_) => (0, 0),
        }
    }

    /// The facts the round started from.
    pub fn setup(&self) -> &Setup {
        in_state!(self, state => &state.setup)
    }

    fn setup_mut(&mut self) -> &mut Setup {
        in_state!(self, state => &mut state.setup)
    }
}
