//! SecAgg+: masks that cancel in the sum, on a sparse random graph (Bell, Bonawitz, Gascón,
//! Lepoint & Raykova 2020, after Bonawitz et al. 2017).
//!
//! Every member adds to its integers, in the ring of integers modulo 2^b, a mask of its own and
//! one for every neighbour, which the neighbour subtracts. The seeds of both are shared among the
//! neighbours: of members that stay the own mask is removed, of members that leave the masks that
//! nobody cancels. Members sign who stayed before they reveal shares, so that a coordinator that
//! lies is not told both of anybody.

use crate::graph::{self, Topology};
use crate::groups;
use crate::keys::Agreement;
use crate::mask::Prg;
use crate::member::SecAggMember;
use crate::promise;
use crate::ring::Ring;
use crate::table::SecAggTable;
use std::sync::Arc;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Letter, Stages, Terms};
use tacit_core::ids::ParticipantId;
use tacit_core::registry::{Arguments, Default, Entry, Kind, Make, Parameter};
use tacit_core::traits::{Exchange, Member, Notary, Protection, Table, View};

/// The stage of keys.
pub(crate) const KEYS: u8 = 0;
/// The stage of shares.
pub(crate) const SHARES: u8 = 1;
/// The stage in which members say that they hold shares, before they contribute.
pub(crate) const READY: u8 = 2;
/// The stage in which rosters are confirmed, where the coordinator may be malicious.
pub(crate) const CONFIRM: u8 = 3;

/// The entry of this file.
pub const ENTRY: Entry = Entry {
    name: "secagg",
    help: "pairwise masks on a sparse graph: the coordinator sees sums only (Bell et al. 2020)",
    parameters: &[
        word(
            "adversary",
            &["malicious", "semi-honest"],
            "What the coordinator and those who collude with it may do: anything, or only look.",
        ),
        word(
            "agreement",
            &["x25519", "x25519-ml-kem-768"],
            "How members agree on keys; the second also resists quantum computers.",
        ),
        word(
            "prg",
            &["aes-128-ctr", "chacha20"],
            "What masks are made by; the second is faster on processors without AES.",
        ),
        integer("resolution", 24, (8, 32), "Bits of one member's integers, with their sign."),
        integer("stage_timeout_s", 60, (1, 86_400), "Time for each stage, in seconds."),
        integer(
            "security_bits",
            80,
            (40, 128),
            "A graph fails to hide a member with probability below 2 to minus this.",
        ),
        integer(
            "liveness_bits",
            30,
            (10, 60),
            "A round fails for drop-outs as stated with probability below 2 to minus this.",
        ),
        integer("groups", 1, (1, 1024), "Groups of a cohort whose sums are opened apart."),
    ],
    make: Make::Protection(|of| Ok(Box::new(SecAgg::new(of)?))),
};

const fn word(name: &'static str, words: &'static [&'static str], help: &'static str) -> Parameter {
    Parameter { name, help, kind: Kind::Word(words), default: Default::Text(words[0]) }
}

const fn integer(
    name: &'static str,
    default: i64,
    (min, max): (i64, i64),
    help: &'static str,
) -> Parameter {
    Parameter { name, help, kind: Kind::Integer { min, max }, default: Default::Integer(default) }
}

/// The protocol as a plan has it.
#[derive(Clone, Debug)]
pub struct SecAgg {
    pub(crate) malicious: bool,
    pub(crate) agreement: Agreement,
    pub(crate) prg: Prg,
    resolution: u32,
    timeout_ms: u64,
    pub(crate) security_bits: f64,
    pub(crate) liveness_bits: f64,
    pub(crate) groups: usize,
}

impl SecAgg {
    /// From the plan's words.
    pub fn new(of: &Arguments) -> Result<Self, Error> {
        Ok(Self {
            malicious: of.text("adversary")? == "malicious",
            agreement: match of.text("agreement")? {
                "x25519" => Agreement::X25519,
                _ => Agreement::X25519MlKem768,
            },
            prg: if of.text("prg")? == "chacha20" { Prg::ChaCha20 } else { Prg::Aes128Ctr },
            resolution: of.integer("resolution")? as u32,
            timeout_ms: 1000 * of.integer("stage_timeout_s")? as u64,
            security_bits: of.number("security_bits")?,
            liveness_bits: of.number("liveness_bits")?,
            groups: of.integer("groups")? as usize,
        })
    }

    /// The last stage, in which shares are revealed.
    pub(crate) fn unmask(&self) -> u8 {
        CONFIRM + u8::from(self.malicious)
    }

    /// Fewest members that may be opened together. Against a malicious coordinator, so many that
    /// two such sets have an honest member in common, which confirms only one; and always two
    /// honest ones.
    pub(crate) fn fewest(&self, terms: &Terms) -> usize {
        let safe = if self.malicious { terms.quorum() } else { 0 };
        terms.minimum.max(terms.colluders() + 2).max(safe)
    }

    /// Who shares with whom when `present` members of a group are left: as many collude as would
    /// of the whole group, and of those who leave some already have.
    pub(crate) fn topology(&self, terms: &Terms, present: usize) -> Result<Topology, Error> {
        let gone = terms.size.saturating_sub(present);
        let leaving = terms.leavers().saturating_sub(gone);
        // Half a member more, so that rounding gives back the very number.
        let share = |members: usize| match members {
            0 => 0.0,
            _ => ((members as f64 + 0.5) / present as f64).min(1.0),
        };
        let adversary = graph::Adversary {
            colluding: share(terms.colluders()),
            dropping: share(leaving),
            security_bits: self.security_bits,
            liveness_bits: self.liveness_bits,
        };
        match self.malicious {
            true => graph::design_of_fewest(present, self.fewest(terms), &adversary),
            false => graph::design_semi_honest(present, &adversary),
        }
    }
}

impl Protection for SecAgg {
    fn reveals(&self) -> View {
        if self.groups > 1 { View::Groups } else { View::Sum }
    }

    fn exchange(&self) -> Option<&dyn Exchange> {
        Some(self)
    }
}

impl Exchange for SecAgg {
    fn stages(&self, terms: &Terms) -> Stages {
        let quorum = self.groups * groups::terms(self, terms).quorum();
        let (before, after) = (READY + 1, self.unmask() + 1 - CONFIRM);
        Stages { before, after, timeout_ms: self.timeout_ms, quorum }
    }

    fn rows(&self) -> usize {
        self.groups
    }

    fn blinds(&self) -> bool {
        true
    }

    fn resolution(&self) -> u32 {
        self.resolution
    }

    fn promise(&self, terms: &Terms) -> Result<String, Error> {
        promise::of(self, terms)
    }

    fn frame_bytes(&self, bits: u32, count: usize) -> usize {
        Ring::new(bits).map_or(0, |ring| ring.packed_len(count))
    }

    fn credential(&self, letter: &Letter) -> Result<Option<Vec<u8>>, Refusal> {
        crate::table::credential(letter)
    }

    fn member(&self, terms: &Terms, notary: Arc<dyn Notary>) -> Result<Box<dyn Member>, Error> {
        let ring = Ring::new(terms.bits)?;
        Ok(Box::new(SecAggMember::new(self.clone(), terms.clone(), ring, notary)))
    }

    fn table(&self, terms: &Terms, cohort: &[ParticipantId]) -> Result<Box<dyn Table>, Error> {
        Ok(Box::new(SecAggTable::new(self.clone(), terms, cohort)?))
    }
}
