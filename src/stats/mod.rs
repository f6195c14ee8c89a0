//! The mathematics: pure functions over counts. No I/O, no model, no clock; nothing that leaves is NaN.
//!
//! `docs/method.md` derives every formula. [`Beliefs`] is the view the other stages use: a user's counts as posteriors,
//! intervals, lifts and significance.

mod beliefs;
mod estimate;
mod posterior;
mod proportion;
mod rank_sum;
mod scale;
mod significance;
mod support;

pub use beliefs::{Beliefs, FactorSummary, ResponseBelief, Share};
pub use estimate::{Estimate, Weighted, calibrate};
pub(crate) use estimate::{Estimator, calibration_point};
pub use posterior::{
    CountRow, DEFAULT_KAPPA, Interval, KAPPA_GRID, MAX_COUNT, MAX_LEVEL, MAX_LIFT, base_rate, choose_kappa,
    credible_interval, lift, posterior_mean, propensity,
};
pub use proportion::{dirichlet_shares, wilson};
pub use rank_sum::rank_sum;
pub use scale::{MeanDifference, Moments, mean_difference};
pub use significance::{
    ChiSquare, MIN_EXPECTED, SMALLEST_CELL, association, benjamini_hochberg, chi_square, fisher_exact, min_expected,
};
pub use support::{Reason, Support, SupportThresholds, Tier, gate};
