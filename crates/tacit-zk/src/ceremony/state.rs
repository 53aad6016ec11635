//! The file of a ceremony under way: powers or a key, over either curve.

use super::derive::Draw;
use super::knowledge::{self, Step};
use super::points::generators;
use super::ptau::{First, Powers, Ptau};
use super::ratio::Coins;
use super::record::{By, Opening, Phase, Record, Transcript};
use super::share::{Beacon, Share};
use super::zkey::Zkey;
use super::{phase1, phase2, prepare};
use crate::curve::{Curve, Engine, with_engine};
use crate::groth16::{Keyed, ProvingKey};
use crate::r1cs::Circuit;
use ark_bls12_381::Bls12_381;
use ark_bn254::Bn254;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::traits::Entropy;

/// A file that contributions are made to.
#[derive(Clone)]
pub struct State(Inner);

#[derive(Clone)]
enum Inner {
    Bn254(Of<Bn254>),
    Bls12_381(Of<Bls12_381>),
}

/// Over one curve.
#[derive(Clone)]
pub(crate) enum Of<E: Engine> {
    Powers(Box<Ptau<E>>),
    Key(Box<Zkey<E>>),
}

/// A curve that states are over.
pub(crate) trait Stated: Keyed {
    fn wrap(of: Of<Self>) -> State;
    fn unwrap(state: &State) -> Option<&Of<Self>>;
}

impl Stated for Bn254 {
    fn wrap(of: Of<Self>) -> State {
        State(Inner::Bn254(of))
    }

    fn unwrap(state: &State) -> Option<&Of<Self>> {
        if let Inner::Bn254(of) = &state.0 { Some(of) } else { None }
    }
}

impl Stated for Bls12_381 {
    fn wrap(of: Of<Self>) -> State {
        State(Inner::Bls12_381(of))
    }

    fn unwrap(state: &State) -> Option<&Of<Self>> {
        if let Inner::Bls12_381(of) = &state.0 { Some(of) } else { None }
    }
}

/// Runs generic code on what a state holds.
macro_rules! with_state {
    ($state:expr, $of:ident => $body:expr) => {
        match &$state.0 {
            Inner::Bn254($of) => $body,
            Inner::Bls12_381($of) => $body,
        }
    };
}

/// Who contributes.
pub struct Contributor<'a> {
    /// Its name.
    pub name: &'a ParticipantId,
    /// Its Ed25519 key.
    pub key: [u8; 32],
    /// Signs a digest with that key.
    pub sign: &'a dyn Fn(&Digest) -> Vec<u8>,
}

impl State {
    /// Powers of one, before anybody contributed.
    pub fn begin_powers(curve: Curve, power: u32) -> Result<Self, Error> {
        Ok(with_engine!(curve, E => E::wrap(Of::Powers(Box::new(Ptau::new(power)?)))))
    }

    /// The key of a circuit on powers, before anybody contributed to it. Of the powers only that
    /// somebody contributed to them is checked: see [`State::verify`].
    pub fn begin_key(
        circuit: &Circuit,
        powers: &Self,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Error> {
        with_engine!(circuit.curve(), E => begin_key::<E>(circuit, powers, entropy))
    }

    /// Reads a `.ptau` or `.zkey` file. Every point is of its subgroup; what they are to each
    /// other is not checked: see [`State::verify`].
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > limits::CIRCUIT_BYTES {
            let expected = format!("at most {} bytes", limits::CIRCUIT_BYTES);
            return Err(Error::caller("ceremony file", expected, bytes.len().to_string()));
        }
        let powers = bytes.starts_with(b"ptau");
        if !powers && !bytes.starts_with(b"zkey") {
            let expected = "powers of tau (.ptau) or a key (.zkey)";
            return Err(Error::caller("ceremony file", expected, "another kind"));
        }
        for curve in Curve::ALL {
            let of = with_engine!(curve, E => {
                if powers && Ptau::<E>::is_of(bytes)? {
                    Some(E::wrap(Of::Powers(Box::new(Ptau::read(bytes)?))))
                } else if !powers && Zkey::<E>::is_of(bytes)? {
                    Some(E::wrap(Of::Key(Box::new(Zkey::read(bytes)?))))
                } else {
                    None
                }
            });
            if let Some(state) = of {
                return Ok(state);
            }
        }
        Err(Error::caller("ceremony file", "bn254 or bls12-381", "another curve"))
    }

