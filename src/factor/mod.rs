//! Groups features into factors and judges what swayed (paper: *F*⁽ᵐ⁾, influence, polarity).
//!
//! ```text
//! features of all interactions → fit → groups (a partition, named) → FactorSet (ids, counts)
//! features of a new query      → assign → the factor of each, or none
//! open-ended interactions      → judge → influence and polarity of each feature
//! ```
//!
//! [`FactorModel`] is the seam. [`PromptedFactorModel`] asks a model for the groups; [`SimilarityFactorModel`] groups by how
//! alike names are.
//!
//! Guide: [the method](crate::guide::method).

mod few;
pub(crate) mod grouping;
mod ideas;
mod names;
mod prompted;
pub(crate) mod recurring;
mod similarity;

use std::fmt;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{AssignedFeature, DataError, FactorId, FactorSet, FeatureKey, Judgement, MemoryItem, Query, Task};
use crate::llm::AskError;
use crate::words::Language;

pub use names::FactorNames;
pub use prompted::PromptedFactorModel;
pub use similarity::SimilarityFactorModel;

/// Groups features that act alike, and says which group a new feature belongs to.
///
/// # What to implement
/// [`fit`](Self::fit). The defaults assign by exact key and judge nothing.
///
/// # Contract
/// - `fit` returns groups that hold each feature key of the rows at most once (the pipeline checks it). A feature of none is kept with
///   its interaction; with others of like names it is a factor once they are in three interactions.
/// - `assign` returns one entry per feature, in their order, and only factors of the set it was given.
/// - `judge` returns one result per row, in their order, each with one judgement per feature of the row.
/// - Nothing depends on the order of the rows beyond their canonical one.
#[async_trait]
pub trait FactorModel: Send + Sync {
    /// Groups the features of all rows.
    ///
    /// # Errors
    /// [`FactorError`].
    async fn fit(&self, request: FitRequest<'_>, ctx: &StageContext<'_>) -> Result<FactorFit, FactorError>;

    /// The factor of each feature of a new query, or `None`. The default knows only features seen before.
    ///
    /// # Errors
    /// [`FactorError`].
    async fn assign(
        &self,
        request: AssignRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Option<FactorId>>, FactorError> {
        let _ = ctx;
        let exact = |f: &AssignedFeature| request.factors.factor_of(&f.feature.key()).map(|factor| factor.id().clone());
        Ok(request.features.iter().map(exact).collect())
    }

    /// For open-ended tasks: whether each feature of each row swayed its response, and which way. The default judges
    /// nothing, which leaves influence at zero.
    async fn judge(
        &self,
        request: FitRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Vec<Result<Vec<Option<Judgement>>, FactorError>> {
        let _ = ctx;
        request.rows.iter().map(|row| Ok(vec![None; row.features().len()])).collect()
    }

    /// True when it asks a model, so that a pipeline without a backend is refused when it is built.
    fn needs_backend(&self) -> bool {
        false
    }

    /// A name for logs and [provenance](crate::model::Provenance).
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

/// The input of a factor model while learning.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct FitRequest<'a> {
    /// The task.
    pub task: &'a Task,
    /// The interactions with their features, in canonical order.
    pub rows: &'a [MemoryItem],
}

impl<'a> FitRequest<'a> {
    /// A request over these rows.
    pub fn new(task: &'a Task, rows: &'a [MemoryItem]) -> Self {
        Self { task, rows }
    }

    /// The language by whose stems names are compared.
    fn language(&self) -> Language {
        let mut scratch = String::new();
        let signs = self.rows.iter().map(|row| Language::signs_in(row.query().text(), &mut scratch)).sum();
        self.task.language_of(signs, self.rows.len())
    }
}

impl fmt::Debug for FitRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FitRequest").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

/// The input of a factor model for a new query.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct AssignRequest<'a> {
    /// The user's factors.
    pub factors: &'a FactorSet,
    /// The new query.
    pub query: &'a Query,
    /// Its features, with the factors that the extractor named.
    pub features: &'a [AssignedFeature],
    names: &'a FactorNames,
}

impl<'a> AssignRequest<'a> {
    /// A request for the factors of these features. `names` belongs to the factors; it is indexed when it is first used,
    /// so keep it for the next query.
    pub fn new(
        factors: &'a FactorSet,
        query: &'a Query,
        features: &'a [AssignedFeature],
        names: &'a FactorNames,
    ) -> Self {
        Self { factors, query, features, names }
    }

    /// The factor whose name, or the name of one of whose features, is most like this one; `None` when the share of common
    /// word stems (Jaccard) is below `least` for all.
    pub fn nearest(&self, key: &FeatureKey, least: f64) -> Option<&'a FactorId> {
        self.names.nearest(key, least, self.factors)
    }
}

impl fmt::Debug for AssignRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssignRequest").field("features", &self.features.len()).finish_non_exhaustive()
    }
}

/// One group of features that act alike.
#[derive(Clone, PartialEq, Eq)]
pub struct FactorGroup {
    /// A few words that name it.
    pub label: String,
    /// A sentence that says what belongs to it.
    pub description: String,
    /// Its features, oldest first; the factor's id derives from the first.
    pub features: Vec<FeatureKey>,
}

impl fmt::Debug for FactorGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactorGroup").field("features", &self.features.len()).finish_non_exhaustive()
    }
}

/// Groups of features, each in one at most, and what it took to reach them.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct FactorFit {
    /// The groups, oldest first. May be left out where [`likeness`](Self::likeness) says how they are made.
    pub groups: Vec<FactorGroup>,
    /// The number of a model's statements that could not be used: unknown or repeated group ids.
    pub refused: usize,
    /// Groups that no model placed; those that recur are kept under the name of their most typical feature.
    pub unplaced: usize,
    /// The likeness of names that alone made the groups, so that they are made again whenever interactions come or go;
    /// `None` when the groups are a factor model's judgement, which is kept.
    pub likeness: Option<f64>,
}

impl FactorFit {
    /// A fit without anything refused.
    pub fn new(groups: Vec<FactorGroup>) -> Self {
        Self { groups, refused: 0, unplaced: 0, likeness: None }
    }

    /// Marks the groups as following from the names alone, as [`SimilarityFactorModel`] makes them with this
    /// [`least_likeness`](SimilarityFactorModel::least_likeness).
    #[must_use]
    pub fn by_likeness(mut self, least: f64) -> Self {
        self.likeness = Some(least);
        self
    }
}

/// The reason why factors could not be fitted or assigned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactorError {
    /// The model gave no usable answer.
    #[error("the model gave no usable factors")]
    Ask(#[from] AskError),
    /// The groups are no partition of the features.
    #[error("the groups are not a partition of the features")]
    NotAPartition(#[source] DataError),
    /// A host's own factor model failed.
    #[error("the factor model failed")]
    Other(#[source] crate::llm::BoxError),
}

impl FactorError {
    /// The limit of the budget for which the model was not asked.
    pub fn budget_reached(&self) -> Option<crate::llm::BudgetLimit> {
        match self {
            Self::Ask(ask) => ask.budget_reached(),
            _ => None,
        }
    }
}
