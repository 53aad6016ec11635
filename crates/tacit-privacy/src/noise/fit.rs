//! Goodness of fit, with the power to tell a wrong sampler: chi-squared over the whole range,
//! every bin by itself, both tails, signs, variance and residues, against probabilities computed
//! here in floating point, another way than tables are. The same test must refuse samplers that
//! are broken on purpose.

use super::stream::Stream;
use super::{DiscreteGaussian, DiscreteLaplace, Skellam};

/// What samples should look like: a symmetric distribution over the integers.
pub(super) struct Shape<'a> {
    /// In proportion to the probability.
    pub(super) density: &'a dyn Fn(f64) -> f64,
    pub(super) variance: f64,
    /// E X⁴.
    pub(super) fourth: f64,
}

/// Standardised differences: each is about normally distributed if the sampler is right.
#[derive(Debug)]
pub(super) struct Fit {
    /// Chi-squared (Wilson & Hilferty 1931).
    chi: f64,
    /// The bin that is farthest off.
    bin: f64,
    /// Both tails beyond four standard deviations; Poisson.
    tail: f64,
    /// Negative over positive.
    sign: f64,
    variance: f64,
    /// Chi-squared of residues modulo 64, for distributions that are wide enough.
    residue: f64,
}

impl Fit {
    /// A right sampler fails with one seed in about 10⁵; tests have fixed seeds.
    pub(super) fn is_good(&self) -> bool {
        let Fit { chi, bin, tail, sign, variance, residue } = *self;
        [chi, bin, tail, sign, variance, residue].iter().all(|z| z.abs() < 5.0)
    }

    pub(super) fn of(samples: &[i64], shape: &Shape<'_>) -> Self {
        let count = samples.len() as f64;
        let sd = shape.variance.sqrt();
        let bins = Bins::of(samples, shape, sd);
        let merged = bins.merged();
        let chi = merged.iter().map(|(found, due)| (found - due).powi(2) / due).sum();
        let off = |&(found, due): &(f64, f64)| (found - due) / (due * (1.0 - due / count)).sqrt();
        let worst = merged.iter().map(|bin| off(bin).abs()).fold(0.0, f64::max);
        let (tail, tail_due) = bins.beyond(4.0 * sd);
        let positive = samples.iter().filter(|x| **x > 0).count() as f64;
        let negative = samples.iter().filter(|x| **x < 0).count() as f64;
        let squares = samples.iter().map(|x| (*x as f64).powi(2)).sum::<f64>() / count;
        let spread = ((shape.fourth - shape.variance.powi(2)) / count).sqrt();
        let mut residues = [0.0; 64];
        samples.iter().for_each(|x| residues[(x & 63) as usize] += 1.0);
        let flat: f64 = residues.iter().map(|n| (n - count / 64.0).powi(2) * 64.0 / count).sum();
        Fit {
            chi: standardised(chi, merged.len() - 1),
            // the largest of so many normal values: compare with one
            bin: worst - (2.0 * (merged.len() as f64).ln()).sqrt() + 2.0,
            // Anscombe (1948): the root of a Poisson variable has variance ¼
            tail: 2.0 * ((tail + 0.375).sqrt() - (tail_due + 0.375).sqrt()),
            sign: (negative - positive) / (negative + positive).max(1.0).sqrt(),
            variance: (squares - shape.variance) / spread,
            residue: if sd > 100.0 { standardised(flat, 63) } else { 0.0 },
        }
    }
}

fn standardised(chi: f64, degrees: usize) -> f64 {
    let part = 2.0 / (9.0 * degrees as f64);
    ((chi / degrees as f64).cbrt() - (1.0 - part)) / part.sqrt()
}

/// Counts in bins of an eighth of a standard deviation, and what they should be.
struct Bins {
    width: i64,
    counts: Vec<(f64, f64)>,
}

impl Bins {
    /// Bins on either side of 0.
    const HALF: i64 = 96;

