//! Local privacy for a vector in an L2 ball: PrivUnit (Bhowmick et al. 2018), in its Gaussian form
//! (PrivUnitG; Asi, Feldman & Talwar 2022, §4). Pure ε-privacy, unbiased.
//!
//! A vector x of norm at most c becomes the unit vector v = (x/c, √(1 − ‖x‖²/c²)), so norms need no
//! mechanism of their own. The release is z with density φ(z)·w / N, where w is 1 if ⟨z, v⟩ ≥ γ
//! and e^(−ε₀) otherwise; the estimate is c·z/m with m = φ(γ)·(1 − e^(−ε₀))/N.
//!
//! # How it is sampled
//!
//! By rejection: z is discrete Gaussian noise on a lattice, whatever v is, and is accepted with
//! probability w. So the set of possible releases does not depend on v, and floating point can
//! spoil nothing but the side on which a z counts: N, the probability of acceptance, is not the
//! same for all v. It lies between its values for ⟨z, v⟩ shifted by ±h, h = √d·2⁻²¹ for the
//! lattice and d^(3/2)·2⁻⁵⁰ for sums in f64; the logarithm of that ratio is taken off ε before ε₀
//! is chosen.
//! How many tries there were depends on N alone, not on z.
//!
//! The best γ needs more tries the larger ε is; it is limited so that a sixty-fourth of all z
//! passes. Up to ε = 6 that costs nothing; at ε = 8 the variance is 1.25 times the best, at 16 it
//! is 3.3 times.

use super::gaussian::DiscreteGaussian;
use super::stream::Stream;
use tacit_core::error::Error;
use zeroize::Zeroizing;

const MAX_EPSILON: f64 = 16.0;
const MAX_DIMENSION: usize = 1 << 30;

/// Lattice points per standard deviation: 2²⁰.
const RATIO: f64 = (1u64 << 20) as f64;

/// Smallest part of all z that lies beyond γ.
const MIN_CAP: f64 = 1.0 / 64.0;

/// The mechanism for one dimension, radius and ε.
pub struct PrivUnit {
    dimension: usize,
    clip: f64,
    epsilon: f64,
    /// ε₀, after what floating point may cost.
    inner_epsilon: f64,
    gamma: f64,
    noise: DiscreteGaussian,
}

