//! This crate's own protocol under the tests.

use crate::adapter::{Desk, Draw, Fraud, Letter, Party, Refused, Seen, Setting, System};
use crate::world::Drawn;
use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use std::sync::Arc;
use tacit_core::codec::{self, hex, unhex};
use tacit_core::digest::Digest;
use tacit_core::error::{Error, Refusal};
use tacit_core::exchange::{self, Message, SignedMessage, Terms};
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::registry::{Arguments, Value};
use tacit_core::traits::{Context, Entropy, Exchange, Member, Notary, Table};
use tacit_secagg::graph::{self, Adversary, Graph};
use tacit_secagg::keys::{self, PublicKey, SecretKey};
use tacit_secagg::mask::{Mask, Prg, Sign, apply};
use tacit_secagg::rule::{ENTRY, SecAgg};
use tacit_secagg::shamir::share;

/// Integers of one frame: several of them are sealed.
const FRAME: usize = 50;

/// SecAgg+ against a malicious coordinator, as a plan would have it.
pub struct Tacit {
    changes: Vec<(&'static str, Value)>,
}

impl Tacit {
    pub fn new() -> Self {
        Self { changes: Vec::new() }
    }

    pub fn hybrid() -> Self {
        let agreement = Value::Text("x25519-ml-kem-768".into());
        Self { changes: vec![("agreement", agreement)] }
    }

    fn rule(&self) -> SecAgg {
        let defaults = Arguments::defaults(ENTRY.parameters).unwrap();
        let with =
            |of: Arguments, (name, value): &(&'static str, Value)| of.with(name, value.clone());
        SecAgg::new(&self.changes.iter().fold(defaults, with)).unwrap()
    }
}

fn name(setting: &Setting, number: usize) -> ParticipantId {
    ParticipantId::numbered(number, setting.members)
}

fn number(setting: &Setting, id: &ParticipantId) -> Option<usize> {
    (0..setting.members).find(|number| name(setting, *number) == *id)
}

fn terms(setting: &Setting) -> Terms {
    let share = |count: usize| count as f64 / setting.members as f64;
    let context = Context {
        plan: Digest::of_bytes(b"plan"),
        round: setting.round,
        model: Digest::of_bytes(&[setting.model]),
    };
    Terms {
        context,
        size: setting.members,
        minimum: setting.minimum,
        colluding: share(setting.colluding),
        dropping: share(setting.leaving),
        bits: setting.bits,
    }
}

/// What is refused, and whom it names.
fn refused(setting: &Setting, error: Error) -> Refused {
    let named = match &error {
        Error::Peer(
            Refusal::Inconsistent { participant, .. }
            | Refusal::BadSignature { participant }
            | Refusal::Duplicate { participant, .. }
            | Refusal::NotInCohort { participant, .. },
        ) => number(setting, participant).into_iter().collect(),
        _ => Vec::new(),
    };
    Refused { why: error.to_string(), named }
}

/// Signatures of one member; a credential is its name's key, signed by an authority, or nothing
/// where signatures are only hashes.
struct Signatures {
    me: ParticipantId,
    real: bool,
}

fn key_of(name: &ParticipantId) -> SigningKey {
    SigningKey::from_bytes(&Digest::of_parts("key", &[name.as_str().as_bytes()]).0)
}

fn authority() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn vouched(name: &ParticipantId, key: &[u8]) -> Vec<u8> {
    [name.as_str().as_bytes(), key].concat()
}

/// 64 bytes that only a test takes for a signature.
fn hashed(message: &Message) -> Vec<u8> {
    let digest = message.digest().0;
    let name = message.participant.as_str().as_bytes();
    [Digest::of_parts("quick", &[name, &digest]).0, digest].concat()
}

impl Signatures {
    fn new(setting: &Setting, number: usize) -> Self {
        Self { me: name(setting, number), real: setting.signatures }
    }

