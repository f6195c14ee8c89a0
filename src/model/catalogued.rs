//! The factors of a catalog in a user model, and following a catalog to its next version.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::catalog::{Catalog, CatalogFactor};
use crate::data::grouping::FittedFactor;
use crate::data::{EditRecord, FactorId, FactorSet, Feature, FeatureKey, MemoryItem};
use crate::stats::Finder;

use super::UserModel;

/// The groups of a catalog's factors that these items have.
pub(crate) fn catalog_groups(catalog: &Catalog, items: &[MemoryItem]) -> Vec<FittedFactor> {
    let keys: BTreeSet<FeatureKey> = items.iter().flat_map(MemoryItem::features).map(Feature::key).collect();
    keys.iter().filter_map(|key| catalog.named(key)).map(group).collect()
}

fn group(factor: &CatalogFactor) -> FittedFactor {
    let (id, label, description) = (factor.id().clone(), factor.label().to_owned(), factor.told());
    FittedFactor { id, label, description, features: BTreeSet::from([factor.key()]) }
}

/// Finds the factors of a catalog that a user set aside, by their terms.
pub(crate) fn finder(catalog: &Arc<Catalog>, set_aside: &FactorSet) -> Option<Arc<Finder>> {
    let muted: BTreeSet<FactorId> = set_aside.iter().map(|factor| factor.id().clone()).collect();
    if !catalog.factors().iter().any(|factor| muted.contains(factor.id())) {
        return None;
    }
    let catalog = Arc::clone(catalog);
    Some(Arc::new(move |text: &str| {
        let found = catalog.assign(text).into_iter().filter(|found| muted.contains(found.factor.id()));
        found.map(|found| (found.factor.key(), found.spans)).collect()
    }))
}

impl UserModel {
    /// Follows a catalog to this version, or takes a first one in: each past query gets the features of the factors that
    /// stand in it now, in place of those of another version. No model is asked, so of the factors that a model found without
    /// their terms only a new [`learn`](crate::RpmPipeline::learn) tells.
    ///
    /// Edits hold on. What was said of a factor that was renamed is said of it; of one that was merged or split, of what it
    /// became; of one that was dropped, of the user's own factors that it had taken in. A path that cites a feature which
    /// is gone is written again when it is needed. The revision grows by one.
    ///
    /// ```
    /// use rpm_core::catalog::Catalog;
    /// use rpm_core::{Edit, History, Interaction, Query, ResponseSpace, RpmPipeline, Task};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// # let task = Task::new("How would this person rate the film?", ResponseSpace::scale(1, 5)?)?;
    /// # let history = History::new(&task, "ana", [Interaction::new("a", Query::new("Two car chases.")?, "2")?])?;
    /// let first = Catalog::of(["car chase", "slow pace"])?;
    /// let pipeline = RpmPipeline::offline_builder(task).catalog(first.clone()).build()?;
    /// let mut ana = pipeline.learn(&history).await?.model;
    /// let chases = first.factors()[0].id().clone();
    /// ana.edit(Edit::Mute { factor: chases.clone() })?;
    ///
    /// let second = first.renamed(&chases, "chases")?;
    /// ana.move_to(&second);
    /// assert_eq!(ana.provenance().catalog, second.mark());
    /// assert!(ana.factors().get(&chases).is_none());
    /// # Ok(())
    /// # }
    /// # pollster::block_on(example()).unwrap();
    /// ```
    pub fn move_to(&mut self, catalog: &Catalog) {
        let of_catalog = |group: &&FittedFactor| catalog.has_known(&group.id);
        let old: BTreeSet<FeatureKey> =
            self.grouping.fitted.iter().filter(of_catalog).flat_map(|group| group.features.clone()).collect();
        for item in self.memory.items_mut() {
            *item = moved(item, catalog, &old);
        }
        self.grouping.fitted.retain(|group| !of_catalog(&group));
        self.grouping.take_in(catalog_groups(catalog, self.memory.items()));
        for record in &mut self.edits {
            anchor(record, catalog);
        }
        self.provenance.catalog = catalog.mark();
        self.rebuild();
        self.revision = self.revision.saturating_add(1);
    }
}

/// An item with the features of the factors that stand in it, without those of another version.
fn moved(item: &MemoryItem, catalog: &Catalog, old: &BTreeSet<FeatureKey>) -> MemoryItem {
    // A feature that is called what its words say may be the extractor's own, and is still true.
    let stands = |feature: &Feature| FeatureKey::of(feature.context(item.query())) == feature.key();
    let mut moved = item.only(|feature| !old.contains(&feature.key()) || stands(feature));
    let known: BTreeSet<FeatureKey> = moved.features().iter().map(Feature::key).collect();
    let found = catalog.assign(item.query().text());
    let new = found.iter().filter(|found| !known.contains(&found.factor.key()));
    let features: Vec<Feature> =
        new.filter_map(|found| Feature::new(item.query(), found.factor.label(), found.span()).ok()).collect();
    moved.take_in(features);
    moved
}

/// Lets an edit find what became of the catalog's factors that it names.
fn anchor(record: &mut EditRecord, catalog: &Catalog) {
    let named: Vec<_> = record.edit.factors().into_iter().cloned().collect();
    for id in named {
        let now: Vec<FeatureKey> = catalog.successors(&id).into_iter().map(CatalogFactor::key).collect();
        if !now.is_empty() {
            record.anchors.entry(id).or_default().extend(now);
        }
    }
}