    /// The file.
    pub fn write(&self) -> Vec<u8> {
        with_state!(self, of => match of {
            Of::Powers(powers) => powers.write(),
            Of::Key(key) => key.write(),
        })
    }

    /// Over which curve.
    pub fn curve(&self) -> Curve {
        match &self.0 {
            Inner::Bn254(_) => Curve::Bn254,
            Inner::Bls12_381(_) => Curve::Bls12_381,
        }
    }

    /// Logarithm of the powers, where it holds powers.
    pub fn power(&self) -> Option<u32> {
        with_state!(self, of => match of {
            Of::Powers(powers) => Some(powers.power),
            Of::Key(_) => None,
        })
    }

    /// The names in the file, in order; a beacon has none or one.
    pub fn names(&self) -> Vec<String> {
        with_state!(self, of => of.shares().into_iter().map(|share| share.name.clone()).collect())
    }

    /// Powers with Lagrange's bases, which circom's tools want for second phases.
    pub fn prepare(&self) -> Result<Self, Error> {
        fn prepared<E: Stated>(of: &Of<E>) -> Result<State, Error> {
            let Of::Powers(powers) = of else {
                return Err(Error::caller("ceremony file", "powers of tau", "a key"));
            };
            let lagrange = Some(prepare::prepare(powers)?);
            Ok(E::wrap(Of::Powers(Box::new(Ptau { lagrange, ..(**powers).clone() }))))
        }
        with_state!(self, of => prepared(of))
    }

    /// Checks what the file alone can show: for powers against powers of one, for a key against
    /// `first`, the key before anybody contributed, which [`State::begin_key`] derives.
    pub fn verify(&self, first: &Self, entropy: &mut dyn Entropy) -> Result<(), Error> {
        fn check<E: Stated>(
            of: &Of<E>,
            first: &State,
            entropy: &mut dyn Entropy,
        ) -> Result<(), Error> {
            match (E::unwrap(first), of) {
                (Some(Of::Powers(first)), Of::Powers(powers)) if first.power == powers.power => {
                    phase1::verify(powers, entropy)?;
                    prepare::verify(powers, &mut Coins::new(entropy)?)
                }
                (Some(Of::Key(first)), Of::Key(key)) => phase2::verify(first, key, entropy),
                _ => Err(Error::caller("ceremony file", "what was begun", "something else")),
            }
        }
        with_state!(self, of => check(of, first, entropy))
    }

    /// The proving key, pinned to the head of its transcript; refuses an insane one, such as one
    /// that nobody, or a beacon alone, contributed to.
    pub fn proving_key(&self, head: Digest) -> Result<ProvingKey, Error> {
        with_state!(self, of => match of {
            Of::Powers(_) => Err(Error::caller("ceremony file", "a key", "powers of tau")),
            Of::Key(key) => key.proving(head),
        })
    }
}

fn begin_key<E: Stated>(
    circuit: &Circuit,
    powers: &State,
    entropy: &mut dyn Entropy,
) -> Result<State, Error> {
    let (Some(r1cs), Some(Of::Powers(powers))) = (E::of(circuit), E::unwrap(powers)) else {
        return Err(Error::caller("powers of tau", E::CURVE.name(), "another curve or a key"));
    };
    Ok(E::wrap(Of::Key(Box::new(phase2::begin(r1cs, powers, entropy)?))))
}

impl<E: Stated> Of<E> {
    fn shares(&self) -> Vec<&Share> {
        match self {
            Self::Powers(powers) => powers.contributions.iter().map(|made| &made.share).collect(),
            Self::Key(key) => key.contributions.iter().map(|made| &made.share).collect(),
        }
    }

