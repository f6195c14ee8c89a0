use async_trait::async_trait;

use rpm_core::data::{AssignedFeature, Feature, MemoryItem, Query, ReasoningMemory, Span};
use rpm_core::prompt::StageContext;
use rpm_core::retrieve::{RetrievalRequest, RetrieveError, Retrieved, Retriever};

/// Shows a retriever the text of every query instead of its features: one feature that spans it all, with a name that is no
/// word to search for. So any retriever can be asked what raw texts find, as retrieval augmentation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WholeText<R>(
    /// The retriever.
    pub R,
);

/// Under this name the memory of whole texts is kept with the memory it is of.
const READY: &str = "whole text";

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
    async fn retrieve(
        &self,
        request: RetrievalRequest<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Vec<Retrieved>, RetrieveError> {
        let memory = match request.memory.ready::<ReasoningMemory>(READY) {
            Some(memory) => memory,
            None => {
                let memory = memory_of(request.memory)?;
                request.memory.derived(READY, |_| memory)
            }
        };
        let features = [AssignedFeature::unknown(whole(request.query)?)];
        self.0.retrieve(RetrievalRequest::new(&memory, request.query, &features, request.k), ctx).await
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}
