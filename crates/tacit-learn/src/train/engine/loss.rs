//! Softmax and cross-entropy.

/// What [`cross_entropy`] measured on one example.
pub(crate) struct Outcome {
    /// −ln p(label) in nats.
    pub loss: f64,
    /// Whether the largest logit, the first among equals, is the label's.
    pub correct: bool,
}

/// Turns one example's logits into the gradient of its loss, softmax(logits) − one_hot(label).
pub(super) fn cross_entropy(logits: &mut [f32], label: u32) -> Outcome {
    let label = label as usize;
    let mut best = 0;
    for (i, &x) in logits.iter().enumerate() {
        if x > logits[best] {
            best = i;
        }
    }
    let (max, own) = (logits[best], logits[label]);
    logits.iter_mut().for_each(|x| *x = (*x - max).exp());
    let sum: f64 = logits.iter().map(|&e| f64::from(e)).sum();
    let scale = (1.0 / sum) as f32;
    logits.iter_mut().for_each(|e| *e *= scale);
    logits[label] -= 1.0;
    Outcome { loss: sum.ln() + f64::from(max - own), correct: best == label }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        let mut logits = [0.0, 0.0, 0.0, 0.0];
        let outcome = cross_entropy(&mut logits, 2);
        assert!((outcome.loss - 4f64.ln()).abs() < 1e-7 && !outcome.correct);
        assert_eq!(logits, [0.25, 0.25, -0.75, 0.25]);
        // No overflow, and the loss of a sure and wrong answer is its distance.
        let mut logits = [1000.0, -1000.0];
        assert!((cross_entropy(&mut logits, 1).loss - 2000.0).abs() < 1e-3);
        assert!(cross_entropy(&mut [3.0, 1.0], 0).correct);
        assert!(!cross_entropy(&mut [f32::NAN, 1.0], 0).loss.is_finite());
    }
}
