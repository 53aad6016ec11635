//! A coordinator whose aggregators are elsewhere.

use super::check::{ANSWER_BYTES, Answer, judge};
use super::local::disputed;
use super::open::{Opening as Opened, Sifting};
use super::orders::{CHECK, CheckOrder, Manifest, SUM, Shape, SumOrder, SumReply};
use super::sum::Shares;
use super::{Dispute, Params};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Letter, SignedMessage};
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::traits::{Context, Opening, Table};

/// Reaches aggregators for the coordinator.
pub trait Clerk: Send + Sync {
    /// Refuses what is no receipt of the aggregator for this share.
    fn verify(
        &self,
        aggregator: usize,
        receipt: &SignedMessage,
        of: (&Context, &ParticipantId, &Digest),
    ) -> Result<(), Error>;
    /// Sends a signed order; gives what the aggregator answers.
    fn order(
        &self,
        aggregator: usize,
        context: &Context,
        stage: u8,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Error>;
    /// Fetches a blob of an aggregator and checks it against its digest.
    fn fetch(&self, aggregator: usize, blob: &SumReply) -> Result<Vec<u8>, Error>;
    /// Is told who failed, or lied.
    fn report(&self, finding: &Finding);
}

/// Who failed, or lied.
#[derive(Debug)]
pub enum Finding {
    /// An aggregator did not answer, or refused to.
    Silent(usize, Error),
    /// An aggregator contradicts the others.
    Liar(usize),
    /// A participant dealt shares of no vector: its update is left out.
    BadDealer(ParticipantId),
    /// A participant's shares are not where the others' are: its update is left out.
    Missing(ParticipantId),
}

/// Gathers receipts; what it opens asks the aggregators.
pub struct RemoteTable(Inquiry);

/// What aggregators are asked about.
#[derive(Clone)]
struct Inquiry {
    seating: Seating,
    manifests: BTreeMap<ParticipantId, Manifest>,
    roster: Vec<ParticipantId>,
}

/// What a table is made from.
#[derive(Clone)]
pub struct Seating {
    /// How vectors are shared.
    pub params: Params,
    /// Plan, round and model.
    pub context: Context,
    /// Frames of every vector.
    pub shape: Shape,
    /// The way to the aggregators.
    pub clerk: Arc<dyn Clerk>,
}

impl RemoteTable {
    /// Begins a round.
    pub fn new(seating: Seating) -> Self {
        Self(Inquiry { seating, manifests: BTreeMap::new(), roster: Vec::new() })
    }
}

impl Inquiry {
    /// Drops receipts that are none.
    fn verify(&mut self) {
        let Seating { context, clerk, .. } = &self.seating;
        for (participant, manifest) in &mut self.manifests {
            for (aggregator, dealt) in manifest.shares.iter_mut().enumerate() {
                let of = (context, participant, &dealt.digest);
                let good = |receipt: &SignedMessage| clerk.verify(aggregator, receipt, of).is_ok();
                dealt.receipt = dealt.receipt.take().filter(good);
            }
        }
    }

    /// The aggregators to ask, and the participants whose shares they all hold: as many
    /// participants as can be, then as many aggregators.
    fn quorum(&self) -> Result<(Vec<usize>, Vec<ParticipantId>), Error> {
        let holds = |participant: &ParticipantId, aggregator: usize| {
            let manifest = self.manifests.get(participant);
            manifest.is_some_and(|manifest| manifest.shares[aggregator].receipt.is_some())
        };
        let held = |aggregator: usize| self.roster.iter().filter(|p| holds(p, aggregator)).count();
        let mut order: Vec<usize> = (0..self.seating.params.aggregators).collect();
        order.sort_by_key(|aggregator| std::cmp::Reverse(held(*aggregator)));
        let mut best: (Vec<usize>, Vec<ParticipantId>) = Default::default();
        for count in (self.seating.params.threshold..=order.len()).rev() {
            let chosen = &order[..count];
            let all = |p: &&ParticipantId| chosen.iter().all(|aggregator| holds(p, *aggregator));
            let roster: Vec<ParticipantId> = self.roster.iter().filter(all).cloned().collect();
            if roster.len() > best.1.len() {
                best = (chosen.to_vec(), roster);
            }
        }
        if best.1.is_empty() {
            let (needed, found) = (self.seating.params.threshold, 0);
            return Err(disputed(Dispute::TooFew { needed, found }));
        }
        best.0.sort_unstable();
        for participant in self.roster.iter().filter(|p| best.1.binary_search(p).is_err()) {
            self.seating.clerk.report(&Finding::Missing(participant.clone()));
        }
        Ok(best)
    }

