//! The factors of a catalog among those of a user.

use std::borrow::Cow;

use crate::catalog::{Catalog, CatalogNamer, NamedCatalog, NamingError};
use crate::data::grouping::FittedFactor;
use crate::data::{Feature, MemoryItem};
use crate::model::catalog_groups;
use crate::operation::Operation;

use super::RpmPipeline;

impl RpmPipeline {
    /// Has this pipeline's model name the factors of a computed catalog, within its budget and under its redaction hook; the
    /// model is that of [`Stage::Group`](crate::llm::Stage::Group). [`CatalogNamer`] has an example.
    ///
    /// The pipeline itself keeps the catalog it has: give the named one to
    /// [`RpmPipelineBuilder::catalog`](crate::RpmPipelineBuilder::catalog), and move stored models by
    /// [`UserModel::move_to`](crate::UserModel::move_to). A catalog that a host wrote by hand has nothing to be named: no model is
    /// asked.
    ///
    /// # Errors
    /// As for [`CatalogNamer::name`].
    ///
    /// # Cancellation
    /// Dropping the future stops; the catalog is as it was.
    pub async fn name_catalog(&self, catalog: &Catalog, namer: &CatalogNamer) -> Result<NamedCatalog, NamingError> {
        let ledger = self.ledger();
        let ctx = self.context(&ledger);
        Operation::named("name_catalog").on(&ledger).run(namer.name(catalog, &self.task, &ctx)).await
    }

    /// The groups of the catalog's factors that these items have.
    pub(super) fn catalog_groups(&self, items: &[MemoryItem]) -> Vec<FittedFactor> {
        self.catalog.as_deref().map(|catalog| catalog_groups(catalog, items)).unwrap_or_default()
    }

    /// The items as a factor model sees them: without the features that the catalog groups.
    pub(super) fn ungrouped<'i>(&self, items: &'i [MemoryItem]) -> Cow<'i, [MemoryItem]> {
        let Some(catalog) = &self.catalog else { return Cow::Borrowed(items) };
        let own = |feature: &Feature| catalog.named(&feature.key()).is_none();
        Cow::Owned(items.iter().map(|item| item.only(own)).collect())
    }

    /// The words of the catalog that may stand in a user model.
    pub(super) fn catalog_texts(&self) -> Vec<String> {
        let factors = self.catalog.as_deref().map(Catalog::factors).unwrap_or_default();
        factors.iter().flat_map(|factor| [factor.label().to_owned(), factor.told()]).collect()
    }

    /// What a user model notes of the catalog.
    pub(super) fn catalog_mark(&self) -> String {
        self.catalog.as_deref().map(Catalog::mark).unwrap_or_default()
    }
}
