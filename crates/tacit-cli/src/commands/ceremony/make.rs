//! A ceremony by files.

use super::place::{Held, Owned, Place, describe, what};
use super::{Beacon, Contribute, Finalise, New, On, Verify};
use crate::commands::pki;
use std::fs::File;
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::Path;
use tacit_audit::OsEntropy;
use tacit_core::digest::Digest;
use tacit_core::error::Error;
use tacit_core::ids::ParticipantId;
use tacit_core::limits;
use tacit_core::traits::Entropy as _;
use tacit_node::files::{Access, read_limited, write_whole};
use tacit_zk::ceremony::{self, Contributor, Opening, Phase, State, Stirred, Transcript, hex};
use tacit_zk::curve::Curve;
use tacit_zk::groth16::json;
use tacit_zk::r1cs::Circuit;
use zeroize::Zeroizing;

/// What a contributor adds to the system's entropy, in bytes: more adds nothing.
const ENTROPY_BYTES: usize = 1 << 20;
/// A line that a contributor types, in bytes: terminals give no longer ones.
const LINE_BYTES: usize = 4096;
/// A contributor's key in a file, in bytes: 64 digits and some space.
const KEY_BYTES: usize = 1024;

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    read_limited(path, limits::CIRCUIT_BYTES as u64)
}

/// Appends a secret file to bytes that are erased and have room: what grew would leave copies.
fn read_secret(path: &Path, limit: usize, into: &mut Zeroizing<Vec<u8>>) -> Result<(), Error> {
    let found = into.len();
    let file = File::open(path).map(|file| file.take(limit as u64 + 1));
    let read = file.and_then(|mut file| file.read_to_end(into));
    read.map_err(|e| Error::world(format!("reading {}", path.display()), e))?;
    if into.len() > found + limit {
        let found = format!("{} is larger", path.display());
        return Err(Error::caller("file", format!("at most {limit} bytes"), found));
    }
    Ok(())
}

/// Bytes that are erased, with room for as many and for what readers keep free.
fn room(bytes: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(bytes + 64))
}

pub fn new(args: &New) -> Result<(), Error> {
    let (first, phase) = match (&args.power, &args.circuit, &args.powers) {
        (Some(power), None, None) => {
            let curve = Curve::parse(&args.curve)
                .ok_or_else(|| Error::caller("curve", "bn254 or bls12-381", &*args.curve))?;
            (State::begin_powers(curve, *power)?, Phase::Powers { power: *power })
        }
        (None, Some(circuit), Some(powers)) => begin_key(circuit, powers)?,
        (power, _, _) => {
            let expected = "--power N, or --circuit FILE with --powers FILE";
            let found = if power.is_some() { "--powers beside --power" } else { "neither" };
            return Err(Error::caller("ceremony", expected, found));
        }
    };
    let transcript = Transcript::open(&first, phase, args.announce.clone());
    Owned::begin(&args.dir, &transcript, &first)?;
    println!("ceremony: {}", args.dir.display());
    println!("makes:    {} over {}", what(&transcript.opening.phase), first.curve());
    println!("head:     {}", transcript.head());
    Ok(())
}

/// The key of a circuit on powers that verify, before anybody contributed.
fn begin_key(circuit: &Path, powers: &Path) -> Result<(State, Phase), Error> {
    let (circuit, bytes) = (Circuit::read(&read(circuit)?)?, read(powers)?);
    let powers = State::read(&bytes)?;
    let power = powers.power();
    let power = power.ok_or_else(|| Error::caller("powers", "a .ptau file", "a .zkey file"))?;
    powers.verify(&State::begin_powers(powers.curve(), power)?, &mut OsEntropy)?;
    let first = State::begin_key(&circuit, &powers, &mut OsEntropy)?;
    let names = powers.names().into_iter().map(|name| match &*name {
        "" => "-".into(),
        name => name.escape_debug().to_string(),
    });
    // a file's names are anybody's: who they were, the transcript of the powers shows
    println!("powers:   by {}, as their file says", names.collect::<Vec<_>>().join(", "));
    let phase = Phase::Circuit { circuit: circuit.digest(), powers: Digest::of_bytes(&bytes) };
    Ok((first, phase))
}

