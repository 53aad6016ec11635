//! What secure aggregation costs a member and whoever opens the sum, on one core:
//! `cargo bench -p tacit-secagg --bench participant`.
//!
//! Milliseconds of CPU time of this thread, best and median of several runs, for a million
//! parameters of 32 bits and a hundred neighbours. A member expands two keys, agrees with every
//! neighbour on a mask and on a key for shares, seals two shares for each, opens as many, and adds
//! its own mask and one for every neighbour.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use tacit_secagg::keys::{Agreement, PublicKey, Secret, SecretKey, derive, initiate, respond};
use tacit_secagg::keys::{seal, unseal};
use tacit_secagg::mask::{Mask, Prg, Sign, apply};

const RUNS: usize = 9;
const SECONDS: f64 = 0.1;
const WORDS: usize = 1_000_000;
const NEIGHBOURS: u8 = 100;

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

fn timed(name: &str, mut work: impl FnMut()) {
    let run = |_| {
        let (start, mut calls) = (cpu_seconds(), 0);
        loop {
            work();
            calls += 1;
            let seconds = cpu_seconds() - start;
            if seconds > SECONDS {
                return 1e3 * seconds / f64::from(calls);
            }
        }
    };
    let mut times: Vec<f64> = (0..RUNS).map(run).collect();
    times.sort_by(f64::total_cmp);
    println!("{name:<56} {:>8.2} {:>8.2}", times[0], times[RUNS / 2]);
}

/// A neighbour's public key, and what it sent if it has the smaller name.
type Neighbour = (PublicKey, Option<Option<Vec<u8>>>);

fn neighbours(own: &SecretKey, agreement: Agreement) -> Vec<Neighbour> {
    let make = |number| {
        let key = SecretKey::from_seed(&[number; 32]).unwrap();
        let sent = initiate(&key, &own.public(agreement), b"info").unwrap().1;
        (key.public(agreement), (number % 2 == 0).then_some(sent))
    };
    (0..NEIGHBOURS).map(make).collect()
}

fn agreed(own: &SecretKey, neighbours: &[Neighbour]) -> Vec<Secret> {
    let agree = |(peer, sent): &Neighbour| match sent {
        Some(ciphertext) => respond(own, peer, ciphertext.as_deref(), b"info").unwrap(),
        None => initiate(own, peer, b"info").unwrap().0,
    };
    neighbours.iter().map(agree).collect()
}

fn shares(secrets: &[Secret]) {
    for secret in secrets {
        let (mine, theirs) =
            (derive(secret.as_bytes(), "a", b""), derive(secret.as_bytes(), "b", b""));
        black_box(seal(&mine, b"context", &[1; 80]));
        let sealed = seal(&theirs, b"context", &[2; 80]);
        black_box(unseal(&theirs, b"context", &sealed).unwrap());
    }
}

fn masks(secrets: &[Secret], own: &[u8; 32], words: &mut [u32]) {
    let mask = |secret: &Secret| Mask::new(Prg::Aes128Ctr, secret.as_bytes());
    let masks: Vec<Mask> = secrets.iter().map(mask).collect();
    let sign = |number: usize| if number.is_multiple_of(2) { Sign::Plus } else { Sign::Minus };
    let own = Mask::new(Prg::Aes128Ctr, own);
    let signed = masks.iter().enumerate().map(|(number, mask)| (mask, sign(number)));
    let all: Vec<_> = signed.chain([(&own, Sign::Plus)]).collect();
    apply(black_box(words), 0, &all);
}

fn main() {
    println!("{:<56} {:>8} {:>8}", "100 neighbours, 1,000,000 u32, ms", "best", "median");
    let mut words = vec![1u32; WORDS];
    for (name, agreement) in
        [("X25519", Agreement::X25519), ("X25519 and ML-KEM-768", Agreement::X25519MlKem768)]
    {
        let own = SecretKey::from_seed(&[200; 32]).unwrap();
        let neighbours = neighbours(&own, agreement);
        let secrets = agreed(&own, &neighbours);
        timed(&format!("{name}: agreements for masks"), || {
            black_box(agreed(&own, &neighbours));
        });
        timed(&format!("{name}: a member, keys and shares and masks"), || {
            let keys = [1, 2].map(|number| SecretKey::from_seed(&[number; 32]).unwrap());
            black_box(keys.map(|key| key.public(agreement)));
            shares(&agreed(&own, &neighbours));
            masks(&agreed(&own, &neighbours), &[3; 32], &mut words);
        });
        timed(&format!("{name}: masks of one that vanished, removed"), || {
            let key = SecretKey::from_seed(&[200; 32]).unwrap();
            masks(&agreed(&key, &neighbours), &[3; 32], &mut words);
        });
        timed(&format!("{name}: shares alone"), || shares(&secrets));
        timed(&format!("{name}: masks alone"), || masks(&secrets, &[3; 32], &mut words));
    }
    let own: Vec<Secret> = (0..NEIGHBOURS).map(|number| Secret::new(&[number; 32])).collect();
    timed("own masks of a hundred survivors, removed", || masks(&own, &[3; 32], &mut words));
}