    fn of(samples: &[i64], shape: &Shape<'_>, sd: f64) -> Self {
        let width = ((sd / 8.0).round() as i64).max(1);
        let mass = |bin: i64| {
            let start = (bin - Self::HALF) * width;
            if width <= 512 {
                return (start..start + width).map(|k| (shape.density)(k as f64)).sum::<f64>();
            }
            let step = width as f64 / 8.0;
            let point = |i: i32| (shape.density)(start as f64 - 0.5 + f64::from(i) * step);
            let inner: f64 = (1..8).map(|i| point(i) * f64::from(2 + 2 * (i % 2))).sum();
            (point(0) + inner + point(8)) * step / 3.0
        };
        let masses: Vec<f64> = (0..2 * Self::HALF).map(mass).collect();
        let whole: f64 = masses.iter().sum();
        let due = |mass| (0.0, mass / whole * samples.len() as f64);
        let mut counts: Vec<(f64, f64)> = masses.into_iter().map(due).collect();
        for x in samples {
            let bin = (x.div_euclid(width) + Self::HALF).clamp(0, 2 * Self::HALF - 1);
            counts[bin as usize].0 += 1.0;
        }
        Self { width, counts }
    }

    /// Neighbouring bins together until twenty are due in each.
    fn merged(&self) -> Vec<(f64, f64)> {
        let mut merged: Vec<(f64, f64)> = Vec::new();
        let mut open = (0.0, 0.0);
        for bin in &self.counts {
            open = (open.0 + bin.0, open.1 + bin.1);
            if open.1 >= 20.0 {
                merged.push(std::mem::take(&mut open));
            }
        }
        if let Some(last) = merged.last_mut() {
            *last = (last.0 + open.0, last.1 + open.1);
        }
        merged
    }

    fn beyond(&self, limit: f64) -> (f64, f64) {
        let start = |place: usize| ((place as i64 - Self::HALF) * self.width) as f64;
        let outside = |place: usize| start(place) >= limit || start(place + 1) <= -limit;
        let bins = self.counts.iter().enumerate().filter(|(place, _)| outside(*place));
        bins.fold((0.0, 0.0), |sum, (_, bin)| (sum.0 + bin.0, sum.1 + bin.1))
    }
}

const SAMPLES: usize = 8_000_000;

fn gaussian(samples: &[i64], sigma: f64) -> Fit {
    let density = |x: f64| (-x * x / (2.0 * sigma * sigma)).exp();
    // variance of narrow ones by summation; wide ones differ from σ² by exp(−2π²σ²)
    let sum = |power: i32| -> f64 {
        (-300..=300).map(|k| f64::from(k).powi(power) * density(f64::from(k))).sum()
    };
    let moment = |power| sum(power) / sum(0);
    let (variance, fourth) = match sigma {
        ..8.0 => (moment(2), moment(4)),
        _ => (sigma.powi(2), 3.0 * sigma.powi(4)),
    };
    Fit::of(samples, &Shape { density: &density, variance, fourth })
}

fn drawn(sampler: &DiscreteGaussian, seed: u64) -> Vec<i64> {
    let mut samples = vec![0; SAMPLES];
    sampler.fill(&mut samples, &mut Stream::for_test(seed));
    samples
}

#[test]
fn gaussians_fit() {
    for (seed, sigma) in
        [0.3, 1.0, 4.0, 10.0, 44.0, 60.5, 1e3, 1_048_576.0, 1e12].iter().enumerate()
    {
        let sampler = DiscreteGaussian::new(*sigma).unwrap();
        let fit = gaussian(&drawn(&sampler, seed as u64), *sigma);
        assert!(fit.is_good(), "{sigma}: {fit:?}");
    }
}

/// A threshold for a probability.
fn share(probability: f64) -> u128 {
    (probability * 2f64.powi(128)) as u128
}