impl On {
    /// The state that a ceremony began with, which is derived here and taken from nobody; none for
    /// keys without circuit and powers.
    fn first(&self, opening: &Opening) -> Result<Option<State>, Error> {
        match (&opening.phase, &self.circuit, &self.powers) {
            (Phase::Powers { power }, _, _) => State::begin_powers(opening.curve, *power).map(Some),
            (phase, Some(circuit), Some(powers)) => {
                let (first, found) = begin_key(circuit, powers)?;
                if found != *phase {
                    let expected = what(phase);
                    return Err(Error::caller("circuit and powers", expected, what(&found)));
                }
                Ok(Some(first))
            }
            _ => Ok(None),
        }
    }
}

/// Signs a digest.
type Sign = Box<dyn Fn(&Digest) -> Vec<u8>>;

/// Whoever signs contributions.
pub struct Signer {
    pub name: ParticipantId,
    pub key: [u8; 32],
    sign: Sign,
}

impl Signer {
    pub fn new(args: &Contribute) -> Result<Self, Error> {
        let name = pki::participant(&args.name)?;
        match (&args.pki, &args.key) {
            (Some(dir), _) => {
                let identity = pki::identity(dir, &name)?;
                let key = identity.public_key();
                Ok(Self { name, key, sign: Box::new(move |digest| identity.sign_digest(digest)) })
            }
            (None, Some(path)) => Self::of_file(name, path),
            (None, None) => Err(Error::caller("contributor", "--pki DIR or --key FILE", "neither")),
        }
    }

    fn of_file(name: ParticipantId, path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            let mut seed = Zeroizing::new([0; 32]);
            OsEntropy.fill(&mut seed[..])?;
            let mut text = Zeroizing::new(hex::encode(&seed[..]));
            text.push('\n');
            write_whole(path, text.as_bytes(), Access::Owner)?;
        }
        let mut text = room(KEY_BYTES);
        read_secret(path, KEY_BYTES, &mut text)?;
        let seed = std::str::from_utf8(&text).ok().and_then(|text| hex::decode(text.trim()));
        let seed = Zeroizing::new(seed.unwrap_or_default());
        let signer = ceremony::Signer::from_seed(&seed)?;
        let key = signer.key();
        Ok(Self { name, key, sign: Box::new(move |digest| signer.sign(digest)) })
    }

    pub fn contributor(&self) -> Contributor<'_> {
        Contributor { name: &self.name, key: self.key, sign: &*self.sign }
    }
}

/// The system's entropy with what the contributor typed or has in a file.
pub fn entropy(args: &Contribute) -> Result<Stirred, Error> {
    let mut added = room(ENTROPY_BYTES + LINE_BYTES);
    if let Some(path) = &args.entropy {
        read_secret(path, ENTROPY_BYTES, &mut added)?;
    }
    if std::io::stdin().is_terminal() {
        eprintln!("type anything nobody can guess, then return (it is mixed in):");
        let read = std::io::stdin().lock().take(LINE_BYTES as u64).read_until(b'\n', &mut added);
        read.map_err(|e| Error::world("reading what was typed", e))?;
    }
    Stirred::new(&mut OsEntropy, &added)
}

/// Checks what is to be contributed to, before a secret is drawn, and says what was not checked.
/// Gives the state that the ceremony began with, where that could be derived.
pub fn checked(
    args: &Contribute,
    transcript: &Transcript,
    file: &[u8],
) -> Result<Option<State>, Error> {
    match &args.head {
        Some(head) => {
            let kept = Digest::parse(head)
                .ok_or_else(|| Error::caller("head", "64 hexadecimal digits", &**head))?;
            if !transcript.passed(&kept) {
                let expected = format!("a transcript that passed {kept}");
                return Err(Error::caller("ceremony", expected, transcript.head().to_string()));
            }
        }
        None => eprintln!("not checked: that this is the ceremony you mean (--head)"),
    }
    let first = args.on.first(&transcript.opening)?;
    let Some(first) = first else {
        eprintln!(
            "not checked: that the key is its circuit's, on its powers, with what was contributed \
             before you (--circuit, --powers)"
        );
        return Ok(None);
    };
    transcript.verify(&first, file, &mut OsEntropy)?;
    eprintln!("checked: {} contributions before yours", transcript.records.len());
    Ok(Some(first))
}

pub fn contribute(args: &Contribute, dir: &Path) -> Result<(), Error> {
    let (place, Held { transcript, file, first }) = Owned::open(dir)?;
    let first = checked(args, &transcript, &file)?.unwrap_or(first);
    let signer = Signer::new(args)?;
    let made = transcript.contribute(&file, &signer.contributor(), &mut entropy(args)?);
    let (after, record) = made?;
    // not trusted either: a contribution of a broken machine must not end the ceremony
    let longer = transcript.accept(&first, (&file, &after), record, &mut OsEntropy)?;
    place.advance(&longer, &after)?;
    contributed(&longer);
    Ok(())
}

