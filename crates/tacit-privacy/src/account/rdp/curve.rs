//! Rényi divergences of one release at every order.

use super::{fixed, poisson};
use crate::account::release::{Mechanism, Release, Sampling};

/// At each of `orders`, with sampling.
pub fn of(release: &Release, orders: &[f64]) -> Vec<f64> {
    if release.is_full() {
        return orders.iter().map(|&order| full(&release.mechanism, order)).collect();
    }
    match (release.sampling, release.mechanism) {
        (Sampling::Poisson { rate }, Mechanism::Gaussian { noise_multiplier }) => {
            orders.iter().map(|&order| poisson::gaussian(rate, noise_multiplier, order)).collect()
        }
        (Sampling::Poisson { rate }, mechanism) => {
            interpolate(orders, poisson::Amplified { rate, mechanism })
        }
        (sampling, mechanism) => {
            let rate = sampling.rate();
            interpolate(orders, fixed::Amplified::new(rate, mechanism, orders))
        }
    }
}

/// Everybody takes part.
pub fn full(mechanism: &Mechanism, order: f64) -> f64 {
    match *mechanism {
        Mechanism::Gaussian { noise_multiplier } => {
            0.5 * order / noise_multiplier / noise_multiplier
        }
        Mechanism::Laplace { scale } => laplace(1.0 / scale, order),
        Mechanism::Pure { epsilon } => pure(epsilon, order),
        Mechanism::Concentrated { rho } => rho * order,
        Mechanism::Skellam { l1, l2, mu } => skellam(l1, l2, mu, order),
    }
}

/// Mironov (2017), proposition 6.
fn laplace(epsilon: f64, order: f64) -> f64 {
    let inner = (order - 1.0) * (epsilon * (1.0 - 2.0 * order)).exp_m1() / (2.0 * order - 1.0);
    epsilon + inner.ln_1p() / (order - 1.0)
}

/// Randomised response, which every ε-differentially private mechanism is a function of (Kairouz,
/// Oh & Viswanath 2015): with p = 1/(1 + e^−ε), ln(p^a (1−p)^(1−a) + (1−p)^a p^(1−a)) / (a − 1).
fn pure(epsilon: f64, order: f64) -> f64 {
    // ln(e^{(a−1)ε} p + e^{−(a−1)ε} (1 − p)) over the larger term, without cancellation.
    let p = 1.0 / (1.0 + (-epsilon).exp());
    let t = (order - 1.0) * epsilon;
    let ln = if t < 1e-3 {
        (p * t.exp_m1() + (1.0 - p) * (-t).exp_m1()).ln_1p()
    } else {
        t + (-(1.0 - p) * -(-2.0 * t).exp_m1()).ln_1p()
    };
    (ln / (order - 1.0)).max(0.0)
}

/// Agarwal, Kairouz & Liu (2021), theorem 3.5 and corollary 3.6, for integer orders; between them
/// the cumulant, which is convex in the order, lies below its chord.
fn skellam(l1: f64, l2: f64, mu: f64, order: f64) -> f64 {
    let at = |a: f64| {
        let excess = ((2.0 * a - 1.0) * l2 * l2 + 6.0 * l1) / (4.0 * mu * mu);
        0.5 * a * l2 * l2 / mu + excess.min(1.5 * l1 / mu)
    };
    chord(order, |a| if a <= 1.0 { 0.0 } else { (a - 1.0) * at(a) })
}

/// Cumulants (a − 1)·D_a of integer orders.
pub trait Cumulant {
    /// At the integer order a ≥ 2.
    fn at(&self, order: u32) -> f64;
}

fn interpolate(orders: &[f64], cumulant: impl Cumulant) -> Vec<f64> {
    let mut known = std::collections::HashMap::new();
    let mut at = |a: f64| {
        if a <= 1.0 { 0.0 } else { *known.entry(a as u32).or_insert_with(|| cumulant.at(a as u32)) }
    };
    orders.iter().map(|&order| chord(order, &mut at)).collect()
}

/// The divergence at `order` from cumulants of the integers around it (Wang, Balle &
/// Kasiviswanathan 2019, corollary 10).
fn chord(order: f64, mut cumulant: impl FnMut(f64) -> f64) -> f64 {
    let low = order.floor();
    let share = order - low;
    let mut value = (1.0 - share) * cumulant(low);
    if share > 0.0 {
        value += share * cumulant(low + 1.0);
    }
    value / (order - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The divergence of Skellam noise, summed over its mass function.
    fn exact_skellam(shift: i32, mu: f64, order: f64) -> f64 {
        // Masses by convolution of two Poisson variables of mean mu / 2.
        let n = 160;
        let mut poisson = vec![(-mu / 2.0).exp()];
        for k in 1..n {
            poisson.push(poisson[k - 1] * (mu / 2.0) / k as f64);
        }
        let mass = |k: i32| -> f64 {
            let first = k.max(0) as usize;
            (first..n)
                .map(|i| poisson[i] * poisson.get((i as i32 - k) as usize).unwrap_or(&0.0))
                .sum()
        };
        let terms = (-60..60).map(|k| mass(k).powf(order) * mass(k - shift).powf(1.0 - order));
        terms.sum::<f64>().ln() / (order - 1.0)
    }

    #[test]
    fn skellams_bound_lies_above_its_divergence() {
        for (shift, mu, order) in [(1, 8.0, 2.0), (2, 12.0, 3.0), (1, 20.0, 8.0), (1, 8.0, 2.5)] {
            let bound = skellam(f64::from(shift), f64::from(shift), mu, order);
            let exact = exact_skellam(shift, mu, order);
            assert!(exact <= bound && bound < 1.5 * exact, "{shift} {mu} {order}: {exact} {bound}");
        }
    }

    #[test]
    fn pure_privacy_has_its_limits() {
        for order in [1.001, 1.5, 2.0, 10.0, 1000.0] {
            let divergence = pure(1.0, order);
            assert!(divergence <= 1.0 && divergence <= 0.5 * order);
        }
        assert!((pure(1.0, 1e6) - 1.0).abs() < 1e-5);
        // The two formulas meet.
        assert!((pure(1.0, 1.000_999) / pure(1.0, 1.001_001) - 1.0).abs() < 1e-5);
    }
}
