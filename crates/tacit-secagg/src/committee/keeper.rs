//! What an aggregator answers, and to what: nothing of one participant alone, and of one round's
//! shares one check and one sum.

use super::Params;
use super::check::{Answer, CHECKS, Challenge, FRAME};
use super::orders::{CheckOrder, SumOrder};
use super::sum::Shares;
use tacit_core::error::{Error, Refusal};
use tacit_core::ids::ParticipantId;
use zeroize::Zeroizing;

/// The shares that an aggregator holds of one round.
pub trait Held {
    /// Size of a participant's share in bytes; `None` if there is none.
    fn bytes(&self, participant: &ParticipantId) -> Option<u64>;
    /// Fills `out` from `offset` of it.
    fn read(&self, participant: &ParticipantId, offset: u64, out: &mut [u8]) -> Result<(), Error>;
}

/// One of the aggregators. It holds nothing between calls: whoever keeps its shares must see to it
/// that only one order of each kind is answered in a round, durably.
#[derive(Clone, Debug)]
pub struct Keeper {
    /// How vectors are shared, but for the bits, which an order names.
    pub committee: super::rule::Committee,
    /// Which aggregator this is, from 0.
    pub number: usize,
    /// Fewest participants whose sum is told.
    pub minimum: usize,
}

impl Keeper {
    /// Refuses a roster whose sum must not be told, or cannot be.
    pub fn admit(&self, round: u32, order: &CheckOrder, held: &dyn Held) -> Result<Params, Error> {
        order.shape.check()?;
        let params = self.committee.params(order.bits)?;
        self.enough(&order.roster)?;
        let expected = order.shape.share_bytes(&params, self.number);
        for participant in &order.roster {
            match held.bytes(participant) {
                Some(found) if found == expected => {}
                Some(found) => return Err(Refusal::Truncated { expected, found }.into()),
                None => {
                    let participant = participant.clone();
                    return Err(Refusal::NotInCohort { participant, round }.into());
                }
            }
        }
        Ok(params)
    }

    /// Refuses names out of order, or too few of them.
    fn enough(&self, roster: &[ParticipantId]) -> Result<(), Refusal> {
        if roster.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Refusal::Malformed { what: "roster of a sum".into() });
        }
        if roster.len() < self.minimum {
            let (expected, found) = (self.minimum as u64, roster.len() as u64);
            return Err(Refusal::WrongShape { expected, found });
        }
        Ok(())
    }

    /// The members of the roster whose sum is asked for; refuses to tell one of too few.
    pub fn remaining(
        &self,
        check: &CheckOrder,
        order: &SumOrder,
    ) -> Result<Vec<ParticipantId>, Refusal> {
        let out = |participant: &ParticipantId| order.without.binary_search(participant).is_ok();
        let remaining: Vec<_> = check.roster.iter().filter(|p| !out(p)).cloned().collect();
        let known = remaining.len() + order.without.len() == check.roster.len();
        if !known || order.without.windows(2).any(|pair| pair[0] >= pair[1]) {
            return Err(Refusal::Malformed { what: "order of a sum".into() });
        }
        self.enough(&remaining)?;
        Ok(remaining)
    }

    /// Answers to the check, in the order of the roster.
    pub fn answer(
        &self,
        params: &Params,
        order: &CheckOrder,
        held: &dyn Held,
    ) -> Result<Vec<u8>, Error> {
        let challenge = Challenge::new(&order.fixed);
        let mut answers = vec![Answer::default(); order.roster.len()];
        let mut reader = Reader::new(self.number < params.privacy(), held);
        for (number, integers) in order.shape.frames() {
            let rows = params.rows(integers);
            let coefficients = challenge.frame(number, rows);
            for (participant, answer) in order.roster.iter().zip(&mut answers) {
                answer.absorb(&coefficients, reader.next(participant, number, rows)?);
            }
            reader.advance(rows);
        }
        for (participant, answer) in order.roster.iter().zip(&mut answers) {
            answer.hide(reader.next(participant, FRAME, CHECKS)?);
        }
        Ok(answers.iter().flat_map(|answer| answer.to_bytes()).collect())
    }

    /// The sum of the shares of `remaining`, frame by frame, as bytes.
    pub fn sum(
        &self,
        params: &Params,
        order: &CheckOrder,
        remaining: &[ParticipantId],
        held: &dyn Held,
    ) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(order.shape.sum_bytes(params) as usize);
        let mut reader = Reader::new(self.number < params.privacy(), held);
        for (number, integers) in order.shape.frames() {
            let rows = params.rows(integers);
            let mut sum = Shares::zero(rows);
            for participant in remaining {
                sum.add(reader.next(participant, number, rows)?)?;
            }
            sum.write(&mut bytes);
            reader.advance(rows);
        }
        Ok(bytes)
    }
}

/// Reads the same frame of one participant after the other.
struct Reader<'a> {
    seeded: bool,
    held: &'a dyn Held,
    offset: u64,
    bytes: Zeroizing<Vec<u8>>,
    shares: Shares,
}

impl<'a> Reader<'a> {
    fn new(seeded: bool, held: &'a dyn Held) -> Self {
        let (bytes, shares) = (Zeroizing::default(), Shares::default());
        Self { seeded, held, offset: 0, bytes, shares }
    }

    fn next(&mut self, of: &ParticipantId, frame: u32, rows: usize) -> Result<&Shares, Error> {
        if self.seeded {
            let mut seed = Zeroizing::new([0; 32]);
            self.held.read(of, 0, &mut *seed)?;
            self.shares.expand(&seed, frame, rows);
        } else {
            self.bytes.resize(8 * rows, 0);
            self.held.read(of, self.offset, &mut self.bytes)?;
            self.shares.read(&self.bytes, rows)?;
        }
        Ok(&self.shares)
    }

    fn advance(&mut self, rows: usize) {
        self.offset += 8 * rows as u64;
    }
}
