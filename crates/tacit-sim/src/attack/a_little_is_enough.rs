//! "A little is enough" (Baruch, Baruch, Goldberg 2019, algorithm 3): all send μ − z·σ, with mean
//! μ and standard deviation σ of the honest updates, coordinate by coordinate. Honest rows that
//! lie farther out than that make the hostile ones look central.
//!
//! By default z is the largest for which enough honest rows are expected to lie farther out for a
//! majority with the hostile ones: s = ⌊n/2 + 1⌋ − f of them are needed, and
//! z = Φ⁻¹((n − f − s) / (n − f)). For few rows that is near zero, and the attack is none.

use super::{Attack, Entry, Honest, Means, Scene, crowd};
use tacit_core::registry::{Default, Kind, Parameter};

pub(super) const ENTRY: Entry = Entry {
    name: "a-little-is-enough",
    help: "the honest updates' mean, some standard deviations aside (Baruch et al. 2019)",
    parameters: &[Parameter {
        name: "deviations",
        help: "standard deviations z from the mean; 0 = as many as n and f allow",
        kind: Kind::Number { min: -1e3, max: 1e3 },
        default: Default::Number(0.0),
    }],
    make: |arguments| Ok(Box::new(Little { deviations: arguments.number("deviations")? })),
};

/// See the module.
#[derive(Debug)]
struct Little {
    deviations: f64,
}

impl Attack for Little {
    fn means(&self) -> Means {
        Means::Honest
    }

    fn collude(&mut self, scene: &Scene, honest: &Honest<'_>, out: &mut [f32]) {
        let z = match self.deviations {
            0.0 => allowed(scene.participants, scene.hostile),
            z => z,
        };
        crowd::moments(honest.rows, |i, mean, deviation| out[i] = (mean - z * deviation) as f32);
    }
}

/// z of the module's documentation, at least 0.
fn allowed(n: usize, f: usize) -> f64 {
    let needed = (n / 2 + 1).saturating_sub(f);
    let honest = n.saturating_sub(f).max(1);
    let inside = honest.saturating_sub(needed) as f64 / honest as f64;
    // Where nobody need lie farther out, the paper's z is infinite; no attacker is.
    normal_quantile(inside.min(1.0 - 1e-3)).max(0.0)
}

/// Φ⁻¹ for 0.5 ≤ p < 1, else 0: Newton's method on Φ, whose error function is summed as a series
/// (Abramowitz, Stegun 1964, 7.1.6). Exact to 1e-9 for p below 0.9999.
fn normal_quantile(p: f64) -> f64 {
    if p <= 0.5 {
        return 0.0;
    }
    let density = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let distribution = |x: f64| {
        let (mut term, mut sum) = (x, x);
        for k in 1..200 {
            term *= x * x / f64::from(2 * k + 1);
            sum += term;
        }
        0.5 + density(x) * sum
    };
    (0..60).fold(0.0, |x, _| x - (distribution(x) - p) / density(x).max(1e-12))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_normal_distribution() {
        for (p, expected) in
            [(0.5, 0.0), (0.75, 0.674_489_750), (0.975, 1.959_963_985), (0.999, 3.090_232_306)]
        {
            assert!((normal_quantile(p) - expected).abs() < 1e-8, "{p}: {}", normal_quantile(p));
        }
    }

    #[test]
    fn deviations_by_hand() {
        // The paper's example, section 4: 50 workers of which 24 are hostile give z = 1.43.
        let z = allowed(50, 24);
        assert!((z - normal_quantile(24.0 / 26.0)).abs() < 1e-12 && (z - 1.426).abs() < 1e-3);
        assert_eq!(allowed(10, 2), 0.0);
        assert!(allowed(9, 8) > 3.0 && allowed(4, 1) == 0.0);
    }
}
