//! Writes the reasoning path of a past interaction (paper: *r*_q), and checks it.
//!
//! [`PathWriter`] is the seam. [`PromptedPathWriter`] asks a model; [`ComposedPathWriter`] composes the path from the
//! statistics.
//!
//! Guide: [the method](crate::guide::method).

mod composed;
mod prompted;
mod reading;
mod removal;
mod supports;

use std::fmt;

use async_trait::async_trait;

use crate::context::StageContext;
use crate::data::{MemoryItem, PathError, ReasoningPath, Task};
use crate::llm::AskError;
use crate::stats::Beliefs;

pub use composed::ComposedPathWriter;
pub(crate) use composed::{claims_support, compose, compose_supported, compose_title, item_path};
pub use prompted::PromptedPathWriter;
pub(crate) use reading::{STEP_CHARS, read_steps, read_why, response_text, steps_schema};
pub(crate) use removal::{Removal, Without};
pub(crate) use supports::{Supports, supports};

/// Writes how features and factors led to past responses.
///
/// # What to implement
/// [`write`](Self::write); override [`write_batch`](Self::write_batch) when several paths are cheaper together.
///
/// # Contract
/// - A path has passed [`ReasoningPath::new`] over the item's features and leads to the item's response.
/// - The batch has one result per item, in their order.
#[async_trait]
pub trait PathWriter: Send + Sync {
    /// Writes one path.
    ///
    /// # Errors
    /// [`WriteError`]; the pipeline then composes the path from the statistics and reports it.
    async fn write(&self, request: PathRequest<'_>, ctx: &StageContext<'_>) -> Result<ReasoningPath, WriteError>;

    /// Writes several paths, one result each, in their order. The default takes one after another.
    async fn write_batch(
        &self,
        requests: &[PathRequest<'_>],
        ctx: &StageContext<'_>,
    ) -> Vec<Result<ReasoningPath, WriteError>> {
        let mut results = Vec::with_capacity(requests.len());
        for request in requests {
            results.push(self.write(*request, ctx).await);
        }
        results
    }

    /// True when it asks a model, so that a pipeline without a backend is refused when it is built.
    fn needs_backend(&self) -> bool {
        false
    }

    /// True when its paths follow from the statistics, so that none is kept: they are composed when they are needed,
    /// from the statistics as they are then.
    fn follows_from_statistics(&self) -> bool {
        false
    }

    /// A name for logs and [provenance](crate::model::Provenance).
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

/// A past interaction whose path is to be written.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct PathRequest<'a> {
    /// The task.
    pub task: &'a Task,
    /// The interaction with its features.
    pub item: &'a MemoryItem,
    /// The user's statistics.
    pub beliefs: &'a Beliefs<'a>,
    /// All past interactions, from which the factors were learned. A request that shows factors names those it was seen
    /// in in [`CompletionRequest::about`](crate::CompletionRequest::about). Empty unless [`past`](Self::past) says so.
    pub past: &'a [MemoryItem],
}

impl<'a> PathRequest<'a> {
    /// A request for the path of one item.
    pub fn new(task: &'a Task, item: &'a MemoryItem, beliefs: &'a Beliefs<'a>) -> Self {
        Self { task, item, beliefs, past: &[] }
    }

    /// Says which past interactions the factors were learned from.
    #[must_use]
    pub fn past(mut self, items: &'a [MemoryItem]) -> Self {
        self.past = items;
        self
    }
}

impl fmt::Debug for PathRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PathRequest").field("item", self.item.id()).finish_non_exhaustive()
    }
}

/// Why a path was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The model gave no usable path.
    #[error("the model gave no usable path")]
    Ask(#[from] AskError),
    /// The path cites what is not there.
    #[error("the path failed its check")]
    Unsound(#[from] PathError),
    /// A host's own writer failed.
    #[error("the path writer failed")]
    Other(#[source] crate::llm::BoxError),
}