    fn sign(&self, message: Message) -> SignedMessage {
        if !self.real {
            let signature = hex(&hashed(&message));
            return SignedMessage { message, key: hex(&[1; 32]), signature };
        }
        let key = key_of(&self.me);
        let signature = hex(&key.sign(&message.digest().0).to_bytes());
        SignedMessage { message, key: hex(key.verifying_key().as_bytes()), signature }
    }
}

impl Notary for Signatures {
    fn me(&self) -> &ParticipantId {
        &self.me
    }

    fn credential(&self) -> Vec<u8> {
        if !self.real {
            return Vec::new();
        }
        let key = key_of(&self.me).verifying_key();
        authority().sign(&vouched(&self.me, key.as_bytes())).to_bytes().to_vec()
    }

    fn verify(&self, signed: &SignedMessage, credential: &[u8]) -> Result<(), Refusal> {
        let participant = &signed.message.participant;
        let check = || {
            let signature = unhex(&signed.signature)?;
            if !self.real {
                return (signature == hashed(&signed.message)).then_some(());
            }
            let key: [u8; 32] = unhex(&signed.key)?.try_into().ok()?;
            let voucher = Signature::from_slice(credential).ok()?;
            let authority = authority().verifying_key();
            authority.verify(&vouched(participant, &key), &voucher).ok()?;
            let key = VerifyingKey::from_bytes(&key).ok()?;
            let signature = Signature::from_slice(&signature).ok()?;
            key.verify(&signed.message.digest().0, &signature).ok()
        };
        check().ok_or_else(|| Refusal::BadSignature { participant: participant.clone() })
    }
}

struct Source<'a>(&'a mut dyn Draw);

impl Entropy for Source<'_> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.draw(bytes);
        Ok(())
    }
}

struct OneMember {
    setting: Setting,
    member: Box<dyn Member>,
}

impl Party for OneMember {
    fn say(&mut self, stage: u8, mail: &[u8], draw: &mut dyn Draw) -> Result<Vec<u8>, Refused> {
        let said = self.member.say(stage, mail, &mut Source(draw));
        said.map_err(|error| refused(&self.setting, error))
    }

    fn contribute(&mut self, integers: &[u64], _draw: &mut dyn Draw) -> Result<Vec<u8>, Refused> {
        let mut sealed = Vec::new();
        for (number, frame) in integers.chunks(FRAME).enumerate() {
            let found = self.member.seal(number as u32, &mut frame.to_vec(), &mut sealed);
            found.map_err(|error| refused(&self.setting, error))?;
        }
        Ok(sealed)
    }
}

struct OneTable {
    setting: Setting,
    rule: SecAgg,
    checks: bool,
    table: Box<dyn Table>,
}

impl OneTable {
    fn check(&self, letter: &exchange::Letter) -> Result<(), Refusal> {
        let signed = &letter.signed;
        let sender = number(&self.setting, letter.sender()).unwrap_or(0);
        let signatures = Signatures::new(&self.setting, sender);
        let credential = self.rule.credential(letter)?;
        signatures.verify(signed, &credential.unwrap_or_else(|| signatures.credential()))
    }

    fn refused(&self, error: impl Into<Error>) -> Refused {
        refused(&self.setting, error.into())
    }
}

impl Desk for OneTable {
    fn hear(&mut self, letter: &Letter) -> Result<(), Refused> {
        let signed: SignedMessage =
            codec::decode("letter", &letter.seal, 10_000).map_err(|error| self.refused(error))?;
        let letter = if self.checks {
            exchange::Letter::new(signed, letter.body.clone())
        } else {
            Ok(exchange::Letter { signed, body: letter.body.clone() })
        };
        let letter = letter.map_err(|error| self.refused(error))?;
        if self.checks {
            self.check(&letter).map_err(|error| self.refused(error))?;
        }
        self.table.hear(&letter).map_err(|error| refused(&self.setting, error.into()))
    }

    fn close(&mut self, stage: u8) -> Result<(), Refused> {
        self.table.close(stage).map_err(|error| refused(&self.setting, error))
    }