#[test]
fn broken_gaussians_are_refused() {
    for sigma in [4.0, 10.0] {
        let sampler = DiscreteGaussian::new(sigma).unwrap();
        let refused = |name: &str, samples: &[i64]| {
            let fit = gaussian(samples, sigma);
            assert!(!fit.is_good(), "{name} at {sigma}: {fit:?}");
        };
        refused("2 % too narrow", &drawn(&DiscreteGaussian::new(0.98 * sigma).unwrap(), 1));
        let cut = sampler.altered(|thresholds| thresholds.truncate((4.0 * sigma) as usize));
        refused("tail cut at 4 sigma", &drawn(&cut, 2));
        let entry = sampler.altered(|thresholds| thresholds[sigma as usize] += share(1e-3));
        refused("one threshold off by 0.001", &drawn(&entry, 3));
        let mut samples = drawn(&sampler, 4);
        samples.iter_mut().step_by(256).for_each(|x| *x = x.abs());
        refused("one sign in 512 wrong", &samples);
        let mut samples = drawn(&sampler, 5);
        samples.iter_mut().step_by(500).for_each(|x| *x = 0);
        refused("one sample in 500 without noise", &samples);
    }
}

/// A step so large that parts do not overlap leaves marks in the residues.
#[test]
fn too_large_a_step_is_refused() {
    let sigma = (10.0f64.powi(2) * (64.0f64.powi(2) + 1.0)).sqrt();
    let part = DiscreteGaussian::new(10.0).unwrap();
    let (high, low) = (drawn(&part, 6), drawn(&part, 7));
    let samples: Vec<i64> = high.iter().zip(low).map(|(high, low)| 64 * high + low).collect();
    let fit = gaussian(&samples, sigma);
    assert!(!fit.is_good(), "{fit:?}");
}

#[test]
fn laplaces_fit_and_a_wrong_scale_does_not() {
    for (seed, scale) in [0.2, 1.0, 17.3, 300.0, 3e9].iter().enumerate() {
        let mut samples = vec![0; SAMPLES];
        let sampler = DiscreteLaplace::new(*scale).unwrap();
        sampler.fill(&mut samples, &mut Stream::for_test(100 + seed as u64));
        let fit = |scale: f64| {
            let (r, s) = ((-1.0 / scale).exp(), -(-1.0 / scale).exp_m1());
            let density = |x: f64| (-x.abs() / scale).exp();
            let fourth = 2.0 * r * (1.0 + 10.0 * r + r * r) / s.powi(4);
            Fit::of(&samples, &Shape { density: &density, variance: 2.0 * r / (s * s), fourth })
        };
        assert!(fit(*scale).is_good(), "{scale}: {:?}", fit(*scale));
        assert!(!fit(0.99 * *scale).is_good(), "{scale}: {:?}", fit(0.99 * *scale));
    }
}

#[test]
fn skellams_fit_and_a_gaussian_does_not() {
    for (seed, variance) in [0.25, 3.0, 100.0, 4e3, 1e6].iter().enumerate() {
        let mut samples = vec![0; SAMPLES];
        let sampler = Skellam::new(*variance).unwrap();
        sampler.fill(&mut samples, &mut Stream::for_test(200 + seed as u64));
        // e^(−v)·I_x(v) by ratios of neighbours
        let mut densities = vec![0.0; 40 + 30 * (variance.sqrt() as usize + 1)];
        let mut ratio = 0.0;
        for x in (0..densities.len()).rev() {
            ratio = 1.0 / (2.0 * (x + 1) as f64 / variance + ratio);
            densities[x] = ratio;
        }
        let mut last = 1.0;
        for density in &mut densities {
            last = std::mem::replace(density, last) * last;
        }
        let density = |x: f64| densities.get(x.abs() as usize).copied().unwrap_or(0.0);
        let fourth = 3.0 * variance * variance + variance;
        let fit = Fit::of(&samples, &Shape { density: &density, variance: *variance, fourth });
        assert!(fit.is_good(), "{variance}: {fit:?}");
        if *variance < 10.0 {
            assert!(!gaussian(&samples, variance.sqrt()).is_good(), "{variance}");
        }
    }
}
