//! A cohort and its coordinator in one process, over any [`Exchange`].
#![allow(dead_code, reason = "not every test uses all of it")]

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use std::collections::BTreeMap;
use std::sync::Arc;
use tacit_core::codec::{hex, unhex};
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{Letter, Message, SignedMessage, Terms};
use tacit_core::ids::ParticipantId;
use tacit_core::registry::{Arguments, Value};
use tacit_core::rng::{Random, Seed};
use tacit_core::traits::{Context, Entropy, Exchange, Member, Notary, Table};
use tacit_secagg::rule::{ENTRY, SecAgg};

/// Repeatable bytes.
pub struct Seeded(pub Random);

impl Seeded {
    pub fn new(seed: u64) -> Self {
        Self(Seed::root(seed).rng())
    }
}

impl Entropy for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.0.next_u64().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// Keys of a member, vouched for by an authority.
pub struct Seal {
    me: ParticipantId,
    key: SigningKey,
    credential: Vec<u8>,
    authority: VerifyingKey,
    /// Whether it takes all signatures for good: for benchmarks of others.
    pub trusting: bool,
}

fn vouched(name: &ParticipantId, key: &[u8]) -> Vec<u8> {
    [name.as_str().as_bytes(), key].concat()
}

impl Seal {
    pub fn new(me: &ParticipantId, authority: &SigningKey) -> Self {
        let key = SigningKey::from_bytes(&Digest::of_parts("key", &[me.as_str().as_bytes()]).0);
        let public = key.verifying_key().to_bytes();
        let credential = authority.sign(&vouched(me, &public)).to_bytes().to_vec();
        let authority = authority.verifying_key();
        Self { me: me.clone(), key, credential, authority, trusting: false }
    }

    pub fn sign(&self, context: &Context, stage: u8, body: Vec<u8>) -> Letter {
        let message = Message::new(context, &self.me, stage, &body);
        let signature = hex(&self.key.sign(&message.digest().0).to_bytes());
        let key = hex(&self.key.verifying_key().to_bytes());
        Letter::new(SignedMessage { message, key, signature }, body).expect("the body is its own")
    }
}

impl Notary for Seal {
    fn me(&self) -> &ParticipantId {
        &self.me
    }

    fn credential(&self) -> Vec<u8> {
        self.credential.clone()
    }

    fn verify(&self, signed: &SignedMessage, credential: &[u8]) -> Result<(), Refusal> {
        if self.trusting {
            return Ok(());
        }
        let participant = &signed.message.participant;
        let check = || {
            let key: [u8; 32] = unhex(&signed.key)?.try_into().ok()?;
            let voucher = Signature::from_slice(credential).ok()?;
            self.authority.verify(&vouched(participant, &key), &voucher).ok()?;
            let signature = Signature::from_slice(&unhex(&signed.signature)?).ok()?;
            let key = VerifyingKey::from_bytes(&key).ok()?;
            key.verify(&signed.message.digest().0, &signature).ok()
        };
        check().ok_or_else(|| Refusal::BadSignature { participant: participant.clone() })
    }
}

/// Changes what travels: a coordinator, or members, that do not follow the protocol.
pub trait Meddler {
    fn mail(&mut self, _stage: u8, _to: usize, _mail: &mut Vec<u8>) {}
    fn body(&mut self, _stage: u8, _from: usize, _body: &mut Vec<u8>) {}
}

/// Changes nothing.
pub struct Nobody;
impl Meddler for Nobody {}

/// A cohort under a rule.
pub struct World {
    pub rule: SecAgg,
    pub terms: Terms,
    pub names: Vec<ParticipantId>,
    pub seals: Vec<Arc<Seal>>,
    /// From which step on a member is silent: steps are the stages before contributions, these,
    /// and the stages after.
    pub leaves: BTreeMap<usize, u8>,
    /// Integers of a frame.
    pub frame: usize,
}

