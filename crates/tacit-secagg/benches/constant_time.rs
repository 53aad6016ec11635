//! Whether what works on secrets takes a time that depends on them:
//! `cargo bench -p tacit-secagg --bench constant_time`.
//!
//! After dudect (Reparaz, Balasch, Verbauwhede, DATE 2017): inputs of two classes, one value again
//! and again or random values, in random order; Welch's t for the two means, over all times and
//! over the fastest 50, 75, 90 and 99 %, the largest of these. Below 4.5 nothing was seen, above 10
//! there is a leak; between them, measure again on a quiet machine. The last row is a comparison
//! that stops early: where it does not stand out, the others say nothing.
//!
//! A small t shows only that these two classes were not told apart by the clock of this machine.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;
use tacit_core::error::Error;
use tacit_core::rng::{Random, Seed};
use tacit_core::traits::Entropy;
use tacit_secagg::field::{Fp, Products};
use tacit_secagg::keys::{Agreement, Secret, SecretKey, derive, initiate, seal, unseal};
use tacit_secagg::mask::{Mask, Prg, Sign, apply};
use tacit_secagg::ring::Ring;
use tacit_secagg::shamir::{Combiner, share};

/// Inputs that are made before their times are taken, in turns.
const BATCH: usize = 500;

fn bytes(random: &mut Random) -> [u8; 32] {
    let mut bytes = [0; 32];
    for word in bytes.as_chunks_mut::<8>().0 {
        *word = random.next_u64().to_le_bytes();
    }
    bytes
}

/// Times in nanoseconds of either class.
fn measure<I>(
    turns: usize,
    mut input: impl FnMut(bool, &mut Random) -> I,
    mut work: impl FnMut(&mut I),
) -> [Vec<f64>; 2] {
    let mut random = Seed::root(1).rng();
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..turns {
        let classes: Vec<bool> = (0..BATCH).map(|_| random.below(2) == 1).collect();
        let mut inputs: Vec<I> = classes.iter().map(|class| input(*class, &mut random)).collect();
        for (class, input) in classes.iter().zip(&mut inputs) {
            let start = Instant::now();
            work(black_box(input));
            let nanoseconds = start.elapsed().as_nanos() as f64;
            if turn > 0 {
                times[usize::from(*class)].push(nanoseconds);
            }
        }
    }
    times
}

