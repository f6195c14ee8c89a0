//! The past interactions that a retriever finds, without a model.

use std::sync::Arc;

use rpm_core::context::StageContext;
use rpm_core::data::{AssignedFeature, History, Interaction, MemoryItem, Query, ReasoningMemory};
use rpm_core::extract::{ExtractionRequest, LexicalExtractor};
use rpm_core::factor::{AssignRequest, FactorModel, FactorNames, SimilarityFactorModel};
use rpm_core::llm::{BoxError, Ledger};
use rpm_core::pipeline::{Prepared, RpmPipeline};
use rpm_core::prompt::PromptSet;
use rpm_core::retrieve::{MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, Retriever};

use super::{Bench, MethodError};

/// Finds interactions in a user's history by a retriever, without a model: alone, or with the features, factors and
/// statistics that [`RpmPipeline::offline`] learns of it.
pub(super) struct Near {
    index: Box<dyn MemoryIndex>,
    known: Known,
}

enum Known {
    Texts(ReasoningMemory),
    Features { user: Box<Prepared>, names: FactorNames },
}

impl Near {
    /// For a retriever that compares texts.
    pub(super) async fn texts(history: &History, retriever: Arc<dyn Retriever>) -> Result<Self, MethodError> {
        let memory = bare_memory(history)?;
        let index = opened(&*retriever, MemoryView::new(&memory)).await?;
        Ok(Self { index, known: Known::Texts(memory) })
    }

    /// For a retriever that compares features.
    pub(super) async fn features(
        history: &History,
        retriever: Arc<dyn Retriever>,
        bench: &Bench<'_>,
    ) -> Result<Self, MethodError> {
        let pipeline = RpmPipeline::offline(bench.task.clone());
        let user = pipeline.open(pipeline.learn(history).await?.model).await?;
        let view = MemoryView::new(user.model().memory()).factors(user.model().factors());
        let index = opened(&*retriever, view).await?;
        Ok(Self { index, known: Known::Features { user: Box::new(user), names: FactorNames::default() } })
    }

    /// At most `k` interactions with their similarity, the best first.
    pub(super) async fn first(&self, query: &Query, k: usize) -> Result<Vec<(&Interaction, f64)>, MethodError> {
        let (prompts, ledger) = (PromptSet::default(), Ledger::new());
        let ctx = StageContext::offline(&prompts, &ledger);
        let (memory, found) = match &self.known {
            Known::Texts(memory) => (memory, self.index.rank(RetrievalRequest::new(memory, query, &[], k), &ctx).await),
            Known::Features { user, names } => {
                (user.model().memory(), self.among_features(user, names, query, k, &ctx).await?)
            }
        };
        let found = found.map_err(|error| MethodError::Other(error.into()))?;
        let item = |hit: Retrieved| Some((memory.items().get(hit.position)?.interaction(), hit.similarity));
        Ok(found.into_iter().filter_map(item).collect())
    }

    /// As the pipeline does it: the query's features, their factors, the user's statistics.
    async fn among_features(
        &self,
        user: &Prepared,
        names: &FactorNames,
        query: &Query,
        k: usize,
        ctx: &StageContext<'_>,
    ) -> Result<Result<Vec<Retrieved>, RetrieveError>, MethodError> {
        let (model, beliefs) = (user.model(), user.beliefs());
        let seen = ExtractionRequest::new(model.task(), "query", query).knowing(model.factors());
        let features = LexicalExtractor::default().read(&seen.past(model.memory().items())).features;
        let assign = AssignRequest::new(model.factors(), query, &features, names);
        let factors = SimilarityFactorModel::default().assign(assign, ctx).await;
        let factors = factors.map_err(|error| MethodError::Other(BoxError::from(error)))?;
        let pairs = features.into_iter().zip(factors);
        let features: Vec<AssignedFeature> =
            pairs.map(|(known, factor)| AssignedFeature { feature: known.feature, factor }).collect();
        let request = RetrievalRequest::new(model.memory(), query, &features, k).beliefs(&beliefs);
        Ok(self.index.rank(request, ctx).await)
    }
}

/// The interactions of a history, without features.
pub(super) fn bare_memory(history: &History) -> Result<ReasoningMemory, MethodError> {
    let item = |interaction: &Interaction| MemoryItem::new(interaction.clone(), Vec::new());
    let items: Result<Vec<_>, _> = history.interactions().iter().map(item).collect();
    Ok(ReasoningMemory::new(items.map_err(|error| MethodError::Other(error.into()))?))
}

/// A retriever's index of a memory.
pub(super) async fn opened(
    retriever: &dyn Retriever,
    view: MemoryView<'_>,
) -> Result<Box<dyn MemoryIndex>, MethodError> {
    let (prompts, ledger) = (PromptSet::default(), Ledger::new());
    let index = retriever.open(view, &[], &StageContext::offline(&prompts, &ledger)).await;
    index.map_err(|error| MethodError::Other(BoxError::from(error)))
}
