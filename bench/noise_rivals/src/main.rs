//! Discrete Gaussian samples of OpenDP and prio: CPU seconds for a million on standard error,
//! moments on standard output.

use dashu::rational::RBig;
use num_traits::ToPrimitive;
use opendp::traits::samplers::sample_discrete_gaussian;
use prio::dp::Rational;
use prio::dp::distributions::DiscreteGaussian;
use rand::SeedableRng;
use rand::distr::Distribution;

const SAMPLES: u32 = 300_000;

/// CPU time of the calling thread in seconds.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

fn moments(library: &str, sigma: u32, mut draw: impl FnMut() -> f64) -> String {
    let start = cpu_seconds();
    let samples: Vec<f64> = (0..SAMPLES).map(|_| draw()).collect();
    let seconds = (cpu_seconds() - start) * 1e6 / f64::from(SAMPLES);
    eprintln!("{library}, sigma {sigma}: {seconds:.2} s for 1,000,000");
    let moment = |power| samples.iter().map(|x| x.powi(power)).sum::<f64>() / f64::from(SAMPLES);
    let (mean, variance, fourth) = (moment(1), moment(2), moment(4));
    format!(
        "{{\"library\": \"{library}\", \"sigma\": {sigma}, \"samples\": {SAMPLES}, \
         \"mean\": {mean}, \"variance\": {variance}, \"fourth\": {fourth}}}"
    )
}

fn main() {
    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
    let mut lines = Vec::new();
    for sigma in [4, 10, 1_000, 1 << 20] {
        let scale = RBig::from(sigma);
        let draw = || sample_discrete_gaussian(scale.clone()).unwrap().to_f64().value();
        lines.push(moments("opendp 0.16.0", sigma, draw));
        let sampler = DiscreteGaussian::new(Rational::from_unsigned(sigma, 1).unwrap()).unwrap();
        let draw = || sampler.sample(&mut rng).to_f64().unwrap();
        lines.push(moments("prio 0.18.1", sigma, draw));
    }
    println!("[\n{}\n]", lines.join(",\n"));
}
