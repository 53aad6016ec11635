//! Sharing one secret and giving it back: `cargo bench -p tacit-secagg --bench shamir`.
//!
//! Milliseconds of CPU time of one thread; best and median of several runs.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod common;

use common::{Weyl, timed};
use std::hint::black_box;
use tacit_secagg::shamir::{Combiner, Share, share};

fn main() {
    println!("{:<52} {:>8} {:>8}", "ms", "best", "median");
    for (holders, threshold) in [(100, 67), (1_000, 667), (10_000, 6_667)] {
        let secret = [7; 32];
        let shares = share(&secret, threshold, holders, &mut Weyl(0)).unwrap();
        let indices: Vec<u32> = (0..threshold).map(|i| (i * holders / threshold) as u32).collect();
        let chosen: Vec<&Share> = indices.iter().map(|i| &shares[*i as usize]).collect();
        let combiner = Combiner::new(holders, &indices).unwrap();
        timed(&format!("{holders} holders, share"), || {
            black_box(share(&secret, threshold, holders, &mut Weyl(0)).unwrap());
        });
        timed(&format!("{holders} holders, weights of a set"), || {
            black_box(Combiner::new(holders, &indices).unwrap());
        });
        timed(&format!("{holders} holders, combine"), || {
            black_box(combiner.combine(&chosen).unwrap());
        });
    }
}
