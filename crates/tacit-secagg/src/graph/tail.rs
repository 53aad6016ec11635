//! Tails of the hypergeometric distribution, in binary logarithms.
//!
//! Only functions that give the same on every machine are used: members must agree on a graph.

/// `drawn` of a `population` of whom some are `marked`, without replacement.
pub(super) struct Draw {
    pub population: usize,
    pub marked: usize,
    pub drawn: usize,
}

impl Draw {
    /// log₂ of the probability that so many or more of the drawn are marked.
    pub(super) fn log2_at_least(&self, count: usize) -> f64 {
        let Self { population, marked, drawn } = *self;
        let most = drawn.min(marked);
        if count <= (drawn + marked).saturating_sub(population) {
            return 0.0;
        }
        if count > most {
            return f64::NEG_INFINITY;
        }
        let (mut sum, mut term) = (1.0, 1.0);
        for found in count..most {
            let up = (marked - found) as f64 * (drawn - found) as f64;
            let unmarked = (population + found + 1 - marked - drawn) as f64;
            let ratio = up / ((found + 1) as f64 * unmarked);
            term *= ratio;
            sum += term;
            // Below the mode terms grow: where they outgrow this, the tail is all there is.
            if sum > 1e290 {
                return 0.0;
            }
            if ratio < 1.0 && term < sum * 1e-18 {
                break;
            }
        }
        (self.log2_exactly(count) + libm::log2(sum)).min(0.0)
    }

    fn log2_exactly(&self, count: usize) -> f64 {
        let Self { population, marked, drawn } = *self;
        let ln = ln_choose(marked, count) + ln_choose(population - marked, drawn - count)
            - ln_choose(population, drawn);
        ln * std::f64::consts::LOG2_E
    }
}

fn ln_choose(of: usize, chosen: usize) -> f64 {
    let ln_factorial = |count: usize| libm::lgamma(count as f64 + 1.0);
    ln_factorial(of) - ln_factorial(chosen) - ln_factorial(of - chosen)
}

/// log₂(2^a + 2^b).
pub(super) fn log2_sum(a: f64, b: f64) -> f64 {
    let (large, small) = (a.max(b), a.min(b));
    if small == f64::NEG_INFINITY {
        return large;
    }
    large + libm::log2(1.0 + libm::exp2(small - large))
}
