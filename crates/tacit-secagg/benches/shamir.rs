//! Sharing one secret and giving it back: `cargo bench -p tacit-secagg --bench shamir`.
//!
//! Milliseconds of CPU time of one thread; best and median of several runs.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::hint::black_box;
use tacit_core::error::Error;
use tacit_core::traits::Entropy;
use tacit_secagg::shamir::{Combiner, Share, share};

const RUNS: usize = 9;

/// Multiples of an odd number: timing needs no secret.
struct Weyl(u64);

impl Entropy for Weyl {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for word in bytes.as_chunks_mut::<8>().0 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            *word = self.0.to_le_bytes();
        }
        Ok(())
    }
}

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

/// Best and median milliseconds of one call; calls are timed together until 0.1 s have passed.
fn timed(mut work: impl FnMut()) -> (f64, f64) {
    let run = |_| {
        let (start, mut calls) = (cpu_seconds(), 0);
        loop {
            work();
            calls += 1;
            let seconds = cpu_seconds() - start;
            if seconds > 0.1 {
                return 1e3 * seconds / f64::from(calls);
            }
        }
    };
    let mut times: Vec<f64> = (0..RUNS).map(run).collect();
    times.sort_by(f64::total_cmp);
    (times[0], times[RUNS / 2])
}

fn main() {
    println!("{:<44} {:>8} {:>8}", "ms", "best", "median");
    for (holders, threshold) in [(100, 67), (1_000, 667), (10_000, 6_667)] {
        let secret = [7; 32];
        let shares = share(&secret, threshold, holders, &mut Weyl(0)).unwrap();
        let indices: Vec<u32> = (0..threshold).map(|i| (i * holders / threshold) as u32).collect();
        let chosen: Vec<&Share> = indices.iter().map(|i| &shares[*i as usize]).collect();
        let combiner = Combiner::new(holders, &indices).unwrap();
        let print = |what: &str, (best, median): (f64, f64)| {
            println!("{:<44} {best:>8.3} {median:>8.3}", format!("{holders} holders, {what}"));
        };
        print(
            "share",
            timed(|| {
                black_box(share(&secret, threshold, holders, &mut Weyl(0)).unwrap());
            }),
        );
        print(
            "weights of a set",
            timed(|| {
                black_box(Combiner::new(holders, &indices).unwrap());
            }),
        );
        print(
            "combine",
            timed(|| {
                black_box(combiner.combine(&chosen).unwrap());
            }),
        );
    }
}