    /// Asks each of these; those who do not answer are left out.
    fn ask<T>(
        &self,
        aggregators: &[usize],
        stage: u8,
        body: &[u8],
        read: impl Fn(usize, Vec<u8>) -> Result<T, Error> + Sync,
    ) -> Vec<(usize, T)>
    where
        T: Send,
    {
        let ask = |aggregator: usize| {
            let reply =
                self.seating.clerk.order(aggregator, &self.seating.context, stage, body.to_vec());
            reply.and_then(|reply| read(aggregator, reply))
        };
        let ask = &ask;
        let answers: Vec<Result<T, Error>> = std::thread::scope(|scope| {
            let asked: Vec<_> = aggregators.iter().map(|i| scope.spawn(move || ask(*i))).collect();
            let died = |_| Err(Error::Bug("a thread died asking an aggregator"));
            asked.into_iter().map(|thread| thread.join().unwrap_or_else(died)).collect()
        });
        let mut answered = Vec::new();
        for (aggregator, answer) in aggregators.iter().zip(answers) {
            match answer {
                Ok(answer) => answered.push((*aggregator, answer)),
                Err(error) => self.seating.clerk.report(&Finding::Silent(*aggregator, error)),
            }
        }
        answered
    }

    /// Who answered the check and is believed, and the bad dealers.
    fn check(
        &self,
        aggregators: &[usize],
        roster: &[ParticipantId],
    ) -> Result<(Vec<usize>, Vec<ParticipantId>), Error> {
        let manifests = roster.iter().filter_map(|participant| self.manifests.get(participant));
        let fixed = CheckOrder::fix(&self.seating.context, manifests);
        let (shape, bits) = (self.seating.shape.clone(), self.seating.params.bits);
        let body = codec::encode(&CheckOrder { bits, shape, roster: roster.to_vec(), fixed });
        let answers = self.ask(aggregators, CHECK, &body, |_, reply| {
            let (answers, rest) = reply.as_chunks::<ANSWER_BYTES>();
            if answers.len() != roster.len() || !rest.is_empty() {
                return Err(Refusal::Malformed { what: "answers to a check".into() }.into());
            }
            let answers = answers.iter().map(Answer::from_bytes).collect::<Result<Vec<_>, _>>();
            Ok(answers?)
        });
        let verdict = judge(&self.seating.params, &answers, roster.len()).map_err(disputed)?;
        verdict
            .aggregators
            .iter()
            .for_each(|liar| self.seating.clerk.report(&Finding::Liar(*liar)));
        let named: Vec<_> = verdict.dealers.iter().map(|place| roster[*place].clone()).collect();
        named.iter().for_each(|name| self.seating.clerk.report(&Finding::BadDealer(name.clone())));
        let believed = answers.iter().map(|(aggregator, _)| *aggregator);
        Ok((believed.filter(|i| !verdict.aggregators.contains(i)).collect(), named))
    }

    /// The sums of those who answer, and what opens them.
    fn sums(
        &self,
        aggregators: &[usize],
        without: Vec<ParticipantId>,
    ) -> Result<(Vec<Vec<u8>>, Opened), Error> {
        let body = codec::encode(&SumOrder { without });
        let expected = self.seating.shape.sum_bytes(&self.seating.params);
        let mut sums = self.ask(aggregators, SUM, &body, |aggregator, reply| {
            let reply: SumReply = codec::decode("sum of shares", &reply, limits::MESSAGE_BYTES)?;
            if reply.bytes != expected {
                let found = reply.bytes;
                return Err(Refusal::Truncated { expected, found }.into());
            }
            let bytes = self.seating.clerk.fetch(aggregator, &reply)?;
            Shares::default().read(&bytes, bytes.len() / 8)?;
            Ok((reply.digest, bytes))
        });
        let digests: Vec<u8> = sums.iter().flat_map(|(_, (digest, _))| digest.0).collect();
        let drawn = Digest::of_parts("tacit/v1/committee/drawn", &[&digests]);
        let answered: Vec<usize> = sums.iter().map(|(aggregator, _)| *aggregator).collect();
        let sums: Vec<Vec<u8>> =
            sums.iter_mut().map(|(_, sum)| std::mem::take(&mut sum.1)).collect();
        let mut sifting = Sifting::new(self.seating.params, &answered, &drawn);
        let mut offset = 0;
        for (number, integers) in self.seating.shape.frames() {
            let rows = self.seating.params.rows(integers);
            sifting.absorb(number, &frame(&sums, offset, rows)?);
            offset += 8 * rows;
        }
        let opening = sifting.decide().map_err(disputed)?;
        opening.liars().iter().for_each(|liar| self.seating.clerk.report(&Finding::Liar(*liar)));
        Ok((sums, opening))
    }
}

/// One frame of every sum.
fn frame(sums: &[Vec<u8>], offset: usize, rows: usize) -> Result<Vec<Shares>, Error> {
    let part = |sum: &Vec<u8>| {
        let mut shares = Shares::default();
        shares.read(sum.get(offset..offset + 8 * rows).unwrap_or_default(), rows)?;
        Ok(shares)
    };
    sums.iter().map(part).collect()
}

impl Table for RemoteTable {
    fn hear(&mut self, letter: &Letter) -> Result<(), Refusal> {
        let malformed = || Refusal::Malformed { what: "manifest of shares".into() };
        if letter.signed.message.stage == 0 {
            return if letter.body.is_empty() { Ok(()) } else { Err(malformed()) };
        }
        let manifest: Manifest =
            codec::decode("manifest of shares", &letter.body, limits::MESSAGE_BYTES)?;
        if manifest.shares.len() != self.0.seating.params.aggregators {
            return Err(malformed());
        }
        self.0.manifests.insert(letter.sender().clone(), manifest);
        Ok(())
    }