    /// By what each secret moved in contribution number `index`; none where there is none.
    pub(super) fn steps(&self, index: usize) -> Vec<Step<E>> {
        match self {
            Self::Powers(powers) => {
                let made = &powers.contributions;
                let ones = First::ones();
                let before = index.checked_sub(1).map_or(&ones, |last| &made[last].after);
                let Some(Powers { after, .. }) = made.get(index) else { return Vec::new() };
                vec![
                    (before.tau_g1, after.tau_g1),
                    (before.alpha_g1, after.alpha_g1),
                    (before.beta_g1, after.beta_g1),
                ]
            }
            Self::Key(key) => {
                let made = &key.contributions;
                let one = generators::<E>().0;
                let before = index.checked_sub(1).map_or(one, |last| made[last].after);
                made.get(index).map(|delta| (before, delta.after)).into_iter().collect()
            }
        }
    }

    /// How many secrets a contribution has.
    fn secrets(&self) -> usize {
        match self {
            Self::Powers(_) => phase1::SECRETS,
            Self::Key(_) => phase2::SECRETS,
        }
    }

    /// The same with a contribution.
    fn moved(&self, draw: &mut Draw<E::ScalarField>, share: Share) -> Result<Self, Error> {
        Ok(match self {
            Self::Powers(powers) => {
                Self::Powers(Box::new(phase1::contribute(powers, draw, share)?))
            }
            Self::Key(key) => Self::Key(Box::new(phase2::contribute(key, draw, share)?)),
        })
    }

    /// The same with a beacon's contribution.
    fn ended(&self, beacon: &Beacon) -> Result<Self, Error> {
        self.moved(&mut Draw::beacon(self.secrets(), beacon)?, Share::of_beacon(beacon))
    }
}

impl Transcript {
    /// Opens a ceremony on its first file.
    pub fn open(first: &State, phase: Phase, announced: String) -> Self {
        let file = Digest::of_bytes(&first.write());
        let opening = Opening { curve: first.curve(), phase, first: file, announced };
        Self { opening, records: Vec::new() }
    }

