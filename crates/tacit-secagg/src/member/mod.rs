//! A participant's side of one round.
//!
//! A member goes through its states once: whatever it refuses ends its part, and erases its
//! secrets, so that nothing can be asked of it twice.

mod deal;
mod join;
mod receive;
mod reveal;

use crate::keys::{Secret, SecretKey};
use crate::mask::{Mask, Sign, apply};
use crate::messages::{Advert, Blob, SALT_BYTES, encode};
use crate::ring::{Ring, Word};
use crate::roster::Roster;
use crate::rule::{CONFIRM, KEYS, READY, SHARES, SecAgg};
use crate::session::{FRAME_VALUES, Session};
use crate::shamir::SHARE_BYTES;
use std::sync::Arc;
use tacit_core::error::Error;
use tacit_core::exchange::Terms;
use tacit_core::traits::{Entropy, Member, Notary};
use zeroize::Zeroizing;

/// One participant in one round.
pub(crate) struct SecAggMember {
    rule: SecAgg,
    terms: Terms,
    ring: Ring,
    notary: Arc<dyn Notary>,
    next: u8,
    state: State,
}

enum State {
    /// Has said nothing.
    Fresh,
    /// Has shown its keys, and awaits those of others.
    Shown(Box<Shown>),
    /// Has shared its secrets, and awaits others' shares.
    Joined(Box<Joined>),
    /// Holds others' shares: contributes, and awaits the roster.
    Masked(Box<Masked>),
    /// Confirmed a roster, and awaits the proof that enough others did.
    Confirmed(Box<Seat>, Roster),
    /// Has nothing more to say.
    Gone,
}

/// The secrets of a member.
struct Secrets {
    /// Masks are agreed on with it.
    mask: SecretKey,
    /// Shares are sealed with it.
    share: SecretKey,
    /// Its own mask is made from it.
    own: Secret,
}

/// A member that showed its keys.
struct Shown {
    secrets: Secrets,
    /// Its advert, as it was sent.
    body: Vec<u8>,
}

/// A member that knows its group.
struct Joined {
    secrets: Secrets,
    session: Session,
    /// Its number.
    me: usize,
    /// The adverts of its neighbours, in their order.
    adverts: Vec<Advert>,
    /// What everybody signs with, for the proof of a roster.
    signers: Vec<Signer>,
}

/// What shows whose signatures are whose.
struct Signer {
    key: String,
    credential: Vec<u8>,
}

/// A member's place once shares are held: what it needs to open sums.
struct Seat {
    session: Session,
    me: usize,
    signers: Vec<Signer>,
    /// Everybody who shared.
    shared: Roster,
    /// What it holds of its neighbours among them, in their order; nothing of those whose shares
    /// cannot be used.
    held: Vec<Option<Held>>,
}

/// A share and its salt, twice: of the key and of the own mask.
struct Held {
    key: Opener,
    own: Opener,
}

/// A share and the salt of its commitment.
type Opener = (Zeroizing<[u8; SHARE_BYTES]>, [u8; SALT_BYTES]);

/// A member that contributes.
struct Masked {
    seat: Seat,
    masks: Vec<(Mask, Sign)>,
    /// The first frame that may be sealed: none is sealed twice, as a mask hides one vector only.
    frame: u32,
}

impl SecAggMember {
    pub(crate) fn new(rule: SecAgg, terms: Terms, ring: Ring, notary: Arc<dyn Notary>) -> Self {
        Self { rule, terms, ring, notary, next: KEYS, state: State::Fresh }
    }

    /// Shares the seed of another key than it showed.
    #[cfg(test)]
    pub(crate) fn change_key(&mut self, key: SecretKey) {
        if let State::Shown(shown) = &mut self.state {
            shown.secrets.mask = key;
        }
    }

    fn show(&self, entropy: &mut dyn Entropy) -> Result<(Vec<u8>, State), Error> {
        let mut own = Zeroizing::new([0; 32]);
        entropy.fill(&mut *own)?;
        let (mask, share) = (SecretKey::generate(entropy)?, SecretKey::generate(entropy)?);
        let agreement = self.rule.agreement;
        let body = encode(&Advert {
            credential: Blob(self.notary.credential()),
            mask: mask.public(agreement),
            share: share.public(agreement),
        });
        let secrets = Secrets { mask, share, own: Secret::new(&own) };
        Ok((body.clone(), State::Shown(Box::new(Shown { secrets, body }))))
    }

    fn answer(
        &self,
        state: State,
        mail: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<(Vec<u8>, State), Error> {
        match (self.next, state) {
            (KEYS, State::Fresh) if mail.is_empty() => self.show(entropy),
            (SHARES, State::Shown(shown)) => {
                let joined = self.join(*shown, mail)?;
                Ok((encode(&self.deal(&joined, entropy)?), State::Joined(Box::new(joined))))
            }
            (READY, State::Joined(joined)) => {
                let (ready, masked) = self.receive(*joined, mail)?;
                Ok((encode(&ready), State::Masked(Box::new(masked))))
            }
            (CONFIRM, State::Masked(masked)) if self.rule.malicious => {
                let (body, roster) = masked.seat.confirm(mail)?;
                Ok((body, State::Confirmed(Box::new(masked.seat), roster)))
            }
            (CONFIRM, State::Masked(masked)) => {
                Ok((encode(&self.unmask(masked.seat, None, mail)?), State::Gone))
            }
            (_, State::Confirmed(seat, roster)) => {
                Ok((encode(&self.unmask(*seat, Some(&roster), mail)?), State::Gone))
            }
            _ => Err(Error::caller("stage", "the next of a conversation", self.next.to_string())),
        }
    }
}

impl Member for SecAggMember {
    fn say(&mut self, stage: u8, mail: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, Error> {
        if stage != self.next {
            return Err(Error::caller("stage", self.next.to_string(), stage.to_string()));
        }
        let state = std::mem::replace(&mut self.state, State::Gone);
        let (body, state) = self.answer(state, mail, entropy)?;
        self.state = state;
        self.next += 1;
        Ok(body)
    }

    fn seal(&mut self, frame: u32, integers: &mut [u64], out: &mut Vec<u8>) -> Result<(), Error> {
        let State::Masked(masked) = &mut self.state else {
            return Err(Error::caller("frame", "a member that holds shares", "none"));
        };
        if frame < masked.frame || integers.len() > FRAME_VALUES {
            let expected = format!("{} or a later one, of at most {FRAME_VALUES}", masked.frame);
            let found = format!("{frame} of {} integers", integers.len());
            return Err(Error::caller("frame", expected, found));
        }
        masked.frame = frame.checked_add(1).ok_or(Error::Bug("a frame without a next"))?;
        if self.ring.bits() <= u32::BITS {
            let mut words: Vec<u32> = integers.iter().map(|integer| *integer as u32).collect();
            masked.hide(self.ring, frame, &mut words, out);
        } else {
            masked.hide(self.ring, frame, integers, out);
        }
        Ok(())
    }
}

impl Masked {
    fn hide<W: Word>(&self, ring: Ring, frame: u32, words: &mut [W], out: &mut Vec<u8>) {
        let masks: Vec<(&Mask, Sign)> =
            self.masks.iter().map(|(mask, sign)| (mask, *sign)).collect();
        apply(words, u64::from(frame) * FRAME_VALUES as u64, &masks);
        ring.pack(words, out);
    }
}