    fn close(&mut self, _: u8) -> Result<(), Error> {
        Ok(())
    }

    fn contributed(&mut self, roster: &[ParticipantId]) -> Result<(), Error> {
        self.0.roster = roster.to_vec();
        Ok(())
    }

    fn mail(&self, _: u8, _: &ParticipantId) -> Result<Vec<u8>, Error> {
        Ok(Vec::new())
    }

    fn open(&self) -> Result<Box<dyn Opening>, Error> {
        let (inquiry, integers) = (self.0.clone(), vec![Vec::new()]);
        Ok(Box::new(RemoteOpening { inquiry, ready: OnceLock::new(), now: None, integers }))
    }
}

/// Asks the aggregators when it is first used, on the thread that uses it.
struct RemoteOpening {
    inquiry: Inquiry,
    ready: OnceLock<Result<Ready, String>>,
    now: Option<(usize, usize)>,
    integers: Vec<Vec<u64>>,
}

/// The sums of all aggregators, in memory.
struct Ready {
    members: [usize; 1],
    sums: Vec<Vec<u8>>,
    opened: Opened,
    /// Where each frame begins, and how many integers it has.
    offsets: BTreeMap<u32, (usize, usize)>,
}

impl Ready {
    fn of(mut inquiry: Inquiry) -> Result<Self, Error> {
        inquiry.verify();
        let (aggregators, roster) = inquiry.quorum()?;
        let (believed, without) = inquiry.check(&aggregators, &roster)?;
        let members = [roster.len() - without.len()];
        let (sums, opened) = inquiry.sums(&believed, without)?;
        let (mut offsets, mut offset) = (BTreeMap::new(), 0);
        for (number, integers) in inquiry.seating.shape.frames() {
            offsets.insert(number, (offset, integers));
            offset += 8 * inquiry.seating.params.rows(integers);
        }
        Ok(Self { members, sums, opened, offsets })
    }
}

impl RemoteOpening {
    fn ready(&self) -> Result<&Ready, Error> {
        let ask = || Ready::of(self.inquiry.clone()).map_err(|error| error.to_string());
        let ready = self.ready.get_or_init(ask).as_ref();
        ready.map_err(|why| Error::world("ask the aggregators", why.clone()))
    }
}

impl Opening for RemoteOpening {
    fn members(&self) -> Result<&[usize], Error> {
        Ok(&self.ready()?.members)
    }

    fn row(&self, _: &ParticipantId) -> Option<usize> {
        Some(0)
    }

    fn begin(&mut self, frame: u32, count: usize) -> Result<(), Error> {
        let found = self.ready()?.offsets.get(&frame).copied();
        self.now = found.filter(|(_, integers)| *integers == count);
        self.now.map(drop).ok_or(Error::Bug("a frame was opened that was not dealt"))
    }

    fn add(&mut self, _: &ParticipantId, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    fn finish(&mut self) -> Result<&[Vec<u64>], Error> {
        let (offset, count) = self.now.take().ok_or(super::local::OUT_OF_TURN)?;
        let mut opened = Vec::with_capacity(count);
        let ready = self.ready()?;
        let rows = self.inquiry.seating.params.rows(count);
        let sums = frame(&ready.sums, offset, rows)?;
        ready.opened.frame(&sums, count, &mut opened).map_err(disputed)?;
        self.integers[0] = opened;
        Ok(&self.integers)
    }
}
