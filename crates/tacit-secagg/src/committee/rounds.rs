//! Whole rounds with aggregators that are elsewhere, and in one process.

use super::keeper::{Held, Keeper};
use super::member::{Courier, RemoteMember};
use super::orders::{self, CheckOrder, Shape, SumOrder, SumReply};
use super::rule::{Committee, ENTRY};
use super::table::{Clerk, Finding, RemoteTable, Seating};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tacit_core::codec;
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Letter, Message, SignedMessage, Terms};
use tacit_core::ids::ParticipantId;
use tacit_core::registry::{Arguments, Value};
use tacit_core::rng::{Random, Seed};
use tacit_core::traits::{Context, Entropy, Exchange as _, Member, Notary, Opening, Table};

struct Seeded(Random);

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.iter_mut().for_each(|byte| *byte = self.0.next_u64() as u8);
        Ok(())
    }
}

/// Five aggregators of whom three open; signatures are left out.
struct Town {
    committee: Committee,
    shares: Mutex<BTreeMap<(usize, ParticipantId), Vec<u8>>>,
    checks: Mutex<BTreeMap<usize, CheckOrder>>,
    sums: Mutex<BTreeMap<Digest, Vec<u8>>>,
    /// Unreachable from the first order on, or at all.
    dead: Mutex<BTreeSet<usize>>,
    /// Adds one to its sums, or to its answers.
    forges: Mutex<BTreeMap<usize, u8>>,
    findings: Mutex<Vec<String>>,
}

const MINIMUM: usize = 3;

impl Town {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            committee: committee(&[]),
            shares: Mutex::default(),
            checks: Mutex::default(),
            sums: Mutex::default(),
            dead: Mutex::default(),
            forges: Mutex::default(),
            findings: Mutex::default(),
        })
    }

    fn keeper(&self, number: usize) -> Keeper {
        Keeper { committee: self.committee.clone(), number, minimum: MINIMUM }
    }

    fn alive(&self, aggregator: usize) -> Result<(), Error> {
        match self.dead.lock().unwrap().contains(&aggregator) {
            true => Err(Error::world("reach the aggregator", "gone")),
            false => Ok(()),
        }
    }

    fn forged(&self, aggregator: usize, stage: u8, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.forges.lock().unwrap().get(&aggregator) == Some(&stage) {
            bytes.chunks_mut(16).for_each(|word| word[0] ^= 1);
        }
        bytes
    }
}

fn committee(changes: &[(&'static str, Value)]) -> Committee {
    let arguments = Arguments::defaults(ENTRY.parameters).unwrap();
    let arguments = arguments.with("aggregators", Value::Integer(5));
    let arguments = arguments.with("threshold", Value::Integer(3));
    let arguments =
        changes.iter().fold(arguments, |all, (name, value)| all.with(name, value.clone()));
    Committee::new(&arguments).unwrap()
}

struct Drawer<'a>(&'a Town, usize);

impl Held for Drawer<'_> {
    fn bytes(&self, participant: &ParticipantId) -> Option<u64> {
        let shares = self.0.shares.lock().unwrap();
        shares.get(&(self.1, participant.clone())).map(|share| share.len() as u64)
    }

    fn read(&self, of: &ParticipantId, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let shares = self.0.shares.lock().unwrap();
        out.copy_from_slice(&shares[&(self.1, of.clone())][offset as usize..][..out.len()]);
        Ok(())
    }
}

fn receipt(context: &Context, aggregator: usize, body: &[u8]) -> SignedMessage {
    let name = ParticipantId::parse(&format!("aggregator-{aggregator}")).unwrap();
    let message = Message::new(context, &name, orders::RECEIPT, body);
    SignedMessage { message, key: String::new(), signature: String::new() }
}

/// One participant's way to the town.
struct Way(Arc<Town>, ParticipantId);

impl Courier for Way {
    fn deliver(&self, of: &Context, to: usize, share: &[u8]) -> Result<SignedMessage, Error> {
        self.0.alive(to)?;
        self.0.shares.lock().unwrap().insert((to, self.1.clone()), share.to_vec());
        Ok(receipt(of, to, &orders::receipt_body(&self.1, &Digest::of_bytes(share))))
    }
}

impl Clerk for Town {
    fn verify(
        &self,
        aggregator: usize,
        found: &SignedMessage,
        (context, participant, digest): (&Context, &ParticipantId, &Digest),
    ) -> Result<(), Error> {
        let expected = receipt(context, aggregator, &orders::receipt_body(participant, digest));
        match *found == expected {
            true => Ok(()),
            false => Err(Refusal::Malformed { what: "receipt".into() }.into()),
        }
    }

