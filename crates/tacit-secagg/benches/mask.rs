//! A million masked words on one core: `cargo bench -p tacit-secagg --bench mask`.
//!
//! Milliseconds of CPU time of this thread per mask, best and median of several runs, and GB of
//! keystream per second at best. "crates" writes the keystream with `aes` and `ctr` and adds it;
//! memcpy shows what moving the vector alone costs.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use aes::Aes128;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use std::hint::black_box;
use tacit_secagg::mask::{Mask, Prg, Sign, apply};
use tacit_secagg::ring::Ring;

const RUNS: usize = 9;
const WORDS: usize = 1_000_000;
const SECONDS: f64 = 0.1;

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

/// Prints the milliseconds of one of `parts` equal parts of a call, over so many bytes.
fn timed(name: &str, bytes: usize, parts: usize, mut work: impl FnMut()) {
    let run = |_| {
        let (start, mut calls) = (cpu_seconds(), 0);
        loop {
            work();
            calls += parts;
            let seconds = cpu_seconds() - start;
            if seconds > SECONDS {
                return 1e3 * seconds / calls as f64;
            }
        }
    };
    let mut times: Vec<f64> = (0..RUNS).map(run).collect();
    times.sort_by(f64::total_cmp);
    let rate = bytes as f64 / times[0] * 1e-6;
    println!("{name:<44} {:>8.3} {:>8.3} {rate:>8.2}", times[0], times[RUNS / 2]);
}

fn masks(make: fn(Prg, &[u8; 32]) -> Mask, prg: Prg, count: u8) -> Vec<(Mask, Sign)> {
    let sign = |i: u8| if i.is_multiple_of(2) { Sign::Plus } else { Sign::Minus };
    (0..count).map(|i| (make(prg, &[i; 32]), sign(i))).collect()
}

fn main() {
    println!("{:<44} {:>8} {:>8} {:>8}", "1,000,000 u32, ms per mask", "best", "median", "GB/s");
    let (mut words, mut other) = (vec![1u32; WORDS], vec![0u32; WORDS]);
    timed("memcpy", 4 * WORDS, 1, || other.copy_from_slice(black_box(&words)));
    for (name, make, prg) in [
        ("AES-128-CTR", Mask::new as fn(Prg, &[u8; 32]) -> Mask, Prg::Aes128Ctr),
        ("AES-128-CTR, portable", Mask::portable, Prg::Aes128Ctr),
        ("ChaCha20", Mask::new, Prg::ChaCha20),
    ] {
        for count in [1, 100] {
            let masks = masks(make, prg, count);
            let masks: Vec<_> = masks.iter().map(|(mask, sign)| (mask, *sign)).collect();
            timed(&format!("{name}, {count} at once"), 4 * WORDS, masks.len(), || {
                apply(black_box(&mut words), 0, &masks);
            });
        }
    }
    let every = (0..100).flat_map(|i| Mask::every(&[i; 32]));
    let every: Vec<_> = every.map(|(bits, mask)| (bits, mask, Sign::Plus)).collect();
    for width in [512, 256, 128] {
        let masks = every.iter().filter(|(bits, ..)| *bits == width);
        let masks: Vec<_> = masks.map(|(_, mask, sign)| (mask, *sign)).collect();
        if !masks.is_empty() {
            let name = format!("AES-128-CTR, {width} bits, {} at once", masks.len());
            timed(&name, 4 * WORDS, masks.len(), || apply(black_box(&mut words), 0, &masks));
        }
    }
    timed("crates: keystream to memory, then added", 4 * WORDS, 1, || {
        let mut cipher = Ctr128BE::<Aes128>::new(&[7; 16].into(), &[0; 16].into());
        cipher.write_keystream(bytemuck::cast_slice_mut(&mut other));
        words.iter_mut().zip(black_box(&other)).for_each(|(a, b)| *a = a.wrapping_add(*b));
    });
    for bits in [16, 20, 24, 32] {
        let ring = Ring::new(bits).unwrap();
        let (mut packed, bytes) = (Vec::new(), ring.packed_len(WORDS));
        timed(&format!("packing to {bits} bits"), bytes, 1, || {
            packed.clear();
            ring.pack(black_box(&words), &mut packed);
        });
        timed(&format!("unpacking from {bits} bits"), bytes, 1, || {
            ring.unpack(black_box(&packed), &mut other).unwrap();
        });
    }
}
