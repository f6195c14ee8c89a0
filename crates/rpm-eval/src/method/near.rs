use std::sync::Arc;

use rpm_core::data::{AssignedFeature, History, Interaction, MemoryItem, Query, ReasoningMemory, UserModel};
use rpm_core::extract::{ExtractionRequest, LexicalExtractor};
use rpm_core::factor::{FactorModel, SimilarityFactorModel};
use rpm_core::llm::{BoxError, Ledger};
use rpm_core::pipeline::RpmPipeline;
use rpm_core::prompt::{PromptSet, StageContext};
use rpm_core::retrieve::{RetrievalRequest, RetrieveError, Retrieved, Retriever};
use rpm_core::stats::Beliefs;

use super::{Bench, MethodError};

/// What a retriever finds in a user's history, without a model: alone, or with the features, factors and statistics that
/// [`RpmPipeline::offline`] learns of it.
pub(super) struct Near {
    retriever: Arc<dyn Retriever>,
    known: Known,
}

enum Known {
    Texts(ReasoningMemory),
    Features(Box<UserModel>),
}

impl Near {
    /// For a retriever that compares texts.
    pub(super) fn texts(history: &History, retriever: Arc<dyn Retriever>) -> Result<Self, MethodError> {
        let item = |interaction: &Interaction| MemoryItem::new(interaction.clone(), Vec::new());
        let items: Result<Vec<_>, _> = history.interactions().iter().map(item).collect();
        let memory = ReasoningMemory::new(items.map_err(|error| MethodError::Other(error.into()))?);
        Ok(Self { retriever, known: Known::Texts(memory) })
    }

    /// For a retriever that compares features.
    pub(super) async fn features(
        history: &History,
        retriever: Arc<dyn Retriever>,
        bench: &Bench<'_>,
    ) -> Result<Self, MethodError> {
        let model = RpmPipeline::offline(bench.task.clone()).learn(history).await?.model;
        Ok(Self { retriever, known: Known::Features(Box::new(model)) })
    }

    /// At most `k` interactions with their similarity, the best first.
    pub(super) async fn first(&self, query: &Query, k: usize) -> Result<Vec<(&Interaction, f64)>, MethodError> {
        let (prompts, ledger) = (PromptSet::default(), Ledger::new());
        let ctx = StageContext::offline(&prompts, &ledger);
        let (memory, found) = match &self.known {
            Known::Texts(memory) => {
                (memory, self.retriever.retrieve(RetrievalRequest::new(memory, query, &[], k), &ctx).await)
            }
            Known::Features(model) => (model.memory(), self.among_features(model, query, k, &ctx).await?),
        };
        let found = found.map_err(|error| MethodError::Other(error.into()))?;
        let item = |hit: Retrieved| Some((memory.items().get(hit.position)?.interaction(), hit.similarity));
        Ok(found.into_iter().filter_map(item).collect())
    }

    /// As the pipeline does it: the query's features, their factors, the user's statistics.
    async fn among_features(
        &self,
        model: &UserModel,
        query: &Query,
        k: usize,
        ctx: &StageContext<'_>,
    ) -> Result<Result<Vec<Retrieved>, RetrieveError>, MethodError> {
        let seen =
            ExtractionRequest::new(model.task(), "query", query).knowing(model.factors()).past(model.memory().items());
        let features = LexicalExtractor::default().read(&seen).features;
        let factors = SimilarityFactorModel::default().assign(model.factors(), &features, query, ctx).await;
        let factors = factors.map_err(|error| MethodError::Other(BoxError::from(error)))?;
        let pairs = features.into_iter().zip(factors);
        let features: Vec<AssignedFeature> =
            pairs.map(|(known, factor)| AssignedFeature { feature: known.feature, factor }).collect();
        let beliefs = Beliefs::of(model);
        let request = RetrievalRequest::new(model.memory(), query, &features, k).beliefs(&beliefs);
        Ok(self.retriever.retrieve(request, ctx).await)
    }
}
