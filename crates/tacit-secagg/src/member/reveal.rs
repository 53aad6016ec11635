//! The stages after contributions: a member confirms a roster, and reveals the shares that open
//! its sum.

use super::{Seat, SecAggMember};
use crate::messages::{
    Fixed, Proof, Revealed, Survivors, Unmasking, decode, malformed, proof_bytes,
};
use crate::roster::Roster;
use crate::rule::CONFIRM;
use tacit_core::codec::hex;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Message, SignedMessage};

impl Seat {
    /// What is signed of the roster that the coordinator names.
    pub(super) fn confirm(&self, mail: &[u8]) -> Result<(Vec<u8>, Roster), Error> {
        let limit = proof_bytes(self.session.names.len());
        let Survivors { roster } = decode("roster", mail, limit)?;
        self.check(&roster)?;
        Ok((self.session.confirmation(&self.shared, &roster).to_vec(), roster))
    }

    /// A member reveals only with a roster that it is in: so of whoever is in one too, some
    /// neighbours are that it shares masks with.
    fn check(&self, roster: &Roster) -> Result<(), Refusal> {
        self.session.check_set("roster", roster, Some(&self.shared))?;
        if roster.has(self.me) { Ok(()) } else { Err(malformed("roster without its reader")) }
    }
}

impl SecAggMember {
    /// The share of the own mask of every neighbour that stayed, and of the key of every one that
    /// left: never both.
    pub(super) fn unmask(
        &self,
        seat: Seat,
        confirmed: Option<&Roster>,
        mail: &[u8],
    ) -> Result<Unmasking, Error> {
        let limit = proof_bytes(seat.session.names.len());
        let proof: Proof = decode("proof of a roster", mail, limit)?;
        seat.check(&proof.roster)?;
        if let Some(confirmed) = confirmed {
            if proof.roster != *confirmed {
                return Err(malformed("roster: it is not the one that was confirmed").into());
            }
            self.check_proof(&seat, &proof)?;
        }
        let owners = seat.session.among(seat.me, &seat.shared);
        let reveal = |(owner, held): (usize, &Option<super::Held>)| {
            let held = held.as_ref()?;
            let (share, salt) = if proof.roster.has(owner) { &held.own } else { &held.key };
            Some(Revealed { share: Fixed(**share), salt: Fixed(*salt) })
        };
        Ok(Unmasking { revealed: owners.zip(&seat.held).map(reveal).collect() })
    }

    /// Refuses fewer signatures than make a second roster impossible, and those that do not hold.
    fn check_proof(&self, seat: &Seat, proof: &Proof) -> Result<(), Refusal> {
        let (expected, found) = (seat.session.quorum as u64, proof.confirmations.len() as u64);
        if found < expected {
            return Err(Refusal::TooFew { what: "confirmations".into(), expected, found });
        }
        let ascending = proof.confirmations.is_sorted_by(|a, b| a.0 < b.0);
        if !ascending {
            return Err(malformed("proof of a roster"));
        }
        let body = seat.session.confirmation(&seat.shared, &proof.roster);
        for (number, signature) in &proof.confirmations {
            let signer =
                seat.signers.get(*number as usize).filter(|_| proof.roster.has(*number as usize));
            let signer = signer.ok_or_else(|| malformed("proof of a roster"))?;
            let name = &seat.session.names[*number as usize];
            let message = Message::new(&self.terms.context, name, CONFIRM, &body);
            let (key, signature) = (signer.key.clone(), hex(&signature.0));
            self.notary.verify(&SignedMessage { message, key, signature }, &signer.credential)?;
        }
        Ok(())
    }
}
