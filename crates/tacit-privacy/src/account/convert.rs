//! From Rényi divergence to (ε, δ) and back: Canonne, Kamath & Steinke (2020), proposition 12,
//! and δ ≤ √(1 − e^−KL) (Bretagnolle & Huber) where that is less.

/// The least ε at `delta` that a divergence of `rdp` at `order` implies.
pub fn epsilon_at(order: f64, rdp: f64, delta: f64) -> f64 {
    if rdp.is_nan() || rdp == f64::INFINITY {
        return f64::INFINITY;
    }
    // KL ≤ rdp at every order, so that much δ needs no ε at all.
    if delta * delta + (-rdp).exp_m1() >= 0.0 {
        return 0.0;
    }
    if order <= 1.0 {
        return f64::INFINITY;
    }
    let epsilon = rdp + (-1.0 / order).ln_1p() - (delta * order).ln() / (order - 1.0);
    epsilon.max(0.0)
}

/// The least δ at `epsilon` that a divergence of `rdp` at `order` implies.
pub fn delta_at(order: f64, rdp: f64, epsilon: f64) -> f64 {
    if rdp.is_nan() || rdp == f64::INFINITY {
        return 1.0;
    }
    let from_kl = (-(-rdp).exp_m1()).sqrt();
    if order <= 1.0 {
        return from_kl;
    }
    let ln = (order - 1.0) * (rdp - epsilon + (-1.0 / order).ln_1p()) - order.ln();
    ln.exp().min(from_kl)
}
