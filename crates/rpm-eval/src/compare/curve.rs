//! Learning curves: a figure at several sizes.

use serde::{Deserialize, Serialize};

use super::replicates::{Measured, Replicates};

/// A figure at several sizes, and its trend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Curve {
    /// In ascending order of size; those of one size in the order given.
    pub points: Vec<CurvePoint>,
    /// By how much the figure rises when the size is multiplied by e ≈ 2.718; times 0.693 for each doubling. `None`
    /// when there are no two sizes above 0, or when the points are not of the same resamples and users.
    pub slope: Option<Measured>,
    /// Two-sided p-value of "no trend"; 1 without a slope.
    pub p: f64,
}

/// One point of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The size: interactions of a history, tokens, or any other.
    pub x: f64,
    /// The figure there.
    pub measured: Measured,
}

impl Curve {
    /// True when the figure surely rises: the slope's whole interval is above 0.
    pub fn rises(&self) -> bool {
        self.slope.is_some_and(|slope| slope.above_zero())
    }

    /// True when the figure surely falls.
    pub fn falls(&self) -> bool {
        self.slope.is_some_and(|slope| slope.below_zero())
    }
}

/// Draws a curve through statistics of the same users at different sizes, with the slope of the least-squares line over
/// ln(size).
///
/// Every point weighs the same. The slope is a weighted sum of the points, Σ wₖ·yₖ with
/// wₖ = (ln xₖ − mean) / Σ (ln xₖ − mean)², so its resamples are those of the points: users stay together along the
/// whole curve. A point of a size of 0 or less is shown and takes no part in the slope, having no logarithm; one of a
/// size that is not finite is left out.
pub fn curve(points: &[(f64, Replicates)], level: f64) -> Curve {
    let mut points: Vec<&(f64, Replicates)> = points.iter().filter(|(x, _)| x.is_finite()).collect();
    points.sort_by(|one, other| one.0.total_cmp(&other.0));
    let trend = slope(&points);
    Curve {
        points: points.iter().map(|&(x, figure)| CurvePoint { x: *x, measured: figure.measured(level) }).collect(),
        slope: trend.as_ref().map(|slope| slope.measured(level)),
        p: trend.as_ref().map_or(1.0, Replicates::p),
    }
}

fn slope(points: &[&(f64, Replicates)]) -> Option<Replicates> {
    let logs: Vec<(f64, &Replicates)> = points.iter().filter(|(x, _)| *x > 0.0).map(|&(x, y)| (x.ln(), y)).collect();
    let mean = logs.iter().map(|(log, _)| log).sum::<f64>() / logs.len() as f64;
    let spread: f64 = logs.iter().map(|(log, _)| (log - mean).powi(2)).sum();
    let weighted: Vec<(f64, &Replicates)> = logs.iter().map(|&(log, y)| ((log - mean) / spread, y)).collect();
    // Sizes that are all the same leave rounding at most.
    (spread > 1e-18).then(|| Replicates::combined(&weighted)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::Resamples;
    use super::*;
    use crate::Chance;

    /// Twenty users whose scores start at different heights and rise by `slope` for each ln(size).
    fn simulated(slope: f64) -> Curve {
        let resamples = Resamples::new(20, 2_000, 2);
        let mut chance = Chance::new(21);
        let heights: Vec<f64> = (0..20).map(|_| chance.normal()).collect();
        let points = [32.0_f64, 0.0, 2.0, 8.0].map(|size| {
            let mut item = |height: f64| height + slope * size.max(1.0).ln() + 0.1 * chance.normal();
            let items: Vec<Vec<f64>> = heights.iter().map(|&height| (0..10).map(|_| item(height)).collect()).collect();
            (size, resamples.mean(&items).unwrap())
        });
        curve(&points, 0.95)
    }

    #[test]
    fn a_rise_within_users_shows_through_what_parts_them() {
        let curve = simulated(0.1);
        let slope = curve.slope.unwrap();
        assert!((slope.value - 0.1).abs() < 0.02 && curve.rises() && !curve.falls() && curve.p < 0.01, "{slope:?}");
        assert_eq!(curve.points.iter().map(|point| point.x).collect::<Vec<_>>(), [0.0, 2.0, 8.0, 32.0]);
        // Each point by itself is far less sure than the trend.
        let widest = curve.points[1].measured.interval.unwrap();
        assert!(widest.high - widest.low > 0.3);
        assert!(simulated(-0.1).falls());
    }

    #[test]
    fn no_trend_neither_rises_nor_falls() {
        let curve = simulated(0.0);
        assert!(!curve.rises() && !curve.falls() && curve.p > 0.05, "{curve:?}");
    }

    #[test]
    fn a_slope_asks_for_two_sizes_of_the_same_users() {
        let mean = |seed| Resamples::new(8, 100, seed).mean(&vec![vec![1.0]; 8]).unwrap();
        let slope = |points: &[(f64, Replicates)]| {
            let curve = curve(points, 0.95);
            (curve.points.len(), curve.slope.map(|slope| slope.value), curve.p)
        };
        assert_eq!(slope(&[]), (0, None, 1.0));
        assert_eq!(slope(&[(4.0, mean(1)), (4.0, mean(1)), (0.0, mean(1))]), (3, None, 1.0));
        assert_eq!(slope(&[(4.0, mean(1)), (8.0, mean(2)), (f64::NAN, mean(1))]), (2, None, 1.0));
        assert_eq!(slope(&[(4.0, mean(1)), (8.0, mean(1))]), (2, Some(0.0), 1.0));
    }
}