    fn order(&self, to: usize, of: &Context, stage: u8, body: Vec<u8>) -> Result<Vec<u8>, Error> {
        self.alive(to)?;
        let (keeper, drawer) = (self.keeper(to), Drawer(self, to));
        if stage == orders::CHECK {
            let order: CheckOrder = codec::decode("order", &body, 1 << 20)?;
            let params = keeper.admit(of.round, &order, &drawer)?;
            let answers = keeper.answer(&params, &order, &drawer)?;
            self.checks.lock().unwrap().insert(to, order);
            return Ok(self.forged(to, stage, answers));
        }
        let order: SumOrder = codec::decode("order", &body, 1 << 20)?;
        let check = self.checks.lock().unwrap()[&to].clone();
        let params = keeper.admit(of.round, &check, &drawer)?;
        let remaining = keeper.remaining(&check, &order)?;
        let sum = self.forged(to, stage, keeper.sum(&params, &check, &remaining, &drawer)?);
        let reply = SumReply { digest: Digest::of_bytes(&sum), bytes: sum.len() as u64 };
        self.sums.lock().unwrap().insert(reply.digest, sum);
        Ok(codec::encode(&reply))
    }

    fn fetch(&self, to: usize, blob: &SumReply) -> Result<Vec<u8>, Error> {
        self.alive(to)?;
        Ok(self.sums.lock().unwrap()[&blob.digest].clone())
    }

    fn report(&self, finding: &Finding) {
        self.findings.lock().unwrap().push(match finding {
            Finding::Silent(aggregator, _) => format!("silent {aggregator}"),
            Finding::Liar(aggregator) => format!("liar {aggregator}"),
            Finding::BadDealer(participant) => format!("dealer {participant}"),
            Finding::Missing(participant) => format!("missing {participant}"),
        });
    }
}

const BITS: u32 = 21;
const FRAMES: [(u32, usize); 4] = [(3, 5), (0, 40), (1, 40), (2, 17)];

fn terms() -> Terms {
    let context = Context { plan: Digest([1; 32]), round: 1, model: Digest([2; 32]) };
    let (size, minimum) = (PARTICIPANTS, MINIMUM);
    Terms { context, size, minimum, colluding: 0.0, dropping: 0.0, bits: BITS }
}

const PARTICIPANTS: usize = 6;

fn names() -> Vec<ParticipantId> {
    (0..PARTICIPANTS).map(|i| ParticipantId::numbered(i, PARTICIPANTS)).collect()
}

fn integers(participant: usize, frame: u32, count: usize) -> Vec<u64> {
    let mut rng = Seed::root(u64::from(frame) << 8 | participant as u64).rng();
    let any = |rng: &mut Random| (rng.below(60_001).wrapping_sub(30_000)) & ((1 << BITS) - 1);
    (0..count).map(|_| any(&mut rng)).collect()
}

/// The sum of these participants, frame by frame.
fn expected(participants: &[usize]) -> Vec<Vec<u64>> {
    let frame = |(frame, count): &(u32, usize)| {
        let terms: Vec<_> = participants.iter().map(|p| integers(*p, *frame, *count)).collect();
        let sum = |i: usize| terms.iter().fold(0u64, |sum, x| sum.wrapping_add(x[i]));
        (0..*count).map(|i| sum(i) & ((1 << BITS) - 1)).collect()
    };
    FRAMES.iter().map(frame).collect()
}

/// Lets a member contribute; gives its letters and its payload's frames.
fn contributed(
    member: &mut dyn Member,
    number: usize,
) -> (Vec<Result<Letter, Error>>, Vec<Vec<u8>>) {
    let (mut entropy, context) = (Seeded(Seed::root(number as u64).rng()), terms().context);
    let mut letters = Vec::new();
    let mut frames = Vec::new();
    for stage in 0..2 {
        let letter = member.say(stage, &[], &mut entropy).map(|body| {
            let message = Message::new(&context, &names()[number], stage, &body);
            let signed = SignedMessage { message, key: String::new(), signature: String::new() };
            Letter::new(signed, body).unwrap()
        });
        letters.push(letter);
        for (frame, count) in FRAMES.iter().filter(|_| stage == 0) {
            let mut out = Vec::new();
            member.seal(*frame, &mut integers(number, *frame, *count), &mut out).unwrap();
            frames.push(out);
        }
    }
    (letters, frames)
}

fn sums(opening: &mut dyn Opening, payloads: &[Vec<Vec<u8>>]) -> Vec<Vec<u64>> {
    let mut opened = Vec::new();
    for (place, (frame, count)) in FRAMES.iter().enumerate() {
        opening.begin(*frame, *count).unwrap();
        for (name, payload) in names().iter().zip(payloads) {
            opening.add(name, &payload[place]).unwrap();
        }
        opened.push(opening.finish().unwrap()[0].clone());
    }
    opened
}