    fn contributed(&mut self, roster: &[usize]) -> Result<(), Refused> {
        let roster: Vec<_> = roster.iter().map(|member| name(&self.setting, *member)).collect();
        self.table.contributed(&roster).map_err(|error| refused(&self.setting, error))
    }

    fn mail(&self, stage: u8, to: usize) -> Result<Vec<u8>, Refused> {
        self.table.mail(stage, &name(&self.setting, to)).map_err(|error| self.refused(error))
    }

    fn open(&self, contributions: &[(usize, Vec<u8>)], len: usize) -> Result<Vec<u64>, Refused> {
        let mut opening = self.table.open().map_err(|error| self.refused(error))?;
        let bytes = |count: usize| self.rule.frame_bytes(self.setting.bits, count);
        let (mut sum, mut start) = (Vec::new(), 0);
        for (number, count) in frames(len).enumerate() {
            let end = start + bytes(count);
            opening.begin(number as u32, count).map_err(|error| self.refused(error))?;
            for (member, sealed) in contributions {
                let frame = sealed.get(start..end).unwrap_or_default();
                let added = opening.add(&name(&self.setting, *member), frame);
                added.map_err(|error| self.refused(error))?;
            }
            let rows = opening.finish().map_err(|error| self.refused(error))?;
            sum.extend(rows.iter().flatten());
            start = end;
        }
        Ok(sum)
    }
}

fn frames(len: usize) -> impl Iterator<Item = usize> {
    (0..len.div_ceil(FRAME)).map(move |number| FRAME.min(len - number * FRAME))
}

/// A length before bytes, as the messages have it.
fn length(mut count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while count > 127 {
        bytes.push(count as u8 | 128);
        count >>= 7;
    }
    bytes.push(count as u8);
    bytes
}

/// Where in a message of shares what each neighbour is handed lies: after a commitment and a count,
/// and all of one length.
fn handed(message: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let (start, count) = (34, usize::from(message[33]));
    let each = (message.len() - start) / count;
    (0..count).map(move |place| start + place * each..start + (place + 1) * each)
}

/// What a session is called: by its terms and everything that was signed in stage 0.
fn session(setting: &Setting, letters: &[Letter]) -> Digest {
    let digest = |letter: &Letter| {
        let signed: SignedMessage = codec::decode("letter", &letter.seal, 10_000).unwrap();
        signed.message.digest().0
    };
    let adverts = letters.iter().filter(|letter| letter.stage == 0);
    let digests: Vec<u8> = adverts.flat_map(digest).collect();
    let parts = [&terms(setting).digest().0[..], &0u32.to_le_bytes(), &digests];
    Digest::of_parts("tacit/v1/secagg/session", &parts)
}

impl System for Tacit {
    fn stages(&self) -> (u8, u8) {
        (3, 2)
    }

    fn roster_stage(&self) -> u8 {
        3
    }

    fn share_stage(&self) -> u8 {
        1
    }

    fn fewest(&self, setting: &Setting, _: usize) -> usize {
        let majority = (setting.members + setting.colluding) / 2 + 1;
        majority.max(setting.minimum).max(setting.colluding + 2)
    }

    fn member(&self, setting: &Setting, number: usize) -> Box<dyn Party> {
        let notary = Arc::new(Signatures::new(setting, number));
        let member = self.rule().member(&terms(setting), notary).unwrap();
        Box::new(OneMember { setting: setting.clone(), member })
    }

    fn coordinator(&self, setting: &Setting, checks: bool) -> Box<dyn Desk> {
        let names: Vec<_> = (0..setting.members).map(|number| name(setting, number)).collect();
        let rule = self.rule();
        let table = rule.table(&terms(setting), &names).unwrap();
        Box::new(OneTable { setting: setting.clone(), rule, checks, table })
    }

    fn sign(&self, setting: &Setting, sender: usize, stage: u8, body: Vec<u8>) -> Letter {
        let signatures = Signatures::new(setting, sender);
        let message = Message::new(&terms(setting).context, &signatures.me, stage, &body);
        Letter { sender, stage, body, seal: codec::encode(&signatures.sign(message)) }
    }

