//! An index that is opened when it is first needed, and follows its memory.

use std::sync::{Arc, OnceLock};

use crate::context::StageContext;
use crate::data::MemoryChange;

use super::{Applied, MemoryIndex, MemoryView, RetrieveError, Retriever, SavedIndex};

/// The index of one retriever over one memory, once it was opened. Clones share it until one of them changes.
#[derive(Clone, Default)]
pub(crate) struct KeptIndex(Arc<OnceLock<Arc<dyn MemoryIndex>>>);

impl KeptIndex {
    /// The index, opened now if it is not open yet.
    pub(crate) async fn get(
        &self,
        retriever: &dyn Retriever,
        view: MemoryView<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<Arc<dyn MemoryIndex>, RetrieveError> {
        self.open(retriever, view, &[], ctx).await
    }

    /// The index, opened now if it is not open yet, from a saved one where there is one.
    pub(crate) async fn open(
        &self,
        retriever: &dyn Retriever,
        view: MemoryView<'_>,
        saved: &[SavedIndex],
        ctx: &StageContext<'_>,
    ) -> Result<Arc<dyn MemoryIndex>, RetrieveError> {
        if let Some(index) = self.0.get() {
            return Ok(Arc::clone(index));
        }
        let opened = Arc::from(retriever.open(view, saved, ctx).await?);
        // Two that open at once both find one of the two.
        Ok(Arc::clone(self.0.get_or_init(|| opened)))
    }

    /// Brings an open index up to date. One that cannot follow is dropped, and opened anew when it is next needed.
    pub(crate) async fn apply(
        &mut self,
        change: &MemoryChange,
        view: MemoryView<'_>,
        ctx: &StageContext<'_>,
    ) -> Result<(), RetrieveError> {
        let index = match Arc::try_unwrap(std::mem::take(&mut self.0)) {
            Ok(own) => own.into_inner(),
            Err(shared) => shared.get().cloned(),
        };
        let Some(mut own) = index.and_then(owned) else { return Ok(()) };
        if let Some(index) = Arc::get_mut(&mut own)
            && index.apply(change, view, ctx).await? == Applied::UpToDate
        {
            self.0 = Arc::new(OnceLock::from(own));
        }
        Ok(())
    }

    /// The index as bytes, if it is open.
    pub(crate) fn bytes(&self) -> Vec<SavedIndex> {
        self.0.get().map(|index| index.bytes()).unwrap_or_default()
    }

    /// A copy to be changed while this one goes on.
    pub(crate) fn copied(&self) -> Self {
        let copy = self.0.get().and_then(|index| index.copied());
        Self(Arc::new(copy.map(|copy| OnceLock::from(Arc::from(copy))).unwrap_or_default()))
    }
}

/// An index that nobody else holds: this one, or a copy where it can be copied.
fn owned(mut index: Arc<dyn MemoryIndex>) -> Option<Arc<dyn MemoryIndex>> {
    if Arc::get_mut(&mut index).is_some() {
        return Some(index);
    }
    index.copied().map(Arc::from)
}
