//! A retriever that compares whole texts instead of features.

use async_trait::async_trait;

use rpm_core::context::StageContext;
use rpm_core::data::{AssignedFeature, Feature, MemoryItem, Query, ReasoningMemory, Span};
use rpm_core::retrieve::{MemoryIndex, MemoryView, RetrievalRequest, RetrieveError, Retrieved, Retriever, SavedIndex};

/// Shows a retriever the text of every query instead of its features: one feature that spans it all, with a name that
/// is no word to search for. So any retriever can be asked what raw texts find, as retrieval augmentation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WholeText<R>(
    /// The retriever.
    pub R,
);

fn whole(query: &Query) -> Result<Feature, RetrieveError> {
    let span = Span { start: 0, end: query.text().len() };
    Feature::new(query, "the", span).map_err(|error| RetrieveError::Other(error.into()))
}

fn memory_of(memory: &ReasoningMemory) -> Result<ReasoningMemory, RetrieveError> {
    let item = |item: &MemoryItem| {
        let feature = whole(item.query())?;
        MemoryItem::new(item.interaction().clone(), vec![feature]).map_err(|e| RetrieveError::Other(e.into()))
    };
    Ok(ReasoningMemory::new(memory.items().iter().map(item).collect::<Result<Vec<_>, _>>()?))
}

#[async_trait]
impl<R: Retriever> Retriever for WholeText<R> {
    async fn open(
        &self,
        view: MemoryView<'_>,
        _: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Box<dyn MemoryIndex>, RetrieveError> {
        let memory = memory_of(view.memory)?;
        let index = self.0.open(MemoryView::new(&memory), &[], ctx).await?;
        Ok(Box::new(OfWholeTexts { memory, index }))
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}

/// The index over the whole texts of a memory.
struct OfWholeTexts {
    memory: ReasoningMemory,
    index: Box<dyn MemoryIndex>,
}

#[async_trait]
impl MemoryIndex for OfWholeTexts {
    async fn rank(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let features = [AssignedFeature::unknown(whole(request.query)?)];
        self.index.rank(RetrievalRequest::new(&self.memory, request.query, &features, request.k), ctx).await
    }
}
