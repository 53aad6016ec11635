//! Rényi differential privacy (Mironov 2017) on a grid of orders: bounds everything from above,
//! at the price of the conversion to (ε, δ), which loses 10 to 15 per cent.

mod curve;
mod fixed;
mod poisson;

use super::convert;
use super::error::{AccountError, check, check_delta, check_epsilon};
use super::release::{Composed, Release};

/// The orders used unless told otherwise: tenths to 11, integers to 64, then powers of 2^¼ to
/// 1024, and powers of two beyond, which little noise and tiny rates want.
pub static ORDERS: std::sync::LazyLock<Vec<f64>> = std::sync::LazyLock::new(|| {
    let near = [1.01, 1.02, 1.03, 1.05, 1.07];
    let tenths = (11..110).map(|k| f64::from(k) / 10.0);
    let integers = (11..=64).map(f64::from);
    let quarters = (25..=40).map(|k| (f64::from(k) / 4.0).exp2().round());
    let far = (11..=14).map(|k| f64::from(k).exp2());
    near.into_iter().chain(tenths).chain(integers).chain(quarters).chain(far).collect()
});

/// A bound, and the order that gave it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RdpBound {
    /// ε or δ.
    pub value: f64,
    /// The order.
    pub order: f64,
    /// The best order is the first or last of the grid: another grid may give a better bound.
    pub at_edge: bool,
}

/// Adds up Rényi divergences, order by order.
///
/// ```
/// use tacit_privacy::account::{Mechanism, Rdp, Release, Sampling};
/// let noise = Mechanism::Gaussian { noise_multiplier: 1.0 };
/// let mut spent = Rdp::new();
/// spent.compose(Release::new(noise, Sampling::Poisson { rate: 0.01 }), 1000)?;
/// assert!((spent.epsilon(1e-5)?.value - 2.101).abs() < 1e-3);
/// # Ok::<(), tacit_privacy::account::AccountError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rdp {
    orders: Vec<f64>,
    spent: Vec<f64>,
    composed: Composed,
    // Rounds are alike more often than not.
    last: Option<(Release, Vec<f64>)>,
}

impl Default for Rdp {
    fn default() -> Self {
        Self::new()
    }
}

impl Rdp {
    /// Nothing released yet, on the orders of [`ORDERS`].
    pub fn new() -> Self {
        Self::on(ORDERS.clone())
    }

    /// Nothing released yet, on a grid of one's own: increasing, above 1.
    pub fn with_orders(orders: Vec<f64>) -> Result<Self, AccountError> {
        let first = orders.first().copied().unwrap_or(f64::NAN);
        check("first order", "a number above 1", first, first > 1.0)?;
        for pair in orders.windows(2) {
            let holds = pair[1] > pair[0] && pair[1] <= 1e6;
            check("orders", "increasing numbers, at most 10⁶", pair[1], holds)?;
        }
        Ok(Self::on(orders))
    }

    fn on(orders: Vec<f64>) -> Self {
        let spent = vec![0.0; orders.len()];
        Self { orders, spent, composed: Composed::default(), last: None }
    }

    /// Adds `times` such releases.
    pub fn compose(&mut self, release: Release, times: u64) -> Result<(), AccountError> {
        self.composed.add(&release, times)?;
        let one = match self.last.take() {
            Some((last, one)) if last == release => one,
            _ => curve::of(&release, &self.orders),
        };
        for (spent, one) in self.spent.iter_mut().zip(&one) {
            *spent += one * times as f64;
        }
        self.last = Some((release, one));
        Ok(())
    }

    /// Orders and the divergence spent at each.
    pub fn spent(&self) -> impl Iterator<Item = (f64, f64)> {
        self.orders.iter().copied().zip(self.spent.iter().copied())
    }

    /// An upper bound of ε at `delta`.
    pub fn epsilon(&self, delta: f64) -> Result<RdpBound, AccountError> {
        check_delta(delta)?;
        let mut bound = self.least(|order, rdp| convert::epsilon_at(order, rdp, delta));
        bound.value = self.composed.fold(delta, |delta| {
            let found = self.least(|order, rdp| convert::epsilon_at(order, rdp, delta));
            (bound.order, bound.at_edge) = (found.order, found.at_edge);
            found.value
        });
        Ok(bound)
    }

    /// An upper bound of δ at `epsilon`.
    pub fn delta(&self, epsilon: f64) -> Result<RdpBound, AccountError> {
        check_epsilon(epsilon)?;
        let mut bound = self.least(|order, rdp| convert::delta_at(order, rdp, epsilon));
        bound.value = (bound.value + self.composed.slack(epsilon)).min(1.0);
        Ok(bound)
    }

