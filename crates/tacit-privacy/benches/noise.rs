//! Every sampler, a million samples on one core: `cargo bench -p tacit-privacy --bench noise`.
//!
//! Milliseconds of CPU time of this thread, so that a busy machine does not distort it; best and
//! median of several runs.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use tacit_core::error::Error;
use tacit_core::rng::Seed;
use tacit_core::traits::Entropy;
use tacit_privacy::noise::{
    DiscreteGaussian, DiscreteLaplace, Discretiser, LatticeGaussian, LatticeLaplace, PrivUnit,
    Setting, Skellam, Stream,
};

const RUNS: usize = 9;
const SAMPLES: usize = 1_000_000;

/// The same key every time: timing needs no secret.
struct Same;

impl Entropy for Same {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        bytes.fill(7);
        Ok(())
    }
}

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    // User and system time in clock ticks are too coarse; schedstat counts nanoseconds on the CPU.
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

/// Prints the milliseconds of one call; the clock ticks every few, so calls are timed together.
fn timed(name: &str, mut work: impl FnMut()) {
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
    println!("{name:<44} {:>8.2} {:>8.2}", times[0], times[RUNS / 2]);
}

fn main() {
    println!("{:<44} {:>8} {:>8}", "1,000,000 samples, ms", "best", "median");
    let mut stream = Stream::from_entropy(&mut Same).unwrap();
    let mut out = vec![0; SAMPLES];
    for sigma in [1.0, 4.0, 10.0, 32.0, 1e3, 1_048_576.0, 4e9, 1e12] {
        let sampler = DiscreteGaussian::new(sigma).unwrap();
        timed(&format!("discrete Gaussian, sigma {sigma}"), || sampler.fill(&mut out, &mut stream));
    }
    for scale in [10.0, 4e9] {
        let sampler = DiscreteLaplace::new(scale).unwrap();
        timed(&format!("discrete Laplace, scale {scale}"), || sampler.fill(&mut out, &mut stream));
    }
    for variance in [16.0, 1e6] {
        let sampler = Skellam::new(variance).unwrap();
        timed(&format!("Skellam, variance {variance}"), || sampler.fill(&mut out, &mut stream));
    }
    let mut values = vec![0.5f32; SAMPLES];
    let lattice = LatticeGaussian::new(1.0).unwrap();
    timed("lattice Gaussian, f32", || {
        values.fill(0.5);
        lattice.add(&mut values, &mut stream).unwrap();
    });
    let lattice = LatticeLaplace::new(1.0).unwrap();
    timed("lattice Laplace, f32", || {
        values.fill(0.5);
        lattice.add(&mut values, &mut stream).unwrap();
    });
    values.fill(1e-3);
    let setting =
        Setting { dimension: SAMPLES, clip: 1.0, scale: 4_096.0, bits: 20, beta: 0.606_530_659 };
    let discretiser = Discretiser::new(setting).unwrap();
    let rotation = Seed::root(1);
    timed("rotation and rounding", || {
        discretiser.encode(&values, rotation, &mut stream).unwrap();
    });
    for epsilon in [1.0, 4.0] {
        let mechanism = PrivUnit::new(SAMPLES, 1.0, epsilon).unwrap();
        let name = format!("PrivUnit, epsilon {epsilon}, {:.1} tries", mechanism.tries());
        timed(&name, || {
            mechanism.release(&values, &mut stream).unwrap();
        });
    }
}
