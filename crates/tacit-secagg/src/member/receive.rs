//! Stage 2: a member takes the shares of others, and makes its masks.

use super::{Held, Joined, Masked, Opener, Seat, SecAggMember, Secrets};
use crate::keys::{self, Secret};
use crate::mask::{Mask, Sign};
use crate::messages::{
    Advert, Delivery, HELD_BYTES, Handed, Ready, SALT_BYTES, decode, delivery_bytes, malformed,
};
use crate::session::{Kind, Session};
use crate::shamir::{SHARE_BYTES, Share};
use tacit_core::error::{Error, Refusal};
use zeroize::Zeroizing;

impl SecAggMember {
    /// A mask is agreed on with every neighbour that shared, whether its shares can be used or
    /// not: it does not know of a complaint, and masks with this member. But where too few can be
    /// used nothing is contributed: what opens shows that ciphertexts came as they were sent, and
    /// a coordinator that altered them would know its half of a hybrid agreement.
    pub(super) fn receive(&self, joined: Joined, mail: &[u8]) -> Result<(Ready, Masked), Error> {
        let Joined { secrets, session, me, adverts, signers } = joined;
        let limit = delivery_bytes(session.names.len(), adverts.len());
        let Delivery { shared, handed } = decode("delivery", mail, limit)?;
        session.check_set("members that shared", &shared, None)?;
        let owners: Vec<usize> = session.among(me, &shared).collect();
        if !shared.has(me) || owners.len() != handed.len() {
            return Err(malformed("delivery").into());
        }
        check_enough(&session, "neighbours that shared", owners.len())?;
        let mut masks = vec![self.own_mask(&session, me, &secrets)];
        let (mut held, mut complaints) = (Vec::new(), Vec::new());
        for (owner, handed) in owners.into_iter().zip(&handed) {
            let place = session.neighbours[me].binary_search(&(owner as u32));
            let advert = &adverts[place.map_err(|_| malformed("delivery"))?];
            handed.check(self.rule.agreement, owner < me)?;
            masks.push(self.pairwise(&session, (me, owner), &secrets, (advert, handed))?);
            let opened = open(&session, (owner, me), &secrets, (advert, handed)).ok();
            if opened.is_none() {
                complaints.push(owner as u32);
            }
            held.push(opened);
        }
        let usable = held.iter().flatten().count();
        check_enough(&session, "neighbours whose shares can be used", usable)?;
        let seat = Seat { session, me, signers, shared, held };
        Ok((Ready { complaints }, Masked { seat, masks, frame: 0 }))
    }

    fn own_mask(&self, session: &Session, me: usize, secrets: &Secrets) -> (Mask, Sign) {
        let seed = session.own_seed(me, secrets.own.as_bytes());
        (Mask::new(self.rule.prg, seed.as_bytes()), Sign::Plus)
    }

    fn pairwise(
        &self,
        session: &Session,
        (me, other): (usize, usize),
        secrets: &Secrets,
        (advert, handed): (&Advert, &Handed),
    ) -> Result<(Mask, Sign), Refusal> {
        let ciphertext = handed.mask_ciphertext.as_ref().map(|blob| &blob.0[..]);
        let (seed, sign) =
            session.pairwise((me, other), &secrets.mask, &advert.mask, ciphertext)?;
        Ok((Mask::new(self.rule.prg, seed.as_bytes()), sign))
    }
}

/// Refuses fewer neighbours than give a secret back.
fn check_enough(session: &Session, what: &str, found: usize) -> Result<(), Refusal> {
    let (expected, found) = (session.topology.threshold as u64, found as u64);
    if found < expected {
        return Err(Refusal::TooFew { what: what.into(), expected, found });
    }
    Ok(())
}

/// Opens what an owner sealed to a holder; refuses shares that are not those committed to.
fn open(
    session: &Session,
    (owner, holder): (usize, usize),
    secrets: &Secrets,
    (advert, handed): (&Advert, &Handed),
) -> Result<Held, Refusal> {
    let ciphertext = handed.seal_ciphertext.as_ref().map(|blob| &blob.0[..]);
    let info = session.info("seal", owner, holder);
    let secret: Secret = keys::respond(&secrets.share, &advert.share, ciphertext, &info)?;
    let plain = keys::unseal(&secret, &handed.beside(), &handed.sealed.0)?;
    let (key, own) = plain.split_at_checked(HELD_BYTES / 2).ok_or_else(|| malformed("share"))?;
    let read = |half: &[u8], kind, commitment| -> Result<Opener, Refusal> {
        let (share, salt) = half.split_at(SHARE_BYTES);
        Share::from_bytes(share)?;
        let mut bytes = Zeroizing::new([0; SHARE_BYTES]);
        bytes.copy_from_slice(share);
        let salt: [u8; SALT_BYTES] = salt.try_into().map_err(|_| malformed("share"))?;
        if session.commit((owner, holder), kind, &salt, &bytes) != commitment {
            return Err(malformed("share"));
        }
        Ok((bytes, salt))
    };
    Ok(Held { key: read(key, Kind::Key, handed.key)?, own: read(own, Kind::Own, handed.own)? })
}
