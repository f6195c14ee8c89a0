//! The factors of a catalog among those of a user.

use std::borrow::Cow;

use crate::catalog::Catalog;
use crate::data::grouping::FittedFactor;
use crate::data::{Feature, MemoryItem};
use crate::model::catalog_groups;

use super::RpmPipeline;

impl RpmPipeline {
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