/// Welch's t of the means of what is at most `longest`.
fn welch(times: &[Vec<f64>; 2], longest: f64) -> f64 {
    let moments = times.each_ref().map(|times| {
        let kept: Vec<f64> = times.iter().copied().filter(|time| *time <= longest).collect();
        let count = kept.len().max(2) as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    let [(a, spread_a), (b, spread_b)] = moments;
    (a - b) / (spread_a + spread_b).sqrt().max(f64::MIN_POSITIVE)
}

fn report<I>(
    name: &str,
    turns: usize,
    input: impl FnMut(bool, &mut Random) -> I,
    work: impl FnMut(&mut I),
) {
    let times = measure(turns, input, work);
    let mut sorted = times.concat();
    sorted.sort_by(f64::total_cmp);
    let at = |fraction: f64| sorted[(fraction * (sorted.len() - 1) as f64) as usize];
    let t = [0.5, 0.75, 0.9, 0.99, 1.0].map(|fraction| welch(&times, at(fraction)).abs());
    let largest = t.into_iter().fold(0.0, f64::max);
    let seen = match largest {
        ..4.5 => "",
        ..10.0 => "unclear",
        _ => "leaks",
    };
    println!("{name:<52} {:>9} {:>10.0} {largest:>7.1} {seen}", sorted.len(), at(0.5));
}

/// Zeros or random words. Both classes are written to memory in the same way: a vector that the
/// allocator gave zeroed is not in the cache.
fn words(fix: bool, random: &mut Random) -> Vec<u32> {
    let keep = if fix { 0 } else { u32::MAX };
    (0..1024).map(|_| random.next_u64() as u32 & keep).collect()
}

fn masks() {
    let fixed = Seed::root(2).to_bytes();
    for (name, prg) in [("AES-128", Prg::Aes128Ctr), ("ChaCha20", Prg::ChaCha20)] {
        report(
            &format!("{name}: key expanded, mask on 1,024 words"),
            200,
            |fix, random| {
                let seed = bytes(random);
                (if fix { fixed } else { seed }, words(fix, random))
            },
            |(seed, words)| apply(words, 0, &[(&Mask::new(prg, seed), Sign::Plus)]),
        );
    }
    let ring = Ring::new(20).unwrap();
    report(
        "1,024 words packed to 20 bits",
        200,
        |fix, random| (words(fix, random), Vec::with_capacity(4096)),
        |(words, out)| ring.pack(words, out),
    );
}

fn keys() {
    let peer = SecretKey::from_seed(&[7; 32]).unwrap().public(Agreement::X25519);
    let fixed = Seed::root(3).to_bytes();
    let pick = |fix: bool, random: &mut Random| {
        let drawn = bytes(random);
        if fix { fixed } else { drawn }
    };
    report(
        "X25519: agreement with a fixed peer",
        40,
        |fix, random| SecretKey::from_seed(&pick(fix, random)).unwrap(),
        |key| drop(black_box(initiate(key, &peer, b"context").unwrap())),
    );
    report("X25519: key from its seed", 40, pick, |seed| {
        drop(black_box(SecretKey::from_seed(seed).unwrap()));
    });
    report("derivation of a key", 200, pick, |seed| {
        drop(black_box(derive(seed, "label", b"context")));
    });
    let key = Secret::new(&fixed);
    report("sealing 80 bytes", 200, pick, |secret| {
        black_box(seal(&key, b"context", &secret[..]));
    });
    let sealed = seal(&key, b"context", &[0; 80]);
    report(
        "refusing a tag that is wrong in its first or last byte",
        200,
        |first, _| {
            let mut forged = sealed.clone();
            let at = if first { forged.len() - 16 } else { forged.len() - 1 };
            forged[at] ^= 1;
            forged
        },
        |forged| drop(black_box(unseal(&key, b"context", forged))),
    );
}

/// Random numbers that are the same in every run.
struct Drawn(Random);

impl Entropy for Drawn {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill_with(|| self.0.next_u64() as u8);
        Ok(())
    }
}

fn field() {
    // 1 is the fixed value: products with it never carry.
    let element = |fix: bool, random: &mut Random| {
        let drawn = Fp::reduced(random.next_u64());
        if fix { Fp::ONE } else { drawn }
    };
    let pair = |fix: bool, random: &mut Random| (element(fix, random), element(fix, random));
    report("field: 100 products", 400, pair, |(a, b)| {
        for _ in 0..100 {
            *a = black_box(*a) * black_box(*b);
        }
    });
    report("field: 100 sums", 400, pair, |(a, b)| {
        for _ in 0..100 {
            *a = black_box(*a) + black_box(*b);
        }
    });
    report("field: 100 differences", 400, pair, |(a, b)| {
        for _ in 0..100 {
            *a = black_box(*a) - black_box(*b);
        }
    });
    report("field: 100 times a sum, and a difference from it", 400, pair, |(a, b)| {
        for _ in 0..100 {
            *a = (black_box(*a) + black_box(*b)) - black_box(*b);
        }
    });
    let vector =
        |fix, random: &mut Random| -> Vec<Fp> { (0..64).map(|_| element(fix, random)).collect() };
    report(
        "field: 64 products summed",
        400,
        |fix, random| (vector(fix, random), vector(fix, random)),
        |(a, b)| {
            black_box(Products::of(a, b));
        },
    );
    report("field: inverse", 400, element, |a| *a = black_box(*a).inverse());
}

fn shares() {
    let fixed = [0; 32];
    let mut entropy = Drawn(Seed::root(4).rng());
    let pick = |fix: bool, random: &mut Random| {
        let drawn = bytes(random);
        if fix { fixed } else { drawn }
    };
    report("Shamir: 67 of 100, sharing", 20, pick, |secret| {
        drop(black_box(share(secret, 67, 100, &mut entropy).unwrap()));
    });
    let mut entropy = Drawn(Seed::root(5).rng());
    let combiner = Combiner::new(100, &(0..67).collect::<Vec<u32>>()).unwrap();
    report(
        "Shamir: 67 of 100, combining",
        20,
        |fix, random| share(&pick(fix, random), 67, 100, &mut entropy).unwrap(),
        |shares| {
            let shares: Vec<_> = shares[..67].iter().collect();
            black_box(combiner.combine(&shares).unwrap());
        },
    );
}

/// Two secrets that differ in their first byte, or in their last.
fn differing(first: bool, random: &mut Random) -> ([u8; 32], [u8; 32]) {
    let drawn = bytes(random);
    let mut other = drawn;
    other[if first { 0 } else { 31 }] ^= 1;
    (drawn, other)
}

fn comparisons() {
    report(
        "comparing secrets",
        400,
        |first, random| {
            let (a, b) = differing(first, random);
            (Secret::new(&a), Secret::new(&b))
        },
        |(a, b)| {
            black_box(a == b);
        },
    );
    report("control: comparing bytes until they differ", 400, differing, |(a, b)| {
        black_box(a.iter().zip(b).all(|(a, b)| black_box(a) == black_box(b)));
    });
}

fn main() {
    println!("{:<52} {:>9} {:>10} {:>7}", "", "samples", "median ns", "t");
    field();
    shares();
    masks();
    keys();
    comparisons();
}
