//! Virtual time: who answers when, by the speed and reach of each device.
//!
//! A member of a cohort fetches the model, trains and sends; one that cannot be reached waits for
//! its next window, and one whose window closes before it is done is never heard of. Whoever has
//! not answered when its round is over stops. Only those are trained whose answer could still
//! arrive before anything else happens, so that over-selection costs no more than what counts.

use super::fleet::{Device, Fleet};
use std::collections::BTreeMap;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::messages::{Contribution, SignedContribution};
use tacit_core::round::Kind;

/// Things to come, the earliest first; at one moment in the order of names.
type Agenda<T> = BTreeMap<(u64, ParticipantId), T>;

/// The clock and what is on its way.
pub(super) struct Timeline {
    fleet: Fleet,
    now_ms: u64,
    timer_ms: Option<u64>,
    round: u32,
    /// Contributions that are still counted.
    missing: usize,
    /// Members that will have the model.
    received: Agenda<()>,
    /// Members that are training, by when they are ready to send.
    training: Agenda<Begun>,
    /// Members that [`Next::Train`] named, with when they are ready.
    named: BTreeMap<ParticipantId, (u64, Begun)>,
    /// Answers on their way.
    answers: Agenda<Kind>,
}

/// A member that trains.
struct Begun {
    device: Device,
    fit_ms: u64,
    /// When it can no longer be reached.
    until_ms: u64,
}

/// A round that begins.
pub(super) struct Begin {
    pub(super) round: u32,
    /// What a member fetches.
    pub(super) bytes: u64,
    /// Contributions that count.
    pub(super) missing: usize,
}

/// What happens next.
#[derive(Debug)]
pub(super) enum Next {
    /// This, at the timeline's present.
    Event(Box<Kind>),
    /// Nothing before the answers of these are known.
    Train(Vec<ParticipantId>),
}

impl Timeline {
    pub(super) fn new(fleet: Fleet) -> Self {
        Self {
            fleet,
            now_ms: 0,
            timer_ms: None,
            round: 0,
            missing: 0,
            received: Agenda::new(),
            training: Agenda::new(),
            named: BTreeMap::new(),
            answers: Agenda::new(),
        }
    }

    /// Milliseconds since the run began.
    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Wakes the round after a while; replaces an earlier timer.
    pub(super) fn set_timer(&mut self, after_ms: u64) {
        self.timer_ms = Some(self.now_ms.saturating_add(after_ms));
    }

    /// A round begins: `work` tells how many examples a member passes over. Offering a round's
    /// task again changes nothing; false then.
    pub(super) fn offer(
        &mut self,
        begin: &Begin,
        to: Vec<ParticipantId>,
        work: impl Fn(&ParticipantId) -> u64,
    ) -> bool {
        if begin.round == self.round {
            return false;
        }
        (self.round, self.missing) = (begin.round, begin.missing);
        self.received.clear();
        self.training.clear();
        self.answers.clear();
        for participant in to {
            let Some(device) = self.fleet.answers(&participant, begin.round) else { continue };
            let Some((from_ms, until_ms)) = device.reachable(self.now_ms) else { continue };
            let received_ms = from_ms.saturating_add(device.transfer_ms(begin.bytes));
            let fit_ms = device.fit_ms(work(&participant));
            let ready_ms = received_ms.saturating_add(fit_ms);
            if received_ms <= until_ms {
                self.received.insert((received_ms, participant.clone()), ());
            }
            if ready_ms <= until_ms && ready_ms < u64::MAX {
                let begun = Begun { device: device.clone(), fit_ms, until_ms };
                self.training.insert((ready_ms, participant), begun);
            }
        }
        true
    }

    /// What happens next, to which time passes; `None` if nothing ever does.
    pub(super) fn next(&mut self) -> Option<Next> {
        let at = |agenda: Option<&(u64, ParticipantId)>| agenda.map(|(at_ms, _)| *at_ms);
        let received = at(self.received.first_key_value().map(|(key, ())| key));
        let answer = at(self.answers.first_key_value().map(|(key, _)| key));
        let known = [received, answer, self.timer_ms].into_iter().flatten().min();
        let ready = at(self.training.first_key_value().map(|(key, _)| key));
        if let Some(ready) = ready
            && known.is_none_or(|known| ready <= known)
        {
            // As many as are missing will be needed whatever comes, unless a deadline does.
            let deadline = self.timer_ms.unwrap_or(u64::MAX);
            let mut names = Vec::new();
            while names.len() < self.missing.max(1)
                && let Some(((ready_ms, name), begun)) = self.training.pop_first()
            {
                if ready_ms > deadline {
                    self.training.insert((ready_ms, name), begun);
                    break;
                }
                names.push(name.clone());
                self.named.insert(name, (ready_ms, begun));
            }
            return Some(Next::Train(names));
        }
        let known = known?;
        self.now_ms = self.now_ms.max(known);
        let round = self.round;
        // An answer at the very deadline counts.
        if answer == Some(known) {
            return self.answers.pop_first().map(|(_, kind)| Next::Event(Box::new(kind)));
        }
        if received == Some(known) {
            let received = |((_, participant), ())| Kind::Received { participant, round };
            return self.received.pop_first().map(received).map(Box::new).map(Next::Event);
        }
        self.timer_ms = None;
        Some(Next::Event(Box::new(Kind::Tick)))
    }

    /// What came of training a member that [`Next::Train`] named.
    pub(super) fn trained(
        &mut self,
        participant: ParticipantId,
        answer: Result<Contribution, Error>,
    ) -> Result<(), Error> {
        let named = self.named.remove(&participant);
        let (ready_ms, begun) = named.ok_or(Error::Bug("a member was trained unasked"))?;
        let round = self.round;
        let (arrives_ms, kind) = match answer {
            Ok(contribution) => {
                let sent_ms = begun.device.transfer_ms(contribution.payload_bytes);
                let contribution = Contribution { fit_ms: begun.fit_ms, ..contribution };
                let (key, signature) = (String::new(), String::new());
                let signed = SignedContribution { contribution, key, signature };
                self.missing = self.missing.saturating_sub(1);
                (ready_ms.saturating_add(sent_ms), Kind::Contributed(signed))
            }
            Err(Error::Bug(promise)) => return Err(Error::Bug(promise)),
            Err(error) => {
                let (participant, why) = (participant.clone(), error.to_string());
                (ready_ms, Kind::Declined { participant, round, why })
            }
        };
        if arrives_ms <= begun.until_ms && arrives_ms < u64::MAX {
            self.answers.insert((arrives_ms, participant), kind);
        }
        Ok(())
    }
}
