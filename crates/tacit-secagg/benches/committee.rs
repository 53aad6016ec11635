//! A million integers through a committee: `cargo bench -p tacit-secagg --bench committee`.
//!
//! Milliseconds of CPU time of one thread; best and median of several runs. Copying the same number
//! of bytes, for comparison, in the same run.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod common;

use common::{Weyl, timed};
use std::hint::black_box;
use tacit_core::digest::Digest;
use tacit_core::limits::CHUNK_VALUES;
use tacit_secagg::committee::Params;
use tacit_secagg::committee::check::{Answer, Challenge};
use tacit_secagg::committee::deal::Dealer;
use tacit_secagg::committee::open::Sifting;
use tacit_secagg::committee::sum::Shares;

const VALUES: usize = 1_000_000;

fn main() {
    println!("{:<52} {:>8} {:>8}", "1,000,000 integers, ms", "best", "median");
    let (from, mut to) = (vec![1u8; 8 * VALUES], vec![0u8; 8 * VALUES]);
    timed("memcpy of 8 bytes each", || to.copy_from_slice(black_box(&from)));
    for (n, t, privacy, bits) in
        [(5, 3, 2, 32), (5, 3, 2, 20), (5, 3, 1, 32), (9, 5, 4, 32), (9, 6, 3, 20)]
    {
        measure(Params::new(n, t, privacy, bits).unwrap());
    }
}

fn measure(params: Params) {
    let values: Vec<u64> = (0..VALUES as u64).map(|i| i & 0xff).collect();
    let (n, t, privacy) = (params.aggregators(), params.threshold(), params.privacy());
    let name = |what: &str| {
        let bits = params.bits();
        format!("n {n}, t {t}, privacy {privacy}, {bits} bits: {what}")
    };
    let mut dealt = vec![Vec::new(); n - privacy];
    let mut deal = || {
        dealt.iter_mut().for_each(Vec::clear);
        let mut dealer = Dealer::new(params, &mut Weyl(1)).unwrap();
        for (frame, chunk) in values.chunks(CHUNK_VALUES).enumerate() {
            dealer.frame(frame as u32, chunk, &mut dealt).unwrap();
        }
        dealer.checks(&mut dealt).unwrap();
    };
    timed(&name("deal"), &mut deal);
    let sizes: Vec<usize> =
        values.chunks(CHUNK_VALUES).map(|chunk| params.rows(chunk.len())).collect();
    let mut sums: Vec<Shares> = sizes.iter().map(|rows| Shares::zero(*rows)).collect();
    let mut shares = Shares::default();
    timed(&name("add a vector"), || {
        let mut rest = dealt[0].as_slice();
        for (sum, rows) in sums.iter_mut().zip(&sizes) {
            let (frame, after) = rest.split_at(8 * rows);
            shares.read(frame, *rows).unwrap();
            sum.add(&shares).unwrap();
            rest = after;
        }
    });
    timed(&name("add a seed"), || {
        for ((frame, sum), rows) in (0..).zip(&mut sums).zip(&sizes) {
            shares.expand(&[7; 32], frame, *rows);
            sum.add(&shares).unwrap();
        }
    });
    let challenge = Challenge::new(&Digest::of_bytes(b"bench"));
    let coefficients: Vec<_> =
        (0..).zip(&sizes).map(|(frame, rows)| challenge.frame(frame, *rows)).collect();
    timed(&name("answer a check of a vector"), || {
        let mut answer = Answer::default();
        coefficients.iter().zip(&sums).for_each(|(c, sum)| answer.absorb(c, sum));
        black_box(answer);
    });
    let answers: Vec<usize> = (0..n).collect();
    let all: Vec<Vec<Shares>> = sums.iter().map(|sum| vec![sum.clone(); n]).collect();
    timed(&name("open"), || {
        let mut sifting = Sifting::new(params, &answers, &Digest::of_bytes(b"drawn"));
        (0..).zip(&all).for_each(|(frame, sums)| sifting.absorb(frame, sums));
        let opening = sifting.decide().unwrap();
        let mut out = Vec::with_capacity(VALUES);
        for (chunk, sums) in values.chunks(CHUNK_VALUES).zip(&all) {
            opening.frame(sums, chunk.len(), &mut out).unwrap();
        }
        black_box(out);
    });
}
