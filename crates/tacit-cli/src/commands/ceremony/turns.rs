//! Whose turn it is in a ceremony that is served: whoever waits longest goes first. A turn ends
//! with its time, or with a contribution, be it accepted or refused; whoever had it waits behind
//! all others for another.

use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tacit_core::ids::ParticipantId;
use tacit_node::server::Turn;

/// Whoever waits and has not asked for so long has gone: contributors ask every 30 seconds.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Turns {
    within: Duration,
    holder: Option<Holder>,
    /// In the order in which they asked first; when they asked last.
    waiting: VecDeque<(ParticipantId, Instant)>,
}

struct Holder {
    name: ParticipantId,
    until: Instant,
    /// Its contribution is being verified, which is not on its time.
    verifying: bool,
}

impl Turns {
    pub fn new(within: Duration) -> Self {
        Self { within, holder: None, waiting: VecDeque::new() }
    }

    /// Answers a request for the turn.
    pub fn ask(&mut self, name: &ParticipantId, now: Instant) -> Turn {
        self.holder.take_if(|holder| !holder.verifying && holder.until <= now);
        if let Some(left) = self.left(name, now) {
            return Turn { yours: true, seconds: left.as_secs() };
        }
        match self.waiting.iter_mut().find(|(other, _)| other == name) {
            Some((_, asked)) => *asked = now,
            None => self.waiting.push_back((name.clone(), now)),
        }
        self.waiting.retain(|(_, asked)| now.duration_since(*asked) < PATIENCE);
        if self.holder.is_none() && self.waiting.front().is_some_and(|(first, _)| first == name) {
            self.waiting.pop_front();
            let until = now + self.within;
            self.holder = Some(Holder { name: name.clone(), until, verifying: false });
            return Turn { yours: true, seconds: self.within.as_secs() };
        }
        let until = self.holder.as_ref().map(|holder| holder.until.saturating_duration_since(now));
        Turn { yours: false, seconds: until.unwrap_or_default().as_secs().max(1) }
    }

    /// What is left of the peer's turn; nothing once it contributed.
    pub fn left(&self, name: &ParticipantId, now: Instant) -> Option<Duration> {
        let holder = self.holder.as_ref();
        let holder = holder.filter(|holder| holder.name == *name && !holder.verifying)?;
        holder.until.checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// Whether the peer may contribute; if so, it has the turn until [`Turns::end`].
    pub fn begin(&mut self, name: &ParticipantId, now: Instant) -> bool {
        let may = self.left(name, now).is_some();
        if let Some(holder) = &mut self.holder {
            holder.verifying |= may;
        }
        may
    }

    /// Ends the turn.
    pub fn end(&mut self) {
        self.holder = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURN: Duration = Duration::from_secs(60);

    fn people() -> [ParticipantId; 3] {
        [0, 1, 2].map(|number| ParticipantId::numbered(number, 3))
    }

    /// Somebody asks at a second, and is given the turn or not.
    fn asks(turns: &mut Turns, name: &ParticipantId, at: Instant) -> bool {
        turns.ask(name, at).yours
    }

    #[test]
    fn whoever_waits_longest_goes_first() {
        let ([ann, bob, eve], start) = (people(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut turns = Turns::new(TURN);
        assert!(asks(&mut turns, &ann, at(0)));
        assert!(asks(&mut turns, &ann, at(10)), "still");
        assert_eq!(turns.ask(&bob, at(20)), Turn { yours: false, seconds: 40 });
        assert!(!asks(&mut turns, &eve, at(30)));
        assert!(!asks(&mut turns, &ann, at(60)), "her time is over, and others wait");
        assert!(!asks(&mut turns, &eve, at(61)), "behind Bob");
        assert!(asks(&mut turns, &bob, at(62)));
        turns.end();
        assert!(!asks(&mut turns, &bob, at(63)));
        assert!(asks(&mut turns, &eve, at(64)));
    }

    #[test]
    fn a_refused_contribution_costs_the_turn() {
        let ([ann, bob, _], start) = (people(), Instant::now());
        let mut turns = Turns::new(TURN);
        assert!(asks(&mut turns, &ann, start));
        assert!(!asks(&mut turns, &bob, start));
        assert!(!turns.begin(&bob, start));
        assert!(turns.begin(&ann, start));
        let later = start + 10 * TURN;
        assert!(!turns.begin(&ann, start) && !asks(&mut turns, &bob, start), "it is verified");
        assert!(!asks(&mut turns, &bob, later), "which is not on her time");
        turns.end();
        assert!(!turns.begin(&ann, later));
        assert!(!asks(&mut turns, &ann, later));
        assert!(asks(&mut turns, &bob, later));
    }

    #[test]
    fn whoever_has_gone_loses_the_place() {
        let ([ann, bob, eve], start) = (people(), Instant::now());
        let mut turns = Turns::new(TURN);
        assert!(asks(&mut turns, &ann, start));
        assert!(!asks(&mut turns, &bob, start));
        assert!(asks(&mut turns, &eve, start + PATIENCE));
    }
}
