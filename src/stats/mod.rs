//! Statistics of counts: pure functions, and the views of a user made of them. No I/O, no model, no clock; no result is
//! NaN.
//!
//! [`Beliefs`] is the view the other stages use: a user's counts as posteriors, intervals, lifts and significance.
//! [`Estimate`] is the probability of each response, [`gate`] decides how much of the user an answer may rest on.
//!
//! Guide: [the method](crate::guide::method), which derives every formula.

mod beliefs;
mod drift;
mod estimate;
mod fisher;
mod fusion;
mod interval;
mod latent;
mod linear;
mod muted;
pub mod population;
mod posterior;
mod proportion;
mod rank_sum;
mod reliability;
mod scale;
mod significance;
mod stability;
mod support;
mod tail;
mod title;

pub use beliefs::{Beliefs, FactorSummary, ResponseBelief, Share};
pub(crate) use beliefs::{Contrasts, FactorEvidence};
pub use drift::{DRIFT_ALARM, Drift, SHORTEST_WINDOW};
pub use estimate::{
    Contrast, ContrastedResponse, Estimate, Estimator, NextQuestion, Part, People, ResponseProbability, Source,
    calibrate,
};
pub(crate) use estimate::{KeptEstimator, calibrate_in_steps, calibration_point};
pub use fisher::fisher_exact;
pub use fusion::{FusedEstimate, Fusion, ModelView, PastView, Unfused, ViewError};
pub use interval::{Interval, MAX_LEVEL, normal_deviate, tail_of};
pub(crate) use muted::{Finder, Muted, NOTHING, Reading};
pub use posterior::{
    CountRow, DEFAULT_KAPPA, KAPPA_GRID, MAX_COUNT, MAX_LIFT, base_rate, cautious_interval, choose_kappa,
    credible_interval, lift, plausible_kappa, posterior_mean, propensity,
};
pub use proportion::{dirichlet_shares, wilson};
pub use rank_sum::rank_sum;
pub use reliability::{RELIABILITY_BINS, Reliability, ReliabilityBin, SMALLEST_SCORED};
pub use scale::{MeanDifference, Moments, mean_difference, student_deviate, student_two_sided};
pub use significance::{
    ChiSquare, MIN_EXPECTED, SMALLEST_CELL, association, benjamini_hochberg, chi_square, min_expected,
};
pub use stability::{Halves, LEAST_HALVED, lift_reliability, scale_stability, split_half_reliability, stability};
pub use support::{SIGNIFICANT, Support, SupportThresholds, Tier, TierReason, gate};
pub use title::{ProposedResponse, Titles};
pub(crate) use title::{Title, TitleBoosts};