pub fn contributed(transcript: &Transcript) {
    if let Some(record) = transcript.records.last() {
        println!("contribution {}: {}", record.number, describe(record));
        println!("file: {}", record.after);
        println!("head: {} (keep it: the ceremony must go on from here)", transcript.head());
    }
}

pub fn beacon(args: &Beacon) -> Result<(), Error> {
    let (place, Held { transcript, file, first }) = Owned::open(&args.dir)?;
    let source = hex::decode(&args.source)
        .filter(|source| !source.is_empty() && source.len() <= 255)
        .ok_or_else(|| Error::caller("source", "1 to 255 bytes in hex digits", &*args.source))?;
    let beacon = ceremony::Beacon { source, exponent: args.exponent };
    let (after, record) = transcript.end(&file, beacon)?;
    let longer = transcript.accept(&first, (&file, &after), record, &mut OsEntropy)?;
    place.advance(&longer, &after)?;
    contributed(&longer);
    Ok(())
}

pub fn verify(args: &Verify) -> Result<(), Error> {
    let place = Place::new(&args.dir);
    verified(args, &place, &place.read()?)
}

fn verified(args: &Verify, place: &Place, held: &Held) -> Result<(), Error> {
    let first = args.on.first(&held.transcript.opening)?.ok_or_else(|| {
        let expected = "--circuit FILE and --powers FILE, which the keys are derived from";
        Error::caller("verification", expected, "neither")
    })?;
    held.transcript.verify(&first, &held.file, &mut OsEntropy)?;
    let logged = place.check_log(&held.transcript)?;
    let contributions = held.transcript.records.len();
    println!("verified: {contributions} contributions, {logged} records in the log");
    println!("head:     {}", held.transcript.head());
    Ok(())
}

pub fn finalise(args: &Finalise) -> Result<(), Error> {
    let (place, held) = Owned::open(&args.verify.dir)?;
    verified(&args.verify, &place, &held)?;
    let transcript = &held.transcript;
    if transcript.records.is_empty() {
        return Err(Error::caller("ceremony", "contributions", "none so far"));
    }
    if !(transcript.is_ended() || args.without_beacon) {
        let expected = "one that a beacon ended, or --without-beacon";
        return Err(Error::caller("ceremony", expected, "one under way"));
    }
    std::fs::create_dir_all(&args.out)
        .map_err(|e| Error::world(format!("creating {}", args.out.display()), e))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = args.out.join(name);
        write_whole(&path, bytes, Access::Shared)?;
        println!("written:  {}", path.display());
        Ok::<_, Error>(())
    };
    let state = State::read(&held.file)?;
    match transcript.opening.phase {
        Phase::Powers { .. } => write("powers.ptau", &state.prepare()?.write())?,
        Phase::Circuit { .. } => {
            let key = state.proving_key(transcript.head())?;
            write("proving.zkey", &held.file)?;
            write("verifying.key", &key.verifying().write())?;
            let text = serde_json::to_vec_pretty(&json::key(key.verifying()))
                .map_err(|_| Error::Bug("a key that JSON cannot hold"))?;
            write("verification_key.json", &text)?;
            let keys = [&held.file[..], &key.verifying().write()];
            for bytes in keys {
                write(&Digest::of_bytes(bytes).to_string(), bytes)?;
            }
            let [proving, verification] = keys.map(Digest::of_bytes);
            println!("\nin a plan, with --keys {}:", args.out.display());
            println!("[proof]\nrule = \"groth16\"\nproving_key = \"{proving}\"");
            println!("verification_key = \"{verification}\"");
            println!(
                "transcript = \"{}\"\ncurve = \"{}\"",
                transcript.head(),
                key.verifying().curve()
            );
        }
    }
    Ok(())
}

pub fn show(dir: &Path) -> Result<(), Error> {
    let held = Place::new(dir).read()?;
    let opening = &held.transcript.opening;
    println!("makes:    {} over {}", what(&opening.phase), opening.curve);
    println!("beacon:   {}", if opening.announced.is_empty() { "-" } else { &opening.announced });
    println!("first:    {}", opening.first);
    for record in &held.transcript.records {
        println!("{:>8}  {}", record.number, describe(record));
        println!("          file {}", record.after);
    }
    println!("head:     {}", held.transcript.head());
    let ended = if held.transcript.is_ended() { "ended by a beacon" } else { "under way" };
    println!("state:    {ended}, {} bytes", held.file.len());
    Ok(())
}
