//! Whole rounds of secure aggregation as `bench/secagg/run` sets them against another system's:
//! `cargo bench -p tacit-secagg --bench rival`.
//!
//! A hundred members with a million integers of 32 bits; ten leave after they shared their
//! secrets. Seconds of CPU time of this thread, for a member the mean of all. The coordinator's
//! include the signatures that it checks of members. The last line is JSON, for `bench/secagg/run`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{Seeded, World, terms};
use std::collections::BTreeMap;
use tacit_core::exchange::Letter;
use tacit_core::registry::Value;
use tacit_core::traits::{Exchange, Member, Notary, Table};
use tacit_secagg::graph::{self, Adversary};
use tacit_secagg::shamir::{Combiner, share};

const MEMBERS: usize = 100;
const LEAVE: usize = 10;
const VALUES: usize = 1_000_000;
/// Integers that are sealed at a time.
const FRAME: usize = 65_536;
/// What is fast is repeated.
const TIMES: u32 = 2_000;

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

fn timed<T>(seconds: &mut f64, work: impl FnOnce() -> T) -> T {
    let start = cpu_seconds();
    let result = work();
    *seconds += cpu_seconds() - start;
    result
}

#[derive(Default)]
struct Cost {
    /// Of all members: talking, and masking.
    talking: f64,
    masking: f64,
    coordinator: f64,
    /// What the first member sent: messages, and masked integers.
    said: usize,
    sealed: usize,
}

struct Round<'a> {
    world: &'a World,
    members: Vec<Box<dyn Member>>,
    table: Box<dyn Table>,
    entropy: Seeded,
    cost: Cost,
}

impl Round<'_> {
    fn stage(&mut self, stage: u8, present: usize) {
        for member in 0..present {
            let name = &self.world.names[member];
            let mail = timed(&mut self.cost.coordinator, || self.table.mail(stage, name).unwrap());
            let entropy = &mut self.entropy;
            let letter: Letter = timed(&mut self.cost.talking, || {
                let body = self.members[member].say(stage, &mail, entropy).unwrap();
                self.world.seals[member].sign(&self.world.terms.context, stage, body)
            });
            if member == 0 {
                self.cost.said += letter.body.len();
            }
            let seal = &self.world.seals[member];
            timed(&mut self.cost.coordinator, || {
                seal.verify(&letter.signed, &seal.credential()).unwrap();
                self.table.hear(&letter).unwrap();
            });
        }
        timed(&mut self.cost.coordinator, || self.table.close(stage).unwrap());
    }

    fn contribute(&mut self, present: usize) -> Vec<Vec<Vec<u8>>> {
        let mut all = Vec::with_capacity(present);
        for (number, member) in self.members[..present].iter_mut().enumerate() {
            let mut frames = Vec::new();
            for frame in 0..VALUES.div_ceil(FRAME) {
                let mut integers = vec![7; FRAME.min(VALUES - frame * FRAME)];
                let mut out = Vec::with_capacity(4 * FRAME);
                timed(&mut self.cost.masking, || {
                    member.seal(frame as u32, &mut integers, &mut out).unwrap();
                });
                frames.push(out);
            }
            if number == 0 {
                self.cost.sealed = frames.iter().map(Vec::len).sum();
            }
            all.push(frames);
        }
        let roster = &self.world.names[..present];
        timed(&mut self.cost.coordinator, || self.table.contributed(roster).unwrap());
        all
    }

    fn open(&mut self, sealed: &[Vec<Vec<u8>>]) {
        let mut opening = timed(&mut self.cost.coordinator, || self.table.open().unwrap());
        for frame in 0..VALUES.div_ceil(FRAME) {
            timed(&mut self.cost.coordinator, || {
                opening.begin(frame as u32, FRAME.min(VALUES - frame * FRAME)).unwrap();
                for (name, frames) in self.world.names.iter().zip(sealed) {
                    opening.add(name, &frames[frame]).unwrap();
                }
                let sums = opening.finish().unwrap();
                assert!(sums[0].iter().all(|sum| *sum == 7 * sealed.len() as u64));
            });
        }
    }
}

fn round(agreement: &str, colluding: f64) -> Cost {
    let changes = [("agreement", Value::Text(agreement.into()))];
    let world = World::new(&changes, terms(MEMBERS, MEMBERS / 2, (colluding, 0.1), 32));
    let members = world.seals.iter();
    let members = members.map(|seal| world.rule.member(&world.terms, seal.clone()).unwrap());
    let mut round = Round {
        members: members.collect(),
        table: world.rule.table(&world.terms, &world.names).unwrap(),
        entropy: Seeded::new(1),
        cost: Cost::default(),
        world: &world,
    };
    let stages = world.rule.stages(&world.terms);
    for stage in 0..stages.before {
        round.stage(stage, MEMBERS);
    }
    let sealed = round.contribute(MEMBERS - LEAVE);
    for stage in stages.before..stages.count() {
        round.stage(stage, MEMBERS - LEAVE);
    }
    round.open(&sealed);
    round.cost.talking /= MEMBERS as f64;
    round.cost.masking /= (MEMBERS - LEAVE) as f64;
    round.cost
}

/// Sharing a secret, and giving it back: the mean of many times.
fn shamir(holders: usize, threshold: usize) -> (f64, f64) {
    let (mut sharing, mut combining, mut entropy) = (0.0, 0.0, Seeded::new(2));
    let mut shares = Vec::new();
    timed(&mut sharing, || {
        for _ in 0..TIMES {
            shares = share(&[9; 32], threshold, holders, &mut entropy).unwrap();
        }
    });
    timed(&mut combining, || {
        for _ in 0..TIMES {
            let places: Vec<u32> = (0..threshold as u32).collect();
            let combiner = Combiner::new(holders, &places).unwrap();
            let some: Vec<_> = shares[..threshold].iter().collect();
            assert_eq!(*combiner.combine(&some).unwrap(), [9; 32]);
        }
    });
    (sharing / f64::from(TIMES), combining / f64::from(TIMES))
}

fn main() {
    let mut found = BTreeMap::new();
    for (agreement, colluding) in [("x25519", 0.05), ("x25519", 0.42), ("x25519-ml-kem-768", 0.42)]
    {
        let adversary =
            Adversary { colluding, dropping: 0.1, security_bits: 80.0, liveness_bits: 30.0 };
        let graph = graph::design(MEMBERS, &adversary).unwrap();
        let cost = round(agreement, colluding);
        println!(
            "{agreement}, {} of {} neighbours: member {:.3} s of which masks {:.3} s, {} bytes of \
             messages and {:.3} bytes a value; coordinator {:.3} s",
            graph.threshold,
            graph.degree,
            cost.talking + cost.masking,
            cost.masking,
            cost.said,
            cost.sealed as f64 / VALUES as f64,
            cost.coordinator,
        );
        let key = format!("{agreement}, {colluding}");
        found.insert(format!("{key}: degree"), graph.degree as f64);
        found.insert(format!("{key}: participant"), cost.talking + cost.masking);
        found.insert(format!("{key}: masking"), cost.masking);
        found.insert(format!("{key}: coordinator"), cost.coordinator);
        let bytes = (cost.said + cost.sealed) as f64 / VALUES as f64;
        found.insert(format!("{key}: bytes per value"), bytes);
    }
    let (sharing, combining) = shamir(1000, 667);
    println!("Shamir, 667 of 1000: share {sharing:.6} s, combine {combining:.6} s");
    found.insert("share".into(), sharing);
    found.insert("combine".into(), combining);
    println!("{}", serde_json::to_string(&found).unwrap());
}
