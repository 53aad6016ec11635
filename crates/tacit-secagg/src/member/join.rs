//! Stage 1, mail: a member comes to know its group.

use super::{Joined, SecAggMember, Shown, Signer};
use crate::groups;
use crate::messages::{
    ADVERT_BYTES, Advert, Blob, Introduced, Introduction, Shown as Body, decode,
    introduction_bytes, malformed,
};
use crate::rule::KEYS;
use crate::session::Session;
use tacit_core::codec::hex;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Message, SignedMessage};
use tacit_core::ids::ParticipantId;

impl SecAggMember {
    /// Checks everything that is said of the group: every signature, that its own keys are among
    /// those that others are shown, that it may be that large and is not too small, and that the
    /// adverts of all neighbours came.
    pub(super) fn join(&self, shown: Shown, mail: &[u8]) -> Result<Joined, Error> {
        let limit = introduction_bytes(self.terms.size);
        let Introduction { group, cohort, members } = decode("introduction", mail, limit)?;
        let terms = groups::terms(&self.rule, &self.terms);
        let mut adverts = Vec::with_capacity(members.len());
        let mut signers = Vec::with_capacity(members.len());
        let mut known = Vec::with_capacity(members.len());
        for member in &members {
            let (message, signer) = self.check(member)?;
            known.push((member.name.clone(), message.digest()));
            signers.push(signer);
        }
        groups::check(&self.rule, &self.terms, group, &cohort, &known)?;
        let session = Session::new(&self.rule, &terms, group, &known)?;
        let me = session.number(self.notary.me()).ok_or_else(|| malformed("introduction"))?;
        match &members[me].advert {
            Body::Whole(Blob(body)) if *body == shown.body => (),
            _ => return Err(malformed("own advert").into()),
        }
        for neighbour in &session.neighbours[me] {
            match &members[*neighbour as usize].advert {
                Body::Whole(Blob(body)) => adverts.push(self.advert(body)?),
                Body::Hashed { .. } => return Err(malformed("introduction").into()),
            }
        }
        Ok(Joined { secrets: shown.secrets, session, me, adverts, signers })
    }

    /// The message of stage 0 that others sign, and what it is checked by.
    fn check(&self, member: &Introduced) -> Result<(Message, Signer), Refusal> {
        let header =
            |name: &ParticipantId, body: &[u8]| Message::new(&self.terms.context, name, KEYS, body);
        let (message, credential) = match &member.advert {
            Body::Whole(Blob(body)) => {
                (header(&member.name, body), self.advert(body)?.credential.0)
            }
            Body::Hashed { digest, bytes, credential } => {
                let mut message = header(&member.name, &[]);
                (message.body, message.body_bytes) = (Digest(digest.0), *bytes);
                (message, credential.0.clone())
            }
        };
        let signer = Signer { key: hex(&member.key.0), credential };
        let signature = hex(&member.signature.0);
        let signed = SignedMessage { message, key: signer.key.clone(), signature };
        self.notary.verify(&signed, &signer.credential)?;
        Ok((signed.message, signer))
    }

    fn advert(&self, body: &[u8]) -> Result<Advert, Refusal> {
        let advert: Advert = decode("advert", body, ADVERT_BYTES)?;
        advert.check(self.rule.agreement)?;
        Ok(advert)
    }
}
