//! From right and wrong guesses to a lower bound of ε that holds with a stated confidence.

/// Guesses about canaries, each of which was in by an own fair coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guesses {
    /// Canaries, m: also those about which nothing was guessed.
    pub canaries: usize,
    /// Guesses, r.
    pub guesses: usize,
    /// Right ones, v.
    pub right: usize,
}

/// The largest ε for which so many right guesses refute (ε, δ)-differential privacy with error
/// probability `error` (Steinke, Nasr & Jagielski 2023, theorem 5.2 and appendix D); 0 if none.
pub fn one_run(guesses: Guesses, delta: f64, error: f64) -> f64 {
    let logs = Factorials::new(guesses.guesses);
    let refutes = |epsilon: f64| chance(&logs, guesses, epsilon, delta) < error;
    largest(refutes)
}

/// Largest probability of at least so many right guesses under (ε, δ)-differential privacy:
/// β + 2mδ·α, with β = P[B ≥ v], B ~ Binomial(r, 1/(1+e^−ε)), and α = max over i ≥ 1 of
/// P[v > B ≥ v−i] / i.
fn chance(logs: &Factorials, guesses: Guesses, epsilon: f64, delta: f64) -> f64 {
    let Guesses { canaries, guesses: all, right } = guesses;
    let coin = Coin::logistic(epsilon);
    let mass = |count: usize| logs.mass(count, all, coin);
    let beta: f64 = (right..=all).rev().map(mass).sum();
    let (mut alpha, mut below) = (0.0f64, 0.0);
    for i in 1..=right {
        below += mass(right - i);
        alpha = alpha.max(below / i as f64);
    }
    (beta + alpha * delta * 2.0 * canaries as f64).min(1.0)
}

/// Trials of a test that says which of two neighbouring worlds an output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trials {
    /// In each world.
    pub trials: usize,
    /// Outputs without the participant taken for ones with it.
    pub false_alarms: usize,
    /// Outputs with the participant taken for ones without it.
    pub misses: usize,
}

/// The largest ε that the errors refute at `delta` with error probability `error`: no test has
/// P[alarm | in] > e^ε P[alarm | out] + δ (Kairouz, Oh & Viswanath 2015, theorem 2.1), with the
/// bounds of Clopper & Pearson for both rates, each at half of `error` (Jagielski, Ullman & Oprea
/// 2020, section 3).
pub fn two_worlds(found: Trials, delta: f64, error: f64) -> f64 {
    let above = |count| clopper_pearson(count, found.trials, error / 2.0);
    let (false_alarms, misses) = (above(found.false_alarms), above(found.misses));
    ratio(false_alarms, misses, delta)
}

/// ε that both error rates together refute.
pub(super) fn ratio(false_alarms: f64, misses: f64, delta: f64) -> f64 {
    let one = |wrong: f64, other: f64| ((1.0 - delta - other) / wrong).ln();
    let best = one(false_alarms, misses).max(one(misses, false_alarms));
    // The logarithm of what is not positive is no number.
    if best > 0.0 { best } else { 0.0 }
}

/// The largest probability that `count` of `all` does not refute with error probability `error`
/// (Clopper & Pearson 1934).
pub fn clopper_pearson(count: usize, all: usize, error: f64) -> f64 {
    if count >= all {
        return 1.0;
    }
    let logs = Factorials::new(all);
    let (mut low, mut high) = (count as f64 / all as f64, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        let at_most = logs.at_most(count, all, Coin::new(middle));
        *if at_most > error { &mut low } else { &mut high } = middle;
    }
    high
}

/// The largest ε at which `holds`, to twelve digits; 0 if it does not hold there.
fn largest(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // No finite number of guesses refutes every ε; e^−700 is the smallest that there is.
    while high < 700.0 && holds(high) {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        *if holds(middle) { &mut low } else { &mut high } = middle;
    }
    low
}

/// Logarithms of a probability and of its complement.
#[derive(Clone, Copy)]
struct Coin {
    yes: f64,
    no: f64,
}

