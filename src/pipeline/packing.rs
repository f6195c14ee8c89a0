use crate::data::UserModel;
use crate::packed::{PackedError, PackedModel};

use super::{Error, RpmPipeline};

impl RpmPipeline {
    /// Packs a user model with the index of this pipeline's retriever, which is computed when it is not ready.
    ///
    /// # Errors
    /// [`Error::Retrieve`] when the index cannot be computed, as when an embedder fails; [`Error::Packed`].
    pub async fn pack(&self, model: &UserModel) -> Result<PackedModel, Error> {
        let ledger = self.ledger();
        let index = self.retriever.pack(model.memory(), &self.context(&ledger)).await;
        let packed = PackedModel::pack(model)?;
        Ok(match index.map_err(|error| Error::Retrieve(Box::new(error)))? {
            Some((name, bytes)) => packed.with_index(&name, bytes),
            None => packed,
        })
    }

    /// The user model of a packed file, with every index in it that is of this pipeline's retriever. What was packed by
    /// another retriever, or with another embedder, is left out and computed on first use.
    ///
    /// # Errors
    /// [`Error::Packed`]; [`Error::Retrieve`] for an index that is not one of this memory.
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