    fn relabel(&self, setting: &Setting, sender: usize, letter: &Letter) -> Letter {
        let mut signed: SignedMessage = codec::decode("letter", &letter.seal, 10_000).unwrap();
        let context = terms(setting).context;
        signed.message.participant = name(setting, sender);
        (signed.message.round, signed.message.model) = (context.round, context.model);
        Letter { sender, seal: codec::encode(&signed), ..letter.clone() }
    }

    fn roster(&self, setting: &Setting, roster: &[usize]) -> Vec<u8> {
        let mut bits = vec![0u8; setting.members.div_ceil(8)];
        roster.iter().for_each(|member| bits[member / 8] |= 1 << (member % 8));
        [length(bits.len()), bits].concat()
    }

    fn proof(&self, setting: &Setting, roster: &[usize], confirmed: &[Letter]) -> Vec<u8> {
        let mut mail = self.roster(setting, roster);
        mail.extend(length(confirmed.len()));
        for letter in confirmed {
            let signed: SignedMessage = codec::decode("letter", &letter.seal, 10_000).unwrap();
            let signature = unhex(&signed.signature).unwrap();
            mail.extend(length(letter.sender));
            mail.extend(length(signature.len()));
            mail.extend(signature);
        }
        mail
    }

    fn splice(&self, _setting: &Setting, one: &[u8], other: &[u8]) -> Option<Vec<u8>> {
        let mut message = one.to_vec();
        for handed in handed(one).step_by(2) {
            message[handed.clone()].copy_from_slice(&other[handed]);
        }
        Some(message)
    }

    fn misdeal(
        &self,
        setting: &Setting,
        seen: &Seen<'_>,
        dealt: &[u8],
        fraud: Fraud,
    ) -> Option<Vec<u8>> {
        let (neighbours, threshold) = self.neighbours(setting, seen.letters, seen.member);
        let session = session(setting, seen.letters);
        // The keys that shares are sealed with are drawn last.
        let own = SecretKey::from_seed(seen.drawn.last_chunk()?).ok()?;
        let draws = &mut Drawn::new(5, seen.member, 0);
        let others = share(&[9; 32], threshold, neighbours.len(), &mut Source(draws)).ok()?;
        let mut message = dealt.to_vec();
        for ((holder, other), at) in neighbours.into_iter().zip(&others).zip(handed(dealt)) {
            let pair = [seen.member as u64, holder as u64].map(u64::to_le_bytes).concat();
            let info = |purpose: &[u8]| [purpose, &session.0, &pair].concat();
            let advert = seen.letters.iter().find(|letter| letter.sender == holder)?;
            let theirs = PublicKey::from_bytes(advert.body.last_chunk::<32>()?).ok()?;
            let (secret, _) = keys::initiate(&own, &theirs, &info(b"seal")).ok()?;
            // What is sealed, after its length; then two commitments, each after its length.
            let entry = &mut message[at];
            let (sealed, rest) = entry.split_at_mut(142);
            let beside = |rest: &[u8]| [&rest[1..33], &rest[34..66]].concat();
            let mut plain = keys::unseal(&secret, &beside(rest), &sealed[2..]).ok()?;
            plain[..40].copy_from_slice(&other.to_bytes()[..]);
            if fraud == Fraud::OtherKey {
                let parts = [&info(b"share of key")[..], &plain[40..56], &plain[..40]];
                let commitment = Digest::of_parts("tacit/v1/secagg/share", &parts);
                rest[1..33].copy_from_slice(&commitment.0);
            }
            sealed[2..].copy_from_slice(&keys::seal(&secret, &beside(rest), &plain));
            if fraud == Fraud::OtherShare {
                break;
            }
        }
        Some(message)
    }

    fn recommit(&self, one: &[u8], other: &[u8]) -> Option<Vec<u8>> {
        Some([&one[..33], &other[33..]].concat())
    }

