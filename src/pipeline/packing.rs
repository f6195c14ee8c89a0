use crate::data::UserModel;
use crate::packed::{PackedError, PackedModel};

use super::{Error, RpmPipeline};

impl RpmPipeline {
    /// Packs a user model with the indexes of this pipeline's retriever, which are computed when they are not ready.
    ///
    /// # Errors
    /// [`Error::Retrieve`] when one cannot be computed, as when an embedder fails; [`Error::Packed`].
    pub async fn pack(&self, model: &UserModel) -> Result<PackedModel, Error> {
        let ledger = self.ledger();
        let indexes = self.retriever.pack(model.memory(), &self.context(&ledger)).await;
        let indexes = indexes.map_err(|error| Error::Retrieve(Box::new(error)))?;
        let packed = PackedModel::pack(model)?;
        Ok(indexes.into_iter().fold(packed, |packed, (name, bytes)| packed.with_index(&name, bytes)))
    }

    /// The user model of a packed file, with every index in it that is of this pipeline's retriever. What was packed by
    /// another retriever, or with another embedder, is left out and computed on first use.
    ///
    /// # Errors
    /// [`Error::Packed`]; [`Error::Retrieve`] for an index that is none, or of another number of items.
    pub fn unpack(&self, packed: &PackedModel) -> Result<UserModel, Error> {
        let model = packed.model()?;
        for (name, bytes) in packed.indexes() {
            let taken = self.retriever.unpack(model.memory(), name, bytes);
            taken.map_err(|error| Error::Retrieve(Box::new(error)))?;
        }
        Ok(model)
    }
}

impl From<PackedError> for Error {
    fn from(error: PackedError) -> Self {
        Self::Packed(Box::new(error))
    }
}
