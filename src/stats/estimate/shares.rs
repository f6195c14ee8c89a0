//! Scaling of weights and log-weights to probabilities.

/// Scales to a sum of 1; even shares when nothing is left.
pub(super) fn normalised(mut p: Vec<f64>) -> Vec<f64> {
    for value in &mut p {
        if !value.is_finite() || *value < 0.0 {
            *value = 0.0;
        }
    }
    let total: f64 = p.iter().sum();
    let even = 1.0 / p.len().max(1) as f64;
    let usable = total.is_finite() && total > 0.0;
    for value in &mut p {
        *value = if usable { *value / total } else { even };
    }
    p
}

/// exp of log-weights, scaled to a sum of 1.
pub(super) fn softmax(log: &[f64]) -> Vec<f64> {
    let top = log.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    normalised(log.iter().map(|l| (l - top).exp()).collect())
}
