//! Members, aggregators and coordinator in one process: every share travels in the payload. Only
//! for simulations, where nothing is to be hidden from the one who holds everything.

use super::deal::Dealer;
use super::open::Sifting;
use super::sum::Shares;
use super::{Dispute, Params};
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::Letter;
use tacit_core::ids::ParticipantId;
use tacit_core::traits::{Entropy, Member, Opening, Table};

/// What cannot follow from the stages of an honest round.
pub(super) const OUT_OF_TURN: Error = Error::Bug("a stage of the committee came out of turn");

/// Deals its shares into its payload.
pub(super) struct LocalMember {
    params: Params,
    dealer: Option<Dealer>,
    shares: Shares,
}

impl LocalMember {
    pub fn new(params: Params) -> Self {
        Self { params, dealer: None, shares: Shares::default() }
    }
}

impl Member for LocalMember {
    fn say(&mut self, _: u8, _: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, Error> {
        self.dealer = Some(Dealer::new(self.params, entropy)?);
        Ok(Vec::new())
    }

    fn seal(&mut self, frame: u32, integers: &mut [u64], out: &mut Vec<u8>) -> Result<(), Error> {
        let dealer = self.dealer.as_mut().ok_or(OUT_OF_TURN)?;
        let mut dealt = vec![Vec::new(); self.params.aggregators - self.params.privacy];
        dealer.frame(frame, integers, &mut dealt)?;
        let rows = self.params.rows(integers.len());
        for aggregator in 0..self.params.privacy {
            let seed = dealer.seed(aggregator).ok_or(OUT_OF_TURN)?;
            self.shares.expand(seed, frame, rows);
            self.shares.write(out);
        }
        dealt.iter().for_each(|dealt| out.extend_from_slice(dealt));
        integers.fill(0);
        Ok(())
    }
}

/// Awaits nothing but that each member is there.
pub(super) struct LocalTable {
    params: Params,
    cohort: Vec<ParticipantId>,
    roster: Vec<ParticipantId>,
}

impl LocalTable {
    pub fn new(params: Params, cohort: &[ParticipantId]) -> Self {
        Self { params, cohort: cohort.to_vec(), roster: Vec::new() }
    }
}

impl Table for LocalTable {
    fn hear(&mut self, letter: &Letter) -> Result<(), Refusal> {
        if letter.body.is_empty() && self.cohort.contains(letter.sender()) {
            return Ok(());
        }
        Err(Refusal::Malformed { what: "message to a committee".into() })
    }

    fn close(&mut self, _: u8) -> Result<(), Error> {
        Ok(())
    }

    fn contributed(&mut self, roster: &[ParticipantId]) -> Result<(), Error> {
        self.roster = roster.to_vec();
        Ok(())
    }

    fn mail(&self, _: u8, _: &ParticipantId) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn open(&self) -> Result<Box<dyn Opening>, Error> {
        Ok(Box::new(LocalOpening {
            params: self.params,
            members: [self.roster.len()],
            frame: 0,
            count: 0,
            sums: Vec::new(),
            shares: Shares::default(),
            opened: vec![Vec::new()],
        }))
    }
}

/// All aggregators, and who opens their sums.
struct LocalOpening {
    params: Params,
    members: [usize; 1],
    frame: u32,
    count: usize,
    sums: Vec<Shares>,
    shares: Shares,
    opened: Vec<Vec<u64>>,
}

impl Opening for LocalOpening {
    fn members(&self) -> Result<&[usize], Error> {
        Ok(&self.members)
    }

    fn row(&self, _: &ParticipantId) -> Option<usize> {
        Some(0)
    }

    fn begin(&mut self, frame: u32, count: usize) -> Result<(), Error> {
        (self.frame, self.count) = (frame, count);
        self.sums = vec![Shares::zero(self.params.rows(count)); self.params.aggregators];
        Ok(())
    }

    fn add(&mut self, _: &ParticipantId, sealed: &[u8]) -> Result<(), Refusal> {
        let rows = self.params.rows(self.count);
        let (expected, found) = (8 * rows * self.params.aggregators, sealed.len());
        if found != expected {
            let (expected, found) = (expected as u64, found as u64);
            return Err(Refusal::Truncated { expected, found });
        }
        for (sum, share) in self.sums.iter_mut().zip(sealed.chunks(8 * rows.max(1))) {
            self.shares.read(share, rows)?;
            sum.add(&self.shares)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<&[Vec<u64>], Error> {
        let everybody: Vec<usize> = (0..self.params.aggregators).collect();
        let mut sifting = Sifting::new(self.params, &everybody, &Digest::of_bytes(b"simulated"));
        sifting.absorb(self.frame, &self.sums);
        let opening = sifting.decide().map_err(disputed)?;
        self.opened[0].clear();
        opening.frame(&self.sums, self.count, &mut self.opened[0]).map_err(disputed)?;
        Ok(&self.opened)
    }
}

/// A sum that cannot be opened is nobody's fault here.
pub(super) fn disputed(dispute: Dispute) -> Error {
    Error::world("open the committee's sum", dispute)
}
