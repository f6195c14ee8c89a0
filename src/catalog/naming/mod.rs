//! Has a model name the factors of a computed catalog.
//!
//! ```text
//! computed factors, 20 a request → names, descriptions, merges, splits → words and texts decide → the next version
//! ```

mod apply;
mod ask;
mod evidence;
mod label;
mod report;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::context::StageContext;
use crate::data::{FactorId, Task};
use crate::llm::{AskError, Plan, Rest};

use super::{Catalog, CatalogFactor};

use self::apply::Applied;
use self::ask::{Naming, Proposed};
use self::evidence::Evidence;
pub use self::report::{NamedCatalog, NamingError, Proposal, Refused, RefusedFor, Unanswered};

/// Has a model give the factors of a computed catalog better names and a sentence each: one pass, about one call for each
/// twenty factors.
///
/// The model sees the task, and of each factor an alias, its label, in how many texts it is and its heaviest terms; no
/// text of anyone. It proposes, and words and texts decide:
///
/// - **A name** is taken if it has one to five words, is no list, neither begins nor ends with a function word, is no echo of the
///   request's words, of what queries and responses are called or of a response, no name and no whole term of another factor,
///   and shares a word with the factor's terms; of one that shares none, such as "armed conflict" for war and soldiers, the description has to share two. A part of a term, or a
///   term that is not enough by itself, is too broad for a name, since a text that says a label has the factor. With
///   [texts](Self::texts), its words are in them or in terms, and those that have the factor under the new name and those
///   that had it under the old one share at least half. A name that is proposed for two factors is given to neither.
/// - **A description** is taken if it shares two words with the terms, or the only one there is.
/// - **A merge** is taken if the texts that have the two factors share at least half (Jaccard). The one in more texts keeps
///   its id. Without texts no merge is taken.
/// - **A split** is taken if the parts divide the factor's terms, each has a name by the rules above and is in at least three
///   texts, and no two share half of theirs. The first part keeps the id. Without texts no split is taken. The terms are those that
///   are shown, at most ten, so a factor of more is not split.
///
/// Factors without counts were written by the host, or joined of two, and are neither shown nor changed. Ids stay, and a user
/// model follows with [`UserModel::move_to`](crate::UserModel::move_to). Merges and splits are seen within one request only.
///
/// The same replies give the same catalog. A pass asks as [`Stage::Group`](crate::llm::Stage::Group), with temperature 0: behind a
/// [`ResponseLog`](crate::llm::ResponseLog) it is paid for once.
///
/// ```
/// use rpm_core::catalog::{CatalogBuilder, CatalogNamer};
/// use rpm_core::llm::backend_fn;
/// use rpm_core::{Completion, ResponseSpace, RpmPipeline, Task};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let scenes = ["a car chase", "a long car chase", "natural light", "snow in natural light", "rain"];
/// let catalog = CatalogBuilder::default().least_texts(2).texts(scenes).build()?;
/// let model = backend_fn(|_request| async {
///     Ok(Completion::new(r#"{ "factors": { "c1": "long car chase", "c2": "the" }, "merge": [], "split": [] }"#))
/// });
/// let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
/// let pipeline = RpmPipeline::builder(task).backend(model).build()?;
/// let named = pipeline.name_catalog(&catalog, &CatalogNamer::default().texts(scenes)).await?;
/// let labels: Vec<&str> = named.catalog.factors().iter().map(|factor| factor.label()).collect();
/// assert_eq!(labels, ["long car chase", "natural light"]);
/// assert_eq!((named.catalog.version(), named.refused.len()), (2, 1));
/// # Ok(())
/// # }
/// # pollster::block_on(example()).unwrap();
/// ```
#[derive(Clone)]
pub struct CatalogNamer {
    evidence: Evidence,
    factors_per_request: usize,
    max_reasks: u32,
}

impl Default for CatalogNamer {
    fn default() -> Self {
        Self { evidence: Evidence::default(), factors_per_request: 20, max_reasks: 1 }
    }
}

