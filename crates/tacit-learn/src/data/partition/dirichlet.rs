//! Label skew of a chosen degree: the participants' shares of each class are drawn from a
//! symmetric Dirichlet distribution with concentration α (Hsu et al. 2019, "Measuring the effects
//! of non-identical data distribution for federated visual classification", in the form of
//! Yurochkin et al. 2019, section 4, where sizes vary too: the one that other systems run).

use crate::data::dataset::Dataset;
use tacit_core::error::Error;
use tacit_core::rng::{Random, Seed};

pub(super) fn deal(
    dataset: &Dataset,
    participants: usize,
    alpha: f64,
    minimum: usize,
    seed: Seed,
) -> Result<Vec<Vec<u32>>, Error> {
    // The bounds keep α·ln(u) and the gamma sampler's squares finite.
    if !(1e-6..=1e6).contains(&alpha) {
        return Err(Error::caller("dirichlet alpha", "0.000001 to 1000000", alpha.to_string()));
    }
    let most = dataset.train().len() / participants;
    if minimum > most {
        let expected = format!("at most {most} with {participants} participants");
        return Err(Error::caller("dirichlet minimum", expected, minimum.to_string()));
    }
    let mut by_class = vec![Vec::new(); dataset.shape().classes];
    for &row in dataset.train() {
        by_class[dataset.examples().label(row as usize) as usize].push(row);
    }
    let mut rng = seed.derive("tacit/v1/partition/dirichlet", &[]).rng();
    let mut parts = vec![Vec::new(); participants];
    for rows in &mut by_class {
        rng.shuffle(rows);
        let shares = dirichlet(alpha, participants, &mut rng);
        let (mut start, mut sum) = (0, 0.0);
        for (i, (part, share)) in parts.iter_mut().zip(&shares).enumerate() {
            sum += share;
            // Rounding the running sum, not each share, deals every row exactly once.
            let end = match i + 1 == participants {
                true => rows.len(),
                false => ((sum * rows.len() as f64).round() as usize).clamp(start, rows.len()),
            };
            part.extend_from_slice(&rows[start..end]);
            start = end;
        }
    }
    level(&mut parts, minimum.max(1), &mut rng);
    Ok(parts)
}

/// Gives each participant below `minimum` random rows of the one that has most at that moment.
/// Redrawing everything until nobody is below, as is usual, need not end for small α.
fn level(parts: &mut [Vec<u32>], minimum: usize, rng: &mut Random) {
    let mut largest: std::collections::BinaryHeap<(usize, usize)> =
        parts.iter().enumerate().map(|(i, part)| (part.len(), i)).collect();
    for poor in 0..parts.len() {
        while parts[poor].len() < minimum {
            // Somebody has more than `minimum`, since there are rows enough for all; entries of
            // participants that were given rows are stale, but only too small.
            let Some((count, rich)) = largest.pop() else { return };
            let row = parts[rich].swap_remove(rng.below(count as u64) as usize);
            parts[poor].push(row);
            largest.push((count - 1, rich));
        }
    }
}

/// Shares that sum to 1, drawn from Dirichlet(α, …, α).
fn dirichlet(alpha: f64, count: usize, rng: &mut Random) -> Vec<f64> {
    // Normalised in logarithms: for small α every gamma variate may be below the smallest double.
    let logs: Vec<f64> = (0..count).map(|_| ln_gamma_variate(alpha, rng)).collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|log| (log - largest).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// Logarithm of a Gamma(shape, 1) variate (Marsaglia and Tsang 2000, "A simple method for
/// generating gamma variables"; below shape 1 by their section 6: γ(a) = γ(a + 1)·u^(1/a)).
fn ln_gamma_variate(shape: f64, rng: &mut Random) -> f64 {
    if shape < 1.0 {
        let boost = (1.0 - rng.unit()).ln() / shape;
        return ln_gamma_variate(shape + 1.0, rng) + boost;
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = rng.normal();
        let v = (1.0 + c * x).powi(3);
        let u = 1.0 - rng.unit();
        if v > 0.0 && u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return (d * v).ln();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_variates_have_their_mean_and_variance() {
        for shape in [0.3, 1.0, 4.5] {
            let mut rng = Seed::root(5).rng();
            let draws: Vec<f64> =
                (0..40_000).map(|_| ln_gamma_variate(shape, &mut rng).exp()).collect();
            let mean = draws.iter().sum::<f64>() / 4e4;
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4e4;
            // Both are `shape`; five standard errors of each.
            assert!((mean - shape).abs() < 5.0 * (shape / 4e4).sqrt(), "{shape}: mean {mean}");
            let error = 5.0 * ((2.0 * shape * shape + 6.0 * shape) / 4e4).sqrt();
            assert!((variance - shape).abs() < error, "{shape}: variance {variance}");
        }
    }

    #[test]
    fn shares_sum_to_one_however_small_alpha_is() {
        let mut rng = Seed::root(6).rng();
        for alpha in [1e-6, 1e-3, 1.0, 1e6] {
            let shares = dirichlet(alpha, 7, &mut rng);
            assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{alpha}: {shares:?}");
        }
    }
}
