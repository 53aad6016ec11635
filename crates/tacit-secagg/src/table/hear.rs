//! What the coordinator takes of a message: it refuses whatever would make the round fail later,
//! so that its sender counts as one that left.

use super::group::{Group, Heard, Known, Phase};
use crate::keys::{self, SecretKey};
use crate::messages::{
    ADVERT_BYTES, Advert, Dealing, Fixed, Ready, Revealed, Unmasking, dealing_bytes, decode,
    malformed, ready_bytes, unmasking_bytes,
};
use crate::rule::{CONFIRM, KEYS, READY, SHARES, SecAgg};
use crate::session::Kind;
use crate::shamir::Share;
use tacit_core::codec::unhex;
use tacit_core::error::Refusal;
use tacit_core::exchange::Letter;

impl Group {
    pub fn hear(&mut self, letter: &Letter) -> Result<(), Refusal> {
        let (name, round) = (letter.sender(), self.terms.context.round);
        let stage = letter.signed.message.stage;
        let known = match &mut self.phase {
            Phase::Open(heard) if stage == KEYS => {
                if heard.contains_key(name) {
                    return Err(duplicate(letter));
                }
                heard.insert(name.clone(), advert(&self.rule, letter)?);
                return Ok(());
            }
            Phase::Open(_) => return Err(Refusal::WrongStage { expected: KEYS, found: stage }),
            Phase::Known(known) => known,
        };
        let stranger = || Refusal::NotInCohort { participant: name.clone(), round };
        let speaker = known.session.number(name).ok_or_else(stranger)?;
        match stage {
            SHARES => known.hear_shares(&self.rule, speaker, letter),
            _ if !known.shared.has(speaker) => Err(stranger()),
            READY => known.hear_ready(speaker, letter),
            _ if !known.roster.has(speaker) => Err(stranger()),
            CONFIRM if self.rule.malicious => known.hear_confirmation(speaker, letter),
            _ => known.hear_shares_of_others(speaker, letter),
        }
    }
}

fn duplicate(letter: &Letter) -> Refusal {
    let (participant, round) = (letter.sender().clone(), letter.signed.message.round);
    Refusal::Duplicate { participant, round }
}

/// Agrees with the keys once, as all that do so refuse points of low order, and neighbours would
/// refuse to go on.
fn advert(rule: &SecAgg, letter: &Letter) -> Result<Heard, Refusal> {
    let advert: Advert = decode("advert", &letter.body, ADVERT_BYTES)?;
    advert.check(rule.agreement)?;
    let probe = SecretKey::from_seed(&[1; 32]).map_err(|_| malformed("keys"))?;
    for key in [&advert.mask, &advert.share] {
        keys::initiate(&probe, key, b"probe")?;
    }
    Ok(Heard { signed: letter.signed.clone(), body: letter.body.clone(), advert })
}

impl Known {
    fn hear_shares(
        &mut self,
        rule: &SecAgg,
        speaker: usize,
        letter: &Letter,
    ) -> Result<(), Refusal> {
        if self.dealings[speaker].is_some() {
            return Err(duplicate(letter));
        }
        let neighbours = &self.session.neighbours[speaker];
        let dealing: Dealing = decode("shares", &letter.body, dealing_bytes(neighbours.len()))?;
        if dealing.handed.len() != neighbours.len() {
            return Err(malformed("shares"));
        }
        for (holder, handed) in neighbours.iter().zip(&dealing.handed) {
            handed.check(rule.agreement, speaker < *holder as usize)?;
        }
        self.dealings[speaker] = Some(dealing);
        Ok(())
    }

    fn hear_ready(&mut self, speaker: usize, letter: &Letter) -> Result<(), Refusal> {
        if self.ready[speaker].is_some() {
            return Err(duplicate(letter));
        }
        let owners: Vec<usize> = self.session.among(speaker, &self.shared).collect();
        let Ready { complaints } = decode("complaints", &letter.body, ready_bytes(owners.len()))?;
        let known = |owner: &u32| owners.binary_search(&(*owner as usize)).is_ok();
        if !complaints.is_sorted_by(|a, b| a < b) || !complaints.iter().all(known) {
            return Err(malformed("complaints"));
        }
        self.ready[speaker] = Some(complaints);
        Ok(())
    }

    fn hear_confirmation(&mut self, speaker: usize, letter: &Letter) -> Result<(), Refusal> {
        if self.confirmations.contains_key(&(speaker as u32)) {
            return Err(duplicate(letter));
        }
        if letter.body != self.session.confirmation(&self.shared, &self.roster) {
            return Err(malformed("confirmation: it is of another roster"));
        }
        if letter.signed.key != self.adverts[speaker].signed.key {
            return Err(malformed("confirmation: it is signed with another key"));
        }
        let signature = Fixed(signature(letter)?);
        self.confirmations.insert(speaker as u32, signature);
        Ok(())
    }

    /// Every share is checked against what its owner committed to: a holder that lies is known at
    /// once, and nobody is blamed for others' lies.
    fn hear_shares_of_others(&mut self, speaker: usize, letter: &Letter) -> Result<(), Refusal> {
        if self.unmasked.contains(&(speaker as u32)) {
            return Err(duplicate(letter));
        }
        let owners: Vec<usize> = self.session.among(speaker, &self.shared).collect();
        let limit = unmasking_bytes(owners.len());
        let Unmasking { revealed } = decode("revealed shares", &letter.body, limit)?;
        if revealed.len() != owners.len() {
            return Err(malformed("revealed shares"));
        }
        let mut shares = Vec::with_capacity(owners.len());
        for (owner, revealed) in owners.into_iter().zip(&revealed) {
            let Some(revealed) = revealed else { continue };
            let share = self.share(owner, speaker, revealed).ok_or_else(|| {
                let participant = letter.sender().clone();
                let owner = &self.session.names[owner];
                let what = format!("it reveals a share that {owner} did not give it");
                Refusal::Inconsistent { participant, what }
            })?;
            shares.push((owner, share));
        }
        for (owner, (place, share)) in shares {
            self.revealed[owner].insert(place, share);
        }
        self.unmasked.insert(speaker as u32);
        Ok(())
    }

    /// The share, and the place of its holder among the neighbours of its owner.
    fn share(&self, owner: usize, holder: usize, revealed: &Revealed) -> Option<(u32, Share)> {
        let place = self.session.neighbours[owner].binary_search(&(holder as u32)).ok()?;
        let handed = self.dealings[owner].as_ref()?.handed.get(place)?;
        let (kind, commitment) = match self.roster.has(owner) {
            true => (Kind::Own, handed.own),
            false => (Kind::Key, handed.key),
        };
        let Revealed { share, salt } = revealed;
        let committed = self.session.commit((owner, holder), kind, &salt.0, &share.0);
        let share = Share::from_bytes(&share.0).ok()?;
        (committed == commitment).then_some((place as u32, share))
    }
}

/// The bytes of the signature, to show others.
fn signature(letter: &Letter) -> Result<[u8; 64], Refusal> {
    let bytes = unhex(&letter.signed.signature).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| malformed("signature"))
}
