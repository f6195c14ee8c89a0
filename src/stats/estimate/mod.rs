//! P(response | features, user) from the statistics alone.
//!
//! ```text
//! pool:  the evidence of the query's factors (labels: propensities; scale: tone and factor effects; choices: option lifts)
//! vote:  the responses to similar queries; for labels also with their likeness to each other allowed for
//! P(y) ∝ pool(y)^(1−b) · vote(y)^b, b and the pool's strength chosen on the user's own history by leave-one-out
//! ```
//!
//! `docs/method.md` has the formulas. Everything is a function of weighted counts over the items, so leaving an item out
//! subtracts its own share and refits nothing. Items are read once: when some are appended, only those are read and all are
//! counted again, so the result is to the bit what it would be had all come at once.

mod calibrate;
mod choices;
mod estimator;
mod kept;
mod labels;
mod muted;
mod numbers;
mod ordinal;
mod past;
mod result;
mod ridge;
mod seen;
mod shares;
mod similar;
#[cfg(test)]
mod tests;

pub use calibrate::calibrate;
pub(crate) use calibrate::calibration_point;
pub use estimator::Estimator;
pub(crate) use kept::KeptEstimator;
pub(crate) use muted::{Finder, Muted, NOTHING, Reading};
pub use result::{Estimate, ResponseProbability};
