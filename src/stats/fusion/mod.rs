//! A model's views put together with the estimates: how far a model that has read a text is trusted beside what is known of the user.
//!
//! ```text
//! past queries: view, estimate without the item, response → Fusion::fit → habit, weight
//! a query:      view, estimate                            → Fusion::fuse → Estimate with the part of the model
//! ```
//!
//! A model knows what words mean and not whom it answers; the estimate knows the user and words that were seen. Where they are two
//! independent pieces of evidence, Bayes' rule multiplies them:
//!
//! ```text
//! p(y) ∝ e(y) · (v(y) / h(y))^w       h(y) = exp(mean over past queries of ln v(y))
//! ```
//!
//! `e` is the estimate, `v` the view, `h` the model's habit: what it says of any text of the task, or of the letter that a response
//! stands at (contextual calibration, Zhao et al. 2021, with the past queries in place of empty ones). A model that always says the same
//! has v = h, so nothing of it remains. The weight `w` is the most probable one of how
//! views and estimates foretold past responses, where a weight of 1, as by Bayes' rule, is likeliest before; never below 0. It is a
//! product of experts (Hinton 2002) with one weight, and a logarithmic opinion pool (Genest and Zidek 1986) without the sum of weights
//! being 1.

mod fit;
mod fused;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Estimate;

pub use fused::{FusedEstimate, Unfused};
pub use view::{ModelView, PastView, ViewError};

/// How a model's views of a task are put together with the estimates for its users: plain data, to be kept by the host for each task and
/// model. [`Fusion::fit`] learns one from [past views](PastView) of some users; it then serves all.
///
/// ```
/// use rpm_core::stats::{Fusion, ModelView, PastView};
///
/// // The model leans to the first response whatever it reads, and a little more where the user gave it.
/// let past = |first: f64, given: usize| {
///     let view = ModelView::new(vec![first, 1.0 - first])?;
///     PastView::new(view, vec![0.5, 0.5], given)
/// };
/// let user = vec![past(0.9, 0)?, past(0.7, 1)?, past(0.92, 0)?, past(0.66, 1)?];
/// let fusion = Fusion::fit(&[user]);
/// assert!(fusion.weight() > 1.0);
/// // What the model always says is no news; that it says it less is.
/// let fused = fusion.shares(&[0.5, 0.5], &ModelView::new(vec![0.7, 0.3])?).unwrap();
/// assert!(fused[0] < 0.4);
/// # Ok::<(), rpm_core::stats::ViewError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Fusion {
    weight: f64,
    /// By number of responses: the logarithms of what the model says of any query, by response.
    habits: BTreeMap<usize, Vec<f64>>,
    views: u64,
    users: u64,
}

/// The weight of a model whose habits are not known: what it says is then half habit.
const UNKNOWN: f64 = 0.5;

#[derive(Deserialize)]
struct Unchecked {
    weight: f64,
    habits: BTreeMap<usize, Vec<f64>>,
    views: u64,
    users: u64,
}

impl TryFrom<Unchecked> for Fusion {
    type Error = &'static str;

    fn try_from(read: Unchecked) -> Result<Self, Self::Error> {
        let Unchecked { weight, habits, views, users } = read;
        if !(0.0..=fit::MOST_WEIGHT).contains(&weight) {
            return Err("the weight of the model is not from 0 to 4");
        }
        let is_mean = |ln: &f64| (view::least_ln()..=0.0).contains(ln);
        if !habits.iter().all(|(responses, habit)| *responses == habit.len() && habit.iter().all(is_mean)) {
            return Err("a habit of the model is not the logarithm of a share for each response");
        }
        Ok(Self { weight, habits, views, users })
    }
}

impl Default for Fusion {
    /// Of a model that nothing is known of: its views have half the weight that Bayes' rule gives to independent evidence, and no
    /// habit.
    fn default() -> Self {
        Self { weight: UNKNOWN, habits: BTreeMap::new(), views: 0, users: 0 }
    }
}

impl Fusion {
    /// Learns how far a model is trusted from how its views and the estimates foretold what users responded. Users and views may come
    /// in any order. Without views it is the default.
    ///
    /// Some forty views in all tell enough: what is learned is one weight, and one number for each response.
    pub fn fit(users: &[Vec<PastView>]) -> Self {
        fit::fit(users)
    }

    /// Trusts the model not at all: fused answers are those of the estimate.
    #[must_use]
    pub fn nothing() -> Self {
        Self { weight: 0.0, ..Self::default() }
    }

    /// The weight of the model, from 0, where it tells nothing, over 1, where it is as good as another estimate, to 4.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    /// The number of past views that it was learned from.
    pub fn views(&self) -> u64 {
        self.views
    }

    /// The number of users whose they were.
    pub fn users(&self) -> u64 {
        self.users
    }

    /// What the model says of any query with so many responses, as shares that sum to 1; even where nothing is known.
    pub fn habit(&self, responses: usize) -> Vec<f64> {
        let even = || vec![0.0; responses];
        exponentials(&self.habits.get(&responses).cloned().unwrap_or_else(even))
    }

    /// The estimate with what the model's view adds to it, as the part [`Source::Model`](super::Source::Model). `None` where the view
    /// is not of the estimate's responses.
    pub fn fuse(&self, estimate: &Estimate, view: ModelView) -> Option<FusedEstimate> {
        let before: Vec<f64> = estimate.responses().iter().map(|response| response.probability).collect();
        let estimate = estimate.moved_by_model(self.shares(&before, &view)?);
        Some(FusedEstimate { estimate, view, weight: self.weight })
    }

    /// The same with shares alone, in the order of the responses.
    pub fn shares(&self, estimate: &[f64], view: &ModelView) -> Option<Vec<f64>> {
        let news = self.news(view.shares());
        if news.len() != estimate.len() || estimate.is_empty() {
            return None;
        }
        let ln = |(share, news): (&f64, f64)| share.max(f64::MIN_POSITIVE).ln() + self.weight * news;
        Some(exponentials(&estimate.iter().zip(news).map(ln).collect::<Vec<f64>>()))
    }

    /// What a view says beyond the model's habit, in logarithms.
    fn news(&self, shares: &[f64]) -> Vec<f64> {
        let habit = self.habits.get(&shares.len());
        let of = |place: usize| habit.and_then(|habit| habit.get(place)).copied().unwrap_or_default();
        shares.iter().enumerate().map(|(place, share)| share.ln() - of(place)).collect()
    }
}

/// Shares that sum to 1, of their logarithms up to a constant.
fn exponentials(logs: &[f64]) -> Vec<f64> {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares: Vec<f64> = logs.iter().map(|ln| (ln - most).exp()).collect();
    let all: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / all).collect()
}
