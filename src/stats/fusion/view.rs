//! A model's view of a query.

use serde::{Deserialize, Serialize};

/// How likely a model finds each response to a query: shares above 0 that sum to 1, in the order in which the task or the query has its
/// responses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct ModelView(Vec<f64>);

/// A query that was answered, as the model and the estimate foretold it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct PastView {
    view: ModelView,
    estimate: Vec<f64>,
    given: usize,
}

#[derive(Deserialize)]
struct Unchecked {
    view: ModelView,
    estimate: Vec<f64>,
    given: usize,
}

/// A view that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ViewError {
    /// Shares that are no numbers of 0 or above, or that are all 0.
    #[error("a model's view needs a number of 0 or above for each response, and one above 0")]
    Shares,
    /// An estimate or a response that is not of the view's query.
    #[error(
        "a past view needs a share of the estimate for each response of the view, and the place of the one that was given"
    )]
    Other,
}

/// The least share of a response: one call cannot tell that a response is impossible.
const LEAST: f64 = 1e-4;

/// Below the logarithm of every share.
pub(super) fn least_ln() -> f64 {
    (LEAST / 2.0).ln()
}

impl ModelView {
    /// A view of numbers of 0 or above for each response, which are scaled to sum to 1. None comes much below one in ten thousand.
    ///
    /// # Errors
    /// [`ViewError::Shares`].
    pub fn new(shares: impl IntoIterator<Item = f64>) -> Result<Self, ViewError> {
        let shares: Vec<f64> = shares.into_iter().collect();
        let all: f64 = shares.iter().sum();
        let numbers = shares.iter().all(|share| (0.0..f64::INFINITY).contains(share));
        if !(numbers && all > 0.0 && all.is_finite()) {
            return Err(ViewError::Shares);
        }
        // One that was written is read to the bit.
        if (all - 1.0).abs() < 1e-9 && shares.iter().all(|share| *share >= LEAST / 2.0) {
            return Ok(Self(shares));
        }
        let floored: Vec<f64> = shares.iter().map(|share| (share / all).max(LEAST)).collect();
        let all: f64 = floored.iter().sum();
        Ok(Self(floored.into_iter().map(|share| share / all).collect()))
    }

    /// The share of each response.
    pub fn shares(&self) -> &[f64] {
        &self.0
    }
}

impl TryFrom<Vec<f64>> for ModelView {
    type Error = ViewError;

    fn try_from(shares: Vec<f64>) -> Result<Self, ViewError> {
        Self::new(shares)
    }
}

impl From<ModelView> for Vec<f64> {
    fn from(view: ModelView) -> Self {
        view.0
    }
}

impl PastView {
    /// A view with the estimate of the same query without its item, and the place of the response that was given to it.
    ///
    /// # Errors
    /// [`ViewError::Other`] where there is not one share of the estimate for each response, or `given` is none of them.
    pub fn new(view: ModelView, estimate: Vec<f64>, given: usize) -> Result<Self, ViewError> {
        let shares = estimate.iter().all(|share| (0.0..=1.0 + 1e-9).contains(share));
        if !shares || estimate.len() != view.0.len() || given >= estimate.len() {
            return Err(ViewError::Other);
        }
        Ok(Self { view, estimate, given })
    }

    /// The model's view.
    pub fn view(&self) -> &ModelView {
        &self.view
    }

    /// The estimate without the item.
    pub fn estimate(&self) -> &[f64] {
        &self.estimate
    }

    /// The place of the response that was given.
    pub fn given(&self) -> usize {
        self.given
    }
}

impl TryFrom<Unchecked> for PastView {
    type Error = ViewError;

    fn try_from(read: Unchecked) -> Result<Self, ViewError> {
        Self::new(read.view, read.estimate, read.given)
    }
}
