//! The estimate's parameters for one user.

use serde::{Deserialize, Serialize};

use super::DataError;

/// How an estimate decides, from the probabilities of the responses.
///
/// A host says what it wants of a task's answers with [`Task::deciding`](crate::Task::deciding). Where it does not, labels and
/// choices go by the most probable response, and a scale by what left-out interactions speak for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Decision {
    /// For the most probable response, the first of equals.
    #[default]
    MostLikely,
    /// On a scale, for the median: the point of least expected distance, the lowest of equals, among those that are at least half
    /// as probable as if all were alike. Between two minds lies no answer.
    Median,
    /// On a scale, for the point nearest to the expected value, half up.
    Mean,
    /// On a scale, for the point of least expected cost, where a miss costs 1 and each point of distance 0.1: nearly the most
    /// probable one, and the nearer to the rest of two that are.
    LeastCost,
    /// For the response of least expected cost by a table, the first of equals.
    Costs(Costs),
}

/// What it costs to answer one response where the person would give another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Costs {
    rows: Vec<Vec<u32>>,
}

impl Costs {
    /// A table with a row for each response the person may give and a column for each that may be answered, both in the order
    /// of the task's responses, in any unit: `rows[given][answered]`.
    /// [`Task::deciding`](crate::Task::deciding) checks that it is square and fits the task.
    ///
    /// ```
    /// use rpm_core::data::{Costs, Decision};
    /// use rpm_core::{ResponseSpace, Task};
    ///
    /// // To let spam through costs 1; to hold a letter back costs 20.
    /// let costs = Costs::new([[0, 20], [1, 0]]);
    /// let task = Task::new("Is this spam to the user?", ResponseSpace::labels(["letter", "spam"])?)?
    ///     .deciding(Decision::Costs(costs))?;
    /// # Ok::<(), rpm_core::DataError>(())
    /// ```
    pub fn new<R: IntoIterator<Item = u32>>(rows: impl IntoIterator<Item = R>) -> Self {
        Self { rows: rows.into_iter().map(|row| row.into_iter().collect()).collect() }
    }

    /// The cost of an answer where the person would give the other, by their places; 0 outside the table.
    pub fn of(&self, given: usize, answered: usize) -> u32 {
        self.rows.get(given).and_then(|row| row.get(answered)).copied().unwrap_or_default()
    }

    /// True for a table of this many responses.
    pub(crate) fn is_of(&self, responses: usize) -> bool {
        self.rows.len() == responses && self.rows.iter().all(|row| row.len() == responses)
    }
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
    /// The share of the regression on factors in the estimate, from 0 to 1; that on words has the rest. Of both, what is due to
    /// a factor is the factor's.
    pub factors: f64,
    /// How the estimate decides: as the task says, or, on a scale of which it says nothing, by the rule whose decisions were
    /// nearest to the responses (mean absolute distance) when each interaction was left out.
    pub decision: Decision,
    /// Interactions the two scores are over; 0 when there were too few to score.
    pub scored: usize,
    /// Mean log-probability (nats) of the response when its interaction is left out.
    pub left_out_score: f64,
    /// The mean log-probability (nats) under the base rate alone; the gain is the difference.
    pub base_score: f64,
}

#[derive(Deserialize)]
#[serde(remote = "Calibration")]
pub(crate) struct UncheckedCalibration {
    kappa: f64,
    #[serde(default)]
    kappa_low: f64,
    #[serde(default)]
    factors: f64,
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
            && within(self.factors, 0.0, 1.0)
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
            factors: 0.0,
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
