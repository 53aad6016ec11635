//! Stochastic gradient descent as PyTorch defines it (`torch.optim.SGD`, dampening 0), with the
//! proximal term of FedProx (Li et al. 2020, eq. 2) and the correction c − cᵢ of SCAFFOLD
//! (Karimireddy et al. 2020, algorithm 1, line 10):
//! g ← ∇loss + weight_decay · w + μ · (w − w_global) + c − cᵢ; v ← momentum · v + g; w ← w − η · v.

use std::ops::Range;
use tacit_core::error::Error;
use tacit_core::messages::FitOrder;

/// The step rule of one order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sgd {
    learning_rate: f32,
    momentum: f32,
    weight_decay: f32,
    proximal_mu: f32,
}

impl Sgd {
    /// Refuses what is not finite or negative.
    pub fn new(order: &FitOrder) -> Result<Self, Error> {
        let check = |what: &'static str, value: f64| {
            if value.is_finite() && (0.0..=f64::from(f32::MAX)).contains(&value) {
                Ok(value as f32)
            } else {
                Err(Error::caller(what, "a finite number, at least 0", value.to_string()))
            }
        };
        Ok(Self {
            learning_rate: check("learning_rate", order.learning_rate)?,
            momentum: check("momentum", order.momentum)?,
            weight_decay: check("weight_decay", order.weight_decay)?,
            proximal_mu: check("proximal_mu", order.proximal_mu)?,
        })
    }

    /// Whether gradients can be added to the weights at once, without a velocity between.
    pub fn is_plain(&self) -> bool {
        self.momentum == 0.0
    }

    /// Factor of the summed gradient of `rows` examples when it is added to the weights.
    pub fn plain_scale(&self, rows: usize) -> f32 {
        -self.learning_rate / rows as f32
    }

    /// A plain step but for the gradient of the loss:
    /// w ← w − η · (weight_decay · w + μ · (w − w_global) + c − cᵢ).
    pub fn penalise(&self, weights: &mut [f32], global: &[f32], correction: &[f32]) {
        let (decay, mu) = (self.learning_rate * self.weight_decay, self.proximal_mu);
        if mu != 0.0 {
            let pull = self.learning_rate * mu;
            weights.iter_mut().zip(global).for_each(|(w, g)| *w -= decay * *w + pull * (*w - g));
        } else if decay != 0.0 {
            weights.iter_mut().for_each(|w| *w -= decay * *w);
        }
        let rate = self.learning_rate;
        weights.iter_mut().zip(correction).for_each(|(w, c)| *w -= rate * c);
    }

    /// Starts a step with velocity: everything but the gradient of the loss.
    pub fn begin(&self, velocity: &mut [f32], weights: &[f32], global: &[f32]) {
        let (decay, mu) = (self.weight_decay, self.proximal_mu);
        for ((v, w), g) in velocity.iter_mut().zip(weights).zip(global) {
            *v = self.momentum * *v + decay * w + mu * (w - g);
        }
    }

    /// Ends it, the mean gradient having been added to the velocity.
    pub fn end(&self, velocity: &[f32], weights: &mut [f32]) {
        weights.iter_mut().zip(velocity).for_each(|(w, v)| *w -= self.learning_rate * v);
    }
}

/// One layer's parameters during the backward pass, and where their gradient goes.
pub(super) struct Sink<'a> {
    /// The layer's parameters.
    pub weights: &'a mut [f32],
    /// Velocity of the same length, or nothing in a plain step.
    pub velocity: Option<&'a mut [f32]>,
    /// The parameters that were received.
    pub global: &'a [f32],
    /// Added to every gradient; empty for nothing.
    pub correction: &'a [f32],
    /// The rule.
    pub sgd: Sgd,
    /// Examples in the whole step.
    pub rows: usize,
}

impl Sink<'_> {
    /// Where to add the gradient of the parameters in `span`, summed over examples, and the factor
    /// to add it with; to be asked for once. A plain step changes the weights: whatever else needs
    /// them must have been computed before.
    pub fn target(&mut self, span: Range<usize>) -> (&mut [f32], f32) {
        match &mut self.velocity {
            Some(velocity) => (&mut velocity[span], 1.0 / self.rows as f32),
            None => {
                let weights = &mut self.weights[span.clone()];
                let correction = self.correction.get(span.clone()).unwrap_or_default();
                self.sgd.penalise(weights, &self.global[span], correction);
                (weights, self.sgd.plain_scale(self.rows))
            }
        }
    }
}