    /// Contributes to the current file; gives the next one and its record.
    pub fn contribute(
        &self,
        file: &[u8],
        who: &Contributor<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<(Vec<u8>, Record), Error> {
        let state = self.current(file)?;
        with_state!(state, of => self.contribute_to(of, who, entropy))
    }

    fn contribute_to<E: Stated>(
        &self,
        of: &Of<E>,
        who: &Contributor<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<(Vec<u8>, Record), Error> {
        let mut draw = Draw::random(of.secrets(), entropy)?;
        let after = of.moved(&mut draw, Share::of(who.name))?;
        self.seal(after, &draw.secrets, who, entropy)
    }

    /// The file of a state, and a record that shows who knows the secrets of its last contribution.
    pub(super) fn seal<E: Stated>(
        &self,
        after: Of<E>,
        secrets: &[E::ScalarField],
        who: &Contributor<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<(Vec<u8>, Record), Error> {
        let steps = after.steps(self.records.len());
        let file = E::wrap(after).write();
        let by = By::Contributor {
            name: who.name.clone(),
            key: who.key.to_vec(),
            knowledge: Vec::new(),
            signature: Vec::new(),
        };
        let mut record = self.record(Digest::of_bytes(&file), by);
        let shown = knowledge::show::<E>(&record.binding(), &steps, secrets, entropy)?;
        if let By::Contributor { knowledge, .. } = &mut record.by {
            *knowledge = shown;
        }
        record.sign(who.sign);
        Ok((file, record))
    }

    /// Ends the ceremony with a public value.
    pub fn end(&self, file: &[u8], beacon: Beacon) -> Result<(Vec<u8>, Record), Error> {
        let state = self.current(file)?;
        let file = with_state!(state, of => Stated::wrap(of.ended(&beacon)?).write());
        let record = self.record(Digest::of_bytes(&file), By::Beacon(beacon));
        Ok((file, record))
    }

    pub(super) fn record(&self, after: Digest, by: By) -> Record {
        let number = self.records.len() as u32 + 1;
        Record { number, head: self.head(), before: self.file(), after, by }
    }

    /// The state in the current file.
    fn current(&self, file: &[u8]) -> Result<State, Error> {
        if self.is_ended() {
            return Err(Error::caller("ceremony", "one under way", "one that a beacon ended"));
        }
        self.named(file)
    }

    fn named(&self, file: &[u8]) -> Result<State, Error> {
        let found = Digest::of_bytes(file);
        if found != self.file() {
            return Err(Error::caller("ceremony file", self.file().to_string(), found.to_string()));
        }
        let state = State::read(file)?;
        if state.curve() != self.opening.curve {
            let found = state.curve().name();
            return Err(Error::caller("ceremony file", self.opening.curve.name(), found));
        }
        Ok(state)
    }

    /// Takes a contribution that somebody sent; refuses it unless the whole ceremony with it
    /// verifies and it left the contributions before it as they were.
    pub fn accept(
        &self,
        first: &State,
        (before, after): (&[u8], &[u8]),
        record: Record,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, Error> {
        let longer = self.with(record)?;
        let before = self.named(before)?;
        let after = longer.checked(first, after, entropy)?;
        if !extends(&before, &after, self.records.len()) {
            let found = "others than before";
            return Err(Error::caller("ceremony file", "the contributions so far", found));
        }
        Ok(longer)
    }

    /// Checks a whole ceremony on its current file: the file against the first one, every record
    /// against what the file has of it. The chain and the signatures were checked when the
    /// transcript was read.
    pub fn verify(
        &self,
        first: &State,
        file: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<(), Error> {
        self.checked(first, file, entropy).map(drop)
    }

    fn checked(
        &self,
        first: &State,
        file: &[u8],
        entropy: &mut dyn Entropy,
    ) -> Result<State, Error> {
        let digest = Digest::of_bytes(&first.write());
        if digest != self.opening.first {
            let expected = self.opening.first.to_string();
            return Err(Error::caller("first ceremony file", expected, digest.to_string()));
        }
        let state = self.named(file)?;
        if state.write() != file {
            return Err(Error::caller("ceremony file", "what its points make", "more than that"));
        }
        with_state!(state, of => self.check_records(of))?;
        state.verify(first, entropy)?;
        Ok(state)
    }

    fn check_records<E: Stated>(&self, of: &Of<E>) -> Result<(), Error> {
        let shares = of.shares();
        if shares.len() != self.records.len() {
            let expected = format!("{} contributions", self.records.len());
            return Err(Error::caller("ceremony file", expected, shares.len().to_string()));
        }
        for (index, (record, share)) in self.records.iter().zip(shares).enumerate() {
            let right = match &record.by {
                By::Beacon(beacon) => *share == Share::of_beacon(beacon),
                By::Contributor { name, knowledge, .. } => {
                    let known =
                        knowledge::holds::<E>(&record.binding(), &of.steps(index), knowledge);
                    *share == Share::of(name) && known
                }
            };
            if !right {
                let expected = format!("contribution {} as recorded", record.number);
                return Err(Error::caller("ceremony file", expected, "another"));
            }
        }
        Ok(())
    }
}

/// Whether the first `count` contributions are the same in both.
fn extends(before: &State, after: &State, count: usize) -> bool {
    fn same<E: Stated>(before: &Of<E>, after: &State, count: usize) -> bool {
        match (before, E::unwrap(after)) {
            (Of::Powers(before), Some(Of::Powers(after))) => {
                before.contributions[..] == after.contributions[..count]
            }
            (Of::Key(before), Some(Of::Key(after))) => {
                before.contributions[..] == after.contributions[..count]
            }
            _ => false,
        }
    }
    with_state!(before, of => same(of, after, count))
}