    fn spoil(&self, _setting: &Setting, message: &[u8]) -> Option<Vec<u8>> {
        let mut spoiled = message.to_vec();
        // Beyond the length of what is sealed.
        handed(message).for_each(|handed| spoiled[handed.start + 10] ^= 1);
        Some(spoiled)
    }

    fn useless_key(&self, _setting: &Setting, message: &[u8]) -> Option<Vec<u8>> {
        // The last 32 bytes are a point of the curve: zero is of order four.
        let (rest, _) = message.split_last_chunk::<32>()?;
        Some([rest, &[0; 32]].concat())
    }

    fn revealed_mask(&self, setting: &Setting, seen: &Seen<'_>) -> Vec<u64> {
        let session = session(setting, seen.letters);
        let number = (seen.member as u64).to_le_bytes();
        let info = [&b"own"[..], &session.0, &number, &number].concat();
        // The seed of the own mask is drawn first.
        let own: [u8; 32] = *seen.drawn.first_chunk().unwrap();
        let seed = keys::derive(&own, "tacit/v1/secagg/own", &info);
        let mask = Mask::new(Prg::Aes128Ctr, seed.as_bytes());
        let mut words = Vec::new();
        for (number, count) in frames(seen.len).enumerate() {
            let mut frame = vec![0u32; count];
            let offset = number * 4 * limits::CHUNK_VALUES;
            apply(&mut frame, offset as u64, &[(&mask, Sign::Plus)]);
            words.extend(frame.into_iter().map(u64::from));
        }
        words
    }

    fn neighbours(&self, setting: &Setting, keys: &[Letter], member: usize) -> (Vec<usize>, usize) {
        let fraction = |count: usize| match count {
            0 => 0.0,
            _ => (count as f64 + 0.5) / setting.members as f64,
        };
        let adversary = Adversary {
            colluding: fraction(setting.colluding),
            dropping: fraction(setting.leaving),
            security_bits: 80.0,
            liveness_bits: 30.0,
        };
        let fewest = setting.minimum.max(setting.colluding + 2);
        let topology = graph::design_of_fewest(setting.members, fewest, &adversary).unwrap();
        let session = session(setting, keys);
        let seed = Digest::of_parts("tacit/v1/secagg/graph", &[&session.0]);
        let graph = Graph::draw(setting.members, topology.degree, &seed.0);
        let of = graph.of(member as u32).into_iter().map(|other| other as usize).collect();
        (of, topology.threshold)
    }

    fn fewer_shares(
        &self,
        setting: &Setting,
        neighbours: &[usize],
        mail: &[u8],
        shared: &[usize],
    ) -> Option<Vec<u8>> {
        let start = self.roster(setting, &[]).len() + 1;
        let each = (mail.len() - start) / neighbours.len();
        let left = |place: &usize| shared.contains(&neighbours[*place]);
        let places: Vec<usize> = (0..neighbours.len()).filter(left).collect();
        let mut fewer = [self.roster(setting, shared), length(places.len())].concat();
        places.iter().for_each(|place| fewer.extend(&mail[start + place * each..][..each]));
        Some(fewer)
    }

    fn hand_over(&self, mail: &[u8], of: usize, dealt: &[u8], place: usize) -> Option<Vec<u8>> {
        let dealt = &dealt[handed(dealt).nth(place)?];
        // After a set of less than nine members and a count.
        let start = 3 + of * dealt.len();
        let mut mail = mail.to_vec();
        mail.get_mut(start..start + dealt.len())?.copy_from_slice(dealt);
        Some(mail)
    }

    fn borrow_key(&self, mine: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
        Some([mine.split_last_chunk::<32>()?.0, theirs.split_last_chunk::<32>()?.1].concat())
    }

    fn complain(&self, _setting: &Setting, of: &[usize]) -> Option<Vec<u8>> {
        let mut body = length(of.len());
        of.iter().for_each(|member| body.extend(length(*member)));
        Some(body)
    }
}