/// A round in the town, with something done to it once everybody has delivered.
fn round(town: &Arc<Town>, meddle: impl FnOnce(&Town)) -> Result<(usize, Vec<Vec<u64>>), Error> {
    let params = town.committee.params(BITS)?;
    let shape = Shape::new(FRAMES.map(|(frame, count)| (frame, count as u32)));
    let context = terms().context;
    let mut table = RemoteTable::new(Seating { params, context, shape, clerk: town.clone() });
    let mut payloads = Vec::new();
    for (number, name) in names().iter().enumerate() {
        let way = Arc::new(Way(town.clone(), name.clone()));
        let mut member = RemoteMember::new(params, &terms().context, way);
        let (letters, frames) = contributed(&mut member, number);
        assert!(frames.iter().all(Vec::is_empty));
        payloads.push(frames);
        letters.into_iter().flatten().for_each(|letter| table.hear(&letter).unwrap());
    }
    table.contributed(&names())?;
    meddle(town);
    let mut opening = table.open()?;
    opening.members()?;
    let opened = sums(&mut *opening, &payloads);
    Ok((opening.members()?[0], opened))
}

const ALL: [usize; PARTICIPANTS] = [0, 1, 2, 3, 4, 5];

fn findings(town: &Town) -> Vec<String> {
    let mut found = town.findings.lock().unwrap().clone();
    found.sort();
    found
}

#[test]
fn opens_the_sum_in_one_process_and_elsewhere() {
    let town = Town::new();
    assert_eq!(round(&town, |_| ()).unwrap(), (PARTICIPANTS, expected(&ALL)));
    assert!(findings(&town).is_empty());

    let rule = committee(&[]);
    let mut table = rule.table(&terms(), &names()).unwrap();
    let mut payloads = Vec::new();
    for number in ALL {
        let mut member = rule.member(&terms(), Arc::new(Nobody(names()[0].clone()))).unwrap();
        let (letters, frames) = contributed(&mut *member, number);
        for ((_, count), frame) in FRAMES.iter().zip(&frames) {
            assert_eq!(frame.len(), rule.frame_bytes(BITS, *count));
        }
        table.hear(letters[0].as_ref().unwrap()).unwrap();
        payloads.push(frames);
    }
    table.contributed(&names()).unwrap();
    assert_eq!(sums(&mut *table.open().unwrap(), &payloads), expected(&ALL));
}

struct Nobody(ParticipantId);

impl Notary for Nobody {
    fn me(&self) -> &ParticipantId {
        &self.0
    }

    fn credential(&self) -> Vec<u8> {
        Vec::new()
    }

    fn verify(&self, _: &SignedMessage, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }
}

#[test]
fn two_of_five_may_fail_at_any_time() {
    for dead in [[0, 1], [1, 4], [3, 4]] {
        let town = Town::new();
        let after = round(&town, |town| town.dead.lock().unwrap().extend(dead));
        assert_eq!(after.unwrap(), (PARTICIPANTS, expected(&ALL)));
        assert_eq!(findings(&town), dead.map(|i| format!("silent {i}")));
        let town = Town::new();
        town.dead.lock().unwrap().extend(dead);
        assert_eq!(round(&town, |_| ()).unwrap(), (PARTICIPANTS, expected(&ALL)));
        assert!(findings(&town).is_empty());
    }
    let town = Town::new();
    let three = round(&town, |town| town.dead.lock().unwrap().extend([0, 1, 2]));
    assert!(matches!(three, Err(Error::World(_))));
}

#[test]
fn a_lying_aggregator_is_named_whatever_it_forges() {
    for (stage, liar) in
        [(orders::CHECK, 0), (orders::CHECK, 4), (orders::SUM, 1), (orders::SUM, 3)]
    {
        let town = Town::new();
        let opened = round(&town, |town| {
            town.forges.lock().unwrap().insert(liar, stage);
        });
        assert_eq!(opened.unwrap(), (PARTICIPANTS, expected(&ALL)));
        assert_eq!(findings(&town), [format!("liar {liar}")]);
    }
}

#[test]
fn a_bad_dealer_is_named_and_left_out() {
    let town = Town::new();
    let opened = round(&town, |town| {
        let share = &mut town.shares.lock().unwrap();
        share.get_mut(&(3, names()[2].clone())).unwrap()[0] ^= 1;
    });
    assert_eq!(opened.unwrap(), (PARTICIPANTS - 1, expected(&[0, 1, 3, 4, 5])));
    assert_eq!(findings(&town), [format!("dealer {}", names()[2])]);
}

