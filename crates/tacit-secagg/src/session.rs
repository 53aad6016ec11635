//! What the members of a group and the coordinator agree on once every advert is known, and what
//! binds all that follows to it.

use crate::graph::{self, Topology};
use crate::messages::{Fixed, SALT_BYTES, malformed};
use crate::roster::Roster;
use crate::rule::SecAgg;
use crate::shamir::SHARE_BYTES;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::Terms;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;

/// Integers of one frame at most: a chunk of an update, and room for what travels with it or for
/// rotations that lengthen it.
pub(crate) const FRAME_VALUES: usize = 4 * limits::CHUNK_VALUES;

/// A group of members who know each other's keys.
pub(crate) struct Session {
    /// Names plan, round, model, terms, group and every advert.
    pub id: Digest,
    /// Its members, in order; everybody is known by the place in it.
    pub names: Vec<ParticipantId>,
    /// Who holds whose shares, and how many give a secret back.
    pub topology: Topology,
    /// Of every member, ascending.
    pub neighbours: Vec<Vec<u32>>,
    /// Fewest members that may be opened together.
    pub fewest: usize,
    /// Confirmations that make a second roster impossible.
    pub quorum: usize,
}

/// Which of a member's two secrets a share is of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The seed of its mask key, revealed if it left.
    Key,
    /// The seed of its own mask, revealed if it stayed.
    Own,
}

impl Session {
    /// The session of a group, whose `terms` these are, from its members' names and the digests
    /// of what they signed. Everybody draws the same graph from it (Bell et al. 2020, algorithm
    /// 1): nobody chooses it, as every member's fresh keys are in the seed.
    pub fn new(
        rule: &SecAgg,
        terms: &Terms,
        group: u32,
        adverts: &[(ParticipantId, Digest)],
    ) -> Result<Self, Error> {
        check_count("adverts", adverts.len(), rule.fewest(terms))?;
        if adverts.len() > terms.size || !adverts.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(malformed("list of members").into());
        }
        let digests: Vec<u8> = adverts.iter().flat_map(|(_, digest)| digest.0).collect();
        let parts = [&terms.digest().0[..], &group.to_le_bytes(), &digests];
        let id = Digest::of_parts("tacit/v1/secagg/session", &parts);
        let topology = rule.topology(terms, adverts.len())?;
        let seed = Digest::of_parts("tacit/v1/secagg/graph", &[&id.0]);
        let neighbours = graph::neighbours(adverts.len(), topology.degree, &seed.0);
        let names = adverts.iter().map(|(name, _)| name.clone()).collect();
        // Of the cohort as it was planned, which is no smaller than as it is.
        let (fewest, quorum) = (rule.fewest(terms), terms.quorum());
        Ok(Self { id, names, topology, neighbours, fewest, quorum })
    }

    /// A member's number.
    pub fn number(&self, name: &ParticipantId) -> Option<usize> {
        self.names.binary_search(name).ok()
    }

    /// The neighbours of a member that are in a set, ascending.
    pub fn among(&self, member: usize, set: &Roster) -> impl Iterator<Item = usize> {
        self.neighbours[member].iter().map(|other| *other as usize).filter(|other| set.has(*other))
    }

    /// What a key of two members, or of one, is for.
    pub fn info(&self, purpose: &str, first: usize, second: usize) -> Vec<u8> {
        let pair = [first as u64, second as u64].map(u64::to_le_bytes);
        [purpose.as_bytes(), &self.id.0, &pair[0], &pair[1]].concat()
    }

    /// The commitment of an owner to a share.
    pub fn commit(
        &self,
        (owner, holder): (usize, usize),
        kind: Kind,
        salt: &[u8; SALT_BYTES],
        share: &[u8; SHARE_BYTES],
    ) -> Fixed<32> {
        let purpose = if kind == Kind::Key { "share of key" } else { "share of own" };
        let parts = [&self.info(purpose, owner, holder)[..], salt, share];
        Fixed(Digest::of_parts("tacit/v1/secagg/share", &parts).0)
    }

    /// The commitment of an owner to the seed of its own mask.
    pub fn commit_seed(&self, owner: usize, seed: &[u8; 32]) -> Fixed<32> {
        let parts = [&self.info("seed", owner, owner)[..], seed];
        Fixed(Digest::of_parts("tacit/v1/secagg/seed", &parts).0)
    }

    /// What members sign of those that are to be opened together, and of those that shared: so no
    /// two members whose confirmations count together have masked for different sets.
    pub fn confirmation(&self, shared: &Roster, roster: &Roster) -> [u8; 32] {
        let parts = [&self.id.0[..], shared.bytes(), roster.bytes()];
        Digest::of_parts("tacit/v1/secagg/roster", &parts).0
    }

    /// Refuses a set of fewer members than may be opened together, and of others than `of`.
    pub fn check_set(&self, what: &str, set: &Roster, of: Option<&Roster>) -> Result<(), Refusal> {
        set.check(self.names.len())?;
        if of.is_some_and(|of| !set.within(of)) {
            return Err(malformed(what));
        }
        check_count(what, set.len(), self.fewest)
    }
}

fn check_count(what: &str, found: usize, fewest: usize) -> Result<(), Refusal> {
    if found >= fewest {
        return Ok(());
    }
    Err(Refusal::TooFew { what: what.into(), expected: fewest as u64, found: found as u64 })
}
