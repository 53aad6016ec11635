//! Stage 1, message: a member shares its two secrets among its neighbours.

use super::{Joined, SecAggMember};
use crate::keys::{self, Agreement};
use crate::messages::{Advert, Blob, Dealing, Fixed, HELD_BYTES, Handed, SALT_BYTES, malformed};
use crate::session::{Kind, Session};
use crate::shamir::{self, Share};
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use zeroize::Zeroizing;

impl SecAggMember {
    pub(super) fn deal(
        &self,
        joined: &Joined,
        entropy: &mut dyn Entropy,
    ) -> Result<Dealing, Error> {
        let Joined { secrets, session, me, adverts, .. } = joined;
        let (threshold, holders) = (session.topology.threshold, adverts.len());
        let keys = shamir::share(secrets.mask.seed(), threshold, holders, entropy)?;
        let owns = shamir::share(secrets.own.as_bytes(), threshold, holders, entropy)?;
        let commitment = session.commit_seed(*me, secrets.own.as_bytes());
        let neighbours = session.neighbours[*me].iter().map(|other| *other as usize);
        let mut handed = Vec::with_capacity(holders);
        for (((holder, advert), key), own) in neighbours.zip(adverts).zip(&keys).zip(&owns) {
            let (plain, commitments) = bundle(session, (*me, holder), (key, own), entropy)?;
            handed.push(self.hand(joined, holder, advert, (&plain, commitments))?);
        }
        Ok(Dealing { commitment, handed })
    }

    /// Seals to a holder what it is given. The owner always encapsulates the key that seals; of
    /// masks the first of the two does.
    fn hand(
        &self,
        Joined { secrets, session, me, .. }: &Joined,
        holder: usize,
        advert: &Advert,
        (plain, [key, own]): (&[u8; HELD_BYTES], [Fixed<32>; 2]),
    ) -> Result<Handed, Error> {
        let hybrid = self.rule.agreement == Agreement::X25519MlKem768;
        let info = session.info("seal", *me, holder);
        let (secret, ciphertext) = keys::initiate(&secrets.share, &advert.share, &info)?;
        let mask_ciphertext = if hybrid && *me < holder {
            let info = session.info("mask", *me, holder);
            keys::initiate(&secrets.mask, &advert.mask, &info)?.1
        } else {
            None
        };
        let mut handed = Handed {
            sealed: Fixed([0; _]),
            key,
            own,
            seal_ciphertext: ciphertext.map(Blob),
            mask_ciphertext: mask_ciphertext.map(Blob),
        };
        let sealed = keys::seal(&secret, &handed.beside(), plain);
        handed.sealed = Fixed(sealed.try_into().map_err(|_| malformed("sealed share"))?);
        Ok(handed)
    }
}

impl Handed {
    /// What the cipher authenticates with the shares: whoever holds the key is the owner.
    pub(super) fn beside(&self) -> Vec<u8> {
        let ciphertext = self.mask_ciphertext.as_ref().map_or(&[][..], |blob| &blob.0);
        [&self.key.0[..], &self.own.0, ciphertext].concat()
    }
}

type Bundle = (Zeroizing<[u8; HELD_BYTES]>, [Fixed<32>; 2]);

/// Both shares with fresh salts, and the commitments to them.
fn bundle(
    session: &Session,
    pair: (usize, usize),
    (key, own): (&Share, &Share),
    entropy: &mut dyn Entropy,
) -> Result<Bundle, Error> {
    let mut plain = Zeroizing::new([0; HELD_BYTES]);
    let mut commitments = [Fixed([0; 32]); 2];
    let halves = plain.chunks_exact_mut(HELD_BYTES / 2).zip(&mut commitments);
    for ((half, commitment), (kind, share)) in halves.zip([(Kind::Key, key), (Kind::Own, own)]) {
        let share = share.to_bytes();
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt)?;
        *commitment = session.commit(pair, kind, &salt, &share);
        half[..share.len()].copy_from_slice(&*share);
        half[share.len()..].copy_from_slice(&salt);
    }
    Ok((plain, commitments))
}