    fn least(&self, value: impl Fn(f64, f64) -> f64) -> RdpBound {
        let values: Vec<f64> = self.spent().map(|(order, rdp)| value(order, rdp)).collect();
        let better = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
        let at = (0..values.len()).min_by(better).unwrap_or(0);
        // A bound of zero cannot be improved.
        let at_edge = values[at] > 0.0 && (at == 0 || at + 1 == values.len());
        RdpBound { value: values[at], order: self.orders[at], at_edge }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Mechanism, Neighbours, Sampling};

    fn gaussian(noise_multiplier: f64, sampling: Sampling) -> Release {
        Release::new(Mechanism::Gaussian { noise_multiplier }, sampling)
    }

    #[test]
    fn sampled_gaussian_noise_costs_what_is_known() {
        // dp-accounting 0.6.0 on its own orders.
        let tenths = (11..110).map(|k| f64::from(k) / 10.0);
        let integers = (11..64).map(f64::from).chain([128.0, 256.0, 512.0, 1024.0]);
        let orders: Vec<f64> = tenths.chain(integers).collect();
        let known = [
            (1.0, 0.01, 1000, 1e-5, 2.101_37),
            (1.1, 0.004, 10_000, 1e-5, 2.013_06),
            (0.8, 0.05, 2000, 1e-6, 31.194_57),
            (1.0, 1.0, 100, 1e-5, 96.116_31),
        ];
        for (noise, rate, times, delta, epsilon) in known {
            let mut spent = Rdp::with_orders(orders.clone()).unwrap();
            spent.compose(gaussian(noise, Sampling::Poisson { rate }), times).unwrap();
            let found = spent.epsilon(delta).unwrap().value;
            assert!((found - epsilon).abs() < 1e-5, "{noise} {rate}: {found}, not {epsilon}");
        }
    }

    #[test]
    fn edges_of_the_grid_are_told() {
        let mut spent = Rdp::with_orders(vec![2.0, 3.0]).unwrap();
        spent.compose(gaussian(5.0, Sampling::None), 1).unwrap();
        assert!(spent.epsilon(1e-5).unwrap().at_edge);
        let mut spent = Rdp::new();
        spent.compose(gaussian(5.0, Sampling::None), 1).unwrap();
        assert!(!spent.epsilon(1e-5).unwrap().at_edge);
    }

    #[test]
    fn both_ways_agree() {
        let mut spent = Rdp::new();
        spent.compose(gaussian(1.0, Sampling::Poisson { rate: 0.01 }), 1000).unwrap();
        let epsilon = spent.epsilon(1e-5).unwrap();
        let delta = spent.delta(epsilon.value).unwrap();
        assert!((delta.value / 1e-5 - 1.0).abs() < 1e-9);
        assert_eq!(delta.order, epsilon.order);
    }

    #[test]
    fn neighbours_do_not_mix() {
        let mut spent = Rdp::new();
        spent.compose(gaussian(1.0, Sampling::None), 1).unwrap();
        spent.compose(gaussian(1.0, Sampling::Poisson { rate: 0.1 }), 1).unwrap();
        let (expected, found) = (Neighbours::AddRemove, Neighbours::ReplaceOne);
        let refused = spent.compose(gaussian(1.0, Sampling::Fixed { size: 1, of: 10 }), 1);
        assert_eq!(refused, Err(AccountError::Neighbours { expected, found }));
    }

    #[test]
    fn bad_numbers_are_refused() {
        let mut spent = Rdp::new();
        for noise in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(spent.compose(gaussian(noise, Sampling::None), 1).is_err(), "{noise}");
        }
        for rate in [0.0, -0.1, 1.1, f64::NAN] {
            let release = gaussian(1.0, Sampling::Poisson { rate });
            assert!(spent.compose(release, 1).is_err(), "{rate}");
        }
        for (size, of) in [(0, 10), (11, 10), (0, 0)] {
            let refused = spent.compose(gaussian(1.0, Sampling::Fixed { size, of }), 1);
            assert_eq!(refused, Err(AccountError::Cohort { size, of }));
        }
        assert!(spent.compose(gaussian(1.0, Sampling::None), 0).is_err());
        for delta in [0.0, 1.0, -1.0, f64::NAN] {
            assert!(spent.epsilon(delta).is_err(), "{delta}");
        }
        assert!(spent.delta(f64::NAN).is_err());
        assert!(Rdp::with_orders(vec![]).is_err());
        assert!(Rdp::with_orders(vec![3.0, 2.0]).is_err());
        assert_eq!(spent.epsilon(1e-5).unwrap().value, 0.0);
    }
}
