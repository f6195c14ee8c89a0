//! Methods: ways to answer as a user would, to be compared with each other.
//!
//! A [`Method`] is made ready for one user ([`Method::learn`]) and is then asked that user's test queries in their
//! order ([`Session::answer`]). It sees histories and queries, never what a test item's user responded.

mod ask;
mod average;
mod cot;
mod counts;
mod few_shot_cot;
mod first_sentence;
mod generic_paths;
mod knn;
mod least_to_most;
mod majority;
mod named;
mod near;
mod noise;
mod okapi;
mod others;
mod pag;
mod pipeline;
mod questions;
mod rag;
mod retrievers;
mod rpm;
mod self_consistency;
mod spec;
mod trust;
mod whole_text;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use rpm_core::data::{History, Interaction, Query, Task};
use rpm_core::llm::{BoxError, Budget, LlmBackend, UsageReport};
use rpm_core::stats::{Tier, TierReason};

pub use ask::{Ask, AskOutcome, Asker};
pub(crate) use named::offline;
pub use named::{about, named, names};
pub use noise::Noisy;
pub(crate) use others::Taught;
pub use pipeline::PipelineMethod;
pub(crate) use pipeline::{KEPT, TAUGHT};
pub use rag::{Choice, Rag};
pub use spec::Spec;
pub use whole_text::WholeText;

/// A way to answer as a user would.
///
/// # Contract
/// - The same histories, queries, seed and replies give the same predictions.
/// - Everything it asks goes to [`Bench::backend`], within [`Bench::budget`].
/// - A response it cannot give is an error or a [`Prediction`] without one, never a panic.
#[async_trait]
pub trait Method: Send + Sync {
    /// Its name with its options, as [`named`] reads it: `rag-bm25:k=4`.
    fn name(&self) -> String;

    /// True when it can be asked about such a task. Default: always.
    fn applies(&self, task: &Task) -> bool {
        let _ = task;
        true
    }

    /// True when it asks a model.
    fn asks_model(&self) -> bool;

    /// Makes it ready for a user.
    ///
    /// # Errors
    /// [`MethodError`]; then all items of the user count as not answered.
    async fn learn(&self, history: &History, bench: &Bench<'_>) -> Result<Box<dyn Session>, MethodError>;
}

/// A method that knows a user.
#[async_trait]
pub trait Session: Send {
    /// Answers one query. Queries come in the data set's order.
    ///
    /// # Errors
    /// [`MethodError`]; then this item counts as not answered.
    async fn answer(&mut self, query: &Query, bench: &Bench<'_>) -> Result<Prediction, MethodError>;

    /// The requests sent and paid since the last call, learning included.
    fn usage(&mut self) -> UsageReport {
        UsageReport::default()
    }

    /// Counts of learning by name: items, features, factors. Default: none.
    fn counts(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// The surroundings of a method: the task, all histories, the models and the limits.
#[derive(Clone)]
#[non_exhaustive]
pub struct Bench<'a> {
    /// The task.
    pub task: &'a Task,
    /// The histories of all users of the data set, for methods that look beyond one. No test item is among them.
    pub population: &'a [Vec<Interaction>],
    /// The place of the user among them, so that a method can leave the user out; `None` for one who is not among them.
    pub user: Option<usize>,
    /// By user of the population: the number of the person or group that they are of ([`people`](crate::dataset::people)). Users
    /// of one number never teach each other. Empty: everybody is a person of their own.
    pub people: &'a [usize],
    /// By user of the population: the times at which they are asked something; empty where there are none.
    pub asked: &'a [Vec<i64>],
    /// The histories of the users of another set, for methods that learn from them; `None` where the run has none.
    pub teachers: Option<&'a [Vec<Interaction>]>,
    /// The time of what is asked, where items have times: what others responded then or later would tell the future. While a user
    /// is learned, that of their first test item.
    pub before: Option<i64>,
    /// The model to ask; `None` in a run without one.
    pub backend: Option<Arc<dyn LlmBackend>>,
    /// The model to learn with, where it is another: a memory built by one model is then used by the other.
    pub learner: Option<Arc<dyn LlmBackend>>,
    /// The most that each operation may use.
    pub budget: Budget,
    /// The seed of random choices; with the user's id it decides them all.
    pub seed: u64,
    /// What was learned of others so far.
    pub(crate) taught: Arc<Taught>,
}

impl<'a> Bench<'a> {
    /// A run without a model and without a limit, whose random choices begin at 0.
    pub fn new(task: &'a Task, population: &'a [Vec<Interaction>]) -> Self {
        Self {
            task,
            population,
            user: None,
            people: &[],
            asked: &[],
            teachers: None,
            before: None,
            backend: None,
            learner: None,
            budget: Budget::default(),
            seed: 0,
            taught: Arc::default(),
        }
    }
}

impl fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let backend = self.backend.as_deref().map(LlmBackend::name);
        f.debug_struct("Bench").field("backend", &backend).field("seed", &self.seed).finish_non_exhaustive()
    }
}

/// A method's answer to one query.
#[derive(Clone, PartialEq, Default)]
pub struct Prediction {
    /// The reply, word for word.
    pub raw: Option<String>,
    /// The response of the task's space that the reply states, in its spelling; `None` when it states none.
    pub response: Option<String>,
    /// A value between the points of a scale, for means and medians.
    pub value: Option<f64>,
    /// The probability of each response, in the order of [`Task::responses`]; empty if it gives none.
    pub probabilities: Vec<f64>,
    /// The probabilities by the statistics alone, where a pipeline asked a model for the response.
    pub estimate: Vec<f64>,
    /// The tier of the answer and the reason for it; of pipelines only.
    pub support: Option<(Tier, TierReason)>,
}

impl Prediction {
    /// A response of the task's space.
    pub fn response(response: impl Into<String>) -> Self {
        let response = response.into();
        Self { raw: Some(response.clone()), response: Some(response), ..Self::default() }
    }

    /// A model's reply with the response it states.
    pub fn said(raw: impl Into<String>, task: &Task, query: &Query) -> Self {
        let raw = raw.into();
        Self { response: task.parse_response(query, &raw), raw: Some(raw), ..Self::default() }
    }
}

impl fmt::Debug for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prediction")
            .field("answered", &self.response.is_some())
            .field("support", &self.support)
            .finish_non_exhaustive()
    }
}

/// A method that cannot learn or answer. Records keep the names of its kinds, not its text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MethodError {
    /// A pipeline failed.
    #[error("the pipeline failed")]
    Pipeline(#[from] rpm_core::pipeline::Error),
    /// A request got no usable reply.
    #[error("the model gave no usable reply")]
    Ask(#[from] rpm_core::llm::AskError),
    /// The run has no model and the method asks one.
    #[error("the method asks a model and the run has none")]
    NoBackend,
    /// The method learns from the users of another set and the run has none.
    #[error("the method learns from another set's users and the run has none: put them beside the set that is scored")]
    NoTeachers,
    /// Anything else.
    #[error("the method failed")]
    Other(#[source] BoxError),
}