impl Coin {
    fn new(probability: f64) -> Self {
        Self { yes: probability.ln(), no: (-probability).ln_1p() }
    }

    /// Of 1 / (1 + e^−ε).
    fn logistic(epsilon: f64) -> Self {
        let yes = -(-epsilon).exp().ln_1p();
        Self { yes, no: yes - epsilon }
    }
}

/// ln k! for k = 0, 1, …
struct Factorials(Vec<f64>);

impl Factorials {
    fn new(largest: usize) -> Self {
        let mut logs = Vec::with_capacity(largest + 1);
        let mut sum = 0.0;
        logs.push(sum);
        for k in 1..=largest {
            sum += (k as f64).ln();
            logs.push(sum);
        }
        Self(logs)
    }

    /// P[Binomial(all, coin) = count].
    fn mass(&self, count: usize, all: usize, coin: Coin) -> f64 {
        let ways = self.0[all] - self.0[count] - self.0[all - count];
        let power = |times: usize, ln: f64| if times == 0 { 0.0 } else { times as f64 * ln };
        (ways + power(count, coin.yes) + power(all - count, coin.no)).exp()
    }

    /// P[Binomial(all, coin) ≤ count], for a count below the mean: terms fall towards zero.
    fn at_most(&self, count: usize, all: usize, coin: Coin) -> f64 {
        let mut sum = 0.0;
        for k in (0..=count).rev() {
            let mass = self.mass(k, all, coin);
            sum += mass;
            if mass < 1e-17 * sum {
                break;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vectors {
        one_run: Vec<OneRun>,
        clopper_pearson: Vec<Limit>,
    }

    #[derive(serde::Deserialize)]
    struct OneRun {
        canaries: usize,
        guesses: usize,
        right: usize,
        delta: f64,
        error: f64,
        epsilon: f64,
    }

    #[derive(serde::Deserialize)]
    struct Limit {
        count: usize,
        all: usize,
        error: f64,
        limit: f64,
    }

    #[test]
    fn bounds_are_those_of_scipy() {
        let text = include_str!("../../../../vectors/privacy_audit.json");
        let vectors: Vectors = serde_json::from_str(text).unwrap();
        assert!(vectors.one_run.len() >= 20 && vectors.clopper_pearson.len() >= 10);
        for case in vectors.one_run {
            let OneRun { canaries, guesses, right, delta, error, epsilon } = case;
            let found = one_run(Guesses { canaries, guesses, right }, delta, error);
            assert!((found - epsilon).abs() < 1e-7 * epsilon.max(1.0), "{right}: {found}");
        }
        for Limit { count, all, error, limit } in vectors.clopper_pearson {
            let found = clopper_pearson(count, all, error);
            assert!((found - limit).abs() < 1e-9 * limit, "{count} of {all}: {found} {limit}");
        }
    }

    #[test]
    fn by_hand() {
        // All of 40 right: 0.05 = (1 + e^−ε)^−40.
        let all = Guesses { canaries: 40, guesses: 40, right: 40 };
        let p = 0.05f64.powf(1.0 / 40.0);
        assert!((one_run(all, 0.0, 0.05) - (p / (1.0 - p)).ln()).abs() < 1e-9);
        assert_eq!(one_run(Guesses { right: 20, ..all }, 0.0, 0.05), 0.0);
        assert_eq!(one_run(all, 1.0, 0.05), 0.0);
        assert_eq!(one_run(Guesses { canaries: 5, guesses: 0, right: 0 }, 0.0, 0.05), 0.0);
        // Nobody of n: 1 − error^(1/n).
        assert!((clopper_pearson(0, 100, 0.05) - (1.0 - 0.05f64.powf(0.01))).abs() < 1e-12);
        assert_eq!(clopper_pearson(7, 7, 0.05), 1.0);
        let blind = Trials { trials: 1000, false_alarms: 500, misses: 500 };
        assert_eq!(two_worlds(blind, 0.0, 0.05), 0.0);
        let sure = Trials { trials: 1000, false_alarms: 0, misses: 0 };
        assert!(two_worlds(sure, 1e-5, 0.05) > 5.0);
    }
}