#[test]
fn whose_shares_are_nowhere_is_left_out() {
    let town = Town::new();
    let opened = round(&town, |town| {
        town.shares.lock().unwrap().remove(&(0, names()[5].clone()));
    });
    // The aggregator signed for what it lost: it is as good as dead.
    assert_eq!(opened.unwrap(), (PARTICIPANTS, expected(&ALL)));
    assert_eq!(findings(&town), ["silent 0"]);
}

#[test]
fn a_keeper_tells_no_sum_of_too_few() {
    let town = Town::new();
    round(&town, |_| ()).unwrap();
    let (keeper, drawer) = (town.keeper(4), Drawer(&town, 4));
    let check = town.checks.lock().unwrap()[&4].clone();
    let admit = |roster: &[usize]| {
        let roster = roster.iter().map(|i| names()[*i].clone()).collect();
        keeper.admit(1, &CheckOrder { roster, ..check.clone() }, &drawer)
    };
    assert!(admit(&[0, 1, 2]).is_ok());
    for roster in [&[0, 1][..], &[0, 0, 1], &[2, 1, 0], &[]] {
        assert!(matches!(admit(roster), Err(Error::Peer(_))), "{roster:?}");
    }
    let stranger = CheckOrder {
        roster: [&names()[..], &[ParticipantId::parse("z").unwrap()]].concat(),
        ..check.clone()
    };
    let refused = keeper.admit(1, &stranger, &drawer);
    assert!(matches!(refused, Err(Error::Peer(Refusal::NotInCohort { .. }))));
    let shorter = CheckOrder { shape: Shape::new([(0, 40)]), ..check.clone() };
    assert!(keeper.admit(1, &shorter, &drawer).is_err());
    let without = |names: &[ParticipantId]| {
        keeper.remaining(&check, &SumOrder { without: names.to_vec() }).map(|left| left.len())
    };
    assert_eq!(without(&names()[..3]), Ok(3));
    assert!(without(&names()[..4]).is_err());
    assert!(without(&[names()[1].clone(), names()[0].clone()]).is_err());
    assert!(without(&[ParticipantId::parse("z").unwrap()]).is_err());
}

#[test]
fn shapes_are_short_and_checked() {
    let shape = Shape::new((0..1_000).map(|i| (i, 16_384)).chain([(1_000, 7)]));
    assert!(codec::encode(&shape).len() < 200);
    assert_eq!(shape.frames().count(), 1_001);
    assert!(shape.check().is_ok());
    assert!(Shape::new([(u32::MAX, 1)]).check().is_err());
    assert!(Shape::new([(0, 16_385)]).check().is_err());
    let many = "[{\"first\":0,\"frames\":4000000000,\"integers\":0}]";
    let many: Shape = codec::decode("shape", many.as_bytes(), 100).unwrap();
    assert!(many.check().is_err());
}

#[test]
fn rules_that_are_not_sound_are_refused() {
    let of = |changes: &[(&'static str, Value)]| {
        let arguments = Arguments::defaults(ENTRY.parameters).unwrap();
        let with =
            changes.iter().fold(arguments, |all, (name, value)| all.with(name, value.clone()));
        Committee::new(&with).map(drop)
    };
    assert!(of(&[]).is_ok());
    assert!(of(&[("threshold", Value::Integer(4))]).is_err());
    assert!(of(&[("privacy", Value::Integer(2))]).is_err());
    let list = |texts: &[&str]| Value::List(texts.iter().map(|text| (*text).into()).collect());
    assert!(of(&[("addresses", list(&["https://a:1", "https://b:1", "https://c:1"]))]).is_ok());
    assert!(of(&[("addresses", list(&["https://a:1", "https://b:1"]))]).is_err());
    assert!(of(&[("addresses", list(&["https://a:1", "https://b:1", "https://a:1"]))]).is_err());
    let rule = committee(&[]);
    assert!(rule.promise(&Terms { minimum: 1, ..terms() }).is_err());
    assert!(rule.promise(&Terms { bits: 63, ..terms() }).is_err());
    assert!(rule.promise(&terms()).unwrap().contains("any 2 learn nothing"));
    assert_eq!(rule.equivocation(), Some(0));
    assert_eq!(committee(&[("threshold", Value::Integer(4))]).equivocation(), Some(2));
    let packed = [("threshold", Value::Integer(4)), ("privacy", Value::Integer(1))];
    assert_eq!(committee(&packed).equivocation(), None);
    let elsewhere = committee(&[(
        "addresses",
        list(&["https://a", "https://b", "https://c", "https://d", "https://e"]),
    )]);
    assert_eq!(elsewhere.frame_bytes(BITS, 40), 0);
    assert!(elsewhere.table(&terms(), &names()).is_err());
}
