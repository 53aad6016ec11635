//! What a round of SecAgg+ costs one member and the coordinator, on one core:
//! `cargo bench -p tacit-secagg --bench round`.
//!
//! CPU seconds of this thread, for a million parameters of 32 bits. All messages are those of real
//! rounds, in which but one member trust what others sign; contributions are made up where sums
//! are opened, as their values do not matter.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Meddler, Round, World, terms};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use tacit_core::error::Error;
use tacit_core::registry::Value;
use tacit_core::traits::{Entropy, Exchange, Member};

const VALUES: usize = 1_000_000;
const FRAME: usize = 16_384;

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

/// A member whose time is taken: by stage, and for sealing.
struct Timed(Box<dyn Member>, Arc<Mutex<BTreeMap<String, f64>>>);

impl Timed {
    fn add(&self, name: String, start: f64) {
        *self.1.lock().unwrap().entry(name).or_default() += cpu_seconds() - start;
    }
}

impl Member for Timed {
    fn say(&mut self, stage: u8, mail: &[u8], entropy: &mut dyn Entropy) -> Result<Vec<u8>, Error> {
        let start = cpu_seconds();
        let body = self.0.say(stage, mail, entropy);
        self.add(format!("stage {stage}"), start);
        body
    }

    fn seal(&mut self, _: u32, _: &mut [u64], out: &mut Vec<u8>) -> Result<(), Error> {
        let start = cpu_seconds();
        for frame in 0..VALUES.div_ceil(FRAME) {
            let mut integers = vec![7; FRAME.min(VALUES - frame * FRAME)];
            out.clear();
            self.0.seal(frame as u32, &mut integers, out)?;
            black_box(&out);
        }
        self.add("sealing".into(), start);
        out.truncate(4);
        Ok(())
    }
}

/// What was said, to be said again to a table that is measured.
#[derive(Default)]
struct Recorder(Vec<(u8, usize, Vec<u8>)>);

impl Meddler for Recorder {
    fn body(&mut self, stage: u8, from: usize, body: &mut Vec<u8>) {
        self.0.push((stage, from, body.clone()));
    }
}

fn world(changes: &[(&'static str, &str)], size: usize, shares: (f64, f64)) -> World {
    let changes: Vec<_> =
        changes.iter().map(|(name, value)| (*name, Value::Text((*value).into()))).collect();
    let mut world =
        World::new(&changes, terms(size, size - (shares.1 * size as f64) as usize, shares, 32));
    for seal in &mut world.seals[1..] {
        Arc::get_mut(seal).unwrap().trusting = true;
    }
    world.frame = 1;
    println!("\n{size} members: {}", world.promise().unwrap());
    world
}

fn member(name: &str, changes: &[(&'static str, &str)], size: usize) {
    let world = world(changes, size, (0.1, 0.1));
    let mut recorder = Recorder::default();
    let mut round = Round::new(&world, &mut recorder).unwrap();
    let times = Arc::new(Mutex::new(BTreeMap::new()));
    let seal = world.seals[0].clone();
    let member = world.rule.member(&world.terms, seal).unwrap();
    round.members[0] = Box::new(Timed(member, times.clone()));
    let stages = world.rule.stages(&world.terms);
    for stage in 0..stages.before {
        round.stage(stage, stage).unwrap();
    }
    round.contribute(stages.before, &vec![vec![1]; size]).unwrap();
    for stage in stages.before..stages.count() {
        round.stage(stage, stage + 1).unwrap();
    }
    let bytes = round.outcome.bytes.clone();
    let times = times.lock().unwrap();
    println!("{name}, CPU seconds: {:.3}", times.values().sum::<f64>());
    times.iter().for_each(|(name, seconds)| println!("    {name:<10} {seconds:>8.4}"));
    let (mail, said): (Vec<usize>, Vec<usize>) = bytes.into_iter().unzip();
    println!("    bytes of mail {mail:?}, of messages {said:?}");
}

fn table(name: &str, changes: &[(&'static str, &str)], size: usize, dropped: f64) {
    let leaving: Vec<_> = (0..(dropped * size as f64) as usize).map(|member| (member, 3)).collect();
    let world = world(changes, size, (0.1, dropped)).leaving(&leaving);
    let mut recorder = Recorder::default();
    let outcome = world.meddled(&vec![vec![1]; size], &mut recorder).unwrap();
    assert_eq!(outcome.roster.len(), size - leaving.len());
    let sign = |(stage, from, body): (u8, usize, Vec<u8>)| {
        (stage, world.seals[from].sign(&world.terms.context, stage, body))
    };
    let letters: Vec<_> = recorder.0.into_iter().map(sign).collect();
    let start = cpu_seconds();
    let mut table = world.rule.table(&world.terms, &world.names).unwrap();
    let stages = world.rule.stages(&world.terms);
    for stage in 0..stages.count() {
        if stage == stages.before {
            table.contributed(&outcome.roster).unwrap();
        }
        for (of, letter) in &letters {
            if *of == stage {
                black_box(table.mail(stage, letter.sender()).unwrap());
                table.hear(letter).unwrap();
            }
        }
        table.close(stage).unwrap();
    }
    let (talk, start) = (cpu_seconds() - start, cpu_seconds());
    let mut opening = table.open().unwrap();
    let (ready, start) = (cpu_seconds() - start, cpu_seconds());
    let made_up: Vec<u8> = (0..4 * FRAME).map(|i| (i * 167) as u8).collect();
    for frame in 0..VALUES.div_ceil(FRAME) {
        let count = FRAME.min(VALUES - frame * FRAME);
        opening.begin(frame as u32, count).unwrap();
        for sender in &outcome.roster {
            opening.add(sender, &made_up[..4 * count]).unwrap();
        }
        black_box(opening.finish().unwrap());
    }
    let open = cpu_seconds() - start;
    println!(
        "{name}, {} dropped, CPU seconds: {:.2}; talk {talk:.2}, secrets {ready:.2}, sums {open:.2}",
        leaving.len(),
        talk + ready + open,
    );
}

fn main() {
    const SEMI: (&str, &str) = ("adversary", "semi-honest");
    member("a member", &[], 101);
    member("a member, hybrid keys", &[("agreement", "x25519-ml-kem-768")], 101);
    member("a member, coordinator semi-honest", &[SEMI], 101);
    table("100 x 1M", &[], 100, 0.1);
    for dropped in [0.1, 0.3] {
        table("1,000 x 1M, semi-honest", &[SEMI], 1000, dropped);
        table("1,000 x 1M, malicious", &[], 1000, dropped);
    }
}
