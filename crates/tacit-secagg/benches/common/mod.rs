//! Timing, and entropy that needs none.

use tacit_core::error::Error;
use tacit_core::traits::Entropy;

const RUNS: usize = 9;

/// Multiples of an odd number: timing needs no secret.
pub struct Weyl(pub u64);

impl Entropy for Weyl {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        for word in bytes.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            word.copy_from_slice(&self.0.to_le_bytes()[..word.len()]);
        }
        Ok(())
    }
}

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

/// Prints best and median milliseconds of one call; calls are timed together until 0.1 s passed.
pub fn timed(name: &str, mut work: impl FnMut()) {
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
    println!("{name:<52} {:>8.3} {:>8.3}", times[0], times[RUNS / 2]);
}
