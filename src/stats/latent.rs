//! A scale as a latent normal that is cut into points.

use statrs::distribution::{Continuous, ContinuousCDF, Normal};

/// A standard normal, cut so that its pieces have given probabilities.
#[derive(Debug, Clone)]
pub(super) struct CutNormal {
    normal: Normal,
    /// Between the points, with infinity on either side.
    cuts: Vec<f64>,
    /// The latent mean inside each point.
    inside: Vec<f64>,
}

impl CutNormal {
    pub(super) fn new(p: &[f64]) -> Self {
        let normal = Normal::standard();
        let mut cuts = vec![f64::NEG_INFINITY];
        let mut below = 0.0;
        for share in p.iter().take(p.len().saturating_sub(1)) {
            below += share;
            cuts.push(normal.inverse_cdf(below.clamp(1e-9, 1.0 - 1e-9)));
        }
        cuts.push(f64::INFINITY);
        let density = |cut: &f64| if cut.is_finite() { normal.pdf(*cut) } else { 0.0 };
        let mean = |(cut, share): (&[f64], &f64)| match cut {
            [low, high] => (density(low) - density(high)) / share.max(1e-9),
            _ => 0.0,
        };
        let inside = cuts.windows(2).zip(p).map(mean).collect();
        Self { normal, cuts, inside }
    }

    /// The latent mean inside each point.
    pub(super) fn inside(&self) -> &[f64] {
        &self.inside
    }

    /// The probabilities of the points under a normal with this mean and scatter.
    pub(super) fn under(&self, mean: f64, scatter: f64) -> Vec<f64> {
        let below = |cut: &f64| {
            if cut.is_finite() { self.normal.cdf((cut - mean) / scatter) } else { f64::from(u8::from(*cut > 0.0)) }
        };
        let below: Vec<f64> = self.cuts.iter().map(below).collect();
        below.windows(2).map(|w| if let [low, high] = w { (high - low).max(0.0) } else { 0.0 }).collect()
    }
}
