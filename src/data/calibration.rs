//! The estimate's parameters for one user.

use serde::{Deserialize, Serialize};

use super::DataError;

/// How an estimate decides on a scale, from the probabilities of its points. For other tasks it decides for the most
/// probable response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// For the point of least expected cost, where a miss costs 1 and each point of distance 0.1: nearly the most probable
    /// one, and the nearer to the rest of two that are.
    #[default]
    LeastCost,
    /// For the most probable point, the lower of equals.
    MostLikely,
    /// For the lowest point that is reached with a probability of one half: the point of least expected distance.
    Median,
    /// For the point nearest to the expected value, half up.
    Mean,
}

/// The estimate's parameters for one user, chosen by leave-one-out on the user's own history, with the score they
/// reached.
///
/// One that is read from a file is checked: each number lies in its range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// Pseudo-count κ that shrinks each factor's propensity to the base rate, above 0.
    pub kappa: f64,
    /// The least κ that the counts allow, at most `kappa`: intervals of propensities hold for all κ between the two.
    pub kappa_low: f64,
    /// The strength with which the factors move the estimate: 0 (not at all) to 2; 1 by default.
    pub pool: f64,
    /// Weight of the similarity-weighted vote, from 0 (ignored) to 1.
    pub vote: f64,
    /// How the estimate decides on a scale: the rule whose decisions were nearest to the responses (mean absolute distance)
    /// when each interaction was left out.
    pub decision: Decision,
    /// Interactions the two scores are over; 0 when there were too few to score.
    pub scored: usize,
    /// Mean log-probability (nats) of the response when its interaction is left out.
    pub left_out_score: f64,
    /// The mean log-probability (nats) under the base rate alone; the gain is the difference.
    pub base_score: f64,
}

#[derive(Deserialize)]
#[serde(remote = "Calibration", deny_unknown_fields)]
pub(crate) struct UncheckedCalibration {
    kappa: f64,
    #[serde(default)]
    kappa_low: f64,
    pool: f64,
    vote: f64,
    #[serde(default)]
    decision: Decision,
    scored: usize,
    left_out_score: f64,
    base_score: f64,
}

checked_on_reading!(Calibration, UncheckedCalibration);

impl Calibration {
    pub(crate) fn check(&self) -> Result<(), DataError> {
        let usable = within(self.kappa, 1e-6, 1e9)
            && within(self.kappa_low, 0.0, self.kappa)
            && within(self.pool, 0.0, 16.0)
            && within(self.vote, 0.0, 1.0)
            && self.left_out_score.is_finite()
            && self.base_score.is_finite();
        if usable { Ok(()) } else { Err(DataError::BadNumbers { what: "calibration", problem: "is out of range" }) }
    }
}

impl Default for Calibration {
    fn default() -> Self {
        Self {
            kappa: 4.0,
            kappa_low: 0.5,
            pool: 1.0,
            vote: 0.5,
            decision: Decision::default(),
            scored: 0,
            left_out_score: 0.0,
            base_score: 0.0,
        }
    }
}

fn within(value: f64, low: f64, high: f64) -> bool {
    value.is_finite() && (low..=high).contains(&value)
}
