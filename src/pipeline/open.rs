//! Opening a user model for answering, and packing an open one.

use std::sync::Arc;

use crate::model::UserModel;
use crate::model::{PackedError, PackedModel};
use crate::retrieve::SavedIndex;

use super::{Error, Prepared, RpmPipeline};

impl RpmPipeline {
    /// Opens a user model for answering: computes, or has the embedder compute, the retriever's index. Statistics and
    /// estimator are computed when they are first needed, and kept.
    ///
    /// Open a model once and answer from it many times; a clone of what is opened costs a few pointers.
    ///
    /// # Errors
    /// [`Error::OtherTask`]; [`Error::Retrieve`] when the index cannot be made, as when an embedder fails.
    ///
    /// # Cancellation
    /// Dropping the future stops; nothing is kept.
    pub async fn open(&self, model: impl Into<Arc<UserModel>>) -> Result<Prepared, Error> {
        let model = model.into();
        self.check_task(&model)?;
        self.open_with(self.prepared(model), &[]).await
    }

    /// A model beside what the pipeline's users share, of which nothing is computed yet.
    pub(super) fn prepared(&self, model: Arc<UserModel>) -> Prepared {
        Prepared::new(model, self.catalog.clone(), self.population.clone())
    }

    async fn open_with(&self, prepared: Prepared, saved: &[SavedIndex]) -> Result<Prepared, Error> {
        let ledger = self.ledger_on(&prepared);
        prepared.index(&*self.retriever, saved, &self.context(&ledger)).await.map_err(Error::of_retrieve)?;
        Ok(prepared)
    }

    /// Packs an open user model with its index.
    ///
    /// # Errors
    /// [`Error::Retrieve`] when the index is not open and cannot be made; [`Error::Packed`].
    pub async fn pack(&self, prepared: &Prepared) -> Result<PackedModel, Error> {
        let ledger = self.ledger_on(prepared);
        let index = prepared.index(&*self.retriever, &[], &self.context(&ledger)).await;
        let indexes = index.map_err(Error::of_retrieve)?.bytes();
        let packed = PackedModel::pack(prepared.model())?;
        Ok(indexes.iter().fold(packed, |packed, saved| packed.with_index(saved.name(), saved.bytes().to_vec())))
    }

    /// Opens the user model of a packed file, with every index in it that is of this pipeline's retriever. What was packed
    /// by another retriever, or with another embedder, is left out and made anew.
    ///
    /// # Errors
    /// [`Error::Packed`]; [`Error::OtherTask`]; [`Error::Retrieve`] for an index that is damaged or of another number of
    /// items, or one that cannot be made.
    pub async fn unpack(&self, packed: &PackedModel) -> Result<Prepared, Error> {
        let model = packed.model()?;
        let saved: Vec<SavedIndex> =
            packed.indexes().map(|(name, bytes)| SavedIndex::new(name, bytes.to_vec())).collect();
        self.check_task(&model)?;
        let drifts = packed.drifts(&model)?;
        self.open_with(self.prepared(Arc::new(model)).knowing(drifts), &saved).await
    }

    /// Refuses a user model of another task.
    pub(super) fn check_task(&self, model: &UserModel) -> Result<(), Error> {
        if model.task() == &self.task { Ok(()) } else { Err(Error::OtherTask) }
    }
}

impl From<PackedError> for Error {
    fn from(error: PackedError) -> Self {
        Self::Packed(Box::new(error))
    }
}
