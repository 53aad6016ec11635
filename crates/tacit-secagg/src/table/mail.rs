//! What the coordinator hands to members.

use super::group::{Group, Heard, Known};
use crate::messages::{
    Blob, Delivery, Fixed, Introduced, Introduction, Proof, Shown, Survivors, encode, malformed,
};
use crate::rule::{CONFIRM, KEYS, READY, SHARES};
use tacit_core::codec::unhex;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;

impl Group {
    /// `cohort` is told where there are several groups.
    pub fn mail(
        &self,
        stage: u8,
        to: &ParticipantId,
        cohort: &[ParticipantId],
    ) -> Result<Vec<u8>, Error> {
        if stage == KEYS {
            return Ok(Vec::new());
        }
        let known = self.known()?;
        let round = self.terms.context.round;
        let stranger = || Refusal::NotInCohort { participant: to.clone(), round };
        let member = known.session.number(to).ok_or_else(stranger)?;
        match stage {
            SHARES => known.introduction(member, self.number, cohort),
            _ if !known.shared.has(member) => Err(stranger().into()),
            READY => known.delivery(member),
            _ if !known.roster.has(member) => Err(stranger().into()),
            CONFIRM if self.rule.malicious => {
                Ok(encode(&Survivors { roster: known.roster.clone() }))
            }
            _ => {
                let confirmations = known.confirmations.iter().map(|(m, s)| (*m, *s)).collect();
                Ok(encode(&Proof { roster: known.roster.clone(), confirmations }))
            }
        }
    }
}

impl Known {
    fn introduction(
        &self,
        to: usize,
        group: u32,
        cohort: &[ParticipantId],
    ) -> Result<Vec<u8>, Error> {
        let near = &self.session.neighbours[to];
        let shown = |(member, heard): (usize, &Heard)| {
            introduced(heard, member == to || near.binary_search(&(member as u32)).is_ok())
        };
        let members = self.adverts.iter().enumerate().map(shown).collect::<Result<_, _>>()?;
        Ok(encode(&Introduction { group, cohort: cohort.to_vec(), members }))
    }

    fn delivery(&self, to: usize) -> Result<Vec<u8>, Error> {
        let mut handed = Vec::new();
        for owner in self.session.among(to, &self.shared) {
            let place = self.session.neighbours[owner].binary_search(&(to as u32));
            let dealing = self.dealings[owner].as_ref().zip(place.ok());
            let (dealing, place) = dealing.ok_or(Error::Bug("a neighbour that is none"))?;
            handed.push(dealing.handed[place].clone());
        }
        Ok(encode(&Delivery { shared: self.shared.clone(), handed }))
    }
}

fn introduced(heard: &Heard, whole: bool) -> Result<Introduced, Refusal> {
    let message = &heard.signed.message;
    let bytes = |text: &str| unhex(text).ok_or_else(|| malformed("signature"));
    let key = bytes(&heard.signed.key)?.try_into().map_err(|_| malformed("key"))?;
    let signature =
        bytes(&heard.signed.signature)?.try_into().map_err(|_| malformed("signature"))?;
    let advert = if whole {
        Shown::Whole(Blob(heard.body.clone()))
    } else {
        let (digest, bytes) = (Fixed(message.body.0), message.body_bytes);
        Shown::Hashed { digest, bytes, credential: heard.advert.credential.clone() }
    };
    let name = message.participant.clone();
    Ok(Introduced { name, key: Fixed(key), signature: Fixed(signature), advert })
}