/// The standard normal density.
fn density(x: f64) -> f64 {
    (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// P(X ≥ x) of a standard normal variable, by its power series; for |x| ≤ 3.
fn beyond(x: f64) -> f64 {
    let next = |(n, term): &(f64, f64)| Some((n + 2.0, term * x * x / (n + 2.0)));
    let series: f64 = std::iter::successors(Some((1.0, x)), next).take(60).map(|t| t.1).sum();
    0.5 - density(x) * series
}

/// Probability of acceptance if a part `cap` of all z lies beyond γ.
fn acceptance(cap: f64, epsilon: f64) -> f64 {
    cap + (1.0 - cap) * (-epsilon).exp()
}

/// m: the mean of ⟨z, v⟩ over releases.
fn mean(gamma: f64, epsilon: f64) -> f64 {
    density(gamma) * -(-epsilon).exp_m1() / acceptance(beyond(gamma), epsilon)
}

impl PrivUnit {
    /// For vectors of `dimension` values and norm at most `clip`; `epsilon` from 2^−10 to 16.
    pub fn new(dimension: usize, clip: f64, epsilon: f64) -> Result<Self, Error> {
        let refused = |what, expected: &str, found: String| Error::caller(what, expected, found);
        if !(1..=MAX_DIMENSION).contains(&dimension) {
            return Err(refused("dimension", "1 to 2^30", dimension.to_string()));
        }
        if !(clip > 0.0 && clip < 1e30) {
            return Err(refused("clip", "a positive number below 1e30", clip.to_string()));
        }
        if !(1.0 / 1024.0..=MAX_EPSILON).contains(&epsilon) {
            return Err(refused("epsilon", "a number from 2^-10 to 16", epsilon.to_string()));
        }
        let noise = DiscreteGaussian::new(RATIO)?;
        let values = (dimension + 1) as f64;
        let shift = values.sqrt() * 2f64.powi(-21) + values.powf(1.5) * 2f64.powi(-50);
        let doubt = values * noise.total_variation() + 1e-12;
        let slack = |gamma: f64| {
            let high = acceptance(beyond(gamma - shift) + doubt, epsilon);
            let low = acceptance(beyond(gamma + shift) - doubt, epsilon);
            (high / low).ln()
        };
        let gammas = (0..220).map(|i| f64::from(i) / 100.0).filter(|x| beyond(*x) >= MIN_CAP);
        let best = |x: &f64, y: &f64| mean(*x, epsilon).total_cmp(&mean(*y, epsilon));
        let gamma = gammas.max_by(best).ok_or(Error::Bug("no cap is large enough"))?;
        let inner_epsilon = epsilon - slack(gamma);
        if inner_epsilon < epsilon * 0.9 {
            let found = format!("{dimension} at epsilon {epsilon}");
            return Err(refused("dimension", "one that the lattice is fine enough for", found));
        }
        Ok(Self { dimension, clip, epsilon, inner_epsilon, gamma, noise })
    }

    /// ε of a release.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// Standard deviation of one value of the estimate: about c/m.
    pub fn deviation(&self) -> f64 {
        self.clip / mean(self.gamma, self.inner_epsilon)
    }

    /// Tries until a z is accepted, on average.
    pub fn tries(&self) -> f64 {
        1.0 / acceptance(beyond(self.gamma), self.inner_epsilon)
    }

    /// An unbiased, private estimate of `values`, which are clipped to the radius first.
    pub fn release(&self, values: &[f32], stream: &mut Stream) -> Result<Vec<f32>, Error> {
        let unit = self.lifted(values)?;
        let mut noise = Zeroizing::new(vec![0; unit.len()]);
        // rounded up: never less than e^(−ε₀)
        let chance = ((-self.inner_epsilon).exp() * 2f64.powi(64) * (1.0 + 1e-15)) as u64;
        loop {
            self.noise.fill(&mut noise, stream);
            let product: f64 = noise.iter().zip(unit.iter()).map(|(z, v)| *z as f64 * v).sum();
            let coin = stream.next_u64() < chance;
            if (product >= self.gamma * RATIO) | coin {
                let unit = self.deviation() / RATIO;
                let inside = noise.iter().take(self.dimension);
                return Ok(inside.map(|z| (*z as f64 * unit) as f32).collect());
            }
        }
    }

    fn lifted(&self, values: &[f32]) -> Result<Zeroizing<Vec<f64>>, Error> {
        if values.len() != self.dimension {
            let expected = format!("{} values", self.dimension);
            return Err(Error::caller("vector", expected, values.len().to_string()));
        }
        let norm = values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return Err(Error::caller("vector", "finite values", norm.to_string()));
        }
        let factor = 1.0 / norm.max(self.clip);
        let mut unit = Zeroizing::new(Vec::with_capacity(values.len() + 1));
        unit.extend(values.iter().map(|x| f64::from(*x) * factor));
        unit.push((1.0 - (norm * factor).powi(2)).max(0.0).sqrt());
        Ok(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused() {
        for (dimension, clip, epsilon) in
            [(0, 1.0, 1.0), (5, 0.0, 1.0), (5, f64::NAN, 1.0), (5, 1.0, 0.0), (5, 1.0, 20.0)]
        {
            assert!(PrivUnit::new(dimension, clip, epsilon).is_err());
        }
        let mechanism = PrivUnit::new(2, 1.0, 1.0).unwrap();
        let mut stream = Stream::for_test(0);
        assert!(mechanism.release(&[1.0], &mut stream).is_err());
        assert!(mechanism.release(&[1.0, f32::NAN], &mut stream).is_err());
    }

    #[test]
    fn normal_tails() {
        // Abramowitz & Stegun, table 26.1
        for (x, expected) in [(0.0, 0.5), (1.0, 0.158_655_253_931), (2.0, 0.022_750_131_948)] {
            assert!((beyond(x) - expected).abs() < 1e-12, "{x}");
        }
        assert!((beyond(-1.0) + beyond(1.0) - 1.0).abs() < 1e-14);
    }

    /// The density of a release differs by at most e^ε, wherever the lattice puts the cap.
    #[test]
    fn the_ratio_of_densities_is_at_most_e_to_epsilon() {
        for epsilon in [0.01, 0.5, 1.0, 4.0, 8.0, 16.0] {
            for dimension in [1, 1_000, 1_000_000] {
                let mechanism = PrivUnit::new(dimension, 1.0, epsilon).unwrap();
                let shift = (dimension as f64 + 1.0).sqrt() * 2f64.powi(-21);
                let cap = |shift| beyond(mechanism.gamma + shift);
                for (here, there) in [(-shift, shift), (shift, -shift), (0.0, 0.0)] {
                    let inner = mechanism.inner_epsilon;
                    let most = 1.0 / acceptance(cap(here), inner);
                    let least = (-inner).exp() / acceptance(cap(there), inner);
                    assert!((most / least).ln() <= epsilon, "{epsilon} {dimension}");
                }
                assert!(mechanism.inner_epsilon > 0.98 * epsilon || epsilon < 0.1);
                assert!(mechanism.tries() <= 64.0);
            }
        }
    }

    /// Vectors on, in and beyond the ball: means are right, and so is the spread.
    #[test]
    fn releases_are_unbiased() {
        let mut stream = Stream::for_test(1);
        for (epsilon, values) in
            [(1.0, [0.6f32, -1.2, 0.0]), (4.0, [2.0, 0.0, 0.0]), (2.0, [6.0, 0.0, -8.0])]
        {
            let mechanism = PrivUnit::new(3, 2.0, epsilon).unwrap();
            let count = 40_000;
            let (mut sums, mut squares) = ([0.0; 3], 0.0);
            for _ in 0..count {
                let release = mechanism.release(&values, &mut stream).unwrap();
                sums.iter_mut().zip(&release).for_each(|(sum, x)| *sum += f64::from(*x));
                squares += release.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
            }
            let norm = values.iter().map(|x| x * x).sum::<f32>().sqrt();
            let shrink = f64::from((2.0 / norm).min(1.0));
            for (sum, x) in sums.iter().zip(values) {
                let off = sum / f64::from(count) - f64::from(x) * shrink;
                assert!(off.abs() < 5.5 * mechanism.deviation() / f64::from(count).sqrt(), "{off}");
            }
            let variance = squares / f64::from(3 * count);
            assert!((0.8..2.2).contains(&(variance / mechanism.deviation().powi(2))));
        }
    }
}