/// What came of a round.
pub struct Outcome {
    /// One sum for each group.
    pub sums: Vec<Vec<u64>>,
    /// Whose contributions are in them.
    pub roster: Vec<ParticipantId>,
    /// Members that refused to go on, and why.
    pub refused: BTreeMap<usize, Error>,
    /// Members whose message was refused, and why.
    pub caught: BTreeMap<usize, Refusal>,
    /// The largest mail and message of each stage, in bytes.
    pub bytes: Vec<(usize, usize)>,
}

pub fn arguments(changes: &[(&'static str, Value)]) -> Arguments {
    let defaults = Arguments::defaults(ENTRY.parameters).expect("all have defaults");
    changes.iter().fold(defaults, |arguments, (name, value)| arguments.with(name, value.clone()))
}

pub fn terms(size: usize, minimum: usize, (colluding, dropping): (f64, f64), bits: u32) -> Terms {
    let context =
        Context { plan: Digest::of_bytes(b"plan"), round: 3, model: Digest::of_bytes(b"model") };
    Terms { context, size, minimum, colluding, dropping, bits }
}

impl World {
    pub fn new(changes: &[(&'static str, Value)], terms: Terms) -> Self {
        let authority = SigningKey::from_bytes(&[7; 32]);
        let names: Vec<_> =
            (0..terms.size).map(|i| ParticipantId::numbered(i, terms.size)).collect();
        let seals = names.iter().map(|name| Arc::new(Seal::new(name, &authority))).collect();
        let rule = SecAgg::new(&arguments(changes)).expect("a rule");
        Self { rule, terms, names, seals, leaves: BTreeMap::new(), frame: 100 }
    }

    pub fn leaving(mut self, leaves: &[(usize, u8)]) -> Self {
        self.leaves = leaves.iter().copied().collect();
        self
    }

    /// Vectors of so many integers of the ring, for every member.
    pub fn inputs(&self, len: usize) -> Vec<Vec<u64>> {
        let mask = u64::MAX >> (64 - self.terms.bits);
        let of = |member: usize| {
            let mut rng = Seed::root(member as u64).rng();
            (0..len).map(|_| rng.next_u64() & mask).collect()
        };
        (0..self.names.len()).map(of).collect()
    }

    pub fn promise(&self) -> Result<String, Error> {
        self.rule.promise(&self.terms)
    }

    /// The sum of the inputs of those of a roster.
    pub fn sum(&self, inputs: &[Vec<u64>], roster: &[ParticipantId]) -> Vec<u64> {
        let mask = u64::MAX >> (64 - self.terms.bits);
        let mut sum = vec![0u64; inputs[0].len()];
        for name in roster {
            let member = self.names.iter().position(|other| other == name).expect("a member");
            for (total, x) in sum.iter_mut().zip(&inputs[member]) {
                *total = total.wrapping_add(*x) & mask;
            }
        }
        sum
    }

    pub fn run(&self, inputs: &[Vec<u64>]) -> Result<Outcome, Error> {
        self.meddled(inputs, &mut Nobody)
    }

    pub fn meddled(
        &self,
        inputs: &[Vec<u64>],
        meddler: &mut dyn Meddler,
    ) -> Result<Outcome, Error> {
        Round::new(self, meddler)?.run(inputs)
    }
}

/// A round as it goes.
pub struct Round<'a> {
    pub world: &'a World,
    pub meddler: &'a mut dyn Meddler,
    pub members: Vec<Box<dyn Member>>,
    pub table: Box<dyn Table>,
    /// Who still talks.
    pub alive: Vec<bool>,
    pub entropies: Vec<Seeded>,
    pub outcome: Outcome,
}

impl<'a> Round<'a> {
    pub fn new(world: &'a World, meddler: &'a mut dyn Meddler) -> Result<Self, Error> {
        let member = |seal: &Arc<Seal>| world.rule.member(&world.terms, seal.clone());
        let members = world.seals.iter().map(member).collect::<Result<_, _>>()?;
        let table = world.rule.table(&world.terms, &world.names)?;
        let outcome = Outcome {
            sums: Vec::new(),
            roster: Vec::new(),
            refused: BTreeMap::new(),
            caught: BTreeMap::new(),
            bytes: Vec::new(),
        };
        let alive = vec![true; world.names.len()];
        let entropies = (0..alive.len() as u64).map(Seeded::new).collect();
        Ok(Self { world, meddler, members, table, alive, entropies, outcome })
    }

    pub fn run(mut self, inputs: &[Vec<u64>]) -> Result<Outcome, Error> {
        let stages = self.world.rule.stages(&self.world.terms);
        for stage in 0..stages.before {
            self.stage(stage, stage)?;
        }
        let sealed = self.contribute(stages.before, inputs)?;
        for stage in stages.before..stages.count() {
            self.stage(stage, stage + 1)?;
        }
        self.open(&sealed, inputs[0].len())?;
        Ok(self.outcome)
    }

    fn leave(&mut self, step: u8) {
        for (member, first) in &self.world.leaves {
            self.alive[*member] &= *first > step;
        }
    }

    /// Everybody who still talks is asked once.
    pub fn stage(&mut self, stage: u8, step: u8) -> Result<(), Error> {
        self.leave(step);
        let mut bytes = (0, 0);
        for member in 0..self.alive.len() {
            if !self.alive[member] {
                continue;
            }
            let mut mail = self.table.mail(stage, &self.world.names[member])?;
            self.meddler.mail(stage, member, &mut mail);
            let mut body = match self.members[member].say(stage, &mail, &mut self.entropies[member])
            {
                Ok(body) => body,
                Err(error) => {
                    self.outcome.refused.insert(member, error);
                    self.alive[member] = false;
                    continue;
                }
            };
            self.meddler.body(stage, member, &mut body);
            bytes = (bytes.0.max(mail.len()), bytes.1.max(body.len()));
            let letter = self.world.seals[member].sign(&self.world.terms.context, stage, body);
            let checked = self.world.rule.credential(&letter).and_then(|credential| {
                let seal = &self.world.seals[0];
                credential.map_or(Ok(()), |credential| seal.verify(&letter.signed, &credential))
            });
            if let Err(refusal) = checked.and_then(|()| self.table.hear(&letter)) {
                self.outcome.caught.insert(member, refusal);
                self.alive[member] = false;
            }
        }
        self.outcome.bytes.push(bytes);
        self.table.close(stage)
    }

    /// Everybody who still talks seals its integers, frame by frame.
    pub fn contribute(
        &mut self,
        step: u8,
        inputs: &[Vec<u64>],
    ) -> Result<BTreeMap<ParticipantId, Vec<Vec<u8>>>, Error> {
        self.leave(step);
        let mut sealed = BTreeMap::new();
        for member in (0..self.alive.len()).filter(|member| self.alive[*member]) {
            let mut frames = Vec::new();
            for (number, frame) in inputs[member].chunks(self.world.frame).enumerate() {
                let mut bytes = Vec::new();
                self.members[member].seal(number as u32, &mut frame.to_vec(), &mut bytes)?;
                let expected = self.world.rule.frame_bytes(self.world.terms.bits, frame.len());
                assert_eq!(bytes.len(), expected);
                frames.push(bytes);
            }
            sealed.insert(self.world.names[member].clone(), frames);
        }
        self.outcome.roster = sealed.keys().cloned().collect();
        self.table.contributed(&self.outcome.roster)?;
        Ok(sealed)
    }

    /// Opens all frames, in any order of senders.
    pub fn open(
        &mut self,
        sealed: &BTreeMap<ParticipantId, Vec<Vec<u8>>>,
        len: usize,
    ) -> Result<(), Error> {
        let mut opening = self.table.open()?;
        let members = opening.members().ok().map(|members| members.iter().sum::<usize>());
        assert_eq!(members, Some(sealed.len()));
        self.outcome.sums = vec![Vec::new(); self.world.rule.rows()];
        for number in 0..len.div_ceil(self.world.frame) {
            let count = self.world.frame.min(len - number * self.world.frame);
            opening.begin(number as u32, count)?;
            for (name, frames) in sealed.iter().rev() {
                opening.add(name, &frames[number])?;
            }
            for (sum, opened) in self.outcome.sums.iter_mut().zip(opening.finish()?) {
                sum.extend(opened);
            }
        }
        Ok(())
    }
}
