//! The upper tail of the χ² distribution, which several tests share.

use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Returns the probability above `statistic`, which is not NaN, under χ² with `dof` degrees of freedom.
pub(super) fn upper_chi_square(statistic: f64, dof: usize) -> f64 {
    // No distribution has 0 degrees of freedom; nothing can then be surprising.
    ChiSquared::new(dof as f64).map_or(1.0, |dist| dist.sf(statistic).clamp(0.0, 1.0))
}