impl CatalogNamer {
    /// Adds texts that merges, splits and names are judged by: those that the catalog was computed from. They are not shown
    /// to the model.
    #[must_use]
    pub fn texts<T: Into<String>>(mut self, texts: impl IntoIterator<Item = T>) -> Self {
        self.evidence.extend(texts.into_iter().map(Into::into));
        self
    }

    /// Sets the factors in one request, from 1 to 20. Default: 20.
    #[must_use]
    pub fn factors_per_request(mut self, factors: usize) -> Self {
        self.factors_per_request = factors.clamp(1, 20);
        self
    }

    /// Sets the most times that factors which a reply left out are asked about again. Default: 1.
    #[must_use]
    pub fn max_reasks(mut self, reasks: u32) -> Self {
        self.max_reasks = reasks;
        self
    }

    /// Names the factors of a catalog. A factor without a usable reply stays as it is and is
    /// [reported](NamedCatalog::unanswered) with the reason.
    ///
    /// # Errors
    /// [`NamingError::Ask`] when not one request got a reply: there is no backend, it failed, or the budget did not suffice.
    /// [`NamingError::Catalog`] when a split would make more factors than a catalog holds.
    ///
    /// # Budget
    /// When the budget is reached, what was named by then stands, and the others are reported as unanswered.
    ///
    /// # Cancellation
    /// Dropping the future stops; the catalog is as it was.
    pub async fn name(
        &self,
        catalog: &Catalog,
        task: &Task,
        ctx: &StageContext<'_>,
    ) -> Result<NamedCatalog, NamingError> {
        let factors: Vec<CatalogFactor> = catalog.factors().iter().filter(|f| is_computed(f)).cloned().collect();
        let plan = Plan {
            parts: factors.len(),
            per_request: self.factors_per_request,
            rest: Rest::Together,
            reasks: self.max_reasks,
        };
        let mut naming = Naming::new(task, &factors, ctx);
        let outcomes = ctx.ask_parts(plan, &mut naming).await;
        if naming.replies == 0
            && let Some(first) = outcomes.iter().position(Result::is_err)
        {
            let first = outcomes.into_iter().nth(first).and_then(Result::err);
            return Err(NamingError::Ask(first.unwrap_or(AskError::NoResult)));
        }
        let id = |place: usize| factors.get(place).map(CatalogFactor::id);
        let (mut said, mut unanswered): (Vec<(FactorId, Proposed)>, Vec<Unanswered>) = Default::default();
        for (factor, outcome) in factors.iter().zip(outcomes) {
            match outcome {
                Ok(proposed) => said.push((factor.id().clone(), proposed)),
                Err(error) => unanswered.push(Unanswered { factor: factor.id().clone(), error }),
            }
        }
        let mut applied = Applied::new(catalog, task, &self.evidence);
        for (one, other) in naming.merges.iter().filter_map(|(a, b)| Some((id(*a)?, id(*b)?))) {
            applied.merge(one, other);
        }
        for (factor, split) in naming.splits.iter().filter_map(|split| Some((id(split.factor)?, split))) {
            applied.split(factor, split);
        }
        for (first, is_split) in &naming.unknown {
            let Some(first) = id(*first) else { continue };
            let proposal = if *is_split { Proposal::Split } else { Proposal::Merge(first.clone()) };
            applied.refuse(first, proposal, RefusedFor::Unknown);
        }
        applied.name(&said);
        let made = applied.catalog().map_err(NamingError::Catalog)?;
        let Applied { changes, described, kept, refused, .. } = applied;
        Ok(NamedCatalog { catalog: made, changes, described, kept, refused, unanswered, usage: ctx.ledger().report() })
    }
}

/// True for a factor that was computed from texts; one that a host wrote has no counts.
fn is_computed(factor: &CatalogFactor) -> bool {
    factor.texts().is_some() && !factor.terms().is_empty()
}

impl fmt::Debug for CatalogNamer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogNamer")
            .field("texts", &self.evidence.len())
            .field("factors_per_request", &self.factors_per_request)
            .field("max_reasks", &self.max_reasks)
            .finish()
    }
}
